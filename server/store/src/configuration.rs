//! The configuration as rows, one for each object in each form it ever had, and the secrets it refers to.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::configuration::Configuration;
use model::ids::{ConfigurationVersionId, DraftId};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::connection::{Row, arguments};
use crate::{Result, Store, StoreError, Tx};

const INSERT_VERSION: &str = "
    insert into configuration_version (id, digest, created_by, created_at)
    values ($1, $2, $3, $4)";

const CURRENT_OBJECTS: &str = "
    select kind, name, cast(body as text) as body
    from configuration_object
    where to_version is null";

const CLOSE_OBJECTS: &str = "
    with input as materialized (select value from jsonb_each($1))
    update configuration_object
    set to_version = cast(input.value ->> 'version' as bigint)
    from input
    where configuration_object.kind = input.value ->> 'kind'
      and configuration_object.name = input.value ->> 'name'
      and configuration_object.to_version is null";

const INSERT_OBJECTS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into configuration_object (kind, name, from_version, body)
    select value ->> 'kind', value ->> 'name', cast(value ->> 'version' as bigint), value -> 'body'
    from input";

/// An object in each form it had, newest first, with who made each and who ended it, where that is known.
const OBJECT_VERSIONS: &str = "
    select
      o.from_version, o.to_version, cast(o.body as text) as body,
      began.created_by as began_by, began.created_at as began_at,
      ended.created_by as ended_by, ended.created_at as ended_at,
      d.id as draft_id, d.title as draft_title, e.id as end_draft_id, e.title as end_draft_title
    from configuration_object o
    join configuration_version began on began.id = o.from_version
    left join configuration_version ended on ended.id = o.to_version
    left join configuration_draft d on d.version_id = o.from_version
    left join configuration_draft e on e.version_id = o.to_version
    where o.kind = $1
      and o.name = $2
      and ($3 is null or o.from_version < $3)
    order by o.from_version desc
    limit $4";

/// The last version that no draft brought.
const LAST_FROM_FILES: &str = "
    select v.id, v.created_by, v.created_at
    from configuration_version v
    where not exists (select 1 from configuration_draft d where d.version_id = v.id)
    order by v.id desc
    limit 1";

const OBJECTS_OF: &str = "
    select kind, name, cast(body as text) as body
    from configuration_object
    where from_version <= $1
      and (to_version is null or to_version > $1)";

const CURRENT_VERSION: &str = "
    select id, digest
    from configuration_version
    order by id desc
    limit 1";

/// Whoever makes a configuration live waits for who does so at the same time.
const LOCK_CONFIGURATION: &str = "select pg_advisory_xact_lock(7233204)";

const PUT_SECRET: &str = "
    insert into secret (name, sealed, key_id, created_by, created_at)
    values ($1, $2, $3, $4, $5)
    on conflict (name) do update
    set sealed = excluded.sealed,
        key_id = excluded.key_id,
        created_by = excluded.created_by,
        created_at = excluded.created_at";

const SECRET: &str = "
    select sealed, key_id
    from secret
    where name = $1";

const SECRET_NAMES: &str = "
    select name, created_at, created_by
    from secret
    order by name";

/// An object of the configuration as it was from one version up to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectForm {
    pub began: FormEdge,
    /// None while it is live.
    pub ended: Option<FormEdge>,
    pub body: Value,
}

/// The version with which a form began or ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormEdge {
    pub version: ConfigurationVersionId,
    pub by: String,
    pub at: Timestamp,
    /// The draft that was published so, and its title.
    pub draft: Option<(DraftId, String)>,
}

/// A configuration that was taken from files.
#[derive(Clone, Debug, PartialEq)]
pub struct FromFiles {
    pub version: ConfigurationVersionId,
    pub by: String,
    pub at: Timestamp,
    pub configuration: Configuration,
}

#[derive(Serialize)]
struct ObjectRow<'a> {
    kind: &'a str,
    name: &'a str,
    version: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a Value>,
}

impl Tx {
    /// Whether this version is the current one, and stays so until the transaction has ended.
    pub async fn is_current_configuration(&mut self, version: Option<ConfigurationVersionId>) -> Result<bool> {
        if self.connection.is_postgres() {
            self.execute(LOCK_CONFIGURATION, arguments![]).await?;
        }
        let current = self.rows(CURRENT_VERSION, arguments![]).await?;
        let current = current.first().map(|row| row.integer("id")).transpose()?;
        Ok(current == version.map(|version| version.0))
    }

    /// Makes `configuration` the current one. Objects that stay as they are keep their row; the others' intervals end,
    /// and begin, with this version.
    pub async fn apply_configuration(
        &mut self,
        version: ConfigurationVersionId,
        configuration: &Configuration,
        digest: &str,
        by: &str,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(INSERT_VERSION, arguments![version.0, digest, by, at]).await?;
        let wanted = to_objects(configuration)?;
        let held = self.rows(CURRENT_OBJECTS, arguments![]).await?;
        let held = held.iter().map(object).collect::<Result<Vec<_>>>()?;
        let row = |kind, name, body| ObjectRow { kind, name, version: version.0, body };
        let by_name = |objects: &[Object]| -> BTreeMap<(String, String), Value> {
            objects.iter().map(|(kind, name, body)| ((kind.clone(), name.clone()), body.clone())).collect()
        };
        let (is_wanted, is_held) = (by_name(&wanted), by_name(&held));
        let stays = |other: &BTreeMap<(String, String), Value>, (kind, name, body): &Object| {
            other.get(&(kind.clone(), name.clone())) == Some(body)
        };
        let closed = held.iter().filter(|object| !stays(&is_wanted, object));
        let closed: Vec<_> = closed.map(|(kind, name, _)| row(kind, name, None)).collect();
        let opened = wanted.iter().filter(|object| !stays(&is_held, object));
        let opened: Vec<_> = opened.map(|(kind, name, body)| row(kind, name, Some(body))).collect();
        self.bulk(CLOSE_OBJECTS, &closed).await?;
        self.bulk(INSERT_OBJECTS, &opened).await?;
        self.note_known(entitlements(&is_held), entitlements(&is_wanted)).await?;
        self.follow_subscriptions(configuration, at).await
    }

    /// Stores what is sealed already; the store never sees a secret's own text.
    pub async fn put_secret(&mut self, name: &str, sealed: &[u8], key_id: &str, by: &str, at: Timestamp) -> Result<()> {
        self.execute(PUT_SECRET, arguments![name, sealed, key_id, by, at]).await?;
        Ok(())
    }
}

/// By name.
fn entitlements(objects: &BTreeMap<(String, String), Value>) -> impl Iterator<Item = (&str, &Value)> {
    objects.iter().filter(|((kind, _), _)| kind == "entitlements").map(|((_, name), body)| (name.as_str(), body))
}

impl Store {
    /// The current configuration with its version and digest; none before the first was applied.
    pub async fn current_configuration(&self) -> Result<Option<(ConfigurationVersionId, String, Configuration)>> {
        let mut connection = self.snapshot().await?;
        let Some(version) = connection.row(CURRENT_VERSION, arguments![]).await? else { return Ok(None) };
        let objects = connection.read(CURRENT_OBJECTS, arguments![], |row| object(&row)).await?;
        let configuration = from_objects(objects)?;
        Ok(Some((ConfigurationVersionId(version.integer("id")?), version.text("digest")?, configuration)))
    }

    /// The configuration as files last made it; none where none were ever applied.
    pub async fn last_from_files(&self) -> Result<Option<FromFiles>> {
        let mut connection = self.snapshot().await?;
        let Some(version) = connection.row(LAST_FROM_FILES, arguments![]).await? else { return Ok(None) };
        let id = version.integer("id")?;
        let objects = connection.read(OBJECTS_OF, arguments![id], |row| object(&row)).await?;
        Ok(Some(FromFiles {
            version: ConfigurationVersionId(id),
            by: version.text("created_by")?,
            at: version.time("created_at")?,
            configuration: from_objects(objects)?,
        }))
    }

    /// Which version is current, without reading it.
    pub async fn current_configuration_version(&self) -> Result<Option<ConfigurationVersionId>> {
        let row = self.reader().await?.row(CURRENT_VERSION, arguments![]).await?;
        row.map(|row| Ok(ConfigurationVersionId(row.integer("id")?))).transpose()
    }

    /// The forms in which an object was live, newest first: `limit` of them at most, and only those from before a version.
    /// The kind is that of the table in files, such as `roles`.
    pub async fn object_forms(
        &self,
        kind: &str,
        name: &str,
        before: Option<ConfigurationVersionId>,
        limit: u32,
    ) -> Result<Vec<ObjectForm>> {
        let before = before.map(|version| version.0);
        let read = |row: Row| {
            let draft = |id: &str, title: &str| {
                Ok::<_, StoreError>(match row.optional_integer(id)? {
                    Some(id) => Some((DraftId(id), row.text(title)?)),
                    None => None,
                })
            };
            let ended = row.optional_integer("to_version")?;
            Ok(ObjectForm {
                began: FormEdge {
                    version: ConfigurationVersionId(row.integer("from_version")?),
                    by: row.text("began_by")?,
                    at: row.time("began_at")?,
                    draft: draft("draft_id", "draft_title")?,
                },
                ended: match ended {
                    Some(version) => Some(FormEdge {
                        version: ConfigurationVersionId(version),
                        by: row.text("ended_by")?,
                        at: row.time("ended_at")?,
                        draft: draft("end_draft_id", "end_draft_title")?,
                    }),
                    None => None,
                },
                body: row.json("body")?,
            })
        };
        let arguments = arguments![kind, name, before, i64::from(limit)];
        self.reader().await?.read(OBJECT_VERSIONS, arguments, read).await
    }

    /// A sealed secret and the id of the key that opens it.
    pub async fn secret(&self, name: &str) -> Result<Option<(Vec<u8>, String)>> {
        let row = self.reader().await?.row(SECRET, arguments![name]).await?;
        row.map(|row| Ok((row.bytes("sealed")?, row.text("key_id")?))).transpose()
    }

    /// Names of all secrets, when each was put, and by whom.
    pub async fn secret_names(&self) -> Result<Vec<(String, Timestamp, String)>> {
        let read = |row: Row| Ok((row.text("name")?, row.time("created_at")?, row.text("created_by")?));
        self.reader().await?.read(SECRET_NAMES, arguments![], read).await
    }
}

type Object = (String, String, Value);

fn object(row: &Row) -> Result<Object> {
    Ok((row.text("kind")?, row.text("name")?, row.json("body")?))
}

/// The fields of [`Configuration`] are the kinds; a field that is no map of named objects is one object without a name.
const SINGLE: &[&str] = &["organisation"];

fn to_objects(configuration: &Configuration) -> Result<Vec<Object>> {
    let value = serde_json::to_value(configuration)
        .map_err(|error| StoreError::Invalid { what: format!("the configuration cannot be stored ({error})") })?;
    let Value::Object(kinds) = value else { return Ok(Vec::new()) };
    let mut objects = Vec::new();
    for (kind, content) in kinds {
        match content {
            Value::Object(named) if !SINGLE.contains(&kind.as_str()) => {
                objects.extend(named.into_iter().map(|(name, body)| (kind.clone(), name, body)));
            }
            single => objects.push((kind, String::new(), single)),
        }
    }
    Ok(objects)
}

fn from_objects(objects: Vec<Object>) -> Result<Configuration> {
    let mut kinds = Map::new();
    for (kind, name, body) in objects {
        if SINGLE.contains(&kind.as_str()) {
            kinds.insert(kind, body);
        } else if let Value::Object(named) = kinds.entry(kind).or_insert_with(|| Value::Object(Map::new())) {
            named.insert(name, body);
        }
    }
    serde_json::from_value(Value::Object(kinds))
        .map_err(|error| StoreError::Corrupt { what: format!("the configuration: {error}") })
}
