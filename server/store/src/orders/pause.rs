//! Orders that wait because nothing is sent to whom they go to: while it does not answer, and in maintenance windows.
//! Who waits is told as each order's reason and in its timeline; who carries orders out asks the circuit itself.

use jiff::Timestamp;
use model::order::{StateReason, Trouble};
use serde::Serialize;

use crate::connection::{Row, arguments, payload};
use crate::{Result, Store, Tx};

/// $1 carrier, $3 trouble: released orders that could be sent but for the pause, and do not say so yet. Work for
/// people goes on, what a person holds stays held, and what waits for a value says that.
macro_rules! to_pause {
    () => {
        concat!(
            "state = 1
      and carrier = $1
      and mechanism <> 'manual'
      and next_attempt_at is not null
      and not awaits_reference
      and coalesce(trouble, 'retry_wait') in ('retry_wait', 'quarantined', 'maintenance')
      and coalesce(trouble, '') <> $3
      and ",
            has_its_turn!("provisioning_order.id")
        )
    };
}

const TELL_PAUSE: &str = concat!(
    "with input as materialized (select value from jsonb_each($2))
    insert into order_event (order_id, at, from_state, to_state, reason, actor, message)
    select
      provisioning_order.id, cast(input.value ->> 'at' as bigint), 1, 1, input.value -> 'reason', 'Quartermaster',
      input.value ->> 'message'
    from provisioning_order
    cross join input
    where ",
    to_pause!(),
    "
    order by provisioning_order.id"
);

const PAUSE: &str = concat!(
    "with input as materialized (select value from jsonb_each($2))
    update provisioning_order
    set reason = input.value -> 'reason',
        trouble = $3,
        fingerprint = input.value ->> 'fingerprint',
        troubled_at = cast(input.value ->> 'at' as bigint),
        changed_at = cast(input.value ->> 'at' as bigint),
        repeats = 0
    from input
    where ",
    to_pause!()
);

const TELL_RESUME: &str = "
    insert into order_event (order_id, at, from_state, to_state, actor, message)
    select id, $3, 1, 1, $4, $5
    from provisioning_order
    where state = 1
      and carrier = $1
      and trouble = $2
    order by id";

const RESUME: &str = "
    update provisioning_order
    set reason = null,
        trouble = null,
        fingerprint = null,
        troubled_at = null,
        next_attempt_at = $3,
        changed_at = $3
    where state = 1
      and carrier = $1
      and trouble = $2";

/// Those that are to be read back do not wait for their time either.
const READ_BACK_NOW: &str = "
    update provisioning_order
    set next_attempt_at = $2
    where state = 2
      and carrier = $1
      and trouble = 'in_doubt'
      and next_attempt_at > $2";

const PAUSED: &str = "
    select carrier, trouble, count(*) as orders
    from provisioning_order
    where trouble in ('quarantined', 'maintenance')
    group by carrier, trouble
    order by carrier, trouble";

#[derive(Serialize)]
struct PauseInput<'a> {
    reason: &'a StateReason,
    fingerprint: &'a str,
    message: &'a str,
    at: i64,
}

impl Tx {
    /// Lets the orders that go to an application or integration wait, each with the reason and a line in its timeline; how
    /// many did not yet.
    pub async fn pause_orders(
        &mut self,
        carrier: &str,
        reason: &StateReason,
        trouble: Trouble,
        fingerprint: &str,
        message: &str,
        at: Timestamp,
    ) -> Result<u64> {
        let input = payload(&[PauseInput { reason, fingerprint, message, at: at.as_microsecond() }])?;
        self.execute(TELL_PAUSE, arguments![carrier, input.as_str(), trouble.name()]).await?;
        self.execute(PAUSE, arguments![carrier, input, trouble.name()]).await
    }

    /// Lets go what waits for this: it is due from now on, and goes in the order in which it always goes.
    pub async fn resume_orders(
        &mut self,
        carrier: &str,
        trouble: Trouble,
        actor: &str,
        message: &str,
        at: Timestamp,
    ) -> Result<u64> {
        self.execute(TELL_RESUME, arguments![carrier, trouble.name(), at, actor, message]).await?;
        let resumed = self.execute(RESUME, arguments![carrier, trouble.name(), at]).await?;
        self.execute(READ_BACK_NOW, arguments![carrier, at]).await?;
        Ok(resumed)
    }
}

impl Store {
    /// Applications and integrations with orders that wait for a pause to end: which kind, and how many.
    pub async fn paused_orders(&self) -> Result<Vec<(String, Trouble, u64)>> {
        let read =
            |row: Row| Ok((row.text("carrier")?, row.named("trouble", Trouble::from_name)?, row.count("orders")?));
        self.reader().await?.read(PAUSED, arguments![], read).await
    }
}
