//! Notices, mails, and how people want them. A notice lives until mails are made of it.

use std::collections::BTreeMap;

use jiff::Timestamp;
use model::ids::{MailId, RunId, UserId};
use model::job::RunState;
use model::mail::{Mail, MailFilter, MailPreferences, MailRow, MailState, Notice, NoticeKind};
use model::page::Page;
use model::user::User;
use model::work_item::Fulfiller;
use serde::Serialize;

use crate::connection::{Row, arguments, numbers, payload};
use crate::paging::{count_limit, cursor, page, read_time_cursor, rows_to_read};
use crate::users::user;
use crate::{Result, Store, Tx};

/// A notice that waits to be made into mails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingNotice {
    pub sequence: i64,
    pub notice: Notice,
    /// State of the run it belongs to.
    pub run_state: Option<RunState>,
}

/// Somebody who may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    pub user: User,
    pub preferences: MailPreferences,
}

/// What became of an attempt to send a mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentMail {
    pub id: MailId,
    pub state: MailState,
    pub next_attempt_at: Option<Timestamp>,
    pub sent_at: Option<Timestamp>,
    pub problem: Option<String>,
}

const INSERT_NOTICES: &str = "
    with input as materialized (select key, value from jsonb_each($1))
    insert into notice (at, kind, about, sentence, link, run_id, to_kind, to_name)
    select
      cast(value ->> 'at' as bigint), value ->> 'kind', value ->> 'about', value ->> 'sentence', value ->> 'link',
      cast(value ->> 'run' as bigint), value ->> 'to_kind', value ->> 'to_name'
    from input
    order by key";

const DELETE_NOTICES: &str = "
    delete from notice
    where sequence in (select cast(value as bigint) from json_each($1))";

const NOTICES: &str = "
    select n.sequence, n.at, n.kind, n.about, n.sentence, n.link, n.run_id, n.to_kind, n.to_name, r.state as run_state
    from notice n
    left join run r on r.id = n.run_id
    order by n.sequence
    limit $1";

const INSERT_MAILS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into mail (id, user_id, address, subject, body, html, state, attempts, next_attempt_at, created_at)
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'user' as bigint), value ->> 'address', value ->> 'subject',
      value ->> 'text', value ->> 'html', 'waiting', 0, cast(value ->> 'at' as bigint), cast(value ->> 'at' as bigint)
    from input";

macro_rules! mail_columns {
    () => {
        "id, user_id, address, subject, body, html, state, attempts, next_attempt_at, created_at, sent_at, problem"
    };
}

/// $1 now, $2 how many.
macro_rules! due_mails {
    () => {
        "select id
    from mail
    where state = 'waiting'
      and next_attempt_at <= $1
    order by next_attempt_at, id
    limit $2"
    };
}

const DUE_SQLITE: &str = due_mails!();
const DUE_POSTGRES: &str = concat!(due_mails!(), " for update skip locked");

const TAKE: &str = "
    update mail
    set attempts = attempts + 1,
        next_attempt_at = $2
    where id in (select cast(value as bigint) from json_each($1))";

const BY_IDS: &str = concat!(
    "select ",
    mail_columns!(),
    " from mail where id in (select cast(value as bigint) from json_each($1)) order by id"
);

const SETTLE: &str = "
    update mail
    set state = $2,
        next_attempt_at = $3,
        sent_at = $4,
        problem = $5
    where id = $1
      and (state = 'waiting' or (state = 'failed' and $2 = 'sent'))";

/// $1 one mail or all, $2 now, $3 addresses of users.
const RETRY: &str = "
    update mail
    set state = 'waiting',
        next_attempt_at = $2,
        address = coalesce(
          (
            select a.value ->> 'address'
            from jsonb_each($3) a
            where cast(a.value ->> 'user' as bigint) = mail.user_id
          ),
          address
        )
    where (id = $1 and state in ('failed', 'waiting'))
       or (cast($1 as bigint) is null and state = 'failed')";

const GIVE_UP: &str = "
    update mail
    set state = 'failed',
        next_attempt_at = null,
        problem = $2
    where id = $1
      and state = 'waiting'";

const COUNTS: &str = "
    select state, count(*) as mails
    from mail
    group by state";

const SET_PREFERENCES: &str = "
    insert into mail_preference (user_id, address, silenced)
    select cast($1 as bigint), cast($2 as text), value
    from json_each($3)
    where true
    on conflict (user_id) do update
    set address = excluded.address,
        silenced = excluded.silenced";

const PREFERENCES: &str = "
    select address, cast(silenced as text) as silenced
    from mail_preference
    where user_id = $1";

const RECIPIENTS: &str = "
    select
      u.id, u.login, u.display_name, u.identity_id, cast(u.profiles as text) as profiles, u.disabled, p.address,
      cast(p.silenced as text) as silenced
    from console_user u
    left join mail_preference p on p.user_id = u.id
    order by u.folded_login";

const PAGE: &str = "
    select
      m.id, u.display_name as user_name, m.address, m.subject, m.state, m.attempts, m.next_attempt_at, m.created_at,
      m.sent_at, m.problem
    from mail m
    join console_user u on u.id = m.user_id
    where ($1 is null or m.state = $1)
      and ($2 is null or (m.created_at, m.id) < ($3, $2))
    order by m.created_at desc, m.id desc
    limit $4";

const COUNT: &str = "select count(*) from (select 1 from mail where ($1 is null or state = $1) limit $2) as found";

#[derive(Serialize)]
struct NoticeInput<'a> {
    at: i64,
    kind: &'a str,
    about: &'a str,
    sentence: &'a str,
    link: &'a str,
    run: Option<i64>,
    to_kind: Option<&'static str>,
    to_name: Option<&'a str>,
}

#[derive(Serialize)]
struct MailInput<'a> {
    id: i64,
    user: i64,
    address: &'a str,
    subject: &'a str,
    text: &'a str,
    html: &'a str,
    at: i64,
}

#[derive(Serialize)]
struct AddressInput<'a> {
    user: i64,
    address: &'a str,
}

impl Tx {
    pub async fn insert_notices(&mut self, notices: &[Notice]) -> Result<()> {
        let rows: Vec<_> = notices
            .iter()
            .map(|notice| NoticeInput {
                at: notice.at.as_microsecond(),
                kind: notice.kind.name(),
                about: &notice.about,
                sentence: &notice.sentence,
                link: &notice.link,
                run: notice.run.map(|run| run.0),
                to_kind: notice.to.as_ref().map(Fulfiller::kind),
                to_name: notice.to.as_ref().and_then(Fulfiller::name),
            })
            .collect();
        self.bulk(INSERT_NOTICES, &rows).await
    }

    /// Makes mails of notices, which are gone afterwards. The mails wait, from now on.
    pub async fn make_mails(&mut self, notices: &[i64], mails: &[Mail]) -> Result<()> {
        let rows: Vec<_> = mails
            .iter()
            .map(|mail| MailInput {
                id: mail.id.0,
                user: mail.user.0,
                address: &mail.address,
                subject: &mail.subject,
                text: &mail.text,
                html: &mail.html,
                at: mail.created_at.as_microsecond(),
            })
            .collect();
        self.bulk(INSERT_MAILS, &rows).await?;
        self.execute(DELETE_NOTICES, arguments![numbers(notices.iter().copied())]).await?;
        Ok(())
    }

    /// Takes mails whose time has come; until then nobody else does. Sent twice is better than never: should the process
    /// die, they are due again.
    pub async fn claim_mails(&mut self, now: Timestamp, until: Timestamp, limit: u32) -> Result<Vec<Mail>> {
        let sql = if self.connection.is_postgres() { DUE_POSTGRES } else { DUE_SQLITE };
        let rows = self.rows(sql, arguments![now, limit]).await?;
        let ids = rows.iter().map(|row| row.integer("id")).collect::<Result<Vec<_>>>()?;
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids = numbers(ids);
        self.execute(TAKE, arguments![ids.as_str(), until]).await?;
        self.rows(BY_IDS, arguments![ids]).await?.iter().map(mail).collect()
    }

    pub async fn settle_mail(&mut self, sent: &SentMail) -> Result<()> {
        let (next, at) = (sent.next_attempt_at, sent.sent_at);
        let (next, at) = (next.map(Timestamp::as_microsecond), at.map(Timestamp::as_microsecond));
        let arguments = arguments![sent.id.0, sent.state.name(), next, at, sent.problem.as_deref()];
        self.execute(SETTLE, arguments).await?;
        Ok(())
    }

    /// Makes one mail that waits or failed, or all that failed, due now, and says how many. Each goes to the address that
    /// is told for its user, where one is.
    pub async fn retry_mails(
        &mut self,
        only: Option<MailId>,
        now: Timestamp,
        addresses: &[(UserId, String)],
    ) -> Result<u64> {
        let addresses: Vec<_> =
            addresses.iter().map(|(user, address)| AddressInput { user: user.0, address }).collect();
        self.execute(RETRY, arguments![only.map(|id| id.0), now, payload(&addresses)?]).await
    }

    /// False where there is no such mail that waits.
    pub async fn give_up_mail(&mut self, id: MailId, why: &str) -> Result<bool> {
        Ok(self.execute(GIVE_UP, arguments![id.0, why]).await? > 0)
    }

    pub async fn set_mail_preferences(&mut self, user: UserId, preferences: &MailPreferences) -> Result<()> {
        let silenced: Vec<&str> = preferences.silenced.iter().map(|kind| kind.name()).collect();
        let arguments = arguments![user.0, preferences.address.as_deref(), payload(&[silenced])?];
        self.execute(SET_PREFERENCES, arguments).await?;
        Ok(())
    }
}

impl Store {
    /// Oldest first.
    pub async fn waiting_notices(&self, limit: u32) -> Result<Vec<WaitingNotice>> {
        self.reader().await?.read(NOTICES, arguments![limit], waiting_notice).await
    }

    /// Everybody, by login, disabled ones as well.
    pub async fn recipients(&self) -> Result<Vec<Recipient>> {
        let read = |row: Row| Ok(Recipient { user: user(&row)?, preferences: preferences(&row)? });
        self.reader().await?.read(RECIPIENTS, arguments![], read).await
    }

    pub async fn mail_preferences(&self, user: UserId) -> Result<MailPreferences> {
        let row = self.reader().await?.row(PREFERENCES, arguments![user.0]).await?;
        row.map_or_else(|| Ok(MailPreferences::default()), |row| preferences(&row))
    }

    /// How many there are of each state that has some.
    pub async fn mail_counts(&self) -> Result<BTreeMap<MailState, u64>> {
        let count = |row: Row| Ok((row.named("state", MailState::from_name)?, row.count("mails")?));
        Ok(self.reader().await?.read(COUNTS, arguments![], count).await?.into_iter().collect())
    }

    /// Newest first.
    pub async fn mail_page(&self, filter: &MailFilter) -> Result<Page<MailRow>> {
        let (id, created_at) = read_time_cursor(filter.after.as_deref())?;
        let state = filter.state.map(MailState::name);
        let mut connection = self.snapshot().await?;
        let arguments = arguments![state, id, created_at, rows_to_read(filter.limit)];
        let rows = connection.read(PAGE, arguments, |row| mail_row(&row)).await?;
        let total = connection.number(COUNT, arguments![state, count_limit()]).await?;
        Ok(page(rows, filter.limit, total, |row| cursor(row.id.0, row.created_at.as_microsecond())))
    }
}

fn waiting_notice(row: Row) -> Result<WaitingNotice> {
    let run_state = match row.optional_text("run_state")? {
        Some(_) => Some(row.named("run_state", RunState::from_name)?),
        None => None,
    };
    Ok(WaitingNotice {
        sequence: row.integer("sequence")?,
        run_state,
        notice: Notice {
            at: row.time("at")?,
            kind: row.named("kind", NoticeKind::from_name)?,
            about: row.text("about")?,
            sentence: row.text("sentence")?,
            link: row.text("link")?,
            run: row.optional_integer("run_id")?.map(RunId),
            to: addressee(&row)?,
        },
    })
}

fn addressee(row: &Row) -> Result<Option<Fulfiller>> {
    let name = row.optional_text("to_name")?;
    match row.optional_text("to_kind")? {
        None => Ok(None),
        Some(_) => row.named("to_kind", |kind| Fulfiller::from_parts(kind, name)).map(Some),
    }
}

fn preferences(row: &Row) -> Result<MailPreferences> {
    let silenced: Vec<String> = row.optional_json("silenced")?.unwrap_or_default();
    Ok(MailPreferences {
        address: row.optional_text("address")?,
        silenced: silenced.iter().filter_map(|name| NoticeKind::from_name(name)).collect(),
    })
}

fn mail(row: &Row) -> Result<Mail> {
    Ok(Mail {
        id: MailId(row.integer("id")?),
        user: UserId(row.integer("user_id")?),
        address: row.text("address")?,
        subject: row.text("subject")?,
        text: row.text("body")?,
        html: row.text("html")?,
        state: row.named("state", MailState::from_name)?,
        attempts: row.small_count("attempts")?,
        next_attempt_at: row.optional_time("next_attempt_at")?,
        created_at: row.time("created_at")?,
        sent_at: row.optional_time("sent_at")?,
        problem: row.optional_text("problem")?,
    })
}

fn mail_row(row: &Row) -> Result<MailRow> {
    Ok(MailRow {
        id: MailId(row.integer("id")?),
        user_name: row.text("user_name")?,
        address: row.text("address")?,
        subject: row.text("subject")?,
        state: row.named("state", MailState::from_name)?,
        attempts: row.small_count("attempts")?,
        next_attempt_at: row.optional_time("next_attempt_at")?,
        created_at: row.time("created_at")?,
        sent_at: row.optional_time("sent_at")?,
        problem: row.optional_text("problem")?,
    })
}
