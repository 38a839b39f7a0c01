//! What people decided about what nothing grants, and what was there at go-live.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::Date;
use model::access::Grantable;
use model::ids::{AccountId, IdentityId, ReconciliationId, RequestId};
use model::page::Page;
use model::reconciliation::{
    DecisionRow, Finding, MarkKind, ReconciliationDecision, ReconciliationFilter, StandingMark, Subject, Verdict,
};
use serde::Serialize;

use super::pre_existing;
use crate::among::{chosen, one_of};
use crate::connection::{CHUNK, Row, arguments, numbers, payload};
use crate::paging::{count_limit, page, rows_to_read};
use crate::words::patterns;
use crate::{Result, Store, StoreError, Tx};

const INSERT: &str = "
    insert into reconciliation_decision (
      id, subject, verdict, identity_id, application, title, account_id, entitlement, held_since, grant_id,
      grantable_kind, grantable_name, request_id, responsible, until, comment, decided_by, decided_at
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)";

/// A postponement whose day has come stands in nobody's way.
const LAPSE: &str = "
    update reconciliation_decision
    set ended_by = decided_by,
        ended_at = $2
    where subject = $1
      and ended_at is null
      and verdict = 'postpone'
      and until <= $3";

const END: &str = "
    update reconciliation_decision
    set ended_by = $2,
        ended_at = $3
    where id = $1
      and ended_at is null";

macro_rules! columns {
    () => {
        "d.id, d.subject, d.verdict, d.identity_id, d.application, d.title, d.grantable_kind, d.grantable_name,
         d.request_id, d.responsible, d.until, d.comment, d.decided_by, d.decided_at, d.ended_by, d.ended_at,
         i.display_name"
    };
}

/// $1 application, $2 identity, $3 decided since, $4–$7 words.
macro_rules! filter {
    () => {
        "from reconciliation_decision d
    left join identity i on i.id = d.identity_id
    where ($1 is null or d.application = $1)
      and ($2 is null or d.identity_id = $2)
      and ($3 is null or d.decided_at >= $3)
      and coalesce(i.words, '') like $4
      and coalesce(i.words, '') like $5
      and coalesce(i.words, '') like $6
      and coalesce(i.words, '') like $7"
    };
}

const PAGE: &str = concat!(
    "select ",
    columns!(),
    " ",
    filter!(),
    "
      and ($8 is null or d.id < $8)
    order by d.id desc
    limit $9"
);

const COUNT: &str = concat!("select count(*) from (select 1 ", filter!(), " limit $8) as found");

const BY_ID: &str = concat!(
    "select ",
    columns!(),
    " from reconciliation_decision d
    left join identity i on i.id = d.identity_id
    where d.id = $1"
);

const OF_ACCOUNTS: &str = concat!(
    "select ",
    columns!(),
    " from reconciliation_decision d
    left join identity i on i.id = d.identity_id
    where d.account_id in (select cast(value as bigint) from json_each($1))
      and d.ended_at is null
    order by d.id"
);

const STANDING_SUBJECTS: &str = "
    select subject
    from reconciliation_decision
    where ended_at is null
      and subject like $1
    order by subject";

/// Decisions that a plan has to follow, of accounts that are as they were when it was decided.
macro_rules! marks {
    ($from:expr) => {
        concat!(
            "
    select d.account_id, d.entitlement, d.verdict, d.until, d.decided_by, d.decided_at, d.comment
    from ",
            $from,
            "
      and d.account_id = a.id
      and d.ended_at is null
      and a.status <> 'gone'
      and a.owner_id = d.identity_id
      and (d.verdict = 'remove' or (d.verdict = 'postpone' and d.until > $2))
      and (
        d.entitlement = ''
        or exists (
          select 1
          from account_entitlement e
          where e.account_id = d.account_id
            and e.entitlement = d.entitlement
            and e.since = d.held_since
            and e.until is null
        )
      )
    order by d.id"
        )
    };
}
macro_rules! marked_accounts {
    ($from:expr) => {
        concat!(
            "
    select a.id as account_id, '' as entitlement, m.marked_by, m.marked_at
    from ",
            $from,
            "
      and m.account_id = a.id
      and m.entitlement = ''
      and a.status <> 'gone'
      and ",
            pre_existing!("a.id", "a.owner_id", "account_type", "''", "a.created_at"),
            "
    order by a.id"
        )
    };
}
macro_rules! marked_access {
    ($from:expr) => {
        concat!(
            "
    select a.id as account_id, e.entitlement, m.marked_by, m.marked_at
    from ",
            $from,
            "
      and m.account_id = a.id
      and m.entitlement <> ''
      and e.account_id = m.account_id
      and e.entitlement = m.entitlement
      and e.until is null
      and a.status <> 'gone'
      and ",
            pre_existing!("a.id", "a.owner_id", "entitlement", "e.entitlement", "e.since"),
            "
    order by a.id, e.entitlement"
        )
    };
}

/// All of these begin with what was decided or marked, or with the accounts of the people that are meant.
macro_rules! everybody {
    ($from:literal) => {
        concat!($from, " cross join account a where cast($1 as text) is null")
    };
    ($from:literal, $beside:literal) => {
        concat!($from, " cross join account a cross join ", $beside, " where cast($1 as text) is null")
    };
}
macro_rules! of_people {
    ($with:literal) => {
        concat!(chosen!(), "account a cross join ", $with, " where a.owner_id = chosen_id")
    };
}

const MARKS: [&str; 2] =
    [marks!(everybody!("reconciliation_decision d")), marks!(of_people!("reconciliation_decision d"))];
const MARKED_ACCOUNTS: [&str; 2] =
    [marked_accounts!(everybody!("pre_existing m")), marked_accounts!(of_people!("pre_existing m"))];
const MARKED_ACCESS: [&str; 2] = [
    marked_access!(everybody!("pre_existing m", "account_entitlement e")),
    marked_access!(of_people!("pre_existing m cross join account_entitlement e")),
];

/// People from whom something is to be taken that is still there.
const TO_TAKE_FROM: &str = "
    select distinct a.owner_id
    from reconciliation_decision d
    join account a on a.id = d.account_id
    where d.ended_at is null
      and d.verdict = 'remove'
      and a.owner_id = d.identity_id
      and (
        (d.entitlement = '' and a.status = 'enabled')
        or (
          a.status <> 'gone'
          and exists (
            select 1
            from account_entitlement e
            where e.account_id = d.account_id
              and e.entitlement = d.entitlement
              and e.since = d.held_since
              and e.until is null
          )
        )
      )
    order by a.owner_id";

const MARK: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into pre_existing (account_id, entitlement, name, held_since, marked_by, marked_at)
    select
      cast(value ->> 'account' as bigint), value ->> 'entitlement', value ->> 'name',
      cast(value ->> 'since' as bigint), $2, $3
    from input
    where true
    on conflict (account_id, entitlement) do update
    set name = excluded.name,
        held_since = excluded.held_since,
        marked_by = excluded.marked_by,
        marked_at = excluded.marked_at";

/// It is as it was before somebody kept it for good.
const RENEW: &str = "
    update pre_existing
    set marked_at = $3
    where account_id = $1
      and entitlement = $2";

const WENT_LIVE: &str = "
    insert into go_live (application, at, marked_by, access_count, account_count)
    values ($1, $2, $3, $4, $5)";

const LIVE: &str = "
    select application, max(at) as at
    from go_live
    group by application
    order by application";

const LIVE_BY: &str = "
    select marked_by
    from go_live
    where application = $1
      and at = $2";

#[derive(Serialize)]
struct MarkInput<'a> {
    account: i64,
    entitlement: &'a str,
    name: &'a str,
    since: i64,
}

impl Tx {
    /// Keeps a decision.
    ///
    /// # Errors
    /// `Conflict` with `reconciliation_decision_standing` where another stands already.
    pub async fn keep_reconciliation(&mut self, row: &ReconciliationDecision, today: Date) -> Result<()> {
        let subject = row.subject.to_string();
        self.execute(LAPSE, arguments![subject.as_str(), row.decided_at, today]).await?;
        let (entitlement, held_since) = match &row.subject {
            Subject::Access { entitlement, held_since, .. } => {
                (entitlement.as_str(), Some(held_since.as_microsecond()))
            }
            _ => ("", None),
        };
        let grant = match &row.subject {
            Subject::Grant { grant } => Some(grant.0),
            _ => None,
        };
        let values = arguments![
            row.id.0,
            subject,
            row.verdict.name(),
            row.identity.map(|id| id.0),
            row.application.as_str(),
            row.title.as_str(),
            row.subject.account().map(|id| id.0),
            entitlement,
            held_since,
            grant,
            row.grantable.as_ref().map(Grantable::kind),
            row.grantable.as_ref().map(Grantable::name),
            row.request.map(|id| id.0),
            row.responsible.as_deref(),
            row.until.map(|day| day.to_string()),
            row.comment.as_str(),
            row.decided_by.as_str(),
            row.decided_at,
        ];
        self.execute(INSERT, values).await?;
        Ok(())
    }

    /// Takes a decision back. False where it does not stand any more.
    pub async fn end_reconciliation(&mut self, id: ReconciliationId, by: &str, at: Timestamp) -> Result<bool> {
        Ok(self.execute(END, arguments![id.0, by, at]).await? > 0)
    }

    /// Marks what nothing grants as there before. What was marked as something held before is marked anew.
    pub async fn mark_pre_existing(&mut self, findings: &[Finding], by: &str, at: Timestamp) -> Result<()> {
        for chunk in findings.chunks(CHUNK) {
            let inputs: Vec<MarkInput<'_>> = chunk
                .iter()
                .map(|finding| MarkInput {
                    account: finding.account.0,
                    entitlement: match &finding.subject {
                        Subject::Access { entitlement, .. } => entitlement,
                        _ => "",
                    },
                    name: finding.grantable.as_ref().map_or("", Grantable::name),
                    since: finding.since.as_microsecond(),
                })
                .collect();
            self.execute(MARK, arguments![payload(&inputs)?, by, at]).await?;
        }
        Ok(())
    }

    /// What a person had kept counts as there before once more, where it was.
    pub async fn renew_pre_existing(&mut self, account: AccountId, entitlement: &str, at: Timestamp) -> Result<()> {
        self.execute(RENEW, arguments![account.0, entitlement, at]).await?;
        Ok(())
    }

    /// Keeps when an application went live.
    ///
    /// # Errors
    /// `Conflict` with `go_live_key` where somebody did it at the same moment.
    pub async fn keep_go_live(
        &mut self,
        application: &str,
        (access, accounts): (u64, u64),
        by: &str,
        at: Timestamp,
    ) -> Result<()> {
        let number = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        self.execute(WENT_LIVE, arguments![application, at, by, number(access), number(accounts)]).await?;
        Ok(())
    }
}

impl Store {
    /// What people decided, the latest first; what was taken back included.
    pub async fn reconciliation_decisions(
        &self,
        filter: &ReconciliationFilter,
        today: Date,
    ) -> Result<Page<DecisionRow>> {
        let [first, second, third, fourth] = patterns(filter.text.as_deref());
        let since = filter.since.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
        let since = since.map(|moment| moment.timestamp().as_microsecond());
        let application = filter.application.as_deref();
        let identity = filter.identity.map(|id| id.0);
        let before = filter.after.as_deref().map(|after| {
            after.parse::<i64>().map_err(|_| StoreError::Invalid {
                what: format!("`{after}` does not continue this list; start again from its first page"),
            })
        });
        let before = before.transpose()?;
        let mut connection = self.snapshot().await?;
        let counted = arguments![
            application,
            identity,
            since,
            first.as_str(),
            second.as_str(),
            third.as_str(),
            fourth.as_str(),
            count_limit()
        ];
        let total = connection.number(COUNT, counted).await?;
        let wanted =
            arguments![application, identity, since, first, second, third, fourth, before, rows_to_read(filter.limit)];
        let rows = connection.read(PAGE, wanted, |row| decision(&row, today)).await?;
        Ok(page(rows, filter.limit, total, |row| row.decision.id.to_string()))
    }

    pub async fn reconciliation_decision(&self, id: ReconciliationId, today: Date) -> Result<Option<DecisionRow>> {
        Ok(self.reader().await?.read(BY_ID, arguments![id.0], |row| decision(&row, today)).await?.pop())
    }

    /// Decisions about these accounts and what they hold that nobody took back.
    pub async fn reconciliation_decisions_of(&self, accounts: &[AccountId], today: Date) -> Result<Vec<DecisionRow>> {
        let ids = numbers(accounts.iter().map(|id| id.0));
        self.reader().await?.read(OF_ACCOUNTS, arguments![ids], |row| decision(&row, today)).await
    }

    /// Roles and access profiles that were proposed, and about which a person has decided.
    pub async fn decided_proposals(&self) -> Result<BTreeSet<String>> {
        let read = |row: Row| row.text("subject");
        let subjects = self.reader().await?.read(STANDING_SUBJECTS, arguments!["proposal:%"], read).await?;
        Ok(subjects.into_iter().collect())
    }

    /// What plans have to know on that day, of everybody or of these people's accounts.
    pub async fn reconciliation_marks(&self, of: Option<&[IdentityId]>, today: Date) -> Result<Vec<StandingMark>> {
        let of = of.map(|ids| numbers(ids.iter().map(|id| id.0)));
        let mut connection = self.snapshot().await?;
        let decided = |row: Row| {
            let until = row.optional_date("until")?;
            let kind = match row.named("verdict", Verdict::from_name)? {
                Verdict::Postpone => MarkKind::Postponed { until: until.unwrap_or(Date::MAX) },
                Verdict::Keep | Verdict::Remove => MarkKind::Remove,
            };
            let (by, at, comment) = (row.text("decided_by")?, row.time("decided_at")?, row.text("comment")?);
            mark(&row, kind, by, at, comment)
        };
        let found =
            |row: Row| mark(&row, MarkKind::PreExisting, row.text("marked_by")?, row.time("marked_at")?, String::new());
        let of = of.as_deref();
        let mut marks = connection.read(one_of(MARKS, of), arguments![of, today], decided).await?;
        marks.extend(connection.read(one_of(MARKED_ACCOUNTS, of), arguments![of], found).await?);
        marks.extend(connection.read(one_of(MARKED_ACCESS, of), arguments![of], found).await?);
        Ok(marks)
    }

    /// People from whom something is to be taken that is still there.
    pub async fn identities_to_take_from(&self) -> Result<Vec<IdentityId>> {
        self.reader().await?.read(TO_TAKE_FROM, arguments![], |row| Ok(IdentityId(row.integer("owner_id")?))).await
    }

    /// When each application went live last, and who marked it.
    pub async fn applications_live(&self) -> Result<Vec<(String, Timestamp, String)>> {
        let mut connection = self.snapshot().await?;
        let read = |row: Row| Ok((row.text("application")?, row.time("at")?));
        let rows = connection.read(LIVE, arguments![], read).await?;
        let mut live = Vec::with_capacity(rows.len());
        for (application, at) in rows {
            let wanted = arguments![application.as_str(), at];
            let by = connection.read(LIVE_BY, wanted, |row| row.text("marked_by")).await?.pop().unwrap_or_default();
            live.push((application, at, by));
        }
        Ok(live)
    }
}

fn mark(row: &Row, kind: MarkKind, by: String, at: Timestamp, comment: String) -> Result<StandingMark> {
    let entitlement = Some(row.text("entitlement")?).filter(|key| !key.is_empty());
    Ok(StandingMark { account: AccountId(row.integer("account_id")?), entitlement, kind, by, at, comment })
}

fn decision(row: &Row, today: Date) -> Result<DecisionRow> {
    let name = row.optional_text("grantable_name")?;
    let grantable = match (row.optional_text("grantable_kind")?, name) {
        (Some(kind), Some(name)) => Grantable::from_parts(&kind, &name),
        _ => None,
    };
    let decision = ReconciliationDecision {
        id: ReconciliationId(row.integer("id")?),
        subject: row.named("subject", |subject| subject.parse().ok())?,
        verdict: row.named("verdict", Verdict::from_name)?,
        identity: row.optional_integer("identity_id")?.map(IdentityId),
        application: row.text("application")?,
        title: row.text("title")?,
        grantable,
        request: row.optional_integer("request_id")?.map(RequestId),
        responsible: row.optional_text("responsible")?,
        until: row.optional_date("until")?,
        comment: row.text("comment")?,
        decided_by: row.text("decided_by")?,
        decided_at: row.time("decided_at")?,
        ended_by: row.optional_text("ended_by")?,
        ended_at: row.optional_time("ended_at")?,
    };
    let stands = decision.stands(today);
    Ok(DecisionRow {
        identity_name: row.optional_text("display_name")?,
        application_name: String::new(),
        stands,
        decision,
    })
}
