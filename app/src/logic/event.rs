//! Where a subscription is told to go on, as a person writes it.

use model::error::ApiError;
use model::event::Position;

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
