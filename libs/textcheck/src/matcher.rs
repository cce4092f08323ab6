//! Many patterns in one pass. The one place that knows the automaton.

use std::fmt;
use std::ops::Range;

use daachorse::CharwiseDoubleArrayAhoCorasick;

/// Finds all occurrences of all patterns, overlapping ones too.
pub(crate) struct Matcher {
    automaton: Option<CharwiseDoubleArrayAhoCorasick<u32>>,
}

impl Matcher {
    /// Takes different patterns, none of them empty. Fails, with the automaton's reason, if they are more than it has
    /// room for.
    pub(crate) fn new(patterns: &[String]) -> Result<Self, String> {
        if patterns.is_empty() {
            return Ok(Self { automaton: None });
        }
        let automaton = CharwiseDoubleArrayAhoCorasick::new(patterns).map_err(|error| error.to_string())?;
        Ok(Self { automaton: Some(automaton) })
    }

    /// Tells each occurrence, by its end: which pattern, where.
    pub(crate) fn each(&self, normal: &str, mut found: impl FnMut(usize, Range<usize>)) {
        for occurrence in self.automaton.iter().flat_map(|automaton| automaton.find_overlapping_iter(normal))
        {
            found(occurrence.value() as usize, occurrence.start()..occurrence.end());
        }
    }
}

impl fmt::Debug for Matcher {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Matcher(automaton)")
    }
}
