//! The merchant's settings.

use runtime::ids::{MerchantId, ShopId};
use serde::{Deserialize, Serialize};

use crate::error::PerformanceError;

/// A shop (店铺).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shop {
    /// The id.
    pub id: ShopId,
    /// The name.
    pub name: String,
}

/// What may be set about a merchant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// The name.
    pub name: String,
    /// IANA name of the zone whose days are business days.
    pub time_zone: String,
    /// The hour at which a business day begins.
    pub cut_over_hour: u8,
    /// Ordered by id.
    pub shops: Vec<Shop>,
}

/// The tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merchant {
    /// The id, as tokens carry it.
    pub id: MerchantId,
    /// Its settings.
    pub settings: Settings,
    /// Grows by one with each change; 0 while nobody has set anything.
    pub version: i64,
}

impl Merchant {
    /// A merchant that nobody has set up: Chinese days from midnight on, called by its id.
    pub fn unset(id: MerchantId) -> Self {
        let calendar = calendar::MerchantCalendar::default();
        let settings = Settings {
            name: id.to_string(),
            time_zone: calendar.zone_name().to_owned(),
            cut_over_hour: calendar.cut_over_hour(),
            shops: vec![],
        };
        Self { id, settings, version: 0 }
    }

    /// The etag that an edit has to quote.
    pub fn etag(&self) -> String {
        self.version.to_string()
    }

    /// Replaces the settings. Where days begin is said once: what was counted by one zone can't be told from what is
    /// counted by another.
    pub fn revise(self, mut settings: Settings) -> Result<Self, PerformanceError> {
        let (before, after) = (self.calendar()?, calendar_of(&settings)?);
        let moves =
            before.zone_name() != after.zone_name() || before.cut_over_hour() != after.cut_over_hour();
        if self.version > 0 && moves {
            return Err(PerformanceError::ZoneFixed);
        }
        settings.shops.sort_by(|a, b| a.id.cmp(&b.id));
        if let Some(twice) = settings.shops.windows(2).find(|pair| pair[0].id == pair[1].id) {
            return Err(PerformanceError::invalid("shops", format!("shop {} is listed twice", twice[0].id)));
        }
        Ok(Self { settings, ..self })
    }

    /// How the merchant counts days.
    pub fn calendar(&self) -> Result<calendar::MerchantCalendar, PerformanceError> {
        calendar_of(&self.settings)
    }
}

fn calendar_of(settings: &Settings) -> Result<calendar::MerchantCalendar, PerformanceError> {
    calendar::MerchantCalendar::new(&settings.time_zone, settings.cut_over_hour)
        .map_err(|error| PerformanceError::invalid("time_zone", error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Merchant::unset("m".into()).settings
    }

    fn shop(id: &str) -> Shop {
        Shop { id: id.into(), name: id.to_owned() }
    }

    #[test]
    fn a_merchant_begins_with_chinese_days() {
        assert_eq!((settings().time_zone.as_str(), settings().cut_over_hour), ("Asia/Shanghai", 0));
    }

    #[test]
    fn shops_are_kept_in_order_and_once() {
        let merchant = Merchant::unset("m".into());
        let two = Settings { shops: vec![shop("b"), shop("a")], ..settings() };
        let revised = merchant.clone().revise(two).expect("valid");
        assert_eq!(revised.settings.shops, [shop("a"), shop("b")]);
        let twice = Settings { shops: vec![shop("a"), shop("a")], ..settings() };
        assert!(
            matches!(merchant.revise(twice), Err(PerformanceError::Invalid { field, .. }) if field == "shops")
        );
    }

    #[test]
    fn days_begin_where_they_always_did() {
        let moved = Settings { cut_over_hour: 4, ..settings() };
        let set = Merchant { version: 1, ..Merchant::unset("m".into()) };
        assert!(matches!(set.clone().revise(moved.clone()), Err(PerformanceError::ZoneFixed)));
        assert!(set.revise(Settings { name: "another".to_owned(), ..settings() }).is_ok());
        assert!(Merchant::unset("m".into()).revise(moved).is_ok(), "nobody has said anything yet");
    }

    #[test]
    fn a_zone_that_does_not_exist_is_refused() {
        let nowhere = Settings { time_zone: "Asia/Nowhere".to_owned(), ..settings() };
        let refused = Merchant::unset("m".into()).revise(nowhere);
        assert!(matches!(refused, Err(PerformanceError::Invalid { field, .. }) if field == "time_zone"));
    }
}
