//! What there is to ask for, found by words, kind, category and application; and how each thing stands to those for whom it
//! would be asked.

use std::collections::BTreeSet;

use jiff::civil::Date;
use model::access::{Dormancy, Grantable};
use model::configuration::{Configuration, RiskKind};
use model::error::ApiError;
use model::ids::{IdentityId, RequestId};
use model::request::{Change, RequestFilter, RequestRow};
use policy::naming;

use crate::context::OpContext;
use crate::indirect::Follower;
use crate::requests::{self, offer};
use crate::world::Live;

use super::{PEOPLE_LIMIT, person, words};

/// Things in one piece of the catalogue.
pub const PAGE: usize = 20;

/// Requests that are looked at for what is asked for already.
const OPEN_LIMIT: u32 = 200;

/// What is looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Words, each found in names, descriptions, categories, applications, or what is contained.
    pub text: String,
    /// `role`, `access_profile` or `entitlement`.
    pub kind: String,
    pub category: String,
    pub application: String,
    /// The first is 0.
    pub page: usize,
}

/// A piece of what there is to ask for.
pub struct Catalogue {
    pub offers: Vec<Offer>,
    pub total: usize,
    /// By name, with what people call each.
    pub categories: Vec<(String, String)>,
    pub applications: Vec<(String, String)>,
}

/// Something that may be asked for.
#[derive(Clone, Debug)]
pub struct Offer {
    pub grantable: Grantable,
    pub label: String,
    pub description: Option<String>,
    pub category: Option<String>,
    pub application: Option<String>,
    /// Whoever answers for it.
    pub owner: Option<String>,
    /// The most days for which it is given.
    pub maximum_days: Option<u16>,
    /// Nothing comes of it before that day.
    pub valid_from: Option<Date>,
    /// Gives power over others, or over an application.
    pub is_privileged: bool,
    /// Risks that anybody bears who has it, with their level.
    pub risks: Vec<(String, i32)>,
    /// Somebody has to agree first.
    pub needs_approval: bool,
    /// What is in it, by what people call it.
    pub contains: Vec<(Grantable, String)>,
    /// For each for whom it would be asked.
    pub standing: Vec<(IdentityId, String, Standing)>,
}

/// How a thing stands to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// May be asked for.
    Open,
    /// They have it, and why; a later last day may be asked for.
    Held { why: String, can_be_extended: bool },
    /// Asked for already.
    Asked(RequestId),
    /// Would be refused.
    Refused(String),
    /// May be asked for, and would bring these risks about.
    Conflicts(Vec<String>),
}

impl Standing {
    /// Whether there is any use in asking.
    pub fn may_be_asked(&self) -> bool {
        matches!(self, Self::Open | Self::Conflicts(_) | Self::Held { can_be_extended: true, .. })
    }
}

/// A piece of the catalogue as it stands to these people.
pub async fn catalogue(op: &OpContext, people: &[IdentityId], search: &Search) -> Result<Catalogue, ApiError> {
    let today = op.engine.today();
    let mut known = Vec::new();
    for id in people.iter().take(PEOPLE_LIMIT) {
        let found = person(op, *id).await?;
        let filter = RequestFilter { identity: Some(found.id), limit: Some(OPEN_LIMIT), ..RequestFilter::default() };
        let open = requests::list(op, &filter).await?.rows.into_iter().filter(|row| row.state.is_open());
        known.push((offer::Person::read(op, found.id).await?, open.collect::<Vec<_>>()));
    }
    let live = op.engine.world().live();
    let configuration = &live.configuration;
    let wanted: Vec<String> = search.text.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let mut found: Vec<(bool, String, Grantable)> = naming::everything(configuration)
        .into_iter()
        .filter(|(grantable, _)| offer::is_offered(configuration, grantable, today))
        .filter(|(grantable, _)| is_kept(&live, grantable, search))
        .filter_map(|(grantable, label)| {
            let is_named = has_words(&wanted, &format!("{label} {}", grantable.name()));
            let fits = is_named || has_words(&wanted, &text_of(configuration, &grantable, label));
            fits.then(|| (!is_named, label.to_lowercase(), grantable))
        })
        .collect();
    // What has the words in its name comes first.
    found.sort();
    let total = found.len();
    let page = found.into_iter().skip(search.page.saturating_mul(PAGE)).take(PAGE);
    let shown: Vec<Grantable> = page.map(|(_, _, grantable)| grantable).collect();
    let mut offers = Vec::with_capacity(shown.len());
    let mut follower = Follower::new(op.engine.store(), &live);
    for grantable in shown {
        offers.push(offer(op, &live, grantable, &known, &mut follower).await);
    }
    let categories = configuration.categories.keys().map(|name| (name.clone(), configuration.category_label(name)));
    let applications =
        configuration.applications.iter().map(|(name, application)| (name.clone(), application.display_name.clone()));
    Ok(Catalogue { offers, total, categories: by_label(categories), applications: by_label(applications) })
}

fn by_label(all: impl Iterator<Item = (String, String)>) -> Vec<(String, String)> {
    let mut all: Vec<_> = all.collect();
    all.sort_by(|(_, a), (_, b)| a.cmp(b));
    all
}

fn is_kept(live: &Live, grantable: &Grantable, search: &Search) -> bool {
    let configuration = &live.configuration;
    let is = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
    let is_of_application = |thing: &Grantable| configuration.application_of(thing) == Some(&search.application);
    is(&search.kind, grantable.kind())
        && (search.category.is_empty() || configuration.categories_of(grantable).contains(&search.category.as_str()))
        && (search.application.is_empty()
            || is_of_application(grantable)
            || live.model.reach(grantable).iter().any(is_of_application))
}

/// All of the words, as parts of the text.
fn has_words(wanted: &[String], text: &str) -> bool {
    let text = text.to_lowercase();
    wanted.iter().all(|word| text.contains(word.as_str()))
}

/// Everything that somebody might remember of a thing.
fn text_of(configuration: &Configuration, grantable: &Grantable, label: &str) -> String {
    let mut text = vec![label.to_owned(), grantable.name().to_owned()];
    text.extend(description(configuration, grantable));
    text.extend(category(configuration, grantable));
    text.extend(application(configuration, grantable));
    text.extend(contained(configuration, grantable).into_iter().map(|(_, label)| label));
    text.join(" ")
}

fn description(configuration: &Configuration, grantable: &Grantable) -> Option<String> {
    let name = grantable.name();
    match grantable {
        Grantable::Role(_) => configuration.roles.get(name)?.description.clone(),
        Grantable::AccessProfile(_) => configuration.access_profiles.get(name)?.description.clone(),
        Grantable::Entitlement(_) => configuration.entitlements.get(name)?.description.clone(),
        Grantable::AccountType(_) => None,
    }
}

fn category(configuration: &Configuration, grantable: &Grantable) -> Option<String> {
    let own = configuration.terms(grantable)?.category?;
    Some(configuration.category_label(&own))
}

fn application(configuration: &Configuration, grantable: &Grantable) -> Option<String> {
    let name = configuration.application_of(grantable)?;
    Some(configuration.applications.get(name)?.display_name.clone())
}

/// What is directly in it.
fn contained(configuration: &Configuration, grantable: &Grantable) -> Vec<(Grantable, String)> {
    let role = |name: &String| {
        let label = configuration.roles.get(name).map(|role| role.display_name.clone());
        (Grantable::Role(name.clone()), label)
    };
    let profile = |name: &String| {
        let label = configuration.access_profiles.get(name).map(|profile| profile.display_name.clone());
        (Grantable::AccessProfile(name.clone()), label)
    };
    let entitlement = |name: &String| {
        let label = configuration.entitlements.get(name).map(|found| found.display_name.clone());
        (Grantable::Entitlement(name.clone()), label)
    };
    let all: Vec<(Grantable, Option<String>)> = match grantable {
        Grantable::Role(name) => configuration
            .roles
            .get(name)
            .map(|found| found.roles.iter().map(role).chain(found.access_profiles.iter().map(profile)).collect()),
        Grantable::AccessProfile(name) => {
            configuration.access_profiles.get(name).map(|found| found.entitlements.iter().map(entitlement).collect())
        }
        Grantable::AccountType(_) | Grantable::Entitlement(_) => None,
    }
    .unwrap_or_default();
    all.into_iter().map(|(thing, label)| (thing.clone(), label.unwrap_or_else(|| thing.name().to_owned()))).collect()
}

async fn offer(
    op: &OpContext,
    live: &Live,
    grantable: Grantable,
    people: &[(offer::Person, Vec<RequestRow>)],
    follower: &mut Follower,
) -> Offer {
    let configuration = &live.configuration;
    let today = op.engine.today();
    let terms = configuration.terms(&grantable);
    let mut reach: BTreeSet<Grantable> = live.model.reach(&grantable).into_iter().collect();
    reach.insert(grantable.clone());
    let is_privileged = |thing: &Grantable| match thing {
        Grantable::Entitlement(name) => configuration.entitlements.get(name).is_some_and(|found| found.privileged),
        _ => false,
    };
    let risks = configuration.risks.values().filter(|risk| {
        let reaches = |rule: &model::configuration::RiskRule| {
            rule.sides.iter().all(|side| side.things().any(|thing| reach.contains(&thing)))
        };
        risk.kind == RiskKind::HighPrivilege && risk.rules.iter().any(reaches)
    });
    let valid_from = terms.as_ref().and_then(|terms| match terms.dormancy(today) {
        Some(Dormancy::NotBefore(day)) => Some(day),
        _ => None,
    });
    let mut of_people = Vec::with_capacity(people.len());
    for (person, open) in people {
        let standing = standing(op, configuration, &grantable, (person, open), follower).await;
        of_people.push((person.identity.id, person.identity.display_name.clone(), standing));
    }
    Offer {
        label: op.engine.label(&grantable),
        description: description(configuration, &grantable),
        category: category(configuration, &grantable),
        application: application(configuration, &grantable),
        owner: terms.as_ref().and_then(|terms| terms.owner.clone()),
        maximum_days: terms.and_then(|terms| terms.maximum_days),
        valid_from,
        is_privileged: reach.iter().any(is_privileged),
        risks: risks.map(|risk| (risk.display_name.clone(), risk.level)).collect(),
        needs_approval: !configuration.approvals(&grantable).is_empty(),
        contains: contained(configuration, &grantable),
        standing: of_people,
        grantable,
    }
}

async fn standing(
    op: &OpContext,
    configuration: &Configuration,
    grantable: &Grantable,
    (person, open): (&offer::Person, &[RequestRow]),
    follower: &mut Follower,
) -> Standing {
    let is_asked = |row: &&RequestRow| {
        row.items.iter().any(|(item, _)| item.change == Change::Give && item.grantable == *grantable)
    };
    if let Some(reasons) = person.has(grantable) {
        let today = op.engine.today();
        let mut given = person.given(grantable, today).peekable();
        let can_be_extended = given.peek().is_some() && given.all(|grant| grant.period.ends.is_some());
        return Standing::Held {
            why: words::why(reasons, &op.user.login, |thing| op.engine.label(thing)),
            can_be_extended: can_be_extended && offer::is_offered(configuration, grantable, today),
        };
    }
    if let Some(row) = open.iter().find(is_asked) {
        return Standing::Asked(row.id);
    }
    match person.prospect(op, grantable, follower).await {
        offer::Prospect::Refused(why) => Standing::Refused(why),
        offer::Prospect::Taken(risks) if risks.is_empty() => Standing::Open,
        offer::Prospect::Taken(risks) => Standing::Conflicts(risks),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_a_part_of_the_text() {
        for (wanted, expected) in [("", true), ("acc", true), ("ROTT acc", true), ("acc york", false)] {
            let wanted: Vec<String> = wanted.to_lowercase().split_whitespace().map(str::to_owned).collect();
            assert_eq!(has_words(&wanted, "Accountant Rotterdam"), expected, "{wanted:?}");
        }
    }

    #[test]
    fn only_what_may_come_of_asking_is_offered() {
        let held = |can_be_extended| Standing::Held { why: String::new(), can_be_extended };
        for (standing, expected) in [
            (Standing::Open, true),
            (held(false), false),
            (held(true), true),
            (Standing::Asked(RequestId(1)), false),
            (Standing::Refused(String::new()), false),
            (Standing::Conflicts(vec![String::new()]), true),
        ] {
            assert_eq!(standing.may_be_asked(), expected, "{standing:?}");
        }
    }
}
