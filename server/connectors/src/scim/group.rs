//! Groups: which there are, who is in them, and how members are put in and taken out.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use model::command::CommandError;
use model::order::ErrorClass;
use reqwest::Method;
use serde_json::{Value as Json, json};

use super::client::{Effect, Failure};
use super::listing::{Listing, Resource};
use super::{GROUPS, Scim};
use crate::directory::{Change, Groups, MemberError};

const PATCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

impl Scim {
    /// The groups there are now; remembered for the next changes.
    pub(super) async fn read_groups(&self) -> Result<Arc<Groups>, CommandError> {
        let mut remembered = self.groups.lock().await;
        let listing = Listing { endpoint: GROUPS, filter: None, excluded: Some("members"), page_size: self.page_size };
        let mut groups = Groups::new();
        for (id, group) in listing.all(&self.client).await? {
            if let Some(name) = display_name(&group) {
                groups.entry(name).or_default().push(id);
            }
        }
        let groups = Arc::new(groups);
        *remembered = Some(Arc::clone(&groups));
        Ok(groups)
    }

    pub(super) async fn remembered_groups(&self) -> Option<Arc<Groups>> {
        self.groups.lock().await.clone()
    }

    /// Names of the groups of each member.
    pub(super) async fn all_memberships(&self) -> Result<HashMap<String, BTreeSet<String>>, CommandError> {
        let listing = Listing { endpoint: GROUPS, filter: None, excluded: None, page_size: self.page_size };
        let mut memberships: HashMap<String, BTreeSet<String>> = HashMap::new();
        let mut take = |page: Vec<(String, Resource)>| {
            for (_, group) in page {
                let Some(name) = display_name(&group) else { continue };
                for member in members(&group) {
                    memberships.entry(member.to_owned()).or_default().insert(name.clone());
                }
            }
        };
        listing.read(&self.client, &mut take).await?;
        Ok(memberships)
    }

    /// Names of the groups of one member. Where the server can be asked for them, a large group is not read for it.
    pub(super) async fn memberships_of(&self, id: &str) -> Result<BTreeSet<String>, CommandError> {
        let mut can_ask = self.members_filter.lock().await;
        match *can_ask {
            Some(true) => {
                drop(can_ask);
                Ok(self.ask_memberships(id).await?)
            }
            Some(false) => {
                drop(can_ask);
                Ok(self.all_memberships().await?.remove(id).unwrap_or_default())
            }
            None => {
                let mut all = self.all_memberships().await?;
                // Tried with a member of whom the groups are known, and with one that cannot exist.
                if let Some((member, known)) = all.iter().next() {
                    let asked = self.ask_memberships(member).await;
                    let nobody = self.ask_memberships("there is no such member").await;
                    let passes = |failure: &Failure| failure.error.class.is_retryable();
                    match (asked, nobody) {
                        (Ok(asked), Ok(nobody)) => *can_ask = Some(asked == *known && nobody.is_empty()),
                        (Err(failure), _) | (_, Err(failure)) if passes(&failure) => (),
                        _ => *can_ask = Some(false),
                    }
                }
                Ok(all.remove(id).unwrap_or_default())
            }
        }
    }

    async fn ask_memberships(&self, id: &str) -> Result<BTreeSet<String>, Failure> {
        let filter = format!("members.value eq {}", json!(id));
        let listing =
            Listing { endpoint: GROUPS, filter: Some(&filter), excluded: Some("members"), page_size: self.page_size };
        Ok(listing.all(&self.client).await?.iter().filter_map(|(_, group)| display_name(group)).collect())
    }

    pub(super) async fn patch_members(
        &self,
        group: &str,
        change: Change,
        members: &[String],
    ) -> Result<bool, MemberError> {
        let operations = match change {
            Change::Add => {
                let entries: Vec<Json> = members.iter().map(|id| json!({ "value": id })).collect();
                vec![json!({ "op": "add", "path": "members", "value": entries })]
            }
            Change::Remove => members
                .iter()
                .map(|id| json!({ "op": "remove", "path": format!("members[value eq {}]", json!(id)) }))
                .collect(),
        };
        let body = patch(operations);
        // The answer repeats all members. To ask for it without them makes servers that read, change and write with the
        // same parameters forget all other members.
        let call = self.client.call(Effect::Write, Method::PATCH, &[GROUPS, group], &[], Some(&body), &[]).await;
        match call {
            Ok(_) => Ok(true),
            Err(failure) if failure.too_long && failure.status.is_some_and(|status| status.is_success()) => Ok(true),
            Err(failure) if failure.error.class == ErrorClass::NotFound => Err(MemberError::GroupGone(failure.error)),
            // A member that is not there cannot be taken out; some servers say so (noTarget).
            Err(failure) if change == Change::Remove && members.len() == 1 && is_no_target(&failure) => Ok(false),
            Err(failure) => Err(MemberError::Failed(failure.error)),
        }
    }
}

pub(super) fn patch(operations: Vec<Json>) -> Json {
    json!({ "schemas": [PATCH_SCHEMA], "Operations": operations })
}

fn is_no_target(failure: &Failure) -> bool {
    failure.error.class == ErrorClass::Invalid && failure.error.message.contains("noTarget")
}

fn display_name(group: &Resource) -> Option<String> {
    group.get("displayName").and_then(Json::as_str).map(str::to_owned)
}

fn members(group: &Resource) -> impl Iterator<Item = &str> {
    let members = group.get("members").and_then(Json::as_array);
    members.into_iter().flatten().filter_map(|member| member.get("value").and_then(Json::as_str))
}
