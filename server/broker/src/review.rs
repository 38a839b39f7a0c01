//! What follows when a reviewer has said something to each property of an order.
//!
//! What is approved goes out; what is declined does not, and is remembered ([`model::review::DeclinedChange`]); what is
//! postponed stays for a review. An order that is approved in part goes out with that part alone: of an account that
//! exists, what was postponed becomes an order of its own that waits on; of one that is only being created, it is
//! ordered once the account is there.
//!
//! The account itself is a property too, and the others hang on it: without it nothing else of the order can happen.

use std::collections::BTreeMap;

use model::ids::{OrderId, OrderItemId};
use model::order::{Order, OrderItem, ProvisioningState};
use model::plan::{ItemKind, Operation};
use model::review::{ReviewKind, Verdict};

use crate::lifecycle::{Event, advance};

/// What is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reviewed {
    pub to: ProvisioningState,
    /// New states of items, with a word on those that do not go out.
    pub items: Vec<(OrderItemId, ProvisioningState, Option<String>)>,
    /// To be remembered.
    pub declined: Vec<OrderItemId>,
    /// Postponed: they become an order of their own, which waits for a review.
    pub remainder: Vec<OrderItemId>,
    /// Postponed: they are ordered once the account is there.
    pub later: Vec<OrderItemId>,
    pub approved: usize,
    /// A sentence for the timeline.
    pub message: String,
}

/// Why nothing follows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("order {order} is no longer waiting for a review; it is \u{201c}{}\u{201d} by now. Look at it again before you decide", .state.label())]
    NotWaiting { order: OrderId, state: ProvisioningState },
    #[error("order {order} has no property {item} that waits for a decision; look at it again")]
    NoSuchItem { order: OrderId, item: OrderItemId },
    #[error(
        "order {order}: the account itself is postponed, so nothing else of it can be decided. Decide about the account, or postpone everything"
    )]
    AccountFirst { order: OrderId },
    #[error(
        "order {order}: the account cannot be created without \u{201c}{name}\u{201d}. Approve it, or decline the account"
    )]
    Needed { order: OrderId, name: String },
    #[error("say why: a comment is required where something is declined; it is kept with the decision")]
    CommentMissing,
}

/// Decides. `needed` are the properties without which the account cannot be created.
pub fn review(
    order: &Order,
    verdicts: &BTreeMap<OrderItemId, Verdict>,
    needed: &[OrderItemId],
    comment: &str,
) -> Result<Reviewed, Refused> {
    let id = order.id;
    if order.state != ProvisioningState::AwaitingApproval {
        return Err(Refused::NotWaiting { order: id, state: order.state });
    }
    let open: Vec<&OrderItem> = order.items.iter().filter(|item| waits(item)).collect();
    if let Some(item) = verdicts.keys().find(|item| open.iter().all(|open| open.id != **item)) {
        return Err(Refused::NoSuchItem { order: id, item: *item });
    }
    let said = |item: &OrderItem| verdicts.get(&item.id).copied().unwrap_or(Verdict::Postpone);
    if open.iter().any(|item| said(item) == Verdict::Decline) && comment.trim().is_empty() {
        return Err(Refused::CommentMissing);
    }
    let account = open.iter().find(|item| item.kind == ItemKind::Lifecycle).copied();
    match account.map(said) {
        Some(Verdict::Postpone) if open.iter().any(|item| said(item) != Verdict::Postpone) => {
            return Err(Refused::AccountFirst { order: id });
        }
        Some(Verdict::Decline) => return Ok(declined_whole(order, &open, account)),
        _ => {}
    }
    let missing = open.iter().find(|item| needed.contains(&item.id) && said(item) != Verdict::Approve);
    if let Some(item) = missing.filter(|_| account.map(said) == Some(Verdict::Approve)) {
        return Err(Refused::Needed { order: id, name: item.name.clone() });
    }
    let of = |verdict: Verdict| -> Vec<&OrderItem> {
        open.iter().copied().filter(|item| said(item) == verdict).collect::<Vec<_>>()
    };
    let (approved, declined, postponed) = (of(Verdict::Approve), of(Verdict::Decline), of(Verdict::Postpone));
    if !declined.is_empty() && approved.is_empty() && postponed.is_empty() {
        return Ok(declined_whole(order, &open, None));
    }
    let event = if approved.is_empty() { Event::Postpone } else { Event::Approve };
    let to = advance(order.state, event).unwrap_or(order.state);
    let is_split = !approved.is_empty() && !postponed.is_empty();
    let has_account = order.account.is_some();
    let mut items: Vec<_> = approved.iter().map(|item| (item.id, to, None)).collect();
    let not_sent = |item: &OrderItem, why: &str| (item.id, ProvisioningState::Inactive, Some(why.to_owned()));
    items.extend(declined.iter().map(|item| not_sent(item, "Declined by a reviewer.")));
    if is_split {
        let why = if has_account {
            "Postponed: it waits on in an order of its own."
        } else {
            "Postponed: it is ordered once the account is there."
        };
        items.extend(postponed.iter().map(|item| not_sent(item, why)));
    }
    let ids = |items: &[&OrderItem]| items.iter().map(|item| item.id).collect::<Vec<_>>();
    let split = if is_split { ids(&postponed) } else { Vec::new() };
    let (remainder, later) = if has_account { (split, Vec::new()) } else { (Vec::new(), split) };
    Ok(Reviewed {
        to,
        items,
        declined: ids(&declined),
        remainder,
        later,
        approved: approved.len(),
        message: sentence(&approved, &declined, &postponed),
    })
}

/// What an order does, to a reviewer. `is_found`: its account was found in the application, and nobody has taken it over.
pub fn kind(order: &Order, is_found: bool) -> ReviewKind {
    match order.operation {
        Operation::Create => ReviewKind::Addition,
        Operation::Disable | Operation::Delete => ReviewKind::Deletion,
        Operation::Update | Operation::Enable if is_found => ReviewKind::Association,
        Operation::Update | Operation::Enable => ReviewKind::Update,
    }
}

/// Whether a reviewer still has something to say to the item.
pub fn waits(item: &OrderItem) -> bool {
    item.state == ProvisioningState::AwaitingApproval
}

fn declined_whole(order: &Order, open: &[&OrderItem], account: Option<&OrderItem>) -> Reviewed {
    let to = advance(order.state, Event::Decline).unwrap_or(order.state);
    let declined = match account {
        // The rest goes with it, and comes back with it.
        Some(account) => vec![account.id],
        None => open.iter().map(|item| item.id).collect(),
    };
    Reviewed {
        to,
        items: open.iter().map(|item| (item.id, to, Some("Declined by a reviewer.".to_owned()))).collect(),
        declined,
        remainder: Vec::new(),
        later: Vec::new(),
        approved: 0,
        message: "Declined by a reviewer.".to_owned(),
    }
}

fn sentence(approved: &[&OrderItem], declined: &[&OrderItem], postponed: &[&OrderItem]) -> String {
    let names = |items: &[&OrderItem]| {
        let names: Vec<&str> = items.iter().map(|item| item.name.as_str()).take(5).collect();
        let more = items.len().saturating_sub(names.len());
        if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
    };
    let parts: Vec<String> = [("Approved", approved), ("Declined", declined), ("Postponed", postponed)]
        .into_iter()
        .filter(|(_, items)| !items.is_empty())
        .map(|(word, items)| format!("{word}: {}.", names(items)))
        .collect();
    if declined.is_empty() && postponed.is_empty() { "Approved by a reviewer.".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use model::access::DesiredValue;
    use model::account::{AccountStatus, Provenance};
    use model::value::Value;

    use super::*;
    use crate::worlds::{Taken, access, account, attribute, compile, desired_account, orders};

    /// Of an account type with review: created, or changed.
    fn order(exists: bool) -> Order {
        let attributes = vec![
            attribute("login", DesiredValue::Value(Value::from("ada"))),
            attribute("title", DesiredValue::Value(Value::from("Dr"))),
        ];
        let on_top = vec![
            desired_account("person", vec![attribute("login", DesiredValue::Value(Value::from("ada")))], &[]),
            desired_account("mailbox", vec![attribute("login", DesiredValue::Value(Value::from("ada")))], &[]),
            desired_account("admin", attributes, &["admin-a"]),
        ];
        let known: Vec<_> =
            if exists { vec![account(1, "admin", AccountStatus::Enabled, Provenance::Created)] } else { Vec::new() };
        let plan = compile(&access(on_top), &known, &[], &mut Taken::default());
        orders(&plan, 100).into_iter().find(|order| order.account_type == "admin").unwrap()
    }

    fn told(order: &Order, verdicts: &[(&str, Verdict)], comment: &str) -> String {
        let item = |name: &str| order.items.iter().find(|item| item.name == name).unwrap().id;
        let named = |id: &OrderItemId| order.items.iter().find(|item| item.id == *id).unwrap().name.as_str();
        let verdicts = verdicts.iter().map(|(name, verdict)| (item(name), *verdict)).collect();
        let needed: Vec<OrderItemId> = order
            .items
            .iter()
            .filter(|item| order.operation == Operation::Create && item.name == "login")
            .map(|item| item.id)
            .collect();
        match review(order, &verdicts, &needed, comment) {
            Err(refused) => refused.to_string(),
            Ok(reviewed) => {
                let names = |ids: &[OrderItemId]| ids.iter().map(named).collect::<Vec<_>>().join(" ");
                let out: Vec<OrderItemId> = reviewed
                    .items
                    .iter()
                    .filter(|(_, state, _)| *state == ProvisioningState::Pending)
                    .map(|(id, _, _)| *id)
                    .collect();
                format!(
                    "{}: out [{}], declined [{}], on its own [{}], later [{}]",
                    reviewed.to.number(),
                    names(&out),
                    names(&reviewed.declined),
                    names(&reviewed.remainder),
                    names(&reviewed.later)
                )
            }
        }
    }

    use Verdict::{Approve, Decline, Postpone};

    #[test]
    fn only_what_is_approved_goes_out() {
        let changed = order(true);
        for (verdicts, expected) in [
            (
                &[("login", Approve), ("title", Approve), ("A", Approve)][..],
                "1: out [login title A], declined [], on its own [], later []",
            ),
            (
                &[("login", Approve), ("title", Decline), ("A", Postpone)][..],
                "1: out [login], declined [title], on its own [A], later []",
            ),
            (&[("title", Decline)][..], "5: out [], declined [title], on its own [], later []"),
            (
                &[("login", Decline), ("title", Decline), ("A", Decline)][..],
                "6: out [], declined [login title A], on its own [], later []",
            ),
            (&[][..], "5: out [], declined [], on its own [], later []"),
        ] {
            assert_eq!(told(&changed, verdicts, "no"), expected);
        }
        let created = order(false);
        let all = [("admin", Approve), ("login", Approve), ("title", Postpone), ("A", Decline)];
        assert_eq!(told(&created, &all, "no"), "1: out [admin login], declined [A], on its own [], later [title]");
        assert_eq!(told(&created, &[("admin", Decline)], "no"), "6: out [], declined [admin], on its own [], later []");
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let created = order(false);
        assert!(told(&created, &[("login", Approve)], "").contains("the account itself is postponed"));
        assert!(told(&created, &[("admin", Approve)], "").contains("cannot be created without \u{201c}login\u{201d}"));
        assert!(told(&created, &[("admin", Decline)], " ").contains("comment is required"));
        let mut sent = order(true);
        sent.state = ProvisioningState::Pending;
        assert!(told(&sent, &[("login", Approve)], "").contains("no longer waiting for a review"));
        let mut done = order(true);
        done.items.iter_mut().for_each(|item| item.state = ProvisioningState::Inactive);
        assert!(told(&done, &[("login", Approve)], "").contains("has no property"));
    }
}
