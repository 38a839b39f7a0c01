//! The demo's certification campaign: as soon as a run has given people what they should have, a manager who signs in is
//! asked whether their people keep it. There is one; nobody begins it again.

use std::time::Duration;

use engine::{Engine, certifications, jobs};
use jiff::ToSpan;
use model::certification::{AtEnd, NewCampaign, Scope};
use model::configuration::Approver;
use model::error::ApiError;
use model::job::RunState;
use model::view::RunFilter;

/// The people of the manager who signs in.
const TEAM: &str = "identity.manager == 'E10310'";

/// How often it is looked whether there is something to certify.
const PAUSE: Duration = Duration::from_secs(2);

/// Begins the campaign.
pub(super) async fn begin(engine: Engine) {
    loop {
        match one(&engine).await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "the demo's campaign cannot begin yet"),
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// False while nobody has anything yet.
async fn one(engine: &Engine) -> Result<bool, ApiError> {
    let op = engine.operating_context("demo");
    if certifications::page(&op, None).await?.total > 0 {
        return Ok(true);
    }
    let filter = RunFilter { job: Some("complete".to_owned()), limit: 50, ..RunFilter::default() };
    let runs = jobs::runs(&op, filter).await?;
    let is_done = |state: RunState| matches!(state, RunState::Completed | RunState::Warning);
    if !runs.iter().any(|row| !row.run.mode.dry_run && is_done(row.run.state)) {
        return Ok(false);
    }
    let today = engine.today();
    let new = NewCampaign {
        name: "Warehouse shift, this quarter".to_owned(),
        description: "What people who go where the goods are can get at".to_owned(),
        scope: Scope { condition: Some(TEAM.to_owned()), kinds: vec!["role".to_owned()], ..Scope::default() },
        reviewers: vec![Approver::Manager],
        fallback: vec![Approver::User("admin".to_owned())],
        starts: today,
        ends: today.saturating_add(14.days()),
        remind_days: Some(3),
        at_end: AtEnd::Mark,
    };
    certifications::start(&op, new).await?;
    Ok(true)
}
