//! Ids from one number space, so that a number found in a log names one thing. A process takes blocks of numbers and
//! hands them out without asking again; numbers of a block that it does not use are lost.

use std::ops::Range;

use tokio::sync::Mutex;

use crate::connection::arguments;
use crate::{Result, Store, StoreError, Tx};

/// Numbers taken at once.
const BLOCK: i64 = 1_000;

/// What is left of the block.
pub(crate) type Numbers = Mutex<Range<i64>>;

const TAKE_NUMBERS: &str = "
    update number_space
    set next = next + $1
    where id = 1
    returning next";

impl Store {
    /// Ids that nobody else gets, in a row. Call it before [`Store::write`]; inside, use [`Tx::reserve_ids`].
    pub async fn reserve_ids(&self, count: usize) -> Result<Range<i64>> {
        let count = wanted(count)?;
        let mut left = self.inner.numbers.lock().await;
        if left.end - left.start < count {
            let taken = self.write(move |tx| Box::pin(tx.take_numbers(count.max(BLOCK)))).await;
            *left = taken.map_err(|error: StoreError| error)?;
        }
        let range = left.start..left.start + count;
        left.start = range.end;
        Ok(range)
    }
}

impl Tx {
    /// Ids that nobody else gets, in a row.
    pub async fn reserve_ids(&mut self, count: usize) -> Result<Range<i64>> {
        self.take_numbers(wanted(count)?).await
    }

    async fn take_numbers(&mut self, count: i64) -> Result<Range<i64>> {
        let row = self.row(TAKE_NUMBERS, arguments![count]).await?;
        let row = row.ok_or_else(|| StoreError::Corrupt { what: "the number space is gone".into() })?;
        let next = row.integer("next")?;
        Ok(next - count..next)
    }
}

fn wanted(count: usize) -> Result<i64> {
    i64::try_from(count).map_err(|_| StoreError::Invalid { what: format!("{count} ids are too many") })
}
