//! What people hold indirectly: reads the accounts that stand for entitlements, only as far as what somebody has leads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::access::{DesiredAssignment, Grantable};
use model::account::{Account, AccountStatus};
use model::configuration::Entitlement;
use model::ids::{AccountId, IdentityId};
use model::indirect::{IndirectHolding, IndirectHop, IndirectOrigin, IndirectRow};
use policy::indirect::{Standing, Stands};
use store::{Store, StoreError};

use crate::Engine;
use crate::world::Live;

/// Values that are asked for at once.
const AT_ONCE: usize = 1_000;

/// What somebody is granted, and their accounts.
pub(crate) type Holder<'a> = (&'a [DesiredAssignment], &'a [Account]);

/// Follows people under one configuration, and keeps what stands for entitlements as it was read: for one piece of work.
pub(crate) struct Follower {
    live: Arc<Live>,
    source: Source,
    standing: Standing,
}

/// Where the accounts are that stand for entitlements.
enum Source {
    Store(Store),
    /// As a dry run would leave them.
    These(Vec<Account>),
}

type Wanted = BTreeMap<Stands, BTreeSet<String>>;

impl Follower {
    pub(crate) fn new(store: &Store, live: &Arc<Live>) -> Self {
        Self { live: Arc::clone(live), source: Source::Store(store.clone()), standing: Standing::default() }
    }

    /// Over these accounts, of which those count that stand for entitlements.
    pub(crate) fn over(accounts: &[Account], live: &Arc<Live>) -> Self {
        let stand_ins = live.indirect.stand_ins();
        let those = accounts.iter().filter(|account| stand_ins.contains(account.account_type.as_str()));
        let source = Source::These(those.cloned().collect());
        Self { live: Arc::clone(live), source, standing: Standing::default() }
    }

    /// Under which configuration people are followed.
    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.live
    }

    /// Reads what is missing to follow all of these to the end.
    pub(crate) async fn read(&mut self, people: &[Holder<'_>]) -> Result<(), StoreError> {
        if self.live.indirect.is_empty() {
            return Ok(());
        }
        loop {
            let mut wanted = Wanted::new();
            for (assignments, accounts) in people {
                for (stands, values) in self.live.indirect.wanted(assignments, accounts, &self.standing) {
                    wanted.entry(stands).or_default().extend(values);
                }
            }
            if wanted.is_empty() {
                return Ok(());
            }
            self.take_in(wanted).await?;
        }
    }

    /// Everything to which leads what somebody is granted and has, once it was [read](Self::read).
    pub(crate) fn follow(&self, (assignments, accounts): Holder<'_>) -> Vec<IndirectHolding> {
        self.live.indirect.follow(assignments, accounts, &self.standing)
    }

    /// Reads what is missing, and follows.
    pub(crate) async fn of_one(&mut self, holder: Holder<'_>) -> Result<Vec<IndirectHolding>, StoreError> {
        self.read(&[holder]).await?;
        Ok(self.follow(holder))
    }

    /// Entitlements by account type and key that lead to something that counts for a risk, with all of that.
    pub(crate) async fn leading_to_risks(
        &mut self,
        store: &Store,
    ) -> Result<BTreeMap<(String, String), Vec<Grantable>>, StoreError> {
        let mut leading = BTreeMap::new();
        for (account_type, key) in self.all_that_lead(store).await? {
            let reached = self.live.indirect.leads_to(&account_type, &key, &self.standing);
            let counts = reached.iter().flat_map(|(kind, key)| self.live.risks.entitlements(kind, key));
            let counts: BTreeSet<&Grantable> = counts.collect();
            if !counts.is_empty() {
                let counts = counts.into_iter().cloned().collect();
                leading.insert((account_type, key), counts);
            }
        }
        Ok(leading)
    }

    /// Who holds, or is granted, what leads through one of these accounts, as they were or are, to something that counts for a risk:
    /// whom it concerns that they changed.
    pub(crate) async fn concerned_by(
        &mut self,
        store: &Store,
        changed: &[Account],
    ) -> Result<BTreeSet<IdentityId>, StoreError> {
        let mut leading: Vec<(String, String)> = Vec::new();
        let ids: BTreeSet<AccountId> = changed.iter().map(|account| account.id).collect();
        self.standing = Standing::default();
        self.live.indirect.put_beside(changed, &mut self.standing);
        for (account_type, key) in self.all_that_lead(store).await? {
            let reached = self.live.indirect.leads_to(&account_type, &key, &self.standing);
            let counts = reached.iter().any(|(kind, key)| !self.live.risks.entitlements(kind, key).is_empty());
            if counts && self.live.indirect.passes(&account_type, &key, &ids, &self.standing) {
                leading.push((account_type, key));
            }
        }
        leading.sort();
        let is_leading = |it: &Entitlement| leading.binary_search(&(it.account_type.clone(), it.key.clone())).is_ok();
        let entitlements = self.live.configuration.entitlements.iter().filter(|(_, it)| is_leading(it));
        let things: Vec<Grantable> = entitlements.map(|(name, _)| Grantable::Entitlement(name.clone())).collect();
        let found = store.risky_holdings(&things, &leading).await?;
        let granted = found.granted.into_iter().map(|(id, _)| id);
        Ok(granted.chain(found.keys.into_iter().map(|(id, ..)| id)).collect())
    }

    /// All entitlements that may lead on, known or only listed by their application; what they lead to is read then.
    async fn all_that_lead(&mut self, store: &Store) -> Result<Vec<(String, String)>, StoreError> {
        let live = Arc::clone(&self.live);
        let mut all = Vec::new();
        for account_type in live.indirect.begins_with() {
            let Some(kind) = live.configuration.account_types.get(account_type) else { continue };
            let mut keys: BTreeSet<String> = store.entitlement_keys(&kind.application).await?.into_iter().collect();
            let known = live.configuration.entitlements.values().filter(|it| it.account_type == account_type);
            keys.extend(known.map(|it| it.key.clone()));
            loop {
                let wanted = live.indirect.wanted_from(account_type, keys.iter().cloned(), &self.standing);
                if wanted.is_empty() {
                    break;
                }
                self.take_in(wanted).await?;
            }
            all.extend(keys.into_iter().map(|key| (account_type.to_owned(), key)));
        }
        Ok(all)
    }

    async fn take_in(&mut self, wanted: Wanted) -> Result<(), StoreError> {
        for (stands, values) in wanted {
            let mut accounts = Vec::new();
            match (&self.source, self.live.configuration.account_types.get(&stands.account_type)) {
                // Of an account type that is not there, nothing is.
                (_, None) => {}
                (Source::Store(store), Some(kind)) => {
                    let values: Vec<&str> = values.iter().map(String::as_str).collect();
                    for values in values.chunks(AT_ONCE) {
                        let (of_type, attribute) = (&stands.account_type, stands.attribute.as_deref());
                        let read = store.accounts_standing_for(&kind.application, of_type, attribute, values);
                        accounts.extend(read.await?);
                    }
                }
                (Source::These(all), Some(_)) => {
                    let those = all.iter().filter(|account| account.account_type == stands.account_type);
                    let those = those.filter(|account| stands.value(account).is_some_and(|it| values.contains(&it)));
                    accounts.extend(those.cloned());
                }
            }
            self.standing.add(&stands, values, &accounts);
        }
        Ok(())
    }
}

/// Account type and key.
type Place<'a> = (&'a str, &'a str);

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
    // What an account has goes before what is granted and may not be there yet; then the shortest way.
    let rank = |holding: &IndirectHolding| (matches!(holding.from, IndirectOrigin::Granted(_)), holding.path.len());
    let mut ways: BTreeMap<Place<'_>, (&IndirectHolding, BTreeSet<Place<'_>>)> = BTreeMap::new();
    for holding in holdings.iter().filter(|holding| !is_own(holding)) {
        let place = (holding.account_type.as_str(), holding.key.as_str());
        let (best, beginnings) = ways.entry(place).or_insert_with(|| (holding, BTreeSet::new()));
        beginnings.extend(holding.path.first().map(|step| (step.account_type.as_str(), step.key.as_str())));
        if rank(holding) < rank(best) {
            *best = holding;
        }
    }
    let mut rows: Vec<IndirectRow> = ways
        .into_iter()
        .map(|((account_type, key), (holding, beginnings))| IndirectRow {
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
            others: (beginnings.len() as u64).saturating_sub(1),
        })
        .collect();
    rows.sort_by(|one, other| (&one.application, &one.label).cmp(&(&other.application, &other.label)));
    rows
}
