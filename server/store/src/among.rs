//! Among whom a list looks: where it is kept to some people, or those whose names could have the words that were typed are few,
//! these are looked up one by one, instead of reading everybody until a page is full.

use model::ids::IdentityId;
use model::permission::Reach;

use crate::Result;
use crate::connection::{Connection, Row, arguments, numbers};
use crate::words::{WORDS, bounds, fold};

/// Of more it is quicker to read the list in its order.
const MOST: usize = 20_000;

const CANDIDATES: &str = "
    select distinct w.identity_id
    from (select identity_id from identity_word where word >= $1 and word < $2 limit $3) w";

/// Ids as a JSON array. None where the list is to be read in its order: of everybody, or of very many. Who is among them can still
/// not fit what is typed.
pub(crate) async fn among(connection: &mut Connection, reach: &Reach, text: Option<&str>) -> Result<Option<String>> {
    if let Some(people) = reach.people() {
        return Ok(Some(numbers(people.iter().map(|id| id.0))));
    }
    let folded = fold(text);
    // The longest word is the one that fewest have, as far as can be told without looking.
    let words = folded.split_whitespace().take(WORDS);
    let Some(word) = words.max_by_key(|word| word.chars().count()) else { return Ok(None) };
    let (from, to) = bounds(word);
    let limit = i64::try_from(MOST).unwrap_or(i64::MAX) + 1;
    let read = |row: Row| Ok(IdentityId(row.integer("identity_id")?));
    let found = connection.read(CANDIDATES, arguments![from, to, limit], read).await?;
    Ok((found.len() <= MOST).then(|| numbers(found.into_iter().map(|id| id.0))))
}
