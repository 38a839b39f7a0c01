//! Questions on work items.

use model::ids::{UserId, WorkItemId, WorkItemQuestionId};
use model::view::{WorkItemQuestionRow, WorkItemQuestionView};
use model::work_item::WorkItemQuestion;

use crate::connection::{Row, arguments};
use crate::{Result, Store, Tx};

const INSERT: &str = "
    insert into work_item_question (id, work_item_id, asked_by, asked_of, question, asked_at)
    values ($1, $2, $3, $4, $5, $6)";

const CLOSE: &str = "
    update work_item_question
    set answer = $2,
        closed_at = $3,
        closed_by = $4
    where id = $1
      and closed_at is null";

const OF_ITEM: &str = "
    select
      q.id, q.work_item_id, q.asked_by, q.asked_of, q.question, q.asked_at, q.answer, q.closed_at, q.closed_by,
      coalesce(b.display_name, 'Command line') as asked_by_name, o.display_name as asked_of_name
    from work_item_question q
    join console_user o on o.id = q.asked_of
    left join console_user b on b.id = q.asked_by
    where q.work_item_id = $1
    order by q.asked_at desc, q.id desc";

const TO_USER: &str = "
    select
      q.id, q.work_item_id, q.question, q.asked_at, coalesce(b.display_name, 'Command line') as asked_by_name,
      i.display_name as identity_name,
      coalesce(
        (
          select c.body ->> 'display_name'
          from configuration_object c
          where c.kind = 'applications' and c.name = w.application and c.to_version is null
        ),
        w.application
      ) as application_name
    from work_item_question q
    join work_item w on w.id = q.work_item_id
    join provisioning_order p on p.id = w.order_id
    join identity i on i.id = p.identity_id
    left join console_user b on b.id = q.asked_by
    where q.asked_of = $1
      and q.closed_at is null
    order by q.asked_at, q.id
    limit $2";

const COUNT: &str = "
    select count(*)
    from work_item_question
    where asked_of = $1
      and closed_at is null";

impl Tx {
    /// # Errors
    /// `Conflict` with `work_item_question_one_open` where another one is open.
    pub async fn insert_question(&mut self, question: &WorkItemQuestion) -> Result<()> {
        let arguments = arguments![
            question.id.0,
            question.work_item.0,
            question.asked_by.map(|id| id.0),
            question.asked_of.0,
            question.question.as_str(),
            question.asked_at
        ];
        self.execute(INSERT, arguments).await?;
        Ok(())
    }

    /// Writes how a question was closed; false where it is closed already.
    pub async fn close_question(&mut self, question: &WorkItemQuestion) -> Result<bool> {
        let at = question.closed_at.map(jiff::Timestamp::as_microsecond);
        let by = question.closed_by.map(|id| id.0);
        Ok(self.execute(CLOSE, arguments![question.id.0, question.answer.as_deref(), at, by]).await? > 0)
    }
}

impl Store {
    /// Newest first.
    pub async fn questions_of_work_item(&self, item: WorkItemId) -> Result<Vec<WorkItemQuestionView>> {
        self.reader().await?.read(OF_ITEM, arguments![item.0], |row| view(&row)).await
    }

    /// How many questions to somebody are open.
    pub async fn open_questions_to(&self, user: UserId) -> Result<u64> {
        let count = self.reader().await?.number(COUNT, arguments![user.0]).await?;
        Ok(u64::try_from(count).unwrap_or_default())
    }

    /// Open questions to somebody, oldest first.
    pub async fn questions_to(&self, user: UserId, limit: u32) -> Result<Vec<WorkItemQuestionRow>> {
        self.reader().await?.read(TO_USER, arguments![user.0, limit], |row| to_user(&row)).await
    }
}

fn view(row: &Row) -> Result<WorkItemQuestionView> {
    Ok(WorkItemQuestionView {
        question: WorkItemQuestion {
            id: WorkItemQuestionId(row.integer("id")?),
            work_item: WorkItemId(row.integer("work_item_id")?),
            asked_by: row.optional_integer("asked_by")?.map(UserId),
            asked_of: UserId(row.integer("asked_of")?),
            question: row.text("question")?,
            asked_at: row.time("asked_at")?,
            answer: row.optional_text("answer")?,
            closed_at: row.optional_time("closed_at")?,
            closed_by: row.optional_integer("closed_by")?.map(UserId),
        },
        asked_by: row.text("asked_by_name")?,
        asked_of: row.text("asked_of_name")?,
    })
}

fn to_user(row: &Row) -> Result<WorkItemQuestionRow> {
    Ok(WorkItemQuestionRow {
        id: WorkItemQuestionId(row.integer("id")?),
        work_item: WorkItemId(row.integer("work_item_id")?),
        application_name: row.text("application_name")?,
        identity_name: row.text("identity_name")?,
        asked_by: row.text("asked_by_name")?,
        question: row.text("question")?,
        asked_at: row.time("asked_at")?,
    })
}
