//! What can go wrong at start, and how use cases turn inner errors into what a person is told.

use std::path::PathBuf;

use model::error::{ApiError, ErrorCode};
pub use store::StoreError;

/// Why the engine cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("the data directory `{path}` cannot be used; create it or name another with --data")]
    DataDirectory { path: PathBuf, source: std::io::Error },
    #[error("the key file `{path}` cannot be used: {problem}")]
    KeyFile { path: PathBuf, problem: String },
    #[error("the lock file `{path}` cannot be used; make the data directory writable")]
    Lock { path: PathBuf, source: std::io::Error },
    #[error(
        "the stored configuration no longer compiles: {0}; apply a corrected one with `quartermaster config apply`"
    )]
    Configuration(String),
    #[error("the database cannot be used: {0}")]
    Store(#[from] StoreError),
}

impl OpenError {
    /// Whether it is about the database's state now: the same may succeed a moment later.
    pub(crate) fn passes(&self) -> bool {
        matches!(self, Self::Store(error) if error.passes())
    }
}

/// Turns a store error into what a person is told; the details go to the log, once, here.
pub(crate) fn internal(error: StoreError) -> ApiError {
    match error {
        StoreError::NotFound { .. } => {
            ApiError::new(ErrorCode::NotFound, "It is no longer there. Go back to the list.")
        }
        StoreError::Contended => ApiError::conflict(
            "Somebody else changed the same at this moment, and went first. Nothing was changed; try again.",
        ),
        StoreError::Unavailable { .. } => {
            tracing::error!(error = &error as &dyn std::error::Error, "A use case failed in the store");
            ApiError::new(
                ErrorCode::Internal,
                "The database cannot be used at the moment; nothing was changed. Try again in a minute. If it stays so, \
                 whoever runs this server finds the reason at /readyz and in the log.",
            )
        }
        other => {
            tracing::error!(error = &other as &dyn std::error::Error, "A use case failed in the store");
            ApiError::internal()
        }
    }
}
