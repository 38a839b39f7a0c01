//! What operators do to orders that have not come to their end: one at a time, or all that they have in view. Whether an
//! action fits is `broker::operator`'s; what is decided here is applied only to orders that are still as they were seen.

use std::collections::{BTreeMap, BTreeSet};

use broker::operator::{self, Standing};
use broker::settle::Settled;
use broker::{edit, settle, untrusted};
use model::account::{Account, Mechanism};
use model::error::ApiError;
use model::ids::OrderId;
use model::order::{Action, Answer, Order, OrderItem, ProvisioningState, StateReason};
use model::view::OrderSelection;
use store::{Reservation, StoreError};

use super::{audit, find};
use crate::context::OpContext;
use crate::dispatch;
use crate::error::internal;
use crate::record::{self, Decision, Extra, Step};

/// Longest reason or evidence, in characters.
const LONGEST_TEXT: usize = 1_000;
/// Orders acted on in one transaction.
const BATCH: usize = 500;
/// Most orders that are acted on at once.
const MOST: u32 = 100_000;

/// What an operator does, with what they say about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    Retry,
    /// New values by attribute, and why.
    Edit {
        values: Vec<(String, String)>,
        why: String,
    },
    SendToManual {
        why: String,
    },
    MarkDone {
        evidence: String,
    },
    Cancel {
        why: String,
    },
    Hold {
        why: String,
    },
    Resume,
}

impl Deed {
    /// From the name of an action and the one text that goes with it; none for an edit, which is more than a text.
    pub fn from_parts(action: Action, text: String) -> Option<Self> {
        Some(match action {
            Action::Retry => Self::Retry,
            Action::Edit => return None,
            Action::SendToManual => Self::SendToManual { why: text },
            Action::MarkDone => Self::MarkDone { evidence: text },
            Action::Cancel => Self::Cancel { why: text },
            Action::Hold => Self::Hold { why: text },
            Action::Resume => Self::Resume,
        })
    }

    pub fn action(&self) -> Action {
        match self {
            Self::Retry => Action::Retry,
            Self::Edit { .. } => Action::Edit,
            Self::SendToManual { .. } => Action::SendToManual,
            Self::MarkDone { .. } => Action::MarkDone,
            Self::Cancel { .. } => Action::Cancel,
            Self::Hold { .. } => Action::Hold,
            Self::Resume => Action::Resume,
        }
    }

    /// With texts that may be kept and shown.
    fn checked(self) -> Result<Self, ApiError> {
        Ok(match self {
            Self::Retry | Self::Resume => self,
            Self::Edit { values, why } => Self::Edit {
                values,
                why: text("why", why, "Say why the values are changed; it is kept with the order.")?,
            },
            Self::SendToManual { why } => Self::SendToManual {
                why: text("why", why, "Say why people are to do it, and what they have to know; they read it first.")?,
            },
            Self::MarkDone { evidence } => Self::MarkDone {
                evidence: text("evidence", evidence, "Say how you know that it is done; it is kept as the evidence.")?,
            },
            Self::Cancel { why } => {
                Self::Cancel { why: text("why", why, "Say why the order is given up; it is kept with the order.")? }
            }
            Self::Hold { why } => {
                Self::Hold { why: text("why", why, "Say why the order is held; others see it with your name.")? }
            }
        })
    }
}

fn text(field: &str, text: String, missing: &str) -> Result<String, ApiError> {
    let cleaned = untrusted::message(text.trim());
    if cleaned.trim().is_empty() {
        return Err(ApiError::invalid(field, missing));
    }
    if cleaned.chars().count() > LONGEST_TEXT {
        return Err(ApiError::invalid(field, format!("Write no more than {LONGEST_TEXT} characters.")));
    }
    Ok(cleaned)
}

/// What became of many orders.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BulkOutcome {
    pub done: u64,
    /// Why some were not, and how many for each reason.
    pub refused: BTreeMap<String, u64>,
}

impl BulkOutcome {
    pub fn refusals(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// Does it to one order, or says why not; then nothing is changed.
pub async fn act(op: &OpContext, id: OrderId, deed: Deed) -> Result<(), ApiError> {
    op.require(deed.action().permission())?;
    let deed = deed.checked()?;
    let order = find(op, id).await?;
    carry_out(op, &order, &deed).await?;
    op.engine.wake().notify_waiters();
    Ok(())
}

/// Does it to an order as it was seen. That the caller may is for others to see to.
pub(crate) async fn carry_out(op: &OpContext, order: &Order, deed: &Deed) -> Result<(), ApiError> {
    let id = order.id;
    let refused = |why: String| ApiError::conflict(format!("Order {id} stays as it is: {why}"));
    let accounts = dispatch::accounts_of(&op.engine, std::slice::from_ref(order)).await.map_err(internal)?;
    let account = order.account.and_then(|id| accounts.get(&id));
    let decision = match decide(op, order, account, deed).await? {
        Ok(decision) => decision,
        Err(why) => return Err(refused(why)),
    };
    match record::record_decisions(&op.engine, vec![decision], op.now).await {
        Ok(taken) if taken == [true] => {}
        Ok(_) => {
            return Err(ApiError::conflict(format!(
                "Order {id} has just changed; nothing was done. Look at it again before you decide."
            )));
        }
        Err(StoreError::Conflict { constraint }) if constraint == record::VALUE_TAKEN => {
            return Err(ApiError::invalid(
                "values",
                "Another account has that value, or is to have it. Choose another; nothing was changed.",
            ));
        }
        Err(error) => return Err(internal(error)),
    }
    Ok(())
}

/// Does it to all orders that were in view and have not changed since; each stands for itself. `expected` is how many
/// the person was told of: those that have changed meanwhile are told as refused.
pub async fn act_on_many(
    op: &OpContext,
    selection: &OrderSelection,
    expected: u64,
    deed: Deed,
) -> Result<BulkOutcome, ApiError> {
    op.require("/Orders/Bulk")?;
    op.require(deed.action().permission())?;
    if deed.action() == Action::Edit {
        return Err(ApiError::invalid("action", "Values are changed on one order at a time."));
    }
    let deed = deed.checked()?;
    let engine = &op.engine;
    let ids = engine.store().selected_orders(selection, MOST).await.map_err(internal)?;
    let mut outcome = BulkOutcome::default();
    for batch in ids.chunks(BATCH) {
        let orders = engine.store().orders_by_id(batch).await.map_err(internal)?;
        let accounts = dispatch::accounts_of(engine, &orders).await.map_err(internal)?;
        let mut decisions = Vec::with_capacity(orders.len());
        for order in &orders {
            let account = order.account.and_then(|id| accounts.get(&id));
            match decide(op, order, account, &deed).await? {
                Ok(decision) => decisions.push(decision),
                Err(why) => *outcome.refused.entry(why).or_default() += 1,
            }
        }
        for taken in record::record_decisions(engine, decisions, op.now).await.map_err(internal)? {
            if taken {
                outcome.done += 1;
            } else {
                *outcome.refused.entry(CHANGED.to_owned()).or_default() += 1;
            }
        }
    }
    let gone = expected.saturating_sub(ids.len() as u64);
    if gone > 0 {
        *outcome.refused.entry(CHANGED.to_owned()).or_default() += gone;
    }
    op.engine.wake().notify_waiters();
    Ok(outcome)
}

const CHANGED: &str = "It has changed since you saw it; look at it again before you decide.";

/// What is to be written, or why the deed does not fit the order.
async fn decide(
    op: &OpContext,
    order: &Order,
    account: Option<&Account>,
    deed: &Deed,
) -> Result<Result<Decision, String>, ApiError> {
    let to = match operator::decide(order, deed.action()) {
        Ok(to) => to,
        Err(refused) => return Ok(Err(refused.to_string())),
    };
    let (settled, extra) = match deed {
        Deed::Edit { values, why } => match edited(op, order, to, values, why).await? {
            Ok(edited) => edited,
            Err(error) => return Err(ApiError::invalid("values", error.to_string())),
        },
        Deed::MarkDone { evidence } => {
            let live = op.engine.world().live();
            let by = &op.user.display_name;
            (settle::marked_done(order, account, by, evidence, &live.catalogue), Extra::default())
        }
        other => (moved(op, order, to, other), extra(op, order, other)),
    };
    let audit = audit(op, order.id, &settled.message);
    let step = Step { actor: Some(op.user.login.clone()), ..Step::new(order.clone(), settled) };
    Ok(Ok(Decision { step, extra, audit }))
}

fn extra(op: &OpContext, order: &Order, deed: &Deed) -> Extra {
    let called_off = |why: &String| {
        format!("Order {}, which was to set it back, was given up by {}: {why}", order.id, op.user.display_name)
    };
    Extra {
        called_off: if let Deed::Cancel { why } = deed { Some(called_off(why)) } else { None },
        mechanism: matches!(deed, Deed::SendToManual { .. }).then_some(Mechanism::Manual),
        keeps_attempt: order.state == ProvisioningState::Transmitted,
        ..Extra::default()
    }
}

/// The step of a deed that changes nothing but where the order stands.
fn moved(op: &OpContext, order: &Order, to: ProvisioningState, deed: &Deed) -> Settled {
    let by = &op.user.display_name;
    let (reason, message) = match deed {
        Deed::Retry if order.state == ProvisioningState::Transmitted => {
            (Some(StateReason::InDoubt), "To be read back now, asked for by a person.".to_owned())
        }
        Deed::Retry => (None, "Sent again by a person.".to_owned()),
        Deed::SendToManual { why } => (
            Some(StateReason::GivenToPeople { by: by.clone(), why: why.clone() }),
            format!("Given to people by {by}: {why}"),
        ),
        Deed::Cancel { why } => (None, format!("Given up by {by}: {why}")),
        Deed::Hold { why } => {
            let before = order.reason.clone().map(Box::new);
            let held = StateReason::Held { by: by.clone(), why: why.clone(), since: op.now, before };
            (Some(held), format!("Held by {by}: {why}"))
        }
        Deed::Resume => {
            let before = match &order.reason {
                Some(StateReason::Held { before, .. }) => before.as_deref().cloned(),
                _ => None,
            };
            (before, format!("Let go again by {by}."))
        }
        Deed::Edit { .. } | Deed::MarkDone { .. } => (order.reason.clone(), String::new()),
    };
    let stays = matches!(deed, Deed::Hold { .. } | Deed::Resume);
    let next_attempt_at = match to {
        _ if stays => order.next_attempt_at,
        ProvisioningState::Pending | ProvisioningState::Transmitted => Some(op.now),
        _ => None,
    };
    let items = if stays || to == order.state { Vec::new() } else { items(order, to) };
    Settled { to, reason, next_attempt_at, items, answer: UNANSWERED, message, account: None }
}

/// No attempt is ended by what a person decides.
const UNANSWERED: Answer = Answer::ReadBack { present: false };

/// Items that go along with their order. What is done already is not done again, unless the whole order is.
fn items(order: &Order, to: ProvisioningState) -> Vec<(model::ids::OrderItemId, ProvisioningState, Option<String>)> {
    let whole = Standing::of(order) == Standing::Done;
    let goes = |item: &&OrderItem| match item.state {
        // Confirmed, or not sent on a reviewer's word.
        ProvisioningState::Verified | ProvisioningState::Inactive => false,
        ProvisioningState::Executed => whole,
        _ => true,
    };
    order.items.iter().filter(goes).map(|item| (item.id, to, None)).collect()
}

/// The step, and what goes along, of values that a person changes.
async fn edited(
    op: &OpContext,
    order: &Order,
    to: ProvisioningState,
    values: &[(String, String)],
    why: &str,
) -> Result<Result<(Settled, Extra), edit::EditError>, ApiError> {
    let changes = match edit::changes(order, values) {
        Ok(changes) => changes,
        Err(error) => return Ok(Err(error)),
    };
    let (_, extra) = with_values(op, order, &changes, why).await?;
    let by = &op.user.display_name;
    let told: Vec<String> = changes
        .iter()
        .map(|change| {
            format!("{} from \u{201c}{}\u{201d} to \u{201c}{}\u{201d}", change.attribute, change.before, change.after)
        })
        .collect();
    let settled = Settled {
        to,
        reason: None,
        next_attempt_at: Some(op.now),
        items: items(order, to),
        answer: UNANSWERED,
        message: format!(
            "Changed by {by} and sent again: {}. {why} Later computations keep this until the rules compute something else.",
            told.join(", ")
        ),
        account: None,
    };
    Ok(Ok((settled, extra)))
}

/// The order with values that a person put in the place of others, and what goes along with that.
pub(crate) async fn with_values(
    op: &OpContext,
    order: &Order,
    changes: &[edit::Change],
    why: &str,
) -> Result<(Order, Extra), ApiError> {
    let by = &op.user.display_name;
    let store = op.engine.store();
    let in_force: Vec<_> =
        store.value_edits_in_force().await.map_err(internal)?.into_iter().map(|(_, edit)| edit).collect();
    let kept = edit::kept(order, changes, &in_force, by, why, op.now);
    let ids = store.reserve_ids(kept.len()).await.map_err(internal)?;
    let after = edit::apply(order, changes, by, why, op.now);
    let changed: BTreeSet<&str> = changes.iter().map(|change| change.attribute.as_str()).collect();
    let values = after
        .items
        .iter()
        .filter(|item| changed.contains(item.name.as_str()) && edit::can_be_edited(item))
        .filter_map(|item| Some((item.id, item.value.clone()?, item.explanation.clone())))
        .collect();
    let configuration = op.engine.world().configuration();
    let made = configuration.account_types.get(&order.account_type);
    let is_unique = |name: &str| {
        made.and_then(|made| made.attributes.get(name)).is_some_and(|attribute| attribute.unique.is_some())
    };
    let reserved = changes.iter().filter(|change| is_unique(&change.attribute)).filter_map(|change| {
        Some(Reservation {
            application: order.application.clone(),
            attribute: change.attribute.clone(),
            value: change.after.as_text()?.to_owned(),
            identity: order.identity,
        })
    });
    let reserved = reserved.collect();
    let edits = ids.zip(kept).collect();
    Ok((after, Extra { values, edits, reserved, ..Extra::default() }))
}
