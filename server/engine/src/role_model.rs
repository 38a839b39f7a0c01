//! Roles, access profiles, entitlements and rules, as they are live: what each consists of, who gets it, and whom it reaches.
//! Changing them is the business of [`crate::drafts`].

use model::access::Grantable;
use model::configuration::{AssignmentRule, Configuration};
use model::draft::{Object, ObjectDetail, ObjectKind, ObjectRow, Sample};
use model::error::ApiError;
use model::identity::Identity;
use policy::naming;

use crate::context::OpContext;
use crate::error::internal;
use crate::world::Population;

/// Sees the role model, and drafts of it.
pub const VIEW: &str = "/Configuration/View";

/// People named where not all are.
pub(crate) const SAMPLE: u32 = 20;

/// All objects of a kind whose name, or what people call them, contains the words; by what people call them.
pub async fn rows(op: &OpContext, kind: ObjectKind, text: &str) -> Result<Vec<ObjectRow>, ApiError> {
    op.require(VIEW)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let configuration = op.engine.world().configuration();
    let counts = match kind {
        ObjectKind::Rule => Vec::new(),
        ObjectKind::Role => op.engine.store().holder_counts("role").await.map_err(internal)?,
        ObjectKind::AccessProfile => op.engine.store().holder_counts("access_profile").await.map_err(internal)?,
        ObjectKind::Entitlement => op.engine.store().holder_counts("entitlement").await.map_err(internal)?,
    };
    let held = |name: &String| {
        counts
            .binary_search_by(|(other, _)| other.cmp(name))
            .ok()
            .and_then(|index| counts.get(index))
            .map_or(0, |c| c.1)
    };
    let mut rows: Vec<ObjectRow> = match kind {
        ObjectKind::Role => {
            let all = configuration.roles.iter();
            all.map(|(name, role)| ObjectRow {
                kind,
                name: name.clone(),
                display_name: role.display_name.clone(),
                description: role.description.clone(),
                note: parts(role.access_profiles.len(), role.roles.len()),
                people: held(name),
            })
            .collect()
        }
        ObjectKind::AccessProfile => {
            let all = configuration.access_profiles.iter();
            all.map(|(name, profile)| ObjectRow {
                kind,
                name: name.clone(),
                display_name: profile.display_name.clone(),
                description: profile.description.clone(),
                note: op.engine.application_label(&profile.application),
                people: held(name),
            })
            .collect()
        }
        ObjectKind::Entitlement => {
            let all = configuration.entitlements.iter();
            all.map(|(name, entitlement)| ObjectRow {
                kind,
                name: name.clone(),
                display_name: entitlement.display_name.clone(),
                description: entitlement.description.clone(),
                note: configuration
                    .application_of(&Grantable::Entitlement(name.clone()))
                    .map_or_else(String::new, |application| op.engine.application_label(application)),
                people: held(name),
            })
            .collect()
        }
        ObjectKind::Rule => {
            compute(op);
            let holding = op.engine.world().with_population(|population| population.engine.affected_by_each_rule());
            let all = configuration.rules.iter();
            all.map(|(name, rule)| ObjectRow {
                kind,
                name: name.clone(),
                display_name: name.clone(),
                description: rule.description.clone(),
                note: rule.when.clone(),
                people: holding.get(name).copied().unwrap_or_default(),
            })
            .collect()
        }
    };
    let words = text.to_lowercase();
    let is_meant = |row: &ObjectRow| {
        let texts = [&row.display_name, &row.name, &row.note];
        words.split_whitespace().all(|word| texts.iter().any(|text| text.to_lowercase().contains(word)))
    };
    rows.retain(is_meant);
    rows.sort_by(|a, b| (&a.display_name, &a.name).cmp(&(&b.display_name, &b.name)));
    Ok(rows)
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
            compute(op);
            op.engine.world().with_population(|population| population.held_by_rule(&name))
        }
    };
    if !op.may("/Identities/View") {
        people.people.clear();
    }
    let mut leads_to = leads_to(op, &object, &name);
    leads_to.sort();
    Ok(ObjectDetail {
        rules: kind.grantable(&name).map(|thing| rules_of(&configuration, &thing)).unwrap_or_default(),
        contained_in: contained_in(&configuration, kind, &name),
        leads_to: leads_to.into_iter().map(|thing| (thing.clone(), op.engine.label(&thing))).collect(),
        drafts: op.engine.store().drafts_of(kind, &name).await.map_err(internal)?,
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
    };
    Ok(ObjectKind::ALL.map(|kind| (kind, count(kind))))
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
}

/// What a form offers to choose from.
pub fn vocabulary(op: &OpContext) -> Result<Vocabulary, ApiError> {
    op.require(VIEW)?;
    let configuration = op.engine.world().configuration();
    let things = naming::everything(&configuration).into_iter().map(|(thing, label)| (thing, label.to_owned()));
    let applications = configuration.applications.iter();
    let mut attributes: Vec<String> = configuration
        .sources
        .values()
        .flat_map(|source| {
            let positions = source.positions.iter().flat_map(|positions| positions.attributes.keys());
            source.attributes.keys().chain(positions).cloned()
        })
        .collect();
    attributes.sort();
    attributes.dedup();
    Ok(Vocabulary {
        things: things.collect(),
        applications: applications.map(|(name, one)| (name.clone(), one.display_name.clone())).collect(),
        attributes,
    })
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

/// Lets the population be computed as of today, where it is not yet.
fn compute(op: &OpContext) {
    let today = op.engine.today();
    op.engine.world().with_population(|population| population.engine.compute_some(&[], today));
}

impl Population {
    /// For whom a rule of the live configuration holds.
    pub(crate) fn held_by_rule(&self, rule: &str) -> Sample {
        let ids = self.engine.affected_by_rule(rule);
        sample(ids.iter().filter_map(|id| self.identities().get(id)))
    }
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
        ObjectKind::Entitlement | ObjectKind::Rule => false,
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

fn parts(profiles: usize, roles: usize) -> String {
    let plural = |count: usize, noun: &str| match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        count => Some(format!("{count} {noun}s")),
    };
    let parts = [plural(profiles, "access profile"), plural(roles, "role")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}
