//! News of a run for a page that is open, as server-sent events. A reader that comes back says which log line it saw
//! last and misses none; one that reads too slowly is brought up to date from the database.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use engine::context::OpContext;
use engine::progress::line_view;
use futures::Stream;
use model::error::ApiError;
use model::ids::RunId;
use model::job::LogLevel;
use model::view::{LogFilter, RunUpdate};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::session::Caller;
use super::{Site, problem, security, sign_in};

/// Log lines in one event.
const LINES: u32 = 500;
/// A comment keeps proxies from closing a silent stream.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The routes.
pub fn router() -> Router<Site> {
    Router::new().route("/events/runs/{id}", get(run))
}

async fn run(
    State(site): State<Site>,
    caller: Option<Extension<Caller>>,
    Path(id): Path<i64>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let Some(Extension(Caller(op))) = caller else {
        return sign_in::refuse(&method, &uri, &headers);
    };
    if !security::is_own_page(&headers) {
        return security::cross_site(&super::observe::RequestId(op.request_id.clone()));
    }
    let seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()).and_then(|id| id.parse().ok()).unwrap_or(0);
    // Subscribed before the state is read: what happens in between is told twice rather than not at all.
    let start = async {
        let updates = engine::jobs::subscribe(&op)?;
        let first = catch_up(&op, RunId(id), seen).await?;
        Ok::<_, ApiError>((updates, first))
    };
    match start.await {
        Ok((updates, first)) => {
            let follower = Follower { op, run: RunId(id), updates, seen, first: Some(first), site };
            Sse::new(follower.events()).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response()
        }
        Err(error) => problem::json(&error),
    }
}

struct Follower {
    op: OpContext,
    run: RunId,
    updates: Receiver<RunUpdate>,
    /// The last log line told.
    seen: i64,
    first: Option<RunUpdate>,
    site: Site,
}

impl Follower {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        futures::stream::unfold(self, |mut follower| async move {
            let mut stopping = follower.site.stopping.clone();
            let update = tokio::select! {
                update = follower.next() => update?,
                // A stream has no end of its own, and stopping waits for all requests.
                _ = stopping.wait_for(|stopping| *stopping) => return None,
            };
            let event = follower.tell(update);
            Some((Ok(event), follower))
        })
    }

    /// The next update of this run; none when the engine stops or the caller may not look any more.
    async fn next(&mut self) -> Option<RunUpdate> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        loop {
            match self.updates.recv().await {
                Ok(update) if update.run.id == self.run => return Some(update),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return catch_up(&self.op, self.run, self.seen).await.ok(),
                Err(RecvError::Closed) => return None,
            }
        }
    }

    fn tell(&mut self, mut update: RunUpdate) -> Event {
        update.lines.retain(|line| line.sequence > self.seen);
        self.seen = update.lines.last().map_or(self.seen, |line| line.sequence);
        // A value of plain data always has a JSON form; an empty event would be ignored by the page.
        let data = serde_json::to_string(&update).unwrap_or_default();
        Event::default().id(self.seen.to_string()).data(data)
    }
}

/// The run as it is, with the log lines after the one seen.
async fn catch_up(op: &OpContext, id: RunId, seen: i64) -> Result<RunUpdate, ApiError> {
    let row = engine::jobs::run(op, id).await?;
    let zone = op.engine.world().time_zone();
    let filter = LogFilter { level: LogLevel::Information, task: None, after: seen, limit: LINES };
    let lines = engine::jobs::log(op, id, filter).await?.iter().map(|line| line_view(line, &zone)).collect();
    Ok(RunUpdate { run: row.run, lines })
}
