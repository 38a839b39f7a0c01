//! Lists as CSV, piece by piece, whatever their size.

use app::exports;
use app::logic::query::Query;
use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use model::error::ApiError;

use super::session::Caller;
use super::{Site, problem, sign_in};

/// The route.
pub(super) fn router() -> Router<Site> {
    Router::new().route("/exports/{list}", get(download))
}

async fn download(
    caller: Option<Extension<Caller>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Path(list): Path<String>,
) -> Response {
    let Some(Extension(Caller(op))) = caller else { return sign_in::refuse(&method, &uri, &headers) };
    let Some(name) = list.strip_suffix(".csv").filter(|name| exports::is_known(name)).map(str::to_owned) else {
        return problem::json(&ApiError::not_found("such file"));
    };
    let query = uri.query().map(Query::parse).unwrap_or_default();
    // What is refused is refused before the first byte.
    let (first, after) = match exports::piece(&op, &name, &query, None).await {
        Ok(begun) => begun,
        Err(error) => return problem::json(&error),
    };
    let file = format!("attachment; filename=\"{name}.csv\"");
    let rest = futures::stream::try_unfold(after, move |after| {
        let (op, name, query) = (op.clone(), name.clone(), query.clone());
        async move {
            let Some(after) = after else { return Ok(None) };
            let piece = exports::piece(&op, &name, &query, Some(after)).await;
            piece.map(Some).map_err(|error| std::io::Error::other(error.message))
        }
    });
    let first = futures::stream::once(async { Ok::<_, std::io::Error>(first) });
    let body = Body::from_stream(futures::StreamExt::chain(first, rest));
    ([(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, file)], body)
        .into_response()
}
