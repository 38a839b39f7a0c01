//! Whether the database was put back to an earlier state. Then it believes what was true at that time: orders that have been sent
//! since are to be sent, and numbers that were given out since are free. Numbers are mended when that is noticed, orders by the
//! plan that follows the next reading.

use jiff::Timestamp;

use crate::connection::{Row, arguments};
use crate::{Result, Store, Tx};

/// Numbers left out, so that none is given out twice: more than any database takes between two backups.
const NUMBERS_LEFT_OUT: i64 = 1_000_000_000;

pub(crate) const CLEAR: &str = "delete from restoration";

/// Also of the mark that a copy bears.
pub(crate) const MARK: &str = "insert into restoration (id, taken_at) values (1, $1)";

const STANDING: &str = "
    select taken_at, noticed_at
    from restoration
    where ended_at is null";

const NOTICE: &str = "
    update restoration
    set noticed_at = $1
    where noticed_at is null";

const LEAVE_OUT_NUMBERS: &str = "
    update number_space
    set next = next + $1
    where id = 1";

/// A creation may have been sent meanwhile: one that is not the first attempt looks before it writes. All others wait as they did, so
/// that a new plan can take their place. What waits for another order is made anew where that one is gone, as long as it was never
/// tried.
const COUNT_AN_ATTEMPT: &str = "
    update provisioning_order
    set attempts = 1
    where attempts = 0
      and operation = 'create'
      and state in (1, 3, 5)
      and coalesce(reason ->> 'reason', 'none') <> 'held_by'";

const END_SESSIONS: &str = "delete from session";

/// Numbers of events that were given out since are given out again, to others: receivers see that by the epoch.
const NEW_EPOCH: &str = "update event_stream set epoch = null";

const END: &str = "
    update restoration
    set ended_at = $1,
        ended_by = $2
    where ended_at is null
      and noticed_at is not null";

/// A restoration that nobody has put an end to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restoration {
    /// The moment to which the database was put back, where that is known.
    pub taken_at: Option<Timestamp>,
    pub noticed_at: Option<Timestamp>,
}

impl Store {
    /// The restoration that stands, if one does.
    pub async fn restoration(&self) -> Result<Option<Restoration>> {
        let read = |row: Row| {
            Ok(Restoration { taken_at: row.optional_time("taken_at")?, noticed_at: row.optional_time("noticed_at")? })
        };
        Ok(self.reader().await?.read(STANDING, arguments![], read).await?.pop())
    }
}

impl Tx {
    /// Notes that the database was put back, to that moment where it is known. What stood of an earlier time goes.
    pub async fn mark_restored(&mut self, taken_at: Option<Timestamp>) -> Result<()> {
        self.execute(CLEAR, arguments![]).await?;
        self.execute(MARK, arguments![taken_at.map(Timestamp::as_microsecond)]).await?;
        Ok(())
    }

    /// Makes ready for a database that was put back, once: leaves numbers out, lets creations look before they write, ends all
    /// leases and sessions. False where that has been done, or nothing was put back.
    pub async fn notice_restoration(&mut self, at: Timestamp) -> Result<bool> {
        if self.execute(NOTICE, arguments![at]).await? == 0 {
            return Ok(false);
        }
        self.execute(LEAVE_OUT_NUMBERS, arguments![NUMBERS_LEFT_OUT]).await?;
        self.execute(COUNT_AN_ATTEMPT, arguments![]).await?;
        self.execute(END_SESSIONS, arguments![]).await?;
        self.execute(NEW_EPOCH, arguments![]).await?;
        self.free_subscriptions().await?;
        self.void_leases().await?;
        Ok(true)
    }

    /// Puts an end to it, on a person's word; false where none stands, or it was not noticed yet.
    pub async fn end_restoration(&mut self, at: Timestamp, by: &str) -> Result<bool> {
        Ok(self.execute(END, arguments![at, by]).await? > 0)
    }
}
