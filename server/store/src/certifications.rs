//! Campaigns, the access that they cover, and what became of it. An item is changed only as it was seen: whoever was not
//! the quickest changes nothing.

mod read;

use jiff::Timestamp;
use model::access::{Grantable, Reason};
use model::certification::{Campaign, CampaignState, CertificationEvent, CertificationItem, NewCampaign, Scope};
use model::configuration::Approver;
use model::ids::{CampaignId, CertificationItemId, IdentityId};
use serde::Serialize;

use crate::connection::{CHUNK, arguments, numbers, payload};
use crate::{Result, StoreError, Tx};

pub use read::ItemChoice;

const INSERT_CAMPAIGN: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into certification_campaign (
      id, name, description, scope, reviewers, fallback, starts, ends, remind_days, at_end, state, through, created_by,
      created_at
    )
    select
      cast(value ->> 'id' as bigint), value ->> 'name', value ->> 'description', value -> 'scope', value -> 'reviewers',
      value -> 'fallback', value ->> 'starts', value ->> 'ends', cast(value ->> 'remind_days' as bigint),
      value ->> 'at_end', value ->> 'state', 0, value ->> 'created_by', cast(value ->> 'created_at' as bigint)
    from input";

/// Only while it is where it was seen.
const STEP_CAMPAIGN: &str = "
    update certification_campaign
    set state = $4,
        through = $5,
        started_at = $6,
        reminded_at = $7,
        ended_at = $8,
        ended_by = $9
    where id = $1
      and state = $2
      and through = $3";

const INSERT_ITEMS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into certification_item (
      id, campaign_id, identity_id, kind, name, application, origin, reasons, since, subject, risk, state, version, comment
    )
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'campaign' as bigint), cast(value ->> 'identity' as bigint),
      value ->> 'kind', value ->> 'name', value ->> 'application', value ->> 'origin', value -> 'reasons',
      cast(value ->> 'since' as bigint), value ->> 'subject', cast(value ->> 'risk' as bigint), 'open', 1, ''
    from input";

/// Only as they were seen.
const UPDATE_ITEMS: &str = "
    with input as materialized (select value from jsonb_each($1))
    update certification_item
    set state = input.value ->> 'state',
        version = certification_item.version + 1,
        decided_by = input.value ->> 'decided_by',
        decided_at = cast(input.value ->> 'decided_at' as bigint),
        comment = input.value ->> 'comment',
        signed_at = cast(input.value ->> 'signed_at' as bigint),
        request_id = cast(input.value ->> 'request' as bigint),
        changes = input.value -> 'changes',
        message = input.value ->> 'message',
        ended_at = cast(input.value ->> 'ended_at' as bigint)
    from input
    where certification_item.id = cast(input.value ->> 'id' as bigint)
      and certification_item.version = cast(input.value ->> 'version' as bigint)";

const FORGET_REVIEWERS: &str = "
    delete from certification_reviewer
    where item_id in (select cast(value as bigint) from json_each($1))";

const INSERT_REVIEWERS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into certification_reviewer (item_id, login)
    select cast(value ->> 'item' as bigint), value ->> 'login'
    from input";

const APPEND_EVENTS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into certification_event (item_id, at, state, actor, message)
    select
      cast(value ->> 'item' as bigint), cast(value ->> 'at' as bigint), value ->> 'state', value ->> 'actor',
      value ->> 'message'
    from input";

const LOCK_CAMPAIGN: &str = "
    update certification_campaign
    set state = state
    where id = $1
      and state = $2";

/// A campaign as it was seen, and as it is to be.
#[derive(Clone, Debug)]
pub struct CampaignStep {
    pub before: (CampaignState, IdentityId),
    pub after: Campaign,
}

#[derive(Serialize)]
struct CampaignInput<'a> {
    id: i64,
    name: &'a str,
    description: &'a str,
    scope: &'a Scope,
    reviewers: &'a [Approver],
    fallback: &'a [Approver],
    starts: String,
    ends: String,
    remind_days: Option<u32>,
    at_end: &'static str,
    state: &'static str,
    created_by: &'a str,
    created_at: i64,
}

#[derive(Serialize)]
struct NewItemInput<'a> {
    id: i64,
    campaign: i64,
    identity: i64,
    kind: &'static str,
    name: &'a str,
    application: &'a str,
    origin: &'static str,
    reasons: &'a [Reason],
    since: i64,
    subject: String,
    risk: Option<i32>,
}

#[derive(Serialize)]
struct ItemInput<'a> {
    id: i64,
    version: u32,
    state: &'static str,
    decided_by: Option<&'a str>,
    decided_at: Option<i64>,
    comment: &'a str,
    signed_at: Option<i64>,
    request: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<&'a Grantable>,
    message: Option<&'a str>,
    ended_at: Option<i64>,
}

#[derive(Serialize)]
struct ReviewerInput<'a> {
    item: i64,
    login: &'a str,
}

#[derive(Serialize)]
struct EventInput<'a> {
    item: i64,
    at: i64,
    state: &'static str,
    actor: &'a str,
    message: &'a str,
}

impl Tx {
    pub async fn insert_campaign(&mut self, campaign: &Campaign) -> Result<()> {
        let NewCampaign { name, description, scope, reviewers, fallback, starts, ends, remind_days, at_end } =
            &campaign.what;
        let input = CampaignInput {
            id: campaign.id.0,
            name,
            description,
            scope,
            reviewers,
            fallback,
            starts: starts.to_string(),
            ends: ends.to_string(),
            remind_days: *remind_days,
            at_end: at_end.name(),
            state: campaign.state.name(),
            created_by: &campaign.created_by,
            created_at: campaign.created_at.as_microsecond(),
        };
        self.execute(INSERT_CAMPAIGN, arguments![payload(&[input])?]).await?;
        Ok(())
    }

    /// Moves a campaign on; false where it is not any more as it was seen.
    pub async fn step_campaign(&mut self, step: &CampaignStep) -> Result<bool> {
        let (state, through) = step.before;
        let after = &step.after;
        let micros = |at: Option<Timestamp>| at.map(Timestamp::as_microsecond);
        let arguments = arguments![
            after.id.0,
            state.name(),
            through.0,
            after.state.name(),
            after.through.0,
            micros(after.started_at),
            micros(after.reminded_at),
            micros(after.ended_at),
            after.ended_by.as_deref()
        ];
        Ok(self.execute(STEP_CAMPAIGN, arguments).await? == 1)
    }

    /// Whether the campaign runs; it goes on to do so until this transaction ends.
    pub async fn hold_campaign(&mut self, id: CampaignId) -> Result<bool> {
        Ok(self.execute(LOCK_CAMPAIGN, arguments![id.0, CampaignState::Active.name()]).await? == 1)
    }

    /// What is in a campaign from its beginning, open, with those who may decide.
    pub async fn insert_certification_items(&mut self, items: &[CertificationItem]) -> Result<()> {
        let inputs: Vec<_> = items
            .iter()
            .map(|item| NewItemInput {
                id: item.id.0,
                campaign: item.campaign.0,
                identity: item.identity.0,
                kind: item.grantable.kind(),
                name: item.grantable.name(),
                application: &item.application,
                origin: item.origin.name(),
                reasons: &item.reasons,
                since: item.since.as_microsecond(),
                subject: item.subject.as_ref().map(ToString::to_string).unwrap_or_default(),
                risk: item.risk,
            })
            .collect();
        self.bulk(INSERT_ITEMS, &inputs).await?;
        self.insert_reviewers(items).await
    }

    /// Where items are now, each as it was seen with its version.
    ///
    /// # Errors
    /// `Contended` where one of them has changed since: nothing is kept then.
    pub async fn update_certification_items(&mut self, items: &[CertificationItem]) -> Result<()> {
        let micros = |at: Option<Timestamp>| at.map(Timestamp::as_microsecond);
        for chunk in items.chunks(CHUNK) {
            let inputs: Vec<_> = chunk
                .iter()
                .map(|item| ItemInput {
                    id: item.id.0,
                    version: item.version,
                    state: item.state.name(),
                    decided_by: item.decided_by.as_deref(),
                    decided_at: micros(item.decided_at),
                    comment: &item.comment,
                    signed_at: micros(item.signed_at),
                    request: item.request.map(|id| id.0),
                    changes: item.changes.as_ref(),
                    message: item.message.as_deref(),
                    ended_at: micros(item.ended_at),
                })
                .collect();
            if self.execute(UPDATE_ITEMS, arguments![payload(&inputs)?]).await? != chunk.len() as u64 {
                return Err(StoreError::Contended);
            }
        }
        Ok(())
    }

    /// Whose word is waited for, in the place of those before.
    pub async fn replace_certification_reviewers(&mut self, items: &[CertificationItem]) -> Result<()> {
        self.execute(FORGET_REVIEWERS, arguments![numbers(items.iter().map(|item| item.id.0))]).await?;
        self.insert_reviewers(items).await
    }

    async fn insert_reviewers(&mut self, items: &[CertificationItem]) -> Result<()> {
        let of = |item: &CertificationItem| -> Vec<(CertificationItemId, String)> {
            let logins: std::collections::BTreeSet<String> =
                item.reviewers.iter().map(|login| login.to_lowercase()).collect();
            logins.into_iter().map(|login| (item.id, login)).collect()
        };
        let rows: Vec<_> = items.iter().flat_map(of).collect();
        let inputs: Vec<_> = rows.iter().map(|(item, login)| ReviewerInput { item: item.0, login }).collect();
        self.bulk(INSERT_REVIEWERS, &inputs).await
    }

    pub async fn append_certification_events(&mut self, events: &[CertificationEvent]) -> Result<()> {
        let inputs: Vec<_> = events
            .iter()
            .map(|event| EventInput {
                item: event.item.0,
                at: event.at.as_microsecond(),
                state: event.state.name(),
                actor: &event.actor,
                message: &event.message,
            })
            .collect();
        self.bulk(APPEND_EVENTS, &inputs).await
    }
}
