//! Going live: what applications hold at that moment and nothing grants is marked as there before, and stays until a person
//! decides about it. Some accounts after the other, each lot kept by itself: where it breaks off, what was marked stays marked, and
//! whoever does it again marks the rest.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use model::error::ApiError;
use model::ids::AccountId;
use model::reconciliation::{Finding, GoLive, Origin, ReconciliationFilter, View};
use model::view::{AuditLine, OrderFilter};
use store::StoreError;

use super::{GO_LIVE, VIEW, findings};
use crate::Engine;
pub use crate::beside::Standing;
use crate::beside::{Beside, Tell};
use crate::context::OpContext;
use crate::error::internal;

/// Accounts that are looked at together.
const AT_ONCE: u32 = 2_000;

/// Of applications by name: entitlements and accounts that nothing grants and nobody has marked.
type Unmarked = BTreeMap<String, (u64, u64)>;

/// What is worked out beside the requests that ask for it.
#[derive(Default)]
pub(crate) struct GoLives {
    counting: Beside<Unmarked>,
    marking: Beside<Vec<GoLive>>,
}

/// Every application, with what would be marked, as far as that is known.
#[derive(Clone, Debug)]
pub struct Inventory {
    pub applications: Vec<GoLive>,
    /// While what they hold is counted: accounts that were looked at. Counts are zero until then.
    pub counting: Option<u64>,
    /// What is marked now, and accounts that were looked at for it.
    pub marking: Option<(String, u64)>,
    /// What the last marking was about and came to, where whoever began it was not told.
    pub ended: Option<(String, Result<Vec<GoLive>, ApiError>)>,
}

/// What would be marked in this application, or in each, and when that was done before. Takes as long as there is to look at.
pub async fn preview_go_live(op: &OpContext, application: Option<&str>) -> Result<Vec<GoLive>, ApiError> {
    op.require(VIEW)?;
    let all = applications(op, application).await?;
    let unmarked = count(op, application, &|_| {}).await?;
    Ok(all.into_iter().map(|live| counted(live, &unmarked)).collect())
}

/// The same of all, of what is known within a few seconds.
pub async fn inventory(op: &OpContext) -> Result<Inventory, ApiError> {
    op.require(VIEW)?;
    let all = applications(op, None).await?;
    let known = &op.engine.go_lives().counting;
    let of = op.clone();
    let standing = known
        .ask(&op.engine, "what applications hold", move |tell| async move { count(&of, None, &tell).await })
        .await?;
    let (marking, ended) = (op.engine.go_lives().marking.under_way(), op.engine.go_lives().marking.ended());
    let (applications, counting) = match standing {
        Standing::Working { done } => (all, Some(done)),
        Standing::Done(unmarked) => (all.into_iter().map(|live| counted(live, &unmarked)).collect(), None),
    };
    Ok(Inventory { applications, counting, marking, ended })
}

/// Marks it. An application that went live before is refused unless what came since is meant (`again`). Takes as long as there is to
/// look at.
pub async fn go_live(op: &OpContext, application: Option<&str>, again: bool) -> Result<Vec<GoLive>, ApiError> {
    op.require(GO_LIVE)?;
    let due = due(op, application, again).await?;
    mark(op, due, &|_| {}).await
}

/// Marks it beside whoever asks, who is told what was marked where that takes a few seconds at most.
pub async fn begin_go_live(
    op: &OpContext,
    application: Option<&str>,
    again: bool,
) -> Result<Standing<Vec<GoLive>>, ApiError> {
    op.require(GO_LIVE)?;
    let due = due(op, application, again).await?;
    let about = match due.as_slice() {
        [one] => one.application_name.clone(),
        some => format!("{} applications", some.len()),
    };
    let of = op.clone();
    let work = move |tell: Tell| async move { mark(&of, due, &tell).await };
    op.engine.go_lives().marking.begin(&op.engine, &about, work).await.unwrap_or_else(|other| {
        Err(ApiError::conflict(format!(
            "What nothing grants is being marked already: {other}. Wait until that has ended, then ask again."
        )))
    })
}

/// Which are to be marked.
async fn due(op: &OpContext, application: Option<&str>, again: bool) -> Result<Vec<GoLive>, ApiError> {
    let mut due = Vec::new();
    for live in applications(op, application).await? {
        match &live.before {
            Some((at, by)) if !again => {
                if application.is_some() {
                    return Err(ApiError::conflict(format!(
                        "{} went live on {}, marked by {by}. What came since was not there before. To mark it all the same, \
                         ask for it again.",
                        live.application_name,
                        at.strftime("%F")
                    )));
                }
            }
            _ => due.push(live),
        }
    }
    match due.is_empty() {
        false => Ok(due),
        true => {
            Err(ApiError::conflict("Every application went live already. To mark what came since, ask for it again."))
        }
    }
}

/// Marks; whatever came of it, all is counted anew from then on.
async fn mark(op: &OpContext, due: Vec<GoLive>, tell: &(dyn Fn(u64) + Send + Sync)) -> Result<Vec<GoLive>, ApiError> {
    let marked = mark_all(op, due, tell).await;
    op.engine.go_lives().counting.forget();
    marked
}

async fn mark_all(
    op: &OpContext,
    due: Vec<GoLive>,
    tell: &(dyn Fn(u64) + Send + Sync),
) -> Result<Vec<GoLive>, ApiError> {
    let store = op.engine.store();
    let mut done = 0;
    let mut marked = Vec::new();
    for live in due {
        let mut live = GoLive { access: 0, accounts: 0, ..live };
        let mut next = some_accounts(&op.engine, Some(&live.application), AccountId(0)).await?;
        while let Some(last) = next.last().copied() {
            let (access, accounts) =
                (unmarked(op, View::Access, &next).await?, unmarked(op, View::Accounts, &next).await?);
            live.access += access.len() as u64;
            live.accounts += accounts.len() as u64;
            let (by, at) = (op.user.login.clone(), op.engine.now());
            let work = store.write(move |tx| {
                Box::pin(async move {
                    tx.mark_pre_existing(&access, &by, at).await?;
                    tx.mark_pre_existing(&accounts, &by, at).await
                })
            });
            work.await.map_err(internal)?;
            done += next.len() as u64;
            tell(done);
            next = some_accounts(&op.engine, Some(&live.application), last).await?;
        }
        keep(op, &live).await?;
        marked.push(live);
    }
    Ok(marked)
}

async fn keep(op: &OpContext, live: &GoLive) -> Result<(), ApiError> {
    let (live, by, at) = (live.clone(), op.user.login.clone(), op.now);
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            tx.keep_go_live(&live.application, (live.access, live.accounts), &by, at).await?;
            tx.append_audit(&AuditLine {
                at,
                actor: by,
                action: "go-live".into(),
                subject: format!("application {}", live.application),
                detail: format!(
                    "marked as there before: {} entitlements held and {} accounts",
                    live.access, live.accounts
                ),
            })
            .await?;
            Ok::<_, StoreError>(())
        })
    });
    work.await.map_err(internal)
}

/// Applications, with what people call them, that hold accounts, to which nothing was ever ordered, and of which nobody has said
/// what was there before: the first run that orders takes away what their accounts hold and nothing grants.
pub(crate) async fn unmarked_applications(op: &OpContext) -> Result<Vec<(String, String)>, ApiError> {
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

/// This application, or all, with when each went live.
async fn applications(op: &OpContext, application: Option<&str>) -> Result<Vec<GoLive>, ApiError> {
    let configuration = op.engine.world().configuration();
    if let Some(name) = application
        && !configuration.applications.contains_key(name)
    {
        return Err(ApiError::not_found(format!("application `{name}`")));
    }
    let live = op.engine.store().applications_live().await.map_err(internal)?;
    let mut before: HashMap<String, _> = live.into_iter().map(|(name, at, by)| (name, (at, by))).collect();
    let names = configuration.applications.keys().filter(|name| application.is_none_or(|wanted| wanted == *name));
    Ok(names
        .map(|name| GoLive {
            application: name.clone(),
            application_name: op.engine.application_label(name),
            before: before.remove(name),
            access: 0,
            accounts: 0,
        })
        .collect())
}

fn counted(live: GoLive, unmarked: &Unmarked) -> GoLive {
    let (access, accounts) = unmarked.get(&live.application).copied().unwrap_or_default();
    GoLive { access, accounts, ..live }
}

async fn count(
    op: &OpContext,
    application: Option<&str>,
    tell: &(dyn Fn(u64) + Send + Sync),
) -> Result<Unmarked, ApiError> {
    let (store, today) = (op.engine.store(), op.engine.today());
    let (mut counts, mut done) = (Unmarked::new(), 0);
    let mut next = some_accounts(&op.engine, application, AccountId(0)).await?;
    while let Some(last) = next.last().copied() {
        for (name, access, accounts) in store.count_unmarked(&next, today).await.map_err(internal)? {
            let count = counts.entry(name).or_default();
            *count = (count.0 + access, count.1 + accounts);
        }
        done += next.len() as u64;
        tell(done);
        next = some_accounts(&op.engine, application, last).await?;
    }
    Ok(counts)
}

async fn some_accounts(
    engine: &Engine,
    application: Option<&str>,
    after: AccountId,
) -> Result<Vec<AccountId>, ApiError> {
    engine.store().suspected_accounts(application, after, AT_ONCE, engine.today()).await.map_err(internal)
}

/// What these accounts have that was not marked yet.
async fn unmarked(op: &OpContext, view: View, accounts: &[AccountId]) -> Result<Vec<Finding>, ApiError> {
    let of = ReconciliationFilter { view, origin: Some(Origin::NonConforming), ..ReconciliationFilter::default() };
    findings(op, &of, Some(accounts)).await
}
