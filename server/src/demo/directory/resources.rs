//! Users and groups in memory, and the one function by which they change: it serves requests and replays the journal.

use std::collections::BTreeMap;

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json, json};

use super::journal::Entry;
use super::{Refusal, patch, schemas};

/// What kind of resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    User,
    Group,
}

impl Kind {
    pub(super) fn from_endpoint(name: &str) -> Result<Self, Refusal> {
        match name {
            "Users" => Ok(Self::User),
            "Groups" => Ok(Self::Group),
            other => Err(Refusal::new(StatusCode::NOT_FOUND, None, format!("There is no endpoint {other}."))),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    /// Attribute that has to be there, and that no two resources of the kind share, regardless of case.
    fn unique(self) -> &'static str {
        match self {
            Self::User => "userName",
            Self::Group => "displayName",
        }
    }
}

/// Every resource by id. Ids are numbers as text, sorted as numbers, given once.
#[derive(Debug, Default)]
pub(super) struct Resources {
    users: BTreeMap<u64, Map<String, Json>>,
    groups: BTreeMap<u64, Map<String, Json>>,
    last_id: u64,
}

impl Resources {
    /// An id that was never given before.
    pub(super) fn next_id(&mut self) -> String {
        self.last_id += 1;
        self.last_id.to_string()
    }

    pub(super) fn last_id(&self) -> u64 {
        self.last_id
    }

    pub(super) fn all(&self, kind: Kind) -> impl Iterator<Item = (u64, &Map<String, Json>)> {
        self.of(kind).iter().map(|(id, resource)| (*id, resource))
    }

    pub(super) fn get(&self, kind: Kind, id: &str) -> Result<&Map<String, Json>, Refusal> {
        number(id).and_then(|number| self.of(kind).get(&number)).ok_or_else(|| unknown(kind, id))
    }

    /// The resource as it is sent.
    pub(super) fn shown(&self, kind: Kind, resource: &Map<String, Json>) -> Json {
        let mut shown = resource.clone();
        let id = resource.get("id").and_then(Json::as_str).unwrap_or_default();
        shown.insert("schemas".into(), schemas::used(kind, resource));
        let location = format!("/scim/v2/{}s/{id}", kind.name());
        shown.insert("meta".into(), json!({ "resourceType": kind.name(), "location": location }));
        Json::Object(shown)
    }

    /// Changes what the entry says, or nothing at all.
    pub(super) fn apply(&mut self, entry: &Entry) -> Result<(), Refusal> {
        match entry {
            Entry::LastId { id } => self.last_id = self.last_id.max(*id),
            Entry::Put { kind, id, resource } => self.put(*kind, id, resource.clone())?,
            Entry::Patch { kind, id, operations } => {
                let changed = patch::apply(self.get(*kind, id)?, operations)?;
                self.put(*kind, id, changed)?;
            }
            Entry::Delete { kind, id } => {
                self.get(*kind, id)?;
                number(id).and_then(|number| self.of_mut(*kind).remove(&number));
                if *kind == Kind::User {
                    self.forget_member(id);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, kind: Kind, id: &str, mut resource: Map<String, Json>) -> Result<(), Refusal> {
        let number = number(id).ok_or_else(|| unknown(kind, id))?;
        resource.remove("schemas");
        resource.remove("meta");
        resource.insert("id".into(), id.into());
        let unique = kind.unique();
        let name = resource.get(unique).and_then(Json::as_str).filter(|name| !name.is_empty());
        let Some(name) = name else {
            return Err(Refusal::invalid("invalidValue", format!("A {} needs {unique}.", kind.name())));
        };
        let folded = name.to_lowercase();
        let taken = self.all(kind).any(|(other, resource)| {
            other != number
                && resource.get(unique).and_then(Json::as_str).is_some_and(|name| name.to_lowercase() == folded)
        });
        if taken {
            let detail = format!("There is a {} with {unique} {name:?} already.", kind.name());
            return Err(Refusal::new(StatusCode::CONFLICT, Some("uniqueness"), detail));
        }
        match kind {
            Kind::User => drop(resource.entry("active").or_insert(Json::Bool(true))),
            Kind::Group => self.check_members(&mut resource)?,
        }
        self.last_id = self.last_id.max(number);
        self.of_mut(kind).insert(number, resource);
        Ok(())
    }

    /// Members are users there are, each once.
    fn check_members(&self, group: &mut Map<String, Json>) -> Result<(), Refusal> {
        let members = group.entry("members").or_insert_with(|| json!([]));
        let Json::Array(members) = members else {
            return Err(Refusal::invalid("invalidValue", "The members of a group are a list."));
        };
        let mut seen = std::collections::HashSet::new();
        for member in members.iter() {
            let id = member.get("value").and_then(Json::as_str).unwrap_or_default();
            if number(id).is_none_or(|number| !self.users.contains_key(&number)) {
                return Err(Refusal::invalid(
                    "invalidValue",
                    format!("There is no user with id {id:?} to be a member."),
                ));
            }
        }
        members.retain(|member| seen.insert(member.get("value").cloned().map(|id| id.to_string())));
        Ok(())
    }

    fn forget_member(&mut self, id: &str) {
        for group in self.groups.values_mut() {
            if let Some(Json::Array(members)) = group.get_mut("members") {
                members.retain(|member| member.get("value").and_then(Json::as_str) != Some(id));
            }
        }
    }

    fn of(&self, kind: Kind) -> &BTreeMap<u64, Map<String, Json>> {
        match kind {
            Kind::User => &self.users,
            Kind::Group => &self.groups,
        }
    }

    fn of_mut(&mut self, kind: Kind) -> &mut BTreeMap<u64, Map<String, Json>> {
        match kind {
            Kind::User => &mut self.users,
            Kind::Group => &mut self.groups,
        }
    }
}

/// The refusal for an id that nothing has.
pub(super) fn unknown(kind: Kind, id: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, None, format!("There is no {} with id {id:?}.", kind.name()))
}

/// Only the spelling that was given out names the resource.
fn number(id: &str) -> Option<u64> {
    id.parse().ok().filter(|number: &u64| number.to_string() == id)
}
