//! The normal form in which texts and words are compared: letters and digits only, in half width, lower case and
//! simplified characters. Everything else is dropped: blanks, marks, emoji, invisible characters.

use std::ops::Range;
use std::sync::LazyLock;

/// The normal form of a text.
pub fn normalise(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    append(text, &mut normal);
    normal
}

/// Adds the normal form of a text. What is normal already is copied in runs.
pub(crate) fn append(text: &str, normal: &mut String) {
    let folds = &*FOLDS;
    let mut run = 0;
    for (place, character) in text.char_indices() {
        match folds.fold(character) {
            Some(folded) if folded == character => {}
            other => {
                normal.push_str(&text[run..place]);
                normal.extend(other);
                run = place + character.len_utf8();
            }
        }
    }
    normal.push_str(&text[run..]);
}

/// What a character becomes, or nothing if it is dropped.
pub(crate) fn fold(character: char) -> Option<char> {
    FOLDS.fold(character)
}

/// Whether a character takes part in words that blanks divide: letters and digits of all scripts but the East Asian ones.
pub(crate) fn in_word(character: char) -> bool {
    let east_asian = matches!(u32::from(character), 0x2e80..=0x9fff | 0xac00..=0xd7af | 0xf900..=0xfaff | 0x20000..=0x3ffff);
    !east_asian && character.is_alphanumeric()
}

/// Whether a character leaves no trace on the screen: zero-width signs, direction marks, variation selectors, tags.
pub(crate) fn invisible(character: char) -> bool {
    matches!(
        u32::from(character),
        0x00ad
            | 0x034f
            | 0x061c
            | 0x115f..=0x1160
            | 0x17b4..=0x17b5
            | 0x180b..=0x180f
            | 0x200b..=0x200f
            | 0x202a..=0x202e
            | 0x2060..=0x206f
            | 0x3164
            | 0xfe00..=0xfe0f
            | 0xfeff
            | 0xffa0
            | 0xe0000..=0xe0fff
    )
}

/// Where each character of a normal form comes from. Made only for texts in which something was found.
pub(crate) struct Places {
    /// Per kept character: its place in the normal form, and its bytes and number in the original.
    kept: Vec<Kept>,
}

#[derive(Clone, Copy)]
pub(crate) struct Kept {
    normal: usize,
    pub(crate) folded: char,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

impl Places {
    pub(crate) fn of(text: &str) -> Self {
        let mut kept = Vec::new();
        let mut normal = 0;
        for (start, character) in text.char_indices() {
            if let Some(folded) = fold(character) {
                kept.push(Kept { normal, folded, start, end: start + character.len_utf8() });
                normal += folded.len_utf8();
            }
        }
        Self { kept }
    }

    /// The kept characters, by their number, that a range of the normal form (borders of characters) is made of.
    pub(crate) fn characters(&self, normal: &Range<usize>) -> Range<usize> {
        let at = |place| self.kept.partition_point(|kept| kept.normal < place);
        at(normal.start)..at(normal.end)
    }

    pub(crate) fn kept(&self) -> &[Kept] {
        &self.kept
    }
}

/// The folds of the basic plane by code point (0: dropped), and of the few characters beyond it.
struct Folds {
    basic: Box<[u16]>,
    beyond: Vec<(char, char)>,
}

static FOLDS: LazyLock<Folds> = LazyLock::new(Folds::new);

impl Folds {
    fn fold(&self, character: char) -> Option<char> {
        match self.basic.get(character as usize) {
            Some(0) => None,
            Some(&folded) => char::from_u32(u32::from(folded)),
            None => self.beyond(character),
        }
    }

    #[cold]
    fn beyond(&self, character: char) -> Option<char> {
        match self.beyond.binary_search_by_key(&character, |pair| pair.0) {
            Ok(place) => Some(self.beyond[place].1),
            Err(_) => kept(character).then(|| lower(character)),
        }
    }

    fn new() -> Self {
        let mut basic: Vec<u16> = (0..=u16::MAX)
            .map(|code| match char::from_u32(u32::from(code)) {
                Some(character) if kept(character) => within(lower(character)).unwrap_or(code),
                _ => 0,
            })
            .collect();
        let mut beyond = Vec::new();
        for (from, to) in pairs().filter(|pair| kept(pair.1)) {
            match within(from) {
                Some(code) => basic[usize::from(code)] = within(to).unwrap_or(code),
                None => beyond.push((from, to)),
            }
        }
        beyond.sort_unstable();
        Self { basic: basic.into_boxed_slice(), beyond }
    }
}

/// The generated list: a line per group, in it pairs of a character and what it becomes. See `tools/folds.py`.
fn pairs() -> impl Iterator<Item = (char, char)> {
    include_str!("../data/folds.txt").lines().filter(|line| !line.starts_with('#')).flat_map(|line| {
        let mut characters = line.chars();
        std::iter::from_fn(move || Some((characters.next()?, characters.next()?)))
    })
}

fn kept(character: char) -> bool {
    character.is_alphanumeric() && !invisible(character)
}

fn lower(character: char) -> char {
    let mut lowered = character.to_lowercase();
    match (lowered.next(), lowered.next()) {
        (Some(single), None) => single,
        _ => character,
    }
}

fn within(character: char) -> Option<u16> {
    u16::try_from(u32::from(character)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variants_become_one() {
        for (text, normal) in [
            ("ＡＢＣ１２３", "abc123"),
            ("加 微-信🙂號\u{200b}！", "加微信号"),
            ("獨家 ①②", "独家12"),
            ("ⓥⓧ 𝐕𝐗", "vxvx"),
            ("臺灣　後來", "台湾后来"),
            ("Straße, ÉTÉ", "straßeété"),
            ("", ""),
            ("。！？ …", ""),
        ] {
            assert_eq!(normalise(text), normal);
        }
    }

    #[test]
    fn every_character_folds_once_and_for_all() {
        for character in '\0'..=char::MAX {
            if let Some(folded) = fold(character) {
                assert_eq!(fold(folded), Some(folded), "{character:?}");
            }
        }
    }

    #[test]
    fn places_lead_back() {
        let text = "请 加-微🙂信Ａ";
        let places = Places::of(text);
        let normal = normalise(text);
        let start = normal.find("微信a").unwrap();
        let found = places.characters(&(start..normal.len()));
        let kept = &places.kept()[found];
        assert_eq!(&text[kept[0].start..kept[kept.len() - 1].end], "微🙂信Ａ");
    }
}
