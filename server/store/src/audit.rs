//! The audit trail: appended to, never changed.

use model::page::Page;
use model::view::AuditLine;

use crate::connection::{Row, arguments};
use crate::paging::{count_limit, page, rows_to_read};
use crate::{Result, Store, Tx};

const APPEND: &str = "
    insert into audit_line (at, actor, action, subject, detail)
    values ($1, $2, $3, $4, $5)";

const PAGE: &str = "
    select sequence, at, actor, action, subject, detail
    from audit_line
    where ($1 is null or sequence < $1)
    order by sequence desc
    limit $2";

const COUNT: &str = "
    select count(*)
    from (select 1 from audit_line limit $1) as found";

impl Tx {
    pub async fn append_audit(&mut self, line: &AuditLine) -> Result<()> {
        let arguments =
            arguments![line.at, line.actor.as_str(), line.action.as_str(), line.subject.as_str(), line.detail.as_str()];
        self.execute(APPEND, arguments).await?;
        Ok(())
    }
}

impl Store {
    /// Newest first, older than the line `after`. The page's `next` is the number to go on with.
    pub async fn audit_page(&self, after: Option<i64>, limit: u32) -> Result<Page<AuditLine>> {
        let mut connection = self.snapshot().await?;
        let total = connection.number(COUNT, arguments![count_limit()]).await?;
        let read = |row: Row| Ok((row.integer("sequence")?, audit_line(&row)?));
        let rows = connection.read(PAGE, arguments![after, rows_to_read(Some(limit))], read).await?;
        let found = page(rows, Some(limit), total, |(sequence, _)| sequence.to_string());
        Ok(Page {
            rows: found.rows.into_iter().map(|(_, line)| line).collect(),
            next: found.next,
            total: found.total,
            more: found.more,
        })
    }
}

fn audit_line(row: &Row) -> Result<AuditLine> {
    Ok(AuditLine {
        at: row.time("at")?,
        actor: row.text("actor")?,
        action: row.text("action")?,
        subject: row.text("subject")?,
        detail: row.text("detail")?,
    })
}
