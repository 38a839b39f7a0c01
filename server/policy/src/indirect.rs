//! What people hold indirectly, followed from what their accounts hold through accounts that stand for entitlements.
//!
//! Whoever reads accounts is asked step by step ([`IndirectModel::wanted`]) until nothing more is wanted, so that one person
//! costs no more than what leads on from them. Groups in a circle are followed once. Only enabled accounts count, on both sides;
//! and what the role model grants, which will be there soon.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use model::access::{DesiredAssignment, Grantable};
use model::account::{Account, AccountStatus};
use model::configuration::Configuration;
use model::ids::AccountId;
use model::indirect::{IndirectHolding, IndirectOrigin, IndirectStep};
use regex::Regex;

/// The indirect rules of a configuration, by name.
#[derive(Debug, Default)]
pub struct IndirectModel {
    rules: Vec<Rule>,
    /// Where entitlements are that lead on when they are granted.
    entitlements: HashMap<String, Place>,
}

#[derive(Debug)]
struct Rule {
    name: String,
    account_type: String,
    stands: Stands,
    pattern: Option<Regex>,
    reaches: String,
}

/// Where to look for what stands for an entitlement: account type, and the attribute that says it, or the key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Stands {
    pub account_type: String,
    pub attribute: Option<String>,
}

type StandIns = HashMap<Stands, HashMap<String, Vec<StandIn>>>;

/// The accounts that stand for entitlements, as far as they were read.
#[derive(Debug, Default)]
pub struct Standing {
    /// By what they stand for; nothing stands for what has none.
    accounts: StandIns,
    /// Those that count in any case; see [`IndirectModel::put_beside`].
    put: StandIns,
}

#[derive(Clone, Debug)]
struct StandIn {
    id: AccountId,
    entitlements: BTreeSet<String>,
}

impl Stands {
    /// For which entitlement an account of the type stands.
    pub fn value(&self, account: &Account) -> Option<String> {
        match &self.attribute {
            None => Some(account.key.clone()),
            Some(attribute) => account.attributes.get(attribute).map(ToString::to_string),
        }
    }
}

impl Standing {
    /// Takes in what was read for these values: what did not come does not exist.
    pub fn add(&mut self, stands: &Stands, values: impl IntoIterator<Item = String>, accounts: &[Account]) {
        let known = self.accounts.entry(stands.clone()).or_default();
        for value in values {
            known.entry(value).or_default();
        }
        for account in accounts.iter().filter(|account| account.status == AccountStatus::Enabled) {
            let Some(of_value) = stands.value(account).map(|value| known.entry(value).or_default()) else { continue };
            if of_value.iter().all(|other| other.id != account.id) {
                of_value.push(StandIn { id: account.id, entitlements: account.entitlements.clone() });
                of_value.sort_by_key(|stand_in| stand_in.id);
            }
        }
    }
}

impl Standing {
    fn of<'a>(&'a self, stands: &Stands, value: &str) -> impl Iterator<Item = &'a StandIn> + use<'a> {
        let of = |from: &'a StandIns| from.get(stands).and_then(|known| known.get(value));
        of(&self.accounts).into_iter().chain(of(&self.put)).flatten()
    }
}

/// Something held, on the way.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Place {
    account_type: String,
    key: String,
}

impl IndirectModel {
    /// Of a sound configuration; a rule that is not is left out.
    pub fn compile(configuration: &Configuration) -> Self {
        let rules = configuration.indirect_rules.iter().filter_map(|(name, rule)| {
            Some(Rule {
                name: name.clone(),
                account_type: rule.account_type.clone(),
                stands: Stands { account_type: rule.through.clone(), attribute: rule.attribute.clone() },
                pattern: rule.pattern.as_deref().map(part).transpose().ok()?,
                reaches: rule.reaches().to_owned(),
            })
        });
        let rules: Vec<Rule> = rules.collect();
        let leads_on = |account_type: &str| rules.iter().any(|rule| rule.account_type == account_type);
        let entitlements = configuration.entitlements.iter().filter(|(_, it)| leads_on(&it.account_type));
        let place =
            |account_type: &String, key: &String| Place { account_type: account_type.clone(), key: key.clone() };
        let entitlements = entitlements.map(|(name, it)| (name.clone(), place(&it.account_type, &it.key))).collect();
        Self { rules, entitlements }
    }

    /// Whether there is no such rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Account types whose entitlements lead on.
    pub fn begins_with(&self) -> BTreeSet<&str> {
        self.rules.iter().map(|rule| rule.account_type.as_str()).collect()
    }

    /// Account types whose accounts stand for entitlements.
    pub fn stand_ins(&self) -> BTreeSet<&str> {
        self.rules.iter().map(|rule| rule.stands.account_type.as_str()).collect()
    }

    /// What has to be read before somebody who is granted this and has these accounts can be followed to the end, as far as is
    /// known by now; nothing at the end.
    pub fn wanted(
        &self,
        assignments: &[DesiredAssignment],
        accounts: &[Account],
        standing: &Standing,
    ) -> BTreeMap<Stands, BTreeSet<String>> {
        self.unread(self.beginnings(assignments, accounts).into_keys(), standing)
    }

    /// As [`Self::wanted`], of holding these entitlements of an account type.
    pub fn wanted_from(
        &self,
        account_type: &str,
        keys: impl IntoIterator<Item = String>,
        standing: &Standing,
    ) -> BTreeMap<Stands, BTreeSet<String>> {
        self.unread(keys.into_iter().map(|key| Place { account_type: account_type.to_owned(), key }), standing)
    }

    fn unread(
        &self,
        begins: impl IntoIterator<Item = Place>,
        standing: &Standing,
    ) -> BTreeMap<Stands, BTreeSet<String>> {
        let mut unread: BTreeMap<Stands, BTreeSet<String>> = BTreeMap::new();
        self.walk(begins, standing, |stands, value| {
            unread.entry(stands.clone()).or_default().insert(value.to_owned());
        });
        unread
    }

    /// All to which leads what somebody is granted and what their accounts hold, sorted, once for each beginning.
    pub fn follow(
        &self,
        assignments: &[DesiredAssignment],
        accounts: &[Account],
        standing: &Standing,
    ) -> Vec<IndirectHolding> {
        let mut found = Vec::new();
        if self.is_empty() {
            return found;
        }
        for (begin, origins) in self.beginnings(assignments, accounts) {
            for (reached, path) in self.ways(begin, standing) {
                found.extend(origins.iter().map(|from| IndirectHolding {
                    account_type: reached.account_type.clone(),
                    key: reached.key.clone(),
                    from: from.clone(),
                    path: path.clone(),
                }));
            }
        }
        found.sort_unstable();
        found
    }

    /// The shortest ways to all that is reached from there.
    fn ways(&self, begin: Place, standing: &Standing) -> BTreeMap<Place, Vec<IndirectStep>> {
        let mut found: BTreeMap<Place, Vec<IndirectStep>> = BTreeMap::new();
        let mut queue = VecDeque::from([(begin.clone(), Vec::new())]);
        while let Some((place, path)) = queue.pop_front() {
            for (rule, stand_in) in self.onward(&place, standing) {
                let step = IndirectStep {
                    rule: rule.name.clone(),
                    account_type: place.account_type.clone(),
                    key: place.key.clone(),
                    through: stand_in.id,
                };
                for key in &stand_in.entitlements {
                    let reached = Place { account_type: rule.reaches.clone(), key: key.clone() };
                    if reached == begin || found.contains_key(&reached) {
                        continue;
                    }
                    let path: Vec<IndirectStep> = path.iter().chain([&step]).cloned().collect();
                    queue.push_back((reached.clone(), path.clone()));
                    found.insert(reached, path);
                }
            }
        }
        found
    }

    /// What holding an entitlement leads to, as account types and keys, sorted.
    pub fn leads_to(&self, account_type: &str, key: &str, standing: &Standing) -> Vec<(String, String)> {
        let begin = Place { account_type: account_type.to_owned(), key: key.to_owned() };
        let mut seen = self.walk([begin.clone()], standing, |_, _| {});
        seen.remove(&begin);
        seen.into_iter().map(|place| (place.account_type, place.key)).collect()
    }

    /// Has these accounts count beside what is read of them, whether they are enabled or not: as they were, and as they will be.
    pub fn put_beside(&self, accounts: &[Account], standing: &mut Standing) {
        for rule in &self.rules {
            for account in accounts.iter().filter(|account| account.account_type == rule.stands.account_type) {
                let Some(value) = rule.stands.value(account) else { continue };
                let of_value = standing.put.entry(rule.stands.clone()).or_default().entry(value).or_default();
                of_value.push(StandIn { id: account.id, entitlements: account.entitlements.clone() });
            }
        }
    }

    /// Whether the way from holding an entitlement goes through one of these accounts.
    pub fn passes(&self, account_type: &str, key: &str, through: &BTreeSet<AccountId>, standing: &Standing) -> bool {
        let begin = Place { account_type: account_type.to_owned(), key: key.to_owned() };
        let seen = self.walk([begin], standing, |_, _| {});
        seen.iter().any(|place| self.onward(place, standing).any(|(_, stand_in)| through.contains(&stand_in.id)))
    }

    /// All that is reached from there, with where it begins; tells what would have to be read to go on.
    fn walk(
        &self,
        begins: impl IntoIterator<Item = Place>,
        standing: &Standing,
        mut unread: impl FnMut(&Stands, &str),
    ) -> BTreeSet<Place> {
        let mut queue: Vec<Place> = begins.into_iter().collect();
        let mut seen: BTreeSet<Place> = queue.iter().cloned().collect();
        while let Some(place) = queue.pop() {
            for rule in self.rules.iter().filter(|rule| rule.account_type == place.account_type) {
                let Some(value) = rule.value(&place.key) else { continue };
                if standing.accounts.get(&rule.stands).is_none_or(|known| !known.contains_key(value)) {
                    unread(&rule.stands, value);
                }
                for key in standing.of(&rule.stands, value).flat_map(|stand_in| &stand_in.entitlements) {
                    let reached = Place { account_type: rule.reaches.clone(), key: key.clone() };
                    if seen.insert(reached.clone()) {
                        queue.push(reached);
                    }
                }
            }
        }
        seen
    }

    fn onward<'a>(&'a self, place: &'a Place, standing: &'a Standing) -> impl Iterator<Item = (&'a Rule, &'a StandIn)> {
        let rules = self.rules.iter().filter(|rule| rule.account_type == place.account_type);
        rules.flat_map(move |rule| {
            let of_value = rule.value(&place.key).map(|value| standing.of(&rule.stands, value));
            of_value.into_iter().flatten().map(move |stand_in| (rule, stand_in))
        })
    }

    /// What leads on of what is held and granted, and whereby it is.
    fn beginnings(
        &self,
        assignments: &[DesiredAssignment],
        accounts: &[Account],
    ) -> BTreeMap<Place, BTreeSet<IndirectOrigin>> {
        let begins_with = self.begins_with();
        let mut beginnings: BTreeMap<Place, BTreeSet<IndirectOrigin>> = BTreeMap::new();
        for assignment in assignments.iter().filter(|assignment| assignment.workflow_state.grants()) {
            let Grantable::Entitlement(name) = &assignment.grantable else { continue };
            if let Some(place) = self.entitlements.get(name) {
                beginnings.entry(place.clone()).or_default().insert(IndirectOrigin::Granted(name.clone()));
            }
        }
        let enabled = accounts.iter().filter(|account| account.status == AccountStatus::Enabled);
        for account in enabled.filter(|account| begins_with.contains(account.account_type.as_str())) {
            for key in &account.entitlements {
                let place = Place { account_type: account.account_type.clone(), key: key.clone() };
                beginnings.entry(place).or_default().insert(IndirectOrigin::Account(account.id));
            }
        }
        beginnings
    }
}

impl Rule {
    /// What would stand for the entitlement of this key; nothing where the pattern does not fit.
    fn value<'k>(&self, key: &'k str) -> Option<&'k str> {
        match &self.pattern {
            None => Some(key),
            Some(pattern) => pattern.captures(key)?.get(1).map(|part| part.as_str()),
        }
    }
}

/// The pattern of a rule, which fits a whole key.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn part(pattern: &str) -> Result<Regex, String> {
    crate::naming_rules::pattern(pattern)
}

#[cfg(test)]
mod tests;
