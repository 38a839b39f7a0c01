//! Finding by words and numbers, whatever there is of either. People are found by the beginnings of words
//! (`identity_word`), accounts by the beginning of their key, and what has a number by that.

use model::ids::{BulkChangeId, CampaignId, DraftId, IdentityId, OrderId, RequestId, RunId, ViolationId, WorkItemId};
use model::permission::Reach;
use model::search::Target;

use crate::among::among;
use crate::connection::{Row, arguments};
use crate::words::{bounds, fold};
use crate::{Result, Store, StoreError};

/// Somebody who was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundPerson {
    pub id: IdentityId,
    pub display_name: String,
    pub key: String,
    /// Regardless of contexts; may be empty.
    pub department: String,
    /// Name and key as they are searched in.
    pub words: String,
}

/// An account that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundAccount {
    pub application: String,
    pub account_type: String,
    pub key: String,
    /// What its owner is called.
    pub owner: Option<String>,
}

/// Something that has the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered {
    pub target: Target,
    /// What it is about: a job, an application, a title.
    pub about: String,
    /// Whom it is about; empty for what is about nobody.
    pub whose: String,
}

/// Words of a question that count; more are ignored.
const WORDS: usize = 4;
/// Of words that so many have, no more people are looked through for the other words.
const LOOKED_THROUGH: i64 = 20_000;

/// $1 and $2 bound the word that fewest have, $3–$8 the others. The inner part comes in the order of its index and ends as
/// soon as enough are found; whoever has words that many have is found as quickly as others.
macro_rules! people {
    ($from:literal) => {
        concat!(
            "
    select i.id, i.display_name, i.key, i.department, i.words
    from (
      select f.word, f.identity_id
      from (
        select w.word, w.identity_id
        from ",
            $from,
            " w.word >= $1 and w.word < $2
        order by w.word, w.identity_id
        limit $9
      ) f
      where ($3 is null or exists (
          select 1 from identity_word w where w.identity_id = f.identity_id and w.word >= $3 and w.word < $4
        ))
        and ($5 is null or exists (
          select 1 from identity_word w where w.identity_id = f.identity_id and w.word >= $5 and w.word < $6
        ))
        and ($7 is null or exists (
          select 1 from identity_word w where w.identity_id = f.identity_id and w.word >= $7 and w.word < $8
        ))
      limit $10
    ) found
    join identity i on i.id = found.identity_id
    order by found.word, found.identity_id"
        )
    };
}

const PEOPLE: &str = people!("identity_word w where");
const PEOPLE_AMONG: &str =
    people!("json_each($11) r cross join identity_word w where w.identity_id = cast(r.value as bigint) and");

const ACCOUNTS: &str = "
    select a.application, a.account_type, a.key, i.display_name as owner
    from account a
    left join identity i on i.id = a.owner_id
    where a.status <> 'gone'
      and substr(a.words, 1, 40) >= $1
      and substr(a.words, 1, 40) < $2
    order by substr(a.words, 1, 40), a.id
    limit $3";

const NUMBERED: &str = "
    select 'identity' as kind, i.key as about, i.display_name as whose from identity i where i.id = $1
    union all
    select 'order', o.application, i.display_name
    from provisioning_order o join identity i on i.id = o.identity_id where o.id = $1
    union all
    select 'work_item', w.application, i.display_name
    from work_item w
    join provisioning_order o on o.id = w.order_id
    join identity i on i.id = o.identity_id
    where w.id = $1
    union all
    select 'request', r.requester, i.display_name
    from request r join identity i on i.id = r.identity_id where r.id = $1
    union all
    select 'bulk_change', b.title, '' from bulk_change b where b.id = $1
    union all
    select 'run', r.job, '' from run r where r.id = $1
    union all
    select 'violation', v.risk, i.display_name
    from violation v join identity i on i.id = v.identity_id where v.id = $1
    union all
    select 'draft', d.title, '' from configuration_draft d where d.id = $1
    union all
    select 'certification', c.name, '' from certification_campaign c where c.id = $1";

impl Store {
    /// People within reach each of whose names, key or mail has a word that begins with each of these; those whose word is the shortest
    /// come first, each once.
    pub async fn people_by_words(&self, words: &[&str], reach: &Reach, limit: u32) -> Result<Vec<FoundPerson>> {
        let mut words: Vec<&str> = words.to_vec();
        // The longest word is the one that fewest have, as far as can be told without looking.
        words.sort_by_key(|word| std::cmp::Reverse(word.chars().count()));
        words.truncate(WORDS);
        let Some((first, others)) = words.split_first() else { return Ok(Vec::new()) };
        let (from, to) = bounds(first);
        let other = |index: usize| others.get(index).map(|word| bounds(word)).unzip();
        let [(from2, to2), (from3, to3), (from4, to4)] = [other(0), other(1), other(2)];
        // Somebody may have the word several times, such as in name and mail.
        let rows = i64::from(limit) * 4;
        let looked_through = if others.is_empty() { rows } else { LOOKED_THROUGH };
        let mut connection = self.reader().await?;
        let people = match among(&mut connection, reach, None).await? {
            Some(among) => {
                let arguments = arguments![from, to, from2, to2, from3, to3, from4, to4, looked_through, rows, among];
                connection.read(PEOPLE_AMONG, arguments, |row| person(&row)).await?
            }
            None => {
                let arguments = arguments![from, to, from2, to2, from3, to3, from4, to4, looked_through, rows];
                connection.read(PEOPLE, arguments, |row| person(&row)).await?
            }
        };
        let mut found: Vec<FoundPerson> = Vec::new();
        for person in people {
            if found.iter().all(|other| other.id != person.id) {
                found.push(person);
            }
        }
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(found)
    }

    /// Accounts, those that are gone left out, whose key begins with the text.
    pub async fn accounts_that_begin(&self, text: &str, limit: u32) -> Result<Vec<FoundAccount>> {
        let folded = fold([text]);
        if folded.is_empty() {
            return Ok(Vec::new());
        }
        let (from, to) = bounds(&folded);
        self.reader().await?.read(ACCOUNTS, arguments![from, to, limit], |row| account(&row)).await
    }

    /// Whatever has the number.
    pub async fn by_number(&self, number: i64) -> Result<Vec<Numbered>> {
        self.reader().await?.read(NUMBERED, arguments![number], |row| numbered(&row, number)).await
    }
}

fn person(row: &Row) -> Result<FoundPerson> {
    Ok(FoundPerson {
        id: IdentityId(row.integer("id")?),
        display_name: row.text("display_name")?,
        key: row.text("key")?,
        department: row.text("department")?,
        words: row.text("words")?,
    })
}

fn account(row: &Row) -> Result<FoundAccount> {
    Ok(FoundAccount {
        application: row.text("application")?,
        account_type: row.text("account_type")?,
        key: row.text("key")?,
        owner: row.optional_text("owner")?,
    })
}

fn numbered(row: &Row, number: i64) -> Result<Numbered> {
    let kind = row.text("kind")?;
    let target = match kind.as_str() {
        "identity" => Target::Identity(IdentityId(number)),
        "order" => Target::Order(OrderId(number)),
        "work_item" => Target::WorkItem(WorkItemId(number)),
        "request" => Target::Request(RequestId(number)),
        "bulk_change" => Target::BulkChange(BulkChangeId(number)),
        "run" => Target::Run(RunId(number)),
        "violation" => Target::Violation(ViolationId(number)),
        "draft" => Target::Draft(DraftId(number)),
        "certification" => Target::Certification(CampaignId(number)),
        _ => return Err(StoreError::Corrupt { what: format!("`{kind}` is nothing that has a number") }),
    };
    Ok(Numbered { target, about: row.text("about")?, whose: row.text("whose")? })
}
