//! Sessions: a cookie with a random id on one side, a row under the hash of that id on the other. Holds nothing but who
//! signed in and when; rights are looked up afresh for each request, so a change counts at once.

use std::fmt;
use std::net::IpAddr;

use async_trait::async_trait;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use engine::Engine;
use engine::context::OpContext;
use engine::sessions::{self, SessionRecord};
use jiff::{SignedDuration, Timestamp};
use model::ids::UserId;
use model::user::User;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;
use tower_sessions::cookie::SameSite;
use tower_sessions::session::{Id, Record};
use tower_sessions::session_store::{Error, Result, SessionStore};
use tower_sessions::{Expiry, Session, SessionManagerLayer};

use super::Site;
use super::observe::RequestId;

/// Without a request for so long, a session ends.
const IDLE: SignedDuration = SignedDuration::from_mins(30);
/// However busy, it ends after so long.
const ABSOLUTE: SignedDuration = SignedDuration::from_hours(12);
/// The end of a session is moved at most so often, or each request would write.
const TOUCH: SignedDuration = SignedDuration::from_mins(1);
/// Where the session keeps what it knows.
const KEY: &str = "session";

/// What a session knows.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct SignedIn {
    user: UserId,
    since: Timestamp,
    seen: Timestamp,
    address: String,
    agent: String,
}

/// Who makes this request; a request without one is nobody's.
#[derive(Clone)]
pub struct Caller(pub OpContext);

/// Makes the layer that reads and writes the cookie. Over HTTPS its name binds it to this host and its root path.
pub fn layer(engine: Engine, https: bool) -> SessionManagerLayer<Sessions> {
    SessionManagerLayer::new(Sessions(engine))
        .with_name(cookie_name(https))
        .with_secure(https)
        .with_http_only(true)
        // Links in mails come from other sites and must find the session; changing requests are checked by origin.
        .with_same_site(SameSite::Lax)
        .with_path("/")
}

/// Name of the cookie.
pub fn cookie_name(https: bool) -> &'static str {
    if https { "__Host-sid" } else { "sid" }
}

/// Begins a session for the user under a new id, whatever the browser sent.
pub async fn begin(
    session: &Session,
    user: &User,
    address: IpAddr,
    agent: &str,
    now: Timestamp,
) -> std::result::Result<(), tower_sessions::session::Error> {
    // An id that was there before signing in must be worth nothing afterwards.
    session.cycle_id().await?;
    session.clear().await;
    let signed_in = SignedIn {
        user: user.id,
        since: now,
        seen: now,
        address: address.to_string(),
        agent: agent.chars().take(200).collect(),
    };
    session.set_expiry(Some(expiry(&signed_in)));
    session.insert(KEY, signed_in).await
}

/// Layer: finds out who makes the request and puts a [`Caller`] on it.
pub async fn identify(State(site): State<Site>, session: Session, mut request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().cloned().unwrap_or_default();
    match find(&site.engine, &session, &id).await {
        Ok(Some(caller)) => {
            request.extensions_mut().insert(caller);
        }
        Ok(None) => {}
        // Without the database nobody is signed in; pages say so, and the log says why.
        Err(error) => tracing::error!(%error, "the session could not be read"),
    }
    next.run(request).await
}

async fn find(
    engine: &Engine,
    session: &Session,
    id: &RequestId,
) -> std::result::Result<Option<Caller>, Box<dyn std::error::Error + Send + Sync>> {
    let Some(mut signed_in) = session.get::<SignedIn>(KEY).await? else { return Ok(None) };
    let now = engine.now();
    let user = engine::users::find(engine, signed_in.user).await?;
    let ended = now.duration_since(signed_in.since) >= ABSOLUTE || now.duration_since(signed_in.seen) >= IDLE;
    let Some(user) = user.filter(|_| !ended) else {
        session.flush().await?;
        return Ok(None);
    };
    if now.duration_since(signed_in.seen) >= TOUCH {
        signed_in.seen = now;
        session.set_expiry(Some(expiry(&signed_in)));
        session.insert(KEY, &signed_in).await?;
    }
    Ok(Some(Caller(engine::users::caller(engine, user, &id.0).await?)))
}

fn expiry(signed_in: &SignedIn) -> Expiry {
    let idle = signed_in.seen.saturating_add(IDLE).unwrap_or(signed_in.seen);
    let absolute = signed_in.since.saturating_add(ABSOLUTE).unwrap_or(signed_in.since);
    Expiry::AtDateTime(offset_date_time(idle.min(absolute)))
}

/// The session store of tower-sessions over the engine's.
#[derive(Clone)]
pub struct Sessions(Engine);

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sessions")
    }
}

#[async_trait]
impl SessionStore for Sessions {
    async fn create(&self, record: &mut Record) -> Result<()> {
        // 128 random bits: a collision means a broken source of randomness, yet it must not hand out somebody's session.
        while sessions::get(&self.0, &hash(&record.id), self.0.now()).await.map_err(backend)?.is_some() {
            record.id = Id::default();
        }
        self.save(record).await
    }

    async fn save(&self, record: &Record) -> Result<()> {
        let data = serde_json::to_string(&record.data).map_err(|error| Error::Encode(error.to_string()))?;
        let signed_in: Option<SignedIn> =
            record.data.get(KEY).and_then(|value| serde_json::from_value(value.clone()).ok());
        let created_at = signed_in.as_ref().map_or_else(|| self.0.now(), |signed_in| signed_in.since);
        let session = SessionRecord {
            id_hash: hash(&record.id),
            user: signed_in.as_ref().map(|signed_in| signed_in.user),
            data,
            expires_at: timestamp(record.expiry_date),
            created_at,
            address: signed_in.as_ref().map(|signed_in| signed_in.address.clone()).unwrap_or_default(),
            agent: signed_in.map(|signed_in| signed_in.agent).unwrap_or_default(),
        };
        sessions::put(&self.0, session).await.map_err(backend)
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let Some(session) = sessions::get(&self.0, &hash(id), self.0.now()).await.map_err(backend)? else {
            return Ok(None);
        };
        let data = serde_json::from_str(&session.data).map_err(|error| Error::Decode(error.to_string()))?;
        Ok(Some(Record { id: *id, data, expiry_date: offset_date_time(session.expires_at) }))
    }

    async fn delete(&self, id: &Id) -> Result<()> {
        sessions::delete(&self.0, hash(id)).await.map_err(backend)
    }
}

fn hash(id: &Id) -> String {
    Sha256::digest(id.0.to_be_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn backend(error: model::error::ApiError) -> Error {
    Error::Backend(error.message)
}

fn offset_date_time(at: Timestamp) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(at.as_second()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

fn timestamp(at: OffsetDateTime) -> Timestamp {
    Timestamp::from_second(at.unix_timestamp()).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_ends_idle_or_old_whichever_is_first() {
        let since: Timestamp = "2026-03-01T08:00:00Z".parse().unwrap();
        let cases =
            [("2026-03-01T08:00:00Z", "2026-03-01T08:30:00Z"), ("2026-03-01T19:45:00Z", "2026-03-01T20:00:00Z")];
        for (seen, ends) in cases {
            let signed_in = SignedIn {
                user: UserId(1),
                since,
                seen: seen.parse().unwrap(),
                address: String::new(),
                agent: String::new(),
            };
            let Expiry::AtDateTime(at) = expiry(&signed_in) else { panic!("no fixed end") };
            assert_eq!(timestamp(at), ends.parse().unwrap());
        }
    }

    #[test]
    fn the_hash_does_not_show_the_id() {
        let id = Id(7);
        assert_eq!(hash(&id).len(), 64);
        assert!(!hash(&id).contains(&id.to_string()));
        assert_ne!(hash(&id), hash(&Id(8)));
    }
}
