//! Bulk changes by file: the upload is read as it arrives, whatever its size, and the rows of one state go out as CSV, piece
//! by piece. What became of a file is shown by the page that it leads to.

use std::io::{Cursor, Read};
use std::time::Duration;

use app::logic::flash::Flash;
use axum::body::{Body, Bytes};
use axum::extract::multipart::{Field, MultipartRejection};
use axum::extract::{Multipart, Path};
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use engine::bulk_changes::{self, BULK, file};
use engine::context::OpContext;
use model::bulk_change::BulkRowState;
use model::error::ApiError;
use model::ids::BulkChangeId;
use tokio::sync::mpsc;

use super::session::Caller;
use super::{Site, problem, sign_in};

/// Bytes of a file: a million rows have about 80 MB.
pub(super) const FILE_LIMIT: usize = 256 * 1024 * 1024;
/// How long a file may take to arrive.
pub(super) const FILE_TIME: Duration = Duration::from_mins(30);
/// How long an answer waits for small files to be checked.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is sent in small.
pub fn router() -> Router<Site> {
    Router::new().route("/bulk-changes/{id}/rows.csv", get(download))
}

/// What takes large files, and its time.
pub fn upload_router() -> Router<Site> {
    Router::new().route("/bulk-changes/upload", post(upload))
}

async fn download(
    caller: Option<Extension<Caller>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Response {
    let Some(Extension(Caller(op))) = caller else { return sign_in::refuse(&method, &uri, &headers) };
    let query = uri.query().unwrap_or_default();
    let state = query.strip_prefix("state=").and_then(BulkRowState::from_name).unwrap_or(BulkRowState::Refused);
    let begun = async {
        let id: BulkChangeId = id.parse().map_err(|_| ApiError::not_found("such bulk change"))?;
        Ok::<_, ApiError>((id, file::piece(&op, id, state, 0).await?))
    };
    let (id, (first, after)) = match begun.await {
        Ok(begun) => begun,
        Err(error) => return problem::json(&error),
    };
    let rest = futures::stream::try_unfold(after, move |after| {
        let op = op.clone();
        async move {
            let Some(after) = after else { return Ok(None) };
            file::piece(&op, id, state, after).await.map(Some).map_err(|error| std::io::Error::other(error.message))
        }
    });
    let first = futures::stream::once(async { Ok::<_, std::io::Error>(first) });
    let name = format!("attachment; filename=\"bulk-change-{id}-{}.csv\"", state.name());
    let kind = "text/csv; charset=utf-8".to_owned();
    let body = Body::from_stream(futures::StreamExt::chain(first, rest));
    ([(header::CONTENT_TYPE, kind), (header::CONTENT_DISPOSITION, name)], body).into_response()
}

async fn upload(
    caller: Option<Extension<Caller>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    form: Result<Multipart, MultipartRejection>,
) -> Response {
    let Some(Extension(Caller(op))) = caller else { return sign_in::refuse(&method, &uri, &headers) };
    let taken = async {
        op.require(BULK)?;
        let id = take(&op, form).await?;
        bulk_changes::carry_on(&op, id, PATIENCE).await
    };
    match taken.await {
        Ok(change) => Redirect::to(&format!("/bulk-changes/{}", change.id)).into_response(),
        Err(error) => sign_in::with_flash(&Flash::failed(error.message), "/bulk-changes"),
    }
}

/// The file, or the rows that were pasted in its place.
async fn take(op: &OpContext, form: Result<Multipart, MultipartRejection>) -> Result<BulkChangeId, ApiError> {
    let mut form = form.map_err(|_| broken())?;
    let mut reason = String::new();
    while let Some(mut field) = form.next_field().await.map_err(|_| broken())? {
        match field.name() {
            Some("reason") => reason = field.text().await.map_err(|_| broken())?,
            Some("file") => {
                let name = field.file_name().unwrap_or_default().to_owned();
                // A browser sends an empty one where none was chosen, and of that an empty piece may arrive.
                while let Some(first) = field.chunk().await.map_err(|_| broken())? {
                    if !first.is_empty() {
                        return arrive(op, &name, &reason, first, field).await;
                    }
                }
            }
            Some("text") => {
                let text = field.text().await.map_err(|_| broken())?;
                if !text.trim().is_empty() {
                    return file::read(op, "", &reason, Cursor::new(text.into_bytes())).await;
                }
            }
            _ => {}
        }
    }
    Err(ApiError::invalid("file", "There is no file. Choose one, or paste its rows with the headers."))
}

/// Reads a file while it arrives.
async fn arrive(
    op: &OpContext,
    name: &str,
    reason: &str,
    first: Bytes,
    mut field: Field<'_>,
) -> Result<BulkChangeId, ApiError> {
    let (pieces, arriving) = mpsc::channel(4);
    let feed = async move {
        let mut next = Ok(Some(first));
        // Where nobody reads any more the rest is still taken, so that the browser hears the answer.
        while let Ok(Some(bytes)) = next {
            let _ = pieces.send(Some(bytes)).await;
            next = field.chunk().await;
        }
        match next {
            Ok(_) => true,
            Err(_) => {
                let _ = pieces.send(None).await;
                false
            }
        }
    };
    let (is_whole, read) = tokio::join!(feed, file::read(op, name, reason, Arriving { arriving, left: Bytes::new() }));
    let id = read?;
    if is_whole {
        return Ok(id);
    }
    bulk_changes::discard(op, id).await?;
    Err(broken())
}

fn broken() -> ApiError {
    ApiError::invalid(
        "file",
        "What was sent cannot be read, broke off, or is larger than 256 MB. Nothing of it was kept; send it again, or in parts.",
    )
}

/// Bytes on their way, for a reader that waits for them. Nothing in place of bytes says that they broke off.
struct Arriving {
    arriving: mpsc::Receiver<Option<Bytes>>,
    left: Bytes,
}

impl Read for Arriving {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        while self.left.is_empty() {
            match self.arriving.blocking_recv() {
                Some(Some(bytes)) => self.left = bytes,
                Some(None) => return Err(std::io::Error::other("it broke off")),
                None => return Ok(0),
            }
        }
        let count = self.left.len().min(into.len());
        let piece = self.left.split_to(count);
        if let Some(place) = into.get_mut(..count) {
            place.copy_from_slice(&piece);
        }
        Ok(count)
    }
}
