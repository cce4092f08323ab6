//! Runs of business days.

use chrono::NaiveDate;

/// Days from one on, both ends included; without a `to` it lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The first day.
    pub from: NaiveDate,
    /// The last day.
    pub to: Option<NaiveDate>,
}

impl Span {
    /// `None` if it would end before it begins.
    pub fn new(from: NaiveDate, to: Option<NaiveDate>) -> Option<Self> {
        (last(to) >= from).then_some(Self { from, to })
    }

    /// From `from` on without an end.
    pub fn lasting(from: NaiveDate) -> Self {
        Self { from, to: None }
    }

    /// Whether the day is one of these.
    pub fn contains(self, day: NaiveDate) -> bool {
        self.from <= day && day <= last(self.to)
    }

    /// Whether both have a day in common.
    pub fn overlaps(self, other: Self) -> bool {
        self.from <= last(other.to) && other.from <= last(self.to)
    }

    /// The same up to and including the day before `day`; `None` if nothing is left.
    pub fn until_before(self, day: NaiveDate) -> Option<Self> {
        let before = day.pred_opt()?;
        Self::new(self.from, Some(last(self.to).min(before)))
    }

    /// What is left of this without the days of `other`: nothing, one piece or two.
    pub fn minus(self, other: Self) -> Vec<Self> {
        if !self.overlaps(other) {
            return vec![self];
        }
        let after = other.to.and_then(|to| to.succ_opt()).and_then(|from| Self::new(from, self.to));
        self.until_before(other.from).into_iter().chain(after).collect()
    }

    /// Both as one if they overlap or follow each other without a gap.
    pub fn joined(self, other: Self) -> Option<Self> {
        let (first, second) = if self.from <= other.from { (self, other) } else { (other, self) };
        let touches = first.to.is_none_or(|to| to.succ_opt().is_none_or(|next| second.from <= next));
        let to = last(first.to).max(last(second.to));
        touches.then_some(Self { from: first.from, to: (to != NaiveDate::MAX).then_some(to) })
    }
}

fn last(to: Option<NaiveDate>) -> NaiveDate {
    to.unwrap_or(NaiveDate::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2020, 5, day).expect("a day of May")
    }

    fn span(from: u32, to: u32) -> Span {
        Span { from: day(from), to: (to > 0).then(|| day(to)) }
    }

    #[test]
    fn a_span_does_not_end_before_it_begins() {
        assert_eq!(Span::new(day(2), Some(day(1))), None);
        assert_eq!(Span::new(day(2), Some(day(2))), Some(span(2, 2)));
        assert_eq!(Span::new(day(2), None), Some(span(2, 0)));
    }

    #[test]
    fn subtraction_leaves_every_other_day() {
        // 0 as the end means that it lasts.
        let cases = [
            (span(1, 9), span(3, 5), vec![span(1, 2), span(6, 9)]),
            (span(1, 9), span(1, 9), vec![]),
            (span(3, 5), span(1, 0), vec![]),
            (span(1, 0), span(5, 0), vec![span(1, 4)]),
            (span(1, 0), span(1, 4), vec![span(5, 0)]),
            (span(1, 4), span(5, 9), vec![span(1, 4)]),
        ];
        for (whole, taken, left) in cases {
            assert_eq!(whole.minus(taken), left, "{whole:?} minus {taken:?}");
            for piece in left {
                assert!(!piece.overlaps(taken));
            }
        }
    }

    #[test]
    fn only_neighbours_join() {
        assert_eq!(span(1, 4).joined(span(5, 9)), Some(span(1, 9)));
        assert_eq!(span(5, 9).joined(span(1, 4)), Some(span(1, 9)));
        assert_eq!(span(1, 0).joined(span(5, 9)), Some(span(1, 0)));
        assert_eq!(span(1, 3).joined(span(5, 9)), None);
    }
}
