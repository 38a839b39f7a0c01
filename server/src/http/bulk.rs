//! Bulk provision by file: the open lines as CSV, and the filled file, or pasted rows, back. What became of it is shown by
//! the page that it leads to.

use app::logic::flash::Flash;
use app::logic::query::{self, Query};
use axum::extract::Multipart;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use engine::work_items::bulk;
use model::error::ApiError;

use super::session::Caller;
use super::{Site, problem, sign_in};

/// The routes.
pub fn router() -> Router<Site> {
    Router::new().route("/work-items/bulk.csv", get(download)).route("/work-items/bulk/upload", post(upload))
}

async fn download(caller: Option<Extension<Caller>>, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let Some(Extension(Caller(op))) = caller else { return sign_in::refuse(&method, &uri, &headers) };
    let filter = query::bulk(&uri.query().map(Query::parse).unwrap_or_default());
    match bulk::file(&op, &filter).await {
        Ok(text) => (
            [
                (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"work-items.csv\""),
            ],
            text,
        )
            .into_response(),
        Err(error) => problem::json(&error),
    }
}

async fn upload(
    caller: Option<Extension<Caller>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Multipart, axum::extract::multipart::MultipartRejection>,
) -> Response {
    let Some(Extension(Caller(op))) = caller else { return sign_in::refuse(&method, &uri, &headers) };
    let taken = async {
        let text = text_of(form).await?;
        bulk::upload(&op, &text).await
    };
    match taken.await {
        Ok(upload) => Redirect::to(&format!("/work-items/bulk?upload={}", upload.id)).into_response(),
        Err(error) => sign_in::with_flash(&Flash::failed(error.message), "/work-items/bulk"),
    }
}

/// The file, or the rows that were pasted in its place.
async fn text_of(form: Result<Multipart, axum::extract::multipart::MultipartRejection>) -> Result<String, ApiError> {
    let broken =
        || ApiError::invalid("file", "What was sent cannot be read, or is larger than 1 MB. Send the file in parts.");
    let mut form = form.map_err(|_| broken())?;
    let mut text = String::new();
    while let Some(field) = form.next_field().await.map_err(|_| broken())? {
        if !matches!(field.name(), Some("file" | "text")) {
            continue;
        }
        let bytes = field.bytes().await.map_err(|_| broken())?;
        let given = String::from_utf8(bytes.to_vec()).map_err(|_| {
            ApiError::invalid(
                "file",
                "The file is not written in UTF-8. Save it as \u{201c}CSV UTF-8\u{201d}, then send it again.",
            )
        })?;
        if !given.trim().is_empty() {
            text = given;
        }
    }
    Ok(text)
}
