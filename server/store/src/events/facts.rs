//! What happened, written with the transaction in which it happens. While no subscription wants events nothing is
//! written, and finding that out is all that it costs.
//!
//! Facts are kept in memory until their transaction ends: what ends and begins again in it is one change, and names are
//! looked up once.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use model::account::{Account, AccountStatus};
use model::event::{EventBody, EventIdentity, EventType};
use model::identity::Identity;
use model::ids::{AccountId, IdentityId, OrderId, RequestId, RunId};
use model::value::{Attributes, Value};
use serde::Serialize;

use crate::connection::{Row, arguments, numbers};
use crate::{Result, Tx};

/// Whoever turns the writing on or off waits for those who have looked, and they for that.
const LOOK: &str = "select pg_advisory_xact_lock_shared(7233203)";
const TURN: &str = "select pg_advisory_xact_lock(7233203)";

const WANTED: &str = "select wanted from event_stream where name = 'events'";

const SET_WANTED: &str = "update event_stream set wanted = $1 where name = 'events' and wanted <> $1";

const INSERT: &str = "
    with input as materialized (select key, value from jsonb_each($1))
    insert into event_fact (at, body)
    select cast(value ->> 'at' as bigint), value -> 'body'
    from input
    order by key";

const IDENTITIES: &str = "
    select id, source, key, display_name
    from identity
    where id in (select cast(value as bigint) from json_each($1))";

const REQUESTS_OF_ORDERS: &str = "
    select order_id, request_id
    from request_order
    where order_id in (select cast(value as bigint) from json_each($1))
    order by order_id, request_id";

const OLD_ACCOUNTS: &str = "
    select id, key, owner_id, status, cast(attributes as text) as attributes, cast(entitlements as text) as entitlements
    from account
    where id in (select cast(value as bigint) from json_each($1))";

const OLD_IDENTITIES: &str = "
    select id, display_name, manager_key, present, cast(attributes as text) as attributes, cast(contexts as text) as contexts
    from identity
    where id in (select cast(value as bigint) from json_each($1))";

/// Something that happened, to be told once its transaction is committed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewFact {
    pub body: EventBody,
    /// Whom it is about, where the body does not say it yet.
    pub identity: Option<IdentityId>,
}

impl NewFact {
    pub fn new(body: EventBody) -> Self {
        Self { body, identity: None }
    }

    pub fn about(body: EventBody, identity: IdentityId) -> Self {
        Self { body, identity: Some(identity) }
    }
}

#[derive(Serialize)]
struct FactInput<'a> {
    at: i64,
    body: &'a EventBody,
}

/// What is known of an account before it is changed.
pub(crate) struct OldAccount {
    key: String,
    owner: Option<i64>,
    status: AccountStatus,
    attributes: Attributes,
    entitlements: BTreeSet<String>,
}

/// What is known of an identity before it is changed. Contexts only have to be told apart.
pub(crate) struct OldIdentity {
    display_name: String,
    manager_key: Option<String>,
    present: bool,
    attributes: Attributes,
    contexts: serde_json::Value,
}

impl Tx {
    /// Whether events are to be written. It stays so until the transaction has ended.
    pub(crate) async fn wants_events(&mut self) -> Result<bool> {
        if let Some(wanted) = self.wants_events {
            return Ok(wanted);
        }
        if self.connection.is_postgres() {
            self.execute(LOOK, arguments![]).await?;
        }
        let wanted = self.row(WANTED, arguments![]).await?.map(|row| row.boolean("wanted")).transpose()?;
        let wanted = wanted.unwrap_or(false);
        self.wants_events = Some(wanted);
        Ok(wanted)
    }

    /// Turns the writing of events on or off. On, its first event says that it begins here.
    pub(crate) async fn set_wants_events(&mut self, wanted: bool, at: Timestamp) -> Result<()> {
        let current = self.row(WANTED, arguments![]).await?.map(|row| row.boolean("wanted")).transpose()?;
        if current == Some(wanted) {
            return Ok(());
        }
        if self.connection.is_postgres() {
            self.execute(TURN, arguments![]).await?;
        }
        if self.execute(SET_WANTED, arguments![wanted]).await? > 0 && wanted {
            self.facts.push(NewFact::new(EventBody::new(EventType::StreamBegan, at)));
        }
        self.wants_events = Some(wanted);
        Ok(())
    }

    /// Notes what happened, where somebody wants to be told.
    pub(crate) async fn note_facts(&mut self, facts: impl IntoIterator<Item = NewFact>) -> Result<()> {
        if self.wants_events().await? {
            self.facts.extend(facts);
        }
        Ok(())
    }

    /// Writes down what was noted; the last thing that a transaction does.
    pub(crate) async fn write_facts(&mut self) -> Result<()> {
        if self.facts.is_empty() {
            return Ok(());
        }
        let mut facts = joined(std::mem::take(&mut self.facts));
        let about: BTreeSet<i64> = facts.iter().filter_map(|fact| fact.identity).map(|id| id.0).collect();
        let identities = self.identity_names(about).await?;
        let orders: BTreeSet<i64> = facts.iter().filter_map(|fact| fact.body.order).map(|id| id.0).collect();
        let mut requests = self.requests_by_order(orders).await?;
        for fact in &mut facts {
            if let Some(identity) = fact.identity.and_then(|id| identities.get(&id)) {
                fact.body.identity = Some(identity.clone());
            }
            if let Some(found) = fact.body.order.and_then(|order| requests.remove(&order)) {
                fact.body.requests = found;
            }
        }
        let inputs: Vec<_> =
            facts.iter().map(|fact| FactInput { at: fact.body.at.as_microsecond(), body: &fact.body }).collect();
        self.bulk(INSERT, &inputs).await
    }

    async fn identity_names(&mut self, ids: BTreeSet<i64>) -> Result<HashMap<IdentityId, EventIdentity>> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = self.rows(IDENTITIES, arguments![numbers(ids)]).await?;
        let read = |row: &Row| {
            let id = IdentityId(row.integer("id")?);
            let (source, key, display_name) = (row.text("source")?, row.text("key")?, row.text("display_name")?);
            Ok((id, EventIdentity { id, source, key, display_name }))
        };
        rows.iter().map(read).collect()
    }

    async fn requests_by_order(&mut self, ids: BTreeSet<i64>) -> Result<HashMap<OrderId, Vec<RequestId>>> {
        let mut found: HashMap<OrderId, Vec<RequestId>> = HashMap::new();
        if ids.is_empty() {
            return Ok(found);
        }
        for row in self.rows(REQUESTS_OF_ORDERS, arguments![numbers(ids)]).await? {
            found.entry(OrderId(row.integer("order_id")?)).or_default().push(RequestId(row.integer("request_id")?));
        }
        Ok(found)
    }

    /// What is to be compared with, where somebody wants to be told; nothing otherwise.
    pub(crate) async fn accounts_before(&mut self, rows: &[Account]) -> Result<HashMap<AccountId, OldAccount>> {
        if rows.is_empty() || !self.wants_events().await? {
            return Ok(HashMap::new());
        }
        let ids = numbers(rows.iter().map(|account| account.id.0));
        let read = |row: &Row| {
            let old = OldAccount {
                key: row.text("key")?,
                owner: row.optional_integer("owner_id")?,
                status: row.named("status", AccountStatus::from_name)?,
                attributes: row.json("attributes")?,
                entitlements: row.json("entitlements")?,
            };
            Ok((AccountId(row.integer("id")?), old))
        };
        self.rows(OLD_ACCOUNTS, arguments![ids]).await?.iter().map(read).collect()
    }

    pub(crate) async fn identities_before(&mut self, rows: &[Identity]) -> Result<HashMap<IdentityId, OldIdentity>> {
        if rows.is_empty() || !self.wants_events().await? {
            return Ok(HashMap::new());
        }
        let ids = numbers(rows.iter().map(|identity| identity.id.0));
        let read = |row: &Row| {
            let old = OldIdentity {
                display_name: row.text("display_name")?,
                manager_key: row.optional_text("manager_key")?,
                present: row.boolean("present")?,
                attributes: row.json("attributes")?,
                contexts: row.json("contexts")?,
            };
            Ok((IdentityId(row.integer("id")?), old))
        };
        self.rows(OLD_IDENTITIES, arguments![ids]).await?.iter().map(read).collect()
    }
}

/// What became of an account; nothing where only the time of its reading is another.
pub(crate) fn account_fact(account: &Account, old: Option<&OldAccount>, at: Timestamp) -> Option<NewFact> {
    let is_there = account.status != AccountStatus::Gone;
    let nothing = (Attributes::new(), BTreeSet::new());
    let before = old.filter(|old| old.status != AccountStatus::Gone);
    let (attributes, entitlements) =
        before.map_or((&nothing.0, &nothing.1), |old| (&old.attributes, &old.entitlements));
    let changed = changed_names(attributes, &account.attributes);
    let held = if is_there { account.entitlements.clone() } else { BTreeSet::new() };
    let added: Vec<String> = held.difference(entitlements).cloned().collect();
    let removed: Vec<String> = entitlements.difference(&held).cloned().collect();
    let kind = match before {
        None if !is_there => return None,
        None => EventType::AccountCreated,
        Some(_) if !is_there => EventType::AccountDeleted,
        Some(old) if old.status != account.status && account.status == AccountStatus::Disabled => {
            EventType::AccountDisabled
        }
        Some(old) if old.status != account.status => EventType::AccountEnabled,
        Some(old) => {
            let is_same = old.key == account.key && old.owner == account.owner.map(|id| id.0);
            if is_same && changed.is_empty() && added.is_empty() && removed.is_empty() {
                return None;
            }
            EventType::AccountChanged
        }
    };
    let mut body = EventBody::new(kind, at)
        .with("account", account.id.0)
        .with("account_type", account.account_type.as_str())
        .with("key", account.key.as_str())
        .with("status", account.status.name());
    body.application = Some(account.application.clone());
    put_list(&mut body, "entitlements", held.into_iter().collect());
    put_list(&mut body, "added", added);
    put_list(&mut body, "removed", removed);
    if is_there {
        put_list(&mut body, "attributes", changed);
    }
    Some(NewFact { body, identity: account.owner })
}

/// What became of an identity; nothing where it is as it was.
pub(crate) fn identity_fact(identity: &Identity, old: Option<&OldIdentity>, at: Timestamp) -> Option<NewFact> {
    let changed = match old {
        None => Vec::new(),
        Some(old) => {
            let mut changed = changed_names(&old.attributes, &identity.attributes);
            let contexts = serde_json::to_value(&identity.contexts).ok();
            let others = [
                ("contexts", contexts.as_ref() != Some(&old.contexts)),
                ("display_name", identity.display_name != old.display_name),
                ("manager", identity.manager_key != old.manager_key),
            ];
            changed.extend(others.into_iter().filter(|(_, is_changed)| *is_changed).map(|(name, _)| name.to_owned()));
            changed
        }
    };
    let kind = match old.map(|old| old.present) {
        None | Some(false) if identity.present => EventType::IdentityJoined,
        None => return None,
        Some(true) if !identity.present => EventType::IdentityLeft,
        Some(_) if changed.is_empty() => return None,
        Some(_) => EventType::IdentityChanged,
    };
    let mut body = EventBody::new(kind, at);
    body.identity = Some(EventIdentity {
        id: identity.id,
        source: identity.source.clone(),
        key: identity.key.clone(),
        display_name: identity.display_name.clone(),
    });
    put_list(&mut body, "attributes", changed);
    Some(NewFact::new(body))
}

/// The same, told of a run.
pub(crate) fn of_run(mut fact: NewFact, run: Option<RunId>) -> NewFact {
    fact.body.run = run;
    fact
}

fn put_list(body: &mut EventBody, name: &str, list: Vec<String>) {
    if !list.is_empty() {
        body.data.insert(name.to_owned(), Value::List(list));
    }
}

/// Names alone: values may be secret.
fn changed_names(old: &Attributes, new: &Attributes) -> Vec<String> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names.into_iter().filter(|name| old.get(*name) != new.get(*name)).cloned().collect()
}

/// What ends and is granted again in one transaction is held all the time: it is one change.
fn joined(facts: Vec<NewFact>) -> Vec<NewFact> {
    type Held = (Option<IdentityId>, Option<Value>, Option<Value>);
    let held =
        |fact: &NewFact| (fact.identity, fact.body.data.get("kind").cloned(), fact.body.data.get("name").cloned());
    let mut ended: BTreeMap<Held, usize> = BTreeMap::new();
    let mut kept: Vec<Option<NewFact>> = Vec::with_capacity(facts.len());
    for mut fact in facts {
        match fact.body.kind {
            EventType::AssignmentEnded => {
                ended.insert(held(&fact), kept.len());
            }
            EventType::AssignmentGranted => {
                if let Some(place) = ended.remove(&held(&fact)).and_then(|position| kept.get_mut(position)) {
                    *place = None;
                    fact.body.kind = EventType::AssignmentChanged;
                }
            }
            _ => {}
        }
        kept.push(Some(fact));
    }
    kept.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assignment(kind: EventType, identity: i64, name: &str) -> NewFact {
        let body = EventBody::new(kind, Timestamp::UNIX_EPOCH).with("kind", "role").with("name", name);
        NewFact::about(body, IdentityId(identity))
    }

    #[test]
    fn what_ends_and_begins_again_at_once_is_a_change() {
        use EventType::{AssignmentChanged, AssignmentEnded, AssignmentGranted};
        let facts = vec![
            assignment(AssignmentEnded, 1, "a"),
            assignment(AssignmentEnded, 2, "a"),
            assignment(AssignmentGranted, 1, "a"),
            assignment(AssignmentGranted, 1, "b"),
        ];
        let found = joined(facts);
        let expected = vec![
            assignment(AssignmentEnded, 2, "a"),
            assignment(AssignmentChanged, 1, "a"),
            assignment(AssignmentGranted, 1, "b"),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn names_of_attributes_are_told_and_values_are_not() {
        let account = |status, attribute: &str, entitlements: &[&str]| Account {
            id: AccountId(7),
            application: "directory".into(),
            account_type: "user".into(),
            key: "anna".into(),
            owner: Some(IdentityId(1)),
            status,
            provenance: model::account::Provenance::Created,
            attributes: [("password".to_owned(), Value::from(attribute))].into(),
            entitlements: entitlements.iter().map(|name| (*name).to_owned()).collect(),
            observed_at: None,
        };
        let old = |account: &Account| OldAccount {
            key: account.key.clone(),
            owner: account.owner.map(|id| id.0),
            status: account.status,
            attributes: account.attributes.clone(),
            entitlements: account.entitlements.clone(),
        };
        let (enabled, gone) = (AccountStatus::Enabled, AccountStatus::Gone);
        let at = Timestamp::UNIX_EPOCH;
        let first = account(enabled, "s3cret", &["a"]);
        for (before, after, expected) in [
            (None, account(enabled, "s3cret", &["a"]), Some(EventType::AccountCreated)),
            (Some(&first), account(enabled, "s3cret", &["a"]), None),
            (Some(&first), account(enabled, "other-s3cret", &["a"]), Some(EventType::AccountChanged)),
            (Some(&first), account(AccountStatus::Disabled, "s3cret", &[]), Some(EventType::AccountDisabled)),
            (Some(&first), account(gone, "s3cret", &["a"]), Some(EventType::AccountDeleted)),
            (Some(&account(gone, "x", &[])), account(enabled, "s3cret", &[]), Some(EventType::AccountCreated)),
            (Some(&account(gone, "x", &[])), account(gone, "y", &[]), None),
        ] {
            let fact = account_fact(&after, before.map(old).as_ref(), at);
            assert_eq!(fact.as_ref().map(|fact| fact.body.kind), expected);
            if let Some(fact) = fact {
                let text = serde_json::to_string(&fact.body).unwrap();
                assert!(!text.contains("s3cret"), "{text}");
            }
        }
    }
}
