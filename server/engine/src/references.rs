//! Values that come from another account of the same person. An order that waits for one is filled in here as soon as it is
//! known, and goes out with it; for whom an account has changed that values of their others come from, a run is queued
//! that concerns nobody else.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use broker::catalogue::Catalogue;
use broker::lifecycle::{self, Event};
use broker::reference::{self, Filling, Known, Read};
use broker::settle::{AccountChange, Settled};
use broker::undo;
use jiff::civil::Date;
use model::account::{Account, AccountStatus};
use model::identity::Identity;
use model::ids::{IdentityId, OrderId, OrderItemId};
use model::job::{REFERENCES, TaskKind};
use model::order::{Answer, Order, OrderItem, ProvisioningState};
use model::plan::{ItemKind, Operation};
use model::undo::Undone;
use model::value::Value;
use policy::classification::Seen;
use policy::model::RoleModel;
use store::{FilledOrder, StoreError};

use crate::Engine;
use crate::record::{self, Fill, Step};

/// Orders looked at, and filled in, in one transaction.
const BATCH: u32 = 500;

/// Orders for which a new plan was asked for: asking again would give the same. Lost with the process.
#[derive(Debug, Default)]
pub(crate) struct Overtaken(Mutex<HashSet<OrderId>>);

impl Overtaken {
    fn known(&self) -> MutexGuard<'_, HashSet<OrderId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the configuration reads values of this person from accounts.
pub(crate) fn reader<'a>(
    model: &'a RoleModel,
    person: Option<&'a Identity>,
    day: Date,
) -> impl Fn(&str, &str, &Account) -> Result<Option<Value>, String> + use<'a> {
    move |account_type: &str, attribute: &str, account: &Account| {
        let Some(person) = person else { return Ok(None) };
        let seen = Seen {
            key: &account.key,
            enabled: account.status == AccountStatus::Enabled,
            attributes: &account.attributes,
            entitlements: &account.entitlements,
        };
        model.referred(account_type, attribute, person, day, &seen)
    }
}

/// Puts in all values that orders wait for and that are known by now; answers how many orders go on with them. What is known
/// otherwise than the order supposes is noted, to be planned for anew.
pub(crate) async fn fill(engine: &Engine) -> Result<u64, StoreError> {
    let (mut filled, mut last) = (0, OrderId(0));
    loop {
        let found = engine.store().fillable_orders(last, BATCH).await?;
        let Some((newest, _)) = found.last() else { return Ok(filled) };
        last = *newest;
        let is_whole = found.len() < BATCH as usize;
        filled += fill_batch(engine, &found).await?;
        if is_whole {
            return Ok(filled);
        }
    }
}

async fn fill_batch(engine: &Engine, found: &[(OrderId, IdentityId)]) -> Result<u64, StoreError> {
    let store = engine.store();
    let (live, now) = (engine.world().deciding(), engine.now());
    let ids: Vec<OrderId> = found.iter().map(|(order, _)| *order).collect();
    let mut identities: Vec<IdentityId> = found.iter().map(|(_, identity)| *identity).collect();
    identities.sort_unstable();
    identities.dedup();
    // Orders first: what is done in between then shows on the account as well, rather than on neither.
    let orders = store.orders_by_id(&ids).await?;
    let mut open: HashMap<IdentityId, Vec<Order>> = HashMap::new();
    for order in store.open_orders_of(&identities).await? {
        open.entry(order.identity).or_default().push(order);
    }
    let mut accounts: HashMap<IdentityId, Vec<Account>> = HashMap::new();
    for account in store.accounts_of(&identities).await? {
        if let Some(owner) = account.owner {
            accounts.entry(owner).or_default().push(account);
        }
    }
    let people: HashMap<IdentityId, Identity> =
        store.identities_by_id(&identities).await?.into_iter().map(|identity| (identity.id, identity)).collect();
    let undone = store.undone().await?;
    let (mut fills, mut overtaken) = (Vec::new(), Vec::new());
    for order in orders {
        let read = reader(&live.model, people.get(&order.identity), engine.day(now));
        let of = |known: &HashMap<IdentityId, Vec<Account>>| known.get(&order.identity).cloned().unwrap_or_default();
        let (own_accounts, own_orders) = (of(&accounts), open.get(&order.identity).map_or(&[][..], Vec::as_slice));
        match decide(&order, &own_accounts, own_orders, &live.catalogue, &read) {
            Filling::Filled(values) => fills.push(filled(engine, order, values, &undone, &live.catalogue)),
            Filling::Overtaken if engine.overtaken().known().insert(order.id) => {
                overtaken.push((order.identity, None));
            }
            Filling::Overtaken | Filling::Waits => {}
        }
    }
    record::record_filled(engine, fills, overtaken, now).await
}

fn decide(
    order: &Order,
    accounts: &[Account],
    open_orders: &[Order],
    catalogue: &Catalogue,
    read: Read<'_>,
) -> Filling {
    reference::fill(order, &Known { accounts, open_orders, choices: &[], catalogue, read })
}

/// What is written about an order that gets its values: it goes on, or to whoever reviews it.
fn filled(
    engine: &Engine,
    order: Order,
    values: Vec<(OrderItemId, Value, String)>,
    undone: &[Undone],
    catalogue: &Catalogue,
) -> Fill {
    let mut after = reference::filled(&order, &values, catalogue);
    let is_reviewed = catalogue.account_type(&order.account_type).is_some_and(|facts| facts.review);
    if !undo::hold(&mut after, undone) {
        let event = if is_reviewed { Event::Review } else { Event::Fill };
        after.state = lifecycle::advance(order.state, event).unwrap_or(order.state);
    }
    let told: Vec<String> = values.iter().map(|value| told(&order, value)).collect();
    let moves = |item: &&OrderItem| after.state != order.state && item.state == order.state;
    let settled = Settled {
        to: after.state,
        reason: after.reason.clone(),
        next_attempt_at: order.next_attempt_at.filter(|_| after.state == ProvisioningState::Pending),
        items: order.items.iter().filter(moves).map(|item| (item.id, after.state, None)).collect(),
        // No attempt is ended by it.
        answer: Answer::ReadBack { present: false },
        message: format!("Filled in. {}", told.join(" ")),
        account: None,
    };
    let notices = crate::mails::notices::reviews(engine, std::slice::from_ref(&after));
    let filled = FilledOrder { order: order.id, key: after.key.clone(), values };
    Fill { step: Step::new(order, settled), filled, notices }
}

/// "owner “uid=ann”: Taken from …". A secret is not told.
fn told(order: &Order, (item, value, explanation): &(OrderItemId, Value, String)) -> String {
    match order.items.iter().find(|known| known.id == *item) {
        Some(item) if item.secret => format!("{}: {explanation}", item.name),
        Some(item) => format!("{} \u{201c}{value}\u{201d}: {explanation}", item.name),
        None => explanation.clone(),
    }
}

/// Whose other accounts an order concerns that has just changed this one, as noted: by the type of those accounts.
pub(crate) fn changed_by(
    order: &Order,
    change: Option<&AccountChange>,
    catalogue: &Catalogue,
) -> Vec<(IdentityId, Option<String>)> {
    let is_renamed = match change {
        None => return Vec::new(),
        Some(AccountChange::Created(_)) => true,
        Some(AccountChange::Updated(account)) => {
            account.status == AccountStatus::Gone || order.key.as_ref() != Some(&account.key)
        }
    };
    let writes = matches!(order.operation, Operation::Create | Operation::Enable)
        || order.items.iter().any(|item| item.kind == ItemKind::Attribute);
    if is_renamed || writes { referring(order.identity, &order.account_type, catalogue) } else { Vec::new() }
}

/// The same of a reading: `before` is the account as it was on record, where it was.
pub(crate) fn changed_in(
    before: Option<&Account>,
    after: &Account,
    catalogue: &Catalogue,
) -> Vec<(IdentityId, Option<String>)> {
    let is_same = before.is_some_and(|before| {
        before.key == after.key
            && before.attributes == after.attributes
            && before.owner == after.owner
            && before.account_type == after.account_type
            && (before.status == AccountStatus::Gone) == (after.status == AccountStatus::Gone)
    });
    match after.owner {
        Some(owner) if !is_same => referring(owner, &after.account_type, catalogue),
        _ => Vec::new(),
    }
}

fn referring(identity: IdentityId, account_type: &str, catalogue: &Catalogue) -> Vec<(IdentityId, Option<String>)> {
    let types = catalogue.account_type(account_type).map_or(&[][..], |facts| &facts.referred_by);
    types.iter().map(|kind| (identity, Some(kind.clone()))).collect()
}

/// Queues a run for those whose other accounts are to follow, where no run that is under way does it.
pub(crate) async fn queue_due(engine: &Engine) -> Result<(), StoreError> {
    if engine.store().reference_changes().await?.is_empty() || !engine.store().active_runs().await?.is_empty() {
        return Ok(());
    }
    if crate::jobs::may_queue_own(engine, REFERENCES, false).await? {
        let tasks = [TaskKind::GenerateOrders, TaskKind::Fulfil, TaskKind::SynchronizeBack];
        crate::jobs::queue_own(engine, REFERENCES, &tasks, None).await?;
    }
    Ok(())
}
