//! What follows from a combination of rules, with every reason: what an answer is filled in from.
//!
//! What somebody was given directly is part of the combination, like a rule that gives just that. What differs between
//! people of one combination (periods, facts, account attributes) is no part of it. [`super::combinations`] keeps what is
//! needed of each for everybody.

use std::borrow::Cow;
use std::collections::BTreeMap;

use model::access::{Grantable, WorkflowState};
use model::configuration::RuleType;

use crate::day::Day;
use crate::digest::Digest;
use crate::model::{AccessModel, Closure, Given, RoleModel};

use super::matcher::strength;

/// Rule, and position of the context among the identity's by key; or [`GRANT`] with what was granted directly, and
/// position among the identity's direct grants.
pub(super) type Pair = (u32, u32);

/// Marks a pair that is a direct grant; the rest of the number is the position of what is granted.
pub(super) const GRANT: u32 = 1 << 31;

/// Marks a pair that is the lifecycle state, which lets through only some of what the others give; the rest of the number is
/// its position.
pub(super) const STATE: u32 = 1 << 30;

/// Priority of a direct grant against denials: that of a rule which says nothing.
const GRANT_PRIORITY: i32 = 0;

/// What a pair gives.
struct Giver<'m> {
    kind: RuleType,
    priority: i32,
    targets: Cow<'m, [u32]>,
    /// Where nothing is denied.
    closure: Cow<'m, Closure>,
}

/// None for a denial.
fn giver(model: &RoleModel, number: u32) -> Option<Giver<'_>> {
    if number & GRANT != 0 {
        let targets = vec![number & !GRANT];
        let closure = model.closure(RuleType::Automatic, &targets, |_| false);
        return Some(Giver {
            kind: RuleType::Automatic,
            priority: GRANT_PRIORITY,
            targets: Cow::Owned(targets),
            closure: Cow::Owned(closure),
        });
    }
    let rule = model.rules.get(number as usize).filter(|rule| !rule.deny)?;
    Some(Giver {
        kind: rule.kind,
        priority: rule.priority,
        targets: Cow::Borrowed(&rule.targets),
        closure: Cow::Borrowed(&rule.closure),
    })
}

/// On which ways a pair gives something, where nothing is denied.
pub(super) fn ways_of(model: &RoleModel, number: u32, wanted: u32) -> Option<Vec<Vec<u32>>> {
    let giver = giver(model, number)?;
    let given = giver.closure.given.iter().find(|given| given.grantable == wanted)?;
    Some(given.ways.iter().chain(&given.implied).cloned().collect())
}

/// Everything that follows from a combination.
pub(super) struct AccessSet {
    pub(super) pairs: Box<[Pair]>,
    pub(super) assignments: Vec<SetAssignment>,
    pub(super) denied: Vec<SetDenied>,
    pub(super) accounts: Vec<SetAccount>,
    /// What would be given, were it not for the lifecycle state.
    pub(super) withheld: Vec<u32>,
    /// Positions in `pairs` of those that some reason names, sorted.
    pub(super) told: Vec<u32>,
    /// What decides on the periods of the assignments: each distinct list once, by first appearance.
    pub(super) periods: Vec<Vec<Window>>,
    /// Positions in `pairs` of those of which a denial took something.
    pub(super) altered: Vec<u32>,
    /// Over all of the above, by names and not by positions.
    pub(super) hash: u64,
}

pub(super) struct SetAssignment {
    pub(super) grantable: u32,
    pub(super) state: WorkflowState,
    pub(super) reasons: Vec<SetReason>,
    /// Position in `periods`.
    pub(super) period: u32,
}

/// Position of a pair in `pairs`, and on which days it can give what it gives at all.
pub(super) type Window = (u32, (Day, Day));

/// A pair, and the way from what its rule gives.
pub(super) struct SetReason {
    pub(super) pair: u32,
    pub(super) way: Vec<u32>,
}

pub(super) struct SetDenied {
    pub(super) grantable: u32,
    pub(super) granted_by: Vec<SetReason>,
    pub(super) denied_by: SetReason,
}

pub(super) struct SetAccount {
    /// Position among the model's account types.
    pub(super) kind: u32,
    pub(super) entitlements: Vec<u32>,
}

struct Denial {
    priority: i32,
    pair: u32,
    way: Vec<u32>,
}

/// Ways of one pair to one thing.
struct Ways {
    kind: RuleType,
    pair: u32,
    ways: Vec<Vec<u32>>,
    implied: Vec<Vec<u32>>,
    bounds: (Day, Day),
}

impl AccessSet {
    pub(super) fn new(model: &RoleModel, pairs: &[Pair]) -> Self {
        let denials = denials(model, pairs);
        let access = state_of(model, pairs);
        let (given, taken, altered) = collect(model, pairs, &denials, access);
        let mut set = Self {
            pairs: pairs.into(),
            assignments: Vec::new(),
            denied: Vec::new(),
            accounts: Vec::new(),
            withheld: Vec::new(),
            told: Vec::new(),
            periods: Vec::new(),
            altered,
            hash: 0,
        };
        for (grantable, ways) in &given {
            set.assign(*grantable, ways);
        }
        for (grantable, ways) in &taken {
            let granted = given.get(grantable).into_iter().flatten().any(|ways| ways.kind == RuleType::Automatic);
            let Some(denial) = denials.get(grantable).filter(|_| !granted) else { continue };
            set.denied.push(SetDenied {
                grantable: *grantable,
                granted_by: reasons(ways),
                denied_by: SetReason { pair: denial.pair, way: denial.way.clone() },
            });
        }
        set.accounts = set.held_accounts(model);
        if *access != AccessModel::Keep {
            let (unhindered, ..) = collect(model, pairs, &denials, &AccessModel::Keep);
            let is_given =
                |ways: Option<&Vec<Ways>>| ways.into_iter().flatten().any(|ways| ways.kind == RuleType::Automatic);
            let withheld = unhindered.iter().filter(|(_, ways)| is_given(Some(ways)));
            let withheld =
                withheld.map(|(grantable, _)| *grantable).filter(|grantable| !is_given(given.get(grantable)));
            set.withheld = withheld.collect();
        }
        let denied = set.denied.iter().flat_map(|denied| denied.granted_by.iter().chain([&denied.denied_by]));
        let reasons = set.assignments.iter().flat_map(|assignment| &assignment.reasons).chain(denied);
        set.told = reasons.map(|reason| reason.pair).collect();
        set.told.sort_unstable();
        set.told.dedup();
        set.hash = set.digest(model);
        set
    }

    /// What is held of those from a position on.
    pub(super) fn held_from(&self, first: u32) -> impl Iterator<Item = u32> {
        let held = self.assignments.iter().filter(|held| held.state.grants()).map(|held| held.grantable);
        held.filter(move |grantable| *grantable >= first)
    }

    fn assign(&mut self, grantable: u32, ways: &[Ways]) {
        let strongest = ways.iter().map(|ways| strength(ways.kind)).max();
        let kept = || ways.iter().filter(|ways| Some(strength(ways.kind)) == strongest);
        let state = match kept().map(|ways| ways.kind).next() {
            Some(RuleType::Suggested) => WorkflowState::Suggested,
            Some(RuleType::AutomaticWithValidation) => WorkflowState::AutomaticWithValidation,
            _ if kept().any(|ways| !ways.ways.is_empty()) => WorkflowState::Calculated,
            _ => WorkflowState::GivenByRole,
        };
        let pairs: Vec<Window> = kept().map(|ways| (ways.pair, ways.bounds)).collect();
        let period = self.periods.iter().position(|known| *known == pairs).unwrap_or_else(|| {
            self.periods.push(pairs);
            self.periods.len() - 1
        });
        let period = u32::try_from(period).unwrap_or(u32::MAX);
        self.assignments.push(SetAssignment { grantable, state, reasons: reasons(kept()), period });
    }

    fn held_accounts(&self, model: &RoleModel) -> Vec<SetAccount> {
        let held: Vec<u32> =
            self.assignments.iter().filter(|held| held.state.grants()).map(|held| held.grantable).collect();
        let kinds = model.account_types.iter().enumerate();
        let kinds = kinds.filter(|(_, kind)| held.binary_search(&kind.grantable).is_ok());
        kinds
            .map(|(index, kind)| SetAccount {
                kind: u32::try_from(index).unwrap_or(u32::MAX),
                entitlements: held
                    .iter()
                    .copied()
                    .filter(|grantable| model.account_type_of(*grantable) == Some(kind.grantable))
                    .collect(),
            })
            .collect()
    }

    fn digest(&self, model: &RoleModel) -> u64 {
        let mut digest = Digest::default();
        let put = |digest: &mut Digest, reasons: &[SetReason]| {
            digest.number(reasons.len() as u64);
            for reason in reasons {
                digest.number(self.told.binary_search(&reason.pair).map_or(u64::MAX, |position| position as u64));
                digest.number(reason.way.len() as u64);
                reason.way.iter().for_each(|step| digest.number(model.name_hash(*step)));
            }
        };
        digest.number(self.assignments.len() as u64);
        for assignment in &self.assignments {
            digest.number(model.name_hash(assignment.grantable));
            digest.number(assignment.state as u64);
            digest.number(u64::from(assignment.period));
            put(&mut digest, &assignment.reasons);
        }
        for denied in &self.denied {
            digest.number(model.name_hash(denied.grantable));
            put(&mut digest, &denied.granted_by);
            put(&mut digest, std::slice::from_ref(&denied.denied_by));
        }
        for pair in &self.told {
            let rule = self.pairs.get(*pair as usize).and_then(|(rule, _)| model.rules.get(*rule as usize));
            digest.number(rule.map_or(0, |rule| rule.hash));
        }
        for account in &self.accounts {
            digest.number(model.account_types.get(account.kind as usize).map_or(0, |kind| kind.hash));
        }
        for withheld in &self.withheld {
            digest.number(model.name_hash(*withheld));
        }
        digest.finish()
    }
}

/// What the lifecycle state lets through.
fn state_of<'m>(model: &'m RoleModel, pairs: &[Pair]) -> &'m AccessModel {
    let state = pairs.iter().find(|(number, _)| number & (STATE | GRANT) == STATE);
    let state = state.and_then(|(number, _)| model.states.states.get((number & !STATE) as usize));
    state.map_or(&AccessModel::Keep, |state| &state.access)
}

type Found = BTreeMap<u32, Vec<Ways>>;

/// What the pairs give, and what denials take of it.
/// Also answers of which pairs something was taken.
fn collect(
    model: &RoleModel,
    pairs: &[Pair],
    denials: &BTreeMap<u32, Denial>,
    access: &AccessModel,
) -> (Found, Found, Vec<u32>) {
    let (mut given, mut taken, mut altered) = (Found::new(), Found::new(), Vec::new());
    for (pair, (number, _)) in pairs.iter().enumerate() {
        let Some(giver) = giver(model, *number) else { continue };
        let pair = u32::try_from(pair).unwrap_or(u32::MAX);
        let denied = |grantable| denials.get(&grantable).is_some_and(|denial| denial.priority <= giver.priority);
        let stopped = |grantable| denied(grantable) || access.stops(grantable);
        let mut add = |closure: &Closure| {
            let ways_of = |found: &Given| Ways {
                kind: giver.kind,
                pair,
                ways: found.ways.clone(),
                implied: found.implied.clone(),
                bounds: found.bounds,
            };
            for found in closure.given.iter().filter(|found| access.lets_through(found.grantable)) {
                given.entry(found.grantable).or_default().push(ways_of(found));
            }
            for found in closure.taken.iter().filter(|found| denied(found.grantable)) {
                taken.entry(found.grantable).or_default().push(ways_of(found));
            }
        };
        if giver.closure.given.iter().any(|given| stopped(given.grantable)) {
            altered.push(pair);
            add(&model.closure(giver.kind, &giver.targets, stopped));
        } else {
            add(&giver.closure);
        }
    }
    (given, taken, altered)
}

/// The strongest denial of each thing: smallest priority, then first by rule and context, then by way.
fn denials(model: &RoleModel, pairs: &[Pair]) -> BTreeMap<u32, Denial> {
    let mut denials: BTreeMap<u32, Denial> = BTreeMap::new();
    for (pair, (number, _)) in pairs.iter().enumerate() {
        let Some(rule) = model.rules.get(*number as usize).filter(|rule| rule.deny) else { continue };
        let pair = u32::try_from(pair).unwrap_or(u32::MAX);
        let mut deny = |grantable: u32, way: Vec<u32>| {
            let denial = Denial { priority: rule.priority, pair, way };
            let key = |denial: &Denial| (denial.priority, denial.pair, denial.way.clone());
            match denials.get_mut(&grantable) {
                Some(strongest) if key(&denial) < key(strongest) => *strongest = denial,
                Some(_) => {}
                None => {
                    denials.insert(grantable, denial);
                }
            }
        };
        for target in &rule.targets {
            deny(*target, Vec::new());
            if matches!(model.grantable(*target), Grantable::AccountType(_)) {
                let all = 0..u32::try_from(model.grantables.len()).unwrap_or(u32::MAX);
                all.filter(|grantable| model.account_type_of(*grantable) == Some(*target))
                    .for_each(|entitlement| deny(entitlement, vec![*target]));
            }
        }
    }
    denials
}

fn reasons<'w>(ways: impl IntoIterator<Item = &'w Ways>) -> Vec<SetReason> {
    let mut reasons = Vec::new();
    for ways in ways {
        let mut all: Vec<&Vec<u32>> = ways.ways.iter().chain(&ways.implied).collect();
        all.sort_unstable();
        reasons.extend(all.into_iter().map(|way| SetReason { pair: ways.pair, way: way.clone() }));
    }
    reasons
}
