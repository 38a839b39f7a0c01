//! Values that come from another account of the same person: a mailbox that needs the directory's name for its owner.
//!
//! | the account that has the value | then |
//! |---|---|
//! | is there, with a value | it is taken, at once |
//! | is wanted and not there, or about to be changed and without a value yet | it is *still to come*: the order waits, and gets it once it is there |
//! | is neither there nor wanted; or is there, nothing changes it any more, and it has no value | the source gives no value: left out, or asked for where it is required ([`crate::questions`]) |
//! | is one of several, and a person is asked which | still to come |
//! | the expression fails | the account fails (state 7) |
//!
//! What waits is an order like any other, with the value left open; [`fill`] says when it can be put in. An account that is
//! there already is brought in step with what is known, and gets the rest by a later plan.
//!
//! What this leaves out: evaluating the expression (`policy::referral`), and in which order accounts come and go
//! ([`crate::plan`]).

use model::access::{DesiredAccess, DesiredAccount, DesiredValue};
use model::account::{Account, AccountStatus};
use model::configuration::Reference;
use model::ids::OrderItemId;
use model::order::{Order, OrderItem, ProvisioningState, StateReason};
use model::plan::{ItemKind, ItemOperation, Operation, Referred};
use model::value::Value;

use crate::catalogue::Catalogue;
use crate::choice::{self, AccountChoice, Chosen};
use crate::compare::{present, same, says};
use crate::plan::{chosen, is_there};
use crate::settle::AccountChange;

/// Reads the value that this attribute of an account type takes from an account, as the configuration says: account type,
/// attribute, account.
pub type Read<'a> = &'a dyn Fn(&str, &str, &Account) -> Result<Option<Value>, String>;

/// What is known of a person's accounts.
#[derive(Clone, Copy)]
pub struct Known<'a> {
    pub accounts: &'a [Account],
    /// As planning sees them ([`crate::plan::PlanInput::open_orders`]).
    pub open_orders: &'a [Order],
    pub choices: &'a [AccountChoice],
    pub catalogue: &'a Catalogue,
    pub read: Read<'a>,
}

/// Puts values in the place of references. What is still to come stays [`DesiredValue::Referred`].
pub fn stand_in(desired: &mut DesiredAccess, known: &Known<'_>) {
    let mut found: Vec<(usize, usize, DesiredValue)> = Vec::new();
    for (position, account) in desired.accounts.iter().enumerate() {
        for (place, attribute) in account.attributes.iter().enumerate() {
            let DesiredValue::Referred(reference) = &attribute.value else { continue };
            let source = desired.accounts.iter().find(|source| source.account_type == reference.account_type);
            let value = match known.look_up(&account.account_type, &attribute.name, reference, Wanted::of(source)) {
                Found::Value(value) => DesiredValue::Value(value),
                Found::Coming => continue,
                Found::Nothing => DesiredValue::Absent,
                Found::Failed(message) => DesiredValue::Failed(message),
            };
            found.push((position, place, value));
        }
    }
    for (position, place, value) in found {
        if let Some(account) = desired.accounts.get_mut(position)
            && let Some(attribute) = account.attributes.get_mut(place)
        {
            attribute.value = value;
        }
    }
}

/// Says in the plan from which account a value was taken.
pub fn explain(plan: &mut model::plan::Plan, known: &Known<'_>) {
    for request in &mut plan.requests {
        let account_type = &request.account_type;
        for item in request.items.iter_mut().filter(|item| item.kind == ItemKind::Attribute && item.value.is_some()) {
            let facts = known.catalogue.attribute(account_type, &item.name);
            let Some(reference) = facts.and_then(|facts| facts.reference.as_ref()) else { continue };
            let Some(source) = chosen(known.accounts, &reference.account_type, known.choices) else { continue };
            let read = (known.read)(account_type, &item.name, source);
            if read.is_ok_and(|read| same(read.as_ref(), item.value.as_ref())) {
                let referred = referred(&item.name, reference, known.catalogue);
                item.explanation = format!("{} {}", taken(&referred, source), item.explanation);
            }
        }
    }
}

/// What becomes of an order that waits for values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filling {
    /// They are known: the value of each item, with what explains it.
    Filled(Vec<(OrderItemId, Value, String)>),
    Waits,
    /// What is known by now asks for another order: a new plan decides.
    Overtaken,
}

/// Whether the values that an order waits for are known by now. What a person keeps back stays as it is until they let it go.
pub fn fill(order: &Order, known: &Known<'_>) -> Filling {
    let Some(StateReason::AwaitingReference { references, .. }) = &order.reason else { return Filling::Waits };
    let mut values = Vec::with_capacity(references.len());
    let mut waits = false;
    for awaited in references {
        let facts = known.catalogue.attribute(&order.account_type, &awaited.attribute);
        let Some((facts, reference)) = facts.and_then(|facts| Some((facts, facts.reference.as_ref()?))) else {
            return Filling::Overtaken;
        };
        let is_open = |item: &&OrderItem| {
            item.kind == ItemKind::Attribute && item.name == awaited.attribute && item.operation == ItemOperation::Set
        };
        let item = order.items.iter().find(is_open);
        let (Some(item), true) = (item, referred(&awaited.attribute, reference, known.catalogue) == *awaited) else {
            return Filling::Overtaken;
        };
        // Which of several is meant is not for an order to find out.
        let is_meant = |account: &&Account| account.account_type == reference.account_type && is_there(account);
        if known.accounts.iter().filter(is_meant).nth(1).is_some() {
            return Filling::Overtaken;
        }
        match known.look_up(&order.account_type, &awaited.attribute, reference, Wanted::Yes(None)) {
            Found::Coming => waits = true,
            Found::Value(value) if facts.constraint.misfit(&value).is_none() => {
                let source = chosen(known.accounts, &reference.account_type, known.choices);
                let taken = source.map(|source| taken(awaited, source)).unwrap_or_default();
                values.push((item.id, value, taken));
            }
            Found::Value(_) | Found::Nothing | Found::Failed(_) => return Filling::Overtaken,
        }
    }
    if waits { Filling::Waits } else { Filling::Filled(values) }
}

/// The order with its values, as it is sent.
#[must_use]
pub fn filled(order: &Order, values: &[(OrderItemId, Value, String)], catalogue: &Catalogue) -> Order {
    let mut order = order.clone();
    for item in &mut order.items {
        if let Some((_, value, explanation)) = values.iter().find(|(id, ..)| *id == item.id) {
            item.value = Some(value.clone());
            item.explanation.clone_from(explanation);
        }
    }
    let facts = catalogue.account_type(&order.account_type);
    if let Some(facts) = facts.filter(|facts| facts.key_is_native && order.operation == Operation::Create) {
        let is_key = |item: &&OrderItem| item.kind == ItemKind::Attribute && item.name == facts.key_attribute;
        order.key = order.items.iter().find(is_key).and_then(|item| item.value.as_ref()).map(ToString::to_string);
    }
    order.reason = None;
    order
}

/// How a value that is still to come is told of.
pub(crate) fn referred(attribute: &str, reference: &Reference, catalogue: &Catalogue) -> Referred {
    Referred {
        attribute: attribute.to_owned(),
        account_type: reference.account_type.clone(),
        label: catalogue.account_type_label(&reference.account_type).to_owned(),
        taken: reference.taken().to_owned(),
    }
}

/// For a person, of a value that is still to come.
pub(crate) fn waits(referred: &Referred) -> String {
    format!("Taken from {} once it is known.", referred.source())
}

fn taken(referred: &Referred, source: &Account) -> String {
    format!("Taken from {} ({}).", referred.source(), source.key)
}

/// Whether the account that a value comes from should be there, and like this as far as that is known.
#[derive(Clone, Copy)]
enum Wanted<'a> {
    Yes(Option<&'a DesiredAccount>),
    No,
}

impl<'a> Wanted<'a> {
    fn of(desired: Option<&'a DesiredAccount>) -> Self {
        desired.map_or(Self::No, |desired| Self::Yes(Some(desired)))
    }
}

enum Found {
    Value(Value),
    Coming,
    Nothing,
    Failed(String),
}

impl Known<'_> {
    fn look_up(&self, account_type: &str, attribute: &str, reference: &Reference, wanted: Wanted<'_>) -> Found {
        let choice = choice::of(self.choices, &reference.account_type);
        match choice.map(|choice| &choice.chosen) {
            Some(Chosen::Ask(_)) => return Found::Coming,
            Some(Chosen::Skip | Chosen::Fail) => return Found::Nothing,
            Some(Chosen::Account(_)) | None => {}
        }
        let Some(source) = chosen(self.accounts, &reference.account_type, self.choices) else {
            return if matches!(wanted, Wanted::Yes(_)) { Found::Coming } else { Found::Nothing };
        };
        match (self.read)(account_type, attribute, source) {
            Err(message) => Found::Failed(message),
            Ok(value) if present(value.as_ref()).is_some() => value.map_or(Found::Nothing, Found::Value),
            Ok(_) if self.is_changed(source, reference) || is_to_be_changed(source, reference, wanted) => Found::Coming,
            Ok(_) => Found::Nothing,
        }
    }

    /// Whether an order may still give the account what is taken, or its reading may still tell it.
    fn is_changed(&self, source: &Account, reference: &Reference) -> bool {
        self.open_orders.iter().any(|order| {
            let is_about = order.account_type == source.account_type
                && order.account.is_none_or(|account| account == source.id)
                && !order.operation.removes();
            let is_open = match order.state {
                ProvisioningState::Executed => self.catalogue.can_be_read_back(&order.application),
                state => state.is_open(),
            };
            is_about && is_open && may_change(order, reference)
        })
    }
}

/// Whether an order that gives the account something may give it what is taken. What comes with an account that is made or
/// enabled, and how an attribute names it, nobody knows before; an expression may read anything.
fn may_change(order: &Order, reference: &Reference) -> bool {
    matches!(order.operation, Operation::Create | Operation::Enable)
        || order.items.iter().any(|item| item.kind == ItemKind::Attribute || reference.expression.is_some())
}

/// Account types with values that are to follow where an order has done this to an account, sorted.
pub fn following_order<'a>(order: &Order, change: Option<&AccountChange>, catalogue: &'a Catalogue) -> Vec<&'a str> {
    let is_other = match change {
        None => return Vec::new(),
        Some(AccountChange::Created(_)) => true,
        Some(AccountChange::Patched(patch)) => patch.status == Some(AccountStatus::Gone) || patch.key.is_some(),
    };
    let is_touched = |reference: &Reference| {
        let is_taken = |item: &OrderItem| {
            item.kind == ItemKind::Attribute && reference.attribute.as_ref().is_some_and(|taken| *taken == item.name)
        };
        is_other || reference.expression.is_some() || order.items.iter().any(is_taken)
    };
    following(&order.account_type, &is_touched, catalogue)
}

/// The same where a reading finds an account that was, or was not, on record otherwise.
pub fn following_reading<'a>(before: Option<&Account>, after: &Account, catalogue: &'a Catalogue) -> Vec<&'a str> {
    let is_touched = |reference: &Reference| {
        let Some(before) = before else { return true };
        let is_other = before.owner != after.owner
            || before.account_type != after.account_type
            || is_there(before) != is_there(after)
            || before.key != after.key;
        let is_otherwise = || {
            before.attributes != after.attributes
                || before.entitlements != after.entitlements
                || before.status != after.status
        };
        is_other
            || match &reference.attribute {
                Some(taken) => before.attributes.get(taken) != after.attributes.get(taken),
                None => is_otherwise(),
            }
    };
    following(&after.account_type, &is_touched, catalogue)
}

/// Account types with values that come from this one, where what is taken is touched.
pub fn following<'a>(
    account_type: &str,
    is_touched: &dyn Fn(&Reference) -> bool,
    catalogue: &'a Catalogue,
) -> Vec<&'a str> {
    let types = catalogue.account_type(account_type).map_or(&[][..], |facts| &facts.referred_by);
    let is_following = |kind: &&String| {
        let mut references = catalogue.attributes_of(kind).filter_map(|facts| facts.reference.as_ref());
        references.any(|reference| reference.account_type == account_type && is_touched(reference))
    };
    types.iter().filter(is_following).map(String::as_str).collect()
}

/// Whether the plan that is being made gives the account values: the one that is taken, or any where an expression says
/// what is.
fn is_to_be_changed(source: &Account, reference: &Reference, wanted: Wanted<'_>) -> bool {
    let Wanted::Yes(Some(desired)) = wanted else { return false };
    let is_meant = |name: &str| reference.attribute.as_ref().is_none_or(|attribute| attribute == name);
    let is_written = |attribute: &&model::access::DesiredAttribute| {
        !attribute.create_only && !attribute.secret && is_meant(&attribute.name)
    };
    desired.attributes.iter().filter(is_written).any(|attribute| {
        let current = source.attributes.get(&attribute.name);
        match &attribute.value {
            DesiredValue::Value(value) => present(Some(value)).is_some() && !same(Some(value), current),
            DesiredValue::Unique(candidates) => {
                !current.is_some_and(|current| candidates.iter().any(|candidate| says(current, candidate)))
            }
            DesiredValue::Referred(_) => present(current).is_none(),
            DesiredValue::Absent | DesiredValue::Failed(_) | DesiredValue::Asked(_) => false,
        }
    })
}

#[cfg(test)]
mod tests;
