//! LDAP (RFC 4511): accounts below one base, with their distinguished name as key; entitlements are the groups below
//! another base, by their `cn`.
//!
//! Left out: referrals, which are not followed, and values that are no text. Groups that have to have a member
//! (`groupOfNames`) keep the name this connector signs in with when the last account leaves.

mod account;
mod dn;
mod entry;
mod group;
mod pool;
mod schema;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use ldap3::Scope;
use model::account::{Mechanism, ObservedAccount, ObservedEntitlement};
use model::command::{Command, CommandError};
use model::configuration::{DisabledMark, LdapConnection};
use model::order::ErrorClass;
use model::value::{Attributes, Value};
use model::view::ApplicationSchema;
use tokio::sync::Mutex;

use self::entry::Entry;
use self::group::Memberships;
use self::pool::{Pool, Search};
use self::schema::Schema;
use crate::directory::{GroupLocks, Groups, NaturalKeys};
use crate::turns::Turns;
use crate::{Answered, Capabilities, Connector, Context, Settings};

const ANY_CLASS: &str = "(objectClass=*)";

/// Never read, whatever the configuration manages.
const SECRET_ATTRIBUTES: [&str; 2] = ["userpassword", "unicodepwd"];

/// Makes the connector; nothing is sent.
pub(crate) fn connect(connection: &LdapConnection, context: &Context<'_>) -> Result<Arc<dyn Connector>, CommandError> {
    let invalid = |message: String| CommandError::new(ErrorClass::Invalid, message);
    let password = context.reveal(&connection.password)?;
    if password.is_empty() {
        // A server takes a name without a password for nobody, and says it went well (RFC 4513 5.1.2).
        let message = format!("The connection of {} has no password. Set one, then retry.", context.application);
        return Err(CommandError::new(ErrorClass::Authentication, message));
    }
    let host = connection.url.strip_prefix("ldap://").or_else(|| connection.url.strip_prefix("ldaps://"));
    if host.is_none_or(|host| host.is_empty() || host.starts_with('/') || host.contains('@')) {
        return Err(invalid(format!(
            "{:?} is no ldap or ldaps address. Correct the connection's url.",
            connection.url
        )));
    }
    let names = [Some(&connection.bind_dn), Some(&connection.account_base), connection.group_base.as_ref()];
    for name in names.into_iter().flatten() {
        if name.is_empty() || dn::normal(name).is_none() {
            return Err(invalid(format!(
                "{name:?} is no distinguished name. Correct the connection, such as dc=example,dc=org."
            )));
        }
    }
    let member_attribute = connection.member_attribute.clone().unwrap_or_else(|| "member".to_owned());
    let group_class = connection.group_class.clone().unwrap_or_else(|| "groupOfNames".to_owned());
    let marked = connection.disabled.iter().map(|mark| &mark.attribute);
    let attributes = [&connection.account_rdn, &member_attribute, &group_class].into_iter();
    for name in attributes.chain(&connection.account_classes).chain(marked).chain(&context.settings.attributes) {
        check_name(name)?;
    }
    Ok(Arc::new(Ldap {
        pool: Pool::new(connection, password, &context.settings),
        bind_dn: connection.bind_dn.clone(),
        account_base: connection.account_base.clone(),
        account_classes: connection.account_classes.clone(),
        account_rdn: connection.account_rdn.clone(),
        group_base: connection.group_base.clone(),
        group_class,
        member_attribute,
        disabled: connection.disabled.clone(),
        settings: context.settings.clone(),
        groups: Mutex::default(),
        schema: Mutex::default(),
        natural_keys: NaturalKeys::new(context.account_types),
        turns: Turns::new(context.settings.concurrency),
        locks: GroupLocks::default(),
    }))
}

struct Ldap {
    pool: Pool,
    bind_dn: String,
    account_base: String,
    account_classes: Vec<String>,
    account_rdn: String,
    group_base: Option<String>,
    group_class: String,
    member_attribute: String,
    disabled: Option<DisabledMark>,
    settings: Settings,
    /// Names of groups by `cn`, as last read.
    groups: Mutex<Option<Arc<Groups>>>,
    schema: Mutex<Option<Arc<Schema>>>,
    natural_keys: NaturalKeys,
    turns: Turns,
    locks: GroupLocks,
}

#[async_trait]
impl Connector for Ldap {
    fn mechanism(&self) -> Mechanism {
        Mechanism::Direct
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            lists: true,
            reads_one: true,
            deletes: true,
            disables: self.disabled.is_some(),
            // The key is the whole name, which nobody but the directory spells.
            assigns_key: true,
            entitlements: self.group_base.is_some(),
        }
    }

    async fn test(&self) -> Vec<(bool, String)> {
        let mut steps = Vec::new();
        if let Err(error) = self.pool.open().await {
            steps.push((false, format!("{} {}", error.message, error.class.remedy())));
            return steps;
        }
        steps.push((true, format!("Connected, and signed in as {}.", self.bind_dn)));
        for base in [Some(&self.account_base), self.group_base.as_ref()].into_iter().flatten() {
            match self.entry(base, vec!["objectClass".to_owned()]).await {
                Ok(Some(_)) => steps.push((true, format!("{base} can be read."))),
                Ok(None) => {
                    steps.push((false, format!("There is no {base}, or it is hidden from {}.", self.bind_dn)));
                    return steps;
                }
                Err(error) => {
                    steps.push((false, format!("{base} cannot be read. {} {}", error.message, error.class.remedy())));
                    return steps;
                }
            }
        }
        steps
    }

    async fn schema(&self) -> Result<ApplicationSchema, CommandError> {
        Ok(self.read_schema().await?.describe(&self.account_classes, &self.account_rdn))
    }

    async fn entitlements(&self) -> Result<Vec<ObservedEntitlement>, CommandError> {
        let groups = self.read_groups().await?;
        let names: BTreeSet<&String> = groups.keys().collect();
        Ok(names
            .into_iter()
            .map(|name| ObservedEntitlement { key: name.clone(), display_name: name.clone() })
            .collect())
    }

    async fn accounts(&self, sink: &mut (dyn FnMut(Vec<ObservedAccount>) + Send)) -> Result<(), CommandError> {
        let schema = self.read_schema().await?;
        let memberships = self.all_memberships().await?;
        let filter = self.account_filter("");
        let search = self.account_search(&filter);
        let mut take = |page: Vec<Entry>| {
            sink(page.iter().map(|entry| self.observed(entry, &schema, &memberships)).collect());
        };
        self.pool.search(&search, &mut take).await
    }

    async fn account(&self, key: &str) -> Result<Option<ObservedAccount>, CommandError> {
        if !dn::is_below(key, &self.account_base) {
            return Ok(None);
        }
        match self.entry(key, self.wanted_attributes()).await? {
            Some(entry) if self.is_account(&entry) => Ok(self.observe(vec![entry]).await?.pop()),
            _ => Ok(None),
        }
    }

    async fn find(&self, attribute: &str, value: &Value) -> Result<Vec<ObservedAccount>, CommandError> {
        let entries = self.entries_with(attribute, value).await?;
        self.observe(entries).await
    }

    async fn apply(&self, commands: Vec<Command>) -> Vec<Answered> {
        crate::directory::apply(self, &self.turns, &self.locks, commands).await
    }
}

impl Ldap {
    /// The entry of this name, or none.
    async fn entry(&self, dn: &str, attributes: Vec<String>) -> Result<Option<Entry>, CommandError> {
        let search = Search { base: dn, scope: Scope::Base, filter: ANY_CLASS, attributes };
        Ok(self.pool.found(&search).await?.pop())
    }

    /// Accounts whose attribute has this value.
    async fn entries_with(&self, attribute: &str, value: &Value) -> Result<Vec<Entry>, CommandError> {
        check_name(attribute)?;
        let conditions =
            texts(value).iter().map(|text| format!("({attribute}={})", dn::filter_value(text))).collect::<String>();
        if conditions.is_empty() {
            return Ok(Vec::new());
        }
        let filter = self.account_filter(&conditions);
        self.pool.found(&self.account_search(&filter)).await
    }

    fn account_filter(&self, conditions: &str) -> String {
        let classes = self.account_classes.iter().map(|class| format!("(objectClass={class})")).collect::<String>();
        format!("(&{ANY_CLASS}{classes}{conditions})")
    }

    fn account_search<'a>(&'a self, filter: &'a str) -> Search<'a> {
        Search { base: &self.account_base, scope: Scope::Subtree, filter, attributes: self.wanted_attributes() }
    }

    fn wanted_attributes(&self) -> Vec<String> {
        let mut wanted = vec!["objectClass".to_owned(), self.account_rdn.clone()];
        wanted.extend(self.disabled.as_ref().map(|mark| mark.attribute.clone()));
        if self.settings.attributes.is_empty() {
            wanted.push("*".to_owned());
        }
        wanted.extend(self.settings.attributes.iter().filter(|name| !is_secret(name)).cloned());
        wanted
    }

    fn is_account(&self, entry: &Entry) -> bool {
        let classes = entry.all("objectClass");
        self.account_classes.iter().all(|wanted| classes.iter().any(|class| class.eq_ignore_ascii_case(wanted)))
    }

    async fn observe(&self, entries: Vec<Entry>) -> Result<Vec<ObservedAccount>, CommandError> {
        let schema = self.read_schema().await?;
        let mut accounts = Vec::new();
        for entry in entries {
            let memberships = self.memberships_of(&entry.dn).await?;
            accounts.push(self.observed(&entry, &schema, &memberships));
        }
        Ok(accounts)
    }

    fn observed(&self, entry: &Entry, schema: &Schema, memberships: &Memberships) -> ObservedAccount {
        let every: Vec<String> = entry.names().filter(|name| *name != "objectclass").map(str::to_owned).collect();
        let names = if self.settings.attributes.is_empty() { &every } else { &self.settings.attributes };
        let mut attributes = Attributes::new();
        for name in names.iter().filter(|name| !is_secret(name)) {
            let value = match entry.all(name) {
                [] => continue,
                [one] => schema.value(name, one),
                several => Value::List(several.to_vec()),
            };
            attributes.insert(name.clone(), value);
        }
        let entitlements = dn::normal(&entry.dn).and_then(|name| memberships.get(&name).cloned()).unwrap_or_default();
        ObservedAccount { key: entry.dn.clone(), enabled: self.is_enabled(entry), attributes, entitlements }
    }

    fn is_enabled(&self, entry: &Entry) -> bool {
        let marked = |mark: &DisabledMark| {
            entry.all(&mark.attribute).iter().any(|value| value.eq_ignore_ascii_case(&mark.value))
        };
        !self.disabled.as_ref().is_some_and(marked)
    }

    async fn read_schema(&self) -> Result<Arc<Schema>, CommandError> {
        let mut remembered = self.schema.lock().await;
        if let Some(schema) = &*remembered {
            return Ok(Arc::clone(schema));
        }
        let root = self.entry("", vec!["subschemaSubentry".to_owned()]).await?.unwrap_or_default();
        let subentry = root.first("subschemaSubentry").unwrap_or("cn=Subschema").to_owned();
        let attributes = vec!["attributeTypes".to_owned(), "objectClasses".to_owned()];
        // Where the schema is hidden, all values are text and all attributes are unknown; everything else works.
        let entry = self.entry(&subentry, attributes).await?.unwrap_or_default();
        let schema = Arc::new(Schema::read(entry.all("attributeTypes"), entry.all("objectClasses")));
        *remembered = Some(Arc::clone(&schema));
        Ok(schema)
    }
}

fn is_secret(name: &str) -> bool {
    SECRET_ATTRIBUTES.iter().any(|secret| name.eq_ignore_ascii_case(secret))
}

/// What a value is on the wire; an empty text is no value there.
fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Boolean(value) => vec![if *value { "TRUE" } else { "FALSE" }.to_owned()],
        Value::Integer(value) => vec![value.to_string()],
        Value::Text(text) => vec![text.clone()],
        Value::List(members) => members.clone(),
    }
    .into_iter()
    .filter(|text| !text.is_empty())
    .collect()
}

/// Names are part of filters, so nothing else may be in them (RFC 4512 1.4).
fn check_name(name: &str) -> Result<(), CommandError> {
    let allowed = |one: char| one.is_ascii_alphanumeric() || ['-', '.', ';'].contains(&one);
    if name.starts_with(|one: char| one.is_ascii_alphanumeric()) && name.chars().all(allowed) {
        return Ok(());
    }
    let message = format!("{name:?} is no LDAP attribute or class. Correct the account type or the connection.");
    Err(CommandError::new(ErrorClass::Invalid, message))
}
