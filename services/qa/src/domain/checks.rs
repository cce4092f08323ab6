//! The use cases of automatic checks: rules, hits, figures, dry runs, and the work behind them.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{NaiveDate, TimeDelta};
use pg::By;
use pg::page::{Page, PageRequest};
use runtime::clock::SharedClock;
use runtime::identity::Scope;
use runtime::ids::MerchantId;
use sampling::ConversationId;
use textcheck::{Checker, Language};
use uuid::Uuid;

use crate::check_error::CheckError;
use crate::domain::check_figure::{CheckFigure, FigureFilter, RuleAccuracy};
use crate::domain::dry_run::{DryRun, DryRunFigure, Example, Progress, TakenRun};
use crate::domain::hit::{
    Chat, Checked, ConversationHits, Hit, HitFilter, HitJudgement, JudgeHit, Outcome, Place, Waiting, examine,
};
use crate::domain::rule_set::{self, BUILT_IN_VERSION, RuleSet, RulesFrom};
use crate::error::QaError;
use crate::store::{DryRunFigureKey, ExampleKey, FigureKey, HitKey, Store};

/// Places that are brought up to date in one transaction.
const BATCH: i64 = 300;
/// Compiled rules that are kept. A version never changes once it checks.
const COMPILED_MAX: usize = 64;
/// How long a dry run is held by a worker that says nothing more.
const HELD: TimeDelta = TimeDelta::minutes(1);

/// Whose rules: those of a version, or of a dry run.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Compiled {
    Version(MerchantId, i32),
    BuiltIn,
    DryRun(Uuid),
}

/// Automatic checks of chats.
#[derive(Debug, Clone)]
pub struct Checks {
    store: Store,
    clock: SharedClock,
    language: Language,
    compiled: Arc<Mutex<HashMap<Compiled, Arc<Checker>>>>,
    /// Tells this process from others that work on dry runs.
    worker: Uuid,
}

impl Checks {
    /// On a store, by a clock. `language` is that of the rules that hold until a merchant publishes some.
    pub fn new(store: Store, clock: SharedClock, language: Language) -> Self {
        Self { store, clock, language, compiled: Arc::default(), worker: Uuid::new_v4() }
    }

    /// Adds a draft.
    pub async fn create_rule_set(
        &self,
        by: &By,
        scope: &Scope,
        from: &RulesFrom,
        note: &str,
    ) -> Result<RuleSet, QaError> {
        let rules = match from {
            RulesFrom::Json(json) => {
                rule_set::compile("rules_json", json)?;
                json.clone()
            }
            RulesFrom::BuiltIn(language) => rule_set::built_in_json(*language)?,
            RulesFrom::Version(version) => self.version(scope.whole_merchant()?, *version).await?.rules,
        };
        self.store.insert_rule_set(by, self.clock.now(), &rules, note).await
    }

    /// Puts other rules into a draft.
    pub async fn update_rule_set(
        &self,
        by: &By,
        version: i32,
        etag: &str,
        rules: &str,
        note: &str,
    ) -> Result<RuleSet, QaError> {
        rule_set::compile("rules_json", rules)?;
        let edit = |set: RuleSet, _| set.edit(etag, rules.to_owned(), note.to_owned());
        self.store.update_rule_set(by, self.clock.now(), version, edit).await
    }

    /// Lets a draft check chats from a day on.
    pub async fn publish_rule_set(
        &self,
        by: &By,
        version: i32,
        etag: &str,
        live_from: NaiveDate,
    ) -> Result<RuleSet, QaError> {
        let now = self.clock.now();
        let today = self.today(&by.caller.merchant).await?;
        let subject = &by.caller.subject;
        let publish = |set: RuleSet, newest| set.publish(etag, live_from, newest, today, subject, now);
        self.store.update_rule_set(by, now, version, publish).await
    }

    /// Drops a version before it checks anything.
    pub async fn retire_rule_set(&self, by: &By, version: i32, etag: &str) -> Result<RuleSet, QaError> {
        let now = self.clock.now();
        let today = self.today(&by.caller.merchant).await?;
        self.store.update_rule_set(by, now, version, |set, _| set.retire(etag, today, now)).await
    }

    /// A version, or the one that holds on a day; without either, today's.
    pub async fn get_rule_set(
        &self,
        scope: &Scope,
        version: Option<i32>,
        day: Option<NaiveDate>,
    ) -> Result<RuleSet, QaError> {
        let merchant = scope.whole_merchant()?;
        let version = match (version, day) {
            (Some(version), _) => version,
            (None, day) => {
                let published = self.store.list_published_rule_sets(merchant).await?;
                let day = match day {
                    Some(day) => day,
                    None => self.today(merchant).await?,
                };
                rule_set::in_force(&published, day)
            }
        };
        self.version(merchant, version).await
    }

    /// All versions that the merchant made, newest first.
    pub async fn list_rule_sets(
        &self,
        scope: &Scope,
        page: &PageRequest<i32>,
    ) -> Result<Page<RuleSet>, QaError> {
        self.store.list_rule_sets(scope.whole_merchant()?, page).await
    }

    /// The merchant's business day now.
    pub async fn today(&self, merchant: &MerchantId) -> Result<NaiveDate, QaError> {
        Ok(self.store.calendar(merchant).await?.business_day(self.clock.now()))
    }

    /// Hits within the caller's reach.
    pub async fn list_hits(
        &self,
        scope: &Scope,
        days: (NaiveDate, NaiveDate),
        filter: &HitFilter,
        page: &PageRequest<HitKey>,
    ) -> Result<Page<Hit>, QaError> {
        self.store.list_hits(scope, days, filter, page).await
    }

    /// What was found in one chat.
    pub async fn get_conversation_hits(
        &self,
        scope: &Scope,
        id: &ConversationId,
    ) -> Result<ConversationHits, QaError> {
        let found = self.store.find_conversation_hits(scope, id).await?;
        found.ok_or_else(|| QaError::ConversationNotFound { conversation: id.to_string() })
    }

    /// Adds a person's word on a hit.
    pub async fn judge_hit(&self, by: &By, scope: &Scope, judge: &JudgeHit) -> Result<Hit, QaError> {
        let at = self.clock.now();
        let person = by.caller.person.clone().ok_or(QaError::NoPerson)?;
        let word = HitJudgement { verdict: judge.verdict, person, note: judge.note.clone(), at };
        self.store.insert_judgement(by, scope, judge, &word).await
    }

    /// How often rules hit.
    pub async fn get_check_figures(
        &self,
        scope: &Scope,
        filter: &FigureFilter,
        page: &PageRequest<FigureKey>,
    ) -> Result<Page<CheckFigure>, QaError> {
        let mut rules = self.rules_of_days(&scope.merchant, filter.days).await?;
        rules.retain(|(_, rule)| filter.rule.is_empty() || *rule == filter.rule);
        self.store.list_check_figures(scope, filter, &rules, page).await
    }

    /// How often people agreed with rules.
    pub async fn get_rule_accuracy(
        &self,
        scope: &Scope,
        days: (NaiveDate, NaiveDate),
    ) -> Result<Vec<RuleAccuracy>, QaError> {
        self.store.list_rule_accuracy(scope.whole_merchant()?, days).await
    }

    /// Tries a version on the past.
    pub async fn start_dry_run(
        &self,
        by: &By,
        scope: &Scope,
        version: i32,
        days: (NaiveDate, NaiveDate),
    ) -> Result<DryRun, QaError> {
        let set = self.version(scope.whole_merchant()?, version).await?;
        self.store.insert_dry_run(by, self.clock.now(), version, &set.rules, days).await
    }

    /// How far a dry run is.
    pub async fn get_dry_run(&self, scope: &Scope, id: Uuid) -> Result<DryRun, QaError> {
        let found = self.store.find_dry_run(scope.whole_merchant()?, id).await?;
        found.ok_or_else(|| CheckError::DryRunNotFound { run: id.to_string() }.into())
    }

    /// All dry runs.
    pub async fn list_dry_runs(
        &self,
        scope: &Scope,
        page: &PageRequest<Uuid>,
    ) -> Result<Page<DryRun>, QaError> {
        self.store.list_dry_runs(scope.whole_merchant()?, page).await
    }

    /// Ends a dry run.
    pub async fn cancel_dry_run(&self, by: &By, id: Uuid) -> Result<DryRun, QaError> {
        self.store.cancel_dry_run(by, self.clock.now(), id).await
    }

    /// What a dry run found so far.
    pub async fn list_dry_run_figures(
        &self,
        scope: &Scope,
        id: Uuid,
        by_account: bool,
        page: &PageRequest<DryRunFigureKey>,
    ) -> Result<Page<DryRunFigure>, QaError> {
        self.get_dry_run(scope, id).await?;
        self.store.list_dry_run_figures(&scope.merchant, id, by_account, page).await
    }

    /// Examples of what a dry run found.
    pub async fn list_dry_run_examples(
        &self,
        scope: &Scope,
        id: Uuid,
        rule: &str,
        page: &PageRequest<ExampleKey>,
    ) -> Result<Page<Example>, QaError> {
        self.get_dry_run(scope, id).await?;
        self.store.list_dry_run_examples(&scope.merchant, id, rule, page).await
    }

    /// Checks some of the chats that wait for it; gives how many.
    pub async fn check_waiting(&self) -> Result<usize, QaError> {
        self.store.update_checks(BATCH, self.clock.now(), |waiting| self.outcomes(waiting)).await
    }

    /// Goes on with a dry run, if there is one to go on with; tells whether there was.
    pub async fn advance_dry_runs(&self) -> Result<bool, QaError> {
        let now = self.clock.now();
        let Some(run) = self.store.take_dry_run(self.worker, now, now + HELD).await? else {
            return Ok(false);
        };
        let chats = self.store.list_chats_after(&run, BATCH).await?;
        let cursor = chats.last().map(|last| (last.place.day, last.place.conversation.clone()));
        match self.progress(&run, chats).await {
            Ok(progress) => {
                self.store.advance_dry_run(self.worker, &run, now, &progress, cursor.as_ref()).await?;
                if cursor.is_none() {
                    self.cache().remove(&Compiled::DryRun(run.id));
                }
            }
            // Rules of its own that cannot be read will not be read later either; all else is tried again.
            Err(QaError::Invalid { violations }) => {
                let why: Vec<String> =
                    violations.iter().map(|v| format!("{}: {}", v.field, v.description)).collect();
                self.store.fail_dry_run(self.worker, &run, now, &why.join("; ")).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(true)
    }

    async fn progress(&self, run: &TakenRun, chats: Vec<Waiting>) -> Result<Progress, QaError> {
        let tried = self.compiled(Compiled::DryRun(run.id), async || Ok(run.rules.clone())).await?;
        let mut live = LiveRules::default();
        let mut jobs = Vec::with_capacity(chats.len());
        for Waiting { place, chat } in chats {
            let (_, checker) = self.live(&mut live, &place).await?;
            jobs.extend(chat.map(|chat| (place, chat, checker)));
        }
        on_a_thread(move || {
            let mut progress = Progress::default();
            for (place, chat, live) in &jobs {
                let found = |checker: &Checker| examine(checker, &place.conversation, chat);
                progress.add(place, &chat.account, &found(&tried), &found(live));
            }
            progress
        })
        .await
    }

    async fn outcomes(&self, waiting: Vec<Waiting>) -> Result<Vec<Outcome>, QaError> {
        let mut live = LiveRules::default();
        let mut jobs = Vec::with_capacity(waiting.len());
        for Waiting { place, chat } in waiting {
            let rules = match chat {
                Some(chat) => Some((chat, self.live(&mut live, &place).await?)),
                None => None,
            };
            jobs.push((place, rules));
        }
        on_a_thread(move || jobs.into_iter().map(|(place, rules)| outcome(place, rules)).collect()).await
    }

    /// The rules of a place's day.
    async fn live(&self, known: &mut LiveRules, place: &Place) -> Result<(i32, Arc<Checker>), QaError> {
        if !known.published.contains_key(&place.merchant) {
            let published = self.store.list_published_rule_sets(&place.merchant).await?;
            known.published.insert(place.merchant.clone(), published);
        }
        let version = rule_set::in_force(&known.published[&place.merchant], place.day);
        let key = match version {
            BUILT_IN_VERSION => Compiled::BuiltIn,
            version => Compiled::Version(place.merchant.clone(), version),
        };
        let json = async || Ok(self.version(&place.merchant, version).await?.rules);
        Ok((version, self.compiled(key, json).await?))
    }

    async fn compiled(
        &self,
        key: Compiled,
        json: impl AsyncFnOnce() -> Result<String, QaError>,
    ) -> Result<Arc<Checker>, QaError> {
        if let Some(checker) = self.cache().get(&key) {
            return Ok(Arc::clone(checker));
        }
        let json = json().await?;
        let checker = Arc::new(rule_set::compile("rules", &json)?);
        let mut cache = self.cache();
        if cache.len() >= COMPILED_MAX {
            cache.clear();
        }
        cache.insert(key, Arc::clone(&checker));
        Ok(checker)
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, HashMap<Compiled, Arc<Checker>>> {
        // Whoever panicked with it left a map of whole entries.
        self.compiled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn version(&self, merchant: &MerchantId, version: i32) -> Result<RuleSet, QaError> {
        if version == BUILT_IN_VERSION {
            let published = self.store.list_published_rule_sets(merchant).await?;
            let followed_on = published.iter().map(|(from, _)| *from).min();
            return Ok(RuleSet::built_in(rule_set::built_in_json(self.language)?, followed_on));
        }
        let found = self.store.find_rule_set(merchant, version).await?;
        found.ok_or_else(|| CheckError::RuleSetNotFound { version }.into())
    }

    /// The rules of each version that was in force on one of the days.
    pub async fn rules_of_days(
        &self,
        merchant: &MerchantId,
        (from, to): (NaiveDate, NaiveDate),
    ) -> Result<Vec<(i32, String)>, QaError> {
        let published = self.store.list_published_rule_sets(merchant).await?;
        let mut versions = BTreeSet::from([rule_set::in_force(&published, from)]);
        versions.extend(
            published.iter().filter(|(day, _)| (from..=to).contains(day)).map(|(_, version)| *version),
        );
        let mut rules = Vec::new();
        for version in versions {
            let summaries = self.version(merchant, version).await?.summaries()?;
            rules.extend(summaries.into_iter().map(|rule| (version, rule.id)));
        }
        Ok(rules)
    }
}

/// Published versions by merchant, read once for a batch.
#[derive(Debug, Default)]
struct LiveRules {
    published: BTreeMap<MerchantId, Vec<(NaiveDate, i32)>>,
}

fn outcome(place: Place, rules: Option<(Chat, (i32, Arc<Checker>))>) -> Outcome {
    let checked = rules.map(|(chat, (version, checker))| Checked {
        findings: examine(&checker, &place.conversation, &chat),
        account: chat.account,
        revision: chat.revision,
        rule_set_version: version,
    });
    Outcome { place, checked }
}

/// Checks cost up to milliseconds a chat: too long for a thread that answers calls.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, QaError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| pg::Error::Internal(error.into()).into())
}
