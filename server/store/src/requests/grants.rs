//! What was given directly. What was true stays: a grant that is taken away, or gets another last day, is closed, and
//! what replaces it is opened.

use jiff::Timestamp;
use jiff::civil::Date;
use model::access::{GrantOrigin, Grantable};
use model::identity::Period;
use model::ids::{DirectGrantId, IdentityId, RequestId};
use model::request::DirectGrant;
use serde::Serialize;

use crate::among::{everybody_and_chosen, one_of};
use crate::connection::{Row, arguments, numbers};
use crate::{Result, Store, Tx};

const OPEN: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into direct_grant (id, identity_id, request_id, kind, name, starts, ends, since, ended_by)
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'identity' as bigint), cast(value ->> 'request' as bigint),
      value ->> 'kind', value ->> 'name', value ->> 'starts', value ->> 'ends', $2, $3
    from input";

const CLOSE: &str = "
    update direct_grant
    set until = $2,
        ended_by = coalesce($3, ended_by)
    where id in (select cast(value as bigint) from json_each($1))
      and until is null";

macro_rules! columns {
    () => {
        "g.id, g.identity_id, g.request_id, g.kind, g.name, g.starts, g.ends, r.requester, r.justification"
    };
}
macro_rules! with_requests {
    () => {
        "direct_grant g
    join request r on r.id = g.request_id"
    };
}
macro_rules! grants {
    () => {
        concat!("select ", columns!(), " from ", with_requests!(), " where ")
    };
}

const CURRENT: [&str; 2] =
    everybody_and_chosen!(columns!(), with_requests!(), "g.identity_id", "g.until is null order by g.id");

const OVER: &str = concat!(grants!(), "g.until is null and g.ends is not null and g.ends <= $1 order by g.id");

const OF_REQUEST: &str = concat!(grants!(), "g.until is null and g.request_id = $1 order by g.id");

const REPLACED_BY: &str = concat!(grants!(), "g.until is null and g.ended_by = $1 order by g.id");

const TAKEN_BY: &str = concat!(grants!(), "g.until is not null and g.ended_by = $1 order by g.id");

/// Whatever ends first comes first.
const FROM_SOURCE: &str = "
    select g.id, g.identity_id, g.request_id, g.kind, g.name, g.starts, g.ends, r.requester, r.justification,
           i.display_name as identity_name
    from direct_grant g
    join request r on r.id = g.request_id
    join identity i on i.id = g.identity_id
    where g.until is null and r.source_kind = $1 and r.source_name = $2
    order by g.ends, g.id";

#[derive(Serialize)]
struct GrantInput<'a> {
    id: i64,
    identity: i64,
    request: i64,
    kind: &'static str,
    name: &'a str,
    starts: Option<String>,
    ends: Option<String>,
}

impl Tx {
    /// `ended_by` is the request that gave them the last day they have.
    ///
    /// # Errors
    /// `Conflict` with `direct_grant_current` where the request gives the same thing already.
    pub async fn open_direct_grants(
        &mut self,
        rows: &[DirectGrant],
        ended_by: Option<RequestId>,
        at: Timestamp,
    ) -> Result<()> {
        let inputs: Vec<_> = rows
            .iter()
            .map(|row| GrantInput {
                id: row.id.0,
                identity: row.identity.0,
                request: row.origin.request.0,
                kind: row.grantable.kind(),
                name: row.grantable.name(),
                starts: row.period.starts.map(|day| day.to_string()),
                ends: row.period.ends.map(|day| day.to_string()),
            })
            .collect();
        if !inputs.is_empty() {
            let inputs = crate::connection::payload(&inputs)?;
            self.execute(OPEN, arguments![inputs, at, ended_by.map(|id| id.0)]).await?;
            self.note_granted(rows.iter().map(|row| row.identity)).await?;
        }
        Ok(())
    }

    /// `ended_by` is the request that takes them away; none where their last day is over. Answers how many were open.
    pub async fn close_direct_grants(
        &mut self,
        ids: &[DirectGrantId],
        ended_by: Option<RequestId>,
        at: Timestamp,
    ) -> Result<u64> {
        let closed =
            self.execute(CLOSE, arguments![numbers(ids.iter().map(|id| id.0)), at, ended_by.map(|id| id.0)]).await?;
        self.note_taken(ids).await?;
        Ok(closed)
    }

    /// Lets whatever follows the change log look at these identities again.
    pub async fn note_changed_identities(&mut self, ids: &[IdentityId], at: Timestamp) -> Result<()> {
        self.append_changes(&numbers(ids.iter().map(|id| id.0)), at).await
    }
}

impl Store {
    /// What is given directly now, or will be, to all identities or to these, by id.
    pub async fn direct_grants(&self, identities: Option<&[IdentityId]>) -> Result<Vec<DirectGrant>> {
        let identities = identities.map(|ids| numbers(ids.iter().map(|id| id.0)));
        self.reader().await?.read(one_of(CURRENT, identities.as_deref()), arguments![identities], grant).await
    }

    /// What requests of one source give, each with the name of who has it; what ends first comes first.
    pub async fn direct_grants_from(&self, kind: &str, name: &str) -> Result<Vec<(DirectGrant, String)>> {
        let read = |row: Row| {
            let person = row.text("identity_name")?;
            Ok((grant(row)?, person))
        };
        self.reader().await?.read(FROM_SOURCE, arguments![kind, name], read).await
    }

    /// Those whose last day is over.
    pub async fn direct_grants_over(&self, today: Date) -> Result<Vec<DirectGrant>> {
        self.reader().await?.read(OVER, arguments![today], grant).await
    }

    /// What the request gives.
    pub async fn direct_grants_of(&self, request: RequestId) -> Result<Vec<DirectGrant>> {
        self.reader().await?.read(OF_REQUEST, arguments![request.0], grant).await
    }

    /// What the request took away, as it was; and what holds now in its place until a day.
    pub async fn direct_grants_taken_by(&self, request: RequestId) -> Result<(Vec<DirectGrant>, Vec<DirectGrant>)> {
        let mut connection = self.snapshot().await?;
        let taken = connection.read(TAKEN_BY, arguments![request.0], grant).await?;
        let in_place = connection.read(REPLACED_BY, arguments![request.0], grant).await?;
        Ok((taken, in_place))
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is what reading rows hands over")]
pub(crate) fn grant(row: Row) -> Result<DirectGrant> {
    let name = row.text("name")?;
    Ok(DirectGrant {
        id: DirectGrantId(row.integer("id")?),
        identity: IdentityId(row.integer("identity_id")?),
        grantable: row.named("kind", |kind| Grantable::from_parts(kind, &name))?,
        period: Period { starts: row.optional_date("starts")?, ends: row.optional_date("ends")? },
        origin: GrantOrigin {
            request: RequestId(row.integer("request_id")?),
            by: row.text("requester")?,
            why: row.text("justification")?,
        },
    })
}
