//! Sessions of those who are signed in, under the hash of their id.

use jiff::Timestamp;
use model::ids::UserId;

use crate::connection::{Row, arguments};
use crate::{Result, Store, Tx};

/// A session as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionRecord {
    /// SHA-256 of the id, in hexadecimal: who reads the store cannot take the session over.
    pub id_hash: String,
    pub user: Option<UserId>,
    /// JSON.
    pub data: String,
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
    /// Network address, and what the browser says it is, for the list of one's own sessions.
    pub address: String,
    pub agent: String,
}

const PUT: &str = "
    insert into session (id_hash, user_id, data, expires_at, created_at, address, agent)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (id_hash) do update
    set user_id = excluded.user_id,
        data = excluded.data,
        expires_at = excluded.expires_at,
        address = excluded.address,
        agent = excluded.agent";

const DELETE: &str = "
    delete from session
    where id_hash = $1";

const DELETE_OF_USER: &str = "
    delete from session
    where user_id = $1
      and ($2 is null or id_hash <> $2)";

const DELETE_EXPIRED: &str = "
    delete from session
    where expires_at <= $1";

const BY_HASH: &str = "
    select id_hash, user_id, data, expires_at, created_at, address, agent
    from session
    where id_hash = $1";

const OF_USER: &str = "
    select id_hash, user_id, data, expires_at, created_at, address, agent
    from session
    where user_id = $1
    order by created_at desc, id_hash";

impl Tx {
    /// Creates or replaces; the time of creation stays.
    pub async fn put_session(&mut self, session: &SessionRecord) -> Result<()> {
        let arguments = arguments![
            session.id_hash.as_str(),
            session.user.map(|user| user.0),
            session.data.as_str(),
            session.expires_at,
            session.created_at,
            session.address.as_str(),
            session.agent.as_str(),
        ];
        self.execute(PUT, arguments).await?;
        Ok(())
    }

    pub async fn delete_session(&mut self, id_hash: &str) -> Result<()> {
        self.execute(DELETE, arguments![id_hash]).await?;
        Ok(())
    }

    /// All of a user's sessions but one, such as the one in which the password was changed.
    pub async fn delete_sessions_of(&mut self, user: UserId, but: Option<&str>) -> Result<u64> {
        self.execute(DELETE_OF_USER, arguments![user.0, but]).await
    }

    /// How many there were.
    pub async fn delete_expired_sessions(&mut self, now: Timestamp) -> Result<u64> {
        self.execute(DELETE_EXPIRED, arguments![now]).await
    }
}

impl Store {
    /// Expired ones as well: who knows the time decides.
    pub async fn session(&self, id_hash: &str) -> Result<Option<SessionRecord>> {
        self.reader().await?.row(BY_HASH, arguments![id_hash]).await?.map(|row| session(&row)).transpose()
    }

    /// Newest first.
    pub async fn sessions_of(&self, user: UserId) -> Result<Vec<SessionRecord>> {
        self.reader().await?.read(OF_USER, arguments![user.0], |row| session(&row)).await
    }
}

fn session(row: &Row) -> Result<SessionRecord> {
    Ok(SessionRecord {
        id_hash: row.text("id_hash")?,
        user: row.optional_integer("user_id")?.map(UserId),
        data: row.text("data")?,
        expires_at: row.time("expires_at")?,
        created_at: row.time("created_at")?,
        address: row.text("address")?,
        agent: row.text("agent")?,
    })
}
