//! Sessions of people who are signed in. The rim makes ids and cookies; what reaches this far is the hash of an id, so
//! that a copy of the database opens no session.

use jiff::Timestamp;
use model::error::ApiError;
pub use store::sessions::SessionRecord;

use crate::Engine;
use crate::error::internal;

/// The session, unless it has expired.
pub async fn get(engine: &Engine, id_hash: &str, now: Timestamp) -> Result<Option<SessionRecord>, ApiError> {
    let session = engine.store().session(id_hash).await.map_err(internal)?;
    Ok(session.filter(|session| session.expires_at > now))
}

/// Keeps a session, in place of one of the same id.
pub async fn put(engine: &Engine, session: SessionRecord) -> Result<(), ApiError> {
    engine.store().write(move |tx| Box::pin(async move { tx.put_session(&session).await })).await.map_err(internal)
}

/// Ends a session.
pub async fn delete(engine: &Engine, id_hash: String) -> Result<(), ApiError> {
    engine.store().write(move |tx| Box::pin(async move { tx.delete_session(&id_hash).await })).await.map_err(internal)
}

/// Removes what has expired; says how many.
pub async fn delete_expired(engine: &Engine, now: Timestamp) -> Result<u64, ApiError> {
    engine
        .store()
        .write(move |tx| Box::pin(async move { tx.delete_expired_sessions(now).await }))
        .await
        .map_err(internal)
}
