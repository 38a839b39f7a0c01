//! What agents ask and hand over. They have no session and no cookie: each request carries the agent's token, and what
//! it may do is to read what its own agent is asked for.

use std::time::{Duration, Instant};

use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{post, put};
use axum::{Json, Router};
use engine::agents::{self, SignedAgent};
use model::agent::{ExportOutcome, ExportPage, NextExport};
use model::error::{ApiError, ErrorCode};
use model::ids::AgentExportId;
use serde::de::DeserializeOwned;

use super::address::ClientAddress;
use super::{Site, problem};

/// How long a question waits for something to read; shorter than proxies wait for an answer.
const WAIT: Duration = Duration::from_secs(25);

/// The routes.
pub fn router() -> Router<Site> {
    Router::new()
        .route("/api/agents/next", post(next))
        .route("/api/agents/exports/{id}/{attempt}/pages/{number}", put(page))
        .route("/api/agents/exports/{id}/{attempt}/lease", post(lease))
        .route("/api/agents/exports/{id}/{attempt}/outcome", put(outcome))
}

/// An agent with a token that is in force.
struct Agent {
    agent: SignedAgent,
    site: Site,
}

impl FromRequestParts<Site> for Agent {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Response> {
        let address = parts.extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address);
        let Some(address) = address else { return Err(problem::json(&ApiError::internal())) };
        let token = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        match agents::sign_in(&site.engine, token, address.to_string()).await {
            Ok(agent) => Ok(Self { agent, site: site.clone() }),
            Err(error) if error.code == ErrorCode::Unauthenticated => {
                tracing::warn!(%address, "an agent was refused: {}", error.message);
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

pub(super) fn too_many(wait: Duration) -> Response {
    let seconds = wait.as_secs().max(1);
    let message = format!("Too many wrong tokens came from this address. Wait {seconds} seconds, then try again.");
    let mut response = problem::json(&ApiError::new(ErrorCode::TooManyRequests, message));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// What was sent; where it is no message of this protocol, or too large, a refusal that quotes nothing of it.
struct Message<T>(T);

impl<T: DeserializeOwned> FromRequest<Site> for Message<T> {
    type Rejection = Response;

    async fn from_request(request: Request, site: &Site) -> Result<Self, Response> {
        match Json::from_request(request, site).await {
            Ok(Json(message)) => Ok(Self(message)),
            Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                let message = "This is larger than the 1 MB that one page of an export may have. Send smaller pages.";
                let mut response = problem::json(&ApiError::invalid("body", message));
                *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
                Err(response)
            }
            Err(_) => Err(problem::json(&ApiError::invalid(
                "body",
                "What was sent is no message that the server understands. Install the same release at both ends.",
            ))),
        }
    }
}

async fn next(Agent { agent, site }: Agent, Message(ask): Message<NextExport>) -> Response {
    let mut stopping = site.stopping.clone();
    let wait = WAIT.min(Duration::from_secs(u64::from(ask.wait_seconds)));
    let leave = async {
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            // Whoever would have turned it true is gone: then too nobody waits.
            _ = stopping.wait_for(|stopping| *stopping) => {}
        }
    };
    match agent.next(ask, leave).await {
        Ok(Some(assignment)) => Json(assignment).into_response(),
        Ok(None) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => problem::json(&error),
    }
}

async fn page(
    Agent { agent, .. }: Agent,
    Path((id, attempt, number)): Path<(i64, u32, u32)>,
    Message(page): Message<ExportPage>,
) -> Response {
    answer(agent.page(AgentExportId(id), attempt, number, page).await)
}

async fn lease(Agent { agent, .. }: Agent, Path((id, attempt)): Path<(i64, u32)>) -> Response {
    answer(agent.goes_on(AgentExportId(id), attempt).await)
}

async fn outcome(
    Agent { agent, .. }: Agent,
    Path((id, attempt)): Path<(i64, u32)>,
    Message(outcome): Message<ExportOutcome>,
) -> Response {
    answer(agent.finish(AgentExportId(id), attempt, outcome).await)
}

fn answer(outcome: Result<(), ApiError>) -> Response {
    match outcome {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => problem::json(&error),
    }
}
