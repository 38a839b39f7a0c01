//! Twenty-five bugs and more that can be planted, one at a time, to show that the simulation would find them. They are in
//! the walk, in the store, or in what a decision of `broker` is turned into on its way; nothing of the product knows them.

use broker::lifecycle::Event;
use broker::plan::PlanInput;
use jiff::{SignedDuration, Timestamp};
use model::account::{Account, Mechanism, Provenance};
use model::command::{CommandError, Outcome};
use model::ids::OrderId;
use model::order::{Answer, ErrorClass, Order, ProvisioningState, StateReason};
use model::plan::{AttributeRequest, ItemKind, ItemOperation, Operation, Plan};

use super::company::FOREIGN;
use super::scheduler::Sim;
use broker::settle::Settled;

macro_rules! planted_bugs {
    ($($(#[doc = $what:literal])+ $name:ident,)+) => {
        /// One mistake somebody might make.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum PlantedBug {
            $($(#[doc = $what])+ $name,)+
        }

        impl PlantedBug {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name,)+];

            pub(crate) fn what(self) -> &'static str {
                match self {
                    $(Self::$name => concat!($($what,)+).trim_ascii(),)+
                }
            }
        }
    };
}

planted_bugs! {
    /// An order whose node died is sent again as if nothing had been sent.
    NotReadBack,
    /// A second attempt of a creation does not look whether the first one arrived.
    DoubtIsForgotten,
    /// A result counts although its attempt is not the newest.
    OldFenceCounts,
    /// The command leaves before the claim is committed.
    SentBeforeClaimed,
    /// Commits are acknowledged before they are durable.
    AcknowledgedBeforeDurable,
    /// Two orders of one account are sent at once.
    TwoInFlight,
    /// An order is sent before those it depends on are done.
    DependentsGoFirst,
    /// Orders of leavers wait for their turn among all the others.
    LeaversWaitTheirTurn,
    /// A limit stops a run only beyond one more than it says.
    OneMoreThanTheLimit,
    /// Thresholds are checked for each person's plan alone.
    ThresholdPerPerson,
    /// An entitlement that the configuration does not know is taken away.
    UnmanagedIsTakenAway,
    /// An entitlement that a rule offers is taken away before a person decided.
    OfferedIsTakenAway,
    /// An account that was only found is disabled.
    FoundIsDisabled,
    /// Answers of another system are acknowledged before they are recorded.
    AnswersAcknowledgedUnread,
    /// Of several answers to one order only the last is looked at, and all are acknowledged.
    OneAnswerIsEnough,
    /// An order counts as verified although the reading shows something else.
    VerifiedUnseen,
    /// An order counts as verified once it is executed.
    ExecutedIsVerified,
    /// What no repetition mends is tried again by itself.
    HopelessIsRetried,
    /// `Retry-After` is not honoured.
    RetryAfterIsIgnored,
    /// The account is written in a second transaction.
    AccountWrittenLater,
    /// Some steps are not written to the timeline.
    TimelineHasHoles,
    /// Orders are taken from a node that lives and works on them.
    LeasesAreStolen,
    /// Leases are not renewed while a batch takes long.
    NoHeartbeat,
    /// An order that is in flight can be cancelled.
    CancelledInFlight,
    /// A review is not waited for.
    ReviewIsSkipped,
    /// A declined order is sent all the same.
    DeclinedIsSent,
    /// An order is replaced although it was sent meanwhile.
    ReplacedAlthoughSent,
    /// A node that lost its run goes on writing for it.
    LostRunGoesOn,
    /// A reading that failed is taken for one that shows nothing.
    FailedReadingIsEmpty,
    /// One of several possible owners is drawn.
    AmbiguousOwnerIsDrawn,
    /// Unique values are not kept for whom they were given to.
    ReservationsAreForgotten,
    /// An order that a person carries out opens no work item.
    WorkItemForgotten,
    /// The last order of a plan is not written.
    AnOrderIsForgotten,
    /// What touches the same as an order that somebody else holds is sent beside it.
    SameItemSideBySide,
    /// What an order did is written over the account as it was when the order was sent.
    RecordedAsItWas,
    /// An approval lets through whatever the run does by then.
    ApprovalForAnything,
    /// All rings go at once.
    RingsGoAtOnce,
    /// The next ring goes although the one before it failed.
    SickRingIsFollowed,
}

impl Sim {
    pub(crate) fn is_planted(&self, bug: PlantedBug) -> bool {
        self.with(|world| world.bug == Some(bug))
    }
}

/// What a wrong decision about an answer would look like.
pub(crate) fn mutate_settled(
    sim: &Sim,
    order: &Order,
    answer: &Result<Outcome, CommandError>,
    now: Timestamp,
    settled: &mut Settled,
) {
    if sim.is_planted(PlantedBug::HopelessIsRetried)
        && let Err(CommandError {
            class: class @ (ErrorClass::Conflict | ErrorClass::NotFound | ErrorClass::Invalid),
            message,
            ..
        }) = answer
        && order.state == ProvisioningState::Transmitted
        && settled.to == ProvisioningState::Errored
    {
        settled.to = ProvisioningState::Pending;
        settled.reason = Some(StateReason::RetryWait { class: *class, message: message.clone() });
        settled.next_attempt_at = Some(now + SignedDuration::from_mins(1));
    }
    if sim.is_planted(PlantedBug::RetryAfterIsIgnored)
        && matches!(settled.answer, Answer::Failed { class: ErrorClass::RateLimited, .. })
        && settled.next_attempt_at.is_some()
    {
        settled.next_attempt_at = Some(now + SignedDuration::from_secs(1));
    }
    if sim.is_planted(PlantedBug::ExecutedIsVerified) && settled.to == ProvisioningState::Executed {
        settled.to = ProvisioningState::Verified;
    }
}

/// What planning would see if it took everything it finds for its own.
pub(crate) fn mutate_accounts(sim: &Sim, accounts: &[Account]) -> Vec<Account> {
    let mut accounts = accounts.to_vec();
    if sim.is_planted(PlantedBug::FoundIsDisabled) {
        for account in accounts.iter_mut().filter(|account| account.provenance == Provenance::Found) {
            account.provenance = Provenance::Created;
        }
    }
    accounts
}

/// What a wrong plan would look like.
pub(crate) fn mutate_plan(sim: &Sim, input: &PlanInput<'_>, plan: &mut Plan) {
    let held = |request: &model::plan::AccountRequest, key: &str| {
        let account = input.accounts.iter().find(|account| Some(account.id) == request.account);
        account.is_some_and(|account| account.entitlements.contains(key))
    };
    if sim.is_planted(PlantedBug::UnmanagedIsTakenAway) {
        for request in plan.requests.iter_mut().filter(|request| request.operation != Operation::Delete) {
            if held(request, FOREIGN) {
                request.items.push(removal(FOREIGN, "unknown"));
            }
        }
        plan.retained.retain(|retained| retained.name != FOREIGN);
    }
    if sim.is_planted(PlantedBug::SameItemSideBySide) {
        let is_held = |order: &OrderId| {
            let open = input.open_orders.iter().find(|open| open.id == *order);
            open.is_some_and(|open| open.mechanism != Mechanism::Direct && open.operation == Operation::Update)
        };
        for request in plan.requests.iter_mut().filter(|request| request.operation != Operation::Delete) {
            request.waits_for.retain(|order| !is_held(order));
        }
    }
    if sim.is_planted(PlantedBug::OfferedIsTakenAway) {
        let (mut taken, requests) = (Vec::new(), &mut plan.requests);
        for retained in plan.retained.iter().filter(|retained| retained.why.starts_with("Offered")) {
            let request = requests.iter_mut().find(|request| request.account_type == retained.account_type);
            if let Some(request) = request.filter(|request| request.operation != Operation::Create) {
                request.items.push(removal(&retained.name, "offered"));
                taken.push(retained.name.clone());
            }
        }
        plan.retained.retain(|retained| !taken.contains(&retained.name));
    }
}

fn removal(key: &str, entitlement: &str) -> AttributeRequest {
    AttributeRequest {
        kind: ItemKind::Entitlement,
        name: key.to_owned(),
        operation: ItemOperation::Remove,
        value: None,
        current: None,
        entitlement: Some(entitlement.to_owned()),
        reasons: Vec::new(),
        explanation: "Planted.".to_owned(),
        secret: false,
    }
}

/// What wrong orders of a right plan would look like.
pub(crate) fn mutate_orders(sim: &Sim, orders: &mut Vec<Order>) {
    if sim.is_planted(PlantedBug::ReviewIsSkipped) {
        for order in orders.iter_mut().filter(|order| order.state == ProvisioningState::AwaitingApproval) {
            order.state = ProvisioningState::Pending;
        }
    }
    if sim.is_planted(PlantedBug::AnOrderIsForgotten) && sim.with(|world| world.chance.permille(200)) {
        orders.pop();
    }
}

/// The states from which a person's decision is taken.
pub(crate) fn mutated_sources(sim: &Sim, event: Event, state: ProvisioningState) -> Option<ProvisioningState> {
    let is_it = sim.is_planted(PlantedBug::CancelledInFlight);
    (is_it && event == Event::Cancel && state == ProvisioningState::Transmitted).then_some(ProvisioningState::Inactive)
}
