//! What the configuration says of values: rules that contradict each other, and questions that nobody could answer.

use std::collections::BTreeMap;

use broker::choice;
use broker::constraint::Constraint;
use model::configuration::{AccountType, Ask, AttributeSpecification, Configuration, Several};

use super::ConfigurationFinding;
use super::places::Index;

pub(super) fn check(configuration: &Configuration, index: &Index, findings: &mut Vec<ConfigurationFinding>) {
    let mut asked: BTreeMap<&str, (String, &AttributeSpecification)> = BTreeMap::new();
    let choices: BTreeMap<String, &String> =
        configuration.account_types.keys().map(|name| (choice::question_key(name), name)).collect();
    for (account_type, kind) in &configuration.account_types {
        if let Some(message) = which_account(kind) {
            findings.push(index.finding(&["account_types", account_type, "ask"], message));
        }
        for (attribute, specification) in &kind.attributes {
            let mut tell = |field: Option<&str>, message: String| {
                let path = ["account_types", account_type, "attributes", attribute].into_iter().chain(field);
                findings.push(index.finding(&path.collect::<Vec<_>>(), message));
            };
            if let Err((field, message)) = Constraint::of(specification) {
                tell(Some(field), message);
            }
            alone(specification, &mut tell);
            let place = format!("{account_type}.{attribute}");
            if let Some(meant) = choices.get(specification.question.as_ref().unwrap_or(&place)) {
                let key = choice::question_key(meant);
                let message = format!(
                    "The question `{key}` asks which account of type `{meant}` is meant. Give the attribute another `question`."
                );
                tell(specification.question.as_ref().map(|_| "question"), message);
            }
            let Some(key) = &specification.question else { continue };
            match asked.get(key.as_str()) {
                None => {
                    asked.insert(key, (place, specification));
                }
                Some((first, other)) => {
                    if let Some(field) = differs(specification, other) {
                        let message = format!(
                            "The question `{key}` is asked once for `{first}` and this attribute, so `{field}` has to be the same in both."
                        );
                        tell(Some("question"), message);
                    }
                }
            }
        }
    }
}

/// Why nobody could be asked which of several accounts is meant as the account type says.
fn which_account(kind: &AccountType) -> Option<String> {
    match &kind.ask {
        Some(_) if kind.several != Several::Ask => Some(
            "Nobody is asked which account is meant, so `ask` says nothing. Say `several = \"ask\"` as well, or remove it."
                .to_owned(),
        ),
        Some(Ask::Login(login)) if login.trim().is_empty() => Some(EMPTY_LOGIN.to_owned()),
        _ => None,
    }
}

const EMPTY_LOGIN: &str = "The login is empty. Name who signs in, or ask the manager, the owner or the person.";

/// What one attribute says by itself.
fn alone(specification: &AttributeSpecification, tell: &mut dyn FnMut(Option<&str>, String)) {
    let said = [
        ("ask", specification.ask.is_some()),
        ("question", specification.question.is_some()),
        ("default", specification.default.is_some()),
        ("answer_within_days", specification.answer_within_days.is_some()),
    ];
    let Some((field, _)) = said.into_iter().find(|(_, is_said)| *is_said) else { return };
    if specification.secret {
        let message = format!(
            "A secret is never asked for: it would be read by whoever sees the form. Remove `{field}` or `secret`."
        );
        tell(Some(field), message);
    } else if !specification.required {
        let message = format!(
            "Only what is required is asked for, and `{field}` is about asking. Say `required = true` as well."
        );
        tell(Some(field), message);
    } else if specification.value.is_some() {
        tell(Some(field), format!("A constant is never missing, so nobody is asked. Remove `{field}` or `value`."));
    }
    if let Some(key) = &specification.question
        && (key.is_empty() || !key.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')))
    {
        tell(Some("question"), format!("`{key}` is no key. Expected letters, digits, `_`, `-` and `.`."));
    }
    if let Some(Ask::Login(login)) = &specification.ask
        && login.trim().is_empty()
    {
        tell(Some("ask"), EMPTY_LOGIN.to_owned());
    }
}

/// The first field in which two attributes that ask the same disagree.
fn differs(one: &AttributeSpecification, other: &AttributeSpecification) -> Option<&'static str> {
    let fields = [
        ("ask", one.ask == other.ask),
        ("label", one.label == other.label),
        ("help", one.help == other.help),
        ("type", one.kind.unwrap_or_default() == other.kind.unwrap_or_default()),
        ("pattern", one.pattern == other.pattern),
        ("minimum_length", one.minimum_length == other.minimum_length),
        ("maximum_length", one.maximum_length == other.maximum_length),
        ("choices", one.choices == other.choices),
        ("default", one.default == other.default),
        ("answer_within_days", one.answer_within_days == other.answer_within_days),
    ];
    fields.into_iter().find(|(_, is_same)| !is_same).map(|(field, _)| field)
}
