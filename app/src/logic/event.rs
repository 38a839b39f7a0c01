//! Events in words, and where a subscription is told to go on, as a person writes it.

use model::error::ApiError;
use model::event::{EventBody, EventType, Position};
use model::value::Value;

/// What happened, for a list.
pub fn label(kind: EventType) -> &'static str {
    match kind {
        EventType::StreamBegan => "Events begin",
        EventType::IdentityJoined => "Person joined",
        EventType::IdentityChanged => "Person changed",
        EventType::IdentityLeft => "Person left",
        EventType::AssignmentGranted => "Access granted",
        EventType::AssignmentChanged => "Access changed",
        EventType::AssignmentEnded => "Access ended",
        EventType::AccountCreated => "Account created",
        EventType::AccountChanged => "Account changed",
        EventType::AccountEnabled => "Account enabled",
        EventType::AccountDisabled => "Account disabled",
        EventType::AccountDeleted => "Account deleted",
        EventType::OrderVerified => "Order confirmed",
        EventType::OrderFailed => "Order failed",
        EventType::OrderCancelled => "Order called off",
        EventType::RequestApproved => "Request approved",
        EventType::RequestDeclined => "Request declined",
        EventType::RequestEnded => "Request ended",
        EventType::RunEnded => "Run ended",
        EventType::ViolationOpened => "Violation opened",
        EventType::ViolationClosed => "Violation closed",
        EventType::Audited => "Line of the audit trail",
    }
}

/// "entitlement · payroll-view", "E10504 · create · verified".
pub fn said(body: &EventBody) -> String {
    let said = ["kind", "name", "key", "operation", "state", "job", "risk"];
    let said = said.into_iter().filter_map(|name| body.data.get(name).and_then(Value::as_text));
    said.map(|text| text.replace('_', " ")).collect::<Vec<_>>().join(" · ")
}

/// A number, a time, or `end`.
///
/// # Errors
/// Says what can be written.
pub fn position(text: &str) -> Result<Position, ApiError> {
    let text = text.trim();
    if text.eq_ignore_ascii_case("end") {
        return Ok(Position::End);
    }
    if let Ok(number) = text.parse::<i64>() {
        return match number {
            0.. => Ok(Position::After(number)),
            _ => Err(ApiError::invalid("from", "Numbers begin at 0. Write 0 to send everything that is kept.")),
        };
    }
    text.parse().map(Position::Since).map_err(|_| {
        let message = format!("`{text}` is no position. Write a number, a time such as 2026-03-02T08:00:00Z, or end.");
        ApiError::invalid("from", message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_times_and_the_end_are_positions() {
        assert_eq!(position(" 12 ").unwrap(), Position::After(12));
        assert_eq!(position("END").unwrap(), Position::End);
        assert!(matches!(position("2026-03-02T08:00:00Z").unwrap(), Position::Since(_)));
        for wrong in ["", "-1", "yesterday"] {
            assert!(position(wrong).is_err(), "{wrong}");
        }
    }
}
