//! `loss_catalogues`: the versions of the reasons that merchants put.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::domain::lost_inquiry::LossError;
use crate::domain::lost_inquiry::catalogue::{Catalogue, Content};
use crate::error::MetricsError;
use crate::store::settings::Setting;

impl Setting for Catalogue {
    const TABLE: &'static str = "loss_catalogues";
    const KEY: &'static str = "loss_catalogues_pkey";
    const COLUMN: &'static str = "content";
    const ENTITY: &'static str = "loss_catalogue";
    type Content = Content;

    fn put(version: i32, content: Content, by: (String, DateTime<Utc>)) -> Self {
        Self { version, content, updated: Some(by) }
    }

    fn version(&self) -> i32 {
        self.version
    }

    fn content(&self) -> &Content {
        &self.content
    }

    fn told(&self) -> serde_json::Value {
        json!({ "version": self.version, "reasons": self.content.reasons.len() })
    }

    fn changed() -> MetricsError {
        LossError::CatalogueChanged.into()
    }
}
