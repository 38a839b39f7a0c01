//! Streams of events and of the audit trail: facts as they are written (`facts`), their numbering, reading them, and how
//! far each receiver is (`subscriptions`).
//!
//! Numbers are given by one publisher at a time, to what is committed, in the transaction that counts the stream up. A
//! database's own sequence would leave gaps with every transaction that is rolled back, and let a reader see a higher
//! number before a lower one.

mod facts;
mod subscriptions;

use jiff::Timestamp;
use model::event::{Event, EventBody, EventFilter, EventList, EventType, Position, Stream, StreamFacts};
use model::ids::AssignmentId;
use model::page::Page;
use model::permission::Reach;
use model::value::Value;

use crate::among::among;
use crate::connection::{Argument, Connection, Row, arguments, texts};
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

/// $1 the first time, $2 and $3 the time and number before which it lies, $4 how many are looked at, the newest first.
macro_rules! looked_at {
    ($columns:literal, $stream:literal) => {
        concat!(
            "select ",
            $columns,
            " from ",
            $stream,
            "
      where at >= $1
        and (at, number) < ($2, $3)
        and number is not null
      order by at desc, number desc
      limit $4"
        )
    };
}

/// $5 type, $6 beginning of types, $7 application, $8 what else belongs to it, $9 identity, $10 a key or name, $11–$14 words
/// of a person. Taking an event apart takes longest: $15 is how an event is written that has the key or name anywhere, and
/// $16 are the people who could have the words, where they are few.
macro_rules! chosen_events {
    () => {
        concat!(
            "
    from (
      ",
            looked_at!("number, at, body", "event"),
            "
    ) as e
    where ($5 is null or e.body ->> 'type' = $5 or e.body ->> 'type' like $6)
      and (
        $7 is null
        or e.body ->> 'application' = $7
        or (e.body ->> 'application') is null
          and (e.body -> 'data' ->> 'kind') || ' ' || (e.body -> 'data' ->> 'name')
            in (select value ->> 'text' from json_each($8))
      )
      and ($9 is null or cast(e.body -> 'identity' ->> 'id' as bigint) = $9)
      and (
        $10 is null
        or (
          cast(e.body as text) like $15 escape '!'
          and $10 in (
            e.body -> 'data' ->> 'key', e.body -> 'data' ->> 'name', e.body -> 'data' ->> 'job',
            e.body -> 'data' ->> 'risk', e.body -> 'identity' ->> 'key'
          )
        )
        or (
          cast($16 as text) is null
          and exists (
            select 1
            from identity i
            where i.id = cast(e.body -> 'identity' ->> 'id' as bigint)
              and i.words like $11 and i.words like $12 and i.words like $13 and i.words like $14
          )
        )
        or cast(e.body -> 'identity' ->> 'id' as bigint) in (
          select i.id
          from json_each($16) r
          cross join identity i
          where i.id = cast(r.value as bigint)
            and i.words like $11 and i.words like $12 and i.words like $13 and i.words like $14
        )
      )"
        )
    };
}

const EVENT_PAGE: &str = concat!(
    "select e.number, e.at, cast(e.body as text) as body",
    chosen_events!(),
    "
    order by e.at desc, e.number desc
    limit $17"
);

const EVENT_COUNT: &str = concat!("select count(*) from (select 1", chosen_events!(), " limit $17) as found");

/// What [`looked_at`] says, $5 a part of the line. What waits for its number is there with the next look.
macro_rules! chosen_lines {
    () => {
        concat!(
            "
    from (
      ",
            looked_at!("number, at, actor, action, subject, detail", "audit_line"),
            "
    ) as l
    where $5 is null
      or lower(l.actor || ' ' || l.action || ' ' || l.subject || ' ' || l.detail) like $5 escape '!'"
        )
    };
}

const LINE_PAGE: &str = concat!(
    "select l.number, l.at, l.actor, l.action, l.subject, l.detail",
    chosen_lines!(),
    "
    order by l.at desc, l.number desc
    limit $6"
);

const LINE_COUNT: &str = concat!("select count(*) from (select 1", chosen_lines!(), " limit $6) as found");

/// The last of those looked at, and the one after it, where there are so many.
const EVENT_EDGE: &str = concat!(looked_at!("number, at", "event"), " offset $5");
const LINE_EDGE: &str = concat!(looked_at!("number, at", "audit_line"), " offset $5");

const EVENT_TIME: &str = "select at from event where number = $1";
const LINE_TIME: &str = "select at from audit_line where number = $1";

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
    ///
    /// What the filter leaves out has to be looked at all the same. A piece ends after so many `at_once`, wherever it has come to by
    /// then, and the next one goes on there; so an answer takes the same time in a stream of any length.
    pub async fn event_page(
        &self,
        filter: &EventFilter,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        belonging: &[String],
        at_once: u32,
    ) -> Result<EventList> {
        let mut connection = self.snapshot().await?;
        let stream = filter.stream;
        let facts = facts_of(&mut connection, stream).await?;
        let of_all = Range::between(since, until);
        let Some(range) = of_all.before(&mut connection, stream, filter.before).await? else {
            return Ok(EventList { page: Page::empty(), is_counted: false, looked_back_to: None });
        };
        let chosen = Chosen::of(&mut connection, filter, belonging, at_once).await?;
        let limit = rows_to_read(filter.limit);
        let rows = chosen.rows(&mut connection, range, limit).await?;
        let is_full = i64::try_from(rows.len()).is_ok_and(|read| read >= limit);
        // What fits onto the first page is counted by reading it.
        let total = match (chosen.is_narrowed(), is_full || filter.before.is_some()) {
            (true, _) if edge(&mut connection, stream, of_all, at_once).await?.is_some() => None,
            (_, true) => Some(chosen.count(&mut connection, of_all).await?),
            (_, false) => Some(i64::try_from(rows.len()).unwrap_or(i64::MAX)),
        };
        let events = events(&facts, &rows)?;
        let mut page = page(events, filter.limit, total.unwrap_or_default(), |event| event.sequence.to_string());
        let mut looked_back_to = None;
        if total.is_none() {
            page.total = page.rows.len() as u64;
            if let (None, Some((number, at))) = (&page.next, edge(&mut connection, stream, range, at_once).await?) {
                page.next = Some(number.to_string());
                looked_back_to = Some(at);
            }
        }
        Ok(EventList { page, is_counted: total.is_some(), looked_back_to })
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

/// A part of a stream: from the first time on, before the other one and number.
#[derive(Clone, Copy)]
struct Range {
    since: i64,
    before: (i64, i64),
}

impl Range {
    fn between(since: Option<Timestamp>, until: Option<Timestamp>) -> Self {
        let of = |at: Timestamp| at.as_microsecond();
        Self { since: since.map_or(i64::MIN, of), before: (until.map_or(i64::MAX, of), i64::MIN) }
    }

    /// Only what came before that one; none where it is no longer there, and so nothing older is.
    async fn before(self, connection: &mut Connection, stream: Stream, number: Option<i64>) -> Result<Option<Self>> {
        let Some(number) = number else { return Ok(Some(self)) };
        let sql = match stream {
            Stream::Events => EVENT_TIME,
            Stream::Audit => LINE_TIME,
        };
        let Some(row) = connection.row(sql, arguments![number]).await? else { return Ok(None) };
        Ok(Some(Self { before: self.before.min((row.integer("at")?, number)), ..self }))
    }
}

/// Number and time of the last that is looked at in the part, where more comes after it.
async fn edge(
    connection: &mut Connection,
    stream: Stream,
    range: Range,
    at_once: u32,
) -> Result<Option<(i64, Timestamp)>> {
    let sql = match stream {
        Stream::Events => EVENT_EDGE,
        Stream::Audit => LINE_EDGE,
    };
    let (before, before_number) = range.before;
    let rows =
        connection.rows(sql, arguments![range.since, before, before_number, 2_i64, i64::from(at_once) - 1]).await?;
    match rows.as_slice() {
        [last, _] => Ok(Some((last.integer("number")?, last.time("at")?))),
        _ => Ok(None),
    }
}

/// What a filter asks for, as the statements take it.
struct Chosen<'a> {
    filter: &'a EventFilter,
    text: Option<&'a str>,
    belonging: String,
    /// Who could have the words of the text, where these are few.
    people: Option<String>,
    at_once: u32,
}

impl<'a> Chosen<'a> {
    async fn of(
        connection: &mut Connection,
        filter: &'a EventFilter,
        belonging: &[String],
        at_once: u32,
    ) -> Result<Self> {
        let text = filter.text.as_deref().map(str::trim).filter(|text| !text.is_empty());
        let people = among(connection, &Reach::default(), text).await?;
        Ok(Self { filter, text, belonging: texts(belonging.iter().map(String::as_str))?, people, at_once })
    }

    fn is_narrowed(&self) -> bool {
        let filter = self.filter;
        let of_events = filter.kind.is_some() || filter.application.is_some() || filter.identity.is_some();
        self.text.is_some() || filter.stream == Stream::Events && of_events
    }

    /// Where nothing is left out, no more is looked at than is wanted.
    fn looked_at(&self, wanted: i64) -> i64 {
        if self.is_narrowed() { i64::from(self.at_once) } else { wanted }
    }

    async fn rows(&self, connection: &mut Connection, range: Range, limit: i64) -> Result<Vec<Row>> {
        match self.filter.stream {
            Stream::Events => connection.rows(EVENT_PAGE, self.of_events(range, limit)).await,
            Stream::Audit => connection.rows(LINE_PAGE, self.of_lines(range, limit)).await,
        }
    }

    async fn count(&self, connection: &mut Connection, range: Range) -> Result<i64> {
        match self.filter.stream {
            Stream::Events => connection.number(EVENT_COUNT, self.of_events(range, count_limit())).await,
            Stream::Audit => connection.number(LINE_COUNT, self.of_lines(range, count_limit())).await,
        }
    }

    fn of_events(&self, range: Range, limit: i64) -> [Argument; 17] {
        let filter = self.filter;
        let (before, before_number) = range.before;
        let beginning = filter.kind.as_deref().and_then(|kind| kind.strip_suffix('*'));
        let beginning = beginning.map(|beginning| format!("{beginning}%"));
        let [first, second, third, fourth] = patterns(self.text);
        arguments![
            range.since,
            before,
            before_number,
            self.looked_at(limit),
            filter.kind.as_deref(),
            beginning,
            filter.application.as_deref(),
            self.belonging.as_str(),
            filter.identity.map(|id| id.0),
            self.text,
            first,
            second,
            third,
            fourth,
            self.text.map(written),
            self.people.as_deref(),
            limit
        ]
    }

    fn of_lines(&self, range: Range, limit: i64) -> [Argument; 6] {
        let (before, before_number) = range.before;
        arguments![range.since, before, before_number, self.looked_at(limit), self.text.map(part), limit]
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

/// The pattern of an event in which the text stands by itself, as JSON has it.
fn written(text: &str) -> String {
    containing(&serde_json::Value::from(text).to_string())
}

/// The pattern of what holds the text, in whatever case.
fn part(text: &str) -> String {
    containing(&text.to_lowercase())
}

fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for c in text.chars() {
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
