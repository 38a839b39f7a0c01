//! Views of lists that people keep, and with which of them the menu opens a list.

use model::ids::{SavedViewId, UserId};
use model::search::{SavedView, SavedViewRow};

use crate::connection::{Row, arguments};
use crate::{Result, Store, Tx};

const INSERT: &str = "
    insert into saved_view (id, owner_id, page, name, query, shared, created_at, changed_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8)";

const UPDATE: &str = "
    update saved_view
    set name = $2,
        query = $3,
        shared = $4,
        changed_at = $5
    where id = $1";

/// Whoever opened a list with it opens the whole list again; where it is no longer shared, that is everybody but its owner.
const FORGET_DEFAULTS: &str = "
    delete from saved_view_default
    where view_id = $1
      and ($2 is null or user_id <> $2)";

const DELETE: &str = "
    delete from saved_view
    where id = $1";

const SET_DEFAULT: &str = "
    insert into saved_view_default (user_id, page, view_id)
    values ($1, $2, $3)
    on conflict (user_id, page) do update
    set view_id = excluded.view_id";

const UNSET_DEFAULT: &str = "
    delete from saved_view_default
    where user_id = $1
      and view_id = $2";

macro_rules! rows {
    () => {
        "select
          v.id, v.owner_id, v.page, v.name, v.query, v.shared, v.created_at, v.changed_at, u.display_name as owner_name,
          exists (select 1 from saved_view_default d where d.view_id = v.id and d.user_id = $1) as is_default
        from saved_view v
        join console_user u on u.id = v.owner_id "
    };
}

/// One's own, and what others share; $2 is a page, or none for all.
const SEEN: &str = concat!(
    rows!(),
    "where (v.owner_id = $1 or v.shared) and ($2 is null or v.page = $2) order by v.page, v.name, v.id"
);

const ONE: &str = concat!(rows!(), "where v.id = $2 and (v.owner_id = $1 or v.shared)");

const DEFAULTS: &str = concat!(
    rows!(),
    "join saved_view_default chosen on chosen.view_id = v.id and chosen.user_id = $1
    where v.owner_id = $1 or v.shared
    order by v.page"
);

impl Tx {
    /// # Errors
    /// `Conflict` with `saved_view_name` where its owner has one of that name on the page.
    pub async fn insert_saved_view(&mut self, view: &SavedView) -> Result<()> {
        let arguments = arguments![
            view.id.0,
            view.owner.0,
            view.page.as_str(),
            view.name.as_str(),
            view.query.as_str(),
            view.shared,
            view.created_at,
            view.changed_at
        ];
        self.execute(INSERT, arguments).await?;
        Ok(())
    }

    /// Name, query, and whether it is shared. Nobody opens a list with what they no longer see.
    ///
    /// # Errors
    /// `Conflict` with `saved_view_name` where its owner has another one of that name on the page.
    pub async fn update_saved_view(&mut self, view: &SavedView) -> Result<()> {
        let arguments = arguments![view.id.0, view.name.as_str(), view.query.as_str(), view.shared, view.changed_at];
        self.execute(UPDATE, arguments).await?;
        if !view.shared {
            self.execute(FORGET_DEFAULTS, arguments![view.id.0, view.owner.0]).await?;
        }
        Ok(())
    }

    pub async fn delete_saved_view(&mut self, id: SavedViewId) -> Result<()> {
        self.execute(FORGET_DEFAULTS, arguments![id.0, None::<i64>]).await?;
        self.execute(DELETE, arguments![id.0]).await?;
        Ok(())
    }

    /// From now on the menu opens the view's list with it, for this user; or with no view.
    pub async fn set_default_view(&mut self, user: UserId, view: &SavedView, is_default: bool) -> Result<()> {
        if is_default {
            self.execute(SET_DEFAULT, arguments![user.0, view.page.as_str(), view.id.0]).await?;
        } else {
            self.execute(UNSET_DEFAULT, arguments![user.0, view.id.0]).await?;
        }
        Ok(())
    }
}

impl Store {
    /// What the user sees of one page, or of all: their own, and what others share, by page and name.
    pub async fn saved_views(&self, user: UserId, page: Option<&str>) -> Result<Vec<SavedViewRow>> {
        self.reader().await?.read(SEEN, arguments![user.0, page], |row| view(&row, user)).await
    }

    /// One view, where the user sees it.
    pub async fn saved_view(&self, user: UserId, id: SavedViewId) -> Result<Option<SavedViewRow>> {
        let row = self.reader().await?.row(ONE, arguments![user.0, id.0]).await?;
        row.map(|row| view(&row, user)).transpose()
    }

    /// Those with which the menu opens lists for the user.
    pub async fn default_views(&self, user: UserId) -> Result<Vec<SavedViewRow>> {
        self.reader().await?.read(DEFAULTS, arguments![user.0], |row| view(&row, user)).await
    }
}

fn view(row: &Row, user: UserId) -> Result<SavedViewRow> {
    let view = SavedView {
        id: SavedViewId(row.integer("id")?),
        owner: UserId(row.integer("owner_id")?),
        page: row.text("page")?,
        name: row.text("name")?,
        query: row.text("query")?,
        shared: row.boolean("shared")?,
        created_at: row.time("created_at")?,
        changed_at: row.time("changed_at")?,
    };
    Ok(SavedViewRow {
        own: view.owner == user,
        owner_name: row.text("owner_name")?,
        default: row.boolean("is_default")?,
        view,
    })
}
