//! What waits for a person about accounts that were found: who may own them, of which type they may be; and what people
//! decided. Proposals are replaced by each reading; decisions stay, with who reopened them.

use jiff::Timestamp;
use model::correlation::{Decision, OwnerCandidate, Proposals, StandingDecision, TypeCandidate};
use model::ids::{AccountId, IdentityId};
use serde::Serialize;

use crate::connection::{CHUNK, Row, arguments, numbers, payload};
use crate::{Result, Store, Tx};

const FORGET_OWNERS: &str = "
    delete from owner_proposal
    where account_id in (select cast(value as bigint) from json_each($1))";

const FORGET_TYPES: &str = "
    delete from type_proposal
    where account_id in (select cast(value as bigint) from json_each($1))";

const PROPOSE_OWNERS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into owner_proposal (account_id, identity_id, confidence, matches, proposed_at)
    select
      cast(value ->> 'account' as bigint), cast(value ->> 'identity' as bigint),
      cast(value ->> 'confidence' as bigint), value -> 'matches', $2
    from input";

const PROPOSE_TYPES: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into type_proposal (account_id, account_type, confidence, condition, proposed_at)
    select
      cast(value ->> 'account' as bigint), value ->> 'account_type', cast(value ->> 'confidence' as bigint),
      value ->> 'when', $2
    from input";

const DECIDE: &str = "
    insert into account_decision (account_id, kind, identity_id, account_type, decided_by, decided_at)
    values ($1, $2, $3, $4, $5, $6)";

const REOPEN: &str = "
    update account_decision
    set reopened_by = $3,
        reopened_at = $4
    where account_id = $1
      and kind = $2
      and ($5 is null or identity_id = $5)
      and reopened_at is null";

/// Only an account that is nobody's gets an owner.
const LINK: &str = "
    update account
    set owner_id = $2,
        changed_at = $3
    where id = $1
      and owner_id is null
      and status <> 'gone'";

const UNLINK: &str = "
    update account
    set owner_id = null,
        changed_at = $3
    where id = $1
      and owner_id = $2";

const CLASSIFY: &str = "
    update account
    set account_type = $2,
        changed_at = $3
    where id = $1
      and account_type = ''
      and owner_id is null
      and status <> 'gone'";

/// Whose it is was found by the rules of that type.
const DECLASSIFY: &str = "
    update account
    set account_type = '',
        owner_id = null,
        changed_at = $3
    where id = $1
      and account_type = $2";

/// A person may have decided between what a reading saw and what it writes: their word counts.
const KEEP_OWNERS: &str = "
    update account
    set owner_id = d.identity_id
    from account_decision d
    where d.account_id = account.id
      and d.kind = 'linked'
      and d.reopened_at is null
      and account.application = $1
      and account.owner_id is null";

const KEEP_TYPES: &str = "
    update account
    set account_type = d.account_type
    from account_decision d
    where d.account_id = account.id
      and d.kind = 'classified'
      and d.reopened_at is null
      and account.application = $1
      and account.account_type = ''";

const STANDING: &str = "
    select d.account_id, d.kind, d.identity_id, d.account_type, d.decided_by, d.decided_at
    from account_decision d
    join account a on a.id = d.account_id
    where a.application = $1
      and d.reopened_at is null
    order by d.sequence";

const STANDING_OF: &str = "
    select account_id, kind, identity_id, account_type, decided_by, decided_at
    from account_decision
    where account_id in (select cast(value as bigint) from json_each($1))
      and reopened_at is null
    order by sequence";

/// Without those whom a person has ruled out.
const OWNERS: &str = "
    select p.account_id, p.identity_id, p.confidence, cast(p.matches as text) as matches
    from owner_proposal p
    where p.account_id in (select cast(value as bigint) from json_each($1))
      and not exists (
        select 1
        from account_decision d
        where d.account_id = p.account_id
          and d.identity_id = p.identity_id
          and d.kind = 'not_theirs'
          and d.reopened_at is null
      )
    order by p.account_id, p.confidence desc, p.identity_id";

const TYPES: &str = "
    select account_id, account_type, confidence, condition
    from type_proposal
    where account_id in (select cast(value as bigint) from json_each($1))
    order by account_id, confidence desc, account_type";

#[derive(Serialize)]
struct OwnerInput<'a> {
    account: i64,
    #[serde(flatten)]
    candidate: &'a OwnerCandidate,
}

#[derive(Serialize)]
struct TypeInput<'a> {
    account: i64,
    #[serde(flatten)]
    candidate: &'a TypeCandidate,
}

impl Tx {
    /// What was found out about these accounts, instead of what was found out before.
    pub async fn replace_proposals(&mut self, rows: &[Proposals], at: Timestamp) -> Result<()> {
        for chunk in rows.chunks(CHUNK) {
            let ids = numbers(chunk.iter().map(|row| row.account.0));
            self.execute(FORGET_OWNERS, arguments![ids.as_str()]).await?;
            self.execute(FORGET_TYPES, arguments![ids]).await?;
            let owners: Vec<_> = chunk
                .iter()
                .flat_map(|row| row.owners.iter().map(|candidate| OwnerInput { account: row.account.0, candidate }))
                .collect();
            self.execute(PROPOSE_OWNERS, arguments![payload(&owners)?, at]).await?;
            let types: Vec<_> = chunk
                .iter()
                .flat_map(|row| row.types.iter().map(|candidate| TypeInput { account: row.account.0, candidate }))
                .collect();
            self.execute(PROPOSE_TYPES, arguments![payload(&types)?, at]).await?;
        }
        Ok(())
    }

    /// Keeps what a person decided, and does to the account what follows. False where the account is not as the decision
    /// takes it to be: it has an owner or a type by now, or is gone.
    ///
    /// # Errors
    /// `Conflict` where a decision of the kind stands already.
    pub async fn decide_account(
        &mut self,
        account: AccountId,
        decision: &Decision,
        by: &str,
        at: Timestamp,
    ) -> Result<bool> {
        let taken = match decision {
            Decision::Linked { identity } => self.execute(LINK, arguments![account.0, identity.0, at]).await? > 0,
            Decision::Classified { account_type } => {
                self.execute(CLASSIFY, arguments![account.0, account_type.as_str(), at]).await? > 0
            }
            Decision::NotTheirs { .. } | Decision::Orphan => true,
        };
        if taken {
            self.note_decided(account).await?;
            let account_type = match decision {
                Decision::Classified { account_type } => Some(account_type.as_str()),
                _ => None,
            };
            let identity = decision.identity().map(|id| id.0);
            let values = arguments![account.0, decision.kind(), identity, account_type, by, at];
            self.execute(DECIDE, values).await?;
        }
        Ok(taken)
    }

    /// Takes a standing decision back, with what followed from it. False where it does not stand any more.
    pub async fn reopen_account(
        &mut self,
        account: AccountId,
        decision: &Decision,
        by: &str,
        at: Timestamp,
    ) -> Result<bool> {
        let identity = decision.identity().map(|id| id.0);
        let reopened = self.execute(REOPEN, arguments![account.0, decision.kind(), by, at, identity]).await?;
        if reopened == 0 {
            return Ok(false);
        }
        self.note_decided(account).await?;
        match decision {
            Decision::Linked { identity } => {
                self.execute(UNLINK, arguments![account.0, identity.0, at]).await?;
            }
            Decision::Classified { account_type } => {
                self.execute(DECLASSIFY, arguments![account.0, account_type.as_str(), at]).await?;
            }
            Decision::NotTheirs { .. } | Decision::Orphan => {}
        }
        Ok(true)
    }

    /// Gives the application's accounts the owners and types that people decided on, where a reading knew nothing of it.
    pub async fn keep_account_decisions(&mut self, application: &str) -> Result<()> {
        self.note_decided_in(application).await?;
        self.execute(KEEP_OWNERS, arguments![application]).await?;
        self.execute(KEEP_TYPES, arguments![application]).await?;
        Ok(())
    }
}

impl Store {
    /// Decisions about accounts of the application that nobody has reopened, oldest first.
    pub async fn account_decisions(&self, application: &str) -> Result<Vec<StandingDecision>> {
        self.reader().await?.read(STANDING, arguments![application], |row| decision(&row)).await
    }

    /// Decisions about these accounts that nobody has reopened, oldest first.
    pub async fn account_decisions_of(&self, accounts: &[AccountId]) -> Result<Vec<StandingDecision>> {
        let ids = numbers(accounts.iter().map(|id| id.0));
        self.reader().await?.read(STANDING_OF, arguments![ids], |row| decision(&row)).await
    }

    /// Who may own these accounts, best first, without those whom a person has ruled out.
    pub async fn owner_proposals(&self, accounts: &[AccountId]) -> Result<Vec<(AccountId, OwnerCandidate)>> {
        let read = |row: Row| {
            let candidate = OwnerCandidate {
                identity: IdentityId(row.integer("identity_id")?),
                confidence: confidence(&row)?,
                matches: row.json("matches")?,
            };
            Ok((AccountId(row.integer("account_id")?), candidate))
        };
        let ids = numbers(accounts.iter().map(|id| id.0));
        self.reader().await?.read(OWNERS, arguments![ids], read).await
    }

    /// Of which types these accounts may be, best first.
    pub async fn type_proposals(&self, accounts: &[AccountId]) -> Result<Vec<(AccountId, TypeCandidate)>> {
        let read = |row: Row| {
            let candidate = TypeCandidate {
                account_type: row.text("account_type")?,
                confidence: confidence(&row)?,
                when: row.text("condition")?,
            };
            Ok((AccountId(row.integer("account_id")?), candidate))
        };
        let ids = numbers(accounts.iter().map(|id| id.0));
        self.reader().await?.read(TYPES, arguments![ids], read).await
    }
}

fn confidence(row: &Row) -> Result<u8> {
    Ok(u8::try_from(row.small_count("confidence")?).unwrap_or(u8::MAX))
}

fn decision(row: &Row) -> Result<StandingDecision> {
    let identity = row.optional_integer("identity_id")?.map(IdentityId);
    let account_type = row.optional_text("account_type")?;
    Ok(StandingDecision {
        account: AccountId(row.integer("account_id")?),
        decision: row.named("kind", |kind| Decision::from_parts(kind, identity, account_type))?,
        by: row.text("decided_by")?,
        at: row.time("decided_at")?,
    })
}
