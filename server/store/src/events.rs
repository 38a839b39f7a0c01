//! Streams of events and of the audit trail: facts as they are written (`facts`), their numbering, reading them, and how
//! far each receiver is (`subscriptions`).
//!
//! Numbers are given by one publisher at a time, to what is committed, in the transaction that counts the stream up. A
//! database's own sequence would leave gaps with every transaction that is rolled back, and let a reader see a higher
//! number before a lower one.

mod facts;
mod subscriptions;

use jiff::Timestamp;
use model::event::{Event, EventBody, EventFilter, EventType, Position, Stream, StreamFacts};
use model::ids::AssignmentId;
use model::page::Page;
use model::value::Value;

use crate::connection::{Connection, Row, arguments, texts};
use crate::paging::{count_limit, page, rows_to_read};
use crate::words::patterns;
use crate::{Result, Store, StoreError, Tx};

pub use facts::NewFact;
pub(crate) use facts::{account_fact, identity_fact, of_run};
pub use subscriptions::{Claimed, Delivered};

macro_rules! stream_row {
    () => {
        "select epoch, last
    from event_stream
    where name = $1"
    };
}

const STREAM_SQLITE: &str = stream_row!();
/// The others wait: one publisher at a time.
const STREAM_POSTGRES: &str = concat!(stream_row!(), " for update");

const HAS_FACTS: &str = "
    select
      cast(
        case when exists (select 1 from event_fact)
          or exists (select 1 from event_stream where name = 'events' and epoch is null and last > 0) then 1 else 0 end
        + case when exists (select 1 from audit_line where number is null)
          or exists (select 1 from event_stream where name = 'audit' and epoch is null and last > 0) then 2 else 0 end
        as bigint
      ) as waiting";

/// By what was numbered, not by a bound: a transaction with a lower sequence may have been committed meanwhile.
const FORGET_FACTS: &str = "
    delete from event_fact
    where sequence in (select cast(value as bigint) from json_each($1))";

/// Of one transaction, and of two that waited for each other, what came first has the lower sequence.
const FACTS: &str = "
    select sequence, at, cast(body as text) as body
    from event_fact
    order by sequence
    limit $1";

const INSERT_EVENTS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into event (number, at, body)
    select cast(value ->> 'number' as bigint), cast(value ->> 'at' as bigint), value -> 'body'
    from input";

const NUMBER_LINES: &str = "
    update audit_line
    set number = taken.place + $1
    from (
      select sequence as line, row_number() over (order by sequence) as place
      from (select sequence from audit_line where number is null order by sequence limit $2) as waiting
    ) as taken
    where audit_line.sequence = taken.line";

const COUNT_UP: &str = "
    update event_stream
    set last = last + $2,
        epoch = coalesce(epoch, $3)
    where name = $1";

const EVENTS: &str = "
    select number, cast(body as text) as body
    from event
    where number > $1
    order by number
    limit $2";

const LINES: &str = "
    select number, at, actor, action, subject, detail
    from audit_line
    where number > $1
    order by number
    limit $2";

const EVENTS_AT: &str = "
    select number, cast(body as text) as body
    from event
    where number in (select cast(value as bigint) from json_each($1))
    order by number";

const LINES_AT: &str = "
    select number, at, actor, action, subject, detail
    from audit_line
    where number in (select cast(value as bigint) from json_each($1))
    order by number";

/// $1 and $2 between which times, $3 type, $4 beginning of types, $5 application, $6 what else belongs to it, $7 identity,
/// $8 a key or name, $9–$12 words of a person.
macro_rules! chosen_events {
    () => {
        "
    from event e
    where ($1 is null or e.at >= $1)
      and ($2 is null or e.at < $2)
      and ($3 is null or e.body ->> 'type' = $3 or e.body ->> 'type' like $4)
      and (
        $5 is null
        or e.body ->> 'application' = $5
        or (e.body ->> 'application') is null
          and (e.body -> 'data' ->> 'kind') || ' ' || (e.body -> 'data' ->> 'name')
            in (select value ->> 'text' from json_each($6))
      )
      and ($7 is null or cast(e.body -> 'identity' ->> 'id' as bigint) = $7)
      and (
        $8 is null
        or $8 in (
          e.body -> 'data' ->> 'key', e.body -> 'data' ->> 'name', e.body -> 'data' ->> 'job',
          e.body -> 'data' ->> 'risk', e.body -> 'identity' ->> 'key'
        )
        or cast(e.body -> 'identity' ->> 'id' as bigint) in (
          select i.id
          from identity i
          where i.words like $9 and i.words like $10 and i.words like $11 and i.words like $12
        )
      )"
    };
}

const EVENT_PAGE: &str = concat!(
    "select e.number, cast(e.body as text) as body",
    chosen_events!(),
    "
      and ($13 is null or e.number < $13)
    order by e.number desc
    limit $14"
);

const EVENT_COUNT: &str = concat!("select count(*) from (select 1", chosen_events!(), " limit $13) as found");

/// $1 and $2 between which times, $3 a part of the line. What waits for its number is there with the next look.
macro_rules! chosen_lines {
    () => {
        "
    from audit_line l
    where l.number is not null
      and ($1 is null or l.at >= $1)
      and ($2 is null or l.at < $2)
      and ($3 is null or lower(l.actor || ' ' || l.action || ' ' || l.subject || ' ' || l.detail) like $3 escape '!')"
    };
}

const LINE_PAGE: &str = concat!(
    "select l.number, l.at, l.actor, l.action, l.subject, l.detail",
    chosen_lines!(),
    "
      and ($4 is null or l.number < $4)
    order by l.number desc
    limit $5"
);

const LINE_COUNT: &str = concat!("select count(*) from (select 1", chosen_lines!(), " limit $4) as found");

const FIRST_EVENT: &str = "select min(number) as first from event";
const FIRST_LINE: &str = "select min(number) as first from audit_line";

const EVENT_SINCE: &str = "select min(number) as first from event where at >= $1";
const LINE_SINCE: &str = "select min(number) as first from audit_line where at >= $1 and number is not null";

/// $1 events that happened before may go, unless somebody has yet to get them, or they were set aside.
const FORGET_EVENTS: &str = "
    delete from event
    where number in (
      select number
      from event
      where at < $1
        and number <= coalesce((select min(cursor_number) from subscription where stream = 'events'), number)
        and number not in (
          select m.number
          from set_aside_message m
          join subscription s on s.name = m.subscription and s.stream = 'events'
        )
      order by number
      limit $2
    )";

const SNAPSHOT: &str = "
    select a.id, i.source, i.key, a.kind, a.name, a.starts, a.ends, a.since
    from assignment a
    join identity i on i.id = a.identity_id
    where a.until is null
      and a.id > $1
    order by a.id
    limit $2";

/// Something that somebody holds, as a receiver begins with it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SnapshotLine {
    pub id: AssignmentId,
    pub identity_source: String,
    pub identity_key: String,
    pub kind: String,
    pub name: String,
    pub starts: Option<String>,
    pub ends: Option<String>,
    pub since: Timestamp,
}

#[derive(serde::Serialize)]
struct EventInput {
    number: i64,
    at: i64,
    body: serde_json::Value,
}

impl Tx {
    /// Numbers what is committed and waits, in order, and says how much it was. Another publisher is waited for. A stream
    /// that has no epoch yet gets this one.
    pub async fn publish(&mut self, stream: Stream, epoch: &str, limit: u32) -> Result<u64> {
        let sql = if self.connection.is_postgres() { STREAM_POSTGRES } else { STREAM_SQLITE };
        let Some(row) = self.row(sql, arguments![stream.name()]).await? else { return Ok(0) };
        let last = row.integer("last")?;
        let count = match stream {
            Stream::Events => self.number_facts(last, limit).await?,
            Stream::Audit => self.execute(NUMBER_LINES, arguments![last, limit]).await?,
        };
        if count > 0 || row.optional_text("epoch")?.is_none() {
            let counted = i64::try_from(count).unwrap_or(i64::MAX);
            self.execute(COUNT_UP, arguments![stream.name(), counted, epoch]).await?;
        }
        Ok(count)
    }

    async fn number_facts(&mut self, last: i64, limit: u32) -> Result<u64> {
        // What is read here is what is moved: a second look could see more.
        let rows = self.rows(FACTS, arguments![limit]).await?;
        let mut moved = Vec::with_capacity(rows.len());
        let mut inputs = Vec::with_capacity(rows.len());
        for (number, row) in (last + 1..).zip(&rows) {
            moved.push(row.integer("sequence")?);
            inputs.push(EventInput { number, at: row.integer("at")?, body: row.json("body")? });
        }
        self.bulk(INSERT_EVENTS, &inputs).await?;
        for chunk in moved.chunks(crate::connection::CHUNK) {
            let ids = crate::connection::numbers(chunk.iter().copied());
            self.execute(FORGET_FACTS, arguments![ids]).await?;
        }
        Ok(moved.len() as u64)
    }

    /// Forgets events that happened before, except what somebody has yet to get, and says how many.
    pub async fn forget_events(&mut self, before: Timestamp, limit: u32) -> Result<u64> {
        self.execute(FORGET_EVENTS, arguments![before, limit]).await
    }
}

impl Store {
    /// The streams in which something waits for its number.
    pub async fn unnumbered(&self) -> Result<Vec<Stream>> {
        let waiting = self.reader().await?.number(HAS_FACTS, arguments![]).await?;
        let of = |stream: Stream, bit: i64| (waiting & bit != 0).then_some(stream);
        Ok([of(Stream::Events, 1), of(Stream::Audit, 2)].into_iter().flatten().collect())
    }

    /// How far a stream is.
    pub async fn stream(&self, stream: Stream) -> Result<StreamFacts> {
        facts_of(&mut self.snapshot().await?, stream).await
    }

    /// What comes after the number, in order and without gaps, with how far the stream is.
    pub async fn events_after(&self, stream: Stream, after: i64, limit: u32) -> Result<(StreamFacts, Vec<Event>)> {
        let mut connection = self.snapshot().await?;
        let facts = facts_of(&mut connection, stream).await?;
        let sql = match stream {
            Stream::Events => EVENTS,
            Stream::Audit => LINES,
        };
        let rows = connection.rows(sql, arguments![after, limit]).await?;
        Ok((facts.clone(), events(&facts, &rows)?))
    }

    /// Those of these numbers that are still there.
    pub async fn events_at(&self, stream: Stream, numbers: &[i64]) -> Result<Vec<Event>> {
        let mut connection = self.snapshot().await?;
        let facts = facts_of(&mut connection, stream).await?;
        let sql = match stream {
            Stream::Events => EVENTS_AT,
            Stream::Audit => LINES_AT,
        };
        let numbers = crate::connection::numbers(numbers.iter().copied());
        events(&facts, &connection.rows(sql, arguments![numbers]).await?)
    }

    /// A piece of a stream, the newest first, of what happened between two times; `belonging` is what belongs to the
    /// application, each as kind and name with a space between them, because not every event says of which it is.
    pub async fn event_page(
        &self,
        filter: &EventFilter,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        belonging: &[String],
    ) -> Result<Page<Event>> {
        let mut connection = self.snapshot().await?;
        let facts = facts_of(&mut connection, filter.stream).await?;
        let (since, until) = (since.map(Timestamp::as_microsecond), until.map(Timestamp::as_microsecond));
        let text = filter.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let limit = rows_to_read(filter.limit);
        // What fits onto the first page is counted by reading it.
        let is_whole =
            |rows: &[Row]| filter.before.is_none() && i64::try_from(rows.len()).is_ok_and(|read| read < limit);
        let (rows, total) = match filter.stream {
            Stream::Events => {
                let beginning = filter.kind.as_deref().and_then(|kind| kind.strip_suffix('*'));
                let beginning = beginning.map(|beginning| format!("{beginning}%"));
                let belonging = texts(belonging.iter().map(String::as_str))?;
                macro_rules! chosen {
                    ($($more:expr),+) => {{
                        let [first, second, third, fourth] = patterns(text);
                        arguments![
                            since, until, filter.kind.as_deref(), beginning.clone(), filter.application.as_deref(),
                            belonging.as_str(), filter.identity.map(|id| id.0), text, first, second, third, fourth,
                            $($more),+
                        ]
                    }};
                }
                let rows = connection.rows(EVENT_PAGE, chosen![filter.before, limit]).await?;
                let total = match is_whole(&rows) {
                    true => i64::try_from(rows.len()).unwrap_or(i64::MAX),
                    false => connection.number(EVENT_COUNT, chosen![count_limit()]).await?,
                };
                (rows, total)
            }
            Stream::Audit => {
                let part = text.map(part);
                let chosen = arguments![since, until, part.as_deref(), filter.before, limit];
                let rows = connection.rows(LINE_PAGE, chosen).await?;
                let total = match is_whole(&rows) {
                    true => i64::try_from(rows.len()).unwrap_or(i64::MAX),
                    false => {
                        connection.number(LINE_COUNT, arguments![since, until, part.as_deref(), count_limit()]).await?
                    }
                };
                (rows, total)
            }
        };
        Ok(page(events(&facts, &rows)?, filter.limit, total, |event| event.sequence.to_string()))
    }

    /// The number after which a position lies.
    pub async fn number_before(&self, stream: Stream, position: Position) -> Result<i64> {
        let facts = self.stream(stream).await?;
        let at = match position {
            Position::After(number) => return Ok(number.clamp(0, facts.last)),
            Position::End => return Ok(facts.last),
            Position::Since(at) => at,
        };
        let sql = match stream {
            Stream::Events => EVENT_SINCE,
            Stream::Audit => LINE_SINCE,
        };
        let row = self.reader().await?.row(sql, arguments![at]).await?;
        let first = row.map(|row| row.optional_integer("first")).transpose()?.flatten();
        Ok(first.map_or(facts.last, |first| first - 1))
    }

    /// What everybody holds, by number, after that one.
    pub async fn snapshot_lines(&self, after: AssignmentId, limit: u32) -> Result<Vec<SnapshotLine>> {
        let read = |row: Row| {
            Ok(SnapshotLine {
                id: AssignmentId(row.integer("id")?),
                identity_source: row.text("source")?,
                identity_key: row.text("key")?,
                kind: row.text("kind")?,
                name: row.text("name")?,
                starts: row.optional_text("starts")?,
                ends: row.optional_text("ends")?,
                since: row.time("since")?,
            })
        };
        self.reader().await?.read(SNAPSHOT, arguments![after.0, limit], read).await
    }
}

pub(crate) async fn facts_of(connection: &mut Connection, stream: Stream) -> Result<StreamFacts> {
    let row = connection.row(STREAM_SQLITE, arguments![stream.name()]).await?;
    let row = row.ok_or_else(|| StoreError::Corrupt { what: format!("there is no stream `{}`", stream.name()) })?;
    let (epoch, last) = (row.optional_text("epoch")?, row.integer("last")?);
    let sql = match stream {
        Stream::Events => FIRST_EVENT,
        Stream::Audit => FIRST_LINE,
    };
    let first =
        connection.row(sql, arguments![]).await?.map(|row| row.optional_integer("first")).transpose()?.flatten();
    Ok(StreamFacts { stream, epoch, last, first: first.unwrap_or(last + 1) })
}

fn events(facts: &StreamFacts, rows: &[Row]) -> Result<Vec<Event>> {
    rows.iter()
        .map(|row| {
            let body = match facts.stream {
                Stream::Events => row.json("body")?,
                Stream::Audit => line(row)?,
            };
            Ok(Event {
                stream: facts.stream,
                epoch: facts.epoch.clone().unwrap_or_default(),
                sequence: row.integer("number")?,
                body,
            })
        })
        .collect()
}

/// The pattern of what holds the text.
fn part(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.to_lowercase().chars() {
        if matches!(c, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(c);
    }
    pattern.push('%');
    pattern
}

fn line(row: &Row) -> Result<EventBody> {
    let text = |column: &str| Ok::<_, StoreError>(Value::Text(row.text(column)?));
    let mut body = EventBody::new(EventType::Audited, row.time("at")?);
    for column in ["actor", "action", "subject", "detail"] {
        body.data.insert(column.to_owned(), text(column)?);
    }
    Ok(body)
}
