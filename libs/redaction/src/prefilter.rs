//! One pass over the bytes that tells which scanners have anything to look for.

use crate::address::is_anchor;

/// What a text holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// Enough digits for a number, a house, a flat.
    pub digits: bool,
    /// An `@`, wide or narrow.
    pub at: bool,
    /// Latin letters, so that there may be an English street.
    pub latin: bool,
    /// A character without which no Chinese address is written.
    pub address: bool,
}

pub(crate) fn look(text: &str) -> Look {
    let mut look = Look::default();
    let bytes = text.as_bytes();
    let mut wide = false;
    for &byte in bytes {
        look.digits |= byte.is_ascii_digit();
        look.at |= byte == b'@';
        look.latin |= byte.is_ascii_alphabetic();
        wide |= byte >= 0x80;
    }
    if wide {
        for character in text.chars() {
            match character {
                '０'..='９' => look.digits = true,
                '＠' => look.at = true,
                '址' => look.address = true,
                _ if is_anchor(character) => look.address = true,
                _ => {}
            }
        }
    }
    look
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_talk_needs_no_second_look() {
        assert_eq!(look("亲，您好，在的"), Look::default());
        assert_eq!(look("Sure, go ahead!"), Look { latin: true, ..Look::default() });
        assert!(look("文一西路").address && look("１").digits && look("a＠b").at);
    }
}
