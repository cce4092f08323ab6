//! What people write of an issue, and what that must be.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use proto::access::Role;
use serde::{Deserialize, Serialize};
use status::Violation;

use crate::domain::conversation::ConversationKey;

/// What is wrong with a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageFault {
    /// The page itself.
    Page,
    /// A price.
    Price,
    /// A link.
    Link,
    /// A picture.
    Picture,
}

/// What happens to a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StockTrouble {
    /// There is little left.
    RunningOut,
    /// 停产.
    Discontinued,
}

/// What an issue is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IssueKind {
    /// 页面纠错.
    PageError(PageFault),
    /// SOP执行.
    Process,
    /// Recommendations and scripts have to change.
    Stock(StockTrouble),
    /// 意见建议.
    Suggestion,
}

impl IssueKind {
    /// The name in rows.
    pub fn name(self) -> &'static str {
        match self {
            Self::PageError(_) => "page_error",
            Self::Process => "process",
            Self::Stock(_) => "stock",
            Self::Suggestion => "suggestion",
        }
    }
}

/// A script (话术) that has to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScriptChange {
    /// Its name.
    pub script: String,
    /// Whether it has.
    pub changed: bool,
}

/// What people write; texts are redacted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// What it is about.
    pub kind: IssueKind,
    /// In a line.
    pub title: String,
    /// In full.
    pub description: String,
    /// `None`: it is about no shop.
    pub shop: Option<String>,
    /// The page that is wrong.
    pub page_url: String,
    /// What it is about.
    pub products: Vec<String>,
    /// What to recommend instead.
    pub substitutes: Vec<String>,
    /// What has to change.
    pub scripts: Vec<ScriptChange>,
    /// Where it showed.
    pub conversations: Vec<ConversationKey>,
    /// Number of the role of the people who have to act.
    pub department: i32,
    /// Who acts.
    pub owner: Option<String>,
    /// The last day to solve it.
    pub due_day: Option<NaiveDate>,
}

impl Content {
    /// What is wrong, with the field of the request.
    pub fn check(&self) -> Result<(), Violation> {
        let wrong = |field: &str, description: &str| {
            let (field, description) = (format!("content.{field}"), description.to_owned());
            Err(Violation { field, description })
        };
        let is_page = matches!(self.kind, IssueKind::PageError(_));
        if !is_page && !self.page_url.is_empty() {
            return wrong("page_url", "must be empty unless a page is wrong");
        }
        if is_page && self.page_url.is_empty() && self.products.is_empty() {
            return wrong("page_url", "must say which page, or product_ids which product's");
        }
        if matches!(self.kind, IssueKind::Stock(_)) && self.products.is_empty() {
            return wrong("product_ids", "must name the product that runs out");
        }
        let mut scripts = BTreeSet::new();
        if !self.scripts.iter().all(|change| scripts.insert(&change.script)) {
            return wrong("scripts_to_change", "must not name a script twice");
        }
        if self.title.trim().is_empty() {
            return wrong("title", "must say something");
        }
        Ok(())
    }

    /// The role of those who have to act.
    pub fn role(&self) -> Role {
        Role::try_from(self.department).unwrap_or(Role::Unspecified)
    }
}

#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    pub fn content(kind: IssueKind) -> Content {
        Content {
            kind,
            title: "wrong price".to_owned(),
            description: String::new(),
            shop: None,
            page_url: String::new(),
            products: vec!["sku-1".to_owned()],
            substitutes: Vec::new(),
            scripts: Vec::new(),
            conversations: Vec::new(),
            department: Role::Operations.into(),
            owner: Some("p2".to_owned()),
            due_day: NaiveDate::from_ymd_opt(2020, 6, 5),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::content;
    use super::*;

    #[test]
    fn content_that_says_too_little_is_refused_with_its_field() {
        let field = |content: Content| content.check().expect_err("is refused").field;
        let base = || content(IssueKind::PageError(PageFault::Link));
        base().check().expect("names a product");
        assert_eq!(field(Content { products: Vec::new(), ..base() }), "content.page_url");
        assert_eq!(
            field(Content { page_url: "x".to_owned(), ..content(IssueKind::Process) }),
            "content.page_url"
        );
        let stock = content(IssueKind::Stock(StockTrouble::RunningOut));
        assert_eq!(field(Content { products: Vec::new(), ..stock }), "content.product_ids");
        let script = ScriptChange { script: "s".to_owned(), changed: false };
        let twice = Content { scripts: vec![script.clone(), script], ..base() };
        assert_eq!(field(twice), "content.scripts_to_change");
        assert_eq!(field(Content { title: " ".to_owned(), ..base() }), "content.title");
    }
}
