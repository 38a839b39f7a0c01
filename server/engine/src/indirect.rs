//! What people hold indirectly: reads the accounts that stand for entitlements, only as far as what somebody has leads.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use model::access::{DesiredAssignment, Grantable};
use model::account::{Account, AccountStatus};
use model::indirect::{IndirectHolding, IndirectHop, IndirectOrigin, IndirectRow};
use policy::indirect::{Standing, Stands};
use store::{Store, StoreError};

use crate::Engine;
use crate::world::Live;

/// Values that are asked for at once.
const AT_ONCE: usize = 1_000;

/// What somebody is granted, and their accounts.
pub(crate) type Holder<'a> = (&'a [DesiredAssignment], &'a [Account]);

/// Reads what is missing to follow all of these to the end.
pub(crate) async fn read(
    store: &Store,
    live: &Live,
    people: &[Holder<'_>],
    standing: &mut Standing,
) -> Result<(), StoreError> {
    loop {
        let mut wanted = Wanted::new();
        for (assignments, accounts) in people {
            join(&mut wanted, live.indirect.wanted(assignments, accounts, standing));
        }
        if wanted.is_empty() {
            return Ok(());
        }
        take_in(store, live, wanted, standing).await?;
    }
}

/// Everything to which leads what one person is granted and has.
pub(crate) async fn of_one(
    store: &Store,
    live: &Live,
    assignments: &[DesiredAssignment],
    accounts: &[Account],
) -> Result<Vec<IndirectHolding>, StoreError> {
    let mut standing = Standing::default();
    read(store, live, &[(assignments, accounts)], &mut standing).await?;
    Ok(live.indirect.follow(assignments, accounts, &standing))
}

/// What somebody holds indirectly, as people read it, sorted: what is in their accounts anyhow is left out.
pub(crate) fn rows(
    engine: &Engine,
    live: &Live,
    holdings: &[IndirectHolding],
    accounts: &[Account],
) -> Vec<IndirectRow> {
    let is_own = |holding: &&IndirectHolding| {
        let mut of_type = accounts.iter().filter(|account| account.account_type == holding.account_type);
        of_type.any(|account| account.status == AccountStatus::Enabled && account.entitlements.contains(&holding.key))
    };
    let application = |account_type: &str| {
        let facts = live.catalogue.account_type(account_type);
        facts.map_or_else(|| account_type.to_owned(), |facts| engine.application_label(&facts.application))
    };
    let label = |account_type: &str, key: &str| match live.catalogue.entitlement_of(account_type, key) {
        Some(name) => engine.label(&Grantable::Entitlement(name.to_owned())),
        None => key.to_owned(),
    };
    let mut shortest: BTreeMap<(&str, &str), (&IndirectHolding, u64)> = BTreeMap::new();
    for holding in holdings.iter().filter(|holding| !is_own(holding)) {
        // What an account has goes before what is granted and may not be there yet.
        let rank = |holding: &IndirectHolding| (matches!(holding.from, IndirectOrigin::Granted(_)), holding.path.len());
        let place = (holding.account_type.as_str(), holding.key.as_str());
        match shortest.entry(place) {
            Entry::Vacant(entry) => drop(entry.insert((holding, 0))),
            Entry::Occupied(mut entry) => {
                let (known, others) = entry.get_mut();
                if known.path.first().map(|step| &step.key) != holding.path.first().map(|step| &step.key) {
                    *others += 1;
                }
                if rank(holding) < rank(known) {
                    *known = holding;
                }
            }
        }
    }
    let mut rows: Vec<IndirectRow> = shortest
        .into_iter()
        .map(|((account_type, key), (holding, others))| IndirectRow {
            label: label(account_type, key),
            application: application(account_type),
            way: holding
                .path
                .iter()
                .map(|step| IndirectHop {
                    label: label(&step.account_type, &step.key),
                    application: application(&step.account_type),
                    rule: step.rule.clone(),
                })
                .collect(),
            is_coming: matches!(holding.from, IndirectOrigin::Granted(_)),
            others,
        })
        .collect();
    rows.sort_by(|one, other| (&one.application, &one.label).cmp(&(&other.application, &other.label)));
    rows
}

/// Entitlements by account type and key that lead to something that counts for a risk, with all of that.
pub(crate) async fn leading_to_risks(
    store: &Store,
    live: &Live,
) -> Result<BTreeMap<(String, String), Vec<Grantable>>, StoreError> {
    let mut leading = BTreeMap::new();
    let configuration = &live.configuration;
    let mut standing = Standing::default();
    for account_type in live.indirect.begins_with() {
        let Some(kind) = configuration.account_types.get(account_type) else { continue };
        let mut keys: BTreeSet<String> =
            store.entitlement_rows(&kind.application).await?.into_iter().map(|row| row.key).collect();
        let known = configuration.entitlements.values().filter(|it| it.account_type == account_type);
        keys.extend(known.map(|it| it.key.clone()));
        loop {
            let wanted = live.indirect.wanted_from(account_type, keys.iter().cloned(), &standing);
            if wanted.is_empty() {
                break;
            }
            take_in(store, live, wanted, &mut standing).await?;
        }
        for key in keys {
            let reached = live.indirect.leads_to(account_type, &key, &standing);
            let counts = reached.iter().flat_map(|(kind, key)| live.risks.entitlements(kind, key));
            let counts: BTreeSet<&Grantable> = counts.collect();
            if !counts.is_empty() {
                leading.insert((account_type.to_owned(), key), counts.into_iter().cloned().collect());
            }
        }
    }
    Ok(leading)
}

type Wanted = BTreeMap<Stands, BTreeSet<String>>;

fn join(all: &mut Wanted, more: Wanted) {
    for (stands, values) in more {
        all.entry(stands).or_default().extend(values);
    }
}

async fn take_in(store: &Store, live: &Live, wanted: Wanted, standing: &mut Standing) -> Result<(), StoreError> {
    for (stands, values) in wanted {
        let mut accounts = Vec::new();
        // Of an account type that is not there, nothing is.
        if let Some(kind) = live.configuration.account_types.get(&stands.account_type) {
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            for values in values.chunks(AT_ONCE) {
                let (of_type, attribute) = (&stands.account_type, stands.attribute.as_deref());
                accounts.extend(store.accounts_standing_for(&kind.application, of_type, attribute, values).await?);
            }
        }
        standing.add(&stands, values, &accounts);
    }
    Ok(())
}
