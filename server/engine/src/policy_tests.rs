//! Policy tests: what somebody should hold or not hold, kept as files beside the configuration, and evaluated with files
//! that are not applied yet or with what is live. Nothing is changed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use jiff::civil::Date;
use model::access::{DesiredAccess, Explanation, Grantable};
use model::configuration::Configuration;
use model::error::ApiError;
use model::identity::Identity;
use model::ids::IdentityId;
use model::lifecycle::Remembered;
use model::lint::Spot;
use model::request::DirectGrant;
use policy::engine::Engine as RoleEngine;
use policy::lint::granted;
use policy::model::RoleModel;
use policy::risk::RiskModel;
use serde::Serialize;

use crate::configuration;
use crate::configuration::policy_tests::{ReadTest, Whom, read_tests};
use crate::configurations::ConfigurationError;
use crate::context::OpContext;
use crate::error::internal;
use crate::role_model::VIEW;
use crate::world::{by_identity, role_engine};

/// What became of one test.
#[derive(Clone, Debug, Serialize)]
pub struct TestOutcome {
    pub name: String,
    /// File and line.
    pub place: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    pub passed: bool,
    pub failures: Vec<TestFailure>,
}

/// Something that is otherwise than expected.
#[derive(Clone, Debug, Serialize)]
pub struct TestFailure {
    pub message: String,
    /// Why it is as it is, where one thing is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<Explanation>,
}

/// Those whom tests name by their key.
#[derive(Default)]
struct OnRecord {
    people: BTreeMap<String, Identity>,
    grants: BTreeMap<IdentityId, Vec<DirectGrant>>,
    remembered: Vec<(IdentityId, Remembered)>,
}

/// Evaluates all tests of a directory: with the configuration files in it, or with what is live.
///
/// # Errors
/// What is wrong with the tests or the files.
pub async fn run(op: &OpContext, directory: &Path, live: bool) -> Result<Vec<TestOutcome>, ConfigurationError> {
    op.require(VIEW)?;
    op.require("/Identities/View")?;
    let configuration = if live {
        op.engine.follow().await.map_err(|_| ApiError::internal())?;
        (*op.engine.world().configuration()).clone()
    } else {
        configuration::read(directory).map_err(ConfigurationError::Findings)?.configuration
    };
    let tests = read_tests(directory, &configuration).map_err(ConfigurationError::Findings)?;
    let on_record = on_record(op, &tests).await?;
    Ok(evaluate(&configuration, &tests, &on_record, op.engine.today())?)
}

/// Evaluates the tests of a directory with the configuration files in it, where nobody is on record.
///
/// # Errors
/// What is wrong with the tests or the files.
pub fn without_records(directory: &Path, today: Date) -> Result<Vec<TestOutcome>, ConfigurationError> {
    let files = configuration::read(directory).map_err(ConfigurationError::Findings)?;
    let tests = read_tests(directory, &files.configuration).map_err(ConfigurationError::Findings)?;
    Ok(evaluate(&files.configuration, &tests, &OnRecord::default(), today)?)
}

async fn on_record(op: &OpContext, tests: &[ReadTest]) -> Result<OnRecord, ApiError> {
    let keys: BTreeSet<&String> = tests
        .iter()
        .filter_map(|test| match &test.whom {
            Whom::OnRecord(key) => Some(key),
            Whom::MadeUp(_) => None,
        })
        .collect();
    let store = op.engine.store();
    let mut ids = Vec::new();
    for key in keys {
        ids.extend(store.identity_by_key(key).await.map_err(internal)?.map(|identity| identity.id));
    }
    if ids.is_empty() {
        return Ok(OnRecord::default());
    }
    let people = store.identities_by_id(&ids).await.map_err(internal)?;
    Ok(OnRecord {
        people: people.into_iter().map(|person| (person.key.clone(), person)).collect(),
        grants: by_identity(store.direct_grants(Some(&ids)).await.map_err(internal)?).into_iter().collect(),
        remembered: store.lifecycle_periods(Some(&ids)).await.map_err(internal)?,
    })
}

fn evaluate(
    configuration: &Configuration,
    tests: &[ReadTest],
    on_record: &OnRecord,
    today: Date,
) -> Result<Vec<TestOutcome>, ApiError> {
    let model = RoleModel::compile(configuration).map_err(|_| ApiError::internal())?;
    let mut engine = role_engine(Arc::new(model));
    on_record.people.values().for_each(|person| engine.upsert(person));
    for (id, remembered) in &on_record.remembered {
        engine.set_remembered(*id, Some(remembered.clone()));
    }
    let risks = RiskModel::compile(configuration);
    let outcomes = (1_i64..).zip(tests).map(|(number, test)| {
        let failures = match whom(&mut engine, test, on_record, number) {
            Err(message) => vec![TestFailure { message, why: None }],
            Ok((id, grants)) => failures(&engine, &risks, test, (id, &grants), test.day.unwrap_or(today)),
        };
        TestOutcome {
            name: test.name.clone(),
            place: test.place.clone(),
            description: test.description.clone(),
            passed: failures.is_empty(),
            failures,
        }
    });
    Ok(outcomes.collect())
}

/// Of whom the test is, in the engine, and what they are given directly.
fn whom(
    engine: &mut RoleEngine,
    test: &ReadTest,
    on_record: &OnRecord,
    number: i64,
) -> Result<(IdentityId, Vec<DirectGrant>), String> {
    let (id, mut grants) = match &test.whom {
        Whom::OnRecord(key) => match on_record.people.get(key) {
            Some(person) => (person.id, on_record.grants.get(&person.id).cloned().unwrap_or_default()),
            None => {
                return Err(format!(
                    "Nobody on record has the key `{key}`. Name somebody who is, or make somebody up with `person`."
                ));
            }
        },
        Whom::MadeUp(person) => {
            // No id on record is below 1.
            let person = Identity { id: IdentityId(-number), ..(**person).clone() };
            engine.upsert(&person);
            (person.id, Vec::new())
        }
    };
    grants.extend(test.given.iter().map(|thing| granted(id, thing.clone())));
    Ok((id, grants))
}

fn failures(
    engine: &RoleEngine,
    risks: &RiskModel,
    test: &ReadTest,
    (id, grants): (IdentityId, &[DirectGrant]),
    day: Date,
) -> Vec<TestFailure> {
    let Some(access) = engine.desired_with(id, grants, day) else { return Vec::new() };
    let stands = |thing: &Grantable| stands(&access, thing);
    let mut failures = Vec::new();
    let mut expect = |things: &[Grantable], wanted: Standing, said: &str| {
        let fits = |thing: &&Grantable| match wanted {
            // What is only offered is not held.
            Standing::Not => stands(thing) != Standing::Held,
            wanted => stands(thing) == wanted,
        };
        for thing in things.iter().filter(|thing| !fits(thing)) {
            let is = match stands(thing) {
                Standing::Held => "held",
                Standing::Offered => "only offered",
                Standing::Not => "not held",
            };
            let message = format!("{} should {said} on {day}, and is {is}.", capitalised(&Spot::of(thing).to_string()));
            failures.push(TestFailure { message, why: engine.explain_with(id, grants, thing, day) });
        }
    };
    expect(&test.holds, Standing::Held, "be held");
    expect(&test.lacks, Standing::Not, "not be held");
    expect(&test.offered, Standing::Offered, "be offered");
    if let Some(expected) = &test.violations {
        let broken: BTreeSet<String> =
            risks.broken_rules(&access.assignments, &[], &[]).into_iter().map(|broken| broken.risk).collect();
        let told =
            |risk: &String, message: &str| TestFailure { message: format!("Risk `{risk}` {message}."), why: None };
        failures.extend(expected.difference(&broken).map(|risk| told(risk, "should be broken, and is not")));
        failures.extend(broken.difference(expected).map(|risk| told(risk, "should not be broken, and is")));
    }
    failures
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    Held,
    Offered,
    Not,
}

fn stands(access: &DesiredAccess, thing: &Grantable) -> Standing {
    match access.assignments.iter().find(|assignment| assignment.grantable == *thing) {
        Some(assignment) if assignment.workflow_state.grants() => Standing::Held,
        Some(_) => Standing::Offered,
        None => Standing::Not,
    }
}

fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}

/// The outcomes as JUnit writes them, for build servers.
pub fn junit(outcomes: &[TestOutcome]) -> String {
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{count}\" failures=\"{failed}\">\n  <testsuite name=\"policy\" tests=\"{count}\" failures=\"{failed}\">\n",
        count = outcomes.len()
    );
    for outcome in outcomes {
        let file = outcome.place.rsplit_once(':').map_or(outcome.place.as_str(), |(file, _)| file);
        let head = format!("    <testcase name=\"{}\" classname=\"{}\"", escaped(&outcome.name), escaped(file));
        if outcome.passed {
            text.push_str(&format!("{head}/>\n"));
            continue;
        }
        text.push_str(&format!("{head}>\n"));
        for failure in &outcome.failures {
            text.push_str(&format!(
                "      <failure message=\"{}\">{}</failure>\n",
                escaped(&failure.message),
                escaped(&outcome.place)
            ));
        }
        text.push_str("    </testcase>\n");
    }
    text + "  </testsuite>\n</testsuites>\n"
}

fn escaped(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => made.push_str("&amp;"),
            '<' => made.push_str("&lt;"),
            '>' => made.push_str("&gt;"),
            '"' => made.push_str("&quot;"),
            // XML has no place for these, not even escaped.
            other if other.is_control() => made.push(' '),
            other => made.push(other),
        }
    }
    made
}

#[cfg(test)]
#[path = "policy_tests/tests.rs"]
mod tests;
