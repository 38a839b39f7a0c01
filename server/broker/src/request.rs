//! What follows for a request: which orders carry it out, and how far it is because of them.
//!
//! | its orders | the request is |
//! |---|---|
//! | whatever they say, while something that is asked for waits for an approval | approval |
//! | not made yet | submitted; waiting, where its first day has not come; approval, where a threshold stopped them |
//! | one waits for a reviewer | approval |
//! | one is on its way, or waits: for a person who carries it out, answers or keeps it back, which is said with the state, or to be tried again by itself | provisioning |
//! | one is done and not read back | verifying |
//! | all done, or there are none | completed; partly completed, where something that was asked for was declined |
//! | some done, others failed, declined or cancelled | partly completed |
//! | none done | failed |
//!
//! An order that another one replaced says nothing: the other one does. Cancelled is what a person decides, and stays.
//! What failed goes on when its orders do: nothing here is ever the last word but a cancellation.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use model::access::Grantable;
use model::order::{Order, OrderItem, ProvisioningState, StateReason};
use model::plan::{AccountRequest, AttributeRequest, ItemKind, ItemOperation, Operation};
use model::request::{Change, NewRequest, OrderStanding, Request, RequestItem, RequestState};

use crate::approval::{line, of_changes};

/// How far a request is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    pub state: RequestState,
    pub message: Option<String>,
    pub sent_at: Option<Timestamp>,
    pub done_at: Option<Timestamp>,
    pub ended_at: Option<Timestamp>,
}

/// What the orders say of a request, as of now.
pub fn progress(request: &Request, orders: &[OrderStanding], today: Date, now: Timestamp) -> Progress {
    let (state, message) = state(request, orders, today);
    let is_done = matches!(state, RequestState::Verifying | RequestState::Completed | RequestState::PartlyCompleted);
    Progress {
        state,
        message,
        sent_at: orders.iter().filter_map(|order| order.transmitted_at).min().or(request.sent_at),
        done_at: is_done.then(|| request.done_at.unwrap_or(now)),
        ended_at: (!state.is_open()).then(|| request.ended_at.unwrap_or(now)),
    }
}

fn state(request: &Request, orders: &[OrderStanding], today: Date) -> (RequestState, Option<String>) {
    if request.state == RequestState::Cancelled {
        return (RequestState::Cancelled, request.message.clone());
    }
    if !request.awaiting.is_empty() {
        let message = format!("{} of {} waiting for approval.", request.awaiting.len(), things(request.items.len()));
        return (RequestState::Approval, Some(message));
    }
    if request.planned_at.is_none() {
        return match request.state {
            // A threshold: it is the run that waits.
            RequestState::Approval => (RequestState::Approval, request.message.clone()),
            _ if request.not_before.is_some_and(|first| today < first) => (RequestState::Waiting, None),
            _ => (RequestState::Submitted, None),
        };
    }
    let counted = Counted::of(orders);
    let of = |count: usize, what: &str| Some(format!("{count} of {} {what}.", plural(counted.all())));
    let lost = counted.failed + counted.called_off;
    match counted {
        _ if counted.reviewed > 0 => (RequestState::Approval, of(counted.reviewed, "waiting for a reviewer")),
        _ if counted.moving > 0 => (RequestState::Provisioning, moves(&counted, orders)),
        _ if counted.unconfirmed > 0 => (RequestState::Verifying, (lost > 0).then(|| told(&counted))),
        _ if orders.is_empty() && request.refused.is_empty() => {
            (RequestState::Completed, Some("Nothing had to be changed.".to_owned()))
        }
        _ if lost == 0 && !request.refused.is_empty() => {
            let message =
                format!("{} of {} declined or cancelled.", request.refused.len(), things(request.items.len()));
            (RequestState::PartlyCompleted, Some(message))
        }
        _ if lost == 0 => (RequestState::Completed, None),
        _ if counted.done > 0 => (RequestState::PartlyCompleted, Some(told(&counted))),
        _ => (RequestState::Failed, Some(told(&counted))),
    }
}

/// What orders on their way wait for that only people bring about, and what was lost beside them.
fn moves(counted: &Counted, orders: &[OrderStanding]) -> Option<String> {
    let all = plural(counted.all());
    let waits = |what: &str, is_so: &dyn Fn(&OrderStanding) -> bool| {
        let count = orders.iter().filter(|order| is_so(order)).count();
        (count > 0).then(|| format!("{count} of {all} {what}."))
    };
    let is_pending = |order: &OrderStanding| order.state == ProvisioningState::Pending;
    let said = [
        waits("waiting for a person to carry it out", &|order| {
            order.state == ProvisioningState::Transmitted && order.reason == Some(StateReason::WorkItem)
        }),
        waits("kept back by a person", &|order| {
            is_pending(order) && order.reason.as_ref().is_some_and(StateReason::is_hold)
        }),
        waits("waiting for a person\u{2019}s answer", &|order| {
            is_pending(order) && matches!(order.reason, Some(StateReason::AwaitingAnswer { .. }))
        }),
        (counted.failed + counted.called_off > 0).then(|| told(counted)),
    ];
    let said: Vec<String> = said.into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(" "))
}

fn things(count: usize) -> String {
    if count == 1 { "1 thing".to_owned() } else { format!("{count} things") }
}

fn plural(count: usize) -> String {
    if count == 1 { "1 order".to_owned() } else { format!("{count} orders") }
}

/// "1 of 3 orders failed, 1 was declined, cancelled or no longer needed."
fn told(counted: &Counted) -> String {
    let all = plural(counted.all());
    match (counted.failed, counted.called_off) {
        (failed, 0) => format!("{failed} of {all} failed."),
        (0, off) => format!("{off} of {all} declined, cancelled or no longer needed."),
        (failed, off) => format!("{failed} of {all} failed, {off} declined, cancelled or no longer needed."),
    }
}

/// Orders by what they mean for a request. Those that another of its orders replaced are not counted.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    reviewed: usize,
    moving: usize,
    unconfirmed: usize,
    done: usize,
    failed: usize,
    called_off: usize,
}

impl Counted {
    fn of(orders: &[OrderStanding]) -> Self {
        let mut counted = Self::default();
        for order in orders {
            *match (order.state, &order.reason) {
                (ProvisioningState::AwaitingApproval, _) => &mut counted.reviewed,
                (ProvisioningState::None | ProvisioningState::Pending | ProvisioningState::Transmitted, _) => {
                    &mut counted.moving
                }
                // Nobody will ever confirm it.
                (ProvisioningState::Executed, Some(StateReason::CannotBeReadBack)) => &mut counted.done,
                (ProvisioningState::Executed, _) => &mut counted.unconfirmed,
                (ProvisioningState::Verified, _) => &mut counted.done,
                (ProvisioningState::Errored | ProvisioningState::Error, _) => &mut counted.failed,
                (ProvisioningState::Inactive, Some(StateReason::Superseded { order: by }))
                    if orders.iter().any(|other| other.id == *by) =>
                {
                    continue;
                }
                (ProvisioningState::Inactive, _) => &mut counted.called_off,
            } += 1;
        }
        counted
    }

    fn all(&self) -> usize {
        self.reviewed + self.moving + self.unconfirmed + self.done + self.failed + self.called_off
    }
}

/// Whether a request, or what of it waits for an approval, can be called off.
pub fn can_be_cancelled(request: &Request, orders: &[OrderStanding]) -> bool {
    !request.awaiting.is_empty() || can_be_called_off(request, orders)
}

/// Whether all of a request can be called off: nothing was sent because of it, and it is not over.
pub fn can_be_called_off(request: &Request, orders: &[OrderStanding]) -> bool {
    let is_untouched = |order: &OrderStanding| {
        order.transmitted_at.is_none()
            && matches!(
                order.state,
                ProvisioningState::Pending
                    | ProvisioningState::AwaitingApproval
                    | ProvisioningState::Inactive
                    | ProvisioningState::Error
            )
    };
    request.state.is_open() && request.state != RequestState::Verifying && orders.iter().all(is_untouched)
}

/// What a request leads to: the entitlements and account types it gives and takes away, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    given: BTreeSet<Grantable>,
    taken: BTreeSet<Grantable>,
}

impl Reach {
    /// `follow` says what holding a thing leads to, itself included.
    pub fn of(items: &[RequestItem], follow: impl Fn(&Grantable) -> Vec<Grantable>) -> Self {
        let mut reach = Self::default();
        for item in items {
            let side = match item.change {
                Change::Give => &mut reach.given,
                Change::Take => &mut reach.taken,
            };
            side.extend(follow(&item.grantable));
        }
        reach
    }

    /// Whether the order does something of what the request asks for.
    pub fn is_served_by(&self, order: &Order) -> bool {
        self.is_lifecycle(order.operation, &order.account_type) || order.items.iter().any(|item| self.has_item(item))
    }

    /// The same of what will become an order.
    pub fn is_served_by_request(&self, request: &AccountRequest) -> bool {
        let does = |item: &AttributeRequest| self.has(item.kind, item.operation, item.entitlement.as_deref());
        self.is_lifecycle(request.operation, &request.account_type) || request.items.iter().any(does)
    }

    /// Whether taking this away is asked for.
    pub fn takes(&self, grantable: &Grantable) -> bool {
        self.taken.contains(grantable)
    }

    fn has_item(&self, item: &OrderItem) -> bool {
        self.has(item.kind, item.operation, item.entitlement.as_deref())
    }

    fn has(&self, kind: ItemKind, operation: ItemOperation, entitlement: Option<&str>) -> bool {
        let Some(name) = entitlement.filter(|_| kind == ItemKind::Entitlement) else { return false };
        let side = if operation == ItemOperation::Remove { &self.taken } else { &self.given };
        side.contains(&Grantable::Entitlement(name.to_owned()))
    }

    fn is_lifecycle(&self, operation: Operation, account_type: &str) -> bool {
        let side = match operation {
            Operation::Update => return false,
            Operation::Create | Operation::Enable => &self.given,
            Operation::Disable | Operation::Delete => &self.taken,
        };
        side.contains(&Grantable::AccountType(account_type.to_owned()))
    }
}

/// Of all that a request says: under one key a source asks for one thing.
pub fn digest(new: &NewRequest) -> String {
    let mut items = new.items.clone();
    items.sort();
    let said = (
        (new.trigger, &new.source.reference, &new.requester, new.identity, &items, &new.justification),
        (&new.correlation, new.not_before, new.until, new.priority),
    );
    of_changes("request", [line(&said)])
}

/// Of what a request would do: two that are open at once and would do the same are one.
pub fn open_key(new: &NewRequest) -> String {
    let mut items = new.items.clone();
    items.sort();
    of_changes("open request", [line(&(new.identity, &items, new.not_before, new.until))])
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;
    use model::ids::{IdentityId, OrderId, RequestId};
    use model::request::RequestSource;
    use model::trigger::Trigger;
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn request() -> Request {
        Request {
            id: RequestId(1),
            trigger: Trigger::Administrator,
            priority: 35,
            source: RequestSource::new("page", "by hand"),
            requester: "ann".into(),
            identity: IdentityId(2),
            items: vec![RequestItem { change: Change::Give, grantable: Grantable::Role("clerk".into()) }],
            awaiting: Vec::new(),
            refused: Vec::new(),
            justification: "covers".into(),
            correlation: None,
            not_before: None,
            until: None,
            state: RequestState::Submitted,
            message: None,
            to_plan: false,
            run: None,
            submitted_at: at(0),
            planned_at: Some(at(1)),
            sent_at: None,
            done_at: None,
            ended_at: None,
        }
    }

    fn order(id: i64, state: ProvisioningState, reason: Option<StateReason>) -> OrderStanding {
        OrderStanding { id: OrderId(id), state, reason, transmitted_at: None, changed_at: at(id) }
    }

    fn of(states: &[ProvisioningState]) -> RequestState {
        let orders: Vec<_> = (1..).zip(states).map(|(id, state)| order(id, *state, None)).collect();
        progress(&request(), &orders, date(2026, 3, 1), at(9)).state
    }

    #[test]
    fn what_is_not_decided_waits_and_what_is_refused_is_said() {
        use ProvisioningState::Verified;
        let item = request().items.remove(0);
        let done = [order(1, Verified, None)];
        let of = |request: &Request, orders: &[OrderStanding]| {
            let progress = progress(request, orders, date(2026, 3, 1), at(9));
            (progress.state, progress.message.unwrap_or_default())
        };
        let waits = Request { awaiting: vec![item.clone()], ..request() };
        assert_eq!(of(&waits, &done), (RequestState::Approval, "1 of 1 thing waiting for approval.".into()));
        assert!(can_be_cancelled(&waits, &done) && waits.in_force().is_empty());
        let refused = Request { refused: vec![item], ..request() };
        let said = "1 of 1 thing declined or cancelled.".to_owned();
        assert_eq!(of(&refused, &done), (RequestState::PartlyCompleted, said.clone()));
        assert_eq!(of(&refused, &[]), (RequestState::PartlyCompleted, said));
        let off = Request { state: RequestState::Cancelled, awaiting: refused.refused.clone(), ..request() };
        assert_eq!(of(&off, &[]).0, RequestState::Cancelled);
    }

    #[test]
    fn the_state_follows_from_the_orders() {
        use ProvisioningState::{AwaitingApproval, Error, Errored, Executed, Inactive, Pending, Transmitted, Verified};
        for (states, expected) in [
            (&[][..], RequestState::Completed),
            (&[Verified, AwaitingApproval, Errored], RequestState::Approval),
            (&[Pending], RequestState::Provisioning),
            (&[Transmitted, Errored], RequestState::Provisioning),
            (&[Executed, Verified, Errored], RequestState::Verifying),
            (&[Verified, Verified], RequestState::Completed),
            (&[Verified, Errored], RequestState::PartlyCompleted),
            (&[Verified, Inactive], RequestState::PartlyCompleted),
            (&[Errored, Error], RequestState::Failed),
            (&[Inactive], RequestState::Failed),
        ] {
            assert_eq!(of(states), expected, "{states:?}");
        }
    }

    #[test]
    fn what_is_not_planned_waits_for_its_day_or_for_a_run() {
        let unplanned = Request { planned_at: None, ..request() };
        let waiting = Request { not_before: Some(date(2026, 3, 2)), ..unplanned.clone() };
        let stopped = Request { state: RequestState::Approval, ..unplanned.clone() };
        let cancelled = Request { state: RequestState::Cancelled, ..request() };
        for (request, day, expected) in [
            (&unplanned, date(2026, 3, 1), RequestState::Submitted),
            (&waiting, date(2026, 3, 1), RequestState::Waiting),
            (&waiting, date(2026, 3, 2), RequestState::Submitted),
            (&stopped, date(2026, 3, 1), RequestState::Approval),
            (&cancelled, date(2026, 3, 1), RequestState::Cancelled),
        ] {
            assert_eq!(progress(request, &[], day, at(9)).state, expected);
        }
    }

    #[test]
    fn a_replaced_order_says_nothing_and_an_unreadable_application_is_believed() {
        let replaced = order(1, ProvisioningState::Inactive, Some(StateReason::Superseded { order: OrderId(2) }));
        let done = order(2, ProvisioningState::Executed, Some(StateReason::CannotBeReadBack));
        let found = progress(&request(), &[replaced.clone(), done], date(2026, 3, 1), at(9));
        assert_eq!((found.state, found.ended_at), (RequestState::Completed, Some(at(9))));
        assert_eq!(progress(&request(), &[replaced], date(2026, 3, 1), at(9)).state, RequestState::Failed);
    }

    #[test]
    fn what_waits_for_a_person_says_so() {
        use ProvisioningState::{Errored, Pending, Transmitted};
        let answers = || StateReason::AwaitingAnswer { answers: Vec::new() };
        let held = |before| StateReason::Held { by: "ann".into(), why: "later".into(), since: at(0), before };
        let said = |orders: &[(ProvisioningState, Option<StateReason>)]| {
            let orders: Vec<_> =
                (1..).zip(orders).map(|(id, (state, reason))| order(id, *state, reason.clone())).collect();
            let found = progress(&request(), &orders, date(2026, 3, 1), at(9));
            assert_eq!(found.state, RequestState::Provisioning);
            found.message
        };
        assert_eq!(said(&[(Pending, None), (Transmitted, None)]), None);
        assert_eq!(
            said(&[(Transmitted, Some(StateReason::WorkItem)), (Pending, None)]).as_deref(),
            Some("1 of 2 orders waiting for a person to carry it out.")
        );
        assert_eq!(
            said(&[(Pending, Some(answers())), (Pending, Some(held(Some(Box::new(answers()))))), (Errored, None)])
                .as_deref(),
            Some(
                "1 of 3 orders kept back by a person. 1 of 3 orders waiting for a person\u{2019}s answer. 1 of 3 orders failed."
            )
        );
    }

    #[test]
    fn only_what_was_never_sent_is_cancelled() {
        let sent = OrderStanding { transmitted_at: Some(at(3)), ..order(1, ProvisioningState::Pending, None) };
        let open = Request { state: RequestState::Provisioning, ..request() };
        assert!(can_be_cancelled(&open, &[order(1, ProvisioningState::Pending, None)]));
        assert!(!can_be_cancelled(&open, &[sent]));
        assert!(!can_be_cancelled(&open, &[order(1, ProvisioningState::Verified, None)]));
        assert!(!can_be_cancelled(&Request { state: RequestState::Completed, ..request() }, &[]));
    }

    #[test]
    fn an_order_serves_what_leads_to_it() {
        let follow = |grantable: &Grantable| match grantable {
            Grantable::Role(_) => {
                vec![grantable.clone(), Grantable::Entitlement("desk".into()), Grantable::AccountType("mail".into())]
            }
            other => vec![other.clone()],
        };
        let give = Reach::of(&request().items, follow);
        assert!(give.has(ItemKind::Entitlement, ItemOperation::Add, Some("desk")));
        assert!(!give.has(ItemKind::Entitlement, ItemOperation::Remove, Some("desk")));
        assert!(!give.has(ItemKind::Attribute, ItemOperation::Set, None));
        assert!(give.is_lifecycle(Operation::Create, "mail") && !give.is_lifecycle(Operation::Disable, "mail"));
        assert!(!give.is_lifecycle(Operation::Update, "mail") && !give.is_lifecycle(Operation::Create, "door"));
        let taken = RequestItem { change: Change::Take, grantable: Grantable::Role("clerk".into()) };
        let take = Reach::of(&[taken], follow);
        assert!(take.is_lifecycle(Operation::Disable, "mail") && take.takes(&Grantable::Entitlement("desk".into())));
    }

    fn new() -> NewRequest {
        let items =
            ["a", "b"].map(|name| RequestItem { change: Change::Give, grantable: Grantable::Role(name.into()) });
        let source = RequestSource::new("page", "by hand");
        NewRequest::new(Trigger::AccessRequest, source, IdentityId(2), items.to_vec(), "covers")
    }

    #[test]
    fn the_same_is_the_same_in_any_order_and_whoever_asks() {
        let mut turned = new();
        turned.items.reverse();
        assert_eq!((digest(&turned), open_key(&turned)), (digest(&new()), open_key(&new())));
        let other = NewRequest { justification: "other".into(), trigger: Trigger::Certification, ..new() };
        assert_ne!(digest(&other), digest(&new()));
        assert_eq!(open_key(&other), open_key(&new()));
        let later = NewRequest { until: Some(date(2026, 3, 1)), ..new() };
        assert_ne!(open_key(&later), open_key(&new()));
    }

    proptest! {
        /// Whatever the orders are: the same answer in any order of theirs, an end exactly where nothing is open, and
        /// nothing completed while an order of it is lost.
        #[test]
        fn progress_is_sound(numbers in prop::collection::vec(0_i64..9, 0..6), rotation in 0_usize..6) {
            let orders: Vec<_> = (1..)
                .zip(&numbers)
                .filter_map(|(id, number)| Some(order(id, ProvisioningState::from_number(*number)?, None)))
                .collect();
            let found = progress(&request(), &orders, date(2026, 3, 1), at(9));
            let mut turned = orders.clone();
            let by = rotation.min(turned.len());
            turned.rotate_left(by);
            prop_assert_eq!(&progress(&request(), &turned, date(2026, 3, 1), at(9)), &found);
            prop_assert_eq!(found.ended_at.is_some(), !found.state.is_open());
            let has = |wanted: &[ProvisioningState]| orders.iter().any(|order| wanted.contains(&order.state));
            use ProvisioningState::{AwaitingApproval, Error, Errored, Executed, Inactive, Pending, Transmitted};
            if found.state == RequestState::Completed {
                prop_assert!(!has(&[Error, Errored, Inactive, Executed, Pending, Transmitted, ProvisioningState::None, AwaitingApproval]));
            }
            if !found.state.is_open() {
                prop_assert!(!has(&[Pending, Transmitted, ProvisioningState::None, AwaitingApproval, Executed]));
            }
        }
    }
}
