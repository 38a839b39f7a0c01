//! Applications: what they hold, and how they are.

use std::collections::{BTreeSet, HashMap};

use broker::threshold::{self, Change, Defaults};
use broker::untrusted;
use model::configuration::{AccountType, Application, Connection, OnRemoval, Thresholds};
use model::error::ApiError;
use model::feed::ChangeCounts;
use model::view::{
    AccountTypeView, ApplicationDetail, ApplicationRow, ApplicationSchema, ConnectionTest, LimitView, PauseCause,
};
use store::ApplicationFacts;

use crate::agents;
use crate::circuits;
use crate::connections;
use crate::context::OpContext;
use crate::dispatch;
use crate::error::internal;
use crate::integrations;

/// All applications.
pub async fn rows(op: &OpContext) -> Result<Vec<ApplicationRow>, ApiError> {
    op.require("/Applications/View")?;
    let facts = facts(op).await?;
    let configuration = op.engine.world().configuration();
    let pauses = pauses(op).await?;
    let row = |(name, application): (&String, &Application)| row(name, application, facts.get(name), &pauses);
    Ok(configuration.applications.iter().map(row).collect())
}

/// Names, and what people call them.
pub fn names(op: &OpContext) -> Result<Vec<(String, String)>, ApiError> {
    op.require("/Applications/View")?;
    let configuration = op.engine.world().configuration();
    let named = configuration.applications.iter();
    Ok(named.map(|(name, application)| (name.clone(), application.display_name.clone())).collect())
}

/// One application.
pub async fn detail(op: &OpContext, name: String) -> Result<ApplicationDetail, ApiError> {
    op.require("/Applications/View")?;
    let configuration = op.engine.world().configuration();
    let application = known(&configuration, &name)?;
    let facts = facts(op).await?;
    let store = op.engine.store();
    let mut entitlements = op.engine.entitlement_rows(&name).await.map_err(internal)?.to_vec();
    let catalogue = op.engine.world().live().catalogue.clone();
    for row in &mut entitlements {
        row.name = catalogue.entitlement_in(&name, &row.key).map(str::to_owned);
    }
    let now = op.now;
    let since = now.checked_sub(jiff::SignedDuration::from_hours(1)).unwrap_or(now);
    let used = store.threshold_use(since).await.map_err(internal)?;
    let sizes = op.engine.account_type_sizes().await.map_err(internal)?;
    let limits = |account_types: &[&String], thresholds: &Thresholds, defaults: &Defaults| {
        let stored = |pick: fn(&(String, u64, u64)) -> u64| {
            sizes.iter().filter(|size| account_types.contains(&&size.0)).map(pick).sum::<u64>()
        };
        let counts = ChangeCounts {
            stored: stored(|size| size.1),
            links_stored: stored(|size| size.2),
            ..ChangeCounts::default()
        };
        limits_in_force(&counts, thresholds, defaults, |what| {
            account_types.iter().filter_map(|name| used.get(&((*name).clone(), what.name().to_owned()))).sum()
        })
    };
    let own: Vec<(&String, &AccountType)> =
        configuration.account_types.iter().filter(|(_, kind)| kind.application == name).collect();
    let names: Vec<&String> = own.iter().map(|(name, _)| *name).collect();
    let live = op.engine.world().live();
    let label = |account_type: &str| live.catalogue.account_type_label(account_type).to_owned();
    let orders = store.order_counts_of_application(&name).await.map_err(internal)?;
    Ok(ApplicationDetail {
        row: row(&name, application, facts.get(&name), &pauses(op).await?),
        description: application.description.clone(),
        read_by: agents::link(&op.engine, application.read_by.as_deref()).await.map_err(internal)?,
        settings: settings(&application.connection),
        account_types: own
            .iter()
            .map(|(kind, described)| {
                account_type(kind, described, limits(&[*kind], &described.thresholds, &Defaults::STANDARD), &label)
            })
            .collect(),
        entitlements,
        routes: integrations::routes_of(&op.engine, &name),
        carries: integrations::carried(&op.engine, &name),
        orders,
        limits: limits(&names, &application.thresholds, &Defaults::NONE),
        last_synchronization: facts.get(&name).map(|facts| facts.counts.clone()).unwrap_or_default(),
    })
}

/// Tries the connection of an application or integration, step by step.
pub async fn test(op: &OpContext, name: String) -> Result<ConnectionTest, ApiError> {
    op.require("/Applications/Test")?;
    is_known(op, &name)?;
    tested(op, &name).await
}

async fn tested(op: &OpContext, name: &str) -> Result<ConnectionTest, ApiError> {
    let began = op.engine.now();
    let configuration = op.engine.world().configuration();
    let read_by = configuration.applications.get(name).and_then(|application| application.read_by.as_deref());
    let steps = match read_by {
        Some(agent) => untrusted::lines(agents::tested(&op.engine, name, agent).await.map_err(internal)?),
        None => connections::test(&op.engine, name).await,
    };
    let took = op.engine.now().duration_since(began).as_millis();
    Ok(ConnectionTest {
        succeeded: steps.iter().all(|(succeeded, _)| *succeeded),
        steps,
        milliseconds: u64::try_from(took).unwrap_or(0),
    })
}

/// Tries now whether an application or integration that is held back answers again; if it does, what waited for it goes out.
pub async fn probe(op: &OpContext, name: String) -> Result<ConnectionTest, ApiError> {
    op.require("/Applications/Probe")?;
    is_known(op, &name)?;
    if !circuits::begin_probe(&op.engine, &name, true).await.map_err(internal)? {
        return Err(ApiError::conflict(
            "It is not held back, or is being tried at this moment. Look at it again in a little while.",
        ));
    }
    let test = tested(op, &name).await?;
    let failure = test.steps.iter().find(|(succeeded, _)| !succeeded).map(|(_, why)| why.clone());
    dispatch::note_test(&op.engine, &name, failure.as_deref()).await.map_err(internal)?;
    op.engine.wake().notify_waiters();
    Ok(test)
}

/// Sends again to an application or integration that is held back, on a person's word.
pub async fn release(op: &OpContext, name: String) -> Result<(), ApiError> {
    op.require("/Applications/Release")?;
    is_known(op, &name)?;
    if !circuits::release(&op.engine, &name, &op.user.login).await.map_err(internal)? {
        return Err(ApiError::conflict("It is not held back; nothing was changed."));
    }
    op.engine.wake().notify_waiters();
    Ok(())
}

/// Asks the application which attributes its accounts have.
pub async fn schema(op: &OpContext, name: String) -> Result<ApplicationSchema, ApiError> {
    op.require("/Applications/View")?;
    let configuration = op.engine.world().configuration();
    if let Some(agent) = &known(&configuration, &name)?.read_by {
        let agent = configuration.agents.get(agent).map_or(agent, |agent| &agent.display_name);
        return Err(ApiError::conflict(format!(
            "The agent \u{201c}{agent}\u{201d} reads it, and agents are not asked for schemas. Look in the application itself which \
             attributes its accounts have."
        )));
    }
    let failed = |error: model::command::CommandError| {
        let error = untrusted::error(error);
        ApiError::conflict(format!(
            "The application does not tell its schema: {}. {}",
            error.message.trim_end_matches('.'),
            error.class.remedy()
        ))
    };
    let connector = op.engine.connector(&name).await.map_err(failed)?;
    connector.schema().await.map_err(failed)
}

fn known<'a>(configuration: &'a model::configuration::Configuration, name: &str) -> Result<&'a Application, ApiError> {
    configuration.applications.get(name).ok_or_else(|| ApiError::not_found(format!("application `{name}`")))
}

fn is_known(op: &OpContext, name: &str) -> Result<(), ApiError> {
    let configuration = op.engine.world().configuration();
    let missing = || ApiError::not_found(format!("application or integration `{name}`"));
    configuration.carrier(name).map(drop).ok_or_else(missing)
}

async fn facts(op: &OpContext) -> Result<HashMap<String, ApplicationFacts>, ApiError> {
    let facts = op.engine.application_facts().await.map_err(internal)?;
    Ok(facts.iter().map(|facts| (facts.name.clone(), facts.clone())).collect())
}

pub(crate) async fn pauses(op: &OpContext) -> Result<HashMap<String, PauseCause>, ApiError> {
    let pauses = circuits::pauses(&op.engine).await.map_err(internal)?;
    Ok(pauses.into_iter().map(|(name, pause)| (name, pause.cause())).collect())
}

fn row(
    name: &str,
    application: &Application,
    facts: Option<&ApplicationFacts>,
    pauses: &HashMap<String, PauseCause>,
) -> ApplicationRow {
    ApplicationRow {
        name: name.to_owned(),
        display_name: application.display_name.clone(),
        demo: application.demo,
        connection: application.connection.kind().to_owned(),
        mechanism: application.connection.mechanism(),
        accounts: facts.map_or(0, |facts| facts.accounts),
        without_owner: facts.map_or(0, |facts| facts.without_owner),
        proposed: facts.map_or(0, |facts| facts.proposed),
        unclassified: facts.map_or(0, |facts| facts.unclassified),
        open_orders: facts.map_or(0, |facts| facts.open_orders),
        failed_orders: facts.map_or(0, |facts| facts.failed_orders),
        last_synchronized_at: facts.and_then(|facts| facts.last_synchronized_at),
        trouble: facts.and_then(|facts| facts.trouble.clone()),
        pause: pauses.get(name).cloned(),
    }
}

/// What a person may see of a connection; secrets are left out, not masked.
pub(crate) fn settings(connection: &Connection) -> Vec<(String, String)> {
    let shown: Vec<(&str, Option<String>)> = match connection {
        Connection::Scim(scim) => vec![
            ("Address", Some(scim.url.clone())),
            ("Sign-in", Some(if scim.token.is_some() { "bearer token" } else { "none" }.into())),
            ("Rows a page", scim.page_size.map(|size| size.to_string())),
        ],
        Connection::Ldap(ldap) => vec![
            ("Address", Some(ldap.url.clone())),
            ("Signs in as", Some(ldap.bind_dn.clone())),
            ("Accounts below", Some(ldap.account_base.clone())),
            ("Account classes", Some(ldap.account_classes.join(", "))),
            ("Named by", Some(ldap.account_rdn.clone())),
            ("Groups below", ldap.group_base.clone()),
            ("StartTLS", Some(if ldap.start_tls { "yes" } else { "no" }.into())),
        ],
        Connection::Sql(sql) => vec![
            ("Address", Some(without_password(&sql.url))),
            ("Accounts in", Some(sql.accounts.table.clone())),
            ("Key", Some(sql.accounts.key.clone())),
            ("Grants in", sql.grants.as_ref().map(|grants| grants.table.clone())),
        ],
        Connection::Csv(csv) => vec![
            ("Batch files go to", Some(csv.outbox.clone())),
            ("Result files come from", Some(csv.inbox.clone())),
            ("Extract", csv.extract.as_ref().map(|extract| extract.file.clone())),
            ("A batch expires after", csv.expires_hours.map(|hours| format!("{hours} hours"))),
        ],
        Connection::RequestTracker(tickets) => vec![
            ("Address", Some(tickets.url.clone())),
            ("Signs in", Some(tickets.user.clone().unwrap_or_else(|| "with a token".into()))),
            ("Tickets go to the queue", Some(tickets.queue.clone())),
            ("Looked at every", connection.poll_minutes().map(|minutes| format!("{minutes} minutes"))),
            ("A ticket expires after", connection.expires_hours().map(|hours| format!("{} days", hours / 24))),
            ("Extract", tickets.extract.as_ref().map(|extract| extract.file.clone())),
        ],
        Connection::Manual(manual) => vec![
            ("Fulfilled by", manual.fulfiller.clone()),
            ("Due within", manual.due_days.map(|days| format!("{days} days"))),
            ("Extract", manual.extract.as_ref().map(|extract| extract.file.clone())),
        ],
    };
    shown.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

/// `postgres://user:secret@host/db` → `postgres://user@host/db`.
fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let Some((authority, host)) = rest.rsplit_once('@') else { return url.to_owned() };
    let user = authority.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}@{host}")
}

/// Every kind of change, the limit on it, and how much of that was used within the hour.
fn limits_in_force(
    counts: &ChangeCounts,
    thresholds: &Thresholds,
    defaults: &Defaults,
    used: impl Fn(Change) -> u64,
) -> Vec<LimitView> {
    let view = |what: Change| {
        let limit = threshold::in_force(what, counts, thresholds, defaults);
        let is_configured = what.limit(thresholds).is_some();
        (limit.is_some() || is_configured).then(|| LimitView {
            what: what.name().to_owned(),
            limit: limit.unwrap_or_else(|| "off".to_owned()),
            is_configured,
            used: used(what),
        })
    };
    Change::ALL.into_iter().filter_map(view).collect()
}

/// `label` tells what a person calls another account type.
fn account_type(
    name: &str,
    kind: &AccountType,
    limits: Vec<LimitView>,
    label: &dyn Fn(&str) -> String,
) -> AccountTypeView {
    let attributes = kind.attributes.iter().map(|(attribute, made)| {
        let source = match (&made.value, &made.expression, &made.unique, &made.reference) {
            (Some(_), ..) if made.secret => "constant, not shown".to_owned(),
            (Some(value), ..) => format!("always {value}"),
            (_, Some(expression), ..) => expression.clone(),
            (_, _, Some(unique), _) => format!("first that is free of {unique}"),
            (.., Some(reference)) => {
                format!("{} of the person's {}", reference.taken(), label(&reference.account_type))
            }
            _ => String::new(),
        };
        let remarks = [(made.required, "required"), (made.create_only, "at creation only"), (made.secret, "secret")];
        let remarks: Vec<&str> = remarks.into_iter().filter(|(holds, _)| *holds).map(|(_, remark)| remark).collect();
        (attribute.clone(), source, remarks.join(", "))
    });
    AccountTypeView {
        name: name.to_owned(),
        display_name: kind.display_name.clone(),
        on_removal: match kind.on_removal {
            OnRemoval::Disable => "disabled".into(),
            OnRemoval::Delete => "deleted, if Quartermaster created it".into(),
            OnRemoval::Keep => "kept".into(),
        },
        review: kind.review,
        depends_on: kind.depends_on.iter().map(|needed| label(needed)).collect(),
        takes_from: kind.refers_to().collect::<BTreeSet<_>>().into_iter().map(label).collect(),
        attributes: attributes.collect(),
        classification: kind
            .classification
            .iter()
            .map(|rule| format!("{}, confidence {}", rule.when.trim(), rule.confidence))
            .collect(),
        correlation: kind
            .correlation
            .iter()
            .map(|rule| format!("{} = {}, confidence {}", rule.identity, rule.account, rule.confidence))
            .collect(),
        limits,
    }
}

#[cfg(test)]
mod tests {
    use super::without_password;

    #[test]
    fn a_shown_address_has_no_password() {
        let cases = [
            ("postgres://ann:s3cret@db.example:5432/hr", "postgres://ann@db.example:5432/hr"),
            ("mysql://ann:p@ss@db.example/hr", "mysql://ann@db.example/hr"),
            ("postgres://db.example/hr", "postgres://db.example/hr"),
            ("sqlite:payroll.db", "sqlite:payroll.db"),
        ];
        for (given, expected) in cases {
            assert_eq!(without_password(given), expected);
        }
    }
}
