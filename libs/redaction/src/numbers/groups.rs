//! Groups of digits and the runs they make.

/// How a group hangs on to the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Join {
    /// Not at all: it begins or ends a run.
    None,
    Blank,
    Dash,
    Dot,
    /// With a bracket in between, as behind an area code.
    Bracket,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    start: usize,
    end: usize,
    /// Where its digits begin in `Numbers::digits`.
    from: usize,
    join: Join,
}

/// All digits of a text, by groups.
pub(crate) struct Numbers<'t> {
    text: &'t str,
    /// The values of all digits, one group after the other.
    pub digits: Vec<u8>,
    groups: Vec<Group>,
}

/// The value of a digit, narrow or wide (０).
pub(crate) fn digit(character: char) -> Option<u8> {
    let value = match character {
        '0'..='9' => u32::from(character) - u32::from('0'),
        '０'..='９' => u32::from(character) - u32::from('０'),
        _ => return None,
    };
    u8::try_from(value).ok()
}

impl<'t> Numbers<'t> {
    pub(crate) fn scan(text: &'t str) -> Self {
        let mut numbers = Self { text, digits: Vec::new(), groups: Vec::new() };
        let mut open = false;
        for (place, character) in text.char_indices() {
            let Some(value) = digit(character) else {
                open = false;
                continue;
            };
            if !open {
                let join = numbers.groups.last().map_or(Join::None, |last| join(&text[last.end..place]));
                numbers.groups.push(Group { start: place, end: place, from: numbers.digits.len(), join });
                open = true;
            }
            numbers.digits.push(value);
            if let Some(group) = numbers.groups.last_mut() {
                group.end = place + character.len_utf8();
            }
        }
        numbers
    }

    pub(crate) fn runs(&self) -> impl Iterator<Item = Run<'_>> {
        let groups = self.groups.chunk_by(|_, next| next.join != Join::None);
        groups.map(|groups| Run { text: self.text, digits: &self.digits, groups, join: Join::None })
    }
}

/// What stands between two groups: at most a bracket or dash with a blank on either side.
fn join(between: &str) -> Join {
    let mut join = Join::None;
    for (count, character) in between.chars().enumerate() {
        let next = match character {
            ' ' | '\u{a0}' | '\u{3000}' => Join::Blank,
            '-' | '\u{2010}'..='\u{2015}' | '－' => Join::Dash,
            '.' => Join::Dot,
            '(' | ')' | '（' | '）' => Join::Bracket,
            _ => return Join::None,
        };
        if count == 3
            || (join != Join::None && next != Join::Blank && join != Join::Blank && join != Join::Bracket)
        {
            return Join::None;
        }
        if join == Join::None || join == Join::Blank {
            join = next;
        }
    }
    join
}

/// The groups of a run that have not been used yet; never asked for more than [`Run::len`] says.
#[derive(Clone, Copy)]
pub(crate) struct Run<'n> {
    pub text: &'n str,
    digits: &'n [u8],
    groups: &'n [Group],
    /// How the first group hangs on to what was skipped.
    join: Join,
}

impl<'n> Run<'n> {
    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// The rest behind some groups.
    pub(crate) fn skip(self, count: usize) -> Self {
        let groups = &self.groups[count.min(self.groups.len())..];
        Self { join: groups.first().map_or(Join::None, |group| group.join), groups, ..self }
    }

    pub(crate) fn start(&self) -> usize {
        self.groups[0].start
    }

    /// The end of the first `count` groups in the text.
    pub(crate) fn end(&self, count: usize) -> usize {
        self.groups[count - 1].end
    }

    /// The digits of the first `count` groups.
    pub(crate) fn digits(&self, count: usize) -> &'n [u8] {
        let end = self.groups.get(count).map_or_else(|| self.run_end(), |next| next.from);
        &self.digits[self.groups[0].from..end]
    }

    fn run_end(&self) -> usize {
        let last = self.groups[self.groups.len() - 1];
        let count = self.text[last.start..last.end].chars().count();
        last.from + count
    }

    /// How group `index` hangs on to the one before it; `None` behind the last.
    pub(crate) fn join(&self, index: usize) -> Join {
        if index == 0 { self.join } else { self.groups.get(index).map_or(Join::None, |group| group.join) }
    }

    /// How many digits group `index` has; 0 behind the last.
    pub(crate) fn length(&self, index: usize) -> usize {
        self.groups.get(index).map_or(0, |group| self.text[group.start..group.end].chars().count())
    }

    /// Whether the first groups have these lengths.
    pub(crate) fn is_like(&self, lengths: &[usize]) -> bool {
        lengths.len() <= self.len()
            && lengths.iter().enumerate().all(|(index, length)| self.length(index) == *length)
    }

    /// Latin letters directly before the first group.
    pub(crate) fn letters_before(&self) -> usize {
        self.text[..self.start()].bytes().rev().take_while(u8::is_ascii_alphabetic).count()
    }

    /// Latin letters directly behind the first `count` groups.
    pub(crate) fn letters_after(&self, count: usize) -> usize {
        self.text[self.end(count)..].bytes().take_while(u8::is_ascii_alphabetic).count()
    }

    /// Whether the first `count` groups are no piece of a longer word. A word of letters alone may stand before
    /// (tel13800138000).
    pub(crate) fn is_whole(&self, count: usize) -> bool {
        let word = &self.text.as_bytes()[..self.start() - self.letters_before()];
        let inside = self.letters_before() > 0 && word.last().is_some_and(u8::is_ascii_digit);
        !inside && self.letters_after(count) == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(text: &str) -> Vec<Vec<usize>> {
        let numbers = Numbers::scan(text);
        numbers.runs().map(|run| (0..run.len()).map(|index| run.length(index)).collect()).collect()
    }

    #[test]
    fn groups_run_together_over_one_sign() {
        assert_eq!(runs("138 0013-8000，１２"), [vec![3, 4, 4], vec![2]]);
        assert_eq!(runs("(010) 6738 9898"), [vec![3, 4, 4]]);
        assert_eq!(runs("10:30 - 11:45"), [vec![2], vec![2, 2], vec![2]]);
        assert_eq!(runs("1,234"), [vec![1], vec![3]]);
        assert_eq!(runs("1   2 -- 3"), [vec![1, 1], vec![1]]);
    }

    #[test]
    fn a_run_gives_its_digits() {
        let numbers = Numbers::scan("a12 345 6");
        let run = numbers.runs().next().unwrap();
        assert_eq!(run.digits(1), [1, 2]);
        assert_eq!(run.digits(3), [1, 2, 3, 4, 5, 6]);
        assert_eq!((run.letters_before(), run.end(2), run.skip(2).digits(1)), (1, 7, &[6][..]));
    }
}
