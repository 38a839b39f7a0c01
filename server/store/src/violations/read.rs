//! Violations of risks, as they are read: lists, what is current, and who holds what some risk names.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;
use model::access::Grantable;
use model::configuration::OnConflict;
use model::ids::{IdentityId, RequestId, ViolationDecisionId, ViolationId, ViolationThingId};
use model::page::Page;
use model::risk::{
    AcceptedRisk, Decided, HeldThing, Violation, ViolationDecision, ViolationEvent, ViolationFilter, ViolationState,
    ViolationThing,
};
use serde::Serialize;

use crate::among::{everybody_and_chosen, one_of};
use crate::connection::{Connection, Row, arguments, numbers, payload};
use crate::paging::{count_limit, page, rows_to_read};
use crate::{Result, Store, StoreError};

macro_rules! columns {
    () => {
        "v.id, v.identity_id, v.risk, v.rule, v.state, v.since, v.until, v.version, d.id as decision_id, d.kind, d.decided_by,
         d.decided_at, d.control, d.last_day, d.side, d.why, d.request_id"
    };
}

macro_rules! with_decision {
    () => {
        "
    left join violation_decision d on d.violation_id = v.id and d.ended_at is null"
    };
}

const CURRENT: [&str; 2] = everybody_and_chosen!(
    columns!(),
    concat!("violation v", with_decision!()),
    "v.identity_id",
    "v.until is null order by v.id"
);

const BY_IDS: &str = concat!(
    "select ",
    columns!(),
    " from violation v",
    with_decision!(),
    "
    where v.id in (select cast(value as bigint) from json_each($1))
    order by v.id"
);

/// What is held now; of one that is over, what was held at its end.
const THINGS: &str = "
    select
      t.id, t.violation_id, t.side, t.kind, t.name, t.application, cast(t.reasons as text) as reasons,
      cast(t.accounts as text) as accounts, t.since
    from violation_thing t
    join violation v on v.id = t.violation_id
    where t.violation_id in (select cast(value as bigint) from json_each($1))
      and (t.until is null or t.until = v.until)
    order by t.violation_id, t.side, t.kind, t.name, t.id";

/// $1 state, $2 identity, $3 names of risks, $4 application.
macro_rules! filter {
    () => {
        "from violation v
    where ($1 is null or v.state = $1)
      and ($2 is null or v.identity_id = $2)
      and ($3 is null or v.risk in (select value ->> 'name' from json_each($3)))
      and ($4 is null or exists (
        select 1 from violation_thing t where t.violation_id = v.id and t.application = $4
      ))"
    };
}

const PAGE: &str = concat!(
    "select ",
    columns!(),
    ", i.display_name
    from (
      select v.* ",
    filter!(),
    "
        and ($5 is null or v.id < $5)
      order by v.id desc
      limit $6
    ) v
    join identity i on i.id = v.identity_id",
    with_decision!(),
    "
    order by v.id desc"
);

const COUNT: &str = concat!("select count(*) from (select 1 ", filter!(), " limit $5) as found");

const COUNT_BY_STATE: &str = concat!("select v.state, count(*) as violations ", filter!(), " group by v.state");

pub(crate) const OPEN: &str = "
    select count(*)
    from violation v
    where v.state = 'open'
      and ($1 is null or v.risk in (select value ->> 'name' from json_each($1)))";

const RISKS: &str = "
    select distinct risk
    from violation
    order by risk";

const OVER: &str = concat!(
    "select ",
    columns!(),
    " from violation v
    join violation_decision d on d.violation_id = v.id and d.ended_at is null
    where d.kind = 'exception'
      and d.last_day < $1
    order by v.id"
);

const EVENTS: &str = "
    select violation_id, at, state, actor, message
    from violation_event
    where violation_id = $1
    order by sequence";

/// Only what is granted: 18 is given by a rule, 118 follows from something held.
const GRANTED: &str = "
    with input as materialized (select value from json_each($1))
    select a.identity_id, a.kind, a.name
    from input
    join assignment a on a.kind = input.value ->> 'kind' and a.name = input.value ->> 'name'
    where a.until is null
      and a.workflow_state in (18, 118)
    order by a.identity_id, a.kind, a.name";

const HELD_KEYS: &str = "
    with input as materialized (select value from json_each($1))
    select a.owner_id, a.account_type, e.entitlement
    from input
    join account a on a.account_type = input.value ->> 'kind'
    join account_entitlement e
      on e.account_id = a.id and e.entitlement = input.value ->> 'name' and e.until is null
    where a.owner_id is not null
      and a.status = 'enabled'
    order by a.owner_id, a.account_type, e.entitlement";

const HELD_TYPES: &str = "
    with input as materialized (select value from json_each($1))
    select a.owner_id, a.account_type
    from input
    join account a on a.account_type = input.value ->> 'name'
    where a.owner_id is not null
      and a.status = 'enabled'
    order by a.owner_id, a.account_type";

const REMEDIATED: &str = "
    select distinct v.identity_id
    from violation v
    join violation_decision d on d.violation_id = v.id and d.ended_at is null
    where v.state = 'remediation'
      and d.request_id is null
    order by v.identity_id";

const ACCEPTED: &str = "
    select request_id, risk, rule, on_conflict, comment
    from request_risk
    where request_id in (select cast(value as bigint) from json_each($1))
    order by request_id, risk, rule";

const OVERRIDDEN: &str = "
    select request_id, risk, rule, on_conflict, comment
    from request_risk
    where on_conflict = 'block'
    order by request_id, risk, rule";

/// A violation that begins.
/// What is granted or held of the things that risks name, for a quick look at everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RiskyHoldings {
    pub granted: Vec<(IdentityId, Grantable)>,
    /// Owner, account type and key of the entitlement.
    pub keys: Vec<(IdentityId, String, String)>,
    /// Owner and account type.
    pub accounts: Vec<(IdentityId, String)>,
}

#[derive(Serialize)]
struct Named<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    kind: &'a str,
    name: &'a str,
}

impl Store {
    /// Those that are there, of everybody or of these, by id.
    pub async fn current_violations(&self, identities: Option<&[IdentityId]>) -> Result<Vec<Violation>> {
        let identities = identities.map(|ids| numbers(ids.iter().map(|id| id.0)));
        let mut connection = self.snapshot().await?;
        let found = connection
            .read(one_of(CURRENT, identities.as_deref()), arguments![identities], |row| violation(&row))
            .await?;
        with_things(&mut connection, found).await
    }

    pub async fn violations_by_id(&self, ids: &[ViolationId]) -> Result<Vec<Violation>> {
        let mut connection = self.snapshot().await?;
        let ids = numbers(ids.iter().map(|id| id.0));
        let found = connection.read(BY_IDS, arguments![ids], |row| violation(&row)).await?;
        with_things(&mut connection, found).await
    }

    /// Newest first, with the person's name. `risks` are the names that the filter leaves; none: all of them. The filter's
    /// own risk and level are left out of account.
    pub async fn violation_page(
        &self,
        filter: &ViolationFilter,
        risks: Option<&[String]>,
    ) -> Result<Page<(Violation, String)>> {
        let (state, identity) = (filter.state.map(ViolationState::name), filter.identity.map(|id| id.0));
        let (risks, application) = (named(risks)?, filter.application.as_deref());
        let mut connection = self.snapshot().await?;
        let counted = arguments![state, identity, risks.clone(), application, count_limit()];
        let total = connection.number(COUNT, counted).await?;
        let before = filter.before.map(|id| id.0);
        let wanted = arguments![state, identity, risks, application, before, rows_to_read(filter.limit)];
        let read = |row: Row| Ok((violation(&row)?, row.text("display_name")?));
        let rows = connection.read(PAGE, wanted, read).await?;
        let mut page = page(rows, filter.limit, total, |(violation, _)| violation.id.to_string());
        let (found, names): (Vec<_>, Vec<_>) = page.rows.into_iter().unzip();
        let found = with_things(&mut connection, found).await?;
        page.rows = found.into_iter().zip(names).collect();
        Ok(page)
    }

    /// How many there are in each state, with the filter's own state left out of account.
    pub async fn violation_counts(
        &self,
        filter: &ViolationFilter,
        risks: Option<&[String]>,
    ) -> Result<BTreeMap<ViolationState, u64>> {
        let read = |row: Row| Ok((row.named("state", ViolationState::from_name)?, row.count("violations")?));
        let wanted =
            arguments![None::<&str>, filter.identity.map(|id| id.0), named(risks)?, filter.application.as_deref()];
        Ok(self.reader().await?.read(COUNT_BY_STATE, wanted, read).await?.into_iter().collect())
    }

    /// How many wait for a decision, of all risks or of these.
    pub async fn open_violations(&self, risks: Option<&[String]>) -> Result<u64> {
        let count = self.reader().await?.number(OPEN, arguments![named(risks)?]).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Names of all risks that anybody ever broke a rule of.
    pub async fn violated_risks(&self) -> Result<Vec<String>> {
        self.reader().await?.read(RISKS, arguments![], |row: Row| row.text("risk")).await
    }

    /// Those whose exception's last day is over.
    pub async fn violations_over(&self, today: Date) -> Result<Vec<Violation>> {
        self.reader().await?.read(OVER, arguments![today], |row| violation(&row)).await
    }

    /// What happened to a violation, oldest first.
    pub async fn violation_events(&self, id: ViolationId) -> Result<Vec<ViolationEvent>> {
        let read = |row: Row| {
            Ok(ViolationEvent {
                violation: ViolationId(row.integer("violation_id")?),
                at: row.time("at")?,
                state: row.named("state", ViolationState::from_name)?,
                actor: row.text("actor")?,
                message: row.text("message")?,
            })
        };
        self.reader().await?.read(EVENTS, arguments![id.0], read).await
    }

    /// Who is granted one of these things, and whose enabled accounts hold one of these keys (account type and key).
    pub async fn risky_holdings(&self, things: &[Grantable], keys: &[(String, String)]) -> Result<RiskyHoldings> {
        let inputs = |pairs: Vec<Named<'_>>| payload(&pairs);
        let granted = inputs(things.iter().map(|thing| Named { kind: thing.kind(), name: thing.name() }).collect())?;
        let held = inputs(keys.iter().map(|(kind, name)| Named { kind, name }).collect())?;
        let types = things.iter().filter_map(|thing| match thing {
            Grantable::AccountType(name) => Some(Named { kind: "", name }),
            _ => None,
        });
        let types = inputs(types.collect())?;
        let mut connection = self.snapshot().await?;
        let read = |row: Row| {
            let grantable = Grantable::from_parts(&row.text("kind")?, &row.text("name")?);
            let grantable =
                grantable.ok_or_else(|| StoreError::Corrupt { what: "the kind of an assignment".into() })?;
            Ok((IdentityId(row.integer("identity_id")?), grantable))
        };
        let granted = connection.read(GRANTED, arguments![granted], read).await?;
        let owner = |row: &Row| Ok::<_, StoreError>(IdentityId(row.integer("owner_id")?));
        let read = |row: Row| Ok((owner(&row)?, row.text("account_type")?, row.text("entitlement")?));
        let keys = connection.read(HELD_KEYS, arguments![held], read).await?;
        let read = |row: Row| Ok((owner(&row)?, row.text("account_type")?));
        let accounts = connection.read(HELD_TYPES, arguments![types], read).await?;
        Ok(RiskyHoldings { granted, keys, accounts })
    }

    /// Who gives something up that no request takes away, and still has it.
    pub async fn identities_in_remediation(&self) -> Result<Vec<IdentityId>> {
        let read = |row: Row| Ok(IdentityId(row.integer("identity_id")?));
        self.reader().await?.read(REMEDIATED, arguments![], read).await
    }

    /// Risks that were known when these requests were handed in.
    pub async fn accepted_risks(&self, requests: &[RequestId]) -> Result<Vec<AcceptedRisk>> {
        accepted(&mut self.reader().await?, requests).await
    }

    /// Risks that block and were overridden by requests.
    pub async fn overridden_risks(&self) -> Result<Vec<AcceptedRisk>> {
        self.reader().await?.read(OVERRIDDEN, arguments![], accepted_risk).await
    }
}

pub(crate) async fn accepted(connection: &mut Connection, requests: &[RequestId]) -> Result<Vec<AcceptedRisk>> {
    let ids = numbers(requests.iter().map(|id| id.0));
    connection.read(ACCEPTED, arguments![ids], accepted_risk).await
}

#[expect(clippy::needless_pass_by_value, reason = "it is what reading rows hands over")]
fn accepted_risk(row: Row) -> Result<AcceptedRisk> {
    Ok(AcceptedRisk {
        request: RequestId(row.integer("request_id")?),
        risk: row.text("risk")?,
        rule: row.small_count("rule")?,
        on_conflict: row.named("on_conflict", OnConflict::from_name)?,
        comment: row.text("comment")?,
    })
}

async fn with_things(connection: &mut Connection, mut found: Vec<Violation>) -> Result<Vec<Violation>> {
    if found.is_empty() {
        return Ok(found);
    }
    let ids = numbers(found.iter().map(|violation| violation.id.0));
    let read = |row: Row| Ok((ViolationId(row.integer("violation_id")?), thing(&row)?));
    let mut things: HashMap<ViolationId, Vec<ViolationThing>> = HashMap::new();
    for (violation, thing) in connection.read(THINGS, arguments![ids], read).await? {
        things.entry(violation).or_default().push(thing);
    }
    for violation in &mut found {
        violation.things = things.remove(&violation.id).unwrap_or_default();
    }
    Ok(found)
}

fn violation(row: &Row) -> Result<Violation> {
    let decision = match row.optional_integer("decision_id")? {
        None => None,
        Some(id) => {
            let missing = || StoreError::Corrupt { what: "a decision about a violation".into() };
            let what = match row.text("kind")?.as_str() {
                "exception" => Decided::Exception {
                    control: row.optional_text("control")?.ok_or_else(missing)?,
                    last_day: row.optional_date("last_day")?.ok_or_else(missing)?,
                },
                _ => Decided::Remediation {
                    side: row.small_count("side")?,
                    why: row.optional_text("why")?.ok_or_else(missing)?,
                    request: row.optional_integer("request_id")?.map(RequestId),
                },
            };
            let (by, at) = (row.text("decided_by")?, row.time("decided_at")?);
            Some(ViolationDecision { id: ViolationDecisionId(id), by, at, what })
        }
    };
    Ok(Violation {
        id: ViolationId(row.integer("id")?),
        identity: IdentityId(row.integer("identity_id")?),
        risk: row.text("risk")?,
        rule: row.small_count("rule")?,
        state: row.named("state", ViolationState::from_name)?,
        since: row.time("since")?,
        until: row.optional_time("until")?,
        version: row.small_count("version")?,
        things: Vec::new(),
        decision,
    })
}

fn thing(row: &Row) -> Result<ViolationThing> {
    let name = row.text("name")?;
    Ok(ViolationThing {
        id: ViolationThingId(row.integer("id")?),
        side: row.small_count("side")?,
        thing: HeldThing {
            grantable: row.named("kind", |kind| Grantable::from_parts(kind, &name))?,
            reasons: row.json("reasons")?,
            accounts: row.json("accounts")?,
        },
        application: row.text("application")?,
        since: row.time("since")?,
    })
}

/// Names as a JSON array of objects; none stays none.
fn named(names: Option<&[String]>) -> Result<Option<String>> {
    names.map(|names| payload(&names.iter().map(|name| Named { kind: "", name }).collect::<Vec<_>>())).transpose()
}
