//! Undos of runs, what they took back, and how much a run changes.

use jiff::Timestamp;
use model::blast_radius::BlastRadius;
use model::ids::{IdentityId, OrderId, RunId};
use model::order::Order;
use model::plan::{ItemKind, ItemOperation};
use model::undo::{RunUndo, Undone};
use model::value::Value;
use serde::Serialize;

use crate::among::chosen;
use crate::connection::{Connection, Row, arguments, numbers, payload};
use crate::orders::{Why, orders_by_id};
use crate::{Result, Store, Tx};

const INSERT: &str = "
    insert into run_undo (run_id, undoes_run_id, selection, reason, actor, digest, at)
    select $1, $2, value -> 'selection', $4, $5, $6, $7
    from jsonb_each($3)";

macro_rules! columns {
    () => {
        "select run_id, undoes_run_id, cast(selection as text) as selection, reason, actor, digest, at from run_undo"
    };
}

const OF: &str = concat!(columns!(), " where run_id = $1");

const BY: &str = concat!(columns!(), " where undoes_run_id = $1 order by run_id");

const INSERT_UNDONE: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into undone_change (
      id, run_id, identity_id, account_type, kind, name, operation, value, actor, reason, since
    )
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'run' as bigint), cast(value ->> 'identity' as bigint),
      value ->> 'account_type', value ->> 'kind', value ->> 'name', value ->> 'operation', value -> 'value',
      value ->> 'by', value ->> 'why', cast(value ->> 'since' as bigint)
    from input";

const UNDONE: &str = "
    select
      id, run_id, identity_id, account_type, kind, name, operation, cast(value as text) as value, actor, reason, since
    from undone_change
    where until is null
    order by id";

const END: &str = "
    update undone_change
    set until = $2
    where until is null
      and id in (select cast(value as bigint) from json_each($1))";

/// What an order that somebody approved does is held up no longer.
const END_APPROVED: &str = "
    update undone_change
    set until = $2
    where until is null
      and exists (
        select 1
        from provisioning_order o
        join order_item i on i.order_id = o.id
        where o.id in (select cast(value as bigint) from json_each($1))
          and o.identity_id = undone_change.identity_id
          and o.account_type = undone_change.account_type
          and i.kind = undone_change.kind
          and (i.kind = 'lifecycle' or i.name = undone_change.name)
          -- What a reviewer declined of it, or put off, is not approved.
          and i.state <> 6
      )";

const ORDERS_OF_RUN: &str = "
    select id
    from provisioning_order
    where run_id = $1
    order by id";

/// Whatever has had an effect since, or may have one without anybody's word.
const ORDERS_SINCE: &str = concat!(
    "
    select o.id
    from ",
    chosen!(),
    "provisioning_order o
    where o.identity_id = chosen_id
      and o.id > $2
      and o.state in (1, 2, 3, 4, 8)
      and (o.run_id is null or o.run_id <> $3)
    order by o.id"
);

const PUT_BLAST_RADIUS: &str = "
    insert into run_blast_radius (run_id, body)
    select $1, value
    from json_each($2)
    where true
    on conflict (run_id) do update
    set body = excluded.body";

const BLAST_RADIUS: &str = "
    select cast(body as text) as body
    from run_blast_radius
    where run_id = $1";

#[derive(Serialize)]
struct UndoneInput<'a> {
    id: i64,
    run: i64,
    identity: i64,
    account_type: &'a str,
    kind: &'static str,
    name: &'a str,
    operation: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a Value>,
    by: &'a str,
    why: &'a str,
    since: i64,
}

impl Tx {
    /// With the run that carries it out, which has to be there.
    pub async fn insert_undo(&mut self, undo: &RunUndo) -> Result<()> {
        let selection = payload(&[serde_json::json!({ "selection": undo.selection })])?;
        let (reason, by, digest) = (undo.reason.as_str(), undo.by.as_str(), undo.digest.as_str());
        self.execute(INSERT, arguments![undo.run.0, undo.undoes.0, selection, reason, by, digest, undo.at]).await?;
        Ok(())
    }

    pub async fn insert_undone(&mut self, rows: &[Undone]) -> Result<()> {
        let inputs: Vec<_> = rows
            .iter()
            .map(|row| UndoneInput {
                id: row.id,
                run: row.run.0,
                identity: row.identity.0,
                account_type: &row.account_type,
                kind: row.kind.name(),
                name: &row.name,
                operation: row.operation.name(),
                value: row.value.as_ref(),
                by: &row.by,
                why: &row.why,
                since: row.since.as_microsecond(),
            })
            .collect();
        self.bulk(INSERT_UNDONE, &inputs).await
    }

    /// They hold up nothing any more.
    pub async fn end_undone(&mut self, ids: &[i64], at: Timestamp) -> Result<()> {
        if !ids.is_empty() {
            self.execute(END, arguments![numbers(ids.iter().copied()), at]).await?;
        }
        Ok(())
    }

    /// The same for what these orders do, which somebody has approved.
    pub(crate) async fn end_undone_by(&mut self, orders: &[OrderId], at: Timestamp) -> Result<()> {
        if !orders.is_empty() {
            self.execute(END_APPROVED, arguments![numbers(orders.iter().map(|id| id.0)), at]).await?;
        }
        Ok(())
    }

    /// Replaces what was known before.
    pub async fn put_blast_radius(&mut self, run: RunId, blast_radius: &BlastRadius) -> Result<()> {
        self.execute(PUT_BLAST_RADIUS, arguments![run.0, payload(std::slice::from_ref(blast_radius))?]).await?;
        Ok(())
    }
}

impl Store {
    /// The undo that this run carries out.
    pub async fn undo_of(&self, run: RunId) -> Result<Option<RunUndo>> {
        let row = self.reader().await?.row(OF, arguments![run.0]).await?;
        row.map(|row| undo(&row)).transpose()
    }

    /// Undos of this run, oldest first.
    pub async fn undos_of(&self, run: RunId) -> Result<Vec<RunUndo>> {
        self.reader().await?.read(BY, arguments![run.0], |row| undo(&row)).await
    }

    /// Everything that was undone and still holds, by id.
    pub async fn undone(&self) -> Result<Vec<Undone>> {
        self.reader().await?.read(UNDONE, arguments![], |row| undone(&row)).await
    }

    /// All orders of the run, by id.
    pub async fn orders_of_run(&self, run: RunId) -> Result<Vec<Order>> {
        let mut connection = self.snapshot().await?;
        let ids = order_ids(&mut connection, ORDERS_OF_RUN, arguments![run.0]).await?;
        orders_by_id(&mut connection, &ids, Why::Told).await
    }

    /// Orders of these people that were made after that one and not by that run, unless nothing can come of them.
    pub async fn orders_since(&self, identities: &[IdentityId], after: OrderId, but: RunId) -> Result<Vec<Order>> {
        let mut connection = self.snapshot().await?;
        let identities = numbers(identities.iter().map(|id| id.0));
        let ids = order_ids(&mut connection, ORDERS_SINCE, arguments![identities, after.0, but.0]).await?;
        orders_by_id(&mut connection, &ids, Why::Told).await
    }

    /// How much the run changes; none before its plans are made.
    pub async fn blast_radius(&self, run: RunId) -> Result<Option<BlastRadius>> {
        let row = self.reader().await?.row(BLAST_RADIUS, arguments![run.0]).await?;
        row.map(|row| row.json("body")).transpose()
    }
}

async fn order_ids<const N: usize>(
    connection: &mut Connection,
    sql: &'static str,
    arguments: [crate::connection::Argument; N],
) -> Result<Vec<OrderId>> {
    connection.read(sql, arguments, |row| row.integer("id").map(OrderId)).await
}

fn undo(row: &Row) -> Result<RunUndo> {
    Ok(RunUndo {
        run: RunId(row.integer("run_id")?),
        undoes: RunId(row.integer("undoes_run_id")?),
        selection: row.json("selection")?,
        reason: row.text("reason")?,
        by: row.text("actor")?,
        digest: row.text("digest")?,
        at: row.time("at")?,
    })
}

fn undone(row: &Row) -> Result<Undone> {
    Ok(Undone {
        id: row.integer("id")?,
        run: RunId(row.integer("run_id")?),
        identity: IdentityId(row.integer("identity_id")?),
        account_type: row.text("account_type")?,
        kind: row.named("kind", ItemKind::from_name)?,
        name: row.text("name")?,
        operation: row.named("operation", ItemOperation::from_name)?,
        value: row.optional_json("value")?,
        by: row.text("actor")?,
        why: row.text("reason")?,
        since: row.time("since")?,
    })
}
