//! Roles, access profiles, entitlements and rules, as they are live: what each consists of, who gets it, and whom it reaches.
//! Changing them is the business of [`crate::drafts`].

pub mod graph;
mod list;
mod versions;

use std::sync::Arc;

use model::access::Grantable;
use model::configuration::{AssignmentRule, Configuration};
use model::draft::{Draft, DraftState, Object, ObjectDetail, ObjectKind, Sample};
use model::error::ApiError;
use model::identity::Identity;
use policy::naming;

use crate::context::OpContext;
use crate::error::internal;
use crate::what_if;

pub(crate) use list::Listed;
pub use list::{page, rows};
pub use versions::{ObjectVersion, Turn, Versions, versions};

/// Sees the role model, and drafts of it.
pub const VIEW: &str = "/Configuration/View";

/// People named where not all are.
pub(crate) const SAMPLE: u32 = 20;

/// What lists of roles and access profiles can be narrowed to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Names of categories, with what people call them and those that they are parts of; by the latter.
    pub categories: Vec<(String, String)>,
    /// Logins, sorted.
    pub owners: Vec<String>,
}

/// What the list of a kind can be narrowed to.
pub fn choices(op: &OpContext, kind: ObjectKind) -> Result<Choices, ApiError> {
    op.require(VIEW)?;
    let configuration = op.engine.world().configuration();
    let owners: std::collections::BTreeSet<&String> = match kind {
        ObjectKind::Role => configuration.roles.values().filter_map(|role| role.owner.as_ref()).collect(),
        ObjectKind::AccessProfile => {
            configuration.access_profiles.values().filter_map(|profile| profile.owner.as_ref()).collect()
        }
        ObjectKind::Entitlement | ObjectKind::Rule | ObjectKind::Setting(_) => Default::default(),
    };
    let categories = if kind.has_terms() { categories(&configuration) } else { Vec::new() };
    Ok(Choices { categories, owners: owners.into_iter().cloned().collect() })
}

fn categories(configuration: &Configuration) -> Vec<(String, String)> {
    let all = configuration.categories.keys();
    let mut all: Vec<(String, String)> = all.map(|name| (name.clone(), configuration.category_label(name))).collect();
    all.sort_by(|one, other| (&one.1, &one.0).cmp(&(&other.1, &other.0)));
    all
}

/// One object with everything around it.
pub async fn detail(op: &OpContext, kind: ObjectKind, name: String) -> Result<ObjectDetail, ApiError> {
    op.require(VIEW)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let configuration = op.engine.world().configuration();
    let missing = || ApiError::not_found(format!("{} `{name}`", kind.noun()));
    let object = kind.find(&configuration, &name).ok_or_else(missing)?;
    let mut people = match kind.grantable(&name) {
        Some(grantable) => op.engine.store().holders(&grantable, SAMPLE).await.map_err(internal)?,
        None => {
            let (world, today) = (op.engine.world(), op.engine.today());
            let found = what_if::matches(world, &world.live().model, std::slice::from_ref(&name), today);
            found.into_iter().next().map(|(_, people)| people).unwrap_or_default()
        }
    };
    if !op.may("/Identities/View") {
        people.people.clear();
    }
    let terms = object.terms();
    let mut leads_to = leads_to(op, &object, &name);
    leads_to.sort();
    Ok(ObjectDetail {
        rules: kind.grantable(&name).map(|thing| rules_of(&configuration, &thing)).unwrap_or_default(),
        contained_in: contained_in(&configuration, kind, &name),
        leads_to: leads_to.into_iter().map(|thing| (thing.clone(), op.engine.label(&thing))).collect(),
        drafts: op.engine.store().drafts_of(kind, &name).await.map_err(internal)?,
        category: terms.as_ref().and_then(|terms| Some(configuration.category_label(terms.category.as_ref()?))),
        dormancy: terms.and_then(|terms| terms.dormancy(op.engine.today())),
        name,
        object,
        people,
    })
}

/// How many objects of each kind there are.
pub fn counts(op: &OpContext) -> Result<[(ObjectKind, u64); 4], ApiError> {
    op.require(VIEW)?;
    let configuration = op.engine.world().configuration();
    let count = |kind| match kind {
        ObjectKind::Role => configuration.roles.len() as u64,
        ObjectKind::AccessProfile => configuration.access_profiles.len() as u64,
        ObjectKind::Entitlement => configuration.entitlements.len() as u64,
        ObjectKind::Rule => configuration.rules.len() as u64,
        ObjectKind::Setting(kind) => kind.names(&configuration).len() as u64,
    };
    Ok(ObjectKind::ROLE_MODEL.map(|kind| (kind, count(kind))))
}

/// What a form offers to choose from.
#[derive(Clone, Debug, Default)]
pub struct Vocabulary {
    /// Everything that can be held, with what people call it.
    pub things: Vec<(Grantable, String)>,
    /// Applications, with what people call them.
    pub applications: Vec<(String, String)>,
    /// Attributes that identity sources deliver, sorted.
    pub attributes: Vec<String>,
    /// Categories, with what people call them.
    pub categories: Vec<(String, String)>,
}

/// What a form offers to choose from: what is live, and what the draft that it saves into adds.
pub fn vocabulary(op: &OpContext, draft: Option<&Draft>) -> Result<Vocabulary, ApiError> {
    op.require(VIEW)?;
    let configuration = with_draft(op, draft);
    let things = naming::everything(&configuration).into_iter().map(|(thing, label)| (thing, label.to_owned()));
    let applications = configuration.applications.iter();
    Ok(Vocabulary {
        things: things.collect(),
        applications: applications.map(|(name, one)| (name.clone(), one.display_name.clone())).collect(),
        attributes: delivered(&configuration),
        categories: categories(&configuration),
    })
}

/// Attributes that some identity source delivers, sorted.
pub(crate) fn delivered(configuration: &Configuration) -> Vec<String> {
    let mut attributes: Vec<String> =
        configuration.sources.values().flat_map(|source| source.delivers().cloned()).collect();
    attributes.sort();
    attributes.dedup();
    attributes
}

/// The configuration as it would be with an open draft; without one, as it is live.
pub(crate) fn with_draft(op: &OpContext, draft: Option<&Draft>) -> Arc<Configuration> {
    let live = op.engine.world().configuration();
    match draft.filter(|draft| draft.state == DraftState::Open) {
        Some(draft) => Arc::new(draft.applied_to(&live)),
        None => live,
    }
}

/// What a rule gives or takes away, sorted.
pub fn targets(rule: &AssignmentRule) -> Vec<Grantable> {
    let roles = rule.roles.iter().cloned().map(Grantable::Role);
    let profiles = rule.access_profiles.iter().cloned().map(Grantable::AccessProfile);
    let kinds = rule.account_types.iter().cloned().map(Grantable::AccountType);
    let entitlements = rule.entitlements.iter().cloned().map(Grantable::Entitlement);
    let mut targets: Vec<Grantable> = roles.chain(profiles).chain(kinds).chain(entitlements).collect();
    targets.sort();
    targets
}

/// How many there are, and the first of them by name.
pub(crate) fn sample<'a>(people: impl Iterator<Item = &'a Identity>) -> Sample {
    let mut people: Vec<&Identity> = people.collect();
    let total = people.len() as u64;
    let wanted = usize::try_from(SAMPLE).unwrap_or(usize::MAX);
    if people.len() > wanted {
        people.select_nth_unstable_by(wanted, by_name);
        people.truncate(wanted);
    }
    people.sort_by(by_name);
    Sample { total, people: people.into_iter().map(|one| (one.id, one.display_name.clone())).collect() }
}

fn by_name(a: &&Identity, b: &&Identity) -> std::cmp::Ordering {
    (&a.display_name, a.id).cmp(&(&b.display_name, b.id))
}

fn leads_to(op: &OpContext, object: &Object, name: &str) -> Vec<Grantable> {
    let model = op.engine.world().live().model.clone();
    let reached = match object {
        Object::Role(_) => vec![Grantable::Role(name.to_owned())],
        Object::AccessProfile(_) => vec![Grantable::AccessProfile(name.to_owned())],
        Object::Entitlement(_) => vec![Grantable::Entitlement(name.to_owned())],
        Object::Rule(rule) => return targets(rule),
        Object::Setting(..) => Vec::new(),
    };
    let mut all: Vec<Grantable> = reached.iter().flat_map(|thing| model.reach(thing)).collect();
    all.retain(|thing| !reached.contains(thing));
    all
}

fn rules_of(configuration: &Configuration, thing: &Grantable) -> Vec<(String, String, bool)> {
    let giving = configuration.rules.iter().filter(|(_, rule)| targets(rule).contains(thing));
    giving.map(|(name, rule)| (name.clone(), rule.when.clone(), rule.deny)).collect()
}

fn contained_in(configuration: &Configuration, kind: ObjectKind, name: &str) -> Vec<(Grantable, String)> {
    let contains = |names: &[String]| names.iter().any(|other| other == name);
    let roles = configuration.roles.iter().filter(|(_, role)| match kind {
        ObjectKind::Role => contains(&role.roles),
        ObjectKind::AccessProfile => contains(&role.access_profiles),
        ObjectKind::Entitlement | ObjectKind::Rule | ObjectKind::Setting(_) => false,
    });
    let profiles = configuration
        .access_profiles
        .iter()
        .filter(|(_, profile)| kind == ObjectKind::Entitlement && contains(&profile.entitlements));
    let roles = roles.map(|(name, role)| (Grantable::Role(name.clone()), role.display_name.clone()));
    let profiles =
        profiles.map(|(name, profile)| (Grantable::AccessProfile(name.clone()), profile.display_name.clone()));
    roles.chain(profiles).collect()
}
