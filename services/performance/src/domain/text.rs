//! Text that may be kept: what a proto's length rules cannot say.

use crate::error::PerformanceError;

/// `value` without white space around it. Refuses what is then empty, and control characters: NUL never reaches the
/// database, a line break never a log or a file.
pub fn required(field: &str, value: &str) -> Result<String, PerformanceError> {
    let value = optional(field, value)?;
    if value.is_empty() {
        return Err(PerformanceError::invalid(field, "must not be blank"));
    }
    Ok(value)
}

/// [`required`], but may be empty.
pub fn optional(field: &str, value: &str) -> Result<String, PerformanceError> {
    let value = value.trim();
    if value.chars().any(char::is_control) {
        return Err(PerformanceError::invalid(field, "must not contain control characters"));
    }
    Ok(value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_and_control_characters_are_refused() {
        assert_eq!(required("name", "  甲 乙 ").ok().as_deref(), Some("甲 乙"));
        for bad in ["", "   ", "a\0b", "a\nb", "a\u{7f}b"] {
            assert!(
                matches!(required("name", bad), Err(PerformanceError::Invalid { field, .. }) if field == "name")
            );
        }
        assert_eq!(optional("position", " ").ok().as_deref(), Some(""));
    }
}
