//! Words by which accounts are found, whatever their number: what lists search in, word by word.

use std::collections::{BTreeSet, HashMap};

use model::account::Account;
use model::value::Value;
use serde::Serialize;

use crate::connection::{CHUNK, arguments, numbers, payload};
use crate::words::{apart, fold};
use crate::{Result, Tx};

macro_rules! words_of {
    ($lock:literal) => {
        concat!(
            "
    select id, words
    from account
    where id in (select cast(value as bigint) from json_each($1))
    order by id",
            $lock
        )
    };
}
const WORDS: &str = words_of!("");
/// Nobody changes them meanwhile.
const STANDING_WORDS: &str = words_of!(" for no key update");

const DELETE: &str = "
    with input as materialized (
      select value ->> 'word' as word, cast(value ->> 'account' as bigint) as account_id
      from jsonb_each($1)
    )
    delete from account_word
    where (word, account_id) in (select word, account_id from input)";

const INSERT: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into account_word (word, account_id)
    select value ->> 'word', cast(value ->> 'account' as bigint)
    from input
    where true
    on conflict (word, account_id) do nothing";

#[derive(Serialize)]
struct WordInput<'a> {
    word: &'a str,
    account: i64,
}

/// The key and every short text: logins, names and addresses have another attribute in each application.
pub(super) fn words(account: &Account) -> String {
    const SHORT: usize = 64;
    let texts = account.attributes.values().filter_map(Value::as_text).filter(|text| text.len() <= SHORT);
    fold(std::iter::once(account.key.as_str()).chain(texts))
}

impl Tx {
    /// Keeps the words of accounts that were not there before.
    pub(super) async fn insert_account_words(&mut self, rows: &[Account]) -> Result<()> {
        let new = rows.iter().flat_map(|account| apart(&words(account)).into_iter().map(|word| (word, account.id.0)));
        self.write_account_words(INSERT, &new.collect()).await
    }

    /// Keeps the words that accounts get, and takes away those that they lose. Called before the accounts are written.
    pub(super) async fn update_account_words(&mut self, rows: &[Account]) -> Result<()> {
        let ids = numbers(rows.iter().map(|account| account.id.0));
        let sql = if self.connection.is_postgres() { STANDING_WORDS } else { WORDS };
        let before = self.rows(sql, arguments![ids]).await?;
        let before = before
            .iter()
            .map(|row| Ok((row.integer("id")?, row.text("words")?)))
            .collect::<Result<HashMap<i64, String>>>()?;
        let (mut ended, mut begun) = (BTreeSet::new(), BTreeSet::new());
        for account in rows {
            let (Some(old), new) = (before.get(&account.id.0), words(account)) else { continue };
            if *old == new {
                continue;
            }
            let (old, new) = (apart(old), apart(&new));
            ended.extend(old.difference(&new).map(|word| (word.clone(), account.id.0)));
            begun.extend(new.difference(&old).map(|word| (word.clone(), account.id.0)));
        }
        self.write_account_words(DELETE, &ended).await?;
        self.write_account_words(INSERT, &begun).await
    }

    /// In the order of the index, so that what is written together stands together.
    async fn write_account_words(&mut self, sql: &'static str, words: &BTreeSet<(String, i64)>) -> Result<()> {
        let inputs: Vec<_> = words.iter().map(|(word, account)| WordInput { word, account: *account }).collect();
        for chunk in inputs.chunks(CHUNK) {
            self.execute(sql, arguments![payload(chunk)?]).await?;
        }
        Ok(())
    }
}
