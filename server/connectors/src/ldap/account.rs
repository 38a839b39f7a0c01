//! Accounts: added once, changed where they differ, renamed when the attribute that names them changes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::{StreamExt, TryStreamExt};
use ldap3::{Mod, Scope};
use model::command::{Command, CommandError};
use model::order::ErrorClass;
use model::plan::Operation;
use model::value::{Attributes, Value};

use super::entry::Entry;
use super::pool::{Search, declined};
use super::{Ldap, check_name, dn, texts};
use crate::directory::{Change, Directory, Done, Groups, MemberError, secrets};

/// Accounts looked up in one search: servers compare each of those found with each of the names.
const LOOKED_UP_AT_ONCE: usize = 25;

/// Members in one change of a group: servers write the whole group each time.
const MEMBERS_AT_ONCE: usize = 1_000;

#[async_trait]
impl Directory for Ldap {
    async fn look_up(&self, commands: &[(usize, &Command)]) -> Result<Vec<(usize, Done)>, CommandError> {
        // Their own names lead to them; whoever was moved to another place is looked for one by one.
        let named: Vec<_> = commands
            .iter()
            .filter_map(|(position, command)| {
                let key = command.key.as_deref().filter(|key| dn::is_below(key, &self.account_base))?;
                Some((*position, dn::normal(key)?, dn::first_value(key, &self.account_rdn)?))
            })
            .collect();
        let mut calls: Vec<BoxFuture<'_, Result<Vec<(usize, Done)>, CommandError>>> = Vec::new();
        for chunk in named.chunks(LOOKED_UP_AT_ONCE) {
            calls.push(Box::pin(self.look_up_chunk(chunk)));
        }
        let found = futures::stream::iter(calls).buffer_unordered(self.settings.concurrency.max(1));
        Ok(found.try_collect::<Vec<_>>().await?.into_iter().flatten().collect())
    }

    async fn change_account(&self, command: &Command) -> Result<Done, CommandError> {
        for item in command.items.iter().filter(|item| item.kind == model::plan::ItemKind::Attribute) {
            check_name(&item.name)?;
        }
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

    fn members_at_once(&self) -> usize {
        MEMBERS_AT_ONCE
    }

    async fn change_members(&self, group: &str, change: Change, members: &[String]) -> Result<bool, MemberError> {
        self.modify_members(group, change, members).await
    }
}

impl Ldap {
    async fn look_up_chunk(&self, named: &[(usize, String, String)]) -> Result<Vec<(usize, Done)>, CommandError> {
        let conditions: String =
            named.iter().map(|(_, _, value)| format!("({}={})", self.account_rdn, dn::filter_value(value))).collect();
        let filter = self.account_filter(&format!("(|{conditions})"));
        let attributes = vec!["objectClass".to_owned()];
        let search = Search { base: &self.account_base, scope: Scope::Subtree, filter: &filter, attributes };
        let entries = self.pool.found(&search).await?;
        let spelled: HashMap<String, String> =
            entries.into_iter().filter_map(|entry| Some((dn::normal(&entry.dn)?, entry.dn))).collect();
        let found = named.iter().filter_map(|(position, normal, _)| {
            let key = spelled.get(normal)?.clone();
            let detail = format!("search {key}: already so");
            Some((*position, Done { key, changed: false, adopted: false, gone: false, detail }))
        });
        Ok(found.collect())
    }

    async fn create(&self, command: &Command) -> Result<Done, CommandError> {
        let attributes = command.attributes();
        let dn = self.name_of(command, &attributes)?;
        if command.in_doubt
            && let Some(done) = self.take_over(command, &dn).await?
        {
            return Ok(done);
        }
        let mut values: Vec<(String, HashSet<String>)> = Vec::new();
        values.push(("objectClass".to_owned(), self.account_classes.iter().cloned().collect()));
        for (name, value) in &attributes {
            let texts = texts(value);
            if !texts.is_empty() {
                values.push((name.clone(), texts.into_iter().collect()));
            }
        }
        if let Some(mark) = &self.disabled
            && let Some(enabled) = &mark.enabled
            && get(&attributes, &mark.attribute).is_none()
        {
            values.push((mark.attribute.clone(), HashSet::from([enabled.clone()])));
        }
        let what = format!("add {dn}");
        let (name, values) = (&dn, &values);
        let send = |mut ldap: ldap3::Ldap| async move { ldap.add(name, values.clone()).await };
        let result = self.pool.change(&what, send).await?;
        match result.rc {
            0 => {
                let key = self.spelled(&dn).await;
                Ok(Done { key, changed: true, adopted: false, gone: false, detail: format!("{what}: done") })
            }
            // 19 as well: how the overlay for unique values says that another account has this one (68 is the name's).
            19 | 68 => match self.take_over(command, &dn).await? {
                Some(done) => Ok(done),
                None => Err(declined(&what, &result, &secrets(command))),
            },
            32 => {
                let message = format!("There is no {} to put accounts below. Correct account_base.", self.account_base);
                Err(CommandError::new(ErrorClass::Invalid, message))
            }
            _ => Err(declined(&what, &result, &secrets(command))),
        }
    }

    /// Looks for the account a creation is about. None: there is none. What holds all our values is taken over;
    /// anything else belongs to somebody.
    async fn take_over(&self, command: &Command, dn: &str) -> Result<Option<Done>, CommandError> {
        let mut wanted = self.wanted_attributes();
        wanted.extend(command.attributes().into_keys());
        let mut entry = self.entry(dn, wanted.clone()).await?;
        if entry.is_none()
            && let Some((name, value)) = &self.natural_keys.of(command)
            && let Some(found) = self.entries_with(name, value).await?.pop()
        {
            entry = self.entry(&found.dn, wanted).await?;
        }
        let Some(entry) = entry else { return Ok(None) };
        let differs: Vec<&str> = command
            .items
            .iter()
            .filter(|item| !item.secret)
            .filter_map(|item| Some((item.name.as_str(), item.value.as_ref()?)))
            .filter(|(name, value)| !same(entry.all(name), &texts(value)))
            .map(|(name, _)| name)
            .collect();
        if !differs.is_empty() || !self.is_account(&entry) {
            let differs = if differs.is_empty() { "objectClass".to_owned() } else { differs.join(", ") };
            let message = format!("There is already {}, with another {differs}: it is somebody else's.", entry.dn);
            return Err(CommandError::new(ErrorClass::Conflict, message));
        }
        let mut done = self.bring_in_step(command, &entry, Some(true)).await?;
        done.adopted = !command.in_doubt;
        Ok(Some(done))
    }

    async fn update(&self, command: &Command, active: Option<bool>) -> Result<Done, CommandError> {
        if active.is_some() && self.disabled.is_none() {
            let message = "The connection does not say how a disabled account looks. Set disabled in it.";
            return Err(CommandError::new(ErrorClass::Unsupported, message));
        }
        let entry = self.existing(command).await?;
        self.bring_in_step(command, &entry, active).await
    }

    /// Changes what differs: the name first, the rest in one request.
    async fn bring_in_step(
        &self,
        command: &Command,
        entry: &Entry,
        active: Option<bool>,
    ) -> Result<Done, CommandError> {
        let attributes = command.attributes();
        let mut key = entry.dn.clone();
        let mut done = Vec::new();
        if let Some(value) = get(&attributes, &self.account_rdn).and_then(|value| texts(value).into_iter().next())
            && !entry.all(&self.account_rdn).contains(&value)
        {
            key = self.rename(&key, &value).await?;
            done.push(format!("rename {} to {key}", entry.dn));
        }
        let mut changes: Vec<Mod<String>> = Vec::new();
        for (name, value) in attributes.iter().filter(|(name, _)| !name.eq_ignore_ascii_case(&self.account_rdn)) {
            let wanted = texts(value);
            if set(entry.all(name)) != set(&wanted) {
                changes.push(Mod::Replace(name.clone(), wanted.into_iter().collect()));
            }
        }
        for name in command.cleared().filter(|name| !entry.all(name).is_empty()) {
            changes.push(Mod::Replace(name.to_owned(), HashSet::new()));
        }
        if let (Some(active), Some(mark)) = (active, &self.disabled)
            && self.is_enabled(entry) != active
        {
            let value = if active { mark.enabled.clone() } else { Some(mark.value.clone()) };
            changes.push(Mod::Replace(mark.attribute.clone(), value.into_iter().collect()));
        }
        if !changes.is_empty() {
            let what = format!("modify {key}");
            let (name, changes) = (&key, &changes);
            let send = |mut ldap: ldap3::Ldap| async move { ldap.modify(name, changes.clone()).await };
            let result = self.pool.change(&what, send).await?;
            if result.rc != 0 {
                return Err(declined(&what, &result, &secrets(command)));
            }
            done.push(what);
        }
        let changed = !done.is_empty();
        let detail = if changed { format!("{}: done", done.join(", ")) } else { format!("search {key}: already so") };
        Ok(Done { key, changed, adopted: false, gone: false, detail })
    }

    /// Gives an account another name below the same parent, and answers it.
    async fn rename(&self, dn: &str, value: &str) -> Result<String, CommandError> {
        let rdn = dn::rdn(&self.account_rdn, value);
        let (what, name) = (format!("rename {dn} to {rdn}"), rdn.as_str());
        let send = |mut ldap: ldap3::Ldap| async move { ldap.modifydn(dn, name, true, None).await };
        let result = self.pool.change(&what, send).await?;
        if result.rc != 0 {
            return Err(declined(&what, &result, &[]));
        }
        let key = self.spelled(&format!("{rdn},{}", dn::parent(dn))).await;
        self.replace_member(dn, Some(&key)).await?;
        Ok(key)
    }

    async fn delete(&self, command: &Command) -> Result<Done, CommandError> {
        let key = match (&command.key, self.existing(command).await) {
            (_, Ok(entry)) => entry.dn,
            (Some(key), Err(error)) if error.class == ErrorClass::NotFound => {
                self.replace_member(key, None).await?;
                let detail = format!("search {key}: not there");
                return Ok(Done { key: key.clone(), changed: false, adopted: false, gone: true, detail });
            }
            (_, Err(error)) => return Err(error),
        };
        let what = format!("delete {key}");
        let name = &key;
        let send = |mut ldap: ldap3::Ldap| async move { ldap.delete(name).await };
        let result = self.pool.change(&what, send).await?;
        if result.rc != 0 && result.rc != 32 {
            return Err(declined(&what, &result, &[]));
        }
        // Who gets this name next must not find himself in groups.
        self.replace_member(&key, None).await?;
        let changed = result.rc == 0;
        let detail = format!("{what}: {}", if changed { "done" } else { "not there" });
        Ok(Done { key, changed, adopted: false, gone: true, detail })
    }

    /// The account a command is about: by its key, by the name it is to be given where an earlier attempt may have
    /// renamed it, or by its natural key.
    async fn existing(&self, command: &Command) -> Result<Entry, CommandError> {
        let attributes = command.attributes();
        let mut wanted = self.wanted_attributes();
        wanted.extend(attributes.keys().cloned());
        wanted.extend(command.cleared().map(str::to_owned));
        let missing = |what: String| CommandError::new(ErrorClass::NotFound, what);
        let Some(key) = &command.key else {
            let Some((name, value)) = &self.natural_keys.of(command) else {
                return Err(missing("The order names neither a key nor a natural key.".to_owned()));
            };
            let found = self.entries_with(name, value).await?.pop();
            let found = found.ok_or_else(|| missing(format!("There is no account whose {name} is {value}.")))?;
            return self.entry(&found.dn, wanted).await?.ok_or_else(|| missing(format!("There is no {}.", found.dn)));
        };
        if dn::normal(key).is_some() && !dn::is_below(key, &self.account_base) {
            let message = format!("{key} is not below {}, where accounts are; it is left alone.", self.account_base);
            return Err(CommandError::new(ErrorClass::Invalid, message));
        }
        let mut entry = if dn::normal(key).is_some() { self.entry(key, wanted.clone()).await? } else { None };
        if entry.is_none()
            && command.in_doubt
            && let Some(value) = get(&attributes, &self.account_rdn).and_then(|value| texts(value).into_iter().next())
        {
            let renamed = format!("{},{}", dn::rdn(&self.account_rdn, &value), dn::parent(key));
            entry = self.entry(&renamed, wanted).await?;
            if let Some(entry) = &entry {
                self.replace_member(key, Some(&entry.dn)).await?;
            }
        }
        entry.ok_or_else(|| missing(format!("There is no account {key}.")))
    }

    /// The name of an account that is to be added.
    fn name_of(&self, command: &Command, attributes: &Attributes) -> Result<String, CommandError> {
        if let Some(key) = command.key.as_ref().filter(|key| dn::is_below(key, &self.account_base)) {
            return Ok(key.clone());
        }
        let from_natural_key = || {
            let (name, value) = command.natural_key.as_ref()?;
            name.eq_ignore_ascii_case(&self.account_rdn).then_some(value)
        };
        let value = get(attributes, &self.account_rdn).or_else(from_natural_key);
        match value.and_then(|value| texts(value).into_iter().next()) {
            Some(value) => Ok(format!("{},{}", dn::rdn(&self.account_rdn, &value), self.account_base)),
            None => Err(CommandError::new(
                ErrorClass::Invalid,
                format!("The account has no {}, which has to name it. Add it to the account type.", self.account_rdn),
            )),
        }
    }

    /// The name as the server spells it, under which the account is listed from now on.
    async fn spelled(&self, dn: &str) -> String {
        // What has nothing to escape is spelled in one way only. Otherwise, that the account is there is known; where
        // it cannot be read just now, our own spelling leads to it as well.
        if !dn.contains('\\') && dn.is_ascii() && !dn.contains(' ') {
            return dn.to_owned();
        }
        let found = self.entry(dn, vec!["objectClass".to_owned()]).await;
        found.ok().flatten().map_or_else(|| dn.to_owned(), |entry| entry.dn)
    }
}

fn get<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a Value> {
    attributes.iter().find(|(candidate, _)| candidate.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

fn set(values: &[String]) -> BTreeSet<&str> {
    values.iter().map(String::as_str).collect()
}

/// Whether the values found are the ones wanted, to a server that does not tell capitals apart.
fn same(found: &[String], wanted: &[String]) -> bool {
    let lower = |values: &[String]| values.iter().map(|value| value.to_lowercase()).collect::<BTreeSet<_>>();
    lower(wanted).is_subset(&lower(found))
}
