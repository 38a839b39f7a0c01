//! The file of a bulk change: CSV, one addition or removal a line, read as it arrives and never held whole; and the rows
//! that were refused, as a file of the same columns to be corrected and sent again.

use std::io::{BufRead, BufReader, Read};

use connectors::sheet::{Row, Rows};
use model::bulk_change::{BulkChange, BulkChangeState, BulkRow, BulkRowState, WrittenRow};
use model::error::ApiError;
use model::ids::BulkChangeId;
use tokio::sync::mpsc;

use crate::context::OpContext;
use crate::error::internal;

use super::{BULK, audit, checked_reason, find, one_line};

/// The columns; the file may have others, which are not read.
pub const COLUMNS: [&str; 7] = ["identity", "action", "kind", "name", "not_before", "until", "justification"];
/// Without these nothing can be understood.
const NEEDED: usize = 4;
/// Rows of one bulk change.
pub const MOST_ROWS: u64 = 1_000_000;
/// Characters of one cell.
const LONGEST_CELL: usize = 1_000;
/// Rows that are handed on together.
const TOGETHER: usize = 1_000;

type Piece = Result<Vec<BulkRow>, String>;

/// Takes a file in, whatever its size. What cannot be understood of it as a whole keeps nothing; rows that cannot be
/// understood are kept, and refused with why.
pub async fn read(
    op: &OpContext,
    name: &str,
    reason: &str,
    input: impl Read + Send + 'static,
) -> Result<BulkChangeId, ApiError> {
    op.require(BULK)?;
    op.require("/Identities/View")?;
    let reason = checked_reason(reason)?;
    let name: String = one_line(name).chars().take(120).collect();
    let title = if name.is_empty() { "Pasted rows".to_owned() } else { name };
    let (pieces, mut arriving) = mpsc::channel::<Piece>(2);
    let parser = tokio::task::spawn_blocking(move || {
        if let Err(why) = parse(BufReader::with_capacity(1 << 16, input), &pieces) {
            // Nobody listens any more where what was read could not be kept.
            let _ = pieces.blocking_send(Err(why));
        }
    });
    let kept = keep(op, title, reason, &mut arriving).await;
    arriving.close();
    parser.await.map_err(|_| ApiError::internal())?;
    kept
}

/// Keeps rows as they come. With the first ones the bulk change begins, with the last one it is to be checked.
pub(super) async fn keep(
    op: &OpContext,
    title: String,
    reason: String,
    arriving: &mut mpsc::Receiver<Piece>,
) -> Result<BulkChangeId, ApiError> {
    let store = op.engine.store();
    let id = BulkChangeId(store.reserve_ids(1).await.map_err(internal)?.start);
    let change = BulkChange::new(id, title, reason, op.user.login.clone(), op.now);
    let mut rows = 0_u64;
    while let Some(piece) = arriving.recv().await {
        let why = match piece {
            Ok(piece) => {
                let first = (rows == 0).then(|| change.clone());
                rows += piece.len() as u64;
                let begun = audit(op, id, format!("begun: {}", change.title));
                let work = store.write(move |tx| {
                    Box::pin(async move {
                        if let Some(change) = first {
                            tx.insert_bulk_change(&change).await?;
                            tx.append_audit(&begun).await?;
                        }
                        tx.put_bulk_rows(id, &piece).await
                    })
                });
                work.await.map_err(internal)?;
                continue;
            }
            Err(why) => why,
        };
        if rows > 0 {
            super::discard(op, id).await?;
        }
        return Err(ApiError::invalid("file", why));
    }
    if rows == 0 {
        return Err(ApiError::invalid(
            "file",
            "There is no row below the headers. Fill in at least one, then send it again.",
        ));
    }
    let next = BulkChange { state: BulkChangeState::Checking, rows, ..change.clone() };
    let work = store.write(move |tx| Box::pin(async move { tx.step_bulk_change(&change, &next).await }));
    match work.await.map_err(internal)? {
        true => Ok(id),
        false => Err(ApiError::conflict("It was discarded while it was read. Nothing was changed.")),
    }
}

fn parse(input: impl BufRead, pieces: &mpsc::Sender<Piece>) -> Result<(), String> {
    let rows = Rows::open("the file", input).map_err(|why| sentence(&why))?;
    let columns = Columns::of(rows.headers())?;
    let (mut piece, mut count) = (Vec::new(), 0);
    for row in rows {
        count += 1;
        if count > MOST_ROWS {
            return Err(format!("The file has more than {MOST_ROWS} rows. Send it in parts; nothing of it was kept."));
        }
        piece.push(match row {
            Ok(row) => BulkRow::new(row.line, columns.written(row)),
            Err((line, why)) => {
                let problem = format!(
                    "From here on the file cannot be read: {} Correct this line, and send the rows from here on anew.",
                    sentence(&why)
                );
                BulkRow::new(line, WrittenRow { problem: Some(problem), ..WrittenRow::default() })
            }
        });
        if piece.len() == TOGETHER && pieces.blocking_send(Ok(std::mem::take(&mut piece))).is_err() {
            return Ok(());
        }
    }
    if !piece.is_empty() {
        // Nobody listens any more where what was read could not be kept.
        let _ = pieces.blocking_send(Ok(piece));
    }
    Ok(())
}

/// Where each column is.
struct Columns([Option<usize>; 7]);

impl Columns {
    fn of(headers: &[String]) -> Result<Self, String> {
        let places = COLUMNS.map(|name| headers.iter().position(|header| header.eq_ignore_ascii_case(name)));
        let missing: Vec<String> = COLUMNS
            .iter()
            .zip(&places)
            .take(NEEDED)
            .filter(|(_, place)| place.is_none())
            .map(|(name, _)| format!("`{name}`"))
            .collect();
        if missing.is_empty() {
            return Ok(Self(places));
        }
        let given: String = headers.join(", ").chars().take(300).collect();
        Err(format!(
            "The first line has to hold the headers {}, and may hold not_before, until and justification. It lacks {}; it has: {given}.",
            COLUMNS.iter().take(NEEDED).copied().collect::<Vec<_>>().join(", "),
            missing.join(", ")
        ))
    }

    fn written(&self, row: Row) -> WrittenRow {
        let mut problem = row.problem.as_deref().map(sentence);
        let mut cells = self.0.map(|place| {
            let cell = place.and_then(|place| row.cells.get(place)).map_or("", |cell| cell.trim());
            if cell.chars().nth(LONGEST_CELL).is_some() && problem.is_none() {
                problem = Some(format!("A cell has more than {LONGEST_CELL} characters. Shorten it."));
            }
            cell.chars().take(LONGEST_CELL).collect::<String>().replace('\0', "\u{fffd}")
        });
        let [identity, action, kind, name, not_before, until, justification] = cells.each_mut().map(std::mem::take);
        WrittenRow { identity, action, kind, name, not_before, until, justification, problem }
    }
}

/// The rows of one state as CSV, piece by piece: those after a line, and the last line of the piece while there are more.
/// The columns are those of the file, with the line and why.
pub async fn piece(
    op: &OpContext,
    id: BulkChangeId,
    state: BulkRowState,
    after: u64,
) -> Result<(String, Option<u64>), ApiError> {
    find(op, id).await?;
    let most = u32::try_from(TOGETHER).unwrap_or(u32::MAX);
    let rows = op.engine.store().bulk_rows(id, Some(&[state]), after, most).await.map_err(internal)?;
    let last = rows.last().map(|row| row.line).filter(|_| rows.len() == TOGETHER);
    let lines = rows.into_iter().map(|row| {
        let written = row.written;
        let why = row.message.unwrap_or_default();
        let (dates, why) = ([written.not_before, written.until], [written.justification, row.line.to_string(), why]);
        [written.identity, written.action, written.kind, written.name].into_iter().chain(dates).chain(why)
    });
    let headers: Vec<&str> = COLUMNS.into_iter().chain(["line", "why"]).collect();
    let text = crate::exports::piece(&headers, lines, after == 0)?;
    Ok((text, last))
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string()).unwrap_or_default();
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{first}{}{end}", letters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Vec<BulkRow>, String> {
        let (pieces, mut arriving) = mpsc::channel(8);
        parse(text.as_bytes(), &pieces)?;
        let mut rows = Vec::new();
        while let Ok(piece) = arriving.try_recv() {
            rows.extend(piece?);
        }
        Ok(rows)
    }

    #[test]
    fn columns_may_stand_in_any_order_and_rows_that_do_not_fit_are_kept() {
        let text = "Name;kind;action;identity;cost\nsales;role;give;E1;7\nsales;role;give\n\nops;;take;'=E2;\n";
        let rows = parsed(text).unwrap();
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 3, 5]);
        let first = &rows[0].written;
        assert_eq!((first.identity.as_str(), first.action.as_str(), first.name.as_str()), ("E1", "give", "sales"));
        assert!(rows[1].written.problem.as_deref().is_some_and(|why| why.contains("cells")), "{rows:?}");
        assert_eq!(rows[2].written.identity, "=E2");
    }

    #[test]
    fn what_is_wrong_with_the_whole_file_is_said() {
        assert!(parsed("identity,name\nE1,sales\n").unwrap_err().contains("`action`, `kind`"));
        assert!(parsed("").unwrap_err().contains("empty"));
        let rows = parsed("identity,action,kind,name\nE1,give,role,a\n\"E2,give,role,b\n").unwrap();
        assert_eq!(rows[1].line, 3);
        assert!(rows[1].written.problem.as_deref().is_some_and(|why| why.contains("From here on")), "{rows:?}");
    }
}
