//! The only place that writes what became of an order. State, timeline, what is now known of the account, what *View
//! permissions* shows and the work item commit together, or not at all; a result that carries an old fence changes nothing.

use std::collections::HashMap;

use broker::catalogue::Catalogue;
use broker::settle::{AccountChange, AccountPatch, Settled};
use broker::{fingerprint, lifecycle};
use futures::StreamExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use jiff::civil::Date;
use model::access::Grantable;
use model::account::{Account, Mechanism};
use model::ids::{AccountId, IdentityId, OrderId, OrderItemId, WorkItemId};
use model::mail::Notice;
use model::order::{Order, OrderItem, ProvisioningState, StateReason, ValueEdit};
use model::plan::{ItemKind, ItemOperation};
use model::value::Value;
use model::view::AuditLine;
use model::work_item::{WorkItem, WorkItemEvent, WorkItemQuestion};
use store::{AssignmentStateChange, FilledOrder, NewIdentityEvent, RecordedTransition, Reservation, StoreError, Tx};

use crate::Engine;
use crate::requests::follow::{self, Moment};

/// What is to be written for one order.
#[derive(Clone)]
pub(crate) struct Step {
    pub(crate) order: Order,
    pub(crate) settled: Settled,
    /// Opened with it, for an order that a person carries out.
    pub(crate) work_item: Option<WorkItem>,
    /// Who or what caused it; the node unless told.
    pub(crate) actor: Option<String>,
    /// How often it has failed in the same way, where that was counted.
    pub(crate) repeats: Option<u32>,
}

impl Step {
    pub(crate) fn new(order: Order, settled: Settled) -> Self {
        Self { order, settled, work_item: None, actor: None, repeats: None }
    }
}

/// Writes the steps in one transaction; answers for each whether it was taken.
pub(crate) async fn record(engine: &Engine, steps: Vec<Step>, at: Timestamp) -> Result<Vec<bool>, StoreError> {
    if steps.is_empty() {
        return Ok(Vec::new());
    }
    let when = When { at, today: engine.day(at) };
    let write = || async {
        let writes = prepare(engine, &steps, at).await?;
        engine.store().write(move |tx| Box::pin(async move { commit(tx, writes, when).await })).await
    };
    loop {
        // Nobody would tell it a second time. Done twice, the second is refused by its fence.
        let recorded = engine.insist("What became of orders", write).await;
        // A reading of the application has just put the new account on record; the next look finds it there.
        if !recorded.as_ref().is_err_and(is_known_meanwhile) {
            return recorded;
        }
    }
}

/// Steps that [`record_many`] writes in one transaction.
const BATCH: usize = 2_000;

/// As [`record`], some at a time: while these are written, what the next ones write is made ready. Those of one person go
/// together, for what follows from one may be read by the next.
pub(crate) async fn record_many(engine: &Engine, steps: Vec<Step>, at: Timestamp) -> Result<(), StoreError> {
    let recorded: Vec<BoxFuture<'_, Result<Vec<bool>, StoreError>>> = batches(steps, BATCH, |step| step.order.identity)
        .into_iter()
        .map(|batch| -> BoxFuture<'_, _> { Box::pin(record(engine, batch, at)) })
        .collect();
    let mut recorded = futures::stream::iter(recorded).buffered(2);
    while let Some(batch) = recorded.next().await {
        batch?;
    }
    Ok(())
}

/// So many at a time, and more where they are of one person.
fn batches<T>(all: Vec<T>, size: usize, whose: impl Fn(&T) -> IdentityId) -> Vec<Vec<T>> {
    let mut place: HashMap<IdentityId, usize> = HashMap::new();
    let mut batches: Vec<Vec<T>> = Vec::new();
    for one in all {
        let place = *place.entry(whose(&one)).or_insert_with(|| {
            if batches.last().is_none_or(|last| last.len() >= size) {
                batches.push(Vec::with_capacity(size));
            }
            batches.len() - 1
        });
        batches[place].push(one);
    }
    batches
}

/// Whether an account that was about to be put on record has been, between looking and writing.
pub(crate) fn is_known_meanwhile(error: &StoreError) -> bool {
    matches!(error, StoreError::Conflict { constraint } if constraint == "account_key_once")
}

async fn prepare(engine: &Engine, steps: &[Step], at: Timestamp) -> Result<Vec<Write>, StoreError> {
    let known = Known::read(engine, steps).await?;
    let mut ids = engine.store().reserve_ids(steps.iter().filter(|step| known.is_new(step)).count()).await?;
    let live = engine.world().live();
    let writes: Vec<Write> = steps
        .iter()
        .map(|step| {
            let id = if known.is_new(step) { ids.next().map(AccountId) } else { None };
            Write::new(step, id, &known, &live.catalogue, engine, at)
        })
        .collect();
    for (write, step) in writes.iter().zip(steps) {
        let application = step.order.application.clone();
        metrics::counter!("orders_total", "application" => application, "state" => write.transition.to.slug())
            .increment(1);
    }
    Ok(writes)
}

/// Accounts on record that the steps speak of.
struct Known {
    by_key: HashMap<(String, String), Account>,
}

impl Known {
    async fn read(engine: &Engine, steps: &[Step]) -> Result<Self, StoreError> {
        let mut keys: HashMap<String, Vec<String>> = HashMap::new();
        for step in steps {
            if let Some(AccountChange::Created(created)) = &step.settled.account {
                keys.entry(created.application.clone()).or_default().push(created.key.clone());
            }
        }
        let store = engine.store();
        let mut by_key = HashMap::new();
        for (application, keys) in keys {
            for account in store.accounts_by_key(&application, &keys).await? {
                by_key.insert((application.clone(), account.key.clone()), account);
            }
        }
        Ok(Self { by_key })
    }

    fn is_new(&self, step: &Step) -> bool {
        match &step.settled.account {
            Some(AccountChange::Created(created)) => {
                !self.by_key.contains_key(&(created.application.clone(), created.key.clone()))
            }
            _ => false,
        }
    }

    /// What is to be written of the account.
    fn account(&self, change: &AccountChange, id: Option<AccountId>) -> Option<AccountWrite> {
        match change {
            AccountChange::Created(created) => {
                let on_record =
                    self.by_key.get(&(created.application.clone(), created.key.clone())).map(|known| known.id);
                let account = created.clone().with_id(on_record.or(id)?);
                Some(if on_record.is_none() { AccountWrite::New(account) } else { AccountWrite::Replaced(account) })
            }
            AccountChange::Patched(patch) => Some(AccountWrite::Patched(patch.clone())),
        }
    }
}

/// What is written of an account.
enum AccountWrite {
    New(Account),
    /// On record before under the key of one that was made.
    Replaced(Account),
    Patched(AccountPatch),
}

impl AccountWrite {
    /// The account, and its key where the order tells it.
    fn told(&self) -> (AccountId, Option<String>) {
        match self {
            Self::New(account) | Self::Replaced(account) => (account.id, Some(account.key.clone())),
            Self::Patched(patch) => (patch.account, patch.key.clone()),
        }
    }
}

/// The moment at which steps are written, and the day that it is where the organisation is.
#[derive(Clone, Copy)]
struct When {
    at: Timestamp,
    today: Date,
}

async fn commit(tx: &mut Tx, writes: Vec<Write>, when: When) -> Result<Vec<bool>, StoreError> {
    let When { at, today } = when;
    let (transitions, mut effects): (Vec<RecordedTransition>, Vec<Effects>) =
        writes.into_iter().map(|write| (write.transition, write.effects)).unzip();
    // Accounts come first, because an order refers to the one it created.
    let acceptable = tx.accepts_transitions(&transitions).await?;
    let acceptable = effects.iter_mut().zip(&acceptable).filter(|(_, taken)| **taken);
    let is_new = |write: &mut AccountWrite| matches!(write, AccountWrite::New(_));
    let new = acceptable.filter_map(|(effects, _)| effects.account.take_if(is_new));
    let inserted: Vec<Account> = new
        .filter_map(|write| match write {
            AccountWrite::New(account) => Some(account),
            AccountWrite::Replaced(_) | AccountWrite::Patched(_) => None,
        })
        .collect();
    tx.insert_accounts(&inserted, at).await?;
    let taken = tx.record_transitions(&transitions).await?;
    let done = transitions.iter().zip(&taken).filter(|(_, taken)| **taken).map(|(transition, _)| transition);
    let orders: Vec<OrderId> = done.clone().map(|transition| transition.order).collect();
    let Some(actor) = done.map(|transition| transition.actor.as_str()).next() else { return Ok(taken) };
    let mut all = Effects::default();
    let (mut replaced, mut patches, mut items, mut opened) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (effects, _) in effects.into_iter().zip(&taken).filter(|(_, taken)| **taken) {
        match effects.account {
            Some(AccountWrite::Replaced(account)) => replaced.push(account),
            Some(AccountWrite::Patched(patch)) => patches.push(patch),
            Some(AccountWrite::New(_)) | None => {}
        }
        all.states.extend(effects.states);
        all.events.extend(effects.events);
        all.notices.extend(effects.notices);
        all.references.extend(effects.references);
        if let Some((item, event)) = effects.work_item.map(|opened| *opened) {
            opened.push((item.id, event));
            items.push(item);
        }
    }
    tx.update_accounts(&replaced, at).await?;
    patch_accounts(tx, &patches, at).await?;
    tx.set_assignment_states(&all.states).await?;
    tx.append_identity_events(&all.events).await?;
    tx.open_work_items(&items).await?;
    tx.append_work_item_events(&opened).await?;
    tx.insert_notices(&all.notices).await?;
    tx.note_reference_changes(&all.references, at).await?;
    follow::orders(tx, &orders, Moment { today, now: at, actor }).await?;
    Ok(taken)
}

/// Lays what orders did over their accounts as these are by now: another order may have gone beside it, and changed something
/// else of the same account.
async fn patch_accounts(tx: &mut Tx, patches: &[AccountPatch], at: Timestamp) -> Result<(), StoreError> {
    if patches.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<AccountId> = patches.iter().map(|patch| patch.account).collect();
    ids.sort_unstable();
    ids.dedup();
    let known = tx.accounts_to_change(&ids).await?;
    let mut accounts: HashMap<AccountId, Account> = known.iter().map(|account| (account.id, account.clone())).collect();
    for patch in patches {
        if let Some(account) = accounts.get_mut(&patch.account) {
            patch.apply(account);
        }
    }
    let changed = known.iter().filter_map(|before| accounts.get(&before.id).filter(|after| *after != before));
    let changed: Vec<Account> = changed.cloned().collect();
    tx.update_accounts(&changed, at).await?;
    let renamed = known.iter().filter_map(|before| {
        let key = &accounts.get(&before.id)?.key;
        (*key != before.key).then(|| (before.id, key.clone()))
    });
    tx.follow_keys(&renamed.collect::<Vec<_>>()).await
}

/// An order whose values have come to be known, as it was when that was found out.
#[derive(Clone)]
pub(crate) struct Fill {
    pub(crate) step: Step,
    pub(crate) filled: FilledOrder,
    /// Tell whoever reviews it.
    pub(crate) notices: Vec<Notice>,
}

/// Fills orders in, in one transaction, and notes for whom is to be planned anew. An order that is no
/// longer as it was seen stays as it is.
pub(crate) async fn record_filled(
    engine: &Engine,
    fills: Vec<Fill>,
    overtaken: Vec<(IdentityId, Option<String>)>,
    at: Timestamp,
) -> Result<(), StoreError> {
    if fills.is_empty() && overtaken.is_empty() {
        return Ok(());
    }
    let steps: Vec<Step> = fills.iter().map(|fill| fill.step.clone()).collect();
    let writes = prepare(engine, &steps, at).await?;
    let when = When { at, today: engine.day(at) };
    let work = engine.store().write(move |tx| {
        Box::pin(async move {
            tx.note_reference_changes(&overtaken, at).await?;
            commit_filled(tx, &fills, writes, when).await
        })
    });
    work.await
}

async fn commit_filled(tx: &mut Tx, fills: &[Fill], writes: Vec<Write>, when: When) -> Result<(), StoreError> {
    let ids: Vec<OrderId> = fills.iter().map(|fill| fill.step.order.id).collect();
    let now: HashMap<OrderId, Order> =
        tx.orders_to_change(&ids).await?.into_iter().map(|order| (order.id, order)).collect();
    let is_as_seen = |fill: &Fill| now.get(&fill.step.order.id) == Some(&fill.step.order);
    let (seen, writes): (Vec<&Fill>, Vec<Write>) =
        fills.iter().zip(writes).filter(|(fill, _)| is_as_seen(fill)).unzip();
    let taken = commit(tx, writes, when).await?;
    let taken: Vec<&Fill> = seen.into_iter().zip(taken).filter(|(_, taken)| *taken).map(|(fill, _)| fill).collect();
    let filled: Vec<FilledOrder> = taken.iter().map(|fill| fill.filled.clone()).collect();
    tx.fill_orders(&filled).await?;
    let notices: Vec<Notice> = taken.iter().flat_map(|fill| fill.notices.clone()).collect();
    tx.insert_notices(&notices).await
}

/// What a person decided about an order, as it was when they decided.
#[derive(Clone)]
pub(crate) struct Decision {
    pub(crate) step: Step,
    pub(crate) extra: Extra,
    pub(crate) audit: AuditLine,
}

/// What goes along with a decision.
#[derive(Clone, Default)]
pub(crate) struct Extra {
    /// Who carries it out from now on.
    pub(crate) mechanism: Option<Mechanism>,
    /// New values of its items, with what explains them.
    pub(crate) values: Vec<(OrderItemId, Value, String)>,
    /// The same, as it stands for computed values later on; one id each.
    pub(crate) edits: Vec<(i64, ValueEdit)>,
    /// Values that only one account may have.
    pub(crate) reserved: Vec<Reservation>,
    /// It is given up: why native changes that it was to set back wait for a person again.
    pub(crate) called_off: Option<String>,
    /// Only the order's timeline tells of it; the attempt under way stays as it is.
    pub(crate) keeps_attempt: bool,
}

/// A value that another account has, or is to have.
pub(crate) const VALUE_TAKEN: &str = "reservation_key";

/// Writes decisions in one transaction; answers for each whether it was taken: an order that is no longer as the person
/// saw it stays as it is.
pub(crate) async fn record_decisions(
    engine: &Engine,
    decisions: Vec<Decision>,
    at: Timestamp,
) -> Result<Vec<bool>, StoreError> {
    loop {
        let steps: Vec<Step> = decisions.iter().map(|decision| decision.step.clone()).collect();
        let mut writes = prepare(engine, &steps, at).await?;
        for (write, decision) in writes.iter_mut().zip(&decisions) {
            if decision.extra.keeps_attempt {
                write.transition.answer = None;
            }
        }
        let decided = decisions.clone();
        let when = When { at, today: engine.day(at) };
        let recorded = engine
            .store()
            .write(move |tx| Box::pin(async move { commit_decisions(tx, &decided, writes, when).await }))
            .await;
        if !recorded.as_ref().is_err_and(is_known_meanwhile) {
            return recorded;
        }
    }
}

async fn commit_decisions(
    tx: &mut Tx,
    decisions: &[Decision],
    writes: Vec<Write>,
    when: When,
) -> Result<Vec<bool>, StoreError> {
    let ids: Vec<OrderId> = decisions.iter().map(|decision| decision.step.order.id).collect();
    let now: HashMap<OrderId, Order> =
        tx.orders_to_change(&ids).await?.into_iter().map(|order| (order.id, order)).collect();
    let is_as_seen = |decision: &Decision| now.get(&decision.step.order.id) == Some(&decision.step.order);
    let unchanged: Vec<bool> = decisions.iter().map(is_as_seen).collect();
    let to_write = writes.into_iter().zip(&unchanged).filter(|(_, unchanged)| **unchanged).map(|(write, _)| write);
    let mut written = commit(tx, to_write.collect(), when).await?.into_iter();
    let taken: Vec<bool> = unchanged.iter().map(|unchanged| *unchanged && written.next().unwrap_or_default()).collect();
    for (decision, _) in decisions.iter().zip(&taken).filter(|(_, taken)| **taken) {
        let Decision { step, extra, audit } = decision;
        commit_extra(tx, step.order.id, extra).await?;
        tx.append_audit(audit).await?;
    }
    Ok(taken)
}

async fn commit_extra(tx: &mut Tx, order: OrderId, extra: &Extra) -> Result<(), StoreError> {
    if let Some(mechanism) = extra.mechanism {
        tx.set_order_mechanism(&[order], mechanism).await?;
    }
    if let Some(why) = &extra.called_off {
        tx.call_off_reverts(order, why).await?;
    }
    if !extra.values.is_empty() {
        if tx.reserve_values(&extra.reserved).await?.contains(&false) {
            return Err(StoreError::Conflict { constraint: VALUE_TAKEN.to_owned() });
        }
        tx.set_item_values(order, &extra.values).await?;
        tx.insert_value_edits(&extra.edits).await?;
    }
    Ok(())
}

/// The work items of one attempt, and their order, as somebody saw them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct SeenWork {
    pub(crate) order: Order,
    /// By number.
    pub(crate) items: Vec<WorkItem>,
}

/// What becomes of work items, with all that follows from it.
#[derive(Clone)]
pub(crate) struct WorkChange {
    pub(crate) seen: SeenWork,
    /// Those that change.
    pub(crate) changed: Vec<WorkItem>,
    pub(crate) opened: Vec<WorkItem>,
    pub(crate) asked: Option<WorkItemQuestion>,
    /// A question that is answered or taken back.
    pub(crate) closed: Option<WorkItemQuestion>,
    pub(crate) events: Vec<(WorkItemId, WorkItemEvent)>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) audit: Vec<AuditLine>,
    /// The step of the order, once all is reported.
    pub(crate) step: Option<(Step, Extra)>,
}

impl WorkChange {
    pub(crate) fn new(seen: SeenWork) -> Self {
        Self {
            seen,
            changed: Vec::new(),
            opened: Vec::new(),
            asked: None,
            closed: None,
            events: Vec::new(),
            notices: Vec::new(),
            audit: Vec::new(),
            step: None,
        }
    }
}

/// Writes a change of work items, with the step of their order. False where order or work items are no longer as they
/// were seen; nothing is changed then.
pub(crate) async fn record_work(engine: &Engine, change: WorkChange, at: Timestamp) -> Result<bool, StoreError> {
    loop {
        let steps: Vec<Step> = change.step.iter().map(|(step, _)| step.clone()).collect();
        let writes = prepare(engine, &steps, at).await?;
        let change = change.clone();
        let when = When { at, today: engine.day(at) };
        let work =
            engine.store().write(move |tx| Box::pin(async move { commit_work(tx, &change, writes, when).await })).await;
        match work {
            Ok(()) => return Ok(true),
            Err(Work::Stale) => return Ok(false),
            Err(Work::Store(error)) if is_known_meanwhile(&error) => {}
            Err(Work::Store(error)) => return Err(error),
        }
    }
}

async fn commit_work(tx: &mut Tx, change: &WorkChange, writes: Vec<Write>, when: When) -> Result<(), Work> {
    let SeenWork { order, items } = &change.seen;
    let fence = items.first().map_or(order.fence, |item| item.fence);
    let (order_now, items_now) = tx.work_items_to_change(order.id, fence).await?;
    if order_now.as_ref() != Some(order) || items_now != *items {
        return Err(Work::Stale);
    }
    if let Some(question) = &change.closed
        && !tx.close_question(question).await?
    {
        return Err(Work::Stale);
    }
    tx.update_work_items(&change.changed).await?;
    tx.open_work_items(&change.opened).await?;
    if let Some(question) = &change.asked {
        tx.insert_question(question).await?;
    }
    tx.append_work_item_events(&change.events).await?;
    tx.insert_notices(&change.notices).await?;
    for line in &change.audit {
        tx.append_audit(line).await?;
    }
    if let Some((step, extra)) = &change.step {
        if commit(tx, writes, when).await? != [true] {
            return Err(Work::Stale);
        }
        commit_extra(tx, step.order.id, extra).await?;
    }
    Ok(())
}

/// Why a change of work items was not taken; being an error, it rolls back what was written before it was found out.
enum Work {
    Stale,
    Store(StoreError),
}

impl From<StoreError> for Work {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

struct Write {
    transition: RecordedTransition,
    effects: Effects,
}

/// What is written beside a step of an order, where it is taken.
#[derive(Default)]
struct Effects {
    account: Option<AccountWrite>,
    states: Vec<AssignmentStateChange>,
    events: Vec<NewIdentityEvent>,
    /// Opened, with what its history says of that.
    work_item: Option<Box<(WorkItem, WorkItemEvent)>>,
    /// Tell of the work item.
    notices: Vec<Notice>,
    /// Whose other accounts may have to follow, by the type of those.
    references: Vec<(IdentityId, Option<String>)>,
}

impl Write {
    fn new(
        step: &Step,
        id: Option<AccountId>,
        known: &Known,
        catalogue: &Catalogue,
        engine: &Engine,
        at: Timestamp,
    ) -> Self {
        let Step { order, settled, work_item, actor, repeats } = step;
        let fingerprint = fingerprint::after(order, settled);
        let is_same = fingerprint.is_some() && fingerprint == order.fingerprint;
        let repeats = repeats.unwrap_or(if is_same { order.repeats } else { 0 });
        let account = settled.account.as_ref().and_then(|change| known.account(change, id));
        let told = account.as_ref().map(AccountWrite::told);
        let (account_id, key) = told.map(|(account, key)| (Some(account), key)).unwrap_or_default();
        let decided: HashMap<OrderItemId, ProvisioningState> =
            settled.items.iter().map(|(id, state, _)| (*id, *state)).collect();
        let states = states_after(order, settled.to, settled.reason.as_ref(), |item| {
            decided.get(&item.id).copied().unwrap_or(item.state)
        });
        let label = |name: &str| catalogue.application_label(name).to_owned();
        let event = NewIdentityEvent {
            identity: order.identity,
            at,
            message: match label(&order.application) {
                // Many sentences name the application themselves.
                name if settled.message.contains(&name) => settled.message.clone(),
                name => format!("{name}: {}", settled.message),
            },
            order: Some(order.id),
            run: order.run,
        };
        let notices = work_item.iter().flat_map(|item| crate::mails::notices::work_item(engine, order, item)).collect();
        let with_event = |item: &WorkItem| Box::new((item.clone(), crate::work_items::opened::event(engine, item)));
        let closes_attempt = order.state == ProvisioningState::Transmitted;
        Self {
            transition: RecordedTransition {
                order: order.id,
                fence: closes_attempt.then_some(order.fence),
                from: vec![order.state],
                to: settled.to,
                reason: settled.reason.clone(),
                fingerprint,
                repeats,
                next_attempt_at: settled.next_attempt_at,
                account: account_id,
                key,
                items: settled.items.clone(),
                answer: closes_attempt.then(|| settled.answer.clone()),
                actor: actor.clone().unwrap_or_else(|| engine.node().to_owned()),
                message: settled.message.clone(),
                at,
            },
            effects: Effects {
                account,
                states,
                events: vec![event],
                work_item: work_item.as_ref().map(with_event),
                notices,
                references: crate::references::changed_by(order, settled.account.as_ref(), catalogue),
            },
        }
    }
}

/// What *View permissions* shows beside the things that an order is about: each entitlement it adds, and the account
/// itself with its attributes. What is taken away is no longer held and has no state.
pub(crate) fn assignment_states(order: &Order) -> Vec<AssignmentStateChange> {
    states_after(order, order.state, order.reason.as_ref(), |item| item.state)
}

fn states_after(
    order: &Order,
    state: ProvisioningState,
    reason: Option<&StateReason>,
    state_of: impl Fn(&OrderItem) -> ProvisioningState,
) -> Vec<AssignmentStateChange> {
    if order.operation.removes() {
        return Vec::new();
    }
    let change = |grantable: Grantable, state: ProvisioningState| AssignmentStateChange {
        identity: order.identity,
        grantable,
        state: Some(state),
        reason: reason.filter(|_| state != ProvisioningState::Verified).cloned(),
        order: Some(order.id),
    };
    let is_entitlement = |item: &&OrderItem| item.kind == ItemKind::Entitlement;
    let mut changes: Vec<AssignmentStateChange> = order
        .items
        .iter()
        .filter(is_entitlement)
        .filter(|item| item.operation == ItemOperation::Add)
        .filter_map(|item| Some(change(Grantable::Entitlement(item.entitlement.clone()?), state_of(item))))
        .collect();
    let own: Vec<ProvisioningState> = order.items.iter().filter(|item| !is_entitlement(item)).map(state_of).collect();
    let account = Grantable::AccountType(order.account_type.clone());
    if order.items.is_empty() {
        changes.push(change(account, state));
    } else if !own.is_empty() {
        changes.push(change(account, lifecycle::consolidate(own.into_iter())));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_of_one_person_is_written_together_and_in_its_order() {
        let batches = |people: &[i64]| -> Vec<String> {
            let steps = people.iter().zip('a'..).map(|(person, step)| (IdentityId(*person), step)).collect();
            let batches = batches(steps, 2, |(person, _)| *person);
            batches.into_iter().map(|batch| batch.into_iter().map(|(_, step)| step).collect()).collect()
        };
        assert_eq!(batches(&[]), Vec::<String>::new());
        assert_eq!(batches(&[1, 2, 3, 4, 5]), ["ab", "cd", "e"]);
        assert_eq!(batches(&[1, 2, 3, 1, 4, 2]), ["abdf", "ce"]);
        assert_eq!(batches(&[1, 1, 1, 2]), ["abc", "d"]);
    }
}
