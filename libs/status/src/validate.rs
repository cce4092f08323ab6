//! Requests held against the `buf.validate` rules beside their fields.

use proto::Validate;
use tonic::{Extensions, Request, Status};

use crate::{Kind, Problem};

/// The message of a valid request and the extensions that the access layer filled; otherwise INVALID_ARGUMENT
/// naming every field at fault.
///
/// The extensions come along because a handler needs the caller next: see `runtime::identity`.
pub fn checked<T: Validate>(request: Request<T>) -> Result<(T, Extensions), Status> {
    let (_, extensions, message) = request.into_parts();
    valid(&message)?;
    Ok((message, extensions))
}

/// INVALID_ARGUMENT naming every field at fault, for messages that come in a stream.
pub fn valid<T: Validate>(message: &T) -> Result<(), Status> {
    let Err(error) = message.validate() else { return Ok(()) };
    let mut problem =
        Problem::new(Kind::Invalid, "INVALID_REQUEST", "the request breaks the rules of its fields");
    for violation in error.violations() {
        // Formats (uuid, email) come without a text of their own.
        let description = match violation.message() {
            "" => format!("must satisfy {}", violation.rule_path()),
            text => text.to_owned(),
        };
        problem = problem.violation(violation.field_path(), description);
    }
    Err(problem.into_status())
}

/// INVALID_ARGUMENT for one field, for rules that a proto cannot say.
pub fn invalid(field: impl Into<String>, description: impl Into<String>) -> Status {
    let (field, description) = (field.into(), description.into());
    let message = format!("{field}: {description}");
    Problem::new(Kind::Invalid, "INVALID_REQUEST", message).violation(field, description).into_status()
}
