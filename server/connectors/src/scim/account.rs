//! Users: created once, changed where they differ, found again by their natural key.

use std::sync::Arc;

use async_trait::async_trait;
use model::command::{Command, CommandError};
use model::order::ErrorClass;
use model::plan::Operation;
use model::value::Value;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::client::{Effect, Failure};
use super::group::patch;
use super::listing::{Listing, Resource, id};
use super::path::Path;
use super::{Scim, USERS};
use crate::directory::{Change, Directory, Done, Groups, MemberError, secrets};

const USER_SCHEMA: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

#[async_trait]
impl Directory for Scim {
    async fn change_account(&self, command: &Command) -> Result<Done, CommandError> {
        match command.operation {
            Operation::Create => self.create(command).await,
            Operation::Update => self.update(command, None).await,
            Operation::Enable => self.update(command, Some(true)).await,
            Operation::Disable => self.update(command, Some(false)).await,
            Operation::Delete => self.delete(command).await,
        }
    }

    async fn groups(&self, fresh: bool) -> Result<Arc<Groups>, CommandError> {
        match self.remembered_groups().await {
            Some(groups) if !fresh => Ok(groups),
            _ => self.read_groups().await,
        }
    }

    async fn change_members(&self, group: &str, change: Change, members: &[String]) -> Result<bool, MemberError> {
        self.patch_members(group, change, members).await
    }
}

impl Scim {
    /// The user with this id, or none.
    pub(super) async fn user(&self, id: &str) -> Result<Option<Resource>, CommandError> {
        match self.client.call(Effect::Read, Method::GET, &[USERS, id], &[], None, &[]).await {
            Ok(user) if user.get("id").and_then(Json::as_str) == Some(id) => Ok(Some(user)),
            Ok(_) => Err(CommandError::new(
                ErrorClass::Protocol,
                format!("GET /Users/{id}: the application answered with something else than that account."),
            )),
            Err(failure) if failure.error.class == ErrorClass::NotFound => Ok(None),
            Err(failure) => Err(failure.error),
        }
    }

    /// Users whose attribute has this value, whatever the server makes of the filter.
    pub(super) async fn users_with(&self, name: &str, value: &Value) -> Result<Vec<(String, Resource)>, CommandError> {
        if name == "id" {
            let Some(id) = value.as_text() else { return Ok(Vec::new()) };
            return Ok(self.user(id).await?.map(|user| (id.to_owned(), user)).into_iter().collect());
        }
        let path = Path::parse(name)?;
        let filter = path.filter(value);
        let listing = Listing { endpoint: USERS, filter: Some(&filter), excluded: None, page_size: self.page_size };
        let everybody = Listing { filter: None, ..listing };
        let users = match listing.all(&self.client).await {
            Err(failure) if cannot_filter(&failure) => everybody.all(&self.client).await?,
            // Not every server understands escaped characters in a filter, and those do not say so.
            Ok(users) if users.is_empty() && filter.contains('\\') => everybody.all(&self.client).await?,
            other => other?,
        };
        let same = |user: &Resource| path.read(user).is_some_and(|found| is_same(&found, value));
        Ok(users.into_iter().filter(|(_, user)| same(user)).collect())
    }

    async fn create(&self, command: &Command) -> Result<Done, CommandError> {
        if command.in_doubt
            && let Some(done) = self.take_over(command).await?
        {
            return Ok(done);
        }
        let mut user = Map::new();
        let mut schemas = vec![USER_SCHEMA.to_owned()];
        for (name, value) in command.attributes() {
            let path = Path::parse(&name)?;
            path.write(&mut user, &value);
            schemas.extend(path.extension.filter(|urn| !schemas.contains(urn)));
        }
        user.insert("schemas".to_owned(), json!(schemas));
        user.entry("active").or_insert(Json::Bool(true));
        let body = Json::Object(user);
        let secrets = secrets(command);
        match self.client.call(Effect::Create, Method::POST, &[USERS], &[], Some(&body), &secrets).await {
            Ok(created) => match id(USERS, &created) {
                Ok(key) => {
                    Ok(Done { key, changed: true, adopted: false, gone: false, detail: "POST /Users: 201".into() })
                }
                // Created, and not told under which id.
                Err(failure) => self.take_over(command).await?.ok_or(failure.error),
            },
            Err(failure) if failure.error.class == ErrorClass::Conflict => {
                self.take_over(command).await?.ok_or(failure.error)
            }
            Err(failure) => Err(failure.error),
        }
    }

    /// Looks for the account a creation is about. None: there is none. What carries our external id is ours and brought
    /// in step; what holds all our values already is taken over; anything else belongs to somebody.
    async fn take_over(&self, command: &Command) -> Result<Option<Done>, CommandError> {
        let Some((name, value)) = &self.natural_keys.of(command) else { return Ok(None) };
        let mut found = self.users_with(name, value).await?;
        let Some((key, user)) = found.pop() else { return Ok(None) };
        if !found.is_empty() {
            let message = format!("The application has several accounts whose {name} is {value}. Remove all but one.");
            return Err(CommandError::new(ErrorClass::Conflict, message));
        }
        let external_id = command.attributes().remove("externalId");
        let marked =
            external_id.is_some_and(|ours| Path::parse("externalId").is_ok_and(|path| path.read(&user) == Some(ours)));
        let differs: Vec<String> = command
            .items
            .iter()
            .filter(|item| !item.secret && item.name != "active")
            .filter_map(|item| Some((item.name.clone(), item.value.as_ref()?)))
            .filter(|(name, value)| {
                Path::parse(name).is_ok_and(|path| !path.read(&user).is_some_and(|found| is_same(&found, value)))
            })
            .map(|(name, _)| name)
            .collect();
        if !marked && !differs.is_empty() {
            let message = format!(
                "The application has an account whose {name} is {value}, with another {}: it is somebody else's.",
                differs.join(", ")
            );
            return Err(CommandError::new(ErrorClass::Conflict, message));
        }
        let mut done = self.bring_in_step(command, key, &user, Some(true)).await?;
        done.adopted = !command.in_doubt;
        Ok(Some(done))
    }

    async fn update(&self, command: &Command, active: Option<bool>) -> Result<Done, CommandError> {
        let (key, user) = self.existing(command).await?;
        self.bring_in_step(command, key, &user, active).await
    }

    /// Changes what differs, in one request.
    async fn bring_in_step(
        &self,
        command: &Command,
        key: String,
        user: &Resource,
        active: Option<bool>,
    ) -> Result<Done, CommandError> {
        let mut operations = Vec::new();
        for (name, value) in command.attributes() {
            let path = Path::parse(&name)?;
            if path.read(user).as_ref() != Some(&value) {
                operations.push(path.set(user, &value));
            }
        }
        for name in command.cleared() {
            let path = Path::parse(name)?;
            if path.read(user).is_some() {
                operations.push(path.clear());
            }
        }
        if let Some(active) = active
            && is_active(user) != active
        {
            operations.push(json!({ "op": "replace", "path": "active", "value": active }));
        }
        if operations.is_empty() {
            let detail = format!("GET /Users/{key}: already so");
            return Ok(Done { key, changed: false, adopted: false, gone: false, detail });
        }
        let body = patch(operations);
        let secrets = secrets(command);
        self.client.call(Effect::Write, Method::PATCH, &[USERS, &key], &[], Some(&body), &secrets).await?;
        let detail = format!("PATCH /Users/{key}: done");
        Ok(Done { key, changed: true, adopted: false, gone: false, detail })
    }

    async fn delete(&self, command: &Command) -> Result<Done, CommandError> {
        let key = match (&command.key, self.existing(command).await) {
            (_, Ok((key, _))) => key,
            (Some(key), Err(error)) if error.class == ErrorClass::NotFound => {
                let detail = format!("GET /Users/{key}: not there");
                return Ok(Done { key: key.clone(), changed: false, adopted: false, gone: true, detail });
            }
            (_, Err(error)) => return Err(error),
        };
        let (changed, detail) =
            match self.client.call(Effect::Write, Method::DELETE, &[USERS, &key], &[], None, &[]).await {
                Ok(_) => (true, format!("DELETE /Users/{key}: done")),
                Err(failure) if failure.error.class == ErrorClass::NotFound => {
                    (false, format!("DELETE /Users/{key}: not there"))
                }
                Err(failure) => return Err(failure.error),
            };
        Ok(Done { key, changed, adopted: false, gone: true, detail })
    }

    /// The account a command is about: by its key, or by its natural key where the key is not known.
    async fn existing(&self, command: &Command) -> Result<(String, Resource), CommandError> {
        let missing = |what: String| CommandError::new(ErrorClass::NotFound, what);
        match (&command.key, self.natural_keys.of(command)) {
            (Some(key), _) => match self.user(key).await? {
                Some(user) => Ok((key.clone(), user)),
                None => Err(missing(format!("The application has no account {key}."))),
            },
            (None, Some((name, value))) => match self.users_with(&name, &value).await?.pop() {
                Some(found) => Ok(found),
                None => Err(missing(format!("The application has no account whose {name} is {value}."))),
            },
            (None, None) => Err(missing("The order names neither a key nor a natural key.".to_owned())),
        }
    }
}

/// Absent means active; some servers write booleans as text.
pub(super) fn is_active(user: &Resource) -> bool {
    match super::path::get(user, "active") {
        Some(Json::Bool(active)) => *active,
        Some(Json::String(text)) => !text.eq_ignore_ascii_case("false"),
        _ => true,
    }
}

/// Whether two values are the same account's to a server that does not tell capitals apart.
fn is_same(found: &Value, wanted: &Value) -> bool {
    match (found, wanted) {
        (Value::Text(found), Value::Text(wanted)) => found == wanted || found.to_lowercase() == wanted.to_lowercase(),
        (Value::List(found), Value::Text(wanted)) => {
            found.iter().any(|one| one.to_lowercase() == wanted.to_lowercase())
        }
        (found, wanted) => found == wanted,
    }
}

fn cannot_filter(failure: &Failure) -> bool {
    matches!(failure.status, Some(StatusCode::BAD_REQUEST | StatusCode::NOT_IMPLEMENTED | StatusCode::FORBIDDEN))
}
