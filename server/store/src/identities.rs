//! Identities: the present in `identity`, every form they had in `identity_history`, what happened in `identity_event`.
//!
//! Department, title and site of a list's line come from the attributes of those names: those of the contexts that hold
//! on the day first, by priority, start and key, then those of the identity itself. Only what lists filter by is kept
//! beside the data (`identity_context`, with its dates), so that nothing has to be rewritten when a day begins.

mod read;

use jiff::Timestamp;
use model::identity::Identity;
use model::ids::{IdentityId, OrderId, RunId};
use model::value::{Attributes, Value};
use serde::Serialize;

use crate::connection::{CHUNK, arguments, numbers, payload};
use crate::events::{identity_fact, of_run};
use crate::words::{apart, before_at, fold, sort_key};
use crate::{Result, Tx};

/// Something that happened to an identity, to be written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewIdentityEvent {
    pub identity: IdentityId,
    pub at: Timestamp,
    /// A sentence.
    pub message: String,
    pub order: Option<OrderId>,
    pub run: Option<RunId>,
}

const INSERT_IDENTITIES: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into identity (
      id, source, key, display_name, attributes, contexts, manager_key, present,
      sort_name, words, department, context_count
    )
    select
      cast(value ->> 'id' as bigint), value ->> 'source', value ->> 'key', value ->> 'display_name',
      value -> 'attributes', value -> 'contexts', value ->> 'manager_key', cast(value ->> 'present' as boolean),
      value ->> 'sort_name', value ->> 'words', value ->> 'department', cast(value ->> 'context_count' as bigint)
    from input";

const UPDATE_IDENTITIES: &str = "
    with input as materialized (select value from jsonb_each($1))
    update identity
    set source = input.value ->> 'source',
        key = input.value ->> 'key',
        display_name = input.value ->> 'display_name',
        attributes = input.value -> 'attributes',
        contexts = input.value -> 'contexts',
        manager_key = input.value ->> 'manager_key',
        present = cast(input.value ->> 'present' as boolean),
        sort_name = input.value ->> 'sort_name',
        words = input.value ->> 'words',
        department = input.value ->> 'department',
        context_count = cast(input.value ->> 'context_count' as bigint)
    from input
    where identity.id = cast(input.value ->> 'id' as bigint)";

const DELETE_WORDS: &str = "
    delete from identity_word
    where identity_id in (select cast(value as bigint) from json_each($1))";

const INSERT_WORDS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into identity_word (word, identity_id)
    select value ->> 'word', cast(value ->> 'identity' as bigint)
    from input";

const DELETE_CONTEXTS: &str = "
    delete from identity_context
    where identity_id in (select cast(value as bigint) from json_each($1))";

const INSERT_CONTEXTS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into identity_context (identity_id, sequence, starts, ends, department)
    select
      cast(value ->> 'identity' as bigint), cast(value ->> 'sequence' as bigint),
      value ->> 'starts', value ->> 'ends', value ->> 'department'
    from input";

const CLOSE_HISTORY: &str = "
    update identity_history
    set until = $2
    where identity_id in (select cast(value as bigint) from json_each($1))
      and until is null
      and since < $2";

/// Two changes at the same instant are one.
const INSERT_HISTORY: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into identity_history (identity_id, since, run_id, body)
    select cast(value ->> 'id' as bigint), $2, $3, value -> 'body'
    from input
    where true
    on conflict (identity_id, since) do update
    set run_id = excluded.run_id,
        body = excluded.body";

/// Numbers are given before commits, and a reader must not see a later one first: writers take turns.
const LOCK_CHANGE_LOG: &str = "select pg_advisory_xact_lock(7233202)";

const APPEND_CHANGE_LOG: &str = "
    insert into change_log (kind, subject_id, at)
    select 'identity', cast(value as bigint), $2
    from json_each($1)
    order by key";

const INSERT_EVENTS: &str = "
    with input as materialized (select key, value from jsonb_each($1))
    insert into identity_event (identity_id, at, message, order_id, run_id)
    select
      cast(value ->> 'identity' as bigint), cast(value ->> 'at' as bigint), value ->> 'message',
      cast(value ->> 'order' as bigint), cast(value ->> 'run' as bigint)
    from input
    order by key";

#[derive(Serialize)]
struct IdentityInput<'a> {
    #[serde(flatten)]
    identity: &'a Identity,
    sort_name: String,
    words: String,
    department: &'a str,
    context_count: usize,
}

#[derive(Serialize)]
struct ContextInput<'a> {
    identity: i64,
    sequence: usize,
    starts: String,
    ends: String,
    department: &'a str,
}

#[derive(Serialize)]
struct WordInput {
    word: String,
    identity: i64,
}

#[derive(Serialize)]
struct HistoryInput<'a> {
    id: i64,
    body: &'a Identity,
}

#[derive(Serialize)]
struct EventInput<'a> {
    identity: i64,
    at: i64,
    message: &'a str,
    order: Option<i64>,
    run: Option<i64>,
}

impl Tx {
    /// # Errors
    /// `Conflict` with `identity_source_key` where the source has that key already.
    pub async fn insert_identities(&mut self, rows: &[Identity], run: Option<RunId>, at: Timestamp) -> Result<()> {
        self.bulk(INSERT_IDENTITIES, &inputs(rows)).await?;
        let facts = rows.iter().filter_map(|row| identity_fact(row, None, at).map(|fact| of_run(fact, run)));
        self.note_facts(facts).await?;
        self.follow_identities(rows, run, at).await
    }

    /// Replaces what is known of these identities; what was known before stays in the history. Ids that are not there
    /// are refused with the constraint `identity_history_identity`, on SQLite `foreign_key`.
    pub async fn update_identities(&mut self, rows: &[Identity], run: Option<RunId>, at: Timestamp) -> Result<()> {
        let before = self.identities_before(rows).await?;
        self.bulk(UPDATE_IDENTITIES, &inputs(rows)).await?;
        let changed = |row| identity_fact(row, Some(before.get(&row.id)?), at).map(|fact| of_run(fact, run));
        self.note_facts(rows.iter().filter_map(changed)).await?;
        let ids = ids(rows);
        self.execute(DELETE_CONTEXTS, arguments![ids.as_str()]).await?;
        self.execute(DELETE_WORDS, arguments![ids.as_str()]).await?;
        self.execute(CLOSE_HISTORY, arguments![ids, at]).await?;
        self.follow_identities(rows, run, at).await
    }

    pub async fn append_identity_events(&mut self, rows: &[NewIdentityEvent]) -> Result<()> {
        let inputs: Vec<_> = rows
            .iter()
            .map(|row| EventInput {
                identity: row.identity.0,
                at: row.at.as_microsecond(),
                message: &row.message,
                order: row.order.map(|id| id.0),
                run: row.run.map(|id| id.0),
            })
            .collect();
        self.bulk(INSERT_EVENTS, &inputs).await
    }

    /// What an insert and an update have in common.
    async fn follow_identities(&mut self, rows: &[Identity], run: Option<RunId>, at: Timestamp) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        self.bulk(INSERT_CONTEXTS, &contexts(rows)).await?;
        let run = run.map(|run| run.0);
        for chunk in rows.chunks(CHUNK) {
            let inputs: Vec<_> =
                chunk.iter().map(|identity| HistoryInput { id: identity.id.0, body: identity }).collect();
            self.execute(INSERT_HISTORY, arguments![payload(&inputs)?, at, run]).await?;
        }
        // After the history, which says of whom nothing is known.
        self.bulk(INSERT_WORDS, &words_apart(rows)).await?;
        self.append_changes(&ids(rows), at).await
    }

    pub(crate) async fn append_changes(&mut self, ids: &str, at: Timestamp) -> Result<()> {
        if self.connection.is_postgres() {
            self.execute(LOCK_CHANGE_LOG, arguments![]).await?;
        }
        self.execute(APPEND_CHANGE_LOG, arguments![ids, at]).await?;
        Ok(())
    }
}

fn ids(rows: &[Identity]) -> String {
    numbers(rows.iter().map(|identity| identity.id.0))
}

fn inputs(rows: &[Identity]) -> Vec<IdentityInput<'_>> {
    rows.iter()
        .map(|identity| IdentityInput {
            identity,
            sort_name: sort_key(&identity.display_name),
            words: words(identity),
            department: text_of(&identity.attributes, "department"),
            context_count: identity.contexts.len(),
        })
        .collect()
}

/// By which somebody is found: name, key, and what of a mail is theirs.
fn words(identity: &Identity) -> String {
    let mail =
        ["mail", "email"].map(|name| text_of(&identity.attributes, name)).into_iter().find(|mail| !mail.is_empty());
    fold([identity.display_name.as_str(), identity.key.as_str(), before_at(mail.unwrap_or_default())])
}

fn words_apart(rows: &[Identity]) -> Vec<WordInput> {
    let of = |identity: &Identity| {
        let id = identity.id.0;
        apart(&words(identity)).into_iter().map(move |word| WordInput { word, identity: id })
    };
    rows.iter().flat_map(of).collect()
}

fn contexts(rows: &[Identity]) -> Vec<ContextInput<'_>> {
    rows.iter()
        .flat_map(|identity| identity.contexts.iter().enumerate().map(move |context| (identity, context)))
        .map(|(identity, (sequence, context))| ContextInput {
            identity: identity.id.0,
            sequence,
            starts: context.period.starts.map_or_else(|| FIRST_DAY.to_owned(), |day| day.to_string()),
            ends: context.period.ends.map_or_else(|| LAST_DAY.to_owned(), |day| day.to_string()),
            department: text_of(&context.attributes, "department"),
        })
        .collect()
}

const FIRST_DAY: &str = "0000-01-01";
const LAST_DAY: &str = "9999-12-31";

fn text_of<'a>(attributes: &'a Attributes, name: &str) -> &'a str {
    attributes.get(name).and_then(Value::as_text).unwrap_or_default()
}
