//! What a campaign covers as CSV, piece by piece, whatever its size.

use axum::body::Body;
use axum::extract::Path;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use engine::certifications;
use model::error::ApiError;
use model::ids::CampaignId;

use super::session::Caller;
use super::{Site, problem, sign_in};

/// The route.
pub(super) fn router() -> Router<Site> {
    Router::new().route("/certifications/{id}/items.csv", get(download))
}

async fn download(
    caller: Option<Extension<Caller>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(Extension(Caller(op))) = caller else { return sign_in::refuse(&method, &uri, &headers) };
    let begun = async {
        let id: CampaignId = id.parse().map_err(|_| ApiError::not_found("such campaign"))?;
        Ok::<_, ApiError>((id, certifications::file(&op, id, None).await?))
    };
    let (id, (first, after)) = match begun.await {
        Ok(begun) => begun,
        Err(error) => return problem::json(&error),
    };
    let rest = futures::stream::try_unfold(after, move |after| {
        let op = op.clone();
        async move {
            let Some(after) = after else { return Ok(None) };
            let piece = certifications::file(&op, id, Some(after)).await;
            piece.map(Some).map_err(|error| std::io::Error::other(error.message))
        }
    });
    let first = futures::stream::once(async { Ok::<_, std::io::Error>(first) });
    let name = format!("attachment; filename=\"certification-{id}.csv\"");
    let kind = "text/csv; charset=utf-8".to_owned();
    let body = Body::from_stream(futures::StreamExt::chain(first, rest));
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], body).into_response()
}
