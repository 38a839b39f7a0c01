//! Takes back what a run did. From the orders of a run that were carried out, item by item, the accounts as they are
//! known now and everything ordered since come the plans that put back what was there before, and a line for each thing
//! that says whether it goes back, and if not, why.
//!
//! - An attribute gets the value it had, an entitlement that was added goes and one that was removed comes back, an
//!   account that was enabled is disabled and the other way round. An account that the run created goes the way its
//!   account type says; one that it took over stays. What was deleted cannot be undone.
//! - Nothing that came later is overwritten: not a value that differs from what the run set, not what a later order
//!   changed or is about to change, not what rules that had no part in the run ask for now.
//! - The undo of an undo gives the run again, because an undo's orders carry their own before-images.
//!
//! What was taken back is remembered ([`undone`]), so that the next computation does not simply order it again: such an
//! order waits for a person ([`hold`]) until it is approved, or until the role model no longer asks for it
//! ([`is_wanted`]).
//!
//! What this leaves out: whether so much may be changed at once ([`crate::threshold`]).

#[cfg(test)]
mod cases;
#[cfg(test)]
mod properties;

use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashMap;
use jiff::Timestamp;
use model::access::{DesiredAccess, DesiredValue, Grantable, Reason};
use model::account::{Account, AccountStatus, Provenance};
use model::configuration::OnRemoval;
use model::ids::{AccountId, IdentityId, RunId};
use model::order::{Order, OrderItem, ProvisioningState, StateReason};
use model::plan::{AccountRequest, AttributeRequest, ItemKind, ItemOperation, Operation, Plan, RequestPart};
use model::trigger::Trigger;
use model::undo::{UndoConflict, UndoFate, UndoLine, UndoObstacle, UndoSelection, Undone};
use model::value::Value;
use sha2::{Digest, Sha256};

use crate::catalogue::Catalogue;
use crate::compare::{present, same};
use crate::divide;

/// All that an undo looks at.
#[derive(Clone, Copy, Debug)]
pub struct UndoInput<'a> {
    /// All orders of the run.
    pub orders: &'a [Order],
    /// Orders of the same people that were made after the run's.
    pub later: &'a [Order],
    /// Of the same people.
    pub accounts: &'a [Account],
    /// What the same people should have now.
    pub desired: &'a [DesiredAccess],
    pub selection: &'a UndoSelection,
    /// Said with every request: "Undo of run 7 by anna: wrong feed".
    pub explanation: &'a str,
}

/// What goes back, and a line for everything that the run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undo {
    /// By identity; people for whom nothing goes back have none.
    pub plans: Vec<Plan>,
    /// Sorted.
    pub lines: Vec<UndoLine>,
}

/// The inverse of a run, as far as nobody has changed anything since.
pub fn invert(input: &UndoInput<'_>, catalogue: &Catalogue) -> Undo {
    let accounts: HashMap<AccountId, &Account> = input.accounts.iter().map(|account| (account.id, account)).collect();
    let desired: HashMap<IdentityId, &DesiredAccess> =
        input.desired.iter().map(|desired| (desired.identity, desired)).collect();
    let mut later: HashMap<IdentityId, Vec<&Order>> = HashMap::new();
    for order in input.later {
        later.entry(order.identity).or_default().push(order);
    }
    let mut requests: BTreeMap<IdentityId, Vec<(usize, AccountRequest)>> = BTreeMap::new();
    let mut lines = Vec::new();
    for (place, orders) in by_account(input) {
        let undoing = Undoing {
            account: place.account.and_then(|id| accounts.get(&id)).copied(),
            later: later.get(&place.identity).map_or(&[][..], Vec::as_slice),
            desired: desired.get(&place.identity).copied(),
            catalogue,
            explanation: input.explanation,
        };
        let mut own = undoing.lines(&orders);
        if let Some(request) = undoing.request(&mut own, &orders) {
            let rank = catalogue.account_type(&request.account_type).map_or(usize::MAX, |facts| facts.rank);
            requests.entry(place.identity).or_default().push((rank, request));
        }
        lines.append(&mut own);
    }
    lines.sort_by(|left, right| sorting_key(left).cmp(&sorting_key(right)));
    let plans = requests.into_iter().map(|(identity, requests)| plan(identity, requests, catalogue)).collect();
    Undo { plans, lines }
}

/// Names what was seen: two undos with the same digest do the same.
pub fn digest(lines: &[UndoLine]) -> String {
    let mut hash = Sha256::new();
    for line in lines {
        // A line is plain data; one that could not be written down would be left out on both sides.
        hash.update(serde_json::to_vec(line).unwrap_or_default());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// What is to be remembered of what goes back. Ids are given one after another.
pub fn undone(
    lines: &[UndoLine],
    ids: &mut dyn Iterator<Item = i64>,
    run: RunId,
    by: &str,
    why: &str,
    since: Timestamp,
) -> Vec<Undone> {
    let goes_back = lines.iter().filter(|line| line.fate == UndoFate::GoesBack);
    goes_back
        .zip(ids)
        .map(|(line, id)| Undone {
            id,
            run,
            identity: line.identity,
            account_type: line.account_type.clone(),
            kind: line.kind,
            name: line.name.clone(),
            operation: line.done,
            value: line.after.clone().filter(|_| line.kind == ItemKind::Attribute),
            by: by.to_owned(),
            why: why.to_owned(),
            since,
        })
        .collect()
}

/// Puts an order that does again what was undone to where a person decides about it. Access that goes is held up only
/// where its going itself was undone. Answers whether it was.
pub fn hold(order: &mut Order, undone: &[Undone]) -> bool {
    if order.state != ProvisioningState::Pending || order.trigger == Trigger::Undo {
        return false;
    }
    let does_again = |row: &&Undone| {
        row.identity == order.identity
            && row.account_type == order.account_type
            && (!order.operation.removes() || row.kind == ItemKind::Lifecycle)
            && order.items.iter().any(|item| is_same_change(row, item))
    };
    let Some(row) = undone.iter().find(does_again) else { return false };
    order.state = ProvisioningState::AwaitingApproval;
    order.reason = Some(StateReason::Undone { run: row.run, by: row.by.clone(), why: row.why.clone() });
    for item in &mut order.items {
        item.state = ProvisioningState::AwaitingApproval;
    }
    true
}

/// Whether the role model still asks for what was undone. Once it does not, nothing is left to remember.
pub fn is_wanted(row: &Undone, desired: &DesiredAccess, catalogue: &Catalogue) -> bool {
    let account = desired.accounts.iter().find(|account| account.account_type == row.account_type);
    match (row.kind, row.operation) {
        (ItemKind::Lifecycle, ItemOperation::Remove) => account.is_none(),
        (ItemKind::Lifecycle, _) => account.is_some(),
        (ItemKind::Entitlement, operation) => {
            let name = catalogue.entitlement_of(&row.account_type, &row.name);
            let is_desired =
                account.is_some_and(|account| account.entitlements.iter().any(|held| Some(held.as_str()) == name));
            is_desired == (operation != ItemOperation::Remove)
        }
        (ItemKind::Attribute, _) => account.is_some_and(|account| {
            account.attributes.iter().filter(|attribute| attribute.name == row.name).any(|attribute| {
                match &attribute.value {
                    DesiredValue::Value(value) => same(Some(value), row.value.as_ref()),
                    DesiredValue::Absent => row.value.is_none(),
                    DesiredValue::Unique(values) => {
                        values.iter().any(|value| same(Some(&Value::from(value.as_str())), row.value.as_ref()))
                    }
                    DesiredValue::Failed(_) | DesiredValue::Asked(_) | DesiredValue::Referred(_) => true,
                }
            })
        }),
    }
}

/// Earlier undos that this one takes back in its turn: they hold up nothing any more.
pub fn ended<'a>(lines: &[UndoLine], undone: &'a [Undone]) -> Vec<&'a Undone> {
    let is_same = |row: &&Undone| {
        lines.iter().any(|line| {
            line.fate == UndoFate::GoesBack
                && line.identity == row.identity
                && line.account_type == row.account_type
                && line.kind == row.kind
                && (line.kind == ItemKind::Lifecycle || line.name == row.name)
        })
    };
    undone.iter().filter(is_same).collect()
}

fn is_same_change(row: &Undone, item: &OrderItem) -> bool {
    let is_same_thing = row.kind == item.kind && (row.kind == ItemKind::Lifecycle || row.name == item.name);
    is_same_thing
        && row.operation == item.operation
        && (row.kind != ItemKind::Attribute || same(row.value.as_ref(), item.value.as_ref()))
}

/// One account that the run changed.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    identity: IdentityId,
    account_type: String,
    account: Option<AccountId>,
}

/// The selected orders of the run that did something, or may have, oldest first.
fn by_account<'a>(input: &UndoInput<'a>) -> BTreeMap<Place, Vec<&'a Order>> {
    let UndoSelection { application, account_type, identity, orders } = input.selection;
    let is_selected = |order: &&Order| {
        application.as_ref().is_none_or(|wanted| *wanted == order.application)
            && account_type.as_ref().is_none_or(|wanted| *wanted == order.account_type)
            && identity.is_none_or(|wanted| wanted == order.identity)
            && (orders.is_empty() || orders.contains(&order.id))
    };
    let mut found: BTreeMap<Place, Vec<&Order>> = BTreeMap::new();
    for order in input.orders.iter().filter(is_selected) {
        if order.state == ProvisioningState::Transmitted || order.items.iter().any(|item| was_done(order, item)) {
            let place =
                Place { identity: order.identity, account_type: order.account_type.clone(), account: order.account };
            found.entry(place).or_default().push(order);
        }
    }
    for orders in found.values_mut() {
        orders.sort_by_key(|order| order.id);
    }
    found
}

/// Whether the item had its effect. One that was found to be otherwise later had it as well.
fn was_done(order: &Order, item: &OrderItem) -> bool {
    match item.state {
        ProvisioningState::Executed | ProvisioningState::Verified => true,
        ProvisioningState::Errored => matches!(order.reason, Some(StateReason::Drifted { .. })),
        _ => false,
    }
}

/// One thing that the run changed on an account, over all its orders.
struct Effect<'a> {
    first: &'a OrderItem,
    first_order: &'a Order,
    last: &'a OrderItem,
    last_order: &'a Order,
}

struct Undoing<'a> {
    account: Option<&'a Account>,
    later: &'a [&'a Order],
    desired: Option<&'a DesiredAccess>,
    catalogue: &'a Catalogue,
    explanation: &'a str,
}

impl<'a> Undoing<'a> {
    fn lines(&self, orders: &[&'a Order]) -> Vec<UndoLine> {
        let mut effects: BTreeMap<(ItemKind, &str), Effect<'a>> = BTreeMap::new();
        for order in orders.iter().copied() {
            for item in order.items.iter().filter(|item| was_done(order, item) || is_under_way(order, item)) {
                let name = if item.kind == ItemKind::Lifecycle { "" } else { item.name.as_str() };
                effects
                    .entry((item.kind, name))
                    .and_modify(|effect| (effect.last, effect.last_order) = (item, order))
                    .or_insert(Effect { first: item, first_order: order, last: item, last_order: order });
            }
        }
        let created = orders.iter().any(|order| order.operation == Operation::Create);
        let mut lines: Vec<UndoLine> = effects
            .values()
            // What a creation wrote goes, or stays, with the account.
            .filter(|effect| !(created && effect.first.kind == ItemKind::Attribute))
            .map(|effect| self.line(effect))
            .collect();
        lines.sort_by(|left, right| sorting_key(left).cmp(&sorting_key(right)));
        lines
    }

    fn line(&self, effect: &Effect<'a>) -> UndoLine {
        let (item, order) = (effect.last, effect.last_order);
        let mut line = UndoLine {
            order: order.id,
            identity: order.identity,
            application: order.application.clone(),
            account_type: order.account_type.clone(),
            account: order.account,
            key: self.account.map(|account| account.key.clone()).or_else(|| order.key.clone()),
            kind: item.kind,
            name: item.name.clone(),
            entitlement: item.entitlement.clone(),
            done: item.operation,
            secret: item.secret,
            before: before(effect),
            after: after(effect),
            now: self.account.and_then(|account| now(account, item)),
            fate: UndoFate::GoesBack,
        };
        if item.kind == ItemKind::Lifecycle {
            line.name = line.key.clone().unwrap_or_else(|| order.account_type.clone());
        }
        if line.secret {
            (line.before, line.after, line.now) = (None, None, None);
        }
        line.fate = self.fate(effect, &line);
        line
    }

    fn fate(&self, effect: &Effect<'a>, line: &UndoLine) -> UndoFate {
        let impossible = |obstacle| UndoFate::Impossible { obstacle };
        let conflict = |conflict| UndoFate::Conflict { conflict };
        let (item, order) = (effect.last, effect.last_order);
        if order.operation == Operation::Delete {
            return impossible(UndoObstacle::Deleted);
        }
        if is_under_way(order, item) {
            return impossible(UndoObstacle::UnderWay);
        }
        let Some(account) = self.account.filter(|account| account.status != AccountStatus::Gone) else {
            return conflict(UndoConflict::AccountGone);
        };
        if item.secret {
            return impossible(UndoObstacle::Secret);
        }
        let created = effect.first_order.operation == Operation::Create;
        if created && account.provenance != Provenance::Created {
            return impossible(UndoObstacle::TakenOver);
        }
        if let Some(obstacle) = self.obstacle(line, created) {
            return impossible(obstacle);
        }
        let is_account_to_go = created && item.kind == ItemKind::Lifecycle;
        // A creation has no value to compare with: there was no account.
        if !is_account_to_go && same_state(line.now.as_ref(), line.before.as_ref()) {
            return UndoFate::AlreadyBack;
        }
        if let Some(later) = self.later.iter().find(|later| touches(later, effect, is_account_to_go)) {
            return conflict(UndoConflict::LaterOrder { order: later.id });
        }
        if !same_state(line.now.as_ref(), line.after.as_ref()) || (is_account_to_go && self.is_loss(account, effect)) {
            return conflict(UndoConflict::Changed);
        }
        let rules = self.other_rules(effect);
        if !rules.is_empty() {
            return conflict(UndoConflict::RoleModel { rules });
        }
        UndoFate::GoesBack
    }

    /// Whether others have worked on an account that would be deleted: their work would go with it.
    fn is_loss(&self, account: &Account, effect: &Effect<'a>) -> bool {
        let facts = self.catalogue.account_type(&account.account_type);
        let is_deleted = facts.is_some_and(|facts| facts.on_removal == OnRemoval::Delete);
        let order = effect.first_order;
        let is_as_ordered = |item: &OrderItem| match item.kind {
            ItemKind::Attribute if !item.secret => same(account.attributes.get(&item.name), item.value.as_ref()),
            ItemKind::Attribute | ItemKind::Entitlement | ItemKind::Lifecycle => true,
        };
        let is_ordered =
            |key: &String| order.items.iter().any(|item| item.kind == ItemKind::Entitlement && item.name == *key);
        let is_known =
            |name: &String| order.items.iter().any(|item| item.kind == ItemKind::Attribute && item.name == *name);
        is_deleted
            && !(order.items.iter().all(is_as_ordered)
                && account.entitlements.iter().all(is_ordered)
                // What the application adds by itself is nobody's work, as long as nothing was known of it before.
                && (account.observed_at.is_some() || account.attributes.keys().all(is_known)))
    }

    fn obstacle(&self, line: &UndoLine, created: bool) -> Option<UndoObstacle> {
        let Some(facts) = self.catalogue.account_type(&line.account_type) else { return Some(UndoObstacle::Unknown) };
        match line.kind {
            ItemKind::Entitlement if self.catalogue.entitlement_of(&line.account_type, &line.name).is_none() => {
                Some(UndoObstacle::Unknown)
            }
            ItemKind::Lifecycle if created && facts.on_removal == OnRemoval::Keep => Some(UndoObstacle::Kept),
            _ => None,
        }
    }

    /// Rules that had no part in the order and now ask for what it did, sorted.
    fn other_rules(&self, effect: &Effect<'a>) -> Vec<String> {
        let Some(desired) = self.desired else { return Vec::new() };
        let (item, order) = (effect.last, effect.last_order);
        let grantable = match item.kind {
            ItemKind::Attribute => return Vec::new(),
            ItemKind::Lifecycle => Grantable::AccountType(order.account_type.clone()),
            ItemKind::Entitlement => match self.catalogue.entitlement_of(&order.account_type, &item.name) {
                Some(name) => Grantable::Entitlement(name.to_owned()),
                None => return Vec::new(),
            },
        };
        let name = |reason: &Reason| if reason.grant.is_some() { reason.cause() } else { reason.rule.clone() };
        let known: BTreeSet<String> = item.reasons.iter().chain(&order.reasons).map(name).collect();
        let asks: Vec<&Reason> = if item.operation == ItemOperation::Remove {
            let denied = desired.denied.iter().filter(|denied| denied.grantable == grantable);
            denied.map(|denied| &denied.denied_by).collect()
        } else {
            let wanted = desired.assignments.iter().filter(|wanted| wanted.grantable == grantable);
            wanted.filter(|wanted| wanted.workflow_state.grants()).flat_map(|wanted| &wanted.reasons).collect()
        };
        let others: BTreeSet<String> = asks.into_iter().map(name).filter(|cause| !known.contains(cause)).collect();
        others.into_iter().collect()
    }

    /// The request that puts back every line that goes back; lines that cannot go along with it are marked so.
    fn request(&self, lines: &mut [UndoLine], orders: &[&Order]) -> Option<AccountRequest> {
        let account = self.account?;
        let facts = self.catalogue.account_type(&account.account_type);
        let created = orders.iter().any(|order| order.operation == Operation::Create);
        let lifecycle = lines
            .iter()
            .find(|line| line.kind == ItemKind::Lifecycle && line.fate == UndoFate::GoesBack)
            .map(|line| line.before.clone());
        let operation = match lifecycle {
            None => Operation::Update,
            Some(None) if created && facts.is_some_and(|facts| facts.on_removal == OnRemoval::Delete) => {
                Operation::Delete
            }
            Some(before) if same(before.as_ref(), Some(&Value::from(AccountStatus::Enabled.name()))) => {
                Operation::Enable
            }
            Some(_) => Operation::Disable,
        };
        let mut items = Vec::new();
        for line in lines.iter_mut().filter(|line| line.fate == UndoFate::GoesBack) {
            let is_granted = line.kind == ItemKind::Entitlement && line.done == ItemOperation::Remove;
            if is_granted && operation.removes() {
                line.fate = UndoFate::Impossible { obstacle: UndoObstacle::AccountGoes };
            } else if operation != Operation::Delete || line.kind == ItemKind::Lifecycle {
                items.push(self.item(line, operation));
            }
        }
        if items.is_empty() {
            return None;
        }
        Some(AccountRequest {
            application: account.application.clone(),
            account_type: account.account_type.clone(),
            account: Some(account.id),
            key: Some(account.key.clone()),
            operation,
            part: RequestPart::Whole,
            items,
            reasons: Vec::new(),
            explanation: self.explanation.to_owned(),
            after: Vec::new(),
            error: None,
            waits_for: Vec::new(),
            supersedes: Vec::new(),
            awaits: Vec::new(),
            refers: Vec::new(),
            sets_back: Vec::new(),
            in_doubt: false,
        })
    }

    fn item(&self, line: &UndoLine, operation: Operation) -> AttributeRequest {
        let (done, value, current) = match line.kind {
            ItemKind::Lifecycle if operation.removes() => (ItemOperation::Remove, None, None),
            ItemKind::Lifecycle => (ItemOperation::Add, None, None),
            ItemKind::Entitlement if line.done == ItemOperation::Remove => (ItemOperation::Add, None, None),
            ItemKind::Entitlement => (ItemOperation::Remove, None, None),
            ItemKind::Attribute => match present(line.before.as_ref()) {
                Some(value) => (ItemOperation::Set, Some(value.clone()), line.now.clone()),
                None => (ItemOperation::Remove, None, line.now.clone()),
            },
        };
        let entitlement = match line.kind {
            ItemKind::Entitlement => self.catalogue.entitlement_of(&line.account_type, &line.name).map(str::to_owned),
            ItemKind::Attribute | ItemKind::Lifecycle => None,
        };
        AttributeRequest {
            kind: line.kind,
            name: line.name.clone(),
            operation: done,
            value,
            current,
            entitlement,
            reasons: Vec::new(),
            explanation: self.explanation.to_owned(),
            secret: false,
        }
    }
}

fn is_under_way(order: &Order, item: &OrderItem) -> bool {
    order.state == ProvisioningState::Transmitted && !was_done(order, item)
}

/// Whether a later order changes the same, or takes the account along.
fn touches(later: &Order, effect: &Effect<'_>, is_account_to_go: bool) -> bool {
    let order = effect.last_order;
    let is_same_account = later.account_type == order.account_type
        && (later.account.is_none() || order.account.is_none() || later.account == order.account);
    if later.id <= order.id || !is_same_account {
        return false;
    }
    let is_open = matches!(later.state, ProvisioningState::Pending | ProvisioningState::Transmitted);
    let counts = |item: &&OrderItem| is_open || was_done(later, item);
    let mut items = later.items.iter().filter(counts);
    match effect.last.kind {
        _ if is_account_to_go => items.next().is_some(),
        ItemKind::Lifecycle => items.any(|item| item.kind == ItemKind::Lifecycle),
        kind => items.any(|item| item.kind == kind && item.name == effect.last.name),
    }
}

fn before(effect: &Effect<'_>) -> Option<Value> {
    let item = effect.first;
    match item.kind {
        ItemKind::Attribute => item.current.clone(),
        ItemKind::Entitlement => Some(Value::Boolean(item.operation == ItemOperation::Remove)),
        ItemKind::Lifecycle => match effect.first_order.operation {
            Operation::Create => None,
            Operation::Enable => Some(Value::from(AccountStatus::Disabled.name())),
            Operation::Update | Operation::Disable | Operation::Delete => {
                Some(Value::from(AccountStatus::Enabled.name()))
            }
        },
    }
}

fn after(effect: &Effect<'_>) -> Option<Value> {
    let item = effect.last;
    match item.kind {
        ItemKind::Attribute if item.operation == ItemOperation::Remove => None,
        ItemKind::Attribute => item.value.clone(),
        ItemKind::Entitlement => Some(Value::Boolean(item.operation != ItemOperation::Remove)),
        ItemKind::Lifecycle => {
            let status = match effect.last_order.operation {
                Operation::Disable => AccountStatus::Disabled,
                Operation::Delete => AccountStatus::Gone,
                Operation::Create | Operation::Enable | Operation::Update => AccountStatus::Enabled,
            };
            Some(Value::from(status.name()))
        }
    }
}

fn now(account: &Account, item: &OrderItem) -> Option<Value> {
    match item.kind {
        ItemKind::Attribute => account.attributes.get(&item.name).cloned(),
        ItemKind::Entitlement => Some(Value::Boolean(account.entitlements.contains(&item.name))),
        ItemKind::Lifecycle => Some(Value::from(account.status.name())),
    }
}

fn same_state(left: Option<&Value>, right: Option<&Value>) -> bool {
    same(left, right)
}

fn sorting_key(line: &UndoLine) -> (IdentityId, &str, &str, Option<AccountId>, u8, ItemKind, &str) {
    let place = u8::from(line.kind != ItemKind::Lifecycle);
    (line.identity, &line.application, &line.account_type, line.account, place, line.kind, &line.name)
}

/// What comes back comes back with what it depends on before it, what goes goes the other way round.
fn plan(identity: IdentityId, mut requests: Vec<(usize, AccountRequest)>, catalogue: &Catalogue) -> Plan {
    requests.sort_by(|(left_rank, left), (right_rank, right)| {
        let removes = |request: &AccountRequest| request.operation.removes();
        let by_rank = if removes(left) { right_rank.cmp(left_rank) } else { left_rank.cmp(right_rank) };
        removes(left).cmp(&removes(right)).then(by_rank).then_with(|| left.account.cmp(&right.account))
    });
    let mut ordered: Vec<AccountRequest> = Vec::with_capacity(requests.len());
    for (_, mut request) in requests {
        let facts = catalogue.account_type(&request.account_type);
        let awaited: &[String] = match request.operation {
            Operation::Enable | Operation::Create => facts.map_or(&[], |facts| &facts.comes_after),
            Operation::Disable | Operation::Delete => facts.map_or(&[], |facts| &facts.needed_by),
            Operation::Update => &[],
        };
        let is_awaited = |earlier: &AccountRequest| {
            awaited.contains(&earlier.account_type)
                && earlier.operation != Operation::Update
                && earlier.operation.removes() == request.operation.removes()
        };
        request.after =
            ordered.iter().enumerate().filter(|(_, earlier)| is_awaited(earlier)).map(|(place, _)| place).collect();
        ordered.push(request);
    }
    let plan = Plan {
        identity,
        trigger: Trigger::Undo,
        requests: ordered,
        filtered: Vec::new(),
        retained: Vec::new(),
        withdrawn: Vec::new(),
        questions: Vec::new(),
    };
    divide::divide(plan, &[], catalogue)
}
