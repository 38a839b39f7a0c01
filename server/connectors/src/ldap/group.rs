//! Groups: which there are, who is in them, and how members are put in and taken out.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use ldap3::{LdapResult, Mod, Scope};
use model::command::CommandError;

use super::entry::Entry;
use super::pool::{Search, declined};
use super::{Ldap, dn};
use crate::directory::{Change, Groups, MemberError};

/// Names of the groups of each member, by the member's name in its normal spelling.
pub(super) type Memberships = HashMap<String, BTreeSet<String>>;

impl Ldap {
    /// The groups there are now; remembered for the next changes.
    pub(super) async fn read_groups(&self) -> Result<Arc<Groups>, CommandError> {
        let mut remembered = self.groups.lock().await;
        let mut groups = Groups::new();
        for group in self.groups_with("", false).await? {
            if let Some(name) = group.first("cn") {
                groups.entry(name.to_owned()).or_default().push(group.dn.clone());
            }
        }
        let groups = Arc::new(groups);
        *remembered = Some(Arc::clone(&groups));
        Ok(groups)
    }

    pub(super) async fn remembered_groups(&self) -> Option<Arc<Groups>> {
        self.groups.lock().await.clone()
    }

    pub(super) async fn all_memberships(&self) -> Result<Memberships, CommandError> {
        let mut memberships = Memberships::new();
        for group in self.groups_with("", true).await? {
            let Some(name) = group.first("cn").map(str::to_owned) else { continue };
            for member in self.members(group).await? {
                if let Some(member) = dn::normal(&member) {
                    memberships.entry(member).or_default().insert(name.clone());
                }
            }
        }
        Ok(memberships)
    }

    pub(super) async fn memberships_of(&self, member: &str) -> Result<Memberships, CommandError> {
        let Some(normal) = dn::normal(member) else { return Ok(Memberships::new()) };
        let groups = self.groups_of(member).await?;
        let names: BTreeSet<String> = groups.iter().filter_map(|group| group.first("cn")).map(str::to_owned).collect();
        Ok(Memberships::from([(normal, names)]))
    }

    /// Takes what is no more out of every group, and puts what replaces it in. Servers that look after references
    /// themselves have done so by now.
    pub(super) async fn replace_member(&self, old: &str, new: Option<&str>) -> Result<(), CommandError> {
        for group in self.groups_of(old).await? {
            let lock = self.locks.of(group.first("cn").unwrap_or_default());
            let _guard = lock.lock().await;
            let changes = [new.map(|new| (Change::Add, new)), Some((Change::Remove, old))];
            for (change, member) in changes.into_iter().flatten() {
                match self.modify_members(&group.dn, change, &[member.to_owned()]).await {
                    // A group that is gone has no members.
                    Ok(_) | Err(MemberError::GroupGone(_)) => (),
                    Err(MemberError::Failed(error)) => return Err(error),
                }
            }
        }
        Ok(())
    }

    pub(super) async fn modify_members(
        &self,
        group: &str,
        change: Change,
        members: &[String],
    ) -> Result<bool, MemberError> {
        let mut result = self.modify_group(group, change, members).await?;
        if change == Change::Remove && result.rc == 65 {
            // The last member of a group that must have one: somebody who is no account stays in it.
            let placeholder = self.modify_group(group, Change::Add, std::slice::from_ref(&self.bind_dn)).await?;
            if placeholder.rc == 0 || placeholder.rc == 20 {
                result = self.modify_group(group, change, members).await?;
            }
        }
        let what = format!("modify {group}");
        match (result.rc, change) {
            (0, _) => Ok(true),
            (20, Change::Add) | (16, Change::Remove) if members.len() == 1 => Ok(false),
            (32, _) => Err(MemberError::GroupGone(declined(&what, &result, &[]))),
            _ => Err(MemberError::Failed(declined(&what, &result, &[]))),
        }
    }

    async fn modify_group(&self, group: &str, change: Change, members: &[String]) -> Result<LdapResult, MemberError> {
        let send = |mut ldap: ldap3::Ldap| async move {
            let values: HashSet<&str> = members.iter().map(String::as_str).collect();
            let attribute = self.member_attribute.as_str();
            let change = match change {
                Change::Add => Mod::Add(attribute, values),
                Change::Remove => Mod::Delete(attribute, values),
            };
            ldap.modify(group, vec![change]).await
        };
        self.pool.change(&format!("modify {group}"), send).await.map_err(MemberError::Failed)
    }

    async fn groups_of(&self, member: &str) -> Result<Vec<Entry>, CommandError> {
        self.groups_with(&format!("({}={})", self.member_attribute, dn::filter_value(member)), false).await
    }

    async fn groups_with(&self, conditions: &str, with_members: bool) -> Result<Vec<Entry>, CommandError> {
        let Some(base) = &self.group_base else { return Ok(Vec::new()) };
        let filter = format!("(&(objectClass={}){conditions})", self.group_class);
        let mut attributes = vec!["cn".to_owned()];
        if with_members {
            attributes.push(self.member_attribute.clone());
        }
        self.pool.found(&Search { base, scope: Scope::Subtree, filter: &filter, attributes }).await
    }

    /// All members. Active Directory gives the members of a large group in pieces, `member;range=0-1499`.
    async fn members(&self, group: Entry) -> Result<Vec<String>, CommandError> {
        let ranged = format!("{};range=", self.member_attribute.to_ascii_lowercase());
        let mut members = group.all(&self.member_attribute).to_vec();
        let mut piece = group;
        loop {
            let ranged_name = piece.names().find(|name| name.starts_with(&ranged)).map(str::to_owned);
            let Some(name) = ranged_name else { break };
            let values = piece.all(&name).to_vec();
            let end = name.strip_prefix(&ranged).and_then(|range| range.split_once('-')).map(|(_, end)| end);
            members.extend_from_slice(&values);
            // The last piece ends with a star; one without values would go on for ever.
            let Some(next) = end.and_then(|end| end.parse::<u64>().ok()).filter(|_| !values.is_empty()) else { break };
            let attribute = format!("{};range={}-*", self.member_attribute, next + 1);
            piece = self.entry(&piece.dn, vec![attribute]).await?.unwrap_or_default();
        }
        Ok(members)
    }
}
