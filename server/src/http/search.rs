//! What the palette is told while somebody types.

use app::logic::query::Query;
use app::pages::search::suggestions;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use model::error::{ApiError, ErrorCode};

use super::session::Caller;
use super::{Site, problem};

/// The route.
pub(super) fn router() -> Router<Site> {
    Router::new().route("/api/search", get(search))
}

async fn search(caller: Option<Extension<Caller>>, uri: Uri) -> Response {
    // A script asks: it has no use for the page for signing in.
    let Some(Extension(Caller(op))) = caller else {
        let message = "You are not signed in any more. Reload the page and sign in.";
        return problem::json(&ApiError::new(ErrorCode::Unauthenticated, message));
    };
    let text = uri.query().map(Query::parse).and_then(|query| query.get("q")).unwrap_or_default();
    match suggestions(&op, &text).await {
        Ok(found) => Json(found).into_response(),
        Err(error) => problem::json(&error),
    }
}
