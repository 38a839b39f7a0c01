//! Values that come from another account of the same person. An order that waits for one is filled in here as soon as it is
//! known, and goes out with it; for whom an account has changed that values of their others come from, a run is queued
//! that concerns nobody else.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use broker::catalogue::Catalogue;
use broker::lifecycle::{self, Event};
use broker::reference::{self, Filling, Known, Read};
use broker::settle::{AccountChange, Settled};
use broker::undo;
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use model::account::{Account, AccountStatus};
use model::identity::Identity;
use model::ids::{ConfigurationVersionId, IdentityId, OrderId, OrderItemId};
use model::job::REFERENCES;
use model::order::{Answer, Order, OrderItem, ProvisioningState};
use model::undo::Undone;
use model::value::Value;
use policy::classification::Seen;
use policy::model::RoleModel;
use store::{FilledOrder, StoreError};

use crate::Engine;
use crate::record::{self, Fill, Step};

/// Orders looked at, and filled in, in one transaction.
const BATCH: u32 = 500;

/// How often all that wait are looked at, and not only those whose person's accounts or orders have changed since: the day may
/// give another value, and clocks of nodes differ.
const ALL_EVERY: Duration = Duration::from_mins(10);
/// Changes of so long before the last look are looked at again: they may have been written after it.
const LATE: SignedDuration = SignedDuration::from_mins(1);

/// What this process remembers of orders that wait. Lost with it; then all are looked at.
#[derive(Debug, Default)]
pub(crate) struct Waiting(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    last: Option<Look>,
    /// Orders for which a new plan was asked for, and that wait still: asking again would give the same.
    overtaken: HashSet<OrderId>,
}

#[derive(Clone, Copy, Debug)]
struct Look {
    at: Timestamp,
    /// When all are to be looked at again.
    all: Timestamp,
    version: Option<ConfigurationVersionId>,
}

impl Waiting {
    fn remembered(&self) -> MutexGuard<'_, Remembered> {
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
pub(crate) async fn fill(engine: &Engine) -> Result<(), StoreError> {
    let (now, version) = (engine.now(), engine.world().deciding().version);
    let last = engine.waiting().remembered().last.filter(|last| last.version == version && now < last.all);
    let since = last.map(|last| last.at - LATE);
    let (mut waiting, mut above) = (HashSet::new(), OrderId(0));
    loop {
        let found = engine.store().fillable_orders(above, since, BATCH).await?;
        let Some((newest, _)) = found.last() else { break };
        above = *newest;
        waiting.extend(found.iter().map(|(order, _)| *order));
        fill_batch(engine, &found).await?;
        if found.len() < BATCH as usize {
            break;
        }
    }
    let mut remembered = engine.waiting().remembered();
    if last.is_none() {
        remembered.overtaken.retain(|order| waiting.contains(order));
    }
    let all = last.map_or_else(|| engine.after(ALL_EVERY), |last| last.all);
    remembered.last = Some(Look { at: now, all, version });
    Ok(())
}

async fn fill_batch(engine: &Engine, found: &[(OrderId, IdentityId)]) -> Result<(), StoreError> {
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
    let (mut known, mut overtaken) = (Vec::new(), Vec::new());
    for order in orders {
        let read = reader(&live.model, people.get(&order.identity), engine.day(now));
        let own_accounts = accounts.get(&order.identity).map_or(&[][..], Vec::as_slice);
        let own_orders = open.get(&order.identity).map_or(&[][..], Vec::as_slice);
        match decide(&order, own_accounts, own_orders, &live.catalogue, &read) {
            Filling::Filled(values) => known.push((order, values)),
            Filling::Overtaken if !engine.waiting().remembered().overtaken.contains(&order.id) => {
                overtaken.push((order.id, order.identity));
            }
            Filling::Overtaken | Filling::Waits => {}
        }
    }
    let undone = if known.is_empty() { Vec::new() } else { store.undone().await? };
    let fills = known.into_iter().map(|(order, values)| filled(engine, order, values, &undone, &live.catalogue));
    let anew: Vec<(IdentityId, Option<String>)> = overtaken.iter().map(|(_, identity)| (*identity, None)).collect();
    record::record_filled(engine, fills.collect(), anew, now).await?;
    // Once that is written, and not before: what is lost with the database's connection is asked for again.
    engine.waiting().remembered().overtaken.extend(overtaken.into_iter().map(|(order, _)| order));
    Ok(())
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
    noted([order.identity], &reference::following_order(order, change, catalogue))
}

/// The same of a reading: `before` is the account as it was on record, where it was.
pub(crate) fn changed_in(
    before: Option<&Account>,
    after: &Account,
    catalogue: &Catalogue,
) -> Vec<(IdentityId, Option<String>)> {
    let owners: BTreeSet<IdentityId> = before.and_then(|before| before.owner).into_iter().chain(after.owner).collect();
    noted(owners, &reference::following_reading(before, after, catalogue))
}

/// The same where people decide whose account it is, or of which type: `others` are the owner and the type that it gets
/// or loses with that.
pub(crate) fn decided(
    account: &Account,
    others: (Option<IdentityId>, Option<&str>),
    catalogue: &Catalogue,
) -> Vec<(IdentityId, Option<String>)> {
    let owners: BTreeSet<IdentityId> = account.owner.into_iter().chain(others.0).collect();
    let types = [Some(account.account_type.as_str()), others.1];
    let following = types.into_iter().flatten().flat_map(|kind| reference::following(kind, &|_| true, catalogue));
    noted(owners, &following.collect::<Vec<_>>())
}

fn noted(identities: impl IntoIterator<Item = IdentityId>, types: &[&str]) -> Vec<(IdentityId, Option<String>)> {
    let of = |identity| types.iter().map(move |kind| (identity, Some((*kind).to_owned())));
    identities.into_iter().flat_map(of).collect()
}

/// Queues a run for those whose other accounts are to follow, where no run that is under way does it.
pub(crate) async fn queue_due(engine: &Engine) -> Result<(), StoreError> {
    let store = engine.store();
    if !store.active_runs().await?.is_empty() || !store.has_reference_changes().await? {
        return Ok(());
    }
    if crate::jobs::may_queue_own(engine, REFERENCES, false).await? {
        crate::jobs::queue_own(engine, REFERENCES, &crate::jobs::FROM_PLANNING, None).await?;
    }
    Ok(())
}
