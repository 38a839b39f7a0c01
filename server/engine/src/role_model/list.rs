//! Roles, access profiles, entitlements and rules as the lines of a list. Their order, and the words by which they are found,
//! are worked out once for each configuration; who holds what is counted only of those that are shown.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use model::access::Grantable;
use model::configuration::{Configuration, Terms};
use model::draft::{ObjectFilter, ObjectKind, ObjectRow};
use model::error::ApiError;
use model::page::Page;

use super::VIEW;
use crate::context::OpContext;
use crate::error::internal;

/// Of so many names each is counted by itself; of more, all are.
const COUNTED_ALONE: usize = 500;

/// The objects of each kind in the order of a list, made when somebody first asks.
#[derive(Default)]
pub(crate) struct Listed([OnceLock<Vec<Line>>; 4]);

/// An object in its place.
struct Line {
    display_name: String,
    name: String,
    /// What is searched in, in small letters.
    words: String,
}

impl Line {
    fn key(&self) -> (&str, &str) {
        (&self.display_name, &self.name)
    }
}

impl Listed {
    fn lines(&self, configuration: &Configuration, kind: ObjectKind) -> &[Line] {
        let place = ObjectKind::ROLE_MODEL.iter().position(|other| *other == kind);
        let Some(lines) = place.and_then(|place| self.0.get(place)) else { return &[] };
        lines.get_or_init(|| {
            let line = |name: &String| {
                let row = row(configuration, kind, name)?;
                let words = [&row.display_name, &row.name, &row.note].map(|text| text.to_lowercase()).join("\n");
                Some(Line { display_name: row.display_name, name: row.name, words })
            };
            let mut lines: Vec<Line> = match kind {
                ObjectKind::Role => configuration.roles.keys().filter_map(line).collect(),
                ObjectKind::AccessProfile => configuration.access_profiles.keys().filter_map(line).collect(),
                ObjectKind::Entitlement => configuration.entitlements.keys().filter_map(line).collect(),
                ObjectKind::Rule => configuration.rules.keys().filter_map(line).collect(),
                // They have a list of their own: `crate::settings`.
                ObjectKind::Setting(_) => Vec::new(),
            };
            lines.sort_by(|one, other| one.key().cmp(&other.key()));
            lines
        })
    }
}

/// All objects of a kind that are meant, by what people call them.
pub async fn rows(op: &OpContext, kind: ObjectKind, filter: &ObjectFilter) -> Result<Vec<ObjectRow>, ApiError> {
    Ok(page(op, kind, filter, None, usize::MAX).await?.rows)
}

/// So many of them, from behind the one that the piece before ended with.
pub async fn page(
    op: &OpContext,
    kind: ObjectKind,
    filter: &ObjectFilter,
    after: Option<&str>,
    limit: usize,
) -> Result<Page<ObjectRow>, ApiError> {
    op.require(VIEW)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let live = op.engine.world().live();
    let configuration = &live.configuration;
    let words = filter.text.to_lowercase();
    let is_meant = |line: &&Line| {
        words.split_whitespace().all(|word| line.words.contains(word))
            && terms(configuration, kind, &line.name).is_none_or(|terms| is_on_terms(configuration, filter, &terms))
    };
    let lines = live.listed.lines(configuration, kind);
    let meant: Vec<&Line> = match filter.is_empty() {
        true => lines.iter().collect(),
        false => lines.iter().filter(is_meant).collect(),
    };
    let after = after.and_then(|after| after.rsplit_once('\n'));
    let first = after.map_or(0, |after| meant.partition_point(|line| line.key() <= after));
    let rest = meant.get(first..).unwrap_or_default();
    let shown = rest.get(..limit.min(rest.len())).unwrap_or_default();
    let next = shown.last().filter(|_| shown.len() < rest.len());
    let next = next.map(|last| format!("{}\n{}", last.display_name, last.name));
    let names: Vec<&str> = shown.iter().map(|line| line.name.as_str()).collect();
    let people = people(op, kind, &names).await?;
    let row = |line: &&Line| {
        let row = row(configuration, kind, &line.name)?;
        Some(ObjectRow { people: people.get(&row.name).copied().unwrap_or_default(), ..row })
    };
    Ok(Page { rows: shown.iter().filter_map(row).collect(), next, total: meant.len() as u64, more: false })
}

/// Who holds each of them, or for how many each holds.
async fn people(op: &OpContext, kind: ObjectKind, names: &[&str]) -> Result<BTreeMap<String, u64>, ApiError> {
    let kind = match kind {
        ObjectKind::Rule => {
            let (engine, today) = (op.engine.clone(), op.engine.today());
            let holding = tokio::task::spawn_blocking(move || engine.world().holding(today)).await;
            let holding = holding.map_err(|_| ApiError::internal())?;
            let known = |name: &&str| Some(((*name).to_owned(), *holding.get(*name)?));
            return Ok(names.iter().filter_map(known).collect());
        }
        ObjectKind::Setting(_) => return Ok(BTreeMap::new()),
        ObjectKind::Role => "role",
        ObjectKind::AccessProfile => "access_profile",
        ObjectKind::Entitlement => "entitlement",
    };
    if names.len() <= COUNTED_ALONE {
        return op.engine.holder_counts(kind, names).await.map_err(internal);
    }
    let counts = op.engine.store().holder_counts(kind, None).await.map_err(internal)?;
    Ok(counts.into_iter().collect())
}

fn terms(configuration: &Configuration, kind: ObjectKind, name: &str) -> Option<Terms> {
    configuration.terms(&kind.grantable(name)?)
}

/// What there is to say of an object beside how many people have it.
fn row(configuration: &Configuration, kind: ObjectKind, name: &str) -> Option<ObjectRow> {
    let label = |application: &str| {
        let known = configuration.applications.get(application);
        known.map_or_else(|| application.to_owned(), |known| known.display_name.clone())
    };
    let (display_name, description, note) = match kind {
        ObjectKind::Role => {
            let role = configuration.roles.get(name)?;
            let note = parts(role.access_profiles.len(), role.roles.len());
            (role.display_name.clone(), role.description.clone(), note)
        }
        ObjectKind::AccessProfile => {
            let profile = configuration.access_profiles.get(name)?;
            (profile.display_name.clone(), profile.description.clone(), label(&profile.application))
        }
        ObjectKind::Entitlement => {
            let entitlement = configuration.entitlements.get(name)?;
            let application = configuration.application_of(&Grantable::Entitlement(name.to_owned()));
            let note = application.map_or_else(String::new, label);
            (entitlement.display_name.clone(), entitlement.description.clone(), note)
        }
        ObjectKind::Rule => {
            let rule = configuration.rules.get(name)?;
            (name.to_owned(), rule.description.clone(), rule.when.clone())
        }
        ObjectKind::Setting(_) => return None,
    };
    let terms = terms(configuration, kind, name);
    let category = terms.as_ref().and_then(|terms| terms.category.as_ref());
    let category = category.map(|name| configuration.category_label(name));
    Some(ObjectRow { kind, name: name.to_owned(), display_name, description, note, people: 0, terms, category })
}

fn is_on_terms(configuration: &Configuration, filter: &ObjectFilter, terms: &Terms) -> bool {
    let is_in = |category: &String| {
        let own = terms.category.as_ref();
        own.is_some_and(|own| own == category || configuration.category_path(own).contains(&category.as_str()))
    };
    filter.category.as_ref().is_none_or(is_in)
        && filter.owner.as_ref().is_none_or(|owner| terms.owner.as_ref() == Some(owner))
        && filter.state.is_none_or(|state| terms.state == state)
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
