//! Reading identities: whole, as a list's lines, and with everything around them.

use jiff::Timestamp;
use jiff::civil::Date;
use model::access::Grantable;
use model::identity::{Context, Identity, LifecycleState, Period};
use model::ids::{AssignmentId, IdentityId, OrderId, RunId};
use model::page::Page;
use model::value::Value;
use model::view::{IdentityDetail, IdentityEvent, IdentityFilter, IdentityRow, PermissionRow};

use crate::accounts::accounts_of;
use crate::among::{Candidates, among, candidates, few, most};
use crate::assignments::workflow_state;
use crate::connection::{Connection, Row, arguments, numbers, texts};
use crate::orders::newest_orders_of;
use crate::paging::{Counting, cursor, page_of, read_cursor, rows_to_read};
use crate::words::{of_person, patterns};
use crate::{Result, Store};

macro_rules! identity_columns {
    () => {
        "i.id, i.source, i.key, i.display_name, cast(i.attributes as text) as attributes,
         cast(i.contexts as text) as contexts, i.manager_key, i.present"
    };
}

const ALL: &str = concat!("select ", identity_columns!(), " from identity i order by i.id");

const AFTER: &str =
    concat!("select ", identity_columns!(), " from identity i where i.id > $1 and i.present order by i.id limit $2");

const OF_SOURCE: &str = concat!("select ", identity_columns!(), " from identity i where i.source = $1 order by i.id");

const BY_ID: &str = concat!(
    "select ",
    identity_columns!(),
    " from identity i
    where i.id in (select cast(value as bigint) from json_each($1))
    order by i.id"
);

const BY_KEY: &str =
    concat!("select ", identity_columns!(), " from identity i where i.key = $1 order by i.source limit 1");

/// Of several sources that have a key, the one that comes first by name.
const BY_KEYS: &str = concat!(
    "select ",
    identity_columns!(),
    " from identity i
    where i.key in (select value ->> 'text' from json_each($1))
      and not exists (select 1 from identity other where other.key = i.key and other.source < i.source)"
);

const AS_OF: &str = "
    select cast(body as text) as body
    from identity_history
    where identity_id = $1
      and since <= $2
      and (until is null or until > $2)";

const CHANGE_LOG_HEAD: &str = "select coalesce(max(sequence), 0) from change_log";

const CHANGES_SINCE: &str = "
    select sequence, subject_id
    from change_log
    where sequence > $1
      and kind = 'identity'
    order by sequence";

/// $1–$4 words, $5 department, $6 lifecycle state by contexts, $7 the day, $8 state of the configuration as recorded.
macro_rules! identity_filter {
    () => {
        "i.words like $1 and i.words like $2 and i.words like $3 and i.words like $4
      and ($5 is null or (i.department = $5 and i.context_count = 0) or exists (
        select 1
        from identity_context c
        where c.identity_id = i.id
          and c.department = $5
          and c.starts <= $7
          and c.ends > $7
      ) or (i.department = $5 and not exists (
        select 1
        from identity_context c
        where c.identity_id = i.id
          and c.department <> ''
          and c.starts <= $7
          and c.ends > $7
      )))
      and ($6 is null or $6 = case
        when not i.present then 'leaver'
        when i.context_count = 0 then 'active'
        when exists (
          select 1 from identity_context c where c.identity_id = i.id and c.starts <= $7 and c.ends > $7
        ) then 'active'
        when exists (select 1 from identity_context c where c.identity_id = i.id and c.ends > $7) then 'joiner'
        else 'leaver'
      end)
      and ($8 is null or exists (
        select 1 from lifecycle_period p where p.identity_id = i.id and p.until is null and p.state = $8
      ))"
    };
}

/// The arguments of [`identity_filter`], and more.
macro_rules! filter_arguments {
    ($filter:expr, $today:expr $(, $more:expr)* $(,)?) => {{
        let filter: &IdentityFilter = $filter;
        let [first, second, third, fourth] = patterns(filter.text.as_deref().map(of_person).as_deref());
        arguments![
            first,
            second,
            third,
            fourth,
            filter.department.as_deref().filter(|department| !department.is_empty()),
            filter.lifecycle.map(LifecycleState::name),
            $today,
            filter.state.as_deref().filter(|state| !state.is_empty())
            $(, $more)*
        ]
    }};
}

macro_rules! identity_list {
    ($from:literal) => {
        concat!(
            "
    with found as materialized (
      select i.id as found_id
      from ", $from, " and ", identity_filter!(), "
        and ($9 is null or (i.sort_name, i.id) > ($10, $9))
      order by i.sort_name, i.id
      limit $11
    )
    select ", identity_columns!(), ", i.sort_name,
      (select count(*) from account a where a.owner_id = i.id and a.status <> 'gone') as accounts,
      (
        select count(*)
        from account a
        join account_entitlement e on e.account_id = a.id and e.until is null
        where a.owner_id = i.id and a.status <> 'gone'
      ) as entitlements,
      (select count(*) from provisioning_order o where o.identity_id = i.id and o.state in (1, 2, 3, 5, 7)) as open_orders,
      (select p.state from lifecycle_period p where p.identity_id = i.id and p.until is null) as recorded_state
    from found cross join identity i
    where i.id = found_id
    order by i.sort_name, i.id"
        )
    };
}

macro_rules! identity_count {
    ($from:literal) => {
        concat!("select count(*) from (select 1 from ", $from, " and ", identity_filter!(), " limit $9) as found")
    };
}

const PAGE: &str = identity_list!("identity i where true");
const COUNT: &str = identity_count!("identity i where true");
// Those people are looked up one by one: most who see a part of all see a small part.
const PAGE_AMONG: &str = identity_list!("json_each($12) r cross join identity i where i.id = cast(r.value as bigint)");
const COUNT_AMONG: &str =
    identity_count!("json_each($10) r cross join identity i where i.id = cast(r.value as bigint)");

/// People who may fit a filter, so many at most: whoever is in the department, in the state, or has what the lifecycle state takes.
const OF_DEPARTMENT: Candidates = candidates!(
    "
    select id from identity where department = $1
    union all
    select identity_id as id from identity_context where department = $1
    limit $2"
);
const OF_STATE: Candidates = candidates!(
    "
    select identity_id as id
    from lifecycle_period
    where state = $1
      and until is null
    limit $2"
);
const JOINERS: Candidates = candidates!(
    "
    select identity_id as id
    from identity_context
    where starts > $1
    limit $2"
);
const LEAVERS: Candidates = candidates!(
    "
    select id from identity where not present
    union all
    select identity_id as id from identity_context where ends <= $1
    limit $2"
);

/// From one department to the next along the indexes: there are few of them, and many who are in one.
const DEPARTMENTS: &str = "
    with recursive
      own (department) as (
        select min(department) from identity where department > ''
        union all
        select (select min(i.department) from identity i where i.department > own.department)
        from own
        where own.department is not null
      ),
      of_context (department) as (
        select min(department) from identity_context where department > ''
        union all
        select (select min(c.department) from identity_context c where c.department > of_context.department)
        from of_context
        where of_context.department is not null
      )
    select department from own where department is not null
    union
    select department from of_context where department is not null
    order by department";

const MANAGER: &str = "
    select id, display_name
    from identity
    where source = $1
      and key = $2";

const REPORTS: &str = "
    select id, display_name
    from identity
    where source = $1
      and manager_key = $2
      and present
    order by sort_name, id
    limit 50";

const EVENTS: &str = "
    select at, message, order_id, run_id
    from identity_event
    where identity_id = $1
    order by sequence desc
    limit 100";

/// Display names come from the configuration as it is now: what is held may be gone from it, then its name has to do.
const PERMISSIONS: &str = "
    select
      h.id, h.kind, h.name, h.workflow_state, h.starts, h.ends, cast(h.reasons as text) as reasons, h.since, h.state,
      cast(h.state_reason as text) as state_reason, h.order_id,
      coalesce(thing.body ->> 'display_name', h.name) as display_name,
      coalesce(application.body ->> 'display_name', holder.body ->> 'application', thing.body ->> 'application') as application
    from assignment h
    left join configuration_object thing
      on thing.kind = case h.kind
        when 'role' then 'roles'
        when 'access_profile' then 'access_profiles'
        when 'account_type' then 'account_types'
        else 'entitlements'
      end
      and thing.name = h.name
      and thing.to_version is null
    left join configuration_object holder
      on holder.kind = 'account_types'
      and holder.name = thing.body ->> 'account_type'
      and holder.to_version is null
    left join configuration_object application
      on application.kind = 'applications'
      and application.name = coalesce(holder.body ->> 'application', thing.body ->> 'application')
      and application.to_version is null
    where h.identity_id = $1
      and h.until is null
    order by h.kind, h.name";

impl Store {
    pub async fn load_identities(&self) -> Result<Vec<Identity>> {
        self.reader().await?.read(ALL, arguments![], |row| identity(&row)).await
    }

    /// Everybody, by id, handed on in pieces of so many while the next ones are read. Of a reading that fails, what was handed on by
    /// then is nothing to go by.
    pub async fn identities_in_pieces(&self, size: usize, mut take: impl FnMut(Vec<Identity>)) -> Result<()> {
        let mut piece = Vec::with_capacity(size);
        let read = |row: Row| {
            piece.push(identity(&row)?);
            if piece.len() >= size {
                take(std::mem::replace(&mut piece, Vec::with_capacity(size)));
            }
            Ok(())
        };
        self.reader().await?.read(ALL, arguments![], read).await?;
        take(piece);
        Ok(())
    }

    /// The next ones by id, of those that their source still lists.
    pub async fn identities_after(&self, after: IdentityId, limit: u32) -> Result<Vec<Identity>> {
        self.reader().await?.read(AFTER, arguments![after.0, limit], |row| identity(&row)).await
    }

    pub async fn identities_of_source(&self, source: &str) -> Result<Vec<Identity>> {
        self.reader().await?.read(OF_SOURCE, arguments![source], |row| identity(&row)).await
    }

    /// By id; ids that are not there are left out.
    pub async fn identities_by_id(&self, ids: &[IdentityId]) -> Result<Vec<Identity>> {
        let ids = numbers(ids.iter().map(|id| id.0));
        self.reader().await?.read(BY_ID, arguments![ids], |row| identity(&row)).await
    }

    /// Where several sources have that key, the one whose source comes first by name.
    pub async fn identity_by_key(&self, key: &str) -> Result<Option<Identity>> {
        self.reader().await?.row(BY_KEY, arguments![key]).await?.map(|row| identity(&row)).transpose()
    }

    /// As [`Self::identity_by_key`], for many; keys that nobody has are left out.
    pub async fn identities_by_key(&self, keys: &[&str]) -> Result<Vec<Identity>> {
        self.reader().await?.read(BY_KEYS, arguments![texts(keys.iter().copied())?], |row| identity(&row)).await
    }

    /// What was known of the identity at that moment.
    pub async fn identity_as_of(&self, id: IdentityId, at: Timestamp) -> Result<Option<Identity>> {
        self.reader().await?.row(AS_OF, arguments![id.0, at]).await?.map(|row| row.json("body")).transpose()
    }

    /// Sequence of the last change; 0 before the first.
    pub async fn change_log_head(&self) -> Result<i64> {
        self.reader().await?.number(CHANGE_LOG_HEAD, arguments![]).await
    }

    /// Changes after that sequence, in the order of commits.
    pub async fn changes_since(&self, sequence: i64) -> Result<Vec<(i64, IdentityId)>> {
        let read = |row: Row| Ok((row.integer("sequence")?, IdentityId(row.integer("subject_id")?)));
        self.reader().await?.read(CHANGES_SINCE, arguments![sequence], read).await
    }

    /// By name; of those within the filter's reach. An identity is found under every department it has on the day.
    pub async fn identity_page(&self, filter: &IdentityFilter, today: Date) -> Result<Page<IdentityRow>> {
        let (id, key) = read_cursor(filter.after.as_deref())?;
        let rows = rows_to_read(filter.limit);
        let mut connection = self.snapshot().await?;
        let among = narrowed(&mut connection, filter, today).await?;
        let is_whole = IdentityFilter { after: None, limit: None, ..filter.clone() } == IdentityFilter::default();
        let counting = Counting::looking(among.is_some() || is_whole);
        let total = match &among {
            Some(among) => {
                let count = filter_arguments!(filter, today, counting.limit(), among.as_str());
                connection.number(COUNT_AMONG, count).await?
            }
            None => connection.number(COUNT, filter_arguments!(filter, today, counting.limit())).await?,
        };
        let read = |row: Row| Ok((row.text("sort_name")?, identity_row(&row, today)?));
        let rows = match among {
            Some(among) => {
                connection.read(PAGE_AMONG, filter_arguments!(filter, today, id, key, rows, among), read).await?
            }
            None => connection.read(PAGE, filter_arguments!(filter, today, id, key, rows), read).await?,
        };
        let total = counting.counted(total);
        let found = page_of(rows, filter.limit, total, |(sort_name, row)| cursor(row.id.0, sort_name));
        Ok(Page {
            rows: found.rows.into_iter().map(|(_, row)| row).collect(),
            next: found.next,
            total: found.total,
            more: found.more,
        })
    }

    /// Every department there is or will be, by name.
    pub async fn identity_departments(&self) -> Result<Vec<String>> {
        self.reader().await?.read(DEPARTMENTS, arguments![], |row| row.text("department")).await
    }

    pub async fn identity_detail(&self, id: IdentityId, today: Date) -> Result<Option<IdentityDetail>> {
        let mut connection = self.snapshot().await?;
        let Some(row) = connection.row(BY_ID, arguments![numbers([id.0])]).await? else { return Ok(None) };
        let identity = identity(&row)?;
        let named = |row: Row| Ok((IdentityId(row.integer("id")?), row.text("display_name")?));
        let manager = match &identity.manager_key {
            Some(key) => connection.row(MANAGER, arguments![identity.source.as_str(), key.as_str()]).await?,
            None => None,
        };
        let reports = arguments![identity.source.as_str(), identity.key.as_str()];
        Ok(Some(IdentityDetail {
            lifecycle: identity.lifecycle(today),
            life: None,
            manager: manager.map(named).transpose()?,
            reports: connection.read(REPORTS, reports, named).await?,
            permissions: permissions(&mut connection, id).await?,
            accounts: accounts_of(&mut connection, &[id]).await?,
            orders: newest_orders_of(&mut connection, id).await?,
            events: connection.read(EVENTS, arguments![id.0], |row| event(&row)).await?,
            questions: Vec::new(),
            findings: Vec::new(),
            reconciled: Vec::new(),
            indirect: Vec::new(),
            identity,
        }))
    }
}

fn identity(row: &Row) -> Result<Identity> {
    Ok(Identity {
        id: IdentityId(row.integer("id")?),
        source: row.text("source")?,
        key: row.text("key")?,
        display_name: row.text("display_name")?,
        attributes: row.json("attributes")?,
        contexts: row.json("contexts")?,
        manager_key: row.optional_text("manager_key")?,
        present: row.boolean("present")?,
    })
}

/// Among whom to look, where these are few: those within reach, or those whom one of the filters leaves.
async fn narrowed(connection: &mut Connection, filter: &IdentityFilter, today: Date) -> Result<Option<String>> {
    let text = filter.text.as_deref().map(of_person);
    if let Some(people) = among(connection, &filter.reach, text.as_deref()).await? {
        return Ok(Some(people));
    }
    if let Some(state) = filter.state.as_deref().filter(|state| !state.is_empty())
        && let Some(people) = few(connection, &OF_STATE, arguments![state, most()]).await?
    {
        return Ok(Some(people));
    }
    if let Some(department) = filter.department.as_deref().filter(|department| !department.is_empty())
        && let Some(people) = few(connection, &OF_DEPARTMENT, arguments![department, most()]).await?
    {
        return Ok(Some(people));
    }
    match filter.lifecycle {
        Some(LifecycleState::Joiner) => few(connection, &JOINERS, arguments![today, most()]).await,
        Some(LifecycleState::Leaver) => few(connection, &LEAVERS, arguments![today, most()]).await,
        _ => Ok(None),
    }
}

fn identity_row(row: &Row, today: Date) -> Result<IdentityRow> {
    let identity = identity(row)?;
    let mut holding: Vec<&Context> = identity.contexts.iter().filter(|context| context.period.holds(today)).collect();
    holding.sort_by_key(|context| (context.priority, context.period.starts, &context.key));
    let text = |name: &str| {
        holding
            .iter()
            .map(|context| &context.attributes)
            .chain([&identity.attributes])
            .find_map(|attributes| attributes.get(name))
            .map(Value::to_string)
            .unwrap_or_default()
    };
    Ok(IdentityRow {
        department: text("department"),
        title: text("title"),
        site: text("site"),
        lifecycle: identity.lifecycle(today),
        state: row.optional_text("recorded_state")?,
        accounts: row.small_count("accounts")?,
        entitlements: row.small_count("entitlements")?,
        open_orders: row.small_count("open_orders")?,
        id: identity.id,
        key: identity.key,
        display_name: identity.display_name,
    })
}

fn event(row: &Row) -> Result<IdentityEvent> {
    Ok(IdentityEvent {
        at: row.time("at")?,
        message: row.text("message")?,
        order: row.optional_integer("order_id")?.map(OrderId),
        run: row.optional_integer("run_id")?.map(RunId),
    })
}

async fn permissions(connection: &mut Connection, id: IdentityId) -> Result<Vec<PermissionRow>> {
    connection.read(PERMISSIONS, arguments![id.0], |row| permission(&row)).await
}

fn permission(row: &Row) -> Result<PermissionRow> {
    let name = row.text("name")?;
    Ok(PermissionRow {
        id: AssignmentId(row.integer("id")?),
        grantable: row.named("kind", |kind| Grantable::from_parts(kind, &name))?,
        display_name: row.text("display_name")?,
        application: row.optional_text("application")?,
        workflow_state: workflow_state(row)?,
        state: crate::orders::optional_state(row, "state")?,
        state_reason: row.optional_json("state_reason")?,
        order: row.optional_integer("order_id")?.map(OrderId),
        period: Period { starts: row.optional_date("starts")?, ends: row.optional_date("ends")? },
        since: row.time("since")?,
        reasons: row.json("reasons")?,
    })
}
