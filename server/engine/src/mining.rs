//! Role mining: what people hold by hand or by nothing, put together from the readings, the requests and the role model, given
//! to `policy::mining`, and what that proposes taken over into a draft.
//!
//! Nothing is kept: the same question over the same people has the same answer on every node. A proposal has a key that
//! stands for all of it, so that taking one whose world has moved since is noticed. One process mines one thing at a time.

mod gather;
mod names;
mod proposals;
mod take;

use std::collections::BTreeSet;
use std::num::NonZero;

use model::configuration::Configuration;
use model::error::ApiError;
use model::mining::{Mining, MiningLimits, MiningQuery, MiningWeights};
use policy::expression::Expression;
use policy::mining::{Bundles, FoundRules, propose_bundles, propose_rules};
use tokio::sync::Semaphore;

use crate::bulk_changes::people;
use crate::context::OpContext;
use crate::error::internal;
use crate::role_model::VIEW;
use gather::{Gathered, Read, gather};

pub use take::{Given, Taken, files, take};

/// Proposals shown of each kind.
const MOST_SHOWN: usize = 100;

static MINING: Semaphore = Semaphore::const_new(1);

/// What a question can be about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choices {
    /// Applications, with what people call them.
    pub applications: Vec<(String, String)>,
    /// Categories, with what people call them.
    pub categories: Vec<(String, String)>,
    /// Attributes that conditions may use: those of dimensions first.
    pub attributes: Vec<String>,
}

/// What a question can be about.
pub fn choices(op: &OpContext) -> Result<Choices, ApiError> {
    let vocabulary = crate::role_model::vocabulary(op, None)?;
    let attributes = attributes(&op.engine.world().configuration());
    Ok(Choices { applications: vocabulary.applications, categories: vocabulary.categories, attributes })
}

/// What is proposed as of now.
pub async fn mine(op: &OpContext, query: &MiningQuery) -> Result<Mining, ApiError> {
    op.require(VIEW)?;
    let began = op.engine.now();
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let configuration = op.engine.world().configuration();
    check(&configuration, query)?;
    let condition = match query.condition.trim() {
        "" => None,
        text => Some(people::understood(&configuration, text)?),
    };
    // Closed never.
    let turn = MINING.acquire().await.map_err(|_| ApiError::internal())?;
    let store = op.engine.store();
    let mut names = std::collections::HashMap::new();
    for application in configuration.applications.keys() {
        for row in op.engine.entitlement_rows(application).await.map_err(internal)?.iter() {
            names.insert((application.clone(), row.key.clone()), row.display_name.clone());
        }
    }
    let read = Read {
        configuration,
        population: op.engine.world().everybody().collect(),
        grants: store.direct_grants(None).await.map_err(internal)?,
        held: store.held_entitlements().await.map_err(internal)?,
        names,
        today: op.engine.today(),
    };
    let asked = query.clone();
    let work = move || evaluate(read, &asked, condition.as_ref());
    let mut mining = tokio::task::spawn_blocking(work).await.map_err(|_| ApiError::internal())??;
    drop(turn);
    if !op.may("/Identities/View") {
        proposals::hide_people(&mut mining);
    }
    let took = op.engine.now().duration_since(began).as_millis();
    mining.took_milliseconds = u64::try_from(took).unwrap_or_default();
    Ok(mining)
}

fn evaluate(read: Read, query: &MiningQuery, condition: Option<&Expression>) -> Result<Mining, ApiError> {
    let gathered = gather(read, query, condition)?;
    let Gathered { crowd, things, items, known, .. } = &gathered;
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
    let rules = match query.rules {
        true => propose_rules(crowd, things, &query.limits, &query.weights, threads),
        false => FoundRules::default(),
    };
    let bundles = match query.bundles {
        true => propose_bundles(crowd, things, items, known, &query.limits, &query.weights),
        false => Bundles::default(),
    };
    Ok(proposals::told(&gathered, query, rules, bundles))
}

/// Attributes that identity sources deliver and expressions can name: those of dimensions first.
fn attributes(configuration: &Configuration) -> Vec<String> {
    let delivered: BTreeSet<&String> = configuration.sources.values().flat_map(|source| source.delivers()).collect();
    let mut attributes: Vec<&String> =
        delivered.into_iter().filter(|name| Expression::parse(&format!("identity.{name}")).is_ok()).collect();
    attributes.sort_by_key(|name| (configuration.dimension_of(name).is_none(), *name));
    attributes.into_iter().cloned().collect()
}

fn check(configuration: &Configuration, query: &MiningQuery) -> Result<(), ApiError> {
    let known = attributes(configuration);
    if let Some(unknown) = query.attributes.iter().find(|name| !known.contains(name)) {
        let message = format!("No identity source delivers `{unknown}`. There are: {}.", known.join(", "));
        return Err(ApiError::invalid("attributes", message));
    }
    if let Some(unknown) = query.application.as_ref().filter(|name| !configuration.applications.contains_key(*name)) {
        return Err(ApiError::invalid("application", format!("There is no application `{unknown}`.")));
    }
    if let Some(unknown) = query.category.as_ref().filter(|name| !configuration.categories.contains_key(*name)) {
        return Err(ApiError::invalid("category", format!("There is no category `{unknown}`.")));
    }
    if query.limits.people < 2 {
        return Err(ApiError::invalid("people", "A proposal is about at least 2 people."));
    }
    if query.limits.attributes > MiningLimits::MOST_ATTRIBUTES {
        let message = format!("A condition joins at most {} attributes.", MiningLimits::MOST_ATTRIBUTES);
        return Err(ApiError::invalid("joined", message));
    }
    let MiningWeights { assignment, inclusion, role, rule } = query.weights;
    if [assignment, inclusion, role, rule].into_iter().any(|weight| weight > MiningWeights::MOST) {
        return Err(ApiError::invalid("weights", format!("A cost is at most {}.", MiningWeights::MOST)));
    }
    if !query.found && !query.by_hand {
        let message = "Nothing is looked at. Choose access found in applications, access given by hand, or both.";
        return Err(ApiError::invalid("found", message));
    }
    if !query.rules && !query.bundles {
        return Err(ApiError::invalid("rules", "Nothing is looked for. Choose rules, new roles, or both."));
    }
    Ok(())
}
