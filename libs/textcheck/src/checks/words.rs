//! Forbidden words.

use crate::checker::Sink;
use crate::phrases::{Found, Role};
use crate::{Evidence, Kind};

/// Hits that lie in an exception, or in a longer hit, are left out. `found` comes by message and place.
pub(crate) fn check(found: &[Found], sink: &mut Sink<'_, '_, '_>) {
    for message in found.chunk_by(|one, next| one.message == next.message) {
        // How far what begins at or before a place reaches, which is all it takes to see whether it covers a hit.
        let mut reach = 0;
        let mut excepted = message.iter().filter(|found| found.role == Role::Exception).peekable();
        let mut last = None;
        for place in message.chunk_by(|one, next| one.bytes.start == next.bytes.start) {
            let start = place[0].bytes.start;
            while let Some(exception) = excepted.next_if(|exception| exception.bytes.start <= start) {
                reach = reach.max(exception.bytes.end);
            }
            // Rising by their ends: the last one is the longest at this place.
            let Some(longest) =
                place.iter().rfind(|found| found.role == Role::Wanted && found.bytes.end > reach)
            else {
                continue;
            };
            if last.is_none_or(|end| longest.bytes.end > end) {
                last = Some(longest.bytes.end);
                sink.at(Kind::ForbiddenWord, longest.message, longest.bytes.clone(), Evidence::Text);
            }
        }
    }
}
