//! The home page: what waits for the person who looks.

use model::error::ApiError;
use model::view::Home;

use crate::context::OpContext;
use crate::error::internal;

/// Everything on the home page; parts the caller may not see are left empty.
pub async fn home(op: &OpContext) -> Result<Home, ApiError> {
    op.require("/Home/View")?;
    let mut home = op.engine.store().home(op.engine.today(), op.now).await.map_err(internal)?;
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
