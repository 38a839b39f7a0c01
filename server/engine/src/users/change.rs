//! Adding and changing users. All goes through one function: it looks at everybody in the transaction of the change, so
//! that two changes side by side do not leave nobody who could make another, and it changes only what was seen.

use broker::user_change::{self, Changer, Refusal};
use model::draft::{Object, ObjectKind, SettingKind};
use model::error::{ApiError, ErrorCode};
use model::ids::{IdentityId, UserId};
use model::user::{NewUser, User};
use model::view::AuditLine;
use store::StoreError;

use super::{MANAGE, check_login, check_password, hash, look};
use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;
use crate::{configurations, drafts};

/// Letters and digits that are not taken for each other.
const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

/// The permission profile with which everything begins.
const ADMINISTRATOR: &str = "administrator";

/// Gives a configuration without any permission profile the one of administrators, where that is to be given: so somebody can
/// sign in and build all else on pages. Answers whether it did.
pub async fn begin(op: &OpContext, profiles: &[String]) -> Result<bool, ApiError> {
    op.require("/Configuration/Apply")?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let live = op.engine.world().configuration();
    if !live.permission_profiles.is_empty() || !profiles.iter().any(|profile| profile == ADMINISTRATOR) {
        return Ok(false);
    }
    let everything = serde_json::json!({ "display_name": "Administrator", "permissions": ["/*"] });
    let kind = SettingKind::PermissionProfile;
    let object = (ObjectKind::Setting(kind), ADMINISTRATOR.to_owned(), Object::Setting(kind, everything));
    // By a draft, as all that does not come from files.
    let id = drafts::begin(op, "Add the profile of administrators".to_owned(), vec![object]).await?;
    let wanted = drafts::draft(op, id).await?.applied_to(&live);
    configurations::make_live(op, wanted, Some(id), " for the first user").await?;
    Ok(true)
}

/// Adds a user with permission profiles, as the command line does.
pub async fn add(
    engine: &Engine,
    login: &str,
    display_name: &str,
    password: &str,
    profiles: Vec<String>,
) -> Result<UserId, ApiError> {
    let new = NewUser { login: login.to_owned(), display_name: display_name.to_owned(), profiles };
    create(&engine.operating_context("user"), new, Some(password)).await.map(|(id, _)| id)
}

/// Adds a user. Without a password there is one drawn by lot, which is answered, and which nobody is told again.
pub async fn create(
    op: &OpContext,
    new: NewUser,
    password: Option<&str>,
) -> Result<(UserId, Option<String>), ApiError> {
    op.require(MANAGE)?;
    check_login(&new.login)?;
    let (hash, drawn) = given_or_drawn(password).await?;
    let id = UserId(op.engine.store().reserve_ids(1).await.map_err(internal)?.start);
    let name = Some(new.display_name.trim()).filter(|name| !name.is_empty());
    let user = User {
        id,
        display_name: checked_name(name.unwrap_or(&new.login))?,
        login: new.login,
        identity: None,
        profiles: in_order(new.profiles),
        disabled: false,
    };
    let said = if user.profiles.is_empty() { "no profile".to_owned() } else { user.profiles.join(", ") };
    let audit = audit(op, &user.login, format!("added with {said}"));
    let (configuration, held, changer) = surroundings(op).await?;
    let (login, at) = (user.login.clone(), op.now);
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let all = tx.locked_users().await?;
            let by = Changer { id: changer, held: &held };
            if let Err(refusal) = user_change::check(&configuration, by, None, &user, &all) {
                return Ok::<_, StoreError>(Err(refusal));
            }
            tx.insert_user(&user, &hash, at).await?;
            tx.append_audit(&audit).await?;
            Ok(Ok(()))
        })
    });
    match work.await {
        Ok(Ok(())) => Ok((id, drawn)),
        Ok(Err(refusal)) => Err(refused(op, &refusal)),
        Err(StoreError::Conflict { .. }) => {
            Err(ApiError::invalid("login", format!("The login `{login}` is taken. Choose another.")))
        }
        Err(error) => Err(internal(error)),
    }
}

/// Gives a user another name to show, and exactly these profiles.
pub async fn rename_and_grant(
    op: &OpContext,
    id: UserId,
    seen: Option<&str>,
    display_name: Option<&str>,
    profiles: Option<Vec<String>>,
) -> Result<(), ApiError> {
    let display_name = display_name.map(checked_name).transpose()?;
    let profiles = profiles.map(in_order);
    let edit = move |user: &mut User| {
        user.display_name = display_name.unwrap_or_else(|| user.display_name.clone());
        user.profiles = profiles.unwrap_or_else(|| user.profiles.clone());
    };
    change(op, id, seen, None, edit).await
}

/// Lets a user sign in no more, or again. Whoever is signed in has to leave at once.
pub async fn set_disabled(op: &OpContext, id: UserId, seen: Option<&str>, disabled: bool) -> Result<(), ApiError> {
    change(op, id, seen, None, move |user| user.disabled = disabled).await
}

/// Says which identity a user is, or that nobody knows.
pub async fn link(
    op: &OpContext,
    id: UserId,
    seen: Option<&str>,
    identity: Option<IdentityId>,
) -> Result<(), ApiError> {
    if let Some(identity) = identity {
        let found = op.engine.store().identities_by_id(&[identity]).await.map_err(internal)?;
        if found.is_empty() {
            return Err(ApiError::not_found(format!("identity {identity}")));
        }
    }
    change(op, id, seen, None, move |user| user.identity = identity).await
}

/// The same by login, and by the identity's key in its source.
pub async fn set_identity(op: &OpContext, login: &str, key: Option<&str>) -> Result<(), ApiError> {
    let user = look::by_login(op, login).await?;
    let identity = match key {
        Some(key) => Some(crate::identities::find(op, key).await?),
        None => None,
    };
    link(op, user.id, None, identity).await
}

/// Gives a user another password, and ends their sessions. Without one there is one drawn by lot, which is answered.
pub async fn set_password(op: &OpContext, id: UserId, password: Option<&str>) -> Result<Option<String>, ApiError> {
    op.require(MANAGE)?;
    let (hash, drawn) = given_or_drawn(password).await?;
    change(op, id, None, Some(hash), |_| ()).await?;
    Ok(drawn)
}

/// What came of it inside the transaction.
enum Outcome {
    Done,
    Refused(Refusal),
    /// Somebody else was quicker.
    Stale(User),
    Gone,
}

/// Makes of a user what `edit` makes of them, as long as they are as `seen` says.
async fn change(
    op: &OpContext,
    id: UserId,
    seen: Option<&str>,
    password_hash: Option<String>,
    edit: impl FnOnce(&mut User) + Send + 'static,
) -> Result<(), ApiError> {
    op.require(MANAGE)?;
    let (configuration, held, changer) = surroundings(op).await?;
    let (seen, audited) = (seen.map(str::to_owned), audit(op, "", String::new()));
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let all = tx.locked_users().await?;
            let Some(before) = all.iter().find(|user| user.id == id) else {
                return Ok::<_, StoreError>(Outcome::Gone);
            };
            if seen.is_some_and(|seen| seen != look::seal(before)) {
                return Ok(Outcome::Stale(before.clone()));
            }
            let mut after = before.clone();
            edit(&mut after);
            let by = Changer { id: changer, held: &held };
            if let Err(refusal) = user_change::check(&configuration, by, Some(before), &after, &all) {
                return Ok(Outcome::Refused(refusal));
            }
            let mut said = differences(before, &after);
            if after != *before {
                tx.update_user(&after).await?;
            }
            if let Some(hash) = &password_hash {
                tx.set_password(id, hash).await?;
                said.push("password set".to_owned());
            }
            if password_hash.is_some() || after.disabled {
                tx.delete_sessions_of(id, None).await?;
            }
            if !said.is_empty() {
                tx.append_audit(&AuditLine { subject: after.login, detail: said.join("; "), ..audited }).await?;
            }
            Ok(Outcome::Done)
        })
    });
    match work.await.map_err(internal)? {
        Outcome::Done => Ok(()),
        Outcome::Refused(refusal) => Err(refused(op, &refusal)),
        Outcome::Gone => Err(ApiError::not_found(format!("user {id}"))),
        Outcome::Stale(user) => Err(ApiError {
            field: Some("seen".to_owned()),
            ..ApiError::conflict(format!(
                "Somebody else has changed the user {} since this page was opened, so nothing was saved. Look at what there is now, then save again.",
                user.login
            ))
        }),
    }
}

/// What the decision needs: the live configuration, what the caller may do, and who that is.
async fn surroundings(
    op: &OpContext,
) -> Result<(std::sync::Arc<model::configuration::Configuration>, Vec<model::user::PermissionPath>, UserId), ApiError> {
    op.engine.follow_configuration().await.map_err(|_| ApiError::internal())?;
    Ok((op.engine.world().configuration(), op.permissions.clone(), op.user.id))
}

/// What has become different, in words for the audit trail.
fn differences(before: &User, after: &User) -> Vec<String> {
    let mut said = Vec::new();
    if before.display_name != after.display_name {
        said.push(format!("is called {}", after.display_name));
    }
    let lacking = |one: &User, other: &User| {
        let missing = other.profiles.iter().filter(|profile| !one.profiles.contains(profile));
        missing.cloned().collect::<Vec<_>>().join(", ")
    };
    let (given, taken) = (lacking(before, after), lacking(after, before));
    if !given.is_empty() {
        said.push(format!("given {given}"));
    }
    if !taken.is_empty() {
        said.push(format!("taken {taken}"));
    }
    if before.identity != after.identity {
        said.push(
            after.identity.map_or_else(|| "is no identity".to_owned(), |identity| format!("is identity {identity}")),
        );
    }
    if before.disabled != after.disabled {
        said.push(if after.disabled { "disabled".to_owned() } else { "enabled".to_owned() });
    }
    said
}

fn refused(op: &OpContext, refusal: &Refusal) -> ApiError {
    let forbidden = |message: String| ApiError::new(ErrorCode::Forbidden, message);
    match refusal {
        Refusal::NoProfile(unknown) => {
            let configuration = op.engine.world().configuration();
            let known: Vec<&str> = configuration.permission_profiles.keys().map(String::as_str).collect();
            let message = match known.is_empty() {
                true => format!(
                    "There is no permission profile `{unknown}`: the configuration has none yet. Add the first user with the \
                     profile `{ADMINISTRATOR}`, which makes it; or apply a configuration that has profiles."
                ),
                false => format!("There is no permission profile `{unknown}`. There are: {}.", known.join(", ")),
            };
            ApiError::invalid("profiles", message)
        }
        Refusal::IdentityTaken(login) => ApiError::conflict(format!(
            "The user {login} is that person already. Unlink {login} first, or link another person."
        )),
        Refusal::Elevates { profile, path } => forbidden(format!(
            "The profile {profile} allows {}, which you may not do yourself. To give it takes the permission /Users/Elevate; ask somebody who has it.",
            path.as_str()
        )),
        Refusal::MayDoMore { path } => forbidden(format!(
            "This user may do more than you ({}). To change them takes the permission /Users/Elevate; ask somebody who has it.",
            path.as_str()
        )),
        Refusal::Conflicts(met) => {
            let why = met.description.as_deref().map(|why| format!(" {}.", why.trim_end_matches('.'))).unwrap_or_default();
            ApiError::conflict(format!(
                "These profiles are not held together. {}.{why} Give one of them, or ask whoever answers for the configuration to change it.",
                met.words()
            ))
        }
        Refusal::OwnIdentity => forbidden(
            "Who you are is said by somebody else: approvals and your own access follow from it. Ask another administrator."
                .to_owned(),
        ),
        Refusal::OwnDisabling => ApiError::conflict(
            "You cannot disable yourself: you would be signed out at once. Ask another administrator.",
        ),
        Refusal::LastManager => ApiError::conflict(
            "Nobody would be left who can sign in and manage users. Give somebody else a profile with /Users/Manage first.",
        ),
    }
}

async fn given_or_drawn(password: Option<&str>) -> Result<(String, Option<String>), ApiError> {
    match password {
        Some(password) => {
            check_password(password)?;
            Ok((hash(password.to_owned()).await?, None))
        }
        None => {
            let drawn = readable(rand::random());
            Ok((hash(drawn.clone()).await?, Some(drawn)))
        }
    }
}

/// A password of 20 letters and digits in groups, out of as many random bytes.
fn readable(random: [u8; 20]) -> String {
    let letter = |byte: &u8| char::from(ALPHABET[usize::from(byte % 32)]);
    random.chunks(5).map(|group| group.iter().map(letter).collect::<String>()).collect::<Vec<_>>().join("-")
}

fn checked_name(name: &str) -> Result<String, ApiError> {
    let name = name.trim();
    let is_readable = (1..=100).contains(&name.chars().count()) && !name.chars().any(char::is_control);
    if is_readable {
        Ok(name.to_owned())
    } else {
        Err(ApiError::invalid("display_name", "A name to show has 1 to 100 characters, in one line."))
    }
}

/// Sorted, each once.
fn in_order(mut profiles: Vec<String>) -> Vec<String> {
    profiles.retain(|profile| !profile.is_empty());
    profiles.sort();
    profiles.dedup();
    profiles
}

fn audit(op: &OpContext, subject: &str, detail: String) -> AuditLine {
    AuditLine { at: op.now, actor: op.user.login.clone(), action: "user".into(), subject: subject.to_owned(), detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawn_password_is_long_enough_and_readable() {
        let drawn = readable(std::array::from_fn(|position| u8::try_from(position * 13).unwrap()));
        assert_eq!(drawn.len(), 23);
        assert!(check_password(&drawn).is_ok());
        assert!(drawn.chars().all(|c| c == '-' || c.is_ascii_lowercase() || c.is_ascii_digit()), "{drawn}");
    }
}
