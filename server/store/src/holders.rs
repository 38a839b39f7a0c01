//! Who holds a thing now: how many, and the first of them. What is offered, or found without a rule, is not counted.

use model::access::Grantable;
use model::draft::Sample;
use model::ids::IdentityId;

use crate::connection::{Row, arguments, texts};
use crate::{Result, Store};

/// 18 is given by a rule, 118 follows from something held.
macro_rules! held {
    () => {
        "a.until is null and a.workflow_state in (18, 118) and a.kind = $1"
    };
}

const COUNTS: &str = concat!(
    "select a.name, count(*) as people
    from assignment a
    where ",
    held!(),
    "
    group by a.name
    order by a.name"
);

const COUNTS_OF: &str = concat!(
    // Crossed, so that SQLite looks each name up instead of comparing all that is held with each.
    "with input as materialized (select value ->> 'text' as name from json_each($2))
    select a.name, count(*) as people
    from input
    cross join assignment a
    where a.name = input.name
      and ",
    held!(),
    "
    group by a.name
    order by a.name"
);

const COUNT: &str = concat!("select count(*) from assignment a where ", held!(), " and a.name = $2");

/// Of a great many, only some are looked at for that: they are in the order of nothing that an index has.
const FIRST: &str = concat!(
    "select i.id, i.display_name
    from (
      select a.identity_id
      from assignment a
      where ",
    held!(),
    "
        and a.name = $2
      limit $4
    ) as some_of
    join identity i on i.id = some_of.identity_id
    order by i.display_name, i.id
    limit $3"
);

/// People of whom the first by name are shown, where more hold a thing.
const LOOKED_AT: i64 = 2_000;

impl Store {
    /// How many people hold each thing of a kind, by its name; those that nobody holds are left out. With names, only of these.
    pub async fn holder_counts(&self, kind: &str, names: Option<&[&str]>) -> Result<Vec<(String, u64)>> {
        let read = |row: Row| Ok((row.text("name")?, row.count("people")?));
        let mut connection = self.reader().await?;
        match names {
            Some(names) => {
                let names = texts(names.iter().copied())?;
                connection.read(COUNTS_OF, arguments![kind, names], read).await
            }
            None => connection.read(COUNTS, arguments![kind], read).await,
        }
    }

    /// How many people hold the thing, and the first `most` of them by name; where more than 2,000 hold it, of some of them.
    pub async fn holders(&self, grantable: &Grantable, most: u32) -> Result<Sample> {
        let mut connection = self.snapshot().await?;
        let (kind, name) = (grantable.kind(), grantable.name());
        let total = connection.number(COUNT, arguments![kind, name]).await?;
        let read = |row: Row| Ok((IdentityId(row.integer("id")?), row.text("display_name")?));
        let people = connection.read(FIRST, arguments![kind, name, i64::from(most), LOOKED_AT], read).await?;
        Ok(Sample { total: u64::try_from(total).unwrap_or_default(), people })
    }
}
