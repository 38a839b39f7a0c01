//! Violations of risks, as they are written: from when to when somebody breaks a rule, what that rests on, what people
//! decided about it, and what happened.

mod read;

use jiff::Timestamp;
use model::access::Reason;
use model::event::{EventBody, EventType};
use model::ids::{AccountId, IdentityId, RunId, ViolationDecisionId, ViolationId, ViolationThingId};
use model::risk::{AcceptedRisk, Decided, HeldThing, ViolationEvent, ViolationState};
use serde::Serialize;

use crate::connection::{CHUNK, Row, arguments, numbers, payload};
use crate::events::NewFact;
use crate::{Result, Tx};

pub use read::RiskyHoldings;
pub(crate) use read::{OPEN, accepted};

const INSERT: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into violation (id, identity_id, risk, rule, state, since, version, opened_by_run)
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'identity' as bigint), value ->> 'risk',
      cast(value ->> 'rule' as bigint), 'open', $2, 1, $3
    from input";

const CLOSE: &str = "
    update violation
    set state = 'closed',
        until = $2,
        closed_by_run = $3,
        version = version + 1
    where id in (select cast(value as bigint) from json_each($1))
      and until is null";

const CLOSING: &str = "
    select identity_id, risk, rule
    from violation
    where id in (select cast(value as bigint) from json_each($1))
      and until is null
    order by id";

const CLOSE_THINGS_OF: &str = "
    update violation_thing
    set until = $2
    where violation_id in (select cast(value as bigint) from json_each($1))
      and until is null";

const END_DECISIONS: &str = "
    update violation_decision
    set ended_at = $2,
        ended_by = $3,
        ended_why = $4
    where violation_id in (select cast(value as bigint) from json_each($1))
      and ended_at is null";

const INSERT_THINGS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into violation_thing (id, violation_id, side, kind, name, application, reasons, accounts, since)
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'violation' as bigint), cast(value ->> 'side' as bigint),
      value ->> 'kind', value ->> 'name', value ->> 'application', value -> 'reasons', value -> 'accounts', $2
    from input";

const CLOSE_THINGS: &str = "
    update violation_thing
    set until = $2
    where id in (select cast(value as bigint) from json_each($1))
      and until is null";

const TOUCH: &str = "
    update violation
    set version = version + 1
    where id in (select cast(value as bigint) from json_each($1))
      and until is null";

/// Only as it was seen.
const DECIDE: &str = "
    update violation
    set state = $3,
        version = version + 1
    where id = $1
      and version = $2
      and until is null";

const REOPEN: &str = "
    update violation
    set state = 'open',
        version = version + 1
    where id in (select cast(value as bigint) from json_each($1))
      and until is null";

const INSERT_DECISION: &str = "
    insert into violation_decision (
      id, violation_id, kind, decided_by, decided_at, control, last_day, side, why, request_id
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";

const APPEND_EVENTS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into violation_event (violation_id, at, state, actor, message)
    select
      cast(value ->> 'violation' as bigint), cast(value ->> 'at' as bigint), value ->> 'state', value ->> 'actor',
      value ->> 'message'
    from input";

const INSERT_ACCEPTED: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into request_risk (request_id, risk, rule, on_conflict, comment)
    select
      cast(value ->> 'request' as bigint), value ->> 'risk', cast(value ->> 'rule' as bigint), value ->> 'on_conflict',
      value ->> 'comment'
    from input";

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewViolation {
    pub id: ViolationId,
    pub identity: IdentityId,
    pub risk: String,
    pub rule: u32,
}

/// Something held that a violation rests on from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewViolationThing {
    pub id: ViolationThingId,
    pub violation: ViolationId,
    pub side: u32,
    pub thing: HeldThing,
    /// Empty for roles.
    pub application: String,
}

/// What a person decided, about what they saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViolationVerdict {
    pub violation: ViolationId,
    /// The version that they saw.
    pub version: u32,
    pub to: ViolationState,
    pub by: String,
    pub at: Timestamp,
    /// Why what was decided before is no longer in force.
    pub why: String,
    /// What is in force from now on.
    pub decision: Option<(ViolationDecisionId, Decided)>,
}

#[derive(Serialize)]
struct Input<'a> {
    id: i64,
    identity: i64,
    risk: &'a str,
    rule: u32,
}

#[derive(Serialize)]
struct ThingInput<'a> {
    id: i64,
    violation: i64,
    side: u32,
    kind: &'static str,
    name: &'a str,
    application: &'a str,
    reasons: &'a [Reason],
    accounts: &'a [AccountId],
}

#[derive(Serialize)]
struct EventInput<'a> {
    violation: i64,
    at: i64,
    state: &'static str,
    actor: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct AcceptedInput<'a> {
    request: i64,
    risk: &'a str,
    rule: u32,
    on_conflict: &'static str,
    comment: &'a str,
}

impl Tx {
    /// # Errors
    /// `Conflict` with `violation_current` where the identity breaks the rule already.
    pub async fn open_violations(&mut self, rows: &[NewViolation], run: Option<RunId>, at: Timestamp) -> Result<()> {
        for chunk in rows.chunks(CHUNK) {
            let inputs: Vec<_> = chunk
                .iter()
                .map(|row| Input { id: row.id.0, identity: row.identity.0, risk: &row.risk, rule: row.rule })
                .collect();
            self.execute(INSERT, arguments![payload(&inputs)?, at, run.map(|run| run.0)]).await?;
        }
        let opened =
            |row: &NewViolation| fact(EventType::ViolationOpened, row.identity, &row.risk, row.rule.into(), run, at);
        self.note_facts(rows.iter().map(opened)).await
    }

    /// Ends them with all that they rest on, and what was decided about them. Those that are closed stay as they are.
    pub async fn close_violations(&mut self, ids: &[ViolationId], run: Option<RunId>, at: Timestamp) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        let ids = || numbers(ids.iter().map(|id| id.0));
        if self.wants_events().await? {
            let rows = self.rows(CLOSING, arguments![ids()]).await?;
            let closed = |row: &Row| {
                let (identity, risk) = (IdentityId(row.integer("identity_id")?), row.text("risk")?);
                Ok(fact(EventType::ViolationClosed, identity, &risk, row.integer("rule")?, run, at))
            };
            let closed = rows.iter().map(closed).collect::<Result<Vec<_>>>()?;
            self.note_facts(closed).await?;
        }
        self.execute(CLOSE, arguments![ids(), at, run.map(|run| run.0)]).await?;
        self.execute(CLOSE_THINGS_OF, arguments![ids(), at]).await?;
        self.execute(END_DECISIONS, arguments![ids(), at, None::<&str>, "It is no longer so."]).await?;
        Ok(())
    }

    /// What violations rest on: ends some of it first, then begins the rest.
    pub async fn change_violation_things(
        &mut self,
        end: &[(ViolationId, ViolationThingId)],
        begin: &[NewViolationThing],
        at: Timestamp,
    ) -> Result<()> {
        if end.is_empty() && begin.is_empty() {
            return Ok(());
        }
        self.execute(CLOSE_THINGS, arguments![numbers(end.iter().map(|(_, thing)| thing.0)), at]).await?;
        for chunk in begin.chunks(CHUNK) {
            let inputs: Vec<_> = chunk
                .iter()
                .map(|row| ThingInput {
                    id: row.id.0,
                    violation: row.violation.0,
                    side: row.side,
                    kind: row.thing.grantable.kind(),
                    name: row.thing.grantable.name(),
                    application: &row.application,
                    reasons: &row.thing.reasons,
                    accounts: &row.thing.accounts,
                })
                .collect();
            self.execute(INSERT_THINGS, arguments![payload(&inputs)?, at]).await?;
        }
        let touched = end.iter().map(|(violation, _)| violation.0).chain(begin.iter().map(|row| row.violation.0));
        self.execute(TOUCH, arguments![numbers(touched)]).await?;
        Ok(())
    }

    /// Keeps what a person decided, in the place of what was decided before. False where the violation is not any more as
    /// they saw it.
    pub async fn decide_violation(&mut self, verdict: &ViolationVerdict) -> Result<bool> {
        let ViolationVerdict { violation, version, to, by, at, why, decision } = verdict;
        if self.execute(DECIDE, arguments![violation.0, i64::from(*version), to.name()]).await? == 0 {
            return Ok(false);
        }
        self.execute(END_DECISIONS, arguments![numbers([violation.0]), *at, by.as_str(), why.as_str()]).await?;
        let Some((id, decided)) = decision else { return Ok(true) };
        let values = match decided {
            Decided::Exception { control, last_day } => arguments![
                id.0,
                violation.0,
                "exception",
                by.as_str(),
                *at,
                control.as_str(),
                last_day.to_string(),
                None::<i64>,
                None::<&str>,
                None::<i64>
            ],
            Decided::Remediation { side, why, request } => arguments![
                id.0,
                violation.0,
                "remediation",
                by.as_str(),
                *at,
                None::<&str>,
                None::<&str>,
                i64::from(*side),
                why.as_str(),
                request.map(|id| id.0)
            ],
        };
        self.execute(INSERT_DECISION, values).await?;
        Ok(true)
    }

    /// Ends what was decided about these, which are open again.
    pub async fn reopen_violations(&mut self, ids: &[ViolationId], by: &str, why: &str, at: Timestamp) -> Result<()> {
        if ids.is_empty() {
            return Ok(());
        }
        self.execute(END_DECISIONS, arguments![numbers(ids.iter().map(|id| id.0)), at, by, why]).await?;
        self.execute(REOPEN, arguments![numbers(ids.iter().map(|id| id.0))]).await?;
        Ok(())
    }

    pub async fn append_violation_events(&mut self, events: &[ViolationEvent]) -> Result<()> {
        let inputs: Vec<_> = events
            .iter()
            .map(|event| EventInput {
                violation: event.violation.0,
                at: event.at.as_microsecond(),
                state: event.state.name(),
                actor: &event.actor,
                message: &event.message,
            })
            .collect();
        self.bulk(APPEND_EVENTS, &inputs).await
    }

    /// Keeps with a request which risks were known.
    pub async fn insert_accepted_risks(&mut self, rows: &[AcceptedRisk]) -> Result<()> {
        let inputs: Vec<_> = rows
            .iter()
            .map(|row| AcceptedInput {
                request: row.request.0,
                risk: &row.risk,
                rule: row.rule,
                on_conflict: row.on_conflict.name(),
                comment: &row.comment,
            })
            .collect();
        self.bulk(INSERT_ACCEPTED, &inputs).await
    }
}

fn fact(kind: EventType, identity: IdentityId, risk: &str, rule: i64, run: Option<RunId>, at: Timestamp) -> NewFact {
    let mut body = EventBody::new(kind, at).with("risk", risk).with("rule", rule);
    body.run = run;
    NewFact::about(body, identity)
}
