//! Among whom a list looks: where it is kept to some people, or those whose names could have the words that were typed are few,
//! these are looked up one by one, instead of reading everybody until a page is full.

use std::collections::BTreeSet;

use model::permission::Reach;

use crate::Result;
use crate::connection::{Argument, Connection, Row, arguments, numbers};
use crate::words::{WORDS, bounds, fold, of_person};

/// Those of whom ids are given as $1, each once, to begin with: SQLite, which does not know how many these are, would
/// sooner read all that is open.
macro_rules! chosen {
    () => {
        "(select distinct cast(value as bigint) as chosen_id from json_each($1)) chosen
    cross join "
    };
}
pub(crate) use chosen;

/// What is asked of everybody, and of those of whom ids are given as $1: what is selected, from where, whose it is, and the
/// conditions.
macro_rules! everybody_and_chosen {
    ($select:expr, $from:expr, $whose:literal, $rest:expr) => {
        [
            concat!("select ", $select, " from ", $from, " where cast($1 as text) is null and ", $rest),
            concat!(
                "select ",
                $select,
                " from ",
                $crate::among::chosen!(),
                $from,
                " where ",
                $whose,
                " = chosen_id and ",
                $rest
            ),
        ]
    };
}
pub(crate) use everybody_and_chosen;

/// The one of the two that fits.
pub(crate) fn one_of([everybody, some]: [&'static str; 2], ids: Option<&str>) -> &'static str {
    if ids.is_some() { some } else { everybody }
}

/// Of more it is quicker to read the list in its order.
const MOST: usize = 20_000;

/// What finds candidates as `id`, of [`most`] rows, and what counts these rows: of a common word, reading them takes longer than all else.
pub(crate) struct Candidates {
    pub(crate) find: &'static str,
    pub(crate) count: &'static str,
}

macro_rules! candidates {
    ($find:expr) => {
        $crate::among::Candidates { find: $find, count: concat!("select count(*) from (", $find, ") as found") }
    };
}
pub(crate) use candidates;

const CANDIDATES: Candidates = candidates!(
    "
    select identity_id as id
    from identity_word
    where word >= $1
      and word < $2
    limit $3"
);

/// Ids as a JSON array. None where the list is to be read in its order: of everybody, or of very many. Who is among them can still
/// not fit what is typed.
pub(crate) async fn among(connection: &mut Connection, reach: &Reach, text: Option<&str>) -> Result<Option<String>> {
    if let Some(people) = reach.people() {
        return Ok(Some(numbers(people.iter().map(|id| id.0))));
    }
    let folded = fold(text);
    let Some(word) = longest(&folded) else { return Ok(None) };
    let (from, to) = bounds(word);
    few(connection, &CANDIDATES, arguments![from, to, most()]).await
}

const ACCOUNT_CANDIDATES: Candidates = candidates!(
    "
    select account_id as id
    from account_word
    where word >= $1
      and word < $2
    union all
    select a.id
    from identity_word w
    cross join account a
    where w.word >= $1
      and w.word < $2
      and a.owner_id = w.identity_id
    limit $3"
);

/// Accounts that could have the words that were typed, or their owners, where these are few; ids as a JSON array.
pub(crate) async fn accounts_among(connection: &mut Connection, text: Option<&str>) -> Result<Option<String>> {
    // What follows the `@` of a mail everybody has.
    let folded = text.map(of_person).unwrap_or_default();
    match longest(&folded) {
        Some(word) => {
            let (from, to) = bounds(word);
            few(connection, &ACCOUNT_CANDIDATES, arguments![from, to, most()]).await
        }
        None => Ok(None),
    }
}

/// The one that fewest have, as far as can be told without looking.
fn longest(folded: &str) -> Option<&str> {
    folded.split_whitespace().take(WORDS).max_by_key(|word| word.chars().count())
}

/// Rows to read: one more than are few.
pub(crate) fn most() -> i64 {
    i64::try_from(MOST).unwrap_or(i64::MAX) + 1
}

/// The candidates, each once, as a JSON array, where they are few.
pub(crate) async fn few<const N: usize>(
    connection: &mut Connection,
    candidates: &Candidates,
    wanted: [Argument; N],
) -> Result<Option<String>> {
    if connection.number(candidates.count, wanted.clone()).await? >= most() {
        return Ok(None);
    }
    let found = connection.read(candidates.find, wanted, |row: Row| row.integer("id")).await?;
    let ids: BTreeSet<i64> = found.into_iter().collect();
    Ok(Some(numbers(ids)))
}
