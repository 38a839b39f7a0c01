//! Approvals of requests: where each thing that needs one is, and who decided what.

use std::collections::HashMap;

use jiff::Timestamp;
use model::access::Grantable;
use model::approval::{ApprovalDecision, ApprovalState, Decider, RequestApproval, Verdict};
use model::configuration::ApprovalStage;
use model::event::{EventBody, EventType};
use model::ids::RequestId;
use model::request::{Change, RequestItem};
use serde::Serialize;

use crate::connection::{Connection, Row, arguments, numbers};
use crate::events::NewFact;
use crate::{Result, Store, Tx};

const INSERT: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into request_approval (request_id, line, stages, state, stage, level, since, escalates_at, ended_at)
    select
      cast(value ->> 'request' as bigint), cast(value ->> 'line' as bigint), value -> 'stages', value ->> 'state',
      cast(value ->> 'stage' as bigint), cast(value ->> 'level' as bigint), cast(value ->> 'since' as bigint),
      cast(value ->> 'escalates_at' as bigint), cast(value ->> 'ended_at' as bigint)
    from input";

const UPDATE: &str = "
    with input as materialized (select value from jsonb_each($1))
    update request_approval
    set state = input.value ->> 'state',
        stage = cast(input.value ->> 'stage' as bigint),
        level = cast(input.value ->> 'level' as bigint),
        since = cast(input.value ->> 'since' as bigint),
        escalates_at = cast(input.value ->> 'escalates_at' as bigint),
        ended_at = cast(input.value ->> 'ended_at' as bigint)
    from input
    where request_approval.request_id = cast(input.value ->> 'request' as bigint)
      and request_approval.line = cast(input.value ->> 'line' as bigint)";

const INSERT_DECISION: &str = "
    insert into request_decision (request_id, line, stage, by_kind, by_name, verdict, comment, at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";

macro_rules! approvals {
    () => {
        "select a.request_id, a.line, cast(a.stages as text) as stages, a.state, a.stage, a.level, a.since, a.escalates_at,
      a.ended_at, i.change, i.kind, i.name
    from request_approval a
    join request_item i on i.request_id = a.request_id and i.sequence = a.line
    where "
    };
}

const OF_REQUESTS: &str = concat!(
    approvals!(),
    "a.request_id in (select cast(value as bigint) from json_each($1)) order by a.request_id, a.line"
);

const WAITING: &str = concat!(approvals!(), "a.state = 'waiting' order by a.request_id, a.line");

const DECISIONS: &str = "
    select request_id, line, stage, by_kind, by_name, verdict, comment, at
    from request_decision
    where request_id in (select cast(value as bigint) from json_each($1))
    order by sequence";

#[derive(Serialize)]
struct ApprovalInput<'a> {
    request: i64,
    line: u32,
    stages: &'a [ApprovalStage],
    state: &'static str,
    stage: u32,
    level: u32,
    since: i64,
    escalates_at: Option<i64>,
    ended_at: Option<i64>,
}

impl Tx {
    /// Without decisions: none was made yet.
    pub async fn insert_request_approvals(&mut self, rows: &[RequestApproval]) -> Result<()> {
        let inputs: Vec<_> = rows.iter().map(input).collect();
        self.bulk(INSERT, &inputs).await?;
        self.tell_of_decisions(rows).await
    }

    /// Where they are now; their decisions are appended on their own.
    pub async fn update_request_approvals(&mut self, rows: &[RequestApproval]) -> Result<()> {
        let inputs: Vec<_> = rows.iter().map(input).collect();
        self.bulk(UPDATE, &inputs).await?;
        self.tell_of_decisions(rows).await
    }

    async fn tell_of_decisions(&mut self, rows: &[RequestApproval]) -> Result<()> {
        let decided: Vec<_> = rows.iter().filter_map(|row| Some((row, decision_of(row.state)?))).collect();
        if decided.is_empty() || !self.wants_events().await? {
            return Ok(());
        }
        let whose = self.whose_requests(decided.iter().map(|(row, _)| row.request)).await?;
        self.note_facts(decided.into_iter().map(|(row, kind)| {
            let mut body = EventBody::new(kind, row.ended_at.unwrap_or(row.since))
                .with("change", row.item.change.name())
                .with("kind", row.item.grantable.kind())
                .with("name", row.item.grantable.name());
            body.requests = vec![row.request];
            NewFact { body, identity: whose.get(&row.request).copied() }
        }))
        .await
    }

    /// # Errors
    /// `Conflict` with `request_decision_once` where the same one has decided about the stage.
    pub async fn insert_request_decision(
        &mut self,
        request: RequestId,
        line: u32,
        decision: &ApprovalDecision,
    ) -> Result<()> {
        let (kind, name) = decision.by.parts();
        let arguments = arguments![
            request.0,
            line,
            decision.stage,
            kind,
            name,
            decision.verdict.name(),
            decision.comment.as_str(),
            decision.at
        ];
        self.execute(INSERT_DECISION, arguments).await?;
        Ok(())
    }

    /// Approvals of these requests, as they are: whoever changes one has locked its request before.
    pub async fn request_approvals(&mut self, requests: &[RequestId]) -> Result<Vec<RequestApproval>> {
        of_requests(&mut self.connection, requests).await
    }
}

impl Store {
    /// Approvals of these requests, by request and line.
    pub async fn request_approvals(&self, requests: &[RequestId]) -> Result<Vec<RequestApproval>> {
        let mut connection = self.snapshot().await?;
        of_requests(&mut connection, requests).await
    }

    /// Everything that waits for a decision, by request and line.
    pub async fn waiting_request_approvals(&self) -> Result<Vec<RequestApproval>> {
        let mut connection = self.snapshot().await?;
        let rows = connection.rows(WAITING, arguments![]).await?;
        whole(&mut connection, rows).await
    }
}

async fn of_requests(connection: &mut Connection, requests: &[RequestId]) -> Result<Vec<RequestApproval>> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    let rows = connection.rows(OF_REQUESTS, arguments![numbers(requests.iter().map(|id| id.0))]).await?;
    whole(connection, rows).await
}

/// With their decisions.
async fn whole(connection: &mut Connection, rows: Vec<Row>) -> Result<Vec<RequestApproval>> {
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut approvals = rows.iter().map(approval).collect::<Result<Vec<_>>>()?;
    let mut ids: Vec<i64> = approvals.iter().map(|approval| approval.request.0).collect();
    ids.dedup();
    let mut decisions: HashMap<(i64, u32), Vec<ApprovalDecision>> = HashMap::new();
    for row in connection.rows(DECISIONS, arguments![numbers(ids)]).await? {
        let name = row.text("by_name")?;
        let key = (row.integer("request_id")?, row.numbered("line", small)?);
        decisions.entry(key).or_default().push(ApprovalDecision {
            stage: row.numbered("stage", small)?,
            by: row.named("by_kind", |kind| Decider::from_parts(kind, &name))?,
            verdict: row.named("verdict", Verdict::from_name)?,
            comment: row.text("comment")?,
            at: row.time("at")?,
        });
    }
    for approval in &mut approvals {
        approval.decisions = decisions.remove(&(approval.request.0, approval.line)).unwrap_or_default();
    }
    Ok(approvals)
}

fn approval(row: &Row) -> Result<RequestApproval> {
    let name = row.text("name")?;
    Ok(RequestApproval {
        request: RequestId(row.integer("request_id")?),
        line: row.numbered("line", small)?,
        item: RequestItem {
            change: row.named("change", Change::from_name)?,
            grantable: row.named("kind", |kind| Grantable::from_parts(kind, &name))?,
        },
        stages: row.json("stages")?,
        state: row.named("state", ApprovalState::from_name)?,
        stage: row.numbered("stage", small)?,
        level: row.numbered("level", small)?,
        since: row.time("since")?,
        escalates_at: row.optional_time("escalates_at")?,
        ended_at: row.optional_time("ended_at")?,
        decisions: Vec::new(),
    })
}

fn decision_of(state: ApprovalState) -> Option<EventType> {
    match state {
        ApprovalState::Approved => Some(EventType::RequestApproved),
        ApprovalState::Declined => Some(EventType::RequestDeclined),
        ApprovalState::Waiting | ApprovalState::Cancelled => None,
    }
}

fn small(number: i64) -> Option<u32> {
    number.try_into().ok()
}

fn input(row: &RequestApproval) -> ApprovalInput<'_> {
    ApprovalInput {
        request: row.request.0,
        line: row.line,
        stages: &row.stages,
        state: row.state.name(),
        stage: row.stage,
        level: row.level,
        since: row.since.as_microsecond(),
        escalates_at: row.escalates_at.map(Timestamp::as_microsecond),
        ended_at: row.ended_at.map(Timestamp::as_microsecond),
    }
}
