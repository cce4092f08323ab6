//! All words of all rules in one automaton, and what tells a word in disguise from letters that happen to follow each other.

use std::collections::HashMap;
use std::ops::Range;

use crate::Conversation;
use crate::matcher::Matcher;
use crate::normal::{self, Places, in_word, invisible, normalise};

/// What a phrase means to its rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// What the rule looks for.
    Wanted,
    /// What makes a wanted phrase inside it harmless.
    Exception,
    /// What must follow.
    Outcome,
    /// What turns it round.
    Negation,
}

/// How strictly a phrase is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Strictness {
    pub(crate) separators_max: usize,
    pub(crate) whole_words: bool,
}

/// One phrase of one rule.
#[derive(Debug)]
struct Term {
    rule: usize,
    role: Role,
    strictness: Strictness,
    /// Per gap between two letters: whether the phrase itself has a blank or mark there.
    breaks: Vec<bool>,
    /// Signs that belong to the phrase, folded: `%` of `100%`.
    signs: Vec<char>,
}

/// An occurrence that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) rule: usize,
    pub(crate) role: Role,
    pub(crate) message: usize,
    /// In letters and digits of the message.
    pub(crate) letters: Range<usize>,
    /// In the message's text.
    pub(crate) bytes: Range<usize>,
}

#[derive(Default)]
pub(crate) struct PhrasesBuilder {
    patterns: Vec<String>,
    terms: Vec<Vec<Term>>,
    known: HashMap<String, usize>,
}

impl PhrasesBuilder {
    /// Adds a phrase that has a normal form; one without is passed over, as validation has refused it already.
    pub(crate) fn add(&mut self, phrase: &str, rule: usize, role: Role, strictness: Strictness) {
        let pattern = normalise(phrase);
        if pattern.is_empty() {
            return;
        }
        let places = Places::of(phrase);
        let breaks = places
            .kept()
            .windows(2)
            .map(|two| phrase[two[0].end..two[1].start].chars().any(|between| !invisible(between)))
            .collect();
        let signs = phrase.chars().filter_map(sign).collect();
        let next = self.patterns.len();
        let number = *self.known.entry(pattern).or_insert_with_key(|pattern| {
            self.patterns.push(pattern.clone());
            self.terms.push(Vec::new());
            next
        });
        self.terms[number].push(Term { rule, role, strictness, breaks, signs });
    }

    pub(crate) fn build(self) -> Result<Phrases, String> {
        Ok(Phrases { matcher: Matcher::new(&self.patterns)?, terms: self.terms })
    }
}

/// A sign that carries meaning in a word, in half width: percent, currency, plus, at. Other signs are only between letters.
pub(crate) fn sign(character: char) -> Option<char> {
    Some(match character {
        '%' | '％' => '%',
        '‰' => '‰',
        '+' | '＋' => '+',
        '@' | '＠' => '@',
        '$' | '＄' => '$',
        '¥' | '￥' => '¥',
        '€' | '£' => character,
        _ => return None,
    })
}

#[derive(Debug)]
pub(crate) struct Phrases {
    matcher: Matcher,
    /// By pattern.
    terms: Vec<Vec<Term>>,
}

impl Phrases {
    /// All occurrences in a chat, by message and place, in messages that `wanted` lets through for the rule.
    pub(crate) fn scan(&self, chat: &Conversation<'_>, wanted: impl Fn(usize, usize) -> bool) -> Vec<Found> {
        let texts: usize = chat.messages.iter().map(|message| message.text.len() + 1).sum();
        let mut normal = String::with_capacity(texts);
        let mut starts = Vec::with_capacity(chat.messages.len());
        for message in chat.messages {
            starts.push(normal.len());
            normal::append(message.text, &mut normal);
            // No pattern holds a blank, so that nothing is found across messages.
            normal.push(' ');
        }
        let mut found = Vec::new();
        let mut places: Option<(usize, Places)> = None;
        self.matcher.each(&normal, |pattern, range| {
            let message = starts.partition_point(|&start| start <= range.start) - 1;
            let terms = self.terms[pattern].iter().filter(|term| wanted(term.rule, message));
            for term in terms {
                // Occurrences come by their ends, so that messages come one after the other.
                let (_, places) = match places.take() {
                    Some(known) if known.0 == message => places.insert(known),
                    _ => places.insert((message, Places::of(chat.messages[message].text))),
                };
                let letters =
                    places.characters(&(range.start - starts[message]..range.end - starts[message]));
                if let Some(bytes) = term.accepted(chat.messages[message].text, places, &letters) {
                    found.push(Found { rule: term.rule, role: term.role, message, letters, bytes });
                }
            }
        });
        found
    }
}

impl Term {
    /// The occurrence's bytes in the text, or nothing if it only looks like one.
    fn accepted(&self, text: &str, places: &Places, letters: &Range<usize>) -> Option<Range<usize>> {
        let kept = &places.kept()[letters.clone()];
        let gap = |place: usize| {
            let between = &text[kept[place].end..kept[place + 1].start];
            between.chars().filter(|&between| !invisible(between)).count()
        };
        // Letters of a Latin word: all of them apart ("b e s t") is a disguise, some of them ("must be still") is chance.
        let (mut apart, mut together) = (false, false);
        for place in 0..kept.len() - 1 {
            let signs = gap(place);
            let own = self.breaks.get(place).copied().unwrap_or(false);
            if signs > self.strictness.separators_max.max(usize::from(own)) {
                return None;
            }
            if !own && in_word(kept[place].folded) && in_word(kept[place + 1].folded) {
                apart |= signs > 0;
                together |= signs == 0;
            }
        }
        let whole = !self.strictness.whole_words
            || (!joined(text, places, letters.start.checked_sub(1), Some(letters.start))
                && !joined(text, places, Some(letters.end - 1), Some(letters.end)));
        if !whole || (apart && together) {
            return None;
        }
        let bytes = kept[0].start..kept[kept.len() - 1].end;
        if self.signs.is_empty() { Some(bytes) } else { self.with_signs(text, places, letters, bytes) }
    }

    /// The bytes with the phrase's signs, which must stand in or beside the letters, in their order.
    fn with_signs(
        &self,
        text: &str,
        places: &Places,
        letters: &Range<usize>,
        bytes: Range<usize>,
    ) -> Option<Range<usize>> {
        let before = letters.start.checked_sub(1).map_or(0, |place| places.kept()[place].end);
        let after = places.kept().get(letters.end).map_or(text.len(), |kept| kept.start);
        let mut missing = self.signs.iter().peekable();
        let mut found = bytes;
        for (place, character) in text[before..after].char_indices() {
            if missing.next_if(|&&wanted| sign(character) == Some(wanted)).is_some() {
                let start = before + place;
                found = found.start.min(start)..found.end.max(start + character.len_utf8());
            }
        }
        missing.peek().is_none().then_some(found)
    }
}

/// Whether two neighbouring letters belong to one written word.
fn joined(text: &str, places: &Places, first: Option<usize>, second: Option<usize>) -> bool {
    let at = |place: Option<usize>| place.and_then(|place| places.kept().get(place));
    let (Some(first), Some(second)) = (at(first), at(second)) else {
        return false;
    };
    in_word(first.folded) && in_word(second.folded) && text[first.end..second.start].chars().all(invisible)
}
