//! For the machines that watch: alive, ready, and numbers.

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use engine::error::StoreError;

use super::Site;
use super::address::is_local;
use super::listener::Peer;

/// The routes.
pub fn router() -> Router<Site> {
    Router::new()
        .route("/livez", get(alive))
        .route("/healthz", get(alive))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
}

/// The process answers.
async fn alive() -> &'static str {
    "ok\n"
}

/// The database can be read and written, and every migration is applied. Where not, the reason stands there, without names
/// and addresses: whoever watches has not signed in.
async fn ready(State(site): State<Site>) -> Response {
    match site.engine.is_ready().await {
        Ok(()) => "ready\n".into_response(),
        Err(error) => {
            tracing::warn!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}\n", reason(&error))).into_response()
        }
    }
}

fn reason(error: &StoreError) -> String {
    let advice = "`quartermaster doctor` and the log say more";
    if error.lacks_room() {
        return format!(
            "nothing can be written to the disk of the database. Make room there, or raise the limit on the size of files; \
             what is under way goes on by itself then. {advice}"
        );
    }
    match error {
        StoreError::Unavailable { .. } | StoreError::Contended => {
            format!(
                "the database does not answer or takes nothing. What is under way goes on by itself once it does. {advice}"
            )
        }
        StoreError::Migration { .. } => {
            format!(
                "the database is not of this version. Run `quartermaster migrate`, or the version that fits it. {advice}"
            )
        }
        _ => format!("the database cannot be used; {advice}"),
    }
}

/// In Prometheus' text format, for this machine or whoever has the token; for others there is no such page.
async fn metrics(State(site): State<Site>, ConnectInfo(Peer(peer)): ConnectInfo<Peer>, headers: HeaderMap) -> Response {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let has_token = match (&site.metrics_token, token) {
        (Some(expected), Some(given)) => same(expected.as_bytes(), given.as_bytes()),
        _ => false,
    };
    if !has_token && !is_local(peer.ip(), &headers) {
        return StatusCode::NOT_FOUND.into_response();
    }
    match &site.metrics {
        Some(metrics) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Compares in a time that does not tell how much was right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |difference, (x, y)| difference | (x ^ y)) == 0
}
