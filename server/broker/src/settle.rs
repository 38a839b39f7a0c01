//! What follows from an answer: the order's next state, why, when next, how far each item is, what is now known of the
//! account, and a sentence for the timeline. All of it is applied in one transaction, or nothing.
//!
//! Three questions, each a function: what did the application answer ([`answer`]), what does it hold after an answer was
//! lost ([`read_back`]), and does a later reading confirm what was done ([`verify`]).
//!
//! An answer that leaves open whether the change happened (no answer, or one without sense) keeps the order of a direct
//! mechanism in 2 Transmitted with the reason *in doubt*, and with the time at which it is to be read back; only a
//! reading moves it on, and a reading that fails does not. An answer that proves that nothing happened and that passes
//! by itself puts it back to 1 Pending.

mod account;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use model::account::{Account, AccountStatus, Mechanism, Provenance};
use model::command::{Applied, CommandError, Outcome};
use model::ids::{AccountId, IdentityId, OrderItemId};
use model::order::{Answer, ErrorClass, Order, ProvisioningState, StateReason};
use model::plan::{ItemKind, Operation};
use model::value::{Attributes, Value};

pub use reading::{read_back, verify, verify_all};

use crate::catalogue::Catalogue;
use crate::lifecycle::{Event, advance};
use crate::retry::{Retry, RetryPolicy, leaves_doubt};

/// What follows from an answer or a reading.
#[derive(Clone, Debug, PartialEq)]
pub struct Settled {
    pub to: ProvisioningState,
    pub reason: Option<StateReason>,
    pub next_attempt_at: Option<Timestamp>,
    /// Items whose state or message changes.
    pub items: Vec<(OrderItemId, ProvisioningState, Option<String>)>,
    /// How the attempt ended.
    pub answer: Answer,
    /// A sentence for the timeline.
    pub message: String,
    /// What is now known of the account; none where nothing changed.
    pub account: Option<AccountChange>,
}

/// What is now known of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// It exists, and is not on record as this order's. One that is on record under this application and key all the same
    /// (found before it was taken over, or gone and back) is replaced by this and keeps its id. The order gets the
    /// account and its key.
    Created(NewAccount),
    /// This has changed of it.
    Patched(AccountPatch),
}

/// What an order did to an account that is on record, and nothing else of it: it is laid over the account as it is by then, so
/// that of two orders which were under way side by side each keeps what the other did, whichever is recorded first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountPatch {
    pub account: AccountId,
    /// Gone where it is not there any more.
    pub status: Option<AccountStatus>,
    /// The key that it has got.
    pub key: Option<String>,
    /// Whose it is where nobody's was known, and that it is ours to take back. None where nothing was done to it.
    pub changed_for: Option<IdentityId>,
    /// None takes a value away.
    pub attributes: BTreeMap<String, Option<Value>>,
    /// Whether each is held.
    pub entitlements: BTreeMap<String, bool>,
}

impl AccountPatch {
    /// Lays it over the account.
    pub fn apply(&self, account: &mut Account) {
        account.status = match (account.status, self.status) {
            (known, None) => known,
            // What is not there is not disabled either, whichever was heard of first; only where it was made once more, or is
            // enabled, is it there again.
            (AccountStatus::Gone, Some(AccountStatus::Disabled)) => AccountStatus::Gone,
            (_, Some(status)) => status,
        };
        if let Some(key) = &self.key {
            account.key.clone_from(key);
        }
        if let Some(owner) = self.changed_for {
            account.owner = account.owner.or(Some(owner));
            if account.provenance == Provenance::Found {
                account.provenance = Provenance::Adopted;
            }
        }
        for (name, value) in &self.attributes {
            match value {
                Some(value) => account.attributes.insert(name.clone(), value.clone()),
                None => account.attributes.remove(name),
            };
        }
        for (name, is_held) in &self.entitlements {
            if *is_held {
                account.entitlements.insert(name.clone());
            } else {
                account.entitlements.remove(name);
            }
        }
    }
}

/// An account that has no id yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewAccount {
    pub application: String,
    pub account_type: String,
    pub key: String,
    pub owner: IdentityId,
    pub status: AccountStatus,
    pub provenance: Provenance,
    pub attributes: Attributes,
    pub entitlements: BTreeSet<String>,
}

impl NewAccount {
    /// The account, on record from now on.
    pub fn with_id(self, id: AccountId) -> Account {
        Account {
            id,
            application: self.application,
            account_type: self.account_type,
            key: self.key,
            owner: Some(self.owner),
            status: self.status,
            provenance: self.provenance,
            attributes: self.attributes,
            entitlements: self.entitlements,
            observed_at: None,
        }
    }
}

/// What follows from what a connector, another system or a person answered. Whether the answer belongs to the latest
/// attempt is compared by the store, with the fence.
///
/// `account` is the one on record; `jitter` is evenly spread over 0 to 1.
pub fn answer(
    order: &Order,
    account: Option<&Account>,
    result: &Result<Outcome, CommandError>,
    catalogue: &Catalogue,
    retry: &RetryPolicy,
    now: Timestamp,
    jitter: f64,
) -> Settled {
    match result {
        Ok(Outcome::Handed { reference }) => handed(order, reference, catalogue.can_be_called_off(&order.carrier)),
        Ok(Outcome::Applied(applied)) => done(order, account, applied, false, catalogue, now),
        Ok(Outcome::AlreadySo(applied)) => done(order, account, applied, true, catalogue, now),
        Err(error) if error.class == ErrorClass::NotFound && order.operation.removes() => {
            // Nothing is there that could still give access.
            let applied = Applied { detail: error.message.clone(), ..Applied::default() };
            let mut settled = done(order, account, &applied, true, catalogue, now);
            settled.account = gone(account);
            settled.message = format!("The account is not there any more: {}", error.message);
            settled
        }
        Err(error) => failed(order, account, error, retry, now, jitter),
    }
}

/// No answer in time. A late one is still taken ([`Event::LateAnswer`]) while its fence holds.
pub fn timed_out(order: &Order, now: Timestamp) -> Settled {
    let since = order.transmitted_at.unwrap_or(order.created_at);
    let message =
        format!("No answer since {since}, given up at {now}. Find out what became of it, then retry or cancel.");
    unanswered(order, message)
}

/// The configuration does not know any more whom it was handed to: nobody asks there for an answer. Should it come back, a
/// late answer still counts.
pub fn left_behind(order: &Order) -> Settled {
    let message = format!(
        "Nobody answers for it: \u{201c}{}\u{201d} is not in the configuration any more. The next run that generates orders \
         sends what is still needed the way that the configuration says now.",
        order.carrier
    );
    unanswered(order, message)
}

fn unanswered(order: &Order, message: String) -> Settled {
    Settled {
        to: advance(order.state, Event::TimeOut).unwrap_or(order.state),
        reason: Some(StateReason::Timeout),
        next_attempt_at: None,
        items: all_items(order, ProvisioningState::Errored),
        answer: match reference(order) {
            // Under which it can still be asked for, and called off.
            Some(reference) => Answer::Handed { reference: reference.to_owned() },
            None => Answer::Failed { class: ErrorClass::Unknown, message: "No answer in time.".to_owned() },
        },
        message,
        account: None,
    }
}

/// The other system has it and says something that nobody has explained: it waits on, and a person should look.
pub fn unclear(order: &Order, problem: &str) -> Settled {
    let mut settled = handed(order, reference(order).unwrap_or_default(), true);
    if let Answer::Handed { reference } = &settled.answer {
        let (reference, message) = (reference.clone(), problem.to_owned());
        settled.reason = Some(StateReason::Unclear { reference, message });
    }
    settled.message = format!("{problem} The order waits on; look at it there.");
    settled
}

/// What the other system says is clear again.
pub fn clear(order: &Order) -> Settled {
    let mut settled = handed(order, reference(order).unwrap_or_default(), true);
    settled.message = "What the other system says is clear again; the answer is awaited.".to_owned();
    settled
}

/// What the order was handed over as.
fn reference(order: &Order) -> Option<&str> {
    match &order.reason {
        Some(StateReason::Handed { reference, .. } | StateReason::Unclear { reference, .. }) => Some(reference),
        _ => None,
    }
}

/// A person says that it is done. A later reading confirms that, or finds otherwise.
pub fn marked_done(
    order: &Order,
    account: Option<&Account>,
    by: &str,
    evidence: &str,
    catalogue: &Catalogue,
) -> Settled {
    let key = account::key(order, &Applied::default(), catalogue);
    let mut remark = String::new();
    if !catalogue.can_be_read_back(&order.application) {
        remark.push_str(" The application cannot be read back, so this is as sure as it gets.");
    }
    Settled {
        to: advance(order.state, Event::MarkDone).unwrap_or(order.state),
        reason: Some(StateReason::MarkedDone { by: by.to_owned(), evidence: evidence.to_owned() }),
        next_attempt_at: None,
        items: all_items(order, ProvisioningState::Executed),
        answer: Answer::Applied { detail: format!("marked as done by {by}: {evidence}") },
        message: format!("Marked as done by a person. Evidence: {evidence}{remark}"),
        account: account::after(order, account, &Applied::default(), key),
    }
}

fn handed(order: &Order, reference: &str, can_be_called_off: bool) -> Settled {
    let is_manual = order.mechanism == Mechanism::Manual;
    let (reason, message) = if is_manual {
        (StateReason::WorkItem, "Waits for a person: it is among the work items.".to_owned())
    } else {
        let reference = reference.to_owned();
        (
            StateReason::Handed { reference: reference.clone(), can_be_called_off },
            format!("Handed over as {reference}; the answer comes later."),
        )
    };
    Settled {
        to: order.state,
        reason: Some(reason),
        next_attempt_at: None,
        items: all_items(order, order.state),
        answer: Answer::Handed { reference: reference.to_owned() },
        message,
        account: None,
    }
}

fn done(
    order: &Order,
    account: Option<&Account>,
    applied: &Applied,
    already: bool,
    catalogue: &Catalogue,
    now: Timestamp,
) -> Settled {
    let detail = applied.detail.clone();
    let answer = if already { Answer::AlreadySo { detail } } else { Answer::Applied { detail } };
    let key = account::key(order, applied, catalogue);
    // Another system cannot know under which key; what it did is found when the application is read.
    let is_found_later = order.mechanism == Mechanism::Executor && catalogue.can_be_read_back(&order.application);
    if order.operation == Operation::Create && key.is_none() && !is_found_later {
        let message = "The application said that the account was created, but not under which key. It is read back.";
        return in_doubt(order, now, answer, message.to_owned());
    }
    let refusal = |name: &str| applied.refused.iter().find(|(refused, _)| refused == name).map(|(_, why)| why.clone());
    let mut items = Vec::with_capacity(order.items.len());
    let mut refused = Vec::new();
    for item in &order.items {
        let refusal = match item.kind {
            ItemKind::Lifecycle => applied.account_refused.clone(),
            ItemKind::Attribute | ItemKind::Entitlement => refusal(&item.name),
        };
        match refusal {
            Some(why) => {
                refused.push(item.name.as_str());
                items.push((item.id, ProvisioningState::Errored, Some(why)));
            }
            _ if matches!(item.state, ProvisioningState::Verified | ProvisioningState::Inactive) => {}
            _ => items.push((item.id, ProvisioningState::Executed, None)),
        }
    }
    let is_late = order.state == ProvisioningState::Errored;
    if refused.is_empty() {
        let event = if is_late { Event::LateAnswer } else { Event::Execute };
        let readable = catalogue.can_be_read_back(&order.application);
        return Settled {
            to: advance(order.state, event).unwrap_or(order.state),
            reason: (!readable).then_some(StateReason::CannotBeReadBack),
            next_attempt_at: None,
            items,
            answer,
            message: done_sentence(order, applied, already, catalogue),
            account: account::after(order, account, applied, key),
        };
    }
    let (class, how) = match order.mechanism {
        Mechanism::Manual => (ErrorClass::Declined, "which cannot be done"),
        Mechanism::Direct | Mechanism::Executor => (ErrorClass::Invalid, "refused by the application"),
    };
    let message = format!("Done but for {} of {}, {how}: {}.", refused.len(), order.items.len(), refused.join(", "));
    let to = if is_late { order.state } else { advance(order.state, Event::Fail).unwrap_or(order.state) };
    Settled {
        to,
        reason: Some(StateReason::Failed { class, message: message.clone() }),
        next_attempt_at: None,
        items,
        answer,
        message,
        account: account::after(order, account, applied, key),
    }
}

fn done_sentence(order: &Order, applied: &Applied, already: bool, catalogue: &Catalogue) -> String {
    let application = catalogue.application_label(&order.application);
    let mut sentence = match (applied.adopted, already) {
        (true, _) => format!("The account was there already, matched, and was taken over in {application}"),
        (false, true) => format!("It was so already in {application}"),
        (false, false) => format!("Done in {application}"),
    };
    if !applied.detail.is_empty() {
        sentence.push_str(": ");
        sentence.push_str(&applied.detail);
    }
    sentence.push('.');
    sentence
}

fn failed(
    order: &Order,
    account: Option<&Account>,
    error: &CommandError,
    retry: &RetryPolicy,
    now: Timestamp,
    jitter: f64,
) -> Settled {
    let CommandError { class, message, .. } = error;
    let answer = Answer::Failed { class: *class, message: message.clone() };
    let gone = || if *class == ErrorClass::NotFound { gone(account) } else { None };
    if order.state == ProvisioningState::Errored {
        // Late, and no better than what is known.
        let reason = StateReason::Failed { class: *class, message: message.clone() };
        return Settled {
            to: order.state,
            reason: Some(reason),
            next_attempt_at: None,
            items: failed_items(order, ProvisioningState::Errored, message),
            answer,
            message: format!("A late answer, after the time was over: {message}"),
            account: gone(),
        };
    }
    match retry.next(error, order.attempts, order.created_at, now, jitter) {
        Retry::At(at) if (leaves_doubt(*class) || is_in_doubt(order)) && order.mechanism == Mechanism::Direct => {
            let sentence = format!("{message} Whether it happened is not known; the application is read back.");
            in_doubt(order, at, answer, sentence)
        }
        Retry::At(at) => Settled {
            to: advance(order.state, Event::RetryLater).unwrap_or(order.state),
            reason: Some(StateReason::RetryWait { class: *class, message: message.clone() }),
            next_attempt_at: Some(at),
            items: failed_items(order, ProvisioningState::Pending, message),
            answer,
            message: format!("{message} It is tried again by itself (attempt {} failed).", order.attempts),
            account: None,
        },
        Retry::GiveUp => {
            let given_up = if class.is_retryable() {
                format!("{message} Given up after {} attempts.", order.attempts)
            } else {
                message.clone()
            };
            Settled {
                to: advance(order.state, Event::Fail).unwrap_or(order.state),
                reason: Some(StateReason::Failed { class: *class, message: message.clone() }),
                next_attempt_at: None,
                items: failed_items(order, ProvisioningState::Errored, message),
                answer,
                message: given_up,
                account: gone(),
            }
        }
    }
}

/// Whether an earlier attempt may have arrived. That this one, or the reading in its place, failed says nothing about it.
fn is_in_doubt(order: &Order) -> bool {
    matches!(order.reason, Some(StateReason::InDoubt))
}

/// The account is not there any more; nothing where that is on record, or where no account is.
fn gone(account: Option<&Account>) -> Option<AccountChange> {
    let account = account.filter(|account| account.status != AccountStatus::Gone)?;
    Some(AccountChange::Patched(AccountPatch {
        account: account.id,
        status: Some(AccountStatus::Gone),
        key: None,
        changed_for: None,
        attributes: BTreeMap::new(),
        entitlements: BTreeMap::new(),
    }))
}

/// Stays in flight until the application has been read.
fn in_doubt(order: &Order, at: Timestamp, answer: Answer, message: String) -> Settled {
    Settled {
        to: order.state,
        reason: Some(StateReason::InDoubt),
        next_attempt_at: Some(at),
        items: Vec::new(),
        answer,
        message,
        account: None,
    }
}

/// Items that are not done go along with the order.
fn all_items(order: &Order, state: ProvisioningState) -> Vec<(OrderItemId, ProvisioningState, Option<String>)> {
    let is_done = |state| {
        matches!(state, ProvisioningState::Executed | ProvisioningState::Verified | ProvisioningState::Inactive)
    };
    order.items.iter().filter(|item| !is_done(item.state)).map(|item| (item.id, state, None)).collect()
}

fn failed_items(
    order: &Order,
    state: ProvisioningState,
    message: &str,
) -> Vec<(OrderItemId, ProvisioningState, Option<String>)> {
    all_items(order, state).into_iter().map(|(id, state, _)| (id, state, Some(message.to_owned()))).collect()
}
