//! What stands around one object of the role model: what leads to it, from rules down, and what it leads to, down to accounts.
//!
//! Everything at once would be thousands of objects and no picture. Of a neighbourhood with more than [`MOST`] objects the
//! nearest are shown, and the rest counted.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use model::access::Grantable;
use model::configuration::Configuration;
use model::draft::ObjectKind;
use model::error::ApiError;

use super::{VIEW, targets};
use crate::context::OpContext;

/// Objects shown at most.
const MOST: usize = 120;

/// See the module's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// The object in question first.
    pub nodes: Vec<Node>,
    /// From what gives or contains to what it gives or contains, by position.
    pub edges: Vec<(usize, usize)>,
    /// Further objects that are not shown.
    pub left_out: usize,
}

/// An object of the role model.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Node {
    pub thing: Thing,
    /// What people call it.
    pub label: String,
    /// A rule that takes away instead of giving.
    pub denies: bool,
}

/// A rule, or what rules give; in the order in which one leads to the next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Thing {
    Rule(String),
    Held(Grantable),
}

impl Thing {
    fn of(kind: ObjectKind, name: &str) -> Option<Self> {
        match kind {
            ObjectKind::Rule => Some(Self::Rule(name.to_owned())),
            kind => kind.grantable(name).map(Self::Held),
        }
    }
}

/// The neighbourhood of an object.
pub async fn graph(op: &OpContext, kind: ObjectKind, name: &str) -> Result<Graph, ApiError> {
    op.require(VIEW)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let configuration = op.engine.world().configuration();
    let missing = || ApiError::not_found(format!("{} `{name}`", kind.noun()));
    kind.find(&configuration, name).ok_or_else(missing)?;
    let thing = Thing::of(kind, name).ok_or_else(missing)?;
    Ok(around(&configuration, thing, |thing| op.engine.label(thing)))
}

fn around(configuration: &Configuration, thing: Thing, label: impl Fn(&Grantable) -> String) -> Graph {
    let contains = contents(configuration);
    let mut contained: BTreeMap<&Thing, Vec<&Thing>> = BTreeMap::new();
    for (outer, inner) in &contains {
        inner.iter().for_each(|inner| contained.entry(inner).or_default().push(outer));
    }
    let down = |thing: &Thing| contains.get(thing).map(|inner| inner.iter().collect::<Vec<_>>()).unwrap_or_default();
    let up = |thing: &Thing| contained.get(thing).cloned().unwrap_or_default();
    let mut reached = nearest(&thing, down);
    reached.extend(nearest(&thing, up));
    // Those that are as near as each other in the order of what they are, whichever way they lie.
    reached.sort();
    let mut seen = BTreeSet::from([&thing]);
    let mut shown = vec![&thing];
    let near = reached.into_iter().filter(|(_, thing)| seen.insert(thing)).map(|(_, thing)| thing).collect::<Vec<_>>();
    let left_out = near.len().saturating_sub(MOST - 1);
    shown.extend(near.into_iter().take(MOST - 1));
    let place: BTreeMap<&Thing, usize> = shown.iter().enumerate().map(|(place, thing)| (*thing, place)).collect();
    let edges = shown.iter().enumerate().flat_map(|(from, thing)| {
        let inner = contains.get(*thing).into_iter().flatten();
        inner.filter_map(|inner| place.get(inner).map(|to| (from, *to))).collect::<Vec<_>>()
    });
    let edges = edges.collect();
    let nodes = shown.iter().map(|thing| match thing {
        Thing::Rule(name) => {
            let denies = configuration.rules.get(name).is_some_and(|rule| rule.deny);
            Node { thing: (*thing).clone(), label: name.clone(), denies }
        }
        Thing::Held(held) => Node { thing: (*thing).clone(), label: label(held), denies: false },
    });
    Graph { nodes: nodes.collect(), edges, left_out }
}

/// Everything that something leads to, with how many steps away it is.
fn nearest<'a>(from: &'a Thing, next: impl Fn(&'a Thing) -> Vec<&'a Thing>) -> Vec<(usize, &'a Thing)> {
    let mut seen = BTreeSet::from([from]);
    let mut waiting = VecDeque::from([(0, from)]);
    let mut reached = Vec::new();
    while let Some((steps, thing)) = waiting.pop_front() {
        for other in next(thing).into_iter().filter(|other| seen.insert(other)) {
            reached.push((steps + 1, other));
            waiting.push_back((steps + 1, other));
        }
    }
    reached
}

/// What each rule gives or takes, and what each thing consists of.
fn contents(configuration: &Configuration) -> BTreeMap<Thing, Vec<Thing>> {
    let held = |grantables: Vec<Grantable>| grantables.into_iter().map(Thing::Held).collect::<Vec<_>>();
    let named = |kind: fn(String) -> Grantable, names: &[String]| names.iter().cloned().map(kind).collect::<Vec<_>>();
    let rules = configuration.rules.iter().map(|(name, rule)| (Thing::Rule(name.clone()), held(targets(rule))));
    let roles = configuration.roles.iter().map(|(name, role)| {
        let mut parts = named(Grantable::Role, &role.roles);
        parts.extend(named(Grantable::AccessProfile, &role.access_profiles));
        (Thing::Held(Grantable::Role(name.clone())), held(parts))
    });
    let profiles = configuration.access_profiles.iter().map(|(name, profile)| {
        let mut parts = named(Grantable::Entitlement, &profile.entitlements);
        parts.extend(named(Grantable::AccountType, &profile.account_types));
        (Thing::Held(Grantable::AccessProfile(name.clone())), held(parts))
    });
    let entitlements = configuration.entitlements.iter().map(|(name, entitlement)| {
        let account = Grantable::AccountType(entitlement.account_type.clone());
        (Thing::Held(Grantable::Entitlement(name.clone())), held(vec![account]))
    });
    rules.chain(roles).chain(profiles).chain(entitlements).collect()
}

#[cfg(test)]
mod tests {
    use model::configuration::{AccessProfile, AssignmentRule, Role};

    use super::*;

    fn role(name: &str) -> Thing {
        Thing::Held(Grantable::Role(name.to_owned()))
    }

    fn company() -> Configuration {
        let mut configuration = Configuration::default();
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (name, roles, access_profiles) in [
            ("staff", &[][..], &["basics"][..]),
            ("clerk", &["staff"], &["desk"]),
            ("boss", &["clerk"], &[]),
            ("guest", &[], &["basics"]),
        ] {
            let role = Role { roles: texts(roles), access_profiles: texts(access_profiles), ..Role::new(name) };
            configuration.roles.insert(name.to_owned(), role);
        }
        for name in ["basics", "desk"] {
            let profile =
                AccessProfile { entitlements: texts(&[&format!("{name}-read")]), ..AccessProfile::new(name, "office") };
            configuration.access_profiles.insert(name.to_owned(), profile);
        }
        for (name, roles) in [("clerks", &["clerk"][..]), ("guests", &["guest"])] {
            let rule = AssignmentRule { roles: texts(roles), ..AssignmentRule::default() };
            configuration.rules.insert(name.to_owned(), rule);
        }
        configuration
    }

    fn names(graph: &Graph) -> Vec<String> {
        let name = |node: &Node| match &node.thing {
            Thing::Rule(name) => format!("rule {name}"),
            Thing::Held(held) => format!("{} {}", held.kind(), held.name()),
        };
        graph.nodes.iter().map(name).collect()
    }

    #[test]
    fn an_object_is_shown_with_what_leads_to_it_and_what_it_leads_to() {
        let graph = around(&company(), role("clerk"), |thing| thing.name().to_owned());
        let expected = [
            "role clerk",
            "rule clerks",
            "role boss",
            "role staff",
            "access_profile desk",
            "access_profile basics",
            "entitlement desk-read",
            "entitlement basics-read",
        ];
        assert_eq!(names(&graph), expected);
        let mut edges = graph.edges.clone();
        edges.sort_unstable();
        assert_eq!(edges, [(0, 3), (0, 4), (1, 0), (2, 0), (3, 5), (4, 6), (5, 7)]);
        assert_eq!(graph.left_out, 0);
    }

    #[test]
    fn a_circle_ends_and_what_is_too_much_is_counted() {
        let mut configuration = company();
        configuration.roles.get_mut("staff").unwrap().roles = vec!["boss".to_owned()];
        assert_eq!(around(&configuration, role("staff"), |thing| thing.name().to_owned()).nodes.len(), 8);
        let many: Vec<String> = (0..500).map(|number| format!("part-{number:03}")).collect();
        configuration.access_profiles.get_mut("desk").unwrap().entitlements = many;
        let graph = around(&configuration, role("clerk"), |thing| thing.name().to_owned());
        assert_eq!((graph.nodes.len(), graph.left_out), (MOST, 387));
        assert!(graph.edges.iter().all(|(from, to)| *from < MOST && *to < MOST));
    }
}
