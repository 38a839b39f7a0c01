//! The outermost layer: gives each request an id, one log line and a place in the metrics, and turns a panic into an
//! answer. Log lines carry the path, never the query: what people search for is nobody else's business.

use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use futures::FutureExt;
use tracing::Instrument;

use super::{Site, problem};

/// The request's id, in the log, on error pages and in the header `x-request-id`.
#[derive(Clone, Debug, Default)]
pub struct RequestId(pub String);

/// Makes ids that are unique over restarts: the process's start, then a number.
#[derive(Debug)]
pub struct RequestIds {
    prefix: String,
    next: AtomicU64,
}

impl RequestIds {
    pub fn new(started: jiff::Timestamp) -> Self {
        Self { prefix: format!("{:x}", started.as_millisecond()), next: AtomicU64::new(1) }
    }

    pub fn next(&self) -> RequestId {
        RequestId(format!("{}-{:x}", self.prefix, self.next.fetch_add(1, Ordering::Relaxed)))
    }
}

/// The layer.
pub async fn observe(State(site): State<Site>, mut request: Request, next: Next) -> Response {
    let id = site.request_ids.next();
    let started = Instant::now();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    // The pattern, not the path: `/identities/{id}` is one line in the metrics.
    let route = request.extensions().get::<MatchedPath>().map_or_else(|| "other".to_owned(), |m| m.as_str().to_owned());
    request.extensions_mut().insert(id.clone());

    let span = tracing::info_span!("request", id = %id.0);
    let outcome = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let mut response = outcome.unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("unknown");
        span.in_scope(|| tracing::error!(panic = what, "a handler panicked"));
        problem::internal(&id)
    });

    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert("x-request-id", value);
    }
    let status = response.status();
    let seconds = started.elapsed().as_secs_f64();
    metrics::histogram!(
        "http_request_duration_seconds",
        "method" => method.to_string(), "route" => route.clone(), "status" => status.as_u16().to_string()
    )
    .record(seconds);
    span.in_scope(|| {
        let milliseconds = (seconds * 1000.0).round();
        if status.is_server_error() && status != StatusCode::SERVICE_UNAVAILABLE {
            tracing::error!(%method, path, status = status.as_u16(), milliseconds, "answered");
        } else if matches!(route.as_str(), "/healthz" | "/livez" | "/readyz" | "/metrics" | "/api/agents/next")
            || path.starts_with("/pkg/")
        {
            tracing::debug!(%method, path, status = status.as_u16(), milliseconds, "answered");
        } else {
            tracing::info!(%method, path, status = status.as_u16(), milliseconds, "answered");
        }
    });
    response
}
