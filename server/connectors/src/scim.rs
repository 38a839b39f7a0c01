//! SCIM 2.0 (RFC 7643, 7644): accounts are Users with their id as key, entitlements are Groups by display name.
//!
//! Memberships are changed on the groups and read from the groups, because `User.groups` is read-only and not every
//! server keeps it. Bulk requests are left out: few servers have them, and a failure in the midst of one says little.

mod account;
mod client;
mod group;
mod listing;
mod path;
mod schema;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use model::account::{Mechanism, ObservedAccount, ObservedEntitlement};
use model::command::{Command, CommandError};
use model::configuration::ScimConnection;
use model::value::{Attributes, Value};
use model::view::ApplicationSchema;
use reqwest::Method;
use tokio::sync::Mutex;

use self::client::{Client, Effect};
use self::listing::{Listing, Resource};
use self::path::Path;
use crate::directory::{GroupLocks, Groups, NaturalKeys};
use crate::turns::Turns;
use crate::{Answered, Capabilities, Connector, Context};

/// Rows asked for in one page unless told.
const PAGE_SIZE: u32 = 200;
const USERS: &str = "Users";
const GROUPS: &str = "Groups";

/// Makes the connector; nothing is sent.
pub(crate) fn connect(connection: &ScimConnection, context: &Context<'_>) -> Result<Arc<dyn Connector>, CommandError> {
    let token = connection.token.as_deref().map(|token| context.reveal(token)).transpose()?;
    let settings = context.settings.clone();
    let paths = settings.attributes.iter().map(|name| Ok((name.clone(), Path::parse(name)?)));
    Ok(Arc::new(Scim {
        client: Client::new(&connection.url, token, &settings)?,
        page_size: connection.page_size.unwrap_or(PAGE_SIZE),
        paths: paths.collect::<Result<_, CommandError>>()?,
        turns: Turns::new(settings.concurrency),
        groups: Mutex::default(),
        members_filter: Mutex::default(),
        natural_keys: NaturalKeys::new(context.account_types),
        locks: GroupLocks::default(),
    }))
}

struct Scim {
    client: Client,
    turns: Turns,
    page_size: u32,
    /// Attributes to read, with their paths; none: all.
    paths: Vec<(String, Path)>,
    /// Ids by display name, as last read.
    groups: Mutex<Option<Arc<Groups>>>,
    /// Whether the server can be asked for the groups of one member; none: not tried yet.
    members_filter: Mutex<Option<bool>>,
    natural_keys: NaturalKeys,
    locks: GroupLocks,
}

#[async_trait]
impl Connector for Scim {
    fn mechanism(&self) -> Mechanism {
        Mechanism::Direct
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            lists: true,
            reads_one: true,
            deletes: true,
            disables: true,
            assigns_key: true,
            entitlements: true,
        }
    }

    async fn test(&self) -> Vec<(bool, String)> {
        let mut steps = Vec::new();
        let base = self.client.base();
        let call = self.client.call(Effect::Read, Method::GET, &["ServiceProviderConfig"], &[], None, &[]).await;
        match call {
            // An answer of any kind shows that the server is there; not every server describes itself.
            Ok(_) => steps.push((true, format!("{base} answers."))),
            Err(failure) if failure.status.is_some_and(|status| status.is_client_error()) => {
                steps.push((true, format!("{base} answers.")));
            }
            Err(failure) => {
                steps.push((false, format!("{base} cannot be used. {}", failure.error.message)));
                return steps;
            }
        }
        if base.scheme() == "http" {
            steps.push((true, "The connection is not encrypted; use https beyond this machine.".to_owned()));
        }
        for endpoint in [USERS, GROUPS] {
            let listing = Listing { endpoint, filter: None, excluded: Some("members"), page_size: 1 };
            match listing.count(&self.client).await {
                Ok(total) => steps.push((true, format!("Signed in. {endpoint} can be read; there are {total}."))),
                Err(failure) => {
                    let remedy = failure.error.class.remedy();
                    steps.push((false, format!("{endpoint} cannot be read. {} {remedy}", failure.error.message)));
                    return steps;
                }
            }
        }
        steps
    }

    async fn schema(&self) -> Result<ApplicationSchema, CommandError> {
        schema::read(&self.client).await
    }

    async fn entitlements(&self) -> Result<Vec<ObservedEntitlement>, CommandError> {
        let groups = self.read_groups().await?;
        let mut names: Vec<_> = groups.keys().cloned().collect();
        names.sort();
        Ok(names.into_iter().map(|name| ObservedEntitlement { key: name.clone(), display_name: name }).collect())
    }

    async fn accounts(&self, sink: &mut (dyn FnMut(Vec<ObservedAccount>) + Send)) -> Result<(), CommandError> {
        let memberships = self.all_memberships().await?;
        let users = Listing { endpoint: USERS, filter: None, excluded: None, page_size: self.page_size };
        users
            .read(&self.client, &mut |page| {
                sink(page.into_iter().map(|(id, user)| self.observed(id, &user, &memberships)).collect());
            })
            .await?;
        Ok(())
    }

    async fn account(&self, key: &str) -> Result<Option<ObservedAccount>, CommandError> {
        let Some(user) = self.user(key).await? else { return Ok(None) };
        let memberships = HashMap::from([(key.to_owned(), self.memberships_of(key).await?)]);
        Ok(Some(self.observed(key.to_owned(), &user, &memberships)))
    }

    async fn find(&self, attribute: &str, value: &Value) -> Result<Vec<ObservedAccount>, CommandError> {
        let mut accounts = Vec::new();
        for (id, user) in self.users_with(attribute, value).await? {
            let memberships = HashMap::from([(id.clone(), self.memberships_of(&id).await?)]);
            accounts.push(self.observed(id, &user, &memberships));
        }
        Ok(accounts)
    }

    async fn apply(&self, commands: Vec<Command>) -> Vec<Answered> {
        crate::directory::apply(self, &self.turns, &self.locks, commands).await
    }
}

impl Scim {
    fn observed(
        &self,
        id: String,
        user: &Resource,
        memberships: &HashMap<String, BTreeSet<String>>,
    ) -> ObservedAccount {
        let attributes = if self.paths.is_empty() {
            path::flatten(user)
        } else {
            let read = |(name, path): &(String, Path)| {
                if name == "id" {
                    Some((name.clone(), Value::Text(id.clone())))
                } else {
                    Some((name.clone(), path.read(user)?))
                }
            };
            self.paths.iter().filter_map(read).collect::<Attributes>()
        };
        let entitlements = memberships.get(&id).cloned().unwrap_or_default();
        ObservedAccount { enabled: account::is_active(user), attributes, entitlements, key: id }
    }
}
