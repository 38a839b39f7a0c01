//! What applying a configuration would change: objects added, changed field by field, and removed.

use std::collections::BTreeMap;
use std::fmt;

use model::access::Grantable;
use model::configuration::{Configuration, Connection};
use model::ids::IdentityId;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parse::{KINDS, noun};

/// Stands for a value nobody is shown.
const HIDDEN: &str = "(hidden)";

/// From one configuration to another; sorted by kind and name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigurationPlan {
    pub added: Vec<ObjectChange>,
    pub changed: Vec<ObjectChange>,
    pub removed: Vec<ObjectChange>,
    /// What it means for people, where that was computed.
    pub effect: Option<Effect>,
    /// Applications and integrations that are removed while they have orders, and how many.
    #[serde(default)]
    pub left_behind: Vec<(String, u64)>,
    /// Stands for all of this, where it was computed for people: whoever has seen it can have just this applied.
    #[serde(default)]
    pub seal: Option<String>,
}

/// One object's change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectChange {
    /// In words: "access profile".
    pub kind: String,
    /// Empty for the organisation, of which there is one.
    pub name: String,
    pub fields: Vec<FieldChange>,
}

/// One field's change; values of secrets are hidden.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Path within the object: `attributes.userName.expression`.
    pub field: String,
    pub before: Option<Value>,
    pub after: Option<Value>,
}

/// What people would gain and lose.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Identities that were looked at.
    pub population: u64,
    /// Identities for which anything changes.
    pub identities: u64,
    /// Thing, such as "entitlement directory-group-sales", and for how many it is new; most first.
    pub gains: Vec<(String, u64)>,
    pub losses: Vec<(String, u64)>,
    /// What is kept for a while although nothing gives it any more: "role sales for 14 days", and for how many.
    #[serde(default)]
    pub kept: Vec<(String, u64)>,
    /// Account attributes that get another value, such as "directory-user title", and for how many.
    pub attributes: Vec<(String, u64)>,
    /// The first few people, in words.
    pub examples: Vec<String>,
    /// Those for whom most changes, at most 50, the most first.
    #[serde(default)]
    pub people: Vec<PersonEffect>,
}

/// What changes for one person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonEffect {
    pub id: IdentityId,
    pub name: String,
    /// In the identity source.
    pub key: String,
    pub gains: Vec<Grantable>,
    pub losses: Vec<Grantable>,
    /// Account attributes that get another value.
    pub attributes: Vec<String>,
}

impl PersonEffect {
    /// How many things change.
    pub fn size(&self) -> usize {
        self.gains.len() + self.losses.len() + self.attributes.len()
    }
}

impl ConfigurationPlan {
    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.changed.is_empty() && self.removed.is_empty()
    }
}

/// Compares two configurations, object by object and field by field.
pub fn difference(current: &Configuration, wanted: &Configuration) -> ConfigurationPlan {
    let (current, wanted) = differing(current, wanted);
    let before = objects(&current);
    let after = objects(&wanted);
    let mut plan = ConfigurationPlan::default();
    for (&(kind, ref name), fields) in &after {
        let nothing = BTreeMap::new();
        let known = before.get(&(kind, name.clone()));
        let fields = field_changes(known.unwrap_or(&nothing), fields);
        let change = ObjectChange { kind: noun(KINDS[kind].0).to_owned(), name: name.clone(), fields };
        match known {
            None => plan.added.push(change),
            Some(_) if change.fields.is_empty() => {}
            Some(_) => plan.changed.push(change),
        }
    }
    for (&(kind, ref name), _) in before.iter().filter(|(key, _)| !after.contains_key(key)) {
        let kind = noun(KINDS[kind].0).to_owned();
        plan.removed.push(ObjectChange { kind, name: name.clone(), fields: Vec::new() });
    }
    plan
}

/// Both without the objects that are the same in both: of a large organisation these are nearly all.
fn differing(current: &Configuration, wanted: &Configuration) -> (Configuration, Configuration) {
    fn apart<T: Clone + PartialEq>(
        current: &BTreeMap<String, T>,
        wanted: &BTreeMap<String, T>,
    ) -> (BTreeMap<String, T>, BTreeMap<String, T>) {
        let without = |these: &BTreeMap<String, T>, others: &BTreeMap<String, T>| {
            let differing = these.iter().filter(|(name, object)| others.get(*name) != Some(*object));
            differing.map(|(name, object)| (name.clone(), object.clone())).collect()
        };
        (without(current, wanted), without(wanted, current))
    }
    let mut before = Configuration { organisation: current.organisation.clone(), ..Configuration::default() };
    let mut after = Configuration { organisation: wanted.organisation.clone(), ..Configuration::default() };
    macro_rules! tables {
        ($($table:ident),*) => {{
            // All of them are named, or this does not compile.
            let Configuration { organisation: _, $($table),* } = current;
            $((before.$table, after.$table) = apart($table, &wanted.$table);)*
        }};
    }
    tables!(
        agents,
        sources,
        sign_ins,
        dimensions,
        applications,
        integrations,
        account_types,
        entitlements,
        categories,
        access_profiles,
        roles,
        rules,
        lifecycle_states,
        risks,
        naming_rules,
        indirect_rules,
        automation_rules,
        subscriptions,
        jobs,
        permission_profiles,
        permission_conflicts
    );
    (before, after)
}

/// Compares two forms of one object, which has no credentials.
pub(crate) fn object_difference(before: Option<&Value>, after: Option<&Value>) -> Vec<FieldChange> {
    let of = |object: Option<&Value>| object.map(fields).unwrap_or_default();
    field_changes(&of(before), &of(after))
}

type Fields = BTreeMap<String, Value>;

/// Every object by position of its kind and name, with its fields by path. The organisation is there once, nameless.
fn objects(configuration: &Configuration) -> BTreeMap<(usize, String), Fields> {
    let Ok(Value::Object(kinds)) = serde_json::to_value(configuration) else { return BTreeMap::new() };
    let mut found = BTreeMap::new();
    for (position, (kind, _)) in KINDS.iter().enumerate() {
        let Some(Value::Object(objects)) = kinds.get(*kind) else { continue };
        if *kind == "organisation" {
            found.insert((position, String::new()), fields(&Value::Object(objects.clone())));
            continue;
        }
        for (name, object) in objects {
            let mut fields = fields(object);
            hide(configuration, kind, name, &mut fields);
            found.insert((position, name.clone()), fields);
        }
    }
    found
}

fn fields(object: &Value) -> Fields {
    let mut found = Fields::new();
    flatten(object, &mut String::new(), &mut found);
    found
}

/// Leaves by path. What is empty or not given is left out, so that a default spelled out is no change.
fn flatten(value: &Value, path: &mut String, found: &mut Fields) {
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (key, member) in members {
                let length = path.len();
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                flatten(member, path, found);
                path.truncate(length);
            }
        }
        Value::Array(members) if members.is_empty() => {}
        other => {
            found.insert(path.clone(), other.clone());
        }
    }
}

/// Credentials are compared, but their values are replaced by a text that differs where they do.
fn hide(configuration: &Configuration, kind: &str, name: &str, fields: &mut Fields) {
    let mut secret = Vec::new();
    if matches!(kind, "applications" | "integrations") {
        secret.extend(["connection.token".to_owned(), "connection.password".to_owned()]);
        let sql = configuration.applications.get(name).map(|application| &application.connection);
        if matches!(sql, Some(Connection::Sql(sql)) if super::secrets::has_password(&sql.url)) {
            secret.push("connection.url".to_owned());
        }
    }
    if kind == "account_types"
        && let Some(account_type) = configuration.account_types.get(name)
    {
        let attributes = account_type.attributes.iter().filter(|(_, specification)| specification.secret);
        secret.extend(attributes.map(|(attribute, _)| format!("attributes.{attribute}.value")));
    }
    for field in secret {
        if let Some(Value::String(text)) = fields.get_mut(&field)
            && !text.starts_with(super::secrets::REFERENCE)
        {
            let digest = super::hexadecimal(text.as_bytes());
            *text = format!("{HIDDEN} {}", &digest[..8]);
        }
    }
}

fn field_changes(before: &Fields, after: &Fields) -> Vec<FieldChange> {
    let mut paths: Vec<&String> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    paths
        .into_iter()
        .filter(|path| before.get(*path) != after.get(*path))
        .map(|path| FieldChange {
            field: path.clone(),
            before: before.get(path).map(without_digest),
            after: after.get(path).map(without_digest),
        })
        .collect()
}

fn without_digest(value: &Value) -> Value {
    match value {
        Value::String(text) if text.starts_with(HIDDEN) => Value::String(HIDDEN.into()),
        other => other.clone(),
    }
}

/// The plan as a person reads it in a terminal.
impl fmt::Display for ConfigurationPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (sign, changes) in [('+', &self.added), ('~', &self.changed), ('-', &self.removed)] {
            for change in changes {
                let space = if change.name.is_empty() { "" } else { " " };
                writeln!(f, "{sign} {}{space}{}", change.kind, change.name)?;
                for field in &change.fields {
                    writeln!(f, "    {field}")?;
                }
            }
        }
        if self.is_empty() {
            writeln!(f, "No changes: the configuration is as the files say.")?;
        } else {
            let (added, changed, removed) = (self.added.len(), self.changed.len(), self.removed.len());
            writeln!(f, "Plan: {added} to add, {changed} to change, {removed} to remove.")?;
        }
        self.effect.as_ref().map_or(Ok(()), |effect| effect.fmt(f))
    }
}

impl fmt::Display for FieldChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.before, &self.after) {
            (None, Some(after)) => write!(f, "{}: {after}", self.field),
            (Some(before), None) => write!(f, "{}: {before} → (none)", self.field),
            (Some(before), Some(after)) => write!(f, "{}: {before} → {after}", self.field),
            (None, None) => write!(f, "{}", self.field),
        }
    }
}

/// Things shown in a list before the rest is only counted.
const SHOWN: usize = 10;

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f)?;
        match self.identities {
            0 => writeln!(f, "Effect: nobody's access changes, of {} people.", self.population)?,
            changed => writeln!(f, "Effect: access changes for {changed} of {} people.", self.population)?,
        }
        let lists = [&self.gains, &self.losses, &self.kept, &self.attributes];
        for (sign, list) in ["  gain ", "  lose ", "  keep ", "  value"].into_iter().zip(lists) {
            for (thing, people) in list.iter().take(SHOWN) {
                writeln!(f, "{sign} {people:>6}  {thing}")?;
            }
            if list.len() > SHOWN {
                writeln!(f, "{sign}         … and {} more", list.len() - SHOWN)?;
            }
        }
        for example in &self.examples {
            writeln!(f, "  e.g. {example}")?;
        }
        Ok(())
    }
}
