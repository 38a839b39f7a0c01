//! Answers of last resort: short pages that need neither session nor scripts nor style. What pages say about their own
//! trouble is in `app`.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use model::error::ApiError;

use super::observe::RequestId;

/// What happened, what to do, and the request's id.
pub fn page(status: StatusCode, happened: &str, advice: &str, request: &RequestId) -> Response {
    let title = status.canonical_reason().unwrap_or("Problem");
    let id = if request.0.is_empty() { String::new() } else { format!("<p>Request <code>{}</code></p>", request.0) };
    let body = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><meta name=\"color-scheme\" content=\"light dark\"><title>{title} · \
         Quartermaster</title></head><body><main><h1>{}</h1><p>{}</p><p><a href=\"/\">Home</a></p>{id}</main></body></html>",
        escape(happened),
        escape(advice),
    );
    (status, Html(body)).into_response()
}

/// Our own fault.
pub fn internal(request: &RequestId) -> Response {
    let error = ApiError::internal();
    page(StatusCode::INTERNAL_SERVER_ERROR, "Something went wrong on our side.", &error.message, request)
}

/// An error as its status and JSON, for scripts and programs.
pub fn json(error: &ApiError) -> Response {
    (app::ssr::status(error.code), Json(error)).into_response()
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
