//! Who holds what, since when, until when, and why.

use jiff::Timestamp;
use model::access::{Grantable, Reason, WorkflowState};
use model::event::{EventBody, EventType};
use model::identity::Period;
use model::ids::{AssignmentId, IdentityId, OrderId, RunId};
use model::order::{ProvisioningState, StateReason};
use serde::Serialize;

use crate::connection::{CHUNK, Row, arguments, numbers, payload};
use crate::events::NewFact;
use crate::orders::optional_state;
use crate::{Result, Store, StoreError, Tx};

/// An assignment with the interval in which it was known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignmentRecord {
    pub id: AssignmentId,
    pub identity: IdentityId,
    pub grantable: Grantable,
    pub workflow_state: WorkflowState,
    /// The days on which it holds.
    pub period: Period,
    pub reasons: Vec<Reason>,
    pub since: Timestamp,
    /// None while it is current.
    pub until: Option<Timestamp>,
    /// None for roles and access profiles.
    pub state: Option<ProvisioningState>,
    pub state_reason: Option<StateReason>,
    /// The order behind the state.
    pub order: Option<OrderId>,
}

/// A new provisioning state of something held. All three are replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AssignmentStateChange {
    pub identity: IdentityId,
    pub grantable: Grantable,
    pub state: Option<ProvisioningState>,
    pub reason: Option<StateReason>,
    pub order: Option<OrderId>,
}

const INSERT: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into assignment (
      id, identity_id, kind, name, workflow_state, starts, ends, reasons, since, until, opened_by_run,
      state, state_reason, order_id
    )
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'identity' as bigint), value ->> 'kind', value ->> 'name',
      cast(value ->> 'workflow_state' as bigint), value ->> 'starts', value ->> 'ends', value -> 'reasons',
      cast(value ->> 'since' as bigint), cast(value ->> 'until' as bigint), $2,
      cast(value ->> 'state' as bigint), value -> 'state_reason', cast(value ->> 'order' as bigint)
    from input";

const CLOSE: &str = "
    update assignment
    set until = $2,
        closed_by_run = $3
    where id in (select cast(value as bigint) from json_each($1))
      and until is null";

/// What is about to end, for those who want to be told.
const CLOSING: &str = "
    select identity_id, kind, name, workflow_state
    from assignment
    where id in (select cast(value as bigint) from json_each($1))
      and until is null
    order by id";

const SET_DIGESTS: &str = "
    with input as materialized (
      select cast(value ->> 'identity' as bigint) as identity_id, cast(value ->> 'digest' as bigint) as digest
      from jsonb_each($1)
    )
    update identity
    set role_model_digest = input.digest
    from input
    where identity.id = input.identity_id";

const SET_STATES: &str = "
    with input as materialized (
      select
        cast(value ->> 'identity' as bigint) as identity_id, value ->> 'kind' as kind, value ->> 'name' as name,
        cast(value ->> 'state' as bigint) as state, value -> 'reason' as reason, cast(value ->> 'order' as bigint) as order_id
      from jsonb_each($1)
    )
    update assignment
    set state = input.state,
        state_reason = input.reason,
        order_id = input.order_id
    from input
    where assignment.identity_id = input.identity_id
      and assignment.kind = input.kind
      and assignment.name = input.name
      and assignment.until is null";

macro_rules! assignment_columns {
    () => {
        "id, identity_id, kind, name, workflow_state, starts, ends, cast(reasons as text) as reasons, since, until, state,
         cast(state_reason as text) as state_reason, order_id"
    };
}

const CURRENT: &str = concat!(
    "select ",
    assignment_columns!(),
    " from assignment
    where until is null
    order by identity_id, kind, name"
);

const CURRENT_OF: &str = concat!(
    "select ",
    assignment_columns!(),
    " from assignment
    where identity_id in (select cast(value as bigint) from json_each($1))
      and until is null
    order by identity_id, kind, name"
);

/// Only what is granted: 18 is given by a rule, 118 follows from something held.
const WITHOUT_STATE: &str = "
    select identity_id, kind, name
    from assignment
    where until is null
      and state is null
      and kind in ('account_type', 'entitlement')
      and workflow_state in (18, 118)";

const HISTORY: &str = concat!(
    "select ",
    assignment_columns!(),
    " from assignment
    where identity_id = $1
    order by since desc, id desc"
);

const DIGESTS: &str = "
    select id, role_model_digest
    from identity
    where role_model_digest is not null
    order by id";

#[derive(Serialize)]
struct AssignmentInput<'a> {
    id: i64,
    identity: i64,
    kind: &'static str,
    name: &'a str,
    workflow_state: i64,
    starts: Option<String>,
    ends: Option<String>,
    reasons: &'a [Reason],
    since: i64,
    until: Option<i64>,
    state: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason: Option<&'a StateReason>,
    order: Option<i64>,
}

#[derive(Serialize)]
struct DigestInput {
    identity: i64,
    digest: i64,
}

#[derive(Serialize)]
struct StateInput<'a> {
    identity: i64,
    kind: &'static str,
    name: &'a str,
    state: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a StateReason>,
    order: Option<i64>,
}

impl Tx {
    /// An identity holds a thing once at a time: close what is replaced first.
    ///
    /// # Errors
    /// `Conflict` with `assignment_current` where it is held already.
    pub async fn open_assignments(&mut self, rows: &[AssignmentRecord], run: Option<RunId>) -> Result<()> {
        for chunk in rows.chunks(CHUNK) {
            let inputs: Vec<_> = chunk.iter().map(input).collect();
            self.execute(INSERT, arguments![payload(&inputs)?, run.map(|run| run.0)]).await?;
        }
        let grants = rows.iter().filter(|row| row.until.is_none() && row.workflow_state.grants());
        let grants = grants
            .filter(|row| matches!(row.grantable, Grantable::AccountType(_) | Grantable::Entitlement(_)))
            .map(|row| row.identity);
        self.note_granted(grants).await?;
        let held = rows.iter().filter(|row| row.until.is_none() && is_held(row.workflow_state));
        self.note_facts(held.map(|row| granted(row, run))).await
    }

    /// Those that are closed already stay as they are.
    pub async fn close_assignments(&mut self, ids: &[AssignmentId], run: Option<RunId>, at: Timestamp) -> Result<()> {
        let closing = numbers(ids.iter().map(|id| id.0));
        if self.wants_events().await? {
            let rows = self.rows(CLOSING, arguments![closing.as_str()]).await?;
            let ended = rows.iter().map(|row| ended(row, run, at)).collect::<Result<Vec<_>>>()?;
            self.note_facts(ended.into_iter().flatten()).await?;
        }
        self.execute(CLOSE, arguments![closing, at, run.map(|run| run.0)]).await?;
        self.note_closed(ids).await
    }

    /// What the role model answered for an identity, in short: equal digests need no comparison.
    pub async fn set_role_model_digests(&mut self, rows: &[(IdentityId, i64)]) -> Result<()> {
        let inputs: Vec<_> =
            rows.iter().map(|(identity, digest)| DigestInput { identity: identity.0, digest: *digest }).collect();
        self.bulk(SET_DIGESTS, &inputs).await
    }

    /// Changes of things that are not held now have no effect.
    pub async fn set_assignment_states(&mut self, rows: &[AssignmentStateChange]) -> Result<()> {
        let inputs: Vec<_> = rows
            .iter()
            .map(|row| StateInput {
                identity: row.identity.0,
                kind: row.grantable.kind(),
                name: row.grantable.name(),
                state: row.state.map(ProvisioningState::number),
                reason: row.reason.as_ref(),
                order: row.order.map(|id| id.0),
            })
            .collect();
        self.bulk(SET_STATES, &inputs).await
    }
}

impl Store {
    /// All that is held now, by identity, kind and name.
    pub async fn load_assignments(&self) -> Result<Vec<AssignmentRecord>> {
        self.reader().await?.read(CURRENT, arguments![], |row| assignment(&row)).await
    }

    /// What these hold now, by identity, kind and name.
    pub async fn assignments_of(&self, ids: &[IdentityId]) -> Result<Vec<AssignmentRecord>> {
        let ids = numbers(ids.iter().map(|id| id.0));
        self.reader().await?.read(CURRENT_OF, arguments![ids], |row| assignment(&row)).await
    }

    /// Accounts and entitlements granted now of whose provisioning nothing is known.
    pub async fn assignments_without_state(&self) -> Result<Vec<(IdentityId, Grantable)>> {
        let read = |row: Row| {
            let grantable = Grantable::from_parts(&row.text("kind")?, &row.text("name")?);
            let grantable =
                grantable.ok_or_else(|| StoreError::Corrupt { what: "the kind of an assignment".into() })?;
            Ok((IdentityId(row.integer("identity_id")?), grantable))
        };
        self.reader().await?.read(WITHOUT_STATE, arguments![], read).await
    }

    /// All that an identity holds or ever held, newest first.
    pub async fn assignment_history(&self, id: IdentityId) -> Result<Vec<AssignmentRecord>> {
        self.reader().await?.read(HISTORY, arguments![id.0], |row| assignment(&row)).await
    }

    /// By identity; identities without one are left out.
    pub async fn role_model_digests(&self) -> Result<Vec<(IdentityId, i64)>> {
        let read = |row: Row| Ok((IdentityId(row.integer("id")?), row.integer("role_model_digest")?));
        self.reader().await?.read(DIGESTS, arguments![], read).await
    }
}

/// Suggestions, and what waits for an approval, are given to nobody.
fn is_held(state: WorkflowState) -> bool {
    !matches!(state, WorkflowState::Suggested | WorkflowState::AutomaticWithValidation)
}

fn granted(row: &AssignmentRecord, run: Option<RunId>) -> NewFact {
    let mut body = EventBody::new(EventType::AssignmentGranted, row.since)
        .with("kind", row.grantable.kind())
        .with("name", row.grantable.name());
    for (name, day) in [("starts", row.period.starts), ("ends", row.period.ends)] {
        if let Some(day) = day {
            body = body.with(name, day.to_string());
        }
    }
    body.run = run;
    NewFact::about(body, row.identity)
}

fn ended(row: &Row, run: Option<RunId>, at: Timestamp) -> Result<Option<NewFact>> {
    if !is_held(workflow_state(row)?) {
        return Ok(None);
    }
    let mut body =
        EventBody::new(EventType::AssignmentEnded, at).with("kind", row.text("kind")?).with("name", row.text("name")?);
    body.run = run;
    Ok(Some(NewFact::about(body, IdentityId(row.integer("identity_id")?))))
}

pub(crate) fn workflow_state(row: &Row) -> Result<WorkflowState> {
    row.numbered("workflow_state", WorkflowState::from_number)
}

fn assignment(row: &Row) -> Result<AssignmentRecord> {
    let name = row.text("name")?;
    Ok(AssignmentRecord {
        id: AssignmentId(row.integer("id")?),
        identity: IdentityId(row.integer("identity_id")?),
        grantable: row.named("kind", |kind| Grantable::from_parts(kind, &name))?,
        workflow_state: workflow_state(row)?,
        period: Period { starts: row.optional_date("starts")?, ends: row.optional_date("ends")? },
        reasons: row.json("reasons")?,
        since: row.time("since")?,
        until: row.optional_time("until")?,
        state: optional_state(row, "state")?,
        state_reason: row.optional_json("state_reason")?,
        order: row.optional_integer("order_id")?.map(OrderId),
    })
}

fn input(row: &AssignmentRecord) -> AssignmentInput<'_> {
    AssignmentInput {
        id: row.id.0,
        identity: row.identity.0,
        kind: row.grantable.kind(),
        name: row.grantable.name(),
        workflow_state: row.workflow_state as i64,
        starts: row.period.starts.map(|day| day.to_string()),
        ends: row.period.ends.map(|day| day.to_string()),
        reasons: &row.reasons,
        since: row.since.as_microsecond(),
        until: row.until.map(Timestamp::as_microsecond),
        state: row.state.map(ProvisioningState::number),
        state_reason: row.state_reason.as_ref(),
        order: row.order.map(|id| id.0),
    }
}
