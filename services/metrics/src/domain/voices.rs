//! The use cases of the voice of the customer.

use std::collections::BTreeMap;

use chrono::NaiveDate;
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::identity::Scope;

use crate::domain::figure::{DayRange, Step};
use crate::domain::issue::content::{Content, IssueKind};
use crate::domain::issues::Issues;
use crate::domain::lost_inquiries::LostInquiries;
use crate::domain::lost_inquiry::catalogue::Catalogue;
use crate::domain::voice::{
    Answer, Evidence, HandOver, Source, Topic, Trend, Voice, VoiceCursor, VoiceError, VoiceQuery,
};
use crate::domain::{Metrics, Result};
use crate::error::MetricsError;
use crate::store::{EvidenceCursor, HandOverCursor};

/// Topics of a list at most.
const TOPICS_MAX: usize = 20_000;
/// Conversations that an issue names at most.
const CONVERSATIONS_MAX: usize = 100;
/// The longest product id that an issue names.
const PRODUCT_CHARS_MAX: usize = 64;
/// Characters of a reason in a title.
const TITLE_REASON_CHARS_MAX: usize = 60;

/// The use cases. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Voices {
    metrics: Metrics,
    issues: Issues,
    inquiries: LostInquiries,
}

/// What is to be handed over, to whom.
#[derive(Debug)]
pub struct NewHandOver {
    /// What.
    pub topic: Topic,
    /// Counted over these days.
    pub days: DayRange,
    /// Number of the role of the people who have to act.
    pub department: i32,
    /// Who acts.
    pub owner: Option<String>,
    /// The last day to solve it.
    pub due_day: Option<NaiveDate>,
    /// What is wanted.
    pub note: String,
}

impl Voices {
    /// Beside the other use cases.
    pub fn new(metrics: Metrics) -> Self {
        let (issues, inquiries) = (Issues::new(metrics.clone()), LostInquiries::new(metrics.clone()));
        Self { metrics, issues, inquiries }
    }

    /// A page of topics, the most frequent first; with `rising` only those that rise.
    pub async fn list_voices(
        &self,
        scope: &Scope,
        query: &VoiceQuery,
        rising: bool,
        page: &PageRequest<VoiceCursor>,
    ) -> Result<Page<Voice>> {
        let mut voices = self.voices(scope, query).await?;
        voices.retain(|voice| !rising || voice.trend() == Trend::Rising);
        voices.sort_by_key(VoiceCursor::of);
        voices.retain(|voice| page.after.as_ref().is_none_or(|after| VoiceCursor::of(voice) > *after));
        Ok(page.page(voices, VoiceCursor::of)?)
    }

    /// How often something was said, step by step.
    pub async fn get_trend(
        &self,
        scope: &Scope,
        query: &VoiceQuery,
        step: Step,
    ) -> Result<Vec<(DayRange, i64)>> {
        let (catalogue, today) = self.basis(scope).await?;
        let counts: BTreeMap<NaiveDate, i64> =
            self.metrics.store.count_voices(scope, query, &catalogue, today).await?.into_iter().collect();
        let mut points = Vec::new();
        let mut first = Some(query.days.from);
        while let Some(from) = first.filter(|from| *from <= query.days.to) {
            let days = DayRange { from, to: step.row(step.start(from), query.days).to };
            points.push((days, counts.range(days.from..=days.to).map(|(_, count)| count).sum()));
            first = days.to.succ_opt();
        }
        Ok(points)
    }

    /// A page of every time that a topic was said, the newest first.
    pub async fn list_evidence(
        &self,
        scope: &Scope,
        query: &VoiceQuery,
        page: &PageRequest<EvidenceCursor>,
    ) -> Result<Page<Evidence>> {
        let (catalogue, today) = self.basis(scope).await?;
        self.metrics.store.list_voice_evidence(scope, query, &catalogue, today, page).await
    }

    /// Files an issue about a topic.
    pub async fn hand_over(&self, by: &By, scope: &Scope, new: NewHandOver) -> Result<(HandOver, Answer)> {
        let query = VoiceQuery::about(&new.topic, new.days);
        let said = self.voices(scope, &query).await?.into_iter().find(|voice| voice.topic == new.topic);
        let voice = said.ok_or(VoiceError::NothingSaid)?;
        let (catalogue, _) = self.basis(scope).await?;
        let newest = PageRequest::first(u32::try_from(2 * CONVERSATIONS_MAX).unwrap_or(1), "evidence");
        let evidence = self.list_evidence(scope, &query, &newest).await?.items;
        let note = self.metrics.redactor(&scope.merchant).redact(&new.note).into_owned();
        let content = content(&new, &voice, &evidence, &catalogue, &note);
        let issue = self.issues.prepare(by, String::new(), content, Vec::new()).await?;
        let hand_over = HandOver {
            topic: new.topic,
            days: new.days,
            count: voice.count,
            previous: voice.previous,
            issue: issue.id.clone(),
            handed_over: issue.created.clone(),
        };
        let id = self.metrics.store.insert_voice_hand_over(by, &issue, &hand_over).await?;
        let stored = self.metrics.store.find_voice_hand_over(scope, &id).await?;
        let missing = || pg::Error::unreadable("voice_hand_overs", &id, "it is gone");
        Ok(stored.ok_or_else(missing)?)
    }

    /// A page of what was handed over, the newest first, each with its answer so far.
    pub async fn list_hand_overs(
        &self,
        scope: &Scope,
        unanswered: bool,
        page: &PageRequest<HandOverCursor>,
    ) -> Result<Page<(HandOver, Answer)>> {
        self.metrics.store.list_voice_hand_overs(scope, unanswered, page).await
    }

    async fn voices(&self, scope: &Scope, query: &VoiceQuery) -> Result<Vec<Voice>> {
        let (catalogue, today) = self.basis(scope).await?;
        let voices = self.metrics.store.list_voices(scope, query, &catalogue, today, TOPICS_MAX + 1).await?;
        if voices.len() > TOPICS_MAX { Err(MetricsError::TooManyGroups) } else { Ok(voices) }
    }

    /// Which reasons lost inquiries have, and which of them are over.
    async fn basis(&self, scope: &Scope) -> Result<(Catalogue, NaiveDate)> {
        let catalogue = self.inquiries.get_catalogue(&scope.merchant, None).await?;
        Ok((catalogue, self.metrics.today(&scope.merchant).await?))
    }
}

/// What the issue says. `note` is redacted; the rest holds nothing that a buyer wrote.
fn content(
    new: &NewHandOver,
    voice: &Voice,
    evidence: &[Evidence],
    catalogue: &Catalogue,
    note: &str,
) -> Content {
    let topic = &new.topic;
    let named = catalogue.content.reasons.iter().find(|reason| reason.id == topic.reason);
    let reason = match (topic.source, named) {
        (Source::LostInquiry, Some(reason)) => reason.name.as_str(),
        _ => topic.reason.as_str(),
    };
    let short: String = reason.chars().take(TITLE_REASON_CHARS_MAX).collect();
    let mut title = format!("客户之声：{}", topic.source.title());
    for part in [short.as_str(), topic.product.as_str()].into_iter().filter(|part| !part.is_empty()) {
        title = format!("{title} · {part}");
    }
    let mut conversations: Vec<_> = evidence.iter().filter_map(|one| one.conversation.clone()).collect();
    conversations.truncate(CONVERSATIONS_MAX);
    let fits = !topic.product.is_empty() && topic.product.chars().count() <= PRODUCT_CHARS_MAX;
    Content {
        kind: IssueKind::Suggestion,
        title,
        description: format!(
            "{note}\n\n{from} 至 {to}：{count} 次，{customers} 位客户；此前同样天数：{previous} 次。",
            from = new.days.from,
            to = new.days.to,
            count = voice.count,
            customers = voice.customers,
            previous = voice.previous,
        ),
        shop: None,
        page_url: String::new(),
        products: if fits { vec![topic.product.clone()] } else { Vec::new() },
        substitutes: Vec::new(),
        scripts: Vec::new(),
        conversations,
        department: new.department,
        owner: new.owner.clone(),
        due_day: new.due_day,
    }
}
