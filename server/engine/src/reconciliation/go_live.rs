//! Going live: what applications hold at that moment and nothing grants is marked as there before, and stays until a person
//! decides about it.

use std::collections::{BTreeSet, HashMap};

use model::error::ApiError;
use model::reconciliation::{Finding, GoLive, ReconciliationFilter, View};
use model::view::{AuditLine, OrderFilter};
use store::StoreError;

use super::{GO_LIVE, VIEW, findings};
use crate::context::OpContext;
use crate::error::internal;

/// What would be marked in this application, or in each, and when that was done before.
pub async fn preview_go_live(op: &OpContext, application: Option<&str>) -> Result<Vec<GoLive>, ApiError> {
    op.require(VIEW)?;
    Ok(inventory(op, application).await?.into_iter().map(|(go_live, _)| go_live).collect())
}

/// Marks it. An application that went live before is refused unless what came since is meant (`again`).
pub async fn go_live(op: &OpContext, application: Option<&str>, again: bool) -> Result<Vec<GoLive>, ApiError> {
    op.require(GO_LIVE)?;
    let inventory = inventory(op, application).await?;
    let mut due = Vec::new();
    for (go_live, found) in inventory {
        match &go_live.before {
            Some((at, by)) if !again => {
                if application.is_some() {
                    return Err(ApiError::conflict(format!(
                        "{} went live on {}, marked by {by}. What came since was not there before. To mark it all the same, \
                         ask for it again.",
                        go_live.application_name,
                        at.strftime("%F")
                    )));
                }
            }
            _ => due.push((go_live, found)),
        }
    }
    if due.is_empty() {
        return Err(ApiError::conflict(
            "Every application went live already. To mark what came since, ask for it again.",
        ));
    }
    let (by, at) = (op.user.login.clone(), op.now);
    let written = due.clone();
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            for (go_live, found) in &written {
                tx.mark_pre_existing(found, &by, at).await?;
                tx.keep_go_live(&go_live.application, (go_live.access, go_live.accounts), &by, at).await?;
                tx.append_audit(&AuditLine {
                    at,
                    actor: by.clone(),
                    action: "go-live".into(),
                    subject: format!("application {}", go_live.application),
                    detail: format!(
                        "marked as there before: {} entitlements held and {} accounts",
                        go_live.access, go_live.accounts
                    ),
                })
                .await?;
            }
            Ok::<_, StoreError>(())
        })
    });
    work.await.map_err(internal)?;
    Ok(due.into_iter().map(|(go_live, _)| go_live).collect())
}

/// Applications, with what people call them, that hold accounts, to which nothing was ever ordered, and of which nobody has said
/// what was there before: the first run that orders takes away what their accounts hold and nothing grants.
pub(crate) async fn unmarked(op: &OpContext) -> Result<Vec<(String, String)>, ApiError> {
    let store = op.engine.store();
    let configuration = op.engine.world().configuration();
    let marked = store.applications_live().await.map_err(internal)?;
    let sizes = store.account_type_sizes().await.map_err(internal)?;
    let holding = sizes.iter().filter(|(_, accounts, _)| *accounts > 0);
    let holding: BTreeSet<&String> = holding
        .filter_map(|(account_type, ..)| Some(&configuration.account_types.get(account_type)?.application))
        .filter(|application| !marked.iter().any(|(name, ..)| name == *application))
        .collect();
    let mut unmarked = Vec::new();
    for name in holding {
        let filter = OrderFilter { application: Some(name.clone()), limit: Some(1), ..OrderFilter::default() };
        if store.order_page(&filter).await.map_err(internal)?.rows.is_empty() {
            unmarked.push((name.clone(), op.engine.application_label(name)));
        }
    }
    Ok(unmarked)
}

async fn inventory(op: &OpContext, application: Option<&str>) -> Result<Vec<(GoLive, Vec<Finding>)>, ApiError> {
    let configuration = op.engine.world().configuration();
    if let Some(name) = application
        && !configuration.applications.contains_key(name)
    {
        return Err(ApiError::not_found(format!("application `{name}`")));
    }
    let live = op.engine.store().applications_live().await.map_err(internal)?;
    let mut before: HashMap<String, _> = live.into_iter().map(|(name, at, by)| (name, (at, by))).collect();
    let mut access_of = unmarked_findings(op, View::Access, application).await?;
    let mut accounts_of = unmarked_findings(op, View::Accounts, application).await?;
    let mut all = Vec::new();
    for name in configuration.applications.keys().filter(|name| application.is_none_or(|wanted| wanted == *name)) {
        let mut found = access_of.remove(name).unwrap_or_default();
        let own_accounts = accounts_of.remove(name).unwrap_or_default();
        let (access, accounts) = (found.len() as u64, own_accounts.len() as u64);
        found.extend(own_accounts);
        let go_live = GoLive {
            application: name.clone(),
            application_name: op.engine.application_label(name),
            before: before.remove(name),
            access,
            accounts,
        };
        all.push((go_live, found));
    }
    Ok(all)
}

/// What was not marked yet, by application; read for all of them at once, since most hold nothing of the kind.
async fn unmarked_findings(
    op: &OpContext,
    view: View,
    application: Option<&str>,
) -> Result<HashMap<String, Vec<Finding>>, ApiError> {
    let of =
        ReconciliationFilter { view, application: application.map(str::to_owned), ..ReconciliationFilter::default() };
    let mut by_application: HashMap<String, Vec<Finding>> = HashMap::new();
    for finding in findings(op, &of, None).await?.into_iter().filter(|finding| !finding.pre_existing) {
        by_application.entry(finding.application.clone()).or_default().push(finding);
    }
    Ok(by_application)
}
