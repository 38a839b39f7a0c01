//! Users as people look at them.

use std::collections::HashMap;

use model::configuration::Configuration;
use model::error::ApiError;
use model::ids::{IdentityId, UserId};
use model::page::{PAGE_SIZE, Page};
use model::permission::conflict;
use model::user::{LinkedPerson, User, UserDetail, UserFilter, UserRow};
use sha2::{Digest, Sha256};

use super::VIEW;
use crate::context::OpContext;
use crate::error::internal;

/// A piece of the list, by login.
pub async fn page(op: &OpContext, filter: &UserFilter) -> Result<Page<UserRow>, ApiError> {
    op.require(VIEW)?;
    // Everybody who signs in is looked at for each mail and each work item; there are not so many.
    let users = op.engine.store().users().await.map_err(internal)?;
    op.engine.follow_configuration().await.map_err(|_| ApiError::internal())?;
    let configuration = op.engine.world().configuration();
    let (shown, next, total) = piece(&configuration, users, filter);
    let identities: Vec<IdentityId> = shown.iter().filter_map(|user| user.identity).collect();
    let known = op.engine.store().identities_by_id(&identities).await.map_err(internal)?;
    let names: HashMap<IdentityId, String> =
        known.into_iter().map(|identity| (identity.id, identity.display_name)).collect();
    let logins: Vec<&str> = shown.iter().map(|user| user.login.as_str()).collect();
    let last: HashMap<String, _> =
        op.engine.store().last_sign_ins(&logins).await.map_err(internal)?.into_iter().collect();
    let row = |user: &User| UserRow {
        id: user.id,
        login: user.login.clone(),
        display_name: user.display_name.clone(),
        identity: user.identity.map(|id| (id, names.get(&id).cloned().unwrap_or_default())),
        profiles: user.profiles.clone(),
        disabled: user.disabled,
        last_sign_in: last.get(&user.login.to_lowercase()).copied(),
        conflicts: conflict::met(&configuration, &user.profiles).into_iter().map(|met| met.label).collect(),
    };
    Ok(Page { rows: shown.iter().map(row).collect(), next, total, more: false })
}

/// Those of the filter after its cursor, the cursor to go on with, and how many there are of the filter at all.
fn piece(configuration: &Configuration, users: Vec<User>, filter: &UserFilter) -> (Vec<User>, Option<String>, u64) {
    let text = filter.text.as_deref().unwrap_or_default().to_lowercase();
    let is_meant = |user: &User| {
        (user.login.to_lowercase().contains(&text) || user.display_name.to_lowercase().contains(&text))
            && filter.profile.as_ref().is_none_or(|profile| user.profiles.contains(profile))
            && filter.show.is_none_or(|show| show.holds(configuration, user))
    };
    let mut found: Vec<User> = users.into_iter().filter(is_meant).collect();
    found.sort_by_cached_key(|user| user.login.to_lowercase());
    let total = found.len() as u64;
    if let Some(after) = &filter.after {
        found.retain(|user| user.login.to_lowercase() > after.to_lowercase());
    }
    let size = usize::try_from(filter.limit.unwrap_or(PAGE_SIZE)).unwrap_or(usize::MAX).max(1);
    let is_more = found.len() > size;
    found.truncate(size);
    let next = found.last().filter(|_| is_more).map(|user| user.login.clone());
    (found, next, total)
}

/// One user with what is around them.
pub async fn detail(op: &OpContext, id: UserId) -> Result<UserDetail, ApiError> {
    op.require(VIEW)?;
    let store = op.engine.store();
    let found = store.user(id).await.map_err(internal)?;
    let user = found.ok_or_else(|| ApiError::not_found(format!("user {id}")))?;
    let identities: Vec<IdentityId> = user.identity.into_iter().collect();
    let identities = store.identities_by_id(&identities).await.map_err(internal)?;
    let today = op.engine.today();
    let person = identities.into_iter().next().map(|identity| LinkedPerson {
        id: identity.id,
        lifecycle: identity.lifecycle(today),
        key: identity.key,
        display_name: identity.display_name,
    });
    let last = store.last_sign_ins(&[&user.login]).await.map_err(internal)?;
    let mut sessions = store.sessions_of(user.id).await.map_err(internal)?;
    sessions.retain(|session| session.expires_at > op.now);
    let address = store.mail_preferences(user.id).await.map_err(internal)?.address;
    Ok(UserDetail {
        seen: seal(&user),
        person,
        last_sign_in: last.into_iter().next().map(|(_, at)| at),
        sessions: sessions.len() as u64,
        address,
        user,
    })
}

/// The user of this login.
pub async fn by_login(op: &OpContext, login: &str) -> Result<User, ApiError> {
    op.require(VIEW)?;
    let found = op.engine.store().user_by_login(login).await.map_err(internal)?;
    found.map(|(user, _)| user).ok_or_else(|| ApiError::not_found(format!("user `{login}`")))
}

/// Stands for everything about a user that can be changed, but the password.
pub(super) fn seal(user: &User) -> String {
    let text = serde_json::to_vec(user).unwrap_or_default();
    Sha256::digest(text).iter().take(12).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use model::user::UserShow;

    use super::*;

    fn user(id: i64, login: &str, profiles: &[&str]) -> User {
        User {
            id: UserId(id),
            login: login.into(),
            display_name: format!("Name of {login}"),
            identity: (id % 2 == 0).then_some(IdentityId(id)),
            profiles: profiles.iter().map(|name| (*name).into()).collect(),
            disabled: id > 3,
        }
    }

    #[test]
    fn a_list_is_filtered_and_goes_on_where_it_ended() {
        let all =
            || vec![user(1, "bo", &["a"]), user(2, "Ann", &["a", "b"]), user(3, "cy", &[]), user(4, "dee", &["b"])];
        let shown = |filter: UserFilter| {
            let (found, next, total) = piece(&Configuration::default(), all(), &filter);
            (found.into_iter().map(|user| user.login).collect::<Vec<_>>().join(" "), next, total)
        };
        let all_of = |filter: UserFilter| shown(filter).0;
        assert_eq!(all_of(UserFilter::default()), "Ann bo cy dee");
        assert_eq!(all_of(UserFilter { text: Some("OF C".into()), ..UserFilter::default() }), "cy");
        assert_eq!(all_of(UserFilter { profile: Some("b".into()), ..UserFilter::default() }), "Ann dee");
        assert_eq!(all_of(UserFilter { show: Some(UserShow::Disabled), ..UserFilter::default() }), "dee");
        assert_eq!(all_of(UserFilter { show: Some(UserShow::Unlinked), ..UserFilter::default() }), "bo cy");
        let first = UserFilter { limit: Some(2), ..UserFilter::default() };
        assert_eq!(shown(first.clone()), ("Ann bo".into(), Some("bo".into()), 4));
        assert_eq!(shown(UserFilter { after: Some("bo".into()), ..first }), ("cy dee".into(), None, 4));
    }

    #[test]
    fn a_seal_is_of_everything_that_can_be_changed() {
        let before = user(1, "bo", &["a"]);
        for after in [
            User { display_name: "B".into(), ..before.clone() },
            User { identity: Some(IdentityId(9)), ..before.clone() },
            User { profiles: vec![], ..before.clone() },
            User { disabled: true, ..before.clone() },
        ] {
            assert_ne!(seal(&before), seal(&after));
        }
        assert_eq!(seal(&before), seal(&before.clone()));
    }
}
