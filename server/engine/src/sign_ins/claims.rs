//! What an identity provider says of somebody: whether it can be used, and whether it says that they have left.

use std::collections::BTreeMap;

use model::configuration::SignInProvider;
use model::error::ApiError;
use model::sign_in::SignIn;

/// Longest subject, so that it fits into a key.
const LONGEST_SUBJECT: usize = 100;
/// Longest number of an event, for the same reason.
const LONGEST_EVENT: usize = 60;
/// Longest name or value of a claim.
const LONGEST_TEXT: usize = 500;
/// Claims, and values of one.
const MOST: usize = 100;

/// Whether all of it is of a size and kind that can be kept.
pub(super) fn check(told: &SignIn) -> Result<(), ApiError> {
    text("issuer", &told.issuer, LONGEST_TEXT)?;
    text("subject", &told.subject, LONGEST_SUBJECT)?;
    if let Some(event) = &told.event {
        text("event", event, LONGEST_EVENT)?;
    }
    let several = |count: usize| count > MOST;
    if several(told.claims.len()) || told.claims.values().any(|claim| several(claim.texts().len())) {
        return Err(ApiError::invalid(
            "claims",
            format!("There are more than {MOST}. Send only those that are mapped."),
        ));
    }
    for (name, claim) in &told.claims {
        let is_wrong = |text: &String| text.chars().count() > LONGEST_TEXT || text.chars().any(char::is_control);
        if is_wrong(name) || claim.texts().iter().any(is_wrong) {
            let name: String = name.chars().filter(|one| !one.is_control()).take(40).collect();
            let message = format!(
                "The claim `{name}` is longer than {LONGEST_TEXT} characters, or has a control character. Send it without."
            );
            return Err(ApiError::invalid("claims", message));
        }
    }
    if told.claims.contains_key(SignInProvider::SUBJECT) {
        let message = "The subject stands beside the claims, not among them. Remove it there.";
        return Err(ApiError::invalid("claims", message));
    }
    Ok(())
}

fn text(field: &str, value: &str, longest: usize) -> Result<(), ApiError> {
    let problem = if value.trim().is_empty() || value.trim() != value {
        "is empty, or has spaces around it"
    } else if value.chars().any(char::is_control) {
        "has a control character"
    } else if value.chars().count() > longest {
        return Err(ApiError::invalid(field, format!("The {field} has more than {longest} characters.")));
    } else {
        return Ok(());
    };
    Err(ApiError::invalid(field, format!("The {field} {problem}. Send it as the identity provider has it.")))
}

/// Why they have left, by what is said of them.
pub(super) fn ended(provider: &SignInProvider, told: &SignIn) -> Option<String> {
    provider.ended.iter().find_map(|(name, values)| {
        let said = told.claims.get(name)?.texts();
        let value = said.iter().find(|said| values.contains(said))?;
        Some(format!("The claim {name} is `{value}`: whoever it is said of has left."))
    })
}

/// One value a claim, with the subject among them.
pub(super) fn values(told: &SignIn) -> BTreeMap<String, String> {
    let claims = told.claims.iter().filter_map(|(name, claim)| Some((name.clone(), claim.texts().into_iter().next()?)));
    let subject = (SignInProvider::SUBJECT.to_owned(), told.subject.clone());
    claims.chain([subject]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> SignIn {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn what_cannot_be_kept_is_refused_by_its_field() {
        let long = "x".repeat(101);
        for (text, field) in [
            (r#"{"issuer":"","subject":"a"}"#.to_owned(), "issuer"),
            (r#"{"issuer":"i","subject":" a"}"#.to_owned(), "subject"),
            (format!(r#"{{"issuer":"i","subject":"{long}"}}"#), "subject"),
            (format!(r#"{{"issuer":"i","subject":"a","event":"{long}"}}"#), "event"),
            (r#"{"issuer":"i","subject":"a","claims":{"x":"a\u0007"}}"#.to_owned(), "claims"),
            (r#"{"issuer":"i","subject":"a","claims":{"subject":"b"}}"#.to_owned(), "claims"),
        ] {
            assert_eq!(check(&told(&text)).unwrap_err().field.as_deref(), Some(field), "{text}");
        }
        assert!(check(&told(r#"{"issuer":"i","subject":"a","claims":{"x":[],"y":true,"z":3}}"#)).is_ok());
    }

    #[test]
    fn of_several_values_the_first_is_taken_and_each_is_compared() {
        let told = told(r#"{"issuer":"i","subject":"a","claims":{"affiliation":["member","former"],"mail":[],"n":3}}"#);
        let taken = values(&told);
        assert_eq!(taken.get("affiliation").map(String::as_str), Some("member"));
        assert_eq!((taken.get("mail"), taken.get("n").map(String::as_str)), (None, Some("3")));
        assert_eq!(taken.get("subject").map(String::as_str), Some("a"));
        let provider = |values: &[&str]| SignInProvider {
            description: None,
            issuer: "i".into(),
            source: "s".into(),
            unknown: Default::default(),
            confirmed: BTreeMap::new(),
            requires: Vec::new(),
            wait_seconds: 1,
            when_late: Default::default(),
            ended: [("affiliation".to_owned(), values.iter().map(|&value| value.to_owned()).collect())].into(),
            valid_days: 1,
        };
        assert!(ended(&provider(&["former"]), &told).unwrap().contains("affiliation is `former`"));
        assert_eq!(ended(&provider(&["retired"]), &told), None);
    }
}
