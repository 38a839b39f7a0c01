//! What receivers of events ask for. They have no session and no cookie: each request carries a token, which says whose
//! subscription it is, and so what may be read.

use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, Query};
use axum::http::header::{self, HeaderValue};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, extract};
use engine::events::pull::{self, Asked, SignedReceiver};
use jiff::Timestamp;
use model::error::{ApiError, ErrorCode};
use model::event::Stream;
use model::ids::AssignmentId;
use serde::Deserialize;

use super::address::ClientAddress;
use super::agents::too_many;
use super::{Site, problem};

/// The routes.
pub fn router() -> Router<Site> {
    Router::new().route("/api/events", get(page)).route("/api/events/snapshot", get(snapshot))
}

/// A receiver with a token that is in force.
struct Receiver(SignedReceiver);

impl FromRequestParts<Site> for Receiver {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Response> {
        let address = parts.extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address);
        let Some(address) = address else { return Err(problem::json(&ApiError::internal())) };
        let token = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        match pull::sign_in(&site.engine, token).await {
            Ok(receiver) => Ok(Self(receiver)),
            Err(error) if error.code == ErrorCode::Unauthenticated => {
                tracing::warn!(%address, "a receiver of events was refused: {}", error.message);
                // Only what is wrong counts: who guesses shuts nobody out who has the same address.
                Err(match site.agents_throttle.attempt(address, Instant::now()) {
                    Ok(()) => problem::json(&error),
                    Err(wait) => too_many(wait),
                })
            }
            Err(error) => Err(problem::json(&error)),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parameters {
    stream: Option<Stream>,
    after: Option<i64>,
    since: Option<Timestamp>,
    limit: Option<u32>,
}

async fn page(
    Receiver(receiver): Receiver,
    parameters: Result<Query<Parameters>, extract::rejection::QueryRejection>,
) -> Response {
    let Ok(Query(Parameters { stream, after, since, limit })) = parameters else {
        let message = "There are `stream` (events or audit), `after` (a number), `since` (a time such as \
                       2026-03-02T08:00:00Z) and `limit` (a number). Correct the address.";
        return problem::json(&ApiError::invalid("query", message));
    };
    match receiver.page(Asked { stream, after, since, limit }).await {
        Ok(page) => Json(page).into_response(),
        Err(error) => problem::json(&error),
    }
}

/// Lines of JSON: first from where to go on, then what everybody holds.
async fn snapshot(Receiver(receiver): Receiver) -> Response {
    let head = match receiver.snapshot().await {
        Ok(head) => line(&head),
        Err(error) => return problem::json(&error),
    };
    let pieces = futures::stream::try_unfold((receiver, Some(AssignmentId(0))), |(receiver, after)| async move {
        let Some(after) = after else { return Ok(None) };
        // An answer that breaks off is no snapshot: its reader sees that it has no end.
        let lines = receiver.snapshot_lines(after).await.map_err(|error| std::io::Error::other(error.message))?;
        let Some(last) = lines.last().map(|line| line.id) else { return Ok(None) };
        let text: String = lines.iter().map(line).collect();
        Ok::<_, std::io::Error>(Some((text, (receiver, Some(last)))))
    });
    let all = futures::StreamExt::chain(futures::stream::iter([Ok(head)]), pieces);
    let media_type = HeaderValue::from_static("application/x-ndjson");
    ([(header::CONTENT_TYPE, media_type)], Body::from_stream(all)).into_response()
}

fn line(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string(value).unwrap_or_default();
    text.push('\n');
    text
}
