//! What identity providers tell when people sign in there. They have no session and no cookie: each call carries the token of one
//! of `sign_ins`, and is about the people of its issuer alone.

use std::time::{Duration, Instant};

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use engine::sign_ins::{self, SignedProvider};
use model::error::{ApiError, ErrorCode};
use model::sign_in::SignIn;

use super::address::ClientAddress;
use super::observe::RequestId;
use super::{Site, problem};

/// Largest sign-in that is read.
const LIMIT: usize = 64 * 1024;

/// The route.
pub fn router() -> Router<Site> {
    Router::new().route("/api/sign-ins", post(sign_in))
}

/// An identity provider with a token that is in force.
struct Provider(SignedProvider);

impl FromRequestParts<Site> for Provider {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, site: &Site) -> Result<Self, Response> {
        let address = parts.extensions.get::<ClientAddress>().map(|ClientAddress(address)| *address);
        let Some(address) = address else { return Err(problem::json(&ApiError::internal())) };
        let request = parts.extensions.get::<RequestId>().map(|RequestId(id)| id.clone()).unwrap_or_default();
        let token = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        match sign_ins::signed(&site.engine, token, &request).await {
            Ok(provider) => Ok(Self(provider)),
            Err(error) if error.code == ErrorCode::Unauthenticated => {
                tracing::warn!(%address, "an identity provider was refused: {}", error.message);
                // Only what is wrong counts, as with agents.
                Err(match site.agents_throttle.attempt(address, Instant::now()) {
                    Ok(()) => problem::json(&error),
                    Err(wait) => too_many(wait),
                })
            }
            Err(error) => Err(problem::json(&error)),
        }
    }
}

fn too_many(wait: Duration) -> Response {
    let seconds = wait.as_secs().max(1);
    let message = format!("Too many wrong tokens came from this address. Wait {seconds} seconds, then try again.");
    let mut response = problem::json(&ApiError::new(ErrorCode::TooManyRequests, message));
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

/// A sign-in, or a refusal that says what is wrong with it and quotes nothing of it.
struct Told(SignIn);

impl FromRequest<Site> for Told {
    type Rejection = Response;

    async fn from_request(request: Request, _: &Site) -> Result<Self, Response> {
        let Ok(body) = axum::body::to_bytes(request.into_body(), LIMIT).await else {
            let message = format!("This is larger than the {LIMIT} bytes that a sign-in may have. Send fewer claims.");
            let mut response = problem::json(&ApiError::invalid("body", message));
            *response.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            return Err(response);
        };
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let message = format!(
                "This is no sign-in: line {}, column {}. It has `issuer`, `subject`, and where wanted `event` and `claims`, \
                 whose values are texts, whole numbers, true or false, or lists of texts.",
                error.line(),
                error.column()
            );
            problem::json(&ApiError::invalid("body", message))
        })
    }
}

/// Answered to its end also where the other side does not wait for it: what was changed is on record then.
async fn sign_in(Provider(provider): Provider, Told(told): Told) -> Response {
    match tokio::spawn(async move { provider.sign_in(&told).await }).await {
        Ok(Ok(answer)) => Json(answer).into_response(),
        Ok(Err(error)) => problem::json(&error),
        Err(_) => problem::json(&ApiError::internal()),
    }
}
