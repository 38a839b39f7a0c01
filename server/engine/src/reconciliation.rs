//! Reconciliation: what applications hold and nothing grants, and what people decide about it. What there is comes from the
//! readings and the role model; what would happen by itself is what a plan made now would do. What
//! is kept enters by `requests`, what is removed by a plan: nothing here changes an application.

pub(crate) mod compare;
mod decide;
mod go_live;
mod proposals;
mod redundant;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use broker::reconciliation::outlook;
use model::error::ApiError;
use model::ids::{AccountId, IdentityId};
use model::page::{Counted, Page};
use model::plan::Plan;
use model::reconciliation::{DecisionRow, Finding, Lines, ReconciliationFilter, Redundancy, Subject, View};

pub use self::compare::left_out;
pub use self::decide::{MOST_AT_ONCE, Matching, Outcomes, decide, decide_all, matching, undo};
pub(crate) use self::go_live::{GoLives, unmarked_applications};
pub use self::go_live::{Inventory, Standing, begin_go_live, go_live, inventory, preview_go_live};

use crate::context::OpContext;
use crate::error::internal;
use crate::tasks::generate;

/// Sees what nothing grants.
pub const VIEW: &str = "/Reconciliation/View";
/// Keeps, removes and postpones.
pub const DECIDE: &str = "/Reconciliation/Decide";
/// Marks what was there before.
pub const GO_LIVE: &str = "/Reconciliation/GoLive";

/// A piece of a view.
pub async fn page(op: &OpContext, filter: &ReconciliationFilter) -> Result<Lines, ApiError> {
    op.require(VIEW)?;
    let today = op.engine.today();
    Ok(match filter.view {
        View::Access | View::Accounts | View::Orphans => {
            let mut page = piece(op, filter, None).await?;
            name(op, &mut page.rows).await?;
            foresee(op, &mut page.rows).await?;
            Lines::Findings(page)
        }
        View::Redundant => Lines::Redundant(cut(redundant::all(op, filter).await?, filter)),
        View::Roles => Lines::Roles(proposals::page(op, filter).await?),
        View::Decided => {
            let mut page = op.engine.store().reconciliation_decisions(filter, today).await.map_err(internal)?;
            label(op, &mut page.rows);
            Lines::Decided(page)
        }
    })
}

/// How many lines each view has, by the same filter, beside the one that is looked at; of proposed roles only there, which takes
/// longer.
pub async fn counts(
    op: &OpContext,
    filter: &ReconciliationFilter,
    lines: &Lines,
) -> Result<BTreeMap<View, Counted>, ApiError> {
    op.require(VIEW)?;
    let (store, today) = (op.engine.store(), op.engine.today());
    let mut counts = BTreeMap::new();
    // Of proposed roles only what is on the page is known, unless all are.
    if filter.view != View::Roles || !lines.counted().more {
        counts.insert(filter.view, lines.counted());
    }
    for view in View::ALL.into_iter().filter(|view| *view != filter.view) {
        let of = ReconciliationFilter { view, after: None, limit: Some(1), ..filter.clone() };
        let count = match view {
            View::Access | View::Accounts | View::Orphans => {
                store.reconciliation_count(&of, None, today).await.map_err(internal)?
            }
            View::Redundant => (redundant::all(op, &of).await?.len() as u64).into(),
            View::Roles => continue,
            View::Decided => store.reconciliation_decisions(&of, today).await.map_err(internal)?.counted(),
        };
        counts.insert(view, count);
    }
    Ok(counts)
}

/// Applications, and account types with their application, by name and what people call them, for the filter.
pub struct Choices {
    pub applications: Vec<(String, String)>,
    pub account_types: Vec<(String, String)>,
}

pub fn choices(op: &OpContext) -> Result<Choices, ApiError> {
    op.require(VIEW)?;
    let configuration = op.engine.world().configuration();
    let applications = configuration.applications.iter();
    let account_types = configuration.account_types.iter();
    Ok(Choices {
        applications: applications.map(|(name, known)| (name.clone(), known.display_name.clone())).collect(),
        account_types: account_types.map(|(name, known)| (name.clone(), known.display_name.clone())).collect(),
    })
}

/// What of somebody's access and accounts nothing grants, and what was decided about it. Nothing for whoever may not see it.
pub async fn of_identity(op: &OpContext, id: IdentityId) -> Result<(Vec<Finding>, Vec<DecisionRow>), ApiError> {
    if !op.may(VIEW) {
        return Ok((Vec::new(), Vec::new()));
    }
    let mut findings = Vec::new();
    for view in [View::Access, View::Accounts] {
        let filter = ReconciliationFilter { view, identity: Some(id), ..ReconciliationFilter::default() };
        findings.extend(piece(op, &filter, None).await?.rows);
    }
    name(op, &mut findings).await?;
    foresee(op, &mut findings).await?;
    let decided = ReconciliationFilter { identity: Some(id), ..ReconciliationFilter::default() };
    let page = op.engine.store().reconciliation_decisions(&decided, op.engine.today()).await.map_err(internal)?;
    let mut rows: Vec<DecisionRow> = page.rows.into_iter().filter(|row| row.stands).collect();
    label(op, &mut rows);
    Ok((findings, rows))
}

/// What was decided about accounts and what they hold, and still stands.
pub async fn of_accounts(op: &OpContext, accounts: &[AccountId]) -> Result<Vec<DecisionRow>, ApiError> {
    if !op.may(VIEW) {
        return Ok(Vec::new());
    }
    let today = op.engine.today();
    let rows = op.engine.store().reconciliation_decisions_of(accounts, today).await.map_err(internal)?;
    Ok(rows.into_iter().filter(|row| row.stands).collect())
}

/// A piece of what nothing grants, as the store tells it.
async fn piece(
    op: &OpContext,
    filter: &ReconciliationFilter,
    accounts: Option<&[AccountId]>,
) -> Result<Page<Finding>, ApiError> {
    let (store, today) = (op.engine.store(), op.engine.today());
    store.reconciliation_page(filter, accounts, today).await.map_err(internal)
}

/// All of it, or what these accounts hold.
pub(crate) async fn findings(
    op: &OpContext,
    filter: &ReconciliationFilter,
    accounts: Option<&[AccountId]>,
) -> Result<Vec<Finding>, ApiError> {
    op.engine.store().reconciliation_findings(filter, accounts, op.engine.today()).await.map_err(internal)
}

/// Gives things the names by which people know them.
async fn name(op: &OpContext, rows: &mut [Finding]) -> Result<(), ApiError> {
    let ids: Vec<AccountId> = rows.iter().map(|row| row.account).collect();
    let called = crate::accounts::called(op, &ids).await?;
    let live = op.engine.world().live();
    for row in rows {
        row.application_name = op.engine.application_label(&row.application);
        row.account_type_label = live.catalogue.account_type_label(&row.account_type).to_owned();
        row.called = called.get(&row.account).cloned();
        row.label = match &row.grantable {
            Some(grantable) => op.engine.label(grantable),
            None => row.account_type_label.clone(),
        };
    }
    Ok(())
}

/// Says what would happen to each by itself.
async fn foresee(op: &OpContext, rows: &mut [Finding]) -> Result<(), ApiError> {
    let people: BTreeSet<IdentityId> = rows.iter().filter_map(|row| row.subject.identity()).collect();
    let people: Vec<IdentityId> = people.into_iter().collect();
    let plans = match people.is_empty() {
        true => Vec::new(),
        false => {
            op.engine.follow().await.map_err(|_| ApiError::internal())?;
            generate::plans_of(&op.engine, &people, op.engine.today()).await.map_err(internal)?
        }
    };
    let plans: HashMap<IdentityId, Plan> = plans.into_iter().map(|plan| (plan.identity, plan)).collect();
    for row in rows {
        let plan = row.subject.identity().and_then(|id| plans.get(&id));
        row.outlook = Some(outlook(row, plan));
    }
    Ok(())
}

fn label(op: &OpContext, rows: &mut [DecisionRow]) {
    for row in rows {
        row.application_name = match row.decision.application.is_empty() {
            true => String::new(),
            false => op.engine.application_label(&row.decision.application),
        };
    }
}

/// A piece of what is put together as a whole: it goes on by what a line is about.
fn cut(mut all: Vec<Redundancy>, filter: &ReconciliationFilter) -> Page<Redundancy> {
    let total = all.len() as u64;
    if let Some(after) = filter.after.as_deref().and_then(|after| after.parse::<Subject>().ok()) {
        let place = all.iter().position(|row| row.subject == after).map_or(0, |place| place + 1);
        all.drain(..place);
    }
    let size = filter.limit.unwrap_or(model::page::PAGE_SIZE) as usize;
    let next = (all.len() > size).then(|| all.get(size.saturating_sub(1)).map(|row| row.subject.to_string()));
    all.truncate(size);
    Page { rows: all, next: next.flatten(), total, more: false }
}
