//! The home page: what waits for the person who looks.

use model::error::ApiError;
use model::view::Home;

use crate::context::OpContext;
use crate::error::internal;

/// How far the way is gone from an empty database to the first rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Beginning {
    pub has_source: bool,
    pub has_application: bool,
    pub has_account_type: bool,
    /// People and accounts were read.
    pub is_read: bool,
    pub has_entitlements: bool,
    /// Somebody has marked what was there before, wherever there was something.
    pub is_marked: bool,
}

/// How far it is gone, for whoever builds the configuration; none once there is a rule.
pub async fn beginning(op: &OpContext) -> Result<Option<Beginning>, ApiError> {
    let configuration = op.engine.world().configuration();
    if !op.may(crate::drafts::DRAFT) || !configuration.rules.is_empty() {
        return Ok(None);
    }
    let sizes = op.engine.store().account_type_sizes().await.map_err(internal)?;
    let is_read = sizes.iter().any(|(_, accounts, _)| *accounts > 0);
    Ok(Some(Beginning {
        has_source: !configuration.sources.is_empty(),
        has_application: !configuration.applications.is_empty(),
        has_account_type: !configuration.account_types.is_empty(),
        is_read,
        has_entitlements: !configuration.entitlements.is_empty(),
        is_marked: is_read && crate::reconciliation::unmarked_applications(op).await?.is_empty(),
    }))
}

/// Everything on the home page; parts the caller may not see are left empty.
pub async fn home(op: &OpContext) -> Result<Home, ApiError> {
    op.require("/Home/View")?;
    let (totals, orders) =
        (op.engine.totals().await.map_err(internal)?, op.engine.order_counts().await.map_err(internal)?);
    let mut home = op.engine.store().home(&totals, &orders, op.now).await.map_err(internal)?;
    if op.may("/Applications/View") {
        home.applications = crate::applications::rows(op).await?;
        home.integrations = crate::integrations::rows(op).await?;
        home.integrations.retain(|row| row.pause.is_some() || row.trouble.is_some());
    }
    if !op.may("/WorkItems/View") {
        home.work_items.clear();
        home.open_work_items = 0;
    }
    if !op.may("/Orders/View") {
        home.failed.clear();
        home.orders.by_state.clear();
    }
    if !op.may(crate::reviews::REVIEW) {
        home.awaiting_review = 0;
    }
    if !op.may(crate::native_changes::DECIDE) {
        home.native_changes = 0;
    }
    home.violations = crate::violations::open(op).await?;
    home.approvals = crate::request_approvals::waiting(op).await?;
    home.certifications = crate::certifications::waiting(op).await?;
    if !op.may("/Jobs/View") {
        home.runs.clear();
    }
    home.forms = crate::forms::counts(op).await?;
    op.engine.label_runs(&mut home.runs);
    for row in &mut home.work_items {
        row.application_name = op.engine.application_label(&row.application);
    }
    for row in &mut home.failed {
        row.application = op.engine.application_label(&row.application);
    }
    Ok(home)
}
