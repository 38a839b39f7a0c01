//! Which roles would explain what somebody holds and nothing grants: the role model read backwards. It only proposes; what
//! becomes of it a person decides.
//!
//! A role or access profile that gives only what is held, and something of what nothing grants, is *exact*. One of which
//! something is missing is proposed with that, where it is held in greater part. What explains nothing that another one does
//! not explain as well is left out for it; among those that explain the same, what contains another stands for it; and where
//! several are left that explain the same, none is deduced, and each says so.

use std::collections::{BTreeSet, HashMap};

use ::model::access::Grantable;
use jiff::civil::Date;

use crate::day;
use crate::model::RoleModel;

/// A role or access profile, and the entitlements that follow from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    pub grantable: Grantable,
    /// Names of entitlements.
    pub gives: BTreeSet<String>,
    /// Other roles and access profiles that follow from it.
    pub contains: BTreeSet<Grantable>,
}

/// Roles and access profiles, found by what they give: of thousands, few give what one person holds.
#[derive(Clone, Debug, Default)]
pub struct Candidates {
    all: Vec<Candidate>,
    giving: HashMap<String, Vec<usize>>,
}

impl Candidates {
    pub fn new(all: Vec<Candidate>) -> Self {
        let mut giving: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, candidate) in all.iter().enumerate() {
            for name in &candidate.gives {
                giving.entry(name.clone()).or_default().push(place);
            }
        }
        Self { all, giving }
    }

    /// Those that give some of it, in their order.
    fn that_give<'a>(&'a self, names: &BTreeSet<String>) -> impl Iterator<Item = &'a Candidate> + use<'a> {
        let places: BTreeSet<usize> =
            names.iter().filter_map(|name| self.giving.get(name)).flatten().copied().collect();
        places.into_iter().filter_map(|place| self.all.get(place))
    }
}

/// What a role or access profile would explain.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Proposal {
    pub grantable: Grantable,
    /// Entitlements that nothing grants and that it gives.
    pub explains: BTreeSet<String>,
    /// Entitlements that it gives and that are not held; none where it is exact.
    pub missing: BTreeSet<String>,
    /// Others that explain the same: none of them is deduced.
    pub rivals: BTreeSet<Grantable>,
}

impl Proposal {
    pub fn is_exact(&self) -> bool {
        self.missing.is_empty()
    }

    /// Whether it is the one explanation.
    pub fn is_deduced(&self) -> bool {
        self.is_exact() && self.rivals.is_empty()
    }
}

/// All roles and access profiles of the model that give an entitlement on a day, in the order of [`Grantable`].
pub fn candidates(model: &RoleModel, today: Date) -> Vec<Candidate> {
    let model = model.on(day::number(today));
    let of = |grantable: &Grantable| {
        let mut candidate =
            Candidate { grantable: grantable.clone(), gives: BTreeSet::new(), contains: BTreeSet::new() };
        for given in model.reach(grantable) {
            match given {
                Grantable::Entitlement(name) => drop(candidate.gives.insert(name)),
                Grantable::AccountType(_) => {}
                other if other != *grantable => drop(candidate.contains.insert(other)),
                Grantable::Role(_) | Grantable::AccessProfile(_) => {}
            }
        }
        candidate
    };
    let is_one = |grantable: &&Grantable| {
        matches!(grantable, Grantable::Role(_) | Grantable::AccessProfile(_))
            && model.position(grantable).is_some_and(|position| model.is_in_force(position))
    };
    let all = model.grantables.iter().filter(is_one).map(of);
    all.filter(|candidate| !candidate.gives.is_empty()).collect()
}

/// What would explain what this person holds. `unexplained` is part of `held`; `granted` are roles and access profiles that
/// the person has already. Sorted.
pub fn deduce(
    candidates: &Candidates,
    held: &BTreeSet<String>,
    unexplained: &BTreeSet<String>,
    granted: &BTreeSet<Grantable>,
) -> Vec<Proposal> {
    let possible: Vec<(&Candidate, Proposal)> = candidates
        .that_give(unexplained)
        .filter(|candidate| !granted.contains(&candidate.grantable))
        .filter_map(|candidate| {
            let explains: BTreeSet<String> = candidate.gives.intersection(unexplained).cloned().collect();
            let missing: BTreeSet<String> = candidate.gives.difference(held).cloned().collect();
            let is_held_mostly = missing.len() * 2 < candidate.gives.len();
            let grantable = candidate.grantable.clone();
            let proposal = Proposal { grantable, explains, missing, rivals: BTreeSet::new() };
            (!proposal.explains.is_empty() && is_held_mostly).then_some((candidate, proposal))
        })
        .collect();
    let mut kept: Vec<Proposal> = possible
        .iter()
        .filter(|one| !possible.iter().any(|other| stands_for(other, one)))
        .map(|(_, proposal)| proposal.clone())
        .collect();
    let all = kept.clone();
    for proposal in &mut kept {
        let is_rival = |other: &&Proposal| other.grantable != proposal.grantable && other.explains == proposal.explains;
        proposal.rivals = all.iter().filter(is_rival).map(|other| other.grantable.clone()).collect();
    }
    kept.sort();
    kept
}

/// Whether the first explains all that the second does, and is the better of the two: exact before what misses something,
/// more before less, what contains the other before what it contains.
fn stands_for((candidate, one): &(&Candidate, Proposal), (_, other): &(&Candidate, Proposal)) -> bool {
    if one.grantable == other.grantable || !one.explains.is_superset(&other.explains) {
        return false;
    }
    match (one.is_exact(), other.is_exact()) {
        (true, false) => true,
        (false, true) => false,
        _ if one.explains != other.explains => true,
        _ => candidate.contains.contains(&other.grantable),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn set(text: &str) -> BTreeSet<String> {
        text.chars().map(|letter| letter.to_string()).collect()
    }

    fn role(name: &str, gives: &str, contains: &[&str]) -> Candidate {
        let contains = contains.iter().map(|name| Grantable::Role((*name).into())).collect();
        Candidate { grantable: Grantable::Role(name.into()), gives: set(gives), contains }
    }

    /// "clerk: explains ab, misses c, as office".
    fn said(proposals: &[Proposal]) -> Vec<String> {
        let joined = |set: &BTreeSet<String>| set.iter().map(String::as_str).collect::<String>();
        let one = |proposal: &Proposal| {
            let rivals: Vec<&str> = proposal.rivals.iter().map(Grantable::name).collect();
            format!(
                "{} {} {} {}",
                proposal.grantable.name(),
                joined(&proposal.explains),
                joined(&proposal.missing),
                rivals.join(",")
            )
            .trim_end()
            .to_owned()
        };
        proposals.iter().map(one).collect()
    }

    #[test]
    fn what_is_held_is_read_backwards() {
        let clerk = || role("clerk", "ab", &[]);
        // Roles, what is held, what of it nothing grants, the proposals: name, what it explains, what is missing, rivals.
        let cases: &[(&[Candidate], &str, &str, &[&str])] = &[
            (&[], "ab", "ab", &[]),
            (&[clerk()], "", "", &[]),
            // One group, one role.
            (&[role("one", "a", &[])], "a", "a", &["one a"]),
            (&[clerk()], "ab", "ab", &["clerk ab"]),
            // Something else gives a part of it already.
            (&[clerk()], "ab", "b", &["clerk b"]),
            // All of it is granted: nothing to explain.
            (&[clerk()], "ab", "", &[]),
            // Half of it is missing: too little speaks for it.
            (&[clerk()], "a", "a", &[]),
            (&[role("office", "abc", &[])], "ab", "ab", &["office ab c"]),
            // Of two that explain the same neither is deduced.
            (&[clerk(), role("twin", "ab", &[])], "ab", "ab", &["clerk ab  twin", "twin ab  clerk"]),
            (&[role("one", "ax", &[]), role("two", "ay", &[])], "axy", "a", &["one a  two", "two a  one"]),
            // What contains the other stands for it, and what explains more for what explains less.
            (&[clerk(), role("lead", "ab", &["clerk"])], "ab", "ab", &["lead ab"]),
            (&[clerk(), role("office", "abc", &[])], "abc", "abc", &["office abc"]),
            // What is exact goes before what misses something.
            (&[clerk(), role("office", "abc", &[])], "ab", "ab", &["clerk ab"]),
            // Two that overlap, each with something of its own, are both proposed.
            (&[clerk(), role("other", "bc", &[])], "abc", "abc", &["clerk ab", "other bc"]),
        ];
        for (candidates, held, unexplained, expected) in cases {
            let found = deduce(&Candidates::new(candidates.to_vec()), &set(held), &set(unexplained), &BTreeSet::new());
            assert_eq!(said(&found), *expected, "{held} {unexplained} {candidates:?}");
        }
        let granted = [Grantable::Role("clerk".into())].into();
        let clerks = Candidates::new(vec![clerk()]);
        assert!(deduce(&clerks, &set("ab"), &set("ab"), &granted).is_empty(), "who has it already");
        assert!(deduce(&clerks, &set("ab"), &set("ab"), &BTreeSet::new())[0].is_deduced());
    }

    /// The same, slowly and in other words: each candidate by itself, and a candidate is dropped where some other one is
    /// better by the list of what is better.
    fn obvious(candidates: &[Candidate], held: &BTreeSet<String>, unexplained: &BTreeSet<String>) -> Vec<Grantable> {
        let explained = |candidate: &Candidate| -> Vec<String> {
            unexplained.iter().filter(|name| candidate.gives.contains(*name)).cloned().collect()
        };
        let missing = |candidate: &Candidate| candidate.gives.iter().filter(|name| !held.contains(*name)).count();
        let is_possible =
            |candidate: &&Candidate| !explained(candidate).is_empty() && candidate.gives.len() > 2 * missing(candidate);
        let possible: Vec<&Candidate> = candidates.iter().filter(is_possible).collect();
        let is_worse = |one: &Candidate| {
            possible.iter().any(|other| {
                let covers = explained(one).iter().all(|name| other.gives.contains(name));
                let more = explained(other).len() > explained(one).len();
                let (exact, other_exact) = (missing(one) == 0, missing(other) == 0);
                other.grantable != one.grantable
                    && covers
                    && ((other_exact && !exact)
                        || (other_exact == exact && (more || other.contains.contains(&one.grantable))))
            })
        };
        let mut kept: Vec<Grantable> =
            possible.iter().filter(|one| !is_worse(one)).map(|one| one.grantable.clone()).collect();
        kept.sort();
        kept
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn it_agrees_with_the_obvious_way(
            roles in proptest::collection::vec((1_u8..64, 0_u8..16), 0..7),
            held in 0_u8..64,
            unexplained in 0_u8..64,
        ) {
            let letters = |bits: u8| -> BTreeSet<String> {
                (0..6).filter(|bit| bits & (1 << bit) != 0).map(|bit| bit.to_string()).collect()
            };
            let name = |place: usize| Grantable::Role(format!("role {place}"));
            let candidates: Vec<Candidate> = roles
                .iter()
                .enumerate()
                .map(|(place, (gives, contains))| Candidate {
                    grantable: name(place),
                    gives: letters(*gives),
                    // Only later ones, so that none contains itself.
                    contains: (0..4).filter(|bit| contains & (1 << bit) != 0).map(|bit| name(place + 1 + bit)).collect(),
                })
                .collect();
            let (held, unexplained) = (letters(held), letters(held & unexplained));
            let found = deduce(&Candidates::new(candidates.clone()), &held, &unexplained, &BTreeSet::new());
            let names: Vec<Grantable> = found.iter().map(|proposal| proposal.grantable.clone()).collect();
            prop_assert_eq!(names, obvious(&candidates, &held, &unexplained));
            for proposal in &found {
                // Whoever is given an exact one holds nothing more than before.
                let candidate = candidates.iter().find(|one| one.grantable == proposal.grantable).unwrap();
                prop_assert_eq!(proposal.is_exact(), candidate.gives.is_subset(&held));
                for rival in &proposal.rivals {
                    let rival = found.iter().find(|other| other.grantable == *rival).unwrap();
                    prop_assert_eq!(&rival.explains, &proposal.explains);
                    prop_assert!(rival.rivals.contains(&proposal.grantable));
                }
            }
        }
    }
}
