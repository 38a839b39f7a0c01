//! `identities list`, `identities show`, `why`.

use clap::{Args, Subcommand};
use engine::context::OpContext;
use model::access::{Explanation, Fact, Grantable, Reason, Why as Answer};
use model::error::{ApiError, ErrorCode};
use model::identity::LifecycleState;
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
        /// joiner, active or leaver
        #[arg(long, value_parser = lifecycle)]
        state: Option<LifecycleState>,
        /// At most so many
        #[arg(long, default_value_t = 50)]
        limit: u32,
    },
    /// One person: attributes, accounts, what they hold
    Show {
        /// Key in the identity source, or number
        identity: String,
    },
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
        Command::List { text, department, state, limit } => {
            let filter =
                IdentityFilter { text, department, lifecycle: state, limit: Some(limit), ..IdentityFilter::default() };
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
                    row.lifecycle.name().to_owned(),
                    row.accounts.to_string(),
                    row.entitlements.to_string(),
                    row.open_orders.to_string(),
                ]
            })?;
            if page.total > page.rows.len() as u64 {
                output.say(&format!("{} of {}; --limit shows more", page.rows.len(), page.total))?;
            }
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
            output.value(&explanation, explain)?;
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

fn lifecycle(text: &str) -> Result<LifecycleState, String> {
    [LifecycleState::Joiner, LifecycleState::Active, LifecycleState::Leaver]
        .into_iter()
        .find(|state| state.name() == text)
        .ok_or_else(|| "expected joiner, active or leaver".to_owned())
}

fn show(detail: &IdentityDetail) -> String {
    let identity = &detail.identity;
    let mut text = fields(&[
        ("identity", identity.id.to_string()),
        ("key", identity.key.clone()),
        ("name", identity.display_name.clone()),
        ("state", detail.lifecycle.name().to_owned()),
        ("manager", detail.manager.as_ref().map(|(_, name)| name.clone()).unwrap_or_default()),
    ]);
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
    text
}

fn explain(explanation: &Explanation) -> String {
    let thing = format!("{} `{}`", explanation.grantable.kind().replace('_', " "), explanation.grantable.name());
    let mut lines = Vec::new();
    if explanation.held {
        lines.push(format!("Held: {thing}."));
        lines.extend(explanation.reasons.iter().map(|granted| format!("  by {}", reason(granted))));
    } else {
        lines.push(format!("Not held: {thing}."));
        if let Some(denied) = &explanation.denied_by {
            lines.push(format!("  denied by {}", reason(denied)));
        }
        for near in &explanation.missing {
            lines.push(format!("  rule {} would grant it when {}", near.rule, near.when));
            lines.push(format!("    but {}", facts(&near.facts)));
        }
        if explanation.missing.is_empty() && explanation.denied_by.is_none() {
            lines.push("  no rule grants it".to_owned());
        }
    }
    lines.join("\n")
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
