//! `identities list`, `identities show`, `identities quality`, `why`.

use clap::{Args, Subcommand};
use engine::context::OpContext;
use model::access::{Explanation, Fact, Grantable, Reason, Why as Answer};
use model::error::{ApiError, ErrorCode};
use model::identity::LifecycleState;
use model::lifecycle::{LifecycleView, StateWord, Turn};
use model::quality::AttributeQuality;
use model::value::Value;
use model::view::{IdentityDetail, IdentityFilter, IdentityRow};

use super::output::{Output, fields, table};
use super::{CommandError, Exit, find_identity};

#[derive(Debug, Subcommand)]
pub enum Command {
    /// People, by name
    List {
        /// Words of the name, or the key
        #[arg(long)]
        text: Option<String>,
        /// Only of this department
        #[arg(long)]
        department: Option<String>,
        /// joiner, active, leaver, or the name of a state of the configuration
        #[arg(long)]
        state: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One person: attributes, accounts, what they hold
    Show {
        /// Key in the identity source, or number
        identity: String,
    },
    /// How good what sources say of people is: for each attribute who has none, and which values look mistyped
    Quality,
}

/// Arguments of `why`.
#[derive(Args, Debug)]
pub struct Why {
    /// Key in the identity source, or number
    identity: String,
    /// Name of an entitlement, role, access profile or account type; where several share it, `entitlement:NAME`,
    /// `role:NAME`, `access_profile:NAME` or `account_type:NAME`
    entitlement: String,
}

pub async fn run(op: &OpContext, command: Command, output: &Output) -> Result<Exit, CommandError> {
    match command {
        Command::Quality => {
            let all = engine::identities::quality(op).await?;
            let heading = ["attribute", "sources", "filled", "values", "rules", "mistyped?"];
            output.rows(&all, &heading, |one: &AttributeQuality| {
                let odd = one
                    .odd
                    .iter()
                    .map(|odd| format!("{} ({}) for {} ({})", odd.value, odd.people, odd.like, odd.like_people));
                vec![
                    one.name.clone(),
                    one.sources.join(", "),
                    format!("{} of {}", one.filled, one.people),
                    one.distinct.to_string(),
                    one.rules.len().to_string(),
                    odd.collect::<Vec<_>>().join("; "),
                ]
            })?;
        }
        Command::List { text, department, state, limit } => {
            let lifecycle = state.as_deref().and_then(LifecycleState::of_name);
            let state = known_state(op, state.filter(|_| lifecycle.is_none()))?;
            let limit = Some(limit);
            let filter = IdentityFilter { text, department, lifecycle, state, limit, ..IdentityFilter::default() };
            let page = engine::identities::page(op, filter).await?;
            let heading =
                ["id", "key", "name", "department", "title", "site", "state", "accounts", "entitlements", "open"];
            output.rows(&page.rows, &heading, |row: &IdentityRow| {
                vec![
                    row.id.to_string(),
                    row.key.clone(),
                    row.display_name.clone(),
                    row.department.clone(),
                    row.title.clone(),
                    row.site.clone(),
                    row.state.clone().unwrap_or_else(|| row.lifecycle.name().to_owned()),
                    row.accounts.to_string(),
                    row.entitlements.to_string(),
                    row.open_orders.to_string(),
                ]
            })?;
            output.say_rest(&page)?;
        }
        Command::Show { identity } => {
            let id = find_identity(op, &identity).await?;
            let detail = engine::identities::detail(op, id).await?;
            output.value(&detail, show)?;
        }
    }
    Ok(Exit::Done)
}

/// Says why; exit code 5 where the identity does not hold it, or nothing has that name.
pub async fn why(op: &OpContext, why: Why, output: &Output) -> Result<Exit, CommandError> {
    let (kind, name) = match why.entitlement.split_once(':') {
        Some((kind, name)) => {
            Grantable::from_parts(kind, name).ok_or_else(|| {
                CommandError::Usage(format!(
                    "`{kind}` is no kind of access. Write entitlement:NAME, role:NAME, access_profile:NAME, \
                     account_type:NAME, or the name alone."
                ))
            })?;
            (Some(kind), name)
        }
        None => (None, why.entitlement.as_str()),
    };
    let id = find_identity(op, &why.identity).await?;
    match engine::identities::why(op, id, kind, name).await? {
        Answer::Explained(explanation) => {
            output.value(&*explanation, explain)?;
            Ok(if explanation.held { Exit::Done } else { Exit::NotFound })
        }
        Answer::Several(several) => Err(CommandError::Usage(format!(
            "Several things are called `{name}`. Say which is meant: {}.",
            spelled(&several).join(" or ")
        ))),
        Answer::Unknown(near) => Err(unknown(kind, name, &near).into()),
    }
}

fn unknown(kind: Option<&str>, name: &str, near: &[Grantable]) -> ApiError {
    let what = kind.map_or_else(|| "Nothing".to_owned(), |kind| format!("No {}", kind.replace('_', " ")));
    let next = match near {
        [] => "No other name is like it; `config export` writes down every name there is.".to_owned(),
        near => format!("Did you mean {}?", spelled(near).join(", ")),
    };
    ApiError::new(ErrorCode::NotFound, format!("{what} is called `{name}`. {next}"))
}

fn spelled(grantables: &[Grantable]) -> Vec<String> {
    grantables.iter().map(|grantable| format!("{}:{}", grantable.kind(), grantable.name())).collect()
}

/// A state of the configuration by its name.
fn known_state(op: &OpContext, name: Option<String>) -> Result<Option<String>, CommandError> {
    let Some(name) = name else { return Ok(None) };
    let own = engine::identities::states(op)?;
    if own.iter().any(|(known, _)| *known == name) {
        return Ok(Some(name));
    }
    let known = ["joiner", "active", "leaver"].into_iter().chain(own.iter().map(|(name, _)| name.as_str()));
    let known: Vec<&str> = known.collect();
    Err(CommandError::Usage(format!("There is no lifecycle state `{name}`. There are: {}.", known.join(", "))))
}

/// Since when, why, what is on hold, and what comes next.
fn life(life: &LifecycleView) -> Vec<(&'static str, String)> {
    let standing = &life.standing;
    let mut lines = Vec::new();
    let because =
        if standing.facts.is_empty() { String::new() } else { format!(", because {}", facts(&standing.facts)) };
    let seen = if standing.first_seen { " (first seen then)" } else { "" };
    lines.push(("lifecycle", format!("{}{seen}{because}", standing.since_when())));
    if !standing.conflicts.is_empty() {
        lines.push(("conflict", format!("{} match as well, with the same priority", standing.conflicts.join(", "))));
    }
    if let Some(hold) = &standing.legal_hold {
        lines.push(("legal hold", facts(&hold.facts)));
    }
    lines.extend(life.next.iter().map(|boundary| ("next", format!("{}: {}", boundary.on, turn(&boundary.what)))));
    lines
}

fn turn(turn: &Turn) -> String {
    match turn {
        Turn::State(label) => format!("{label} begins"),
        Turn::Accounts(action, kinds) => format!("{} {}", kinds.join(", "), action.done()),
    }
}

fn show(detail: &IdentityDetail) -> String {
    let identity = &detail.identity;
    let mut said = vec![
        ("identity", identity.id.to_string()),
        ("key", identity.key.clone()),
        ("name", identity.display_name.clone()),
        ("state", detail.lifecycle.name().to_owned()),
        ("manager", detail.manager.as_ref().map(|(_, name)| name.clone()).unwrap_or_default()),
    ];
    said.extend(detail.life.as_deref().map(life).unwrap_or_default());
    let mut text = fields(&said);
    let accounts: Vec<Vec<String>> = detail
        .accounts
        .iter()
        .map(|account| {
            vec![account.application.clone(), account.key.clone(), format!("{:?}", account.status).to_lowercase()]
        })
        .collect();
    if !accounts.is_empty() {
        text.push_str(&format!("\n\n{}", table(&["application", "account", "status"], &accounts)));
    }
    let permissions: Vec<Vec<String>> = detail
        .permissions
        .iter()
        .map(|permission| {
            vec![
                permission.display_name.clone(),
                permission.application.clone().unwrap_or_default(),
                permission.state.map(|state| state.name().to_owned()).unwrap_or_default(),
                permission.reasons.iter().map(|reason| reason.rule.clone()).collect::<Vec<_>>().join(", "),
            ]
        })
        .collect();
    if !permissions.is_empty() {
        text.push_str(&format!("\n\n{}", table(&["permission", "application", "state", "rule"], &permissions)));
    }
    let indirect = detail.indirect.iter().map(|row| vec![row.label.clone(), row.application.clone(), row.said()]);
    let indirect: Vec<Vec<String>> = indirect.collect();
    if !indirect.is_empty() {
        text.push_str(&format!("\n\n{}", table(&["held indirectly", "application", "way"], &indirect)));
    }
    text
}

/// Why something is held or not, in lines.
pub(super) fn explain(explanation: &Explanation) -> String {
    let thing = format!("{} `{}`", explanation.grantable.kind().replace('_', " "), explanation.grantable.name());
    let mut lines = Vec::new();
    let withheld = explanation.lifecycle.as_deref().is_some_and(|word| word.withheld);
    let indirect = explanation.indirect.iter().map(|row| format!("  {}", row.said()));
    if explanation.held {
        lines.push(format!("Held: {thing}."));
        lines.extend(explanation.reasons.iter().map(|granted| format!("  by {}", reason(granted))));
        lines.extend(indirect);
        lines.extend(explanation.certified.iter().map(|said| format!("  certified last on {said}")));
    } else {
        let verdict = if explanation.is_indirect() { "Held indirectly" } else { "Not held" };
        lines.push(format!("{verdict}: {thing}."));
        lines.extend(indirect);
        if let Some(denied) = &explanation.denied_by {
            lines.push(format!("  denied by {}", reason(denied)));
        }
        for dormant in &explanation.dormant {
            let kind = dormant.grantable.kind().replace('_', " ");
            lines.push(format!("  {kind} {} {}", dormant.grantable.name(), dormant.why.said()));
        }
        for near in &explanation.missing {
            lines.push(format!("  rule {} would grant it when {}", near.rule, near.when));
            lines.push(format!("    but {}", facts(&near.facts)));
        }
        let is_told = !explanation.missing.is_empty() || !explanation.dormant.is_empty();
        if !is_told && explanation.denied_by.is_none() && !withheld {
            lines.push("  no rule grants it".to_owned());
        }
    }
    if let Some(word) = explanation.lifecycle.as_deref() {
        lines.extend(state(word));
    }
    lines.join("\n")
}

/// What the lifecycle state has to do with it.
fn state(word: &StateWord) -> Vec<String> {
    let standing = &word.standing;
    let mut lines = Vec::new();
    if word.withheld {
        lines.push(format!("  withheld: {}", standing.since_when()));
    }
    if let Some(stage) = &word.stage {
        lines.push(format!("  {}", stage.said(standing)));
    }
    if let Some(hold) = &standing.legal_hold {
        lines.push(format!("  legal hold: {}", facts(&hold.facts)));
    }
    if !standing.conflicts.is_empty() {
        lines.push(format!("  in conflict with {}, which has the same priority", standing.conflicts.join(", ")));
    }
    lines
}

fn reason(reason: &Reason) -> String {
    let path: Vec<String> =
        reason.path.iter().map(|step| format!("{} {}", step.kind().replace('_', " "), step.name())).collect();
    let through = if path.is_empty() { String::new() } else { format!(", through {}", path.join(" → ")) };
    let because = if reason.facts.is_empty() { String::new() } else { format!(", because {}", facts(&reason.facts)) };
    format!("rule {}{because}{through}", reason.rule)
}

fn facts(facts: &[Fact]) -> String {
    let fact = |fact: &Fact| match &fact.value {
        Some(value) => format!("{} = {}", fact.attribute, plain(value)),
        None => format!("{} has no value", fact.attribute),
    };
    facts.iter().map(fact).collect::<Vec<_>>().join(", ")
}

fn plain(value: &Value) -> String {
    serde_json::to_value(value).map_or_else(
        |_| String::new(),
        |json| match json {
            serde_json::Value::String(text) => text,
            other => other.to_string(),
        },
    )
}
