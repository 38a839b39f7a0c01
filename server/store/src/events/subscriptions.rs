//! How far each receiver is, what it refused, and what receivers sign in with.

use std::collections::BTreeSet;

use jiff::Timestamp;
use model::configuration::{Configuration, SubscriptionStart};
use model::event::{EventToken, SetAsideMessage, Stream, SubscriptionStanding, SubscriptionState};
use model::ids::EventTokenId;

use crate::connection::{Row, arguments};
use crate::{Result, Store, Tx};

macro_rules! columns {
    () => {
        "name, stream, state, cursor_number, previous, attempts, next_attempt_at, problem, failing_since, delivered,
         delivered_at, fence"
    };
}

const ALL: &str = concat!("select ", columns!(), " from subscription order by name");
const ONE: &str = concat!("select ", columns!(), " from subscription where name = $1");

const LAST: &str = "select last from event_stream where name = $1";
const FIRST: &str = "select coalesce(min(number), 1) - 1 as before from event";

const INSERT: &str = "
    insert into subscription (name, stream, state, cursor_number, previous, attempts, delivered, fence)
    values ($1, $2, 'active', $3, $3, 0, 0, 0)";

const FORGET_SET_ASIDE: &str = "delete from set_aside_message where subscription = $1";
const FORGET: &str = "delete from subscription where name = $1";

/// One node at a time. Whoever comes second on PostgreSQL waits for the row, and then finds the lease taken.
const CLAIM: &str = concat!(
    "update subscription
    set lease_node = $2,
        lease_until = $4,
        fence = fence + 1
    where name = $1
      and state = 'active'
      and (lease_until is null or lease_until <= $3)
      and (
        next_attempt_at is null
        or next_attempt_at <= $3
        or exists (select 1 from set_aside_message m where m.subscription = subscription.name and m.again)
      )
    returning ",
    columns!()
);

/// Only by who holds it: a person may have moved it meanwhile, which takes it away.
const DELIVERED: &str = "
    update subscription
    set cursor_number = $3,
        previous = $4,
        delivered = delivered + $5,
        delivered_at = case when $5 > 0 then $6 else delivered_at end,
        attempts = 0,
        next_attempt_at = null,
        problem = null,
        failing_since = null,
        lease_until = $7
    where name = $1
      and fence = $2
      and state = 'active'";

const FAILED: &str = "
    update subscription
    set state = $3,
        attempts = attempts + 1,
        next_attempt_at = $4,
        problem = $5,
        failing_since = coalesce(failing_since, $6),
        lease_until = null
    where name = $1
      and fence = $2
      and state = 'active'";

const RELEASE: &str = "
    update subscription
    set lease_until = null
    where name = $1
      and fence = $2";

/// Takes the lease away as well, so that whoever delivers now moves it no further.
const SET_STATE: &str = "
    update subscription
    set state = $2,
        attempts = 0,
        next_attempt_at = null,
        fence = fence + 1,
        lease_until = null
    where name = $1
      and state <> $2";

const MOVE: &str = "
    update subscription
    set cursor_number = $2,
        previous = $2,
        attempts = 0,
        next_attempt_at = null,
        problem = null,
        failing_since = null,
        fence = fence + 1,
        lease_until = null
    where name = $1";

/// A receiver that asks by itself has what it says it has.
const ACKNOWLEDGE: &str = "
    update subscription
    set cursor_number = $2,
        previous = $2,
        delivered_at = $3
    where name = $1
      and cursor_number < $2";

const FREE_LEASES: &str = "update subscription set lease_until = null where lease_until is not null";

const SET_ASIDE: &str = "
    insert into set_aside_message (subscription, number, previous, at, attempts, problem, again)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (subscription, number) do update
    set attempts = set_aside_message.attempts + excluded.attempts,
        problem = excluded.problem,
        again = excluded.again";

const SENT_AFTER_ALL: &str = "delete from set_aside_message where subscription = $1 and number = $2";

const AGAIN: &str = "
    update set_aside_message
    set again = $3
    where subscription = $1
      and (number = $2 or cast($2 as bigint) is null)";

const MESSAGES: &str = "
    select subscription, number, previous, at, attempts, problem, again
    from set_aside_message
    where (subscription = $1 or cast($1 as text) is null)
    order by subscription, number
    limit $2";

const COUNT_SET_ASIDE: &str = "select count(*) from set_aside_message where subscription = $1";

const OLDEST_EVENT: &str = "select min(at) as at from event where number > $1 and number <= $1 + 1";
const OLDEST_LINE: &str = "select min(at) as at from audit_line where number > $1 and number <= $1 + 1";

const INSERT_TOKEN: &str = "
    insert into event_token (id, subscription, token_hash, created_by, created_at)
    values ($1, $2, $3, $4, $5)";

const REVOKE_TOKEN: &str = "
    update event_token
    set revoked_by = $2,
        revoked_at = $3
    where id = $1
      and revoked_at is null";

macro_rules! token_columns {
    () => {
        "id, subscription, created_by, created_at, revoked_at from event_token"
    };
}

const TOKENS: &str = concat!("select ", token_columns!(), " order by subscription, id");
const TOKEN_BY_HASH: &str = concat!("select ", token_columns!(), " where token_hash = $1");

/// A subscription that a node may serve now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    pub standing: SubscriptionStanding,
    /// Messages that a person wants sent once more.
    pub again: Vec<SetAsideMessage>,
}

/// How far a delivery came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    pub name: String,
    pub fence: i64,
    pub cursor: i64,
    pub previous: i64,
    pub messages: u64,
    pub at: Timestamp,
    /// Until when it goes on; none where it ends.
    pub lease_until: Option<Timestamp>,
}

impl Tx {
    /// Those of the configuration are there from now on, and others are gone, with how far they were.
    pub(crate) async fn follow_subscriptions(&mut self, configuration: &Configuration, at: Timestamp) -> Result<()> {
        self.set_wants_events(configuration.wants_events(), at).await?;
        let known = self.rows(ALL, arguments![]).await?.iter().map(standing).collect::<Result<Vec<_>>>()?;
        for old in &known {
            let stays = configuration.subscriptions.get(&old.name).is_some_and(|new| new.source == old.stream);
            if !stays {
                self.execute(FORGET_SET_ASIDE, arguments![old.name.as_str()]).await?;
                self.execute(FORGET, arguments![old.name.as_str()]).await?;
            }
        }
        let known: BTreeSet<_> = known.iter().map(|old| (old.name.as_str(), old.stream)).collect();
        for (name, new) in &configuration.subscriptions {
            if known.contains(&(name.as_str(), new.source)) {
                continue;
            }
            let stream = new.source.name();
            let row = match (new.from, new.source) {
                (SubscriptionStart::Now, _) => self.row(LAST, arguments![stream]).await?,
                (SubscriptionStart::Beginning, Stream::Events) => self.row(FIRST, arguments![]).await?,
                (SubscriptionStart::Beginning, Stream::Audit) => None,
            };
            let cursor = row.map(|row| row.integer_at(0)).transpose()?.unwrap_or(0);
            self.execute(INSERT, arguments![name.as_str(), stream, cursor]).await?;
        }
        Ok(())
    }

    /// Takes a subscription, until then; nothing where another node has it, or it is not its time.
    pub async fn claim_subscription(
        &mut self,
        name: &str,
        node: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Option<Claimed>> {
        let Some(row) = self.row(CLAIM, arguments![name, node, now, until]).await? else { return Ok(None) };
        let standing = standing(&row)?;
        let rows = self.rows(MESSAGES, arguments![Some(name), 1_000_u32]).await?;
        let messages = rows.iter().map(message).collect::<Result<Vec<_>>>()?;
        Ok(Some(Claimed { standing, again: messages.into_iter().filter(|message| message.again).collect() }))
    }

    /// Moves it on; false where somebody else has it by now, who then sends again what was sent here.
    pub async fn note_delivered(&mut self, delivered: &Delivered) -> Result<bool> {
        let messages = i64::try_from(delivered.messages).unwrap_or(i64::MAX);
        let arguments = arguments![
            delivered.name.as_str(),
            delivered.fence,
            delivered.cursor,
            delivered.previous,
            messages,
            delivered.at,
            delivered.lease_until.map(Timestamp::as_microsecond)
        ];
        Ok(self.execute(DELIVERED, arguments).await? > 0)
    }

    /// Notes that the next message was not taken: it is tried again then, or nothing goes on.
    pub async fn note_not_delivered(
        &mut self,
        name: &str,
        fence: i64,
        problem: &str,
        again: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<bool> {
        let state = if again.is_some() { SubscriptionState::Active } else { SubscriptionState::Stopped };
        let again = again.map(Timestamp::as_microsecond);
        Ok(self.execute(FAILED, arguments![name, fence, state.name(), again, problem, at]).await? > 0)
    }

    /// Lets it go without more to say.
    pub async fn release_subscription(&mut self, name: &str, fence: i64) -> Result<()> {
        self.execute(RELEASE, arguments![name, fence]).await?;
        Ok(())
    }

    /// False where it is so already, or is not there.
    pub async fn set_subscription_state(&mut self, name: &str, state: SubscriptionState) -> Result<bool> {
        Ok(self.execute(SET_STATE, arguments![name, state.name()]).await? > 0)
    }

    /// Goes on after that number, forward or back. False where there is none of the name.
    pub async fn move_subscription(&mut self, name: &str, after: i64) -> Result<bool> {
        Ok(self.execute(MOVE, arguments![name, after]).await? > 0)
    }

    /// A receiver that asks has everything up to that number.
    pub async fn acknowledge_events(&mut self, name: &str, up_to: i64, at: Timestamp) -> Result<()> {
        self.execute(ACKNOWLEDGE, arguments![name, up_to, at]).await?;
        Ok(())
    }

    /// Keeps a message apart, or once more.
    pub async fn set_message_aside(&mut self, message: &SetAsideMessage) -> Result<()> {
        let arguments = arguments![
            message.subscription.as_str(),
            message.sequence,
            message.previous,
            message.at,
            message.attempts,
            message.problem.as_str(),
            message.again
        ];
        self.execute(SET_ASIDE, arguments).await?;
        Ok(())
    }

    /// It was taken after all.
    pub async fn forget_set_aside(&mut self, subscription: &str, number: i64) -> Result<()> {
        self.execute(SENT_AFTER_ALL, arguments![subscription, number]).await?;
        Ok(())
    }

    /// Has one message that was set aside, or all of them, sent once more, and says how many.
    pub async fn send_set_aside(&mut self, subscription: &str, number: Option<i64>) -> Result<u64> {
        self.execute(AGAIN, arguments![subscription, number, true]).await
    }

    /// Of a process that died, or a database that was put back.
    pub async fn free_subscriptions(&mut self) -> Result<()> {
        self.execute(FREE_LEASES, arguments![]).await?;
        Ok(())
    }

    /// # Errors
    /// `Conflict` with `event_token_hash` where there is this one already.
    pub async fn insert_event_token(&mut self, token: &EventToken, hash: &str) -> Result<()> {
        let arguments =
            arguments![token.id.0, token.subscription.as_str(), hash, token.created_by.as_str(), token.created_at];
        self.execute(INSERT_TOKEN, arguments).await?;
        Ok(())
    }

    /// Answers whether it was in force.
    pub async fn revoke_event_token(&mut self, id: EventTokenId, by: &str, at: Timestamp) -> Result<bool> {
        Ok(self.execute(REVOKE_TOKEN, arguments![id.0, by, at]).await? > 0)
    }
}

impl Store {
    /// By name.
    pub async fn subscriptions(&self) -> Result<Vec<SubscriptionStanding>> {
        self.reader().await?.read(ALL, arguments![], |row| standing(&row)).await
    }

    pub async fn subscription(&self, name: &str) -> Result<Option<SubscriptionStanding>> {
        self.reader().await?.row(ONE, arguments![name]).await?.map(|row| standing(&row)).transpose()
    }

    /// Of one subscription, or all.
    pub async fn set_aside_messages(&self, subscription: Option<&str>, limit: u32) -> Result<Vec<SetAsideMessage>> {
        self.reader().await?.read(MESSAGES, arguments![subscription, limit], |row| message(&row)).await
    }

    pub async fn count_set_aside(&self, subscription: &str) -> Result<u64> {
        let count = self.reader().await?.number(COUNT_SET_ASIDE, arguments![subscription]).await?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    /// When that happened which comes after the number.
    pub async fn waiting_since(&self, stream: Stream, after: i64) -> Result<Option<Timestamp>> {
        let sql = match stream {
            Stream::Events => OLDEST_EVENT,
            Stream::Audit => OLDEST_LINE,
        };
        self.reader()
            .await?
            .row(sql, arguments![after])
            .await?
            .map(|row| row.optional_time("at"))
            .transpose()
            .map(Option::flatten)
    }

    pub async fn event_tokens(&self) -> Result<Vec<EventToken>> {
        self.reader().await?.read(TOKENS, arguments![], |row| token(&row)).await
    }

    pub async fn event_token_by_hash(&self, hash: &str) -> Result<Option<EventToken>> {
        self.reader().await?.row(TOKEN_BY_HASH, arguments![hash]).await?.map(|row| token(&row)).transpose()
    }
}

fn standing(row: &Row) -> Result<SubscriptionStanding> {
    Ok(SubscriptionStanding {
        name: row.text("name")?,
        stream: row.named("stream", Stream::from_name)?,
        state: row.named("state", SubscriptionState::from_name)?,
        cursor: row.integer("cursor_number")?,
        previous: row.integer("previous")?,
        attempts: row.small_count("attempts")?,
        next_attempt_at: row.optional_time("next_attempt_at")?,
        problem: row.optional_text("problem")?,
        failing_since: row.optional_time("failing_since")?,
        delivered: row.count("delivered")?,
        delivered_at: row.optional_time("delivered_at")?,
        fence: row.integer("fence")?,
    })
}

fn message(row: &Row) -> Result<SetAsideMessage> {
    Ok(SetAsideMessage {
        subscription: row.text("subscription")?,
        sequence: row.integer("number")?,
        previous: row.integer("previous")?,
        at: row.time("at")?,
        attempts: row.small_count("attempts")?,
        problem: row.text("problem")?,
        again: row.boolean("again")?,
    })
}

fn token(row: &Row) -> Result<EventToken> {
    Ok(EventToken {
        id: EventTokenId(row.integer("id")?),
        subscription: row.text("subscription")?,
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        revoked_at: row.optional_time("revoked_at")?,
    })
}
