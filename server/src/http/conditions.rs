//! For whom a condition holds that somebody is writing: asked by the form, each time that they pause.

use axum::extract::Query;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use serde::Deserialize;

use super::session::Caller;
use super::{Site, problem, sign_in};

/// The route.
pub(super) fn router() -> Router<Site> {
    Router::new().route("/api/conditions/matching", get(matching))
}

/// What stands in the form of a rule; days that are no numbers count as none.
#[derive(Deserialize)]
struct Typed {
    #[serde(default)]
    when: String,
    #[serde(default)]
    days_before: String,
    #[serde(default)]
    days_after: String,
}

async fn matching(
    caller: Option<Extension<Caller>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Query(typed): Query<Typed>,
) -> Response {
    let Some(Extension(Caller(op))) = caller else { return sign_in::refuse(&method, &uri, &headers) };
    match engine::drafts::matching(
        &op,
        &typed.when,
        app::logic::role_model::days(&typed.days_before, &typed.days_after),
    )
    .await
    {
        Ok(found) => Json(found).into_response(),
        Err(error) => problem::json(&error),
    }
}
