//! Values that a person changes on an order before it is sent again, and what becomes of them afterwards.
//!
//! A changed value stands for the one that the rules computed, for as long as they compute that one: later computations
//! take the changed value in its place ([`stand_in`]), so that they neither undo the change nor order it again. Once the
//! rules compute something else (somebody has corrected the source) the change is over and the rules count again.

use jiff::Timestamp;
use model::access::{DesiredAccess, DesiredValue};
use model::order::{Order, OrderItem, ProvisioningState, ValueEdit};
use model::plan::{ItemKind, ItemOperation, Plan};
use model::value::Value;

/// Longest value that is taken, in characters.
const LONGEST: usize = 4_000;

/// Why a change is not taken; nothing changes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("The order has no value `{0}` that could be changed. Go back to the order and look at it again.")]
    Unknown(String),
    #[error(
        "The value of `{0}` is secret and cannot be changed here. Change the account type's specification instead."
    )]
    Secret(String),
    #[error("`{0}` is done already and cannot be changed on this order.")]
    Done(String),
    #[error("`{0}` cannot be left empty here. Cancel the order if it is not to be set.")]
    Empty(String),
    #[error("`{0}` takes {1}.")]
    Kind(String, &'static str),
    #[error("The value of `{0}` is longer than {LONGEST} characters. Shorten it.")]
    TooLong(String),
    #[error("The value of `{0}` holds characters that cannot be seen. Type it anew.")]
    Unseen(String),
    #[error("No value is different from what it was. Change at least one, or retry the order as it is.")]
    Nothing,
}

/// One value, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub attribute: String,
    pub before: Value,
    pub after: Value,
}

/// Whether a person may change this item.
pub fn can_be_edited(item: &OrderItem) -> bool {
    item.kind == ItemKind::Attribute
        && item.operation == ItemOperation::Set
        && !item.secret
        && item.value.is_some()
        && !matches!(item.state, ProvisioningState::Executed | ProvisioningState::Verified)
}

/// The changes that these texts make, by attribute. Texts that say what is there already change nothing.
pub fn changes(order: &Order, texts: &[(String, String)]) -> Result<Vec<Change>, EditError> {
    let mut changes: Vec<Change> = Vec::new();
    for (attribute, text) in texts {
        let unknown = || EditError::Unknown(attribute.chars().take(100).collect());
        let item = order.items.iter().find(|item| item.kind == ItemKind::Attribute && item.name == *attribute);
        let item = item.ok_or_else(unknown)?;
        if item.secret {
            return Err(EditError::Secret(attribute.clone()));
        }
        let before = item.value.clone().filter(|_| item.operation == ItemOperation::Set).ok_or_else(unknown)?;
        let after = read(attribute, &before, text)?;
        if after == before {
            continue;
        }
        if !can_be_edited(item) {
            return Err(EditError::Done(attribute.clone()));
        }
        changes.retain(|change| change.attribute != *attribute);
        changes.push(Change { attribute: attribute.clone(), before, after });
    }
    if changes.is_empty() { Err(EditError::Nothing) } else { Ok(changes) }
}

/// The text as a value of the kind it had.
fn read(attribute: &str, before: &Value, text: &str) -> Result<Value, EditError> {
    let name = || attribute.to_owned();
    let text = text.trim();
    if text.is_empty() {
        return Err(EditError::Empty(name()));
    }
    if text.chars().count() > LONGEST {
        return Err(EditError::TooLong(name()));
    }
    if text.chars().any(crate::untrusted::is_unseen) {
        return Err(EditError::Unseen(name()));
    }
    match before {
        Value::Text(_) => Ok(Value::Text(text.to_owned())),
        Value::Integer(_) => text.parse().map(Value::Integer).map_err(|_| EditError::Kind(name(), "a whole number")),
        Value::Boolean(_) => text.parse().map(Value::Boolean).map_err(|_| EditError::Kind(name(), "`true` or `false`")),
        Value::List(_) => {
            let members = text.split(',').map(str::trim).filter(|member| !member.is_empty());
            let members: Vec<String> = members.map(str::to_owned).collect();
            if members.is_empty() { Err(EditError::Empty(name())) } else { Ok(Value::List(members)) }
        }
    }
}

/// The order with its values changed; says so in the explanation of each.
pub fn apply(order: &Order, changes: &[Change], by: &str, why: &str, at: Timestamp) -> Order {
    let mut order = order.clone();
    for item in &mut order.items {
        if let Some(change) = changes.iter().find(|change| change.attribute == item.name)
            && item.kind == ItemKind::Attribute
        {
            item.value = Some(change.after.clone());
            item.explanation = explained(&item.explanation, &change.before, &change.after, by, why, at);
        }
    }
    order
}

fn explained(earlier: &str, before: &Value, after: &Value, by: &str, why: &str, at: Timestamp) -> String {
    let day = at.strftime("%F %H:%M");
    let sentence = format!(
        "Changed by {by} at {day} UTC from \u{201c}{before}\u{201d} to \u{201c}{after}\u{201d}: {why} Later computations \
         keep this value until the rules compute another one than \u{201c}{before}\u{201d}."
    );
    if earlier.is_empty() { sentence } else { format!("{earlier} {sentence}") }
}

/// Edits to keep for these changes. One of a value that was changed before stands for what the rules computed then.
pub fn kept(
    order: &Order,
    changes: &[Change],
    in_force: &[ValueEdit],
    by: &str,
    why: &str,
    at: Timestamp,
) -> Vec<ValueEdit> {
    let earlier = |change: &Change| {
        let mut fitting = in_force.iter().filter(|edit| is_about(edit, order) && edit.attribute == change.attribute);
        fitting.find(|edit| edit.edited == change.before).map(|edit| edit.computed.clone())
    };
    let edit = |change: &Change| ValueEdit {
        order: order.id,
        identity: order.identity,
        account_type: order.account_type.clone(),
        attribute: change.attribute.clone(),
        computed: earlier(change).unwrap_or_else(|| change.before.clone()),
        before: change.before.clone(),
        edited: change.after.clone(),
        by: by.to_owned(),
        at,
        why: why.to_owned(),
    };
    changes.iter().map(edit).collect()
}

fn is_about(edit: &ValueEdit, order: &Order) -> bool {
    edit.identity == order.identity && edit.account_type == order.account_type
}

/// Puts the changed values in the place of the computed ones they stand for; answers with the edits that are over, as
/// the rules compute something else by now. Edits of accounts that are not wanted stay as they are.
pub fn stand_in<'a>(desired: &mut DesiredAccess, edits: &[&'a ValueEdit]) -> Vec<&'a ValueEdit> {
    let mut over = Vec::new();
    for edit in edits.iter().filter(|edit| edit.identity == desired.identity) {
        let account = desired.accounts.iter_mut().find(|account| account.account_type == edit.account_type);
        let Some(account) = account else { continue };
        let attribute = account.attributes.iter_mut().find(|attribute| attribute.name == edit.attribute);
        let Some(attribute) = attribute else {
            over.push(*edit);
            continue;
        };
        match &attribute.value {
            DesiredValue::Value(value) if *value == edit.computed => {
                attribute.value = DesiredValue::Value(edit.edited.clone());
            }
            // The planner takes the first value that is free; this one is reserved for the identity.
            DesiredValue::Unique(candidates)
                if edit.computed.as_text().is_some_and(|computed| candidates.iter().any(|value| value == computed)) =>
            {
                if let Some(edited) = edit.edited.as_text() {
                    attribute.value = DesiredValue::Unique(vec![edited.to_owned()]);
                }
            }
            // The rule fails just now, or its value is still to come: nobody knows what it would compute.
            DesiredValue::Failed(_) | DesiredValue::Asked(_) | DesiredValue::Referred(_) => {}
            _ => over.push(*edit),
        }
    }
    over
}

/// Says in the plan where a value is a person's.
pub fn explain(plan: &mut Plan, edits: &[&ValueEdit]) {
    for request in &mut plan.requests {
        for item in request.items.iter_mut().filter(|item| item.kind == ItemKind::Attribute) {
            let edit = edits.iter().find(|edit| {
                edit.identity == plan.identity
                    && edit.account_type == request.account_type
                    && edit.attribute == item.name
                    && item.value.as_ref() == Some(&edit.edited)
            });
            if let Some(edit) = edit {
                item.explanation =
                    explained(&item.explanation, &edit.computed, &edit.edited, &edit.by, &edit.why, edit.at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worlds::{Taken, access, any_order, attribute, compile, desired_account};

    fn at() -> Timestamp {
        Timestamp::from_second(60).unwrap()
    }

    fn text(attribute: &str, value: &str) -> (String, String) {
        (attribute.to_owned(), value.to_owned())
    }

    fn order_with(value: Value) -> Order {
        let mut order = any_order();
        let item = order.items.iter_mut().find(|item| item.name == "city").unwrap();
        item.value = Some(value);
        order
    }

    #[test]
    fn a_text_becomes_a_value_of_the_same_kind() {
        for (before, given, expected) in [
            (Value::from("Bern"), " Genf ", Ok(Value::from("Genf"))),
            (Value::from(7), "8", Ok(Value::from(8))),
            (Value::from(7), "eight", Err("`city` takes a whole number.")),
            (Value::from(true), "false", Ok(Value::from(false))),
            (Value::from(true), "no", Err("`city` takes `true` or `false`.")),
            (Value::List(vec!["a".into()]), "b, c,,", Ok(Value::List(vec!["b".into(), "c".into()]))),
            (
                Value::List(vec!["a".into()]),
                ",",
                Err("`city` cannot be left empty here. Cancel the order if it is not to be set."),
            ),
            (
                Value::from("Bern"),
                "  ",
                Err("`city` cannot be left empty here. Cancel the order if it is not to be set."),
            ),
            (
                Value::from("Bern"),
                "Ge\u{202e}nf",
                Err("The value of `city` holds characters that cannot be seen. Type it anew."),
            ),
        ] {
            let order = order_with(before.clone());
            let found = changes(&order, &[text("city", given), text("login", "ada")]);
            match expected {
                Ok(after) => assert_eq!(found, Ok(vec![Change { attribute: "city".into(), before, after }])),
                Err(told) => assert_eq!(found.unwrap_err().to_string(), told),
            }
        }
        let long = "x".repeat(LONGEST + 1);
        assert_eq!(changes(&any_order(), &[text("city", &long)]), Err(EditError::TooLong("city".into())));
    }

    #[test]
    fn what_cannot_be_changed_is_refused() {
        let mut order = any_order();
        assert_eq!(changes(&order, &[text("city", "Bern")]), Err(EditError::Nothing));
        assert_eq!(changes(&order, &[]), Err(EditError::Nothing));
        assert_eq!(changes(&order, &[text("A", "B")]), Err(EditError::Unknown("A".into())), "an entitlement");
        for item in &mut order.items {
            item.state = ProvisioningState::Executed;
        }
        assert_eq!(changes(&order, &[text("city", "Genf")]), Err(EditError::Done("city".into())));
        for item in &mut order.items {
            item.secret = true;
        }
        let refused = changes(&order, &[text("city", "Genf")]).unwrap_err();
        assert_eq!(refused, EditError::Secret("city".into()));
        assert!(!refused.to_string().contains("Bern"));
    }

    #[test]
    fn the_explanation_says_who_and_what_happens_later() {
        let order = any_order();
        let made = changes(&order, &[text("city", "Genf")]).unwrap();
        let edited = apply(&order, &made, "ann", "Typing error.", at());
        let item = edited.items.iter().find(|item| item.name == "city").unwrap();
        assert_eq!(item.value, Some(Value::from("Genf")));
        assert!(item.explanation.contains(
            "Changed by ann at 1970-01-01 00:01 UTC from \u{201c}Bern\u{201d} to \u{201c}Genf\u{201d}: Typing error."
        ));
        assert!(item.explanation.contains("until the rules compute another one than \u{201c}Bern\u{201d}"));
        let others = |order: &Order| order.items.iter().filter(|item| item.name != "city").cloned().collect::<Vec<_>>();
        assert_eq!(others(&edited), others(&order));
    }

    #[test]
    fn later_computations_keep_it_until_the_rules_compute_something_else() {
        let order = any_order();
        let made = changes(&order, &[text("city", "Genf"), text("login", "adele")]).unwrap();
        let edits = kept(&order, &made, &[], "ann", "Typing error.", at());
        let edits: Vec<&ValueEdit> = edits.iter().collect();
        let wanted = |city: &str, login: DesiredValue| {
            let attributes = vec![attribute("login", login), attribute("city", DesiredValue::Value(Value::from(city)))];
            access(vec![desired_account("person", attributes, &["person-a"])])
        };
        let logins = || DesiredValue::Unique(vec!["ada".into(), "ada2".into()]);
        let mut same = wanted("Bern", logins());
        assert_eq!(stand_in(&mut same, &edits), Vec::<&ValueEdit>::new());
        let value = |access: &DesiredAccess, name: &str| {
            access.accounts[0].attributes.iter().find(|attribute| attribute.name == name).unwrap().value.clone()
        };
        assert_eq!(value(&same, "city"), DesiredValue::Value(Value::from("Genf")));
        assert_eq!(value(&same, "login"), DesiredValue::Unique(vec!["adele".into()]));
        // The edited order does the same: nothing is ordered again.
        let mut open = apply(&order, &made, "ann", "Typing error.", at());
        open.state = ProvisioningState::Pending;
        let plan = compile(&same, &[], &[open.clone()], &mut Taken::default());
        assert!(plan.requests.is_empty(), "{plan:#?}");
        // Without the edit it would be replaced.
        let mut plan = compile(&same, &[], &[], &mut Taken::default());
        explain(&mut plan, &edits);
        assert!(plan.requests[0].items.iter().any(|item| item.explanation.contains("Changed by ann")));
        let mut corrected = wanted("Basel", logins());
        let over = stand_in(&mut corrected, &edits);
        assert_eq!(over.iter().map(|edit| edit.attribute.as_str()).collect::<Vec<_>>(), ["city"]);
        assert_eq!(value(&corrected, "city"), DesiredValue::Value(Value::from("Basel")));
        let mut failing = wanted("Bern", DesiredValue::Failed("no".into()));
        assert_eq!(stand_in(&mut failing, &edits), Vec::<&ValueEdit>::new());
        assert_eq!(value(&failing, "login"), DesiredValue::Failed("no".into()));
    }

    #[test]
    fn a_value_changed_twice_stands_for_what_was_computed() {
        let order = any_order();
        let first = changes(&order, &[text("city", "Genf")]).unwrap();
        let edits = kept(&order, &first, &[], "ann", "One.", at());
        let order = apply(&order, &first, "ann", "One.", at());
        let second = changes(&order, &[text("city", "Lausanne")]).unwrap();
        let again = kept(&order, &second, &edits, "bo", "Two.", at());
        assert_eq!((&again[0].computed, &again[0].before), (&Value::from("Bern"), &Value::from("Genf")));
    }
}
