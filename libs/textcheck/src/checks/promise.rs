//! Over-promises.

use crate::checker::Sink;
use crate::phrases::{Found, Role};
use crate::{Evidence, Kind, OverPromise};

/// How many letters may lie between a negation and the promise: 不能给您保证.
const NEGATION_REACH: usize = 2;

pub(crate) fn check(rule: &OverPromise, found: &[Found], sink: &mut Sink<'_, '_, '_>) {
    for message in found.chunk_by(|one, next| one.message == next.message) {
        let of = |role| message.iter().filter(move |found| found.role == role);
        let mut told = 0;
        for promise in of(Role::Wanted) {
            let end = if rule.outcomes.is_empty() {
                Some(promise)
            } else {
                let gap = usize::from(rule.gap_max);
                of(Role::Outcome)
                    .filter(|outcome| {
                        outcome.letters.start >= promise.letters.end
                            && outcome.letters.start - promise.letters.end <= gap
                    })
                    .min_by_key(|outcome| outcome.letters.start)
            };
            let Some(end) = end else {
                continue;
            };
            let harmless = of(Role::Negation).any(|negation| {
                let before = negation.letters.end <= promise.letters.start
                    && promise.letters.start - negation.letters.end <= NEGATION_REACH;
                let around = negation.letters.start <= promise.letters.start
                    && negation.letters.end >= promise.letters.end;
                let between = negation.letters.start >= promise.letters.end
                    && negation.letters.end <= end.letters.start;
                before || around || between
            });
            if !harmless && end.bytes.end > told {
                told = end.bytes.end;
                sink.at(
                    Kind::OverPromise,
                    promise.message,
                    promise.bytes.start..end.bytes.end,
                    Evidence::Text,
                );
            }
        }
    }
}
