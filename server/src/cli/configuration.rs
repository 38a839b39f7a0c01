//! `config plan|apply|lint|test|schema|export|list|history|secret`.

use std::path::{Path, PathBuf};

use clap::Subcommand;
use engine::configuration::{ConfigurationPlan, ObjectChange};
use engine::configurations::Drift;
use engine::context::OpContext;
use engine::policy_tests::TestOutcome;
use engine::role_model::Turn;
use engine::simulation::{Orders, Simulation};
use model::configuration::RoleState;
use model::draft::{ObjectFilter, ObjectKind};
use model::ids::ConfigurationVersionId;
use model::lint::{Finding, FindingKind, Severity};
use serde::Serialize;
use serde_json::Value;

use super::identities::explain;
use super::output::Output;
use super::{CommandError, Exit, secret};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what applying a directory would change, for objects and for people; exit code 3 where anything would
    Plan {
        /// Directory of the configuration files
        directory: PathBuf,
        /// Also what the next run would order, the limits that would stop it, and the risks that it would bring about
        #[arg(long)]
        orders: bool,
    },
    /// Take over a directory as the configuration
    Apply {
        /// Directory of the configuration files
        directory: PathBuf,
        /// Number that `config plan` showed: nothing is applied where the plan would be another now
        #[arg(long)]
        plan: Option<String>,
    },
    /// Show what was changed on pages since files were last applied, and applying them again would undo; exit code 3 where anything was
    Drift,
    /// Check what makes no sense although it is allowed: rules that never hold, roles that nobody can get, and the like; exit code 3 where an error or a warning is found
    Lint {
        /// Directory of configuration files; what is in force where none is given
        directory: Option<PathBuf>,
        /// Only findings of a kind, such as never_true or shadowed
        #[arg(long, value_parser = finding_kind)]
        kind: Option<FindingKind>,
    },
    /// Evaluate the policy tests of a directory; exit code 1 where one of them fails
    Test {
        /// Directory with files ending in .test.toml, and the configuration files that they are about
        directory: PathBuf,
        /// Evaluate them with what is in force in place of the configuration files
        #[arg(long)]
        live: bool,
        /// Print the outcome as JUnit writes it, for build servers
        #[arg(long)]
        junit: bool,
    },
    /// Print the JSON Schema of configuration files, for editors
    Schema {
        /// The one of files of policy tests
        #[arg(long)]
        tests: bool,
    },
    /// Write the configuration in force to a directory
    Export {
        /// Directory of the configuration files
        directory: PathBuf,
        /// Write although the directory is not empty
        #[arg(long)]
        overwrite: bool,
    },
    /// What there is of a kind: roles and the like with category, owner and state; of all else names and what they are for
    List {
        /// What to list, such as role, access_profile, entitlement, rule, application or lifecycle_state
        #[arg(value_parser = kind)]
        kind: ObjectKind,
        /// Those of a category, and of categories that are parts of it
        #[arg(long)]
        category: Option<String>,
        /// Those that this login answers for
        #[arg(long)]
        owner: Option<String>,
        /// Those in a state: draft, active or retired
        #[arg(long, value_parser = state)]
        state: Option<RoleState>,
    },
    /// When something of the configuration changed, by whom, and what
    History {
        /// What it is, such as role, access_profile, entitlement, rule, application or lifecycle_state
        #[arg(value_parser = kind)]
        kind: ObjectKind,
        /// Its name
        name: String,
        /// Only versions before this one
        #[arg(long)]
        before: Option<i64>,
    },
    /// Keep a secret under a name, asked for or read from standard input; connections say `secret:NAME`
    Secret {
        /// Name of the secret
        name: String,
    },
    /// Names of the secrets kept, when they were set and by whom
    Secrets,
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::Plan { directory, orders } => {
            let plan = engine::configurations::plan(op, &directory).await?;
            let run = match orders && !plan.is_empty() {
                true => Some(engine::simulation::of_files(op, &directory).await?),
                false => None,
            };
            output.value(&Planned { plan: &plan, run }, Planned::show)?;
            Ok(if plan.is_empty() { Exit::Done } else { Exit::Changes })
        }
        Command::Drift => {
            let drift = engine::configurations::drift(op).await?;
            let drift = drift.as_deref();
            output.value(&drift, |drift| drift.map_or_else(|| NO_FILES.to_owned(), show_drift))?;
            Ok(if drift.is_none_or(|drift| drift.changes.is_empty()) { Exit::Done } else { Exit::Changes })
        }
        Command::Apply { directory, plan } => {
            let plan = match plan {
                Some(seen) => engine::configurations::apply_as_seen(op, &directory, &seen).await?,
                None => engine::configurations::apply(op, &directory).await?,
            };
            output.value(&plan, |plan| format!("{}\n\nApplied.", show(plan)))?;
            Ok(Exit::Done)
        }
        Command::Lint { directory, kind } => {
            let mut findings = match directory {
                Some(directory) => engine::lint::of_files(op, &directory).await?,
                None => engine::lint::findings(op).await?,
            };
            findings.retain(|finding| kind.is_none_or(|kind| finding.kind == kind));
            output.value(&findings, |findings| lint(findings))?;
            let is_clean = engine::lint::worst(&findings).is_none_or(|worst| worst == Severity::Note);
            Ok(if is_clean { Exit::Done } else { Exit::Changes })
        }
        Command::Test { directory, live, junit } => {
            let outcomes = engine::policy_tests::run(op, &directory, live).await?;
            if junit {
                output.text(&engine::policy_tests::junit(&outcomes))?;
            } else {
                output.value(&outcomes, |outcomes| tested(outcomes))?;
            }
            let passed = outcomes.iter().all(|outcome| outcome.passed);
            Ok(if passed { Exit::Done } else { Exit::Failed })
        }
        Command::Schema { tests } => {
            let schema = if tests { engine::configuration::test_schema() } else { engine::configuration::schema() };
            output.value(&schema, |schema| format!("{schema:#}"))?;
            Ok(Exit::Done)
        }
        Command::Export { directory, overwrite } => {
            let files = engine::configurations::export(op).await?;
            write(&directory, &files, overwrite)?;
            output.value(&serde_json::json!({ "files": files.len() }), |_| {
                format!("{} files written to {}.", files.len(), directory.display())
            })?;
            Ok(Exit::Done)
        }
        Command::List { kind: ObjectKind::Setting(kind), .. } => {
            let mut rows = engine::settings::rows(op).await?;
            rows.retain(|row| row.kind == kind);
            output.rows(&rows, &["name", "called", "what for"], |row| {
                vec![row.name.clone(), row.label.clone(), row.description.clone().unwrap_or_default()]
            })?;
            Ok(Exit::Done)
        }
        Command::List { kind, category, owner, state } => {
            let filter = ObjectFilter { category, owner, state, ..ObjectFilter::default() };
            let rows = engine::role_model::rows(op, kind, &filter).await?;
            output.rows(&rows, &["name", "category", "owner", "state", "requests", "people"], |row| {
                let terms = row.terms.clone().unwrap_or_default();
                let has_terms = row.terms.is_some();
                let requests = if terms.requestable { "yes" } else { "no" };
                vec![
                    row.name.clone(),
                    terms.category.unwrap_or_default(),
                    terms.owner.unwrap_or_default(),
                    if has_terms { terms.state.name() } else { "" }.to_owned(),
                    if has_terms { requests } else { "" }.to_owned(),
                    row.people.to_string(),
                ]
            })?;
            Ok(Exit::Done)
        }
        Command::History { kind, name, before } => history(op, kind, &name, before, output).await,
        Command::Secret { name } => {
            let value = secret::read(&format!("Secret {name}"))?;
            if value.is_empty() {
                return Err(CommandError::Usage(
                    "The secret is empty, so nothing was kept. Give it on standard input.".to_owned(),
                ));
            }
            engine::secrets::put(op, name.clone(), value).await?;
            output.say(&format!("The secret {name} is kept."))?;
            Ok(Exit::Done)
        }
        Command::Secrets => {
            let names =
                op.engine.store().secret_names().await.map_err(|error| CommandError::Failed(error.to_string()))?;
            let rows: Vec<Value> = names
                .iter()
                .map(|(name, at, by)| serde_json::json!({ "name": name, "set_at": at, "by": by }))
                .collect();
            output.rows(&rows, &["name", "set at", "by"], |row| {
                ["name", "set_at", "by"].map(|field| row[field].as_str().unwrap_or_default().to_owned()).to_vec()
            })?;
            Ok(Exit::Done)
        }
    }
}

async fn history(
    op: &OpContext,
    kind: ObjectKind,
    name: &str,
    before: Option<i64>,
    output: &Output,
) -> Result<Exit, CommandError> {
    let versions = engine::role_model::versions(op, kind, name, before.map(ConfigurationVersionId)).await?;
    if versions.all.is_empty() && before.is_none() {
        let message =
            format!("There never was a {} `{name}`. Names are those of the configuration files.", kind.noun());
        return Err(CommandError::Usage(message));
    }
    let told = versions.all.iter().map(|version| {
        let (what, fields) = match &version.what {
            Turn::Added(fields) => ("added", fields.as_slice()),
            Turn::Changed(fields) => ("changed", fields.as_slice()),
            Turn::Removed => ("removed", &[][..]),
        };
        serde_json::json!({
            "version": version.version,
            "at": version.at,
            "by": version.by,
            "draft": version.draft.as_ref().map(|(id, _)| id),
            "what": what,
            "fields": fields,
        })
    });
    let told: Vec<Value> = told.collect();
    output.value(&serde_json::json!({ "versions": told, "before": versions.before }), |_| {
        let mut lines = Vec::new();
        for version in &versions.all {
            let (what, fields) = match &version.what {
                Turn::Added(fields) => ("added", fields.as_slice()),
                Turn::Changed(fields) => ("changed", fields.as_slice()),
                Turn::Removed => ("removed", &[][..]),
            };
            let draft = version.draft.as_ref().map_or_else(String::new, |(id, title)| format!(", draft {id}: {title}"));
            lines.push(format!("{what} in version {} by {} at {}{draft}", version.version, version.by, version.at));
            lines.extend(fields.iter().map(|field| format!("    {field}")));
        }
        if let Some(before) = versions.before {
            lines.push(format!("Older versions: --before {before}"));
        }
        lines.join("\n")
    })?;
    Ok(Exit::Done)
}

fn lint(findings: &[Finding]) -> String {
    if findings.is_empty() {
        return "Nothing found.".to_owned();
    }
    let mut lines = Vec::new();
    for finding in findings {
        let spot = finding.spots.first();
        let place = spot.map(|spot| spot.place.clone().unwrap_or_else(|| spot.to_string())).unwrap_or_default();
        lines.push(format!("{}: {}, {}: {}", place, finding.severity.name(), finding.kind.name(), finding.message));
        for witnessed in &finding.witness.people {
            let person = &witnessed.identity;
            let values = person.attributes.iter().map(|(name, value)| format!("{name} {value}"));
            let who = if witnessed.is_made_up {
                "somebody made up".to_owned()
            } else {
                format!("{} ({})", person.display_name, person.key)
            };
            lines.push(
                format!("    {who}: {}", values.collect::<Vec<_>>().join(", ")).trim_end_matches([' ', ':']).to_owned(),
            );
        }
        lines.extend(finding.witness.claims.iter().map(|claim| format!("    {claim}")));
    }
    let count = |severity: Severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let (errors, warnings, notes) = (count(Severity::Error), count(Severity::Warning), count(Severity::Note));
    lines.push(format!("\nErrors: {errors}, warnings: {warnings}, notes: {notes}."));
    lines.join("\n")
}

fn tested(outcomes: &[TestOutcome]) -> String {
    let mut lines = Vec::new();
    for outcome in outcomes {
        let word = if outcome.passed { "passed" } else { "FAILED" };
        lines.push(format!("{word}  {} ({})", outcome.name, outcome.place));
        for failure in &outcome.failures {
            lines.push(format!("    {}", failure.message));
            let why = failure.why.as_ref().map(explain).unwrap_or_default();
            lines.extend(why.lines().map(|line| format!("      {line}")));
        }
    }
    let failed = outcomes.iter().filter(|outcome| !outcome.passed).count();
    lines.push(format!("\n{} passed, {failed} failed.", outcomes.len() - failed));
    lines.join("\n")
}

fn finding_kind(text: &str) -> Result<FindingKind, String> {
    let known = || FindingKind::ALL.map(FindingKind::name).join(", ");
    FindingKind::from_name(text).ok_or_else(|| format!("`{text}` is none of {}", known()))
}

fn kind(text: &str) -> Result<ObjectKind, String> {
    let known = || ObjectKind::all().map(ObjectKind::name).collect::<Vec<_>>().join(", ");
    ObjectKind::from_name(text).ok_or_else(|| format!("`{text}` is none of {}", known()))
}

fn state(text: &str) -> Result<RoleState, String> {
    RoleState::from_name(text).ok_or_else(|| format!("`{text}` is none of draft, active and retired"))
}

fn write(directory: &Path, files: &[(PathBuf, String)], overwrite: bool) -> Result<(), CommandError> {
    let failed = |path: &Path, error: std::io::Error| {
        CommandError::Failed(format!(
            "{} cannot be written: {error}. Name a folder that may be written.",
            path.display()
        ))
    };
    let occupied = std::fs::read_dir(directory).is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !overwrite {
        return Err(CommandError::Refused(format!(
            "{} is not empty, so nothing was written. Name an empty folder, or add --overwrite.",
            directory.display()
        )));
    }
    for (name, text) in files {
        let path = directory.join(name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(|error| failed(parent, error))?;
        }
        std::fs::write(&path, text).map_err(|error| failed(&path, error))?;
    }
    Ok(())
}

/// What `config plan` prints.
#[derive(Serialize)]
struct Planned<'a> {
    #[serde(flatten)]
    plan: &'a ConfigurationPlan,
    /// What the next run would do, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    run: Option<Simulation>,
}

impl Planned<'_> {
    fn show(&self) -> String {
        let mut parts = vec![show(self.plan)];
        parts.extend(self.run.as_ref().map(show_run));
        parts.extend(
            self.plan
                .seal
                .as_ref()
                .map(|seal| format!("Plan {seal}. To apply this and nothing else, give it to `config apply --plan`.")),
        );
        parts.join("\n\n")
    }
}

fn show_run(run: &Simulation) -> String {
    let people = |orders: &Orders| format!("for {} of {} people", orders.radius.people, orders.radius.population);
    let mut lines =
        vec![format!("The next run would make {} more orders, {}.", run.brought.count, people(&run.brought))];
    for row in &run.brought.radius.applications {
        let counts = [
            (row.created, "created"),
            (row.updated, "changed"),
            (row.enabled, "enabled"),
            (row.disabled, "disabled"),
            (row.deleted, "deleted"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}"));
        lines.push(format!("  {}: {}", row.application, counts.collect::<Vec<_>>().join(", ")));
    }
    let (added, removed) = (run.brought.radius.entitlements_added, run.brought.radius.entitlements_removed);
    if added + removed > 0 {
        lines.push(format!("  entitlements: {added} added, {removed} removed"));
    }
    let told = [
        (run.spared.count, "orders that it would make now it would not make any more."),
        (run.withdrawn, "orders that wait would be called off: nothing needs them any more."),
        (run.either_way, "orders for the people looked at are due either way."),
        (run.left_out, "things are not ordered: a risk that blocks would be completed."),
        (run.held, "things wait for a person: a risk would be completed that takes an approval."),
        (run.refused, "plans are refused by the plan checker: a fault of the program."),
    ];
    lines.extend(told.iter().filter(|(count, _)| *count > 0).map(|(count, text)| format!("{count} {text}")));
    for trip in &run.trips {
        lines.push(format!(
            "A threshold would stop it: {}: {} {}; the limit is {}.",
            trip.scope, trip.counted, trip.what, trip.limit
        ));
    }
    for risk in &run.risks {
        lines.push(format!("Risk {}: brought about for {}, ended for {}.", risk.label, risk.created, risk.cured));
    }
    lines.join("\n")
}

fn show(plan: &ConfigurationPlan) -> String {
    if plan.is_empty() {
        return "Nothing changes.".to_owned();
    }
    let mut lines = Vec::new();
    for (sign, changes) in [('+', &plan.added), ('~', &plan.changed), ('-', &plan.removed)] {
        for change in changes {
            lines.push(format!("{sign} {} {}", change.kind, change.name).trim_end().to_owned());
            if sign == '~' {
                lines.extend(fields(change));
            }
        }
    }
    lines.push(format!(
        "\n{} added, {} changed, {} removed.",
        plan.added.len(),
        plan.changed.len(),
        plan.removed.len()
    ));
    for (name, orders) in &plan.left_behind {
        lines.push(format!(
            "{name} still has {orders} orders. Without it nobody answers for them: what was handed over is given up, and the \
             next run that generates orders sends what is still needed another way. To wait for the answers, keep {name} \
             until they are there."
        ));
    }
    if let Some(effect) = &plan.effect {
        lines.push(format!("For {} of {} people something changes.", effect.identities, effect.population));
        let count = |sign: char, (thing, people): &(String, u64)| format!("  {sign} {thing}: {people}");
        lines.extend(effect.gains.iter().map(|gain| count('+', gain)));
        lines.extend(effect.losses.iter().map(|loss| count('-', loss)));
        lines.extend(effect.attributes.iter().map(|attribute| count('~', attribute)));
        lines.extend(effect.examples.iter().map(|example| format!("  {example}")));
    }
    lines.join("\n")
}

const NO_FILES: &str = "No files were applied yet: everything was made on pages. `config export` writes it out.";

fn show_drift(drift: &Drift) -> String {
    let since = format!("version {}, applied from files by {} at {}", drift.version, drift.by, drift.at);
    if drift.changes.is_empty() {
        return format!("As the files say: {since}.");
    }
    format!(
        "{}\n\nChanged on pages since {since}. Applying those files again would undo it; `config export` writes out what is live.",
        show(&drift.changes)
    )
}

fn fields(change: &ObjectChange) -> impl Iterator<Item = String> {
    change.fields.iter().map(|field| {
        let side = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
        format!("    {}: {} → {}", field.field, side(&field.before), side(&field.after))
    })
}
