//! Those who sign in, and how often they tried. Logins are compared without regard to case.

use jiff::Timestamp;
use model::ids::{IdentityId, UserId};
use model::user::User;
use serde::Serialize;

use crate::connection::{Row, arguments, payload};
use crate::{Result, Store, StoreError, Tx};

const INSERT: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into console_user (
      id, login, folded_login, display_name, identity_id, profiles, disabled, password_hash, created_at
    )
    select
      cast(value ->> 'id' as bigint), value ->> 'login', value ->> 'folded_login', value ->> 'display_name',
      cast(value ->> 'identity' as bigint), value -> 'profiles', cast(value ->> 'disabled' as boolean), $2, $3
    from input";

const UPDATE: &str = "
    with input as materialized (select value from jsonb_each($1))
    update console_user
    set login = input.value ->> 'login',
        folded_login = input.value ->> 'folded_login',
        display_name = input.value ->> 'display_name',
        identity_id = cast(input.value ->> 'identity' as bigint),
        profiles = input.value -> 'profiles',
        disabled = cast(input.value ->> 'disabled' as boolean)
    from input
    where console_user.id = cast(input.value ->> 'id' as bigint)";

const SET_PASSWORD: &str = "
    update console_user
    set password_hash = $2
    where id = $1";

const RECORD_ATTEMPT: &str = "
    insert into login_attempt (folded_login, address, succeeded, at)
    values ($1, $2, $3, $4)";

macro_rules! user_columns {
    () => {
        "id, login, display_name, identity_id, cast(profiles as text) as profiles, disabled, password_hash"
    };
}

const BY_LOGIN: &str = concat!("select ", user_columns!(), " from console_user where folded_login = $1");

const BY_ID: &str = concat!("select ", user_columns!(), " from console_user where id = $1");

const ALL: &str = concat!("select ", user_columns!(), " from console_user order by folded_login");

const COUNT_AT_MOST_ONE: &str = "select count(*) as found from (select id from console_user limit 1) one";

/// Whoever changes users waits for who does so at the same time: what is allowed depends on all of them.
const LOCK_USERS: &str = "select pg_advisory_xact_lock(7233213)";

const LAST_SIGN_INS: &str = "
    with input as materialized (select value from jsonb_each($1))
    select input.value ->> 'login' as login, (
      select max(attempt.at)
      from login_attempt attempt
      where attempt.folded_login = input.value ->> 'login'
        and attempt.succeeded
    ) as last
    from input";

const FAILED_OF_LOGIN: &str = "
    select count(*) as failures, max(at) as last
    from login_attempt
    where folded_login = $1
      and not succeeded
      and at >= $2
      and sequence > coalesce(
        (select max(success.sequence) from login_attempt success where success.folded_login = $1 and success.succeeded), 0
      )";

const FAILED_OF_ADDRESS: &str = "
    select count(*) as failures, max(at) as last
    from login_attempt
    where address = $1
      and not succeeded
      and at >= $2";

#[derive(Serialize)]
struct UserInput<'a> {
    #[serde(flatten)]
    user: &'a User,
    folded_login: String,
}

impl Tx {
    /// # Errors
    /// `Conflict` with `console_user_login` where the login is taken.
    pub async fn insert_user(&mut self, user: &User, password_hash: &str, at: Timestamp) -> Result<()> {
        self.execute(INSERT, arguments![input(user)?, password_hash, at]).await?;
        Ok(())
    }

    /// All users by login, as they stay until the transaction has ended.
    pub async fn locked_users(&mut self) -> Result<Vec<User>> {
        if self.connection.is_postgres() {
            self.execute(LOCK_USERS, arguments![]).await?;
        }
        self.rows(ALL, arguments![]).await?.iter().map(user).collect()
    }

    /// All but the password.
    pub async fn update_user(&mut self, user: &User) -> Result<()> {
        let changed = self.execute(UPDATE, arguments![input(user)?]).await?;
        found(changed, user.id)
    }

    pub async fn set_password(&mut self, id: UserId, hash: &str) -> Result<()> {
        let changed = self.execute(SET_PASSWORD, arguments![id.0, hash]).await?;
        found(changed, id)
    }

    pub async fn record_login_attempt(
        &mut self,
        login: &str,
        address: &str,
        succeeded: bool,
        at: Timestamp,
    ) -> Result<()> {
        self.execute(RECORD_ATTEMPT, arguments![login.to_lowercase(), address, succeeded, at]).await?;
        Ok(())
    }
}

impl Store {
    /// With the password's hash.
    pub async fn user_by_login(&self, login: &str) -> Result<Option<(User, String)>> {
        let row = self.reader().await?.row(BY_LOGIN, arguments![login.to_lowercase()]).await?;
        row.map(|row| Ok((user(&row)?, row.text("password_hash")?))).transpose()
    }

    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        self.reader().await?.row(BY_ID, arguments![id.0]).await?.map(|row| user(&row)).transpose()
    }

    /// Whether anybody can sign in at all.
    pub async fn has_users(&self) -> Result<bool> {
        let row = self.reader().await?.row(COUNT_AT_MOST_ONE, arguments![]).await?;
        Ok(row.map(|row| row.count("found")).transpose()?.unwrap_or_default() > 0)
    }

    /// By login.
    pub async fn users(&self) -> Result<Vec<User>> {
        self.reader().await?.read(ALL, arguments![], |row| user(&row)).await
    }

    /// When each of these logins last came in; without those that never did.
    pub async fn last_sign_ins(&self, logins: &[&str]) -> Result<Vec<(String, Timestamp)>> {
        #[derive(Serialize)]
        struct Input {
            login: String,
        }
        let input: Vec<Input> = logins.iter().map(|login| Input { login: login.to_lowercase() }).collect();
        let read = |row: Row| Ok((row.text("login")?, row.optional_time("last")?));
        let found = self.reader().await?.read(LAST_SIGN_INS, arguments![payload(&input)?], read).await?;
        Ok(found.into_iter().filter_map(|(login, last)| Some((login, last?))).collect())
    }

    /// Failures since then: of the login, counted from its last success; of the address; and when the last of both was.
    pub async fn failed_logins(
        &self,
        login: &str,
        address: &str,
        since: Timestamp,
    ) -> Result<(u64, u64, Option<Timestamp>)> {
        let mut connection = self.snapshot().await?;
        let of_login = connection.row(FAILED_OF_LOGIN, arguments![login.to_lowercase(), since]).await?;
        let of_address = connection.row(FAILED_OF_ADDRESS, arguments![address, since]).await?;
        let read = |row: Option<Row>| match row {
            Some(row) => Ok((row.count("failures")?, row.optional_time("last")?)),
            None => Ok::<_, StoreError>((0, None)),
        };
        let (login_failures, login_last) = read(of_login)?;
        let (address_failures, address_last) = read(of_address)?;
        Ok((login_failures, address_failures, login_last.max(address_last)))
    }
}

fn input(user: &User) -> Result<String> {
    payload(&[UserInput { user, folded_login: user.login.to_lowercase() }])
}

fn found(changed: u64, id: UserId) -> Result<()> {
    if changed == 0 { Err(StoreError::NotFound { what: format!("user {id}") }) } else { Ok(()) }
}

pub(crate) fn user(row: &Row) -> Result<User> {
    Ok(User {
        id: UserId(row.integer("id")?),
        login: row.text("login")?,
        display_name: row.text("display_name")?,
        identity: row.optional_integer("identity_id")?.map(IdentityId),
        profiles: row.json("profiles")?,
        disabled: row.boolean("disabled")?,
    })
}
