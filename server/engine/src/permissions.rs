//! What the product's own users may do: asked for one user or for some profiles, and for everybody. The questions are
//! `model::permission`'s, and answered by what [`OpContext::may`] asks as well.

use std::sync::Arc;

use jiff::civil::Date;
use model::configuration::{Configuration, PermissionConflict, PermissionEntry};
use model::error::ApiError;
use model::identity::Identity;
use model::ids::{IdentityId, UserId};
use model::permission::conflict::{self, Met};
use model::permission::{Answer, Grant, Question, catalogue};
use model::user::{PermissionPath, User};
use policy::model::RoleModel;
use serde::Serialize;

use crate::context::OpContext;
use crate::error::internal;
use crate::reach;
use crate::users::{self, VIEW};

/// Of whom something is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A user, by login.
    Login(String),
    /// Whoever would hold these profiles.
    Profiles(Vec<String>),
}

/// Whether somebody may do something, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tested {
    /// The user, unless it was asked of profiles.
    pub user: Option<User>,
    pub profiles: Vec<String>,
    /// Whoever is disabled cannot even sign in, whatever their profiles say.
    pub disabled: bool,
    /// None where it takes no permission.
    pub answer: Option<Answer>,
    /// The person about whom it was asked.
    pub about: Option<String>,
    /// Entries of profiles that are about others than that person.
    pub apart: Vec<Grant>,
}

impl Tested {
    pub fn allowed(&self) -> bool {
        !self.disabled && self.answer.as_ref().is_none_or(|answer| answer.allowed)
    }

    /// "Yes: Ann may see people, about some people only."; `words` say what it is that somebody may do.
    pub fn sentence(&self, name: &str, words: &str) -> String {
        let is_about_some = self
            .answer
            .as_ref()
            .is_some_and(|answer| !answer.by.is_empty() && answer.by.iter().all(|grant| grant.people.is_some()));
        let about = match &self.about {
            Some(person) => format!(", about {person}"),
            None if is_about_some => ", about some people only".to_owned(),
            None => String::new(),
        };
        match self.allowed() {
            true => format!("Yes: {name} may {words}{about}."),
            false => format!("No: {name} may not {words}{about}."),
        }
    }
}

/// Asks of somebody; without a question, whether they could sign in for it. Without a person, whether they may do it about
/// somebody at least.
pub async fn test(
    op: &OpContext,
    subject: &Subject,
    question: Option<&Question>,
    about: Option<IdentityId>,
) -> Result<Tested, ApiError> {
    op.require(VIEW)?;
    let configuration = live(op).await?;
    let (user, profiles) = match subject {
        Subject::Login(login) => {
            let user = users::by_login(op, login).await?;
            let profiles = user.profiles.clone();
            (Some(user), profiles)
        }
        Subject::Profiles(profiles) => {
            if let Some(unknown) = profiles.iter().find(|name| !configuration.permission_profiles.contains_key(*name)) {
                return Err(ApiError::not_found(format!("permission profile `{unknown}`")));
            }
            (None, profiles.clone())
        }
    };
    let mut tested = Tested {
        disabled: user.as_ref().is_some_and(|user| user.disabled),
        answer: question.map(|question| question.answer(&configuration, &profiles)),
        user,
        profiles,
        about: None,
        apart: Vec::new(),
    };
    if let (Some(about), Some(question)) = (about, question) {
        let known = Known::read(op, about, tested.user.as_slice()).await?;
        tested.about = Some(known.person.display_name.clone());
        tested.apart = known.narrow(&mut tested.answer, question, &configuration, tested.user.as_ref());
    }
    Ok(tested)
}

/// What it takes to say whom a profile is about: the person, and who the users are.
struct Known {
    person: Identity,
    users: Vec<Identity>,
    model: Arc<RoleModel>,
    today: Date,
}

impl Known {
    async fn read(op: &OpContext, about: IdentityId, users: &[User]) -> Result<Self, ApiError> {
        let ids: Vec<IdentityId> = users.iter().filter_map(|user| user.identity).collect();
        let store = op.engine.store();
        let person = store.identities_by_id(&[about]).await.map_err(internal)?.pop();
        Ok(Self {
            person: person.ok_or_else(|| ApiError::not_found(format!("identity {about}")))?,
            users: store.identities_by_id(&ids).await.map_err(internal)?,
            model: op.engine.world().live().model.clone(),
            today: op.engine.today(),
        })
    }

    fn is_about(&self, grant: &Grant, user: Option<&User>) -> bool {
        if grant.people.is_none() {
            return true;
        }
        let user = user.and_then(|user| self.users.iter().find(|other| Some(other.id) == user.identity));
        let condition = self.model.people_of(&grant.profile);
        condition.is_some_and(|condition| reach::is_about(condition, user, &self.person, self.today))
    }

    /// Takes away what is about others, and answers with that.
    fn narrow(
        &self,
        answer: &mut Option<Answer>,
        question: &Question,
        configuration: &Configuration,
        user: Option<&User>,
    ) -> Vec<Grant> {
        let Some(answer) = answer else { return Vec::new() };
        let (by, apart) = std::mem::take(&mut answer.by).into_iter().partition(|grant| self.is_about(grant, user));
        answer.by = by;
        if answer.by.is_empty() && answer.allowed {
            *answer = question.answer(configuration, &[]);
        }
        answer.others.retain(|grant| self.is_about(grant, user) && !apart.contains(grant));
        apart
    }
}

/// Somebody who may do something, and by what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Able {
    pub id: UserId,
    pub login: String,
    pub display_name: String,
    /// Empty where it takes no permission.
    pub by: Vec<Grant>,
}

/// Everybody who can sign in and may do it: about that person, or about somebody at least.
pub async fn who(
    op: &OpContext,
    question: Option<&Question>,
    about: Option<IdentityId>,
) -> Result<Vec<Able>, ApiError> {
    op.require(VIEW)?;
    let configuration = live(op).await?;
    let users = op.engine.store().users().await.map_err(internal)?;
    let known = match about {
        Some(about) => Some(Known::read(op, about, &users).await?),
        None => None,
    };
    let able = |user: User| {
        let by = match question {
            Some(question) => {
                let mut answer = Some(question.answer(&configuration, &user.profiles));
                if let Some(known) = &known {
                    known.narrow(&mut answer, question, &configuration, Some(&user));
                }
                answer.filter(|it| it.allowed)?.by
            }
            None => Vec::new(),
        };
        Some(Able { id: user.id, login: user.login, display_name: user.display_name, by })
    };
    Ok(users.into_iter().filter(|user| !user.disabled).filter_map(able).collect())
}

/// A permission profile, and who holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ProfileView {
    pub name: String,
    pub label: String,
    pub entries: Vec<EntryView>,
    /// The condition for those about whom it is; about everybody without one.
    pub people: Option<String>,
    pub holders: Vec<Holder>,
}

/// An entry of a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryView {
    /// As it is written.
    pub text: String,
    /// None where it cannot be read.
    pub path: Option<PermissionPath>,
    /// Whoever holds it is told of what lies exactly at this path.
    pub notifies: bool,
    /// Something asks for it, or for what lies below it.
    pub is_known: bool,
}

/// Somebody who holds a profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Holder {
    pub id: UserId,
    pub login: String,
    pub display_name: String,
    pub disabled: bool,
}

/// All profiles by name, and what users hold that is none any more.
pub async fn profiles(op: &OpContext) -> Result<Vec<ProfileView>, ApiError> {
    op.require(VIEW)?;
    let configuration = live(op).await?;
    let users = op.engine.store().users().await.map_err(internal)?;
    let holders = |name: &String| {
        let held = users.iter().filter(|user| user.profiles.contains(name));
        held.map(holder).collect::<Vec<_>>()
    };
    let entry = |entry: &PermissionEntry| {
        let path = PermissionPath::parse(entry.path());
        EntryView {
            text: entry.path().to_owned(),
            is_known: path.as_ref().is_some_and(|path| catalogue::is_known(&configuration, path)),
            path,
            notifies: entry.notifies(),
        }
    };
    let known = configuration.permission_profiles.iter().map(|(name, profile)| ProfileView {
        name: name.clone(),
        label: profile.display_name.clone(),
        entries: profile.permissions.iter().map(entry).collect(),
        people: profile.people.clone(),
        holders: holders(name),
    });
    let mut gone: Vec<String> = users.iter().flat_map(|user| user.profiles.iter().cloned()).collect();
    gone.retain(|name| !configuration.permission_profiles.contains_key(name));
    gone.sort();
    gone.dedup();
    let gone = gone.into_iter().map(|name| ProfileView {
        label: name.clone(),
        entries: Vec::new(),
        people: None,
        holders: holders(&name),
        name,
    });
    Ok(known.chain(gone).collect())
}

/// A pair of what nobody should be allowed together, and who is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConflictView {
    pub name: String,
    pub conflict: PermissionConflict,
    /// Users that can sign in and meet both sides, and by what.
    pub users: Vec<(Holder, Met)>,
    /// Profiles that meet both sides by themselves, and are not for everything.
    pub profiles: Vec<Met>,
}

/// All pairs by name.
pub async fn conflicts(op: &OpContext) -> Result<Vec<ConflictView>, ApiError> {
    op.require(VIEW)?;
    let configuration = live(op).await?;
    let mut users = op.engine.store().users().await.map_err(internal)?;
    users.retain(|user| !user.disabled);
    let met: Vec<(Holder, Met)> = users
        .iter()
        .flat_map(|user| conflict::met(&configuration, &user.profiles).into_iter().map(|met| (holder(user), met)))
        .collect();
    let alone = configuration
        .permission_profiles
        .keys()
        .flat_map(|name| conflict::met(&configuration, std::slice::from_ref(name)));
    let by_profile: Vec<Met> = alone.filter(|met| !met.is_by_everything()).collect();
    let view = |(name, conflict): (&String, &PermissionConflict)| ConflictView {
        name: name.clone(),
        conflict: conflict.clone(),
        users: met.iter().filter(|(_, met)| met.conflict == *name).cloned().collect(),
        profiles: by_profile.iter().filter(|met| met.conflict == *name).cloned().collect(),
    };
    Ok(configuration.permission_conflicts.iter().map(view).collect())
}

/// Pairs of which whoever holds these profiles meets both sides.
pub async fn met(op: &OpContext, profiles: &[String]) -> Result<Vec<Met>, ApiError> {
    op.require(VIEW)?;
    let configuration = live(op).await?;
    Ok(conflict::met(&configuration, profiles))
}

fn holder(user: &User) -> Holder {
    Holder { id: user.id, login: user.login.clone(), display_name: user.display_name.clone(), disabled: user.disabled }
}

/// Names of profiles, with what people call them.
pub async fn profile_names(op: &OpContext) -> Result<Vec<(String, String)>, ApiError> {
    op.require(VIEW)?;
    let configuration = live(op).await?;
    let named = configuration.permission_profiles.iter();
    Ok(named.map(|(name, profile)| (name.clone(), profile.display_name.clone())).collect())
}

/// Names of account types, with what people call them.
pub async fn account_types(op: &OpContext) -> Result<Vec<(String, String)>, ApiError> {
    op.require(VIEW)?;
    let configuration = live(op).await?;
    let named = configuration.account_types.iter();
    Ok(named.map(|(name, kind)| (name.clone(), kind.display_name.clone())).collect())
}

/// The entries of a user's profiles: name of the profile, path, and whether it notifies.
pub async fn held(op: &OpContext, profiles: &[String]) -> Result<Vec<(String, PermissionPath)>, ApiError> {
    op.require(VIEW)?;
    let configuration = live(op).await?;
    let known = profiles.iter().filter_map(|name| Some((name, configuration.permission_profiles.get(name)?)));
    let entries = known.flat_map(|(name, profile)| {
        let paths = profile.permissions.iter().filter_map(|entry| PermissionPath::parse(entry.path()));
        paths.map(|path| (name.clone(), path))
    });
    Ok(entries.collect())
}

async fn live(op: &OpContext) -> Result<std::sync::Arc<Configuration>, ApiError> {
    op.engine.follow_configuration().await.map_err(|_| ApiError::internal())?;
    Ok(op.engine.world().configuration())
}
