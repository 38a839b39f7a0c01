//! Questions that people are asked, the forms they stand on, and what was answered.

use jiff::Timestamp;
use model::form::{Answer, Asked, FormCounts, FormFilter, FormOwner, FormScope, OpenQuestion, Place, QuestionOutcome};
use model::ids::{AnswerId, FormId, IdentityId, QuestionId};
use model::page::Page;
use model::value::Value;
use serde::Serialize;

use crate::among::{everybody_and_chosen, one_of};
use crate::connection::{Row, arguments, numbers, payload};
use crate::paging::{count_limit, cursor, page, read_time_cursor, rows_to_read};
use crate::{Result, Store, Tx};

const END_QUESTIONS: &str = "
    with input as materialized (select value from jsonb_each($1))
    update question
    set closed_at = $2,
        outcome = input.value ->> 'outcome'
    from input
    where question.id = cast(input.value ->> 'id' as bigint)
      and question.closed_at is null";

/// Who closes a form looks at all its questions: nobody adds one meanwhile.
const LOCK_FORMS: &str = "
    select id
    from form
    where id in (
        select q.form_id
        from question q
        where q.id in (select cast(value ->> 'id' as bigint) from jsonb_each($1))
      )
    order by id
    for update";

/// A form that is open already takes the question, and stays open until it is written.
const OPEN_FORMS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into form (id, identity_id, owner_kind, owner, opened_at)
    select
      min(cast(value ->> 'form' as bigint)), cast(value ->> 'identity' as bigint), value ->> 'owner_kind', value ->> 'owner',
      $2
    from input
    where true
    group by 2, 3, 4
    order by 1
    on conflict (identity_id, owner_kind, owner) where closed_at is null do update set opened_at = form.opened_at";

const ASK: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into question (id, form_id, identity_id, key, label, places, choices, asked_at)
    select
      cast(value ->> 'id' as bigint), f.id, f.identity_id, value ->> 'key', value ->> 'label', value -> 'places',
      value -> 'choices',
      cast(value ->> 'asked_at' as bigint)
    from input
    join form f
      on f.identity_id = cast(value ->> 'identity' as bigint)
      and f.owner_kind = value ->> 'owner_kind'
      and f.owner = value ->> 'owner'
      and f.closed_at is null";

const MOVE_PLACES: &str = "
    with input as materialized (select value from jsonb_each($1))
    update question
    set places = input.value -> 'places'
    from input
    where question.id = cast(input.value ->> 'id' as bigint)";

const CLOSE_FORMS: &str = "
    update form
    set closed_at = $2
    where closed_at is null
      and id in (
        select ended.form_id
        from question ended
        where ended.id in (select cast(value ->> 'id' as bigint) from jsonb_each($1))
      )
      and not exists (select 1 from question q where q.form_id = form.id and q.closed_at is null)";

/// A default ($3) takes the place of what was planned with, and not of what somebody has just answered.
const END_ANSWERS: &str = "
    with input as materialized (select value from jsonb_each($1))
    update answer
    set until = $2
    from input
    where answer.until is null
      and answer.identity_id = cast(input.value ->> 'identity' as bigint)
      and answer.key = input.value ->> 'key'
      and (answer.planned or not $3)";

const END_ANSWER: &str = "
    update answer
    set until = $2
    where id = $1
      and until is null";

const INSERT_ANSWERS: &str = "
    with input as materialized (select value from jsonb_each($1))
    insert into answer (id, identity_id, key, value, given_by, since, planned)
    select
      cast(value ->> 'id' as bigint), cast(value ->> 'identity' as bigint), value ->> 'key', value -> 'value',
      value ->> 'by', cast(value ->> 'at' as bigint), $2
    from input
    where not $2
      or not exists (
        select 1
        from answer standing
        where standing.identity_id = cast(input.value ->> 'identity' as bigint)
          and standing.key = input.value ->> 'key'
          and standing.until is null
      )";

const PLANNED: &str = "
    update answer
    set planned = true
    where not planned
      and id in (select cast(value as bigint) from json_each($1))";

const TO_PLAN: &str = "
    select distinct identity_id
    from answer
    where not planned
      and until is null
    order by identity_id";

macro_rules! answer_columns {
    () => {
        "id, identity_id, key, cast(value as text) as value, given_by, since"
    };
}

const IN_FORCE: [&str; 2] =
    everybody_and_chosen!(answer_columns!(), "answer", "identity_id", "until is null order by id");

macro_rules! question_columns {
    () => {
        "q.id, q.form_id, q.identity_id, q.key, q.label, cast(q.places as text) as places,
         cast(q.choices as text) as choices, q.asked_at, q.closed_at,
         q.outcome, f.owner_kind, f.owner"
    };
}

const OPEN_QUESTIONS: [&str; 2] = everybody_and_chosen!(
    question_columns!(),
    "question q join form f on f.id = q.form_id",
    "q.identity_id",
    "q.closed_at is null order by q.id"
);

const OF_FORMS: &str = concat!(
    "select ",
    question_columns!(),
    "
    from question q
    join form f on f.id = q.form_id
    where q.form_id in (select cast(value as bigint) from json_each($1))
    order by q.key, q.id"
);

macro_rules! form_columns {
    () => {
        "f.id, f.identity_id, i.display_name, f.owner_kind, f.owner, f.opened_at, f.closed_at"
    };
}

const FORM: &str =
    concat!("select ", form_columns!(), " from form f join identity i on i.id = f.identity_id where f.id = $1");

/// $1 scope, $2 login, $3 profiles, $4 whether the caller is one of the operators.
macro_rules! concerns {
    () => {
        "(
          $1 = 'all'
          or ($1 = 'me' and f.owner_kind = 'login' and lower(f.owner) = $2)
          or ($1 = 'team' and f.owner_kind = 'profile' and f.owner in (select value ->> 'name' from jsonb_each($3)))
          or ($1 = 'team' and f.owner_kind = 'operators' and $4)
        )"
    };
}

const PAGE: &str = concat!(
    "select ",
    form_columns!(),
    "
    from form f
    join identity i on i.id = f.identity_id
    where ",
    concerns!(),
    "
      and (f.closed_at is not null) = $5
      and ($6 is null or (f.opened_at, f.id) > ($7, $6))
    order by f.opened_at, f.id
    limit $8"
);

const COUNT: &str = concat!(
    "select count(*) from (select 1 from form f where ",
    concerns!(),
    " and (f.closed_at is not null) = $5 limit $6) as found"
);

/// A question to be asked. It goes onto the owner's open form about the identity, or onto a new one with this id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewQuestion {
    pub id: QuestionId,
    pub form: FormId,
    pub identity: IdentityId,
    pub asked: Asked,
    pub places: Vec<Place>,
    pub asked_at: Timestamp,
}

/// What a computation changes in forms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FormChanges {
    pub ended: Vec<(QuestionId, QuestionOutcome)>,
    pub asked: Vec<NewQuestion>,
    pub moved_places: Vec<(QuestionId, Vec<Place>)>,
    /// Defaults that were taken.
    pub answers: Vec<Answer>,
    /// Answers that plans were made with.
    pub planned: Vec<AnswerId>,
}

/// A question, open or over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuestionRecord {
    pub question: OpenQuestion,
    pub outcome: Option<QuestionOutcome>,
}

/// A form without what only the configuration knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FormRecord {
    pub id: FormId,
    pub identity: IdentityId,
    pub identity_name: String,
    pub owner: FormOwner,
    pub opened_at: Timestamp,
    pub closed_at: Option<Timestamp>,
}

/// Who looks at forms.
#[derive(Clone, Copy, Debug)]
pub struct FormReader<'a> {
    pub login: &'a str,
    pub profiles: &'a [String],
    /// May answer every form.
    pub is_operator: bool,
}

#[derive(Serialize)]
struct EndInput {
    id: i64,
    outcome: &'static str,
}

#[derive(Serialize)]
struct QuestionInput<'a> {
    id: i64,
    form: i64,
    identity: i64,
    owner_kind: &'static str,
    owner: &'a str,
    key: &'a str,
    label: &'a str,
    places: &'a [Place],
    choices: &'a [String],
    asked_at: i64,
}

#[derive(Serialize)]
struct PlacesInput<'a> {
    id: i64,
    places: &'a [Place],
}

#[derive(Serialize)]
struct AnswerInput<'a> {
    id: i64,
    identity: i64,
    key: &'a str,
    value: &'a Value,
    by: Option<&'a str>,
    at: i64,
}

#[derive(Serialize)]
struct NameInput<'a> {
    name: &'a str,
}

impl Tx {
    pub async fn change_forms(&mut self, changes: &FormChanges, at: Timestamp) -> Result<()> {
        let ended: Vec<_> =
            changes.ended.iter().map(|(id, outcome)| EndInput { id: id.0, outcome: outcome.name() }).collect();
        let ended = payload(&ended)?;
        if !changes.ended.is_empty() {
            self.end_questions(&ended, at).await?;
        }
        self.insert_answers(&changes.answers, true, at).await?;
        if !changes.asked.is_empty() {
            let asked = payload(&changes.asked.iter().map(question_input).collect::<Vec<_>>())?;
            self.execute(OPEN_FORMS, arguments![asked.as_str(), at]).await?;
            self.execute(ASK, arguments![asked]).await?;
        }
        let places: Vec<_> = changes.moved_places.iter().map(|(id, places)| PlacesInput { id: id.0, places }).collect();
        if !places.is_empty() {
            self.execute(MOVE_PLACES, arguments![payload(&places)?]).await?;
        }
        if !changes.ended.is_empty() {
            self.execute(CLOSE_FORMS, arguments![ended, at]).await?;
        }
        if !changes.planned.is_empty() {
            let planned = numbers(changes.planned.iter().map(|id| id.0));
            self.execute(PLANNED, arguments![planned]).await?;
        }
        Ok(())
    }

    /// Answers questions. False, and nothing may be kept, where one of them is over by now.
    pub async fn answer_questions(&mut self, answers: &[(QuestionId, Answer)], at: Timestamp) -> Result<bool> {
        let ended: Vec<_> =
            answers.iter().map(|(id, _)| EndInput { id: id.0, outcome: QuestionOutcome::Answered.name() }).collect();
        let ended = payload(&ended)?;
        let closed = self.end_questions(&ended, at).await?;
        if closed != answers.len() as u64 {
            return Ok(false);
        }
        let answers: Vec<Answer> = answers.iter().map(|(_, answer)| answer.clone()).collect();
        self.insert_answers(&answers, false, at).await?;
        self.execute(CLOSE_FORMS, arguments![ended, at]).await?;
        Ok(true)
    }

    /// Puts an answer in the place of another. False where that one does not stand any more.
    pub async fn change_answer(&mut self, before: AnswerId, answer: &Answer, at: Timestamp) -> Result<bool> {
        if self.execute(END_ANSWER, arguments![before.0, at]).await? == 0 {
            return Ok(false);
        }
        self.insert_answers(std::slice::from_ref(answer), false, at).await?;
        Ok(true)
    }

    /// How many were open until now.
    async fn end_questions(&mut self, ended: &str, at: Timestamp) -> Result<u64> {
        if self.connection.is_postgres() {
            self.rows(LOCK_FORMS, arguments![ended]).await?;
        }
        self.execute(END_QUESTIONS, arguments![ended, at]).await
    }

    async fn insert_answers(&mut self, answers: &[Answer], planned: bool, at: Timestamp) -> Result<()> {
        if answers.is_empty() {
            return Ok(());
        }
        let rows: Vec<_> = answers
            .iter()
            .map(|answer| AnswerInput {
                id: answer.id.0,
                identity: answer.identity.0,
                key: &answer.key,
                value: &answer.value,
                by: answer.by.as_deref(),
                at: answer.at.as_microsecond(),
            })
            .collect();
        let rows = payload(&rows)?;
        self.execute(END_ANSWERS, arguments![rows.as_str(), at, planned]).await?;
        self.execute(INSERT_ANSWERS, arguments![rows, planned]).await?;
        Ok(())
    }
}

impl Store {
    /// Answers that stand, of everybody or of these.
    pub async fn answers(&self, identities: Option<&[IdentityId]>) -> Result<Vec<Answer>> {
        let identities = identities.map(|ids| numbers(ids.iter().map(|id| id.0)));
        self.reader()
            .await?
            .read(one_of(IN_FORCE, identities.as_deref()), arguments![identities], |row| answer(&row))
            .await
    }

    /// Whose answers are in no plan yet.
    pub async fn identities_with_new_answers(&self) -> Result<Vec<IdentityId>> {
        self.reader().await?.read(TO_PLAN, arguments![], |row| Ok(IdentityId(row.integer("identity_id")?))).await
    }

    /// Questions that wait, of everybody or of these.
    pub async fn open_questions(&self, identities: Option<&[IdentityId]>) -> Result<Vec<OpenQuestion>> {
        let identities = identities.map(|ids| numbers(ids.iter().map(|id| id.0)));
        self.reader()
            .await?
            .read(one_of(OPEN_QUESTIONS, identities.as_deref()), arguments![identities], |row| {
                Ok(question(&row)?.question)
            })
            .await
    }

    pub async fn form(&self, id: FormId) -> Result<Option<FormRecord>> {
        self.reader().await?.row(FORM, arguments![id.0]).await?.map(|row| form(&row)).transpose()
    }

    /// All questions of these forms, by key.
    pub async fn questions_of(&self, forms: &[FormId]) -> Result<Vec<QuestionRecord>> {
        let forms = numbers(forms.iter().map(|id| id.0));
        self.reader().await?.read(OF_FORMS, arguments![forms], |row| question(&row)).await
    }

    /// The oldest first.
    pub async fn form_page(&self, filter: &FormFilter, reader: FormReader<'_>) -> Result<Page<FormRecord>> {
        let (id, at) = read_time_cursor(filter.after.as_deref())?;
        let (login, profiles) = (reader.login.to_lowercase(), names(reader.profiles)?);
        let scope = filter.scope.name();
        let mut connection = self.snapshot().await?;
        let counted =
            arguments![scope, login.as_str(), profiles.as_str(), reader.is_operator, filter.closed, count_limit()];
        let total = connection.number(COUNT, counted).await?;
        let wanted =
            arguments![scope, login, profiles, reader.is_operator, filter.closed, id, at, rows_to_read(filter.limit)];
        let rows = connection.read(PAGE, wanted, |row| form(&row)).await?;
        Ok(page(rows, filter.limit, total, |row| cursor(row.id.0, row.opened_at.as_microsecond())))
    }

    /// How many forms wait.
    pub async fn form_counts(&self, reader: FormReader<'_>) -> Result<FormCounts> {
        let (login, profiles) = (reader.login.to_lowercase(), names(reader.profiles)?);
        let mut connection = self.snapshot().await?;
        let mut counts = FormCounts::default();
        for scope in FormScope::ALL {
            let counted =
                arguments![scope.name(), login.as_str(), profiles.as_str(), reader.is_operator, false, count_limit()];
            let count = u64::try_from(connection.number(COUNT, counted).await?).unwrap_or_default();
            match scope {
                FormScope::Me => counts.me = count,
                FormScope::Team => counts.team = count,
                FormScope::All => counts.all = count,
            }
        }
        Ok(counts)
    }
}

fn names(names: &[String]) -> Result<String> {
    payload(&names.iter().map(|name| NameInput { name }).collect::<Vec<_>>())
}

fn question_input(question: &NewQuestion) -> QuestionInput<'_> {
    let (owner_kind, owner) = question.asked.owner.parts();
    QuestionInput {
        id: question.id.0,
        form: question.form.0,
        identity: question.identity.0,
        owner_kind,
        owner,
        key: &question.asked.key,
        label: &question.asked.label,
        places: &question.places,
        choices: &question.asked.choices,
        asked_at: question.asked_at.as_microsecond(),
    }
}

fn answer(row: &Row) -> Result<Answer> {
    Ok(Answer {
        id: AnswerId(row.integer("id")?),
        identity: IdentityId(row.integer("identity_id")?),
        key: row.text("key")?,
        value: row.json("value")?,
        by: row.optional_text("given_by")?,
        at: row.time("since")?,
    })
}

fn question(row: &Row) -> Result<QuestionRecord> {
    let outcome = row.optional_text("outcome")?;
    Ok(QuestionRecord {
        question: OpenQuestion {
            id: QuestionId(row.integer("id")?),
            form: FormId(row.integer("form_id")?),
            identity: IdentityId(row.integer("identity_id")?),
            asked: Asked {
                key: row.text("key")?,
                label: row.text("label")?,
                owner: owner(row)?,
                choices: row.json("choices")?,
            },
            places: row.json("places")?,
            asked_at: row.time("asked_at")?,
        },
        outcome: outcome.map(|_| row.named("outcome", QuestionOutcome::from_name)).transpose()?,
    })
}

fn form(row: &Row) -> Result<FormRecord> {
    Ok(FormRecord {
        id: FormId(row.integer("id")?),
        identity: IdentityId(row.integer("identity_id")?),
        identity_name: row.text("display_name")?,
        owner: owner(row)?,
        opened_at: row.time("opened_at")?,
        closed_at: row.optional_time("closed_at")?,
    })
}

fn owner(row: &Row) -> Result<FormOwner> {
    let name = row.text("owner")?;
    row.named("owner_kind", |kind| FormOwner::from_parts(kind, &name))
}
