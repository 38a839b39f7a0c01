//! The one error that crosses the wire.

use serde::{Deserialize, Serialize};

/// What a person is told: what happened, to what, and what to do next. Never a database's or an application's own text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ApiError {
    pub code: ErrorCode,
    pub message: String,
    /// The form field at fault.
    pub field: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// Not signed in.
    Unauthenticated,
    /// Signed in, without the permission.
    Forbidden,
    NotFound,
    /// The input is wrong.
    Invalid,
    /// Somebody else was quicker, or the thing is in another state.
    Conflict,
    TooManyRequests,
    /// Our fault; the log knows more under the request id.
    Internal,
}

impl ApiError {
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), field: None }
    }

    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(ErrorCode::NotFound, format!("There is no {what}. It may have been removed; go back to the list."))
    }

    pub fn invalid(field: &str, message: impl Into<String>) -> Self {
        Self { code: ErrorCode::Invalid, message: message.into(), field: Some(field.to_owned()) }
    }

    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::Conflict, message)
    }

    pub fn internal() -> Self {
        Self::new(
            ErrorCode::Internal,
            "Something went wrong on our side. Try again; if it lasts, give the request id to your administrator.",
        )
    }
}
