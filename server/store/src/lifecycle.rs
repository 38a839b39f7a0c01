//! Lifecycle states as they were recorded, and up to which day what a new day brings has been seen to. Which state somebody is
//! in is `policy`'s; what is kept here tells since when, where no period of theirs does.

use jiff::Timestamp;
use jiff::civil::Date;
use model::ids::IdentityId;
use model::lifecycle::Remembered;
use serde::Serialize;

use crate::among::{everybody_and_chosen, one_of};
use crate::connection::{Row, arguments, numbers};
use crate::{Result, Store, StoreError, Tx};

const CURRENT: [&str; 2] = everybody_and_chosen!(
    "p.identity_id, p.state, p.starts",
    "lifecycle_period p",
    "p.identity_id",
    "p.until is null order by p.identity_id"
);

const CLOSE: &str = "
    update lifecycle_period
    set until = $2
    where until is null
      and identity_id in (select cast(value as bigint) from json_each($1))";

const OPEN: &str = "
    with input as materialized (
      select
        cast(value ->> 'identity' as bigint) as identity_id,
        value ->> 'state' as state,
        value ->> 'starts' as starts,
        cast(value ->> 'since' as bigint) as since
      from jsonb_each($1)
    )
    insert into lifecycle_period (identity_id, state, starts, since)
    select identity_id, state, starts, since
    from input
    order by identity_id";

const DECIDED: &str = "select day from boundary";

const FIRST_DECISION: &str = "
    insert into boundary (id, day)
    values (1, $1)
    on conflict do nothing";

const DECIDE: &str = "
    update boundary
    set day = $2
    where day = $1";

#[derive(Serialize)]
struct OpenInput<'a> {
    identity: i64,
    state: &'a str,
    starts: Date,
    since: i64,
}

impl Store {
    /// The states that are recorded now, of all or of some.
    pub async fn lifecycle_periods(&self, identities: Option<&[IdentityId]>) -> Result<Vec<(IdentityId, Remembered)>> {
        let identities = identities.map(|ids| numbers(ids.iter().map(|id| id.0)));
        let read = |row: Row| {
            let since = row.optional_date("starts")?;
            let since = since.ok_or_else(|| StoreError::Corrupt { what: "a lifecycle state without a day".into() })?;
            Ok((IdentityId(row.integer("identity_id")?), Remembered { state: row.text("state")?, since }))
        };
        self.reader().await?.read(one_of(CURRENT, identities.as_deref()), arguments![identities], read).await
    }

    /// The last day of which everything has been seen to; none before the first.
    pub async fn boundaries_decided(&self) -> Result<Option<Date>> {
        let read = |row: Row| row.optional_date("day");
        Ok(self.reader().await?.read(DECIDED, arguments![], read).await?.pop().flatten())
    }
}

impl Tx {
    /// These are in other states from now on, or in none that is recorded. Other processes hear of it.
    pub async fn set_lifecycle_periods(
        &mut self,
        changes: &[(IdentityId, Option<Remembered>)],
        at: Timestamp,
    ) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let ids = numbers(changes.iter().map(|(id, _)| id.0));
        self.append_changes(&ids, at).await?;
        self.execute(CLOSE, arguments![ids, at]).await?;
        let opened = changes.iter().filter_map(|(id, state)| {
            let Remembered { state, since } = state.as_ref()?;
            Some(OpenInput { identity: id.0, state, starts: *since, since: at.as_microsecond() })
        });
        self.bulk(OPEN, &opened.collect::<Vec<_>>()).await
    }

    /// Notes that all days up to that one are seen to; false where another was quicker.
    pub async fn decide_boundaries(&mut self, from: Option<Date>, until: Date) -> Result<bool> {
        let changed = match from {
            Some(from) => self.execute(DECIDE, arguments![from, until]).await?,
            None => self.execute(FIRST_DECISION, arguments![until]).await?,
        };
        Ok(changed > 0)
    }
}
