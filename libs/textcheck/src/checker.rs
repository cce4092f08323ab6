//! Rules, compiled.

use std::collections::HashSet;
use std::ops::Range;

use crate::checks::{courtesy, mood, personal, promise, reply, timing, tone, words};
use crate::normal::normalise;
use crate::phrases::{Found, Phrases, PhrasesBuilder, Role, Strictness};
use crate::{Check, Conversation, Evidence, Hit, Kind, Rule, RuleError, Rules, Speaker};

/// Rules, compiled once, to be run over each chat. Cheap to share between threads.
#[derive(Debug)]
pub struct Checker {
    rules: Vec<Compiled>,
    phrases: Phrases,
}

#[derive(Debug)]
struct Compiled {
    rule: Rule,
    /// Whose messages its phrases are looked for in.
    listens: Listens,
    /// Normal forms of whole messages.
    whole: HashSet<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Listens([bool; 4]);

impl Listens {
    fn to(speakers: &[Speaker]) -> Self {
        let mut listens = Self::default();
        for &speaker in speakers {
            listens.0[speaker as usize] = true;
        }
        listens
    }
}

/// What phrases other than forbidden words may have between their characters: one comma or blank.
const PLAIN: Strictness = Strictness { separators_max: 1, whole_words: true };

impl Checker {
    /// Compiles rules.
    ///
    /// # Errors
    /// The first thing that is wrong, with its rule and field.
    pub fn new(rules: &Rules) -> Result<Self, RuleError> {
        rules.validate()?;
        let mut phrases = PhrasesBuilder::default();
        let compiled = rules
            .rules
            .iter()
            .enumerate()
            .map(|(number, rule)| compile(rule, number, &mut phrases))
            .collect();
        let phrases = phrases.build().map_err(|reason| RuleError::whole("rules", reason))?;
        Ok(Self { rules: compiled, phrases })
    }

    /// Checks a chat. Hits come by message, then place, then rule.
    pub fn check(&self, chat: &Conversation<'_>) -> Vec<Hit<'_>> {
        let wanted =
            |rule: usize, message: usize| self.rules[rule].listens.0[chat.messages[message].speaker as usize];
        let mut found = self.phrases.scan(chat, wanted);
        found.sort_unstable_by_key(|found| (found.rule, found.message, found.bytes.start, found.bytes.end));
        let mut hits = Vec::new();
        for (number, compiled) in self.rules.iter().enumerate() {
            let start = found.partition_point(|found| found.rule < number);
            let end = found.partition_point(|found| found.rule <= number);
            let mut sink = Sink { compiled, chat, hits: &mut hits };
            compiled.run(chat, &found[start..end], &mut sink);
        }
        // Stable: hits at one place keep the order of their rules.
        hits.sort_by_key(|hit| (hit.message, hit.bytes.start, hit.bytes.end));
        hits
    }
}

fn compile(rule: &Rule, number: usize, phrases: &mut PhrasesBuilder) -> Compiled {
    let mut add = |list: &[String], role, strictness| {
        for phrase in list {
            phrases.add(phrase, number, role, strictness);
        }
    };
    let mut listens = Listens::to(&[Speaker::Agent]);
    let mut whole = HashSet::new();
    match &rule.check {
        Check::ForbiddenWords(words) => {
            let separators_max = usize::from(words.separators_max);
            let strictness = Strictness { separators_max, whole_words: words.whole_words };
            add(&words.words, Role::Wanted, strictness);
            add(&words.exceptions, Role::Exception, strictness);
            listens = Listens::to(&words.speakers);
        }
        Check::OverPromise(promise) => {
            add(&promise.promises, Role::Wanted, PLAIN);
            add(&promise.outcomes, Role::Outcome, PLAIN);
            add(&promise.negations, Role::Negation, PLAIN);
        }
        Check::MissingGreeting(courtesy) | Check::MissingClosing(courtesy) => {
            add(&courtesy.phrases, Role::Wanted, PLAIN);
            let bot = if courtesy.bots_count { Speaker::Bot } else { Speaker::Agent };
            listens = Listens::to(&[Speaker::Agent, bot]);
        }
        Check::AbruptTone(tone) => {
            add(&tone.phrases, Role::Wanted, PLAIN);
            whole = tone.whole_messages.iter().map(|message| normalise(message)).collect();
        }
        Check::SlowReply(_)
        | Check::FallingSentiment(_)
        | Check::PersonalData(_)
        | Check::CannedReply(_)
        | Check::RepeatedReply(_) => {}
    }
    Compiled { rule: rule.clone(), listens, whole }
}

impl Compiled {
    fn run(&self, chat: &Conversation<'_>, found: &[Found], sink: &mut Sink<'_, '_, '_>) {
        match &self.rule.check {
            Check::ForbiddenWords(_) => words::check(found, sink),
            Check::OverPromise(promise) => promise::check(promise, found, sink),
            Check::SlowReply(slow) => timing::check(slow, chat, sink),
            Check::MissingGreeting(courtesy) => courtesy::greeting(courtesy, chat, found, sink),
            Check::MissingClosing(courtesy) => courtesy::closing(courtesy, chat, found, sink),
            Check::AbruptTone(tone) => tone::check(tone, &self.whole, chat, found, sink),
            Check::FallingSentiment(mood) => mood::check(mood, chat, sink),
            Check::PersonalData(personal) => personal::check(personal, chat, sink),
            Check::CannedReply(canned) => reply::canned(canned, chat, sink),
            Check::RepeatedReply(repeated) => reply::repeated(repeated, chat, sink),
        }
    }
}

/// Where a rule's findings go.
pub(crate) struct Sink<'c, 's, 't> {
    compiled: &'c Compiled,
    chat: &'s Conversation<'t>,
    hits: &'s mut Vec<Hit<'c>>,
}

impl Sink<'_, '_, '_> {
    /// A finding at a place of a message.
    pub(crate) fn at(&mut self, kind: Kind, message: usize, bytes: Range<usize>, evidence: Evidence) {
        let text = self.chat.messages[message].text;
        let start = text[..bytes.start].chars().count();
        let characters = start..start + text[bytes.clone()].chars().count();
        let Rule { id, severity, .. } = &self.compiled.rule;
        self.hits.push(Hit { rule_id: id, kind, severity: *severity, message, bytes, characters, evidence });
    }

    /// A finding about a message as such.
    pub(crate) fn whole(&mut self, kind: Kind, message: usize, evidence: Evidence) {
        self.at(kind, message, 0..self.chat.messages[message].text.len(), evidence);
    }
}
