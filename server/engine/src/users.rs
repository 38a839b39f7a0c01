//! Users: signing in, and what a user may do.
//!
//! Passwords are hashed with argon2id (46 MiB, one pass; OWASP ASVS 5.0 11.4.2). Too many failures slow a login and an
//! address down; nobody is locked out for good.

mod change;
mod look;

use std::sync::LazyLock;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use jiff::{SignedDuration, Timestamp};
use model::error::{ApiError, ErrorCode};
use model::ids::UserId;
use model::user::{PermissionPath, User};
use tokio::sync::Semaphore;

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;

pub use broker::user_change::{ELEVATE, MANAGE};
pub use change::{add, begin, create, link, rename_and_grant, set_disabled, set_identity, set_password};
pub use look::{by_login, detail, page};

/// Seeing who signs in, what they may do, and who is notified.
pub const VIEW: &str = "/Users/View";

/// Failures of one login after which it has to wait, and of one address.
const FREE_FAILURES_OF_LOGIN: u64 = 5;
const FREE_FAILURES_OF_ADDRESS: u64 = 50;
/// How far back failures count.
const MEMORY: SignedDuration = SignedDuration::from_mins(15);
/// The longest wait.
const LONGEST_WAIT: i64 = 300;
/// Shortest password: NIST SP 800-63B-4 asks for 15 characters where a password is the only factor.
pub const SHORTEST_PASSWORD: usize = 15;

/// Hashing takes 46 MiB each: more at once than there are cores would only take memory.
static HASHING: LazyLock<Semaphore> =
    LazyLock::new(|| Semaphore::new(std::thread::available_parallelism().map_or(2, usize::from)));

/// Checks login and password. The answer is the same, and takes the same time, for an unknown login, a wrong password
/// and a disabled user; too many failures are answered with `TooManyRequests` and the time to wait.
pub async fn sign_in(
    engine: &Engine,
    login: &str,
    password: &str,
    address: &str,
    now: Timestamp,
) -> Result<User, ApiError> {
    let store = engine.store();
    let since = now.checked_sub(MEMORY).unwrap_or(now);
    let (of_login, of_address, last) = store.failed_logins(login, address, since).await.map_err(internal)?;
    if let Some(seconds) = wait(of_login, of_address, last, now) {
        return Err(ApiError::new(
            ErrorCode::TooManyRequests,
            format!("Too many failed attempts. Wait {seconds} seconds, then try again."),
        ));
    }
    let found = store.user_by_login(login).await.map_err(internal)?;
    // An unknown login is compared with a hash as well, so that it takes as long.
    let hash = found.as_ref().map_or_else(|| UNKNOWN.clone(), |(_, hash)| hash.clone());
    let matches = verify(password.to_owned(), hash).await?;
    let user = found.map(|(user, _)| user).filter(|user| matches && !user.disabled);
    let (login, address, succeeded) = (login.to_owned(), address.to_owned(), user.is_some());
    let work =
        store.write(move |tx| Box::pin(async move { tx.record_login_attempt(&login, &address, succeeded, now).await }));
    work.await.map_err(internal)?;
    let Some(user) = user else {
        let has_users = store.has_users().await.map_err(internal)?;
        let why = if has_users { "The login or the password is not right.".to_owned() } else { nobody() };
        return Err(ApiError::new(ErrorCode::Unauthenticated, why));
    };
    Ok(user)
}

/// What to do before anybody can sign in; none where somebody can.
///
/// # Errors
/// Where the database cannot be used.
pub async fn first_step(engine: &Engine) -> Result<Option<String>, ApiError> {
    let has_users = engine.store().has_users().await.map_err(internal)?;
    Ok((!has_users).then(nobody))
}

fn nobody() -> String {
    "Nobody can sign in yet, because there is no user. Add the first one where the server runs, with `quartermaster user add \
     LOGIN`, then sign in."
        .to_owned()
}

/// Seconds to wait: doubling with each failure beyond the free ones.
fn wait(of_login: u64, of_address: u64, last: Option<Timestamp>, now: Timestamp) -> Option<i64> {
    let beyond =
        of_login.saturating_sub(FREE_FAILURES_OF_LOGIN).max(of_address.saturating_sub(FREE_FAILURES_OF_ADDRESS));
    if beyond == 0 {
        return None;
    }
    let wait = 1_i64.checked_shl(u32::try_from(beyond).unwrap_or(63).min(62)).unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT);
    let passed = now.duration_since(last?).as_secs();
    (passed < wait).then_some(wait - passed)
}

/// The user, unless disabled or removed since.
pub async fn find(engine: &Engine, id: UserId) -> Result<Option<User>, ApiError> {
    let user = engine.store().user(id).await.map_err(internal)?;
    Ok(user.filter(|user| !user.disabled))
}

/// The caller in the place of somebody who signs in, with the caller’s own rights.
pub(crate) async fn in_the_place_of(op: &OpContext, login: &str) -> Result<OpContext, ApiError> {
    let found = op.engine.store().user_by_login(login).await.map_err(internal)?;
    let (user, _) = found.ok_or_else(|| ApiError::not_found(format!("user `{login}`")))?;
    Ok(OpContext { user, ..op.clone() })
}

/// Everybody who can sign in.
pub async fn list(engine: &Engine) -> Result<Vec<User>, ApiError> {
    engine.store().users().await.map_err(internal)
}

/// The user as a caller, with what their profiles allow now, also where another process changed a profile a moment ago.
pub async fn caller(engine: &Engine, user: User, request_id: &str) -> Result<OpContext, ApiError> {
    engine.follow_configuration().await.map_err(|error| {
        tracing::error!(error = &error as &dyn std::error::Error, "Memory cannot follow the database");
        ApiError::internal()
    })?;
    let configuration = engine.world().configuration();
    Ok(OpContext {
        engine: engine.clone(),
        permissions: PermissionPath::held(&configuration, &user.profiles),
        limited: PermissionPath::limited(&configuration, &user.profiles),
        user,
        request_id: request_id.to_owned(),
        now: engine.now(),
    })
}

fn check_login(login: &str) -> Result<(), ApiError> {
    let valid = (1..=64).contains(&login.len())
        && login.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | '@'));
    if valid {
        Ok(())
    } else {
        Err(ApiError::invalid("login", "A login has 1 to 64 letters, digits, `.`, `-`, `_` or `@`."))
    }
}

fn check_password(password: &str) -> Result<(), ApiError> {
    if password.chars().count() < SHORTEST_PASSWORD {
        return Err(ApiError::invalid(
            "password",
            format!("A password has at least {SHORTEST_PASSWORD} characters. A few words in a row do well."),
        ));
    }
    if password.len() > 1024 {
        return Err(ApiError::invalid("password", "A password has at most 1,024 bytes."));
    }
    Ok(())
}

/// A hash that no password is known for.
static UNKNOWN: LazyLock<String> =
    LazyLock::new(|| hash_now(&format!("{:x}", rand::random::<u128>())).unwrap_or_default());

fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(47_104, 1, 1, None).unwrap_or_default())
}

fn hash_now(password: &str) -> Option<String> {
    hasher().hash_password(password.as_bytes()).ok().map(|hash| hash.to_string())
}

async fn hash(password: String) -> Result<String, ApiError> {
    let _permit = HASHING.acquire().await.map_err(|_| ApiError::internal())?;
    let hashed = tokio::task::spawn_blocking(move || hash_now(&password)).await;
    hashed.ok().flatten().ok_or_else(ApiError::internal)
}

async fn verify(password: String, hash: String) -> Result<bool, ApiError> {
    if password.len() > 1024 {
        return Ok(false);
    }
    let _permit = HASHING.acquire().await.map_err(|_| ApiError::internal())?;
    let verified = tokio::task::spawn_blocking(move || {
        argon2::password_hash::phc::PasswordHash::new(&hash)
            .is_ok_and(|parsed| hasher().verify_password(password.as_bytes(), &parsed).is_ok())
    });
    verified.await.map_err(|_| ApiError::internal())
}

#[cfg(test)]
mod tests {
    use super::{hash_now, verify, wait};
    use jiff::Timestamp;

    #[tokio::test]
    async fn a_password_matches_its_own_hash_only() {
        let hash = hash_now("correct horse battery").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=47104,t=1,p=1$"));
        assert!(verify("correct horse battery".into(), hash.clone()).await.unwrap());
        assert!(!verify("correct horse batterz".into(), hash).await.unwrap());
        assert!(!verify("x".into(), "no hash".into()).await.unwrap());
    }

    #[test]
    fn waiting_doubles_and_ends() {
        let at = |second| Timestamp::from_second(second).unwrap();
        assert_eq!(wait(5, 5, Some(at(100)), at(100)), None);
        assert_eq!(wait(6, 6, Some(at(100)), at(100)), Some(2));
        assert_eq!(wait(8, 8, Some(at(100)), at(101)), Some(7));
        assert_eq!(wait(8, 8, Some(at(100)), at(108)), None);
        assert_eq!(wait(90, 90, Some(at(100)), at(100)), Some(300));
        assert_eq!(wait(0, 52, Some(at(100)), at(100)), Some(4));
    }
}
