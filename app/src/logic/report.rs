//! What a person says came of work, as the choice or button of a form says it. Whether it may be said, and what has to be
//! said with it, is decided by `broker`.

use model::error::ApiError;
use model::work_item::LineOutcome;

/// `actual` is what was set in place of what was asked for, `why` what stands beside *cannot be done*.
///
/// # Errors
/// Where neither was chosen.
pub fn outcome(chosen: &str, actual: Option<String>, why: &str) -> Result<LineOutcome, ApiError> {
    match chosen {
        "done" => Ok(LineOutcome::Done { actual }),
        "cannot_do" => Ok(LineOutcome::CannotDo { why: why.trim().to_owned() }),
        _ => Err(ApiError::invalid("outcome", "Choose whether the work is done or cannot be done.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_says_what_came_of_it() {
        let done = |actual: Option<&str>| LineOutcome::Done { actual: actual.map(str::to_owned) };
        let cannot = |why: &str| LineOutcome::CannotDo { why: why.to_owned() };
        assert_eq!(outcome("done", None, "locked").unwrap(), done(None));
        assert_eq!(outcome("done", Some("B2.14".into()), "").unwrap(), done(Some("B2.14")));
        assert_eq!(outcome("cannot_do", Some("B2.14".into()), " locked ").unwrap(), cannot("locked"));
        assert_eq!(outcome("cannot_do", None, " ").unwrap(), cannot(""), "broker asks for a reason");
        for chosen in ["", "perhaps", "Done"] {
            assert_eq!(outcome(chosen, None, "").unwrap_err().field.as_deref(), Some("outcome"), "{chosen}");
        }
    }
}
