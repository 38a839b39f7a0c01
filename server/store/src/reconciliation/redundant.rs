//! Direct grants beside all reasons for what they grant: whether something else gives it as well is decided elsewhere.

use jiff::Timestamp;
use jiff::civil::Date;
use model::access::Reason;
use model::reconciliation::ReconciliationFilter;
use model::request::DirectGrant;

use crate::connection::{Row, arguments};
use crate::requests::grant;
use crate::words::patterns;
use crate::{Result, Store};

/// A grant that holds, and every way in which the role model says that the same is granted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantBeside {
    pub grant: DirectGrant,
    pub identity_name: String,
    pub since: Timestamp,
    pub reasons: Vec<Reason>,
}

/// Without those of which a person said that they stay.
const BESIDE: &str = "
    select g.id, g.identity_id, i.display_name, g.kind, g.name, g.starts, g.ends, g.since, g.request_id, r.requester,
      r.justification, cast(s.reasons as text) as reasons
    from direct_grant g
    join identity i on i.id = g.identity_id
    join request r on r.id = g.request_id
    join assignment s on s.identity_id = g.identity_id and s.kind = g.kind and s.name = g.name and s.until is null
    where g.until is null
      and s.workflow_state in (18, 118)
      and (g.starts is null or g.starts <= $1)
      and (g.ends is null or g.ends > $1)
      and ($2 is null or g.identity_id = $2)
      and ($3 is null or g.since >= $3)
      and i.words like $4
      and i.words like $5
      and i.words like $6
      and i.words like $7
      and not exists (
        select 1
        from reconciliation_decision d
        where d.grant_id = g.id
          and d.ended_at is null
          and (d.verdict = 'keep' or (d.verdict = 'postpone' and d.until > $1))
      )
    order by g.id desc";

impl Store {
    /// Grants that hold on that day, the latest first.
    pub async fn grants_beside(&self, filter: &ReconciliationFilter, today: Date) -> Result<Vec<GrantBeside>> {
        let [first, second, third, fourth] = patterns(filter.text.as_deref());
        let since = filter.since.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok());
        let wanted = arguments![
            today,
            filter.identity.map(|id| id.0),
            since.map(|moment| moment.timestamp().as_microsecond()),
            first,
            second,
            third,
            fourth,
        ];
        let read = |row: Row| {
            let (identity_name, since) = (row.text("display_name")?, row.time("since")?);
            let reasons = row.json("reasons")?;
            Ok(GrantBeside { grant: grant(row)?, identity_name, since, reasons })
        };
        self.reader().await?.read(BESIDE, wanted, read).await
    }
}
