//! Somebody made up, for whom a condition holds: values are tried until it does.

use std::collections::BTreeMap;

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::configuration::AssignmentRule;
use model::identity::{Context, Identity, LifecycleState, Period};
use model::ids::IdentityId;
use model::lint::Witnessed;
use model::value::{Attributes, Value};

use super::condition::{Alternative, Condition, Known};
use super::domain::Allowed;
use crate::expression::{Expression, Subject};

/// Combinations that are tried for one alternative.
const MOST_TRIED: usize = 512;

/// Somebody for whom the rule holds on that day; none where no value that was tried does it.
pub(super) fn meeting(
    condition: &Condition,
    expression: &Expression,
    known: &Known,
    rule: &AssignmentRule,
    today: Date,
) -> Option<Witnessed> {
    let holds = |person: &Identity| {
        let subject = Subject::new(person, person.contexts.first(), today);
        expression.holds(&subject) == Ok(true)
    };
    condition
        .alternatives
        .iter()
        .find_map(|alternative| {
            let choices: Vec<(&String, Vec<Option<Value>>)> =
                expression.attributes().iter().map(|name| (name, worth_trying(name, alternative, known))).collect();
            let combinations = choices.iter().map(|(_, values)| values.len()).try_fold(1_usize, usize::checked_mul);
            let combinations = combinations.unwrap_or(usize::MAX).min(MOST_TRIED);
            (0..combinations).find_map(|number| {
                let mut number = number;
                let mut chosen = BTreeMap::new();
                for (name, values) in &choices {
                    chosen.insert((*name).clone(), values.get(number % values.len().max(1)).cloned().flatten());
                    number /= values.len().max(1);
                }
                made_up(chosen, rule, today).filter(|person| holds(person))
            })
        })
        .map(|identity| Witnessed { is_made_up: true, identity })
}

/// Somebody with just one attribute, that has a value of the set.
pub(super) fn having(attribute: &str, allowed: &Allowed, rule: &AssignmentRule, today: Date) -> Option<Witnessed> {
    let people = allowed.examples().into_iter();
    let person = people.filter_map(|value| made_up([(attribute.to_owned(), value)].into(), rule, today)).next();
    person.map(|identity| Witnessed { is_made_up: true, identity })
}

/// Somebody of whom nothing is known.
pub(super) fn anybody() -> Witnessed {
    let identity = Identity {
        id: IdentityId(0),
        source: "made up".to_owned(),
        key: "somebody".to_owned(),
        display_name: "Somebody".to_owned(),
        attributes: Attributes::new(),
        contexts: Vec::new(),
        manager_key: None,
        present: true,
    };
    Witnessed { is_made_up: true, identity }
}

fn worth_trying(name: &str, alternative: &Alternative, known: &Known) -> Vec<Option<Value>> {
    let allowed = alternative.attributes.get(name).cloned().unwrap_or_else(|| known.get(name));
    let mentioned = alternative.mentioned().into_iter().filter(|value| allowed.contains(Some(value))).map(Some);
    let mut values = allowed.examples();
    values.extend(mentioned);
    values
}

/// None where nobody can be made with these values.
fn made_up(values: BTreeMap<String, Option<Value>>, rule: &AssignmentRule, today: Date) -> Option<Identity> {
    let mut person = anybody().identity;
    for (name, value) in values {
        let text = |value: &Option<Value>| value.as_ref().and_then(Value::as_text).map(str::to_owned);
        match name.as_str() {
            "key" => person.key = text(&value)?,
            "source" => person.source = text(&value)?,
            "display_name" => person.display_name = text(&value)?,
            "manager" => person.manager_key = text(&value),
            "lifecycle" => {
                let state = LifecycleState::of_name(&text(&value)?)?;
                let period = match state {
                    LifecycleState::Active => continue,
                    LifecycleState::Joiner if rule.days_before == 0 => return None,
                    LifecycleState::Joiner => Period { starts: today.tomorrow().ok(), ends: None },
                    LifecycleState::Leaver => Period { starts: today.checked_sub(1.year()).ok(), ends: Some(today) },
                };
                let context = Context {
                    key: "position".to_owned(),
                    priority: 0,
                    period,
                    attributes: Attributes::new(),
                    filled: Vec::new(),
                };
                person.contexts.push(context);
            }
            _ => {
                person.attributes.extend(value.map(|value| (name, value)));
            }
        }
    }
    Some(person)
}
