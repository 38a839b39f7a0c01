//! Rings of runs: how far each is, and what became of the orders of each ring. That nothing of a later ring is due or
//! claimed is in the statements that make orders due and claim them (`orders::claim`).

use jiff::Timestamp;
use model::account::Mechanism;
use model::ids::{OrderId, RunId};
use model::order::{ProvisioningState, Trouble};
use model::rings::{RingTally, RunRings};
use serde::Serialize;

use crate::connection::{Row, arguments, payload};
use crate::{Result, Store, Tx};

const INSERT: &str = "
    insert into run_ring (run_id, rings, released, limits, halted, released_by, changed_at)
    select $1, $2, $3, value, null, null, $5
    from json_each($4)";

const PUT_ORDERS: &str = "
    with input as materialized (
      select cast(value ->> 'order' as bigint) as order_id, cast(value ->> 'ring' as bigint) as ring
      from jsonb_each($1)
    )
    update provisioning_order
    set ring = input.ring
    from input
    where provisioning_order.id = input.order_id
      and provisioning_order.state in (1, 5, 7)";

const RELEASE: &str = "
    update run_ring
    set released = released + 1,
        halted = null,
        released_by = $3,
        changed_at = $4
    where run_id = $1
      and released = $2
      and released < rings";

const HALT: &str = "
    update run_ring
    set halted = $3,
        changed_at = $4
    where run_id = $1
      and released = $2
      and released < rings
      and halted is null";

macro_rules! columns {
    () => {
        "select run_id, rings, released, cast(limits as text) as limits, halted, released_by from run_ring"
    };
}

const OF: &str = concat!(columns!(), " where run_id = $1");

const OPEN: &str = concat!(columns!(), " where released < rings and halted is null order by run_id");

const TALLIES: &str = "
    select ring, application, mechanism, state, trouble, count(*) as orders
    from provisioning_order
    where run_id = $1
      and ring is not null
    group by ring, application, mechanism, state, trouble
    order by ring, application, mechanism, state, trouble";

const PEOPLE: &str = "
    select ring, count(distinct identity_id) as people
    from provisioning_order
    where run_id = $1
      and ring is not null
    group by ring
    order by ring";

#[derive(Serialize)]
struct RingInput {
    order: i64,
    ring: u32,
}

impl Tx {
    /// Orders that have just been written go ring by ring from now on. Together with them, in one transaction.
    pub async fn start_rings(&mut self, rings: &RunRings, orders: &[(OrderId, u32)], at: Timestamp) -> Result<()> {
        let limits = payload(std::slice::from_ref(&rings.limits))?;
        self.execute(INSERT, arguments![rings.run.0, rings.rings, rings.released, limits, at]).await?;
        let inputs: Vec<_> = orders.iter().map(|(order, ring)| RingInput { order: order.0, ring: *ring }).collect();
        self.bulk(PUT_ORDERS, &inputs).await
    }

    /// The ring after `released` goes, on somebody's word where there is one. False where another was quicker, or none is
    /// left.
    pub async fn release_ring(&mut self, run: RunId, released: u32, by: Option<&str>, at: Timestamp) -> Result<bool> {
        Ok(self.execute(RELEASE, arguments![run.0, released, by, at]).await? > 0)
    }

    /// What comes after the ring `released` goes on a person's word alone. False where it has gone already.
    pub async fn halt_rings(&mut self, run: RunId, released: u32, why: &str, at: Timestamp) -> Result<bool> {
        Ok(self.execute(HALT, arguments![run.0, released, why, at]).await? > 0)
    }
}

impl Store {
    /// None for a run whose orders go all at once.
    pub async fn rings_of(&self, run: RunId) -> Result<Option<RunRings>> {
        let row = self.reader().await?.row(OF, arguments![run.0]).await?;
        row.map(|row| rings(&row)).transpose()
    }

    /// Of every run that has rings left and is not halted, oldest first.
    pub async fn open_rings(&self) -> Result<Vec<RunRings>> {
        self.reader().await?.read(OPEN, arguments![], |row| rings(&row)).await
    }

    /// What became of the orders of each ring, by ring.
    pub async fn ring_tallies(&self, run: RunId) -> Result<Vec<RingTally>> {
        self.reader().await?.read(TALLIES, arguments![run.0], |row| tally(&row)).await
    }

    /// How many people each ring concerns, by ring.
    pub async fn ring_people(&self, run: RunId) -> Result<Vec<(u32, u64)>> {
        let read = |row: Row| Ok((row.small_count("ring")?, row.count("people")?));
        self.reader().await?.read(PEOPLE, arguments![run.0], read).await
    }
}

fn rings(row: &Row) -> Result<RunRings> {
    Ok(RunRings {
        run: RunId(row.integer("run_id")?),
        rings: row.small_count("rings")?,
        released: row.small_count("released")?,
        limits: row.json("limits")?,
        halted: row.optional_text("halted")?,
        released_by: row.optional_text("released_by")?,
    })
}

fn tally(row: &Row) -> Result<RingTally> {
    Ok(RingTally {
        ring: row.small_count("ring")?,
        application: row.text("application")?,
        mechanism: row.named("mechanism", Mechanism::from_name)?,
        state: row.numbered("state", ProvisioningState::from_number)?,
        trouble: row.optional_text("trouble")?.as_deref().and_then(Trouble::from_name),
        orders: row.count("orders")?,
    })
}
