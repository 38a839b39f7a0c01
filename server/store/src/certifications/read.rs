//! Campaigns and items, as they are read: in pieces, however many there are.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;
use model::access::Grantable;
use model::certification::{
    AtEnd, Campaign, CampaignState, CertificationEvent, CertificationItem, ItemCounts, ItemFilter, ItemState,
    NewCampaign, Origin,
};
use model::ids::{CampaignId, CertificationItemId, IdentityId, RequestId};
use model::page::Page;

use crate::connection::{Connection, Row, arguments, numbers, texts};
use crate::paging::{count_limit, page, rows_to_read};
use crate::words::patterns;
use crate::{Result, Store, StoreError};

macro_rules! campaigns {
    () => {
        "select c.id, c.name, c.description, cast(c.scope as text) as scope, cast(c.reviewers as text) as reviewers,
           cast(c.fallback as text) as fallback, c.starts, c.ends, c.remind_days, c.at_end, c.state, c.through, c.created_by,
           c.created_at, c.started_at, c.reminded_at, c.ended_at, c.ended_by
         from certification_campaign c "
    };
}

const CAMPAIGN: &str = concat!(campaigns!(), "where c.id = $1");

/// $1 login of whom it waits for, none for all of them.
macro_rules! campaign_filter {
    () => {
        "where ($1 is null or exists (
           select 1
           from certification_item i
           join certification_reviewer r on r.item_id = i.id
           where i.campaign_id = c.id and r.login = $1
         ))"
    };
}

const CAMPAIGNS: &str =
    concat!(campaigns!(), campaign_filter!(), " and ($2 is null or c.id < $2) order by c.id desc limit $3");

const CAMPAIGN_COUNT: &str =
    concat!("select count(*) from (select 1 from certification_campaign c ", campaign_filter!(), " limit $2) as found");

const RUNNING: &str = concat!(campaigns!(), "where c.state in ('staged', 'active') order by c.id");

const COUNTS: &str = "
    select campaign_id, state, count(*) as items
    from certification_item
    where campaign_id in (select cast(value as bigint) from json_each($1))
    group by campaign_id, state";

/// What somebody still has to say: what they have decided waits for their signature.
macro_rules! waiting {
    () => {
        "from certification_reviewer r
    join certification_item i on i.id = r.item_id
    join certification_campaign c on c.id = i.campaign_id
    where r.login = $1
      and ((i.state in ('open', 'approved', 'revoked') and c.state = 'active') or i.state = 'with_owner')
      and (i.decided_by is null or i.state = 'with_owner' or lower(i.decided_by) = $1)"
    };
}

const WAITING: &str = concat!("select count(*) ", waiting!());

const WAITING_BY_CAMPAIGN: &str =
    concat!("select i.campaign_id, count(*) as items ", waiting!(), " group by i.campaign_id");

macro_rules! items {
    () => {
        "select i.id, i.campaign_id, i.identity_id, i.kind, i.name, i.application, i.origin,
           cast(i.reasons as text) as reasons, i.since, i.subject, i.risk, i.state, i.version, i.decided_by, i.decided_at,
           i.comment, i.signed_at, i.request_id, cast(i.changes as text) as changes, i.message, i.ended_at "
    };
}

/// $1 campaign, $2 state, $3 origin, $4 application, $5–$8 words, $9 login.
macro_rules! item_filter {
    () => {
        "from certification_item i
    join identity p on p.id = i.identity_id
    where i.campaign_id = $1
      and ($2 is null or i.state = $2)
      and ($3 is null or i.origin = $3)
      and ($4 is null or i.application = $4)
      and p.words like $5 and p.words like $6 and p.words like $7 and p.words like $8
      and ($9 is null or exists (select 1 from certification_reviewer r where r.item_id = i.id and r.login = $9))"
    };
}

const PAGE: &str =
    concat!(items!(), ", p.display_name ", item_filter!(), " and ($10 is null or i.id > $10) order by i.id limit $11");

const PAGE_COUNT: &str = concat!("select count(*) from (select 1 ", item_filter!(), " limit $10) as found");

const BY_IDS: &str = concat!(
    items!(),
    "from certification_item i where i.id in (select cast(value as bigint) from json_each($1)) order by i.id"
);

/// $1 campaign, $2 states, $3 login of whoever decided, $4 after.
const CHOSEN: &str = concat!(
    items!(),
    "from certification_item i
    where ($1 is null or i.campaign_id = $1)
      and i.state in (select value ->> 'text' from json_each($2))
      and ($3 is null or lower(i.decided_by) = $3)
      and i.id > $4
    order by i.id
    limit $5"
);

const REVIEWERS: &str = "
    select item_id, login
    from certification_reviewer
    where item_id in (select cast(value as bigint) from json_each($1))
    order by item_id, login";

/// Of what these hold, when it was certified; the newest last.
const CERTIFIED: &str = "
    select identity_id, kind, name, signed_at, decided_by
    from certification_item
    where identity_id in (select cast(value as bigint) from json_each($1))
      and state = 'certified'
    order by signed_at, id";

const REVIEWERS_OF: &str = "
    select r.login, count(*) as items
    from certification_item i
    join certification_reviewer r on r.item_id = i.id
    where i.campaign_id = $1
      and i.state in ('open', 'approved', 'revoked')
    group by r.login
    order by r.login";

const OPEN_OF_REVIEWERS: &str = concat!(
    items!(),
    "from certification_item i
    where i.campaign_id = $1
      and i.state = 'open'
      and i.id > $3
      and exists (
        select 1
        from certification_reviewer r
        where r.item_id = i.id
          and r.login in (select value ->> 'text' from json_each($2))
      )
    order by i.id
    limit $4"
);

const LEFT_OVER: &str = concat!(
    items!(),
    "from certification_campaign c
    join certification_item i on i.campaign_id = c.id
    where c.state in ('ended', 'cancelled')
      and i.state in ('open', 'approved', 'revoked')
    order by i.id
    limit $1"
);

const EVENTS: &str = "
    select item_id, at, state, actor, message
    from certification_event
    where item_id = $1
    order by sequence";

/// Items in some states, in pieces.
#[derive(Clone, Debug)]
pub struct ItemChoice<'a> {
    pub campaign: Option<CampaignId>,
    pub states: &'a [ItemState],
    pub decided_by: Option<&'a str>,
    pub after: CertificationItemId,
    pub limit: u32,
}

impl Store {
    pub async fn campaign(&self, id: CampaignId) -> Result<Option<Campaign>> {
        self.reader().await?.row(CAMPAIGN, arguments![id.0]).await?.map(|row| campaign(&row)).transpose()
    }

    /// Newest first: all of them, or those in which somebody is, or was, asked.
    pub async fn campaign_page(
        &self,
        reviewer: Option<&str>,
        before: Option<CampaignId>,
        limit: Option<u32>,
    ) -> Result<Page<Campaign>> {
        let login = reviewer.map(str::to_lowercase);
        let mut connection = self.snapshot().await?;
        let total = connection.number(CAMPAIGN_COUNT, arguments![login.clone(), count_limit()]).await?;
        let wanted = arguments![login, before.map(|id| id.0), rows_to_read(limit)];
        let rows = connection.read(CAMPAIGNS, wanted, |row| campaign(&row)).await?;
        Ok(page(rows, limit, total, |campaign| campaign.id.to_string()))
    }

    /// Those that begin, run or end by themselves.
    pub async fn running_campaigns(&self) -> Result<Vec<Campaign>> {
        self.reader().await?.read(RUNNING, arguments![], |row| campaign(&row)).await
    }

    pub async fn campaign_counts(&self, ids: &[CampaignId]) -> Result<HashMap<CampaignId, ItemCounts>> {
        let read = |row: Row| {
            let state = row.named("state", ItemState::from_name)?;
            Ok((CampaignId(row.integer("campaign_id")?), state, row.count("items")?))
        };
        let ids = numbers(ids.iter().map(|id| id.0));
        let mut counts: HashMap<CampaignId, ItemCounts> = HashMap::new();
        for (id, state, items) in self.reader().await?.read(COUNTS, arguments![ids], read).await? {
            counts.entry(id).or_default().insert(state, items);
        }
        Ok(counts)
    }

    /// How many items wait for somebody: to be decided, signed off, or changed as their owner.
    pub async fn certifications_waiting(&self, login: &str) -> Result<u64> {
        let count = self.reader().await?.number(WAITING, arguments![login.to_lowercase()]).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// As [`Self::certifications_waiting`], by campaign.
    pub async fn certifications_waiting_by_campaign(&self, login: &str) -> Result<HashMap<CampaignId, u64>> {
        let read = |row: Row| Ok((CampaignId(row.integer("campaign_id")?), row.count("items")?));
        let rows = self.reader().await?.read(WAITING_BY_CAMPAIGN, arguments![login.to_lowercase()], read).await?;
        Ok(rows.into_iter().collect())
    }

    /// By number, which goes person by person; with the person's name. `login` is whose items the filter means by mine.
    pub async fn certification_page(
        &self,
        id: CampaignId,
        filter: &ItemFilter,
        login: &str,
    ) -> Result<Page<(CertificationItem, String)>> {
        let login = filter.mine.then(|| login.to_lowercase());
        let (state, origin) = (filter.state.map(ItemState::name), filter.origin.map(Origin::name));
        let application = filter.application.as_deref();
        let [a, b, c, d] = patterns(filter.text.as_deref());
        let mut connection = self.snapshot().await?;
        let counted = arguments![
            id.0,
            state,
            origin,
            application,
            a.clone(),
            b.clone(),
            c.clone(),
            d.clone(),
            login.clone(),
            count_limit()
        ];
        let total = connection.number(PAGE_COUNT, counted).await?;
        let after = filter.after.map(|id| id.0);
        let wanted = arguments![id.0, state, origin, application, a, b, c, d, login, after, rows_to_read(filter.limit)];
        let read = |row: Row| Ok((item(&row)?, row.text("display_name")?));
        let rows = connection.read(PAGE, wanted, read).await?;
        let mut page = page(rows, filter.limit, total, |(item, _)| item.id.to_string());
        let (items, names): (Vec<_>, Vec<_>) = page.rows.into_iter().unzip();
        page.rows = with_reviewers(&mut connection, items).await?.into_iter().zip(names).collect();
        Ok(page)
    }

    /// By number; those that are not there are left out.
    pub async fn certification_items(&self, ids: &[CertificationItemId]) -> Result<Vec<CertificationItem>> {
        let mut connection = self.snapshot().await?;
        let items = connection.read(BY_IDS, arguments![numbers(ids.iter().map(|id| id.0))], |row| item(&row)).await?;
        with_reviewers(&mut connection, items).await
    }

    /// The next ones by number.
    pub async fn certification_items_in(&self, choice: &ItemChoice<'_>) -> Result<Vec<CertificationItem>> {
        let states = texts(choice.states.iter().map(|state| state.name()))?;
        let wanted = arguments![
            choice.campaign.map(|id| id.0),
            states,
            choice.decided_by.map(str::to_lowercase),
            choice.after.0,
            choice.limit
        ];
        let mut connection = self.snapshot().await?;
        let items = connection.read(CHOSEN, wanted, |row| item(&row)).await?;
        with_reviewers(&mut connection, items).await
    }

    /// Undecided items of a campaign that wait for one of these, the next ones by number.
    pub async fn open_items_of_reviewers(
        &self,
        id: CampaignId,
        logins: &[String],
        after: CertificationItemId,
        limit: u32,
    ) -> Result<Vec<CertificationItem>> {
        let wanted = arguments![id.0, texts(logins.iter().map(String::as_str))?, after.0, limit];
        let mut connection = self.snapshot().await?;
        let items = connection.read(OPEN_OF_REVIEWERS, wanted, |row| item(&row)).await?;
        with_reviewers(&mut connection, items).await
    }

    /// What campaigns that are over have left unsigned, the first ones.
    pub async fn left_over_items(&self, limit: u32) -> Result<Vec<CertificationItem>> {
        let mut connection = self.snapshot().await?;
        let items = connection.read(LEFT_OVER, arguments![limit], |row| item(&row)).await?;
        with_reviewers(&mut connection, items).await
    }

    /// When what these hold was certified last, and by whom.
    pub async fn last_certified(
        &self,
        identities: &[IdentityId],
    ) -> Result<BTreeMap<(IdentityId, Grantable), (Timestamp, String)>> {
        let read = |row: Row| {
            let name = row.text("name")?;
            let grantable = row.named("kind", |kind| Grantable::from_parts(kind, &name))?;
            let by = row.optional_text("decided_by")?.unwrap_or_default();
            Ok(((IdentityId(row.integer("identity_id")?), grantable), (row.time("signed_at")?, by)))
        };
        let ids = numbers(identities.iter().map(|id| id.0));
        Ok(self.reader().await?.read(CERTIFIED, arguments![ids], read).await?.into_iter().collect())
    }

    /// Who is asked in a campaign, and how many items they have not signed off.
    pub async fn campaign_reviewers(&self, id: CampaignId) -> Result<Vec<(String, u64)>> {
        let read = |row: Row| Ok((row.text("login")?, row.count("items")?));
        self.reader().await?.read(REVIEWERS_OF, arguments![id.0], read).await
    }

    /// What happened to an item, oldest first.
    pub async fn certification_events(&self, id: CertificationItemId) -> Result<Vec<CertificationEvent>> {
        let read = |row: Row| {
            Ok(CertificationEvent {
                item: CertificationItemId(row.integer("item_id")?),
                at: row.time("at")?,
                state: row.named("state", ItemState::from_name)?,
                actor: row.text("actor")?,
                message: row.text("message")?,
            })
        };
        self.reader().await?.read(EVENTS, arguments![id.0], read).await
    }
}

async fn with_reviewers(
    connection: &mut Connection,
    mut items: Vec<CertificationItem>,
) -> Result<Vec<CertificationItem>> {
    if items.is_empty() {
        return Ok(items);
    }
    let read = |row: Row| Ok((row.integer("item_id")?, row.text("login")?));
    let ids = numbers(items.iter().map(|item| item.id.0));
    let mut reviewers: HashMap<i64, Vec<String>> = HashMap::new();
    for (item, login) in connection.read(REVIEWERS, arguments![ids], read).await? {
        reviewers.entry(item).or_default().push(login);
    }
    for item in &mut items {
        item.reviewers = reviewers.remove(&item.id.0).unwrap_or_default();
    }
    Ok(items)
}

fn campaign(row: &Row) -> Result<Campaign> {
    let day = |column: &str| -> Result<Date> {
        let missing = || StoreError::Corrupt { what: format!("the {column} of a campaign") };
        row.optional_date(column)?.ok_or_else(missing)
    };
    Ok(Campaign {
        id: CampaignId(row.integer("id")?),
        what: NewCampaign {
            name: row.text("name")?,
            description: row.text("description")?,
            scope: row.json("scope")?,
            reviewers: row.json("reviewers")?,
            fallback: row.json("fallback")?,
            starts: day("starts")?,
            ends: day("ends")?,
            remind_days: row.optional_integer("remind_days")?.and_then(|days| days.try_into().ok()),
            at_end: row.named("at_end", AtEnd::from_name)?,
        },
        state: row.named("state", CampaignState::from_name)?,
        through: IdentityId(row.integer("through")?),
        created_by: row.text("created_by")?,
        created_at: row.time("created_at")?,
        started_at: row.optional_time("started_at")?,
        reminded_at: row.optional_time("reminded_at")?,
        ended_at: row.optional_time("ended_at")?,
        ended_by: row.optional_text("ended_by")?,
    })
}

fn item(row: &Row) -> Result<CertificationItem> {
    let name = row.text("name")?;
    let subject = row.text("subject")?;
    let unknown = |_| StoreError::Corrupt { what: format!("`{subject}` is nothing that reconciliation knows") };
    Ok(CertificationItem {
        id: CertificationItemId(row.integer("id")?),
        campaign: CampaignId(row.integer("campaign_id")?),
        identity: IdentityId(row.integer("identity_id")?),
        grantable: row.named("kind", |kind| Grantable::from_parts(kind, &name))?,
        application: row.text("application")?,
        origin: row.named("origin", Origin::from_name)?,
        reasons: row.json("reasons")?,
        since: row.time("since")?,
        subject: if subject.is_empty() { None } else { Some(subject.parse().map_err(unknown)?) },
        risk: row.optional_integer("risk")?.and_then(|level| level.try_into().ok()),
        state: row.named("state", ItemState::from_name)?,
        version: row.small_count("version")?,
        reviewers: Vec::new(),
        decided_by: row.optional_text("decided_by")?,
        decided_at: row.optional_time("decided_at")?,
        comment: row.text("comment")?,
        signed_at: row.optional_time("signed_at")?,
        request: row.optional_integer("request_id")?.map(RequestId),
        changes: row.optional_json("changes")?,
        message: row.optional_text("message")?,
        ended_at: row.optional_time("ended_at")?,
    })
}
