//! Views of lists that people keep: a page, a name, and what the list is narrowed to. Whoever may share one shows it to
//! everybody who may see the page.

mod lists;

use model::error::ApiError;
use model::ids::SavedViewId;
use model::search::{SavedView, SavedViewRow};
use store::StoreError;

use crate::context::OpContext;
use crate::error::internal;

pub use self::lists::{LISTS, List};

/// Shows one's views to everybody who may see the page, and takes away what others share.
pub const SHARE: &str = "/Views/Share";

const LONGEST_NAME: usize = 60;
/// Longest filter that is kept; an address of ours is no longer.
const LONGEST_QUERY: usize = 1_500;

/// A view that somebody wants to keep.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewView {
    /// Path of the list's page.
    pub page: String,
    pub name: String,
    /// What follows the `?`, parameter by parameter.
    pub query: Vec<(String, String)>,
    pub shared: bool,
}

/// What came of keeping a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    pub id: SavedViewId,
    /// One's own view of that name was there already; it shows this now.
    pub replaced: bool,
    /// Parameters that the page does not know, and that were left out.
    pub unknown: Vec<String>,
}

/// A change of a view that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ViewChange {
    Rename(String),
    Share(bool),
    /// The menu opens the list with it, for the caller alone.
    Default(bool),
    Delete,
}

/// The list at a path, where it is one whose page the caller may see.
pub fn list(op: &OpContext, path: &str) -> Option<&'static List> {
    List::at(path).filter(|list| {
        list.permission.is_none_or(|permission| op.may_about_some(permission))
            && list.duty.is_none_or(|duty| op.require_duty_somewhere(duty).is_ok())
    })
}

/// What the caller sees of one page: their own views, and what others share.
pub async fn of_page(op: &OpContext, page: &str) -> Result<Vec<SavedViewRow>, ApiError> {
    if list(op, page).is_none() {
        return Ok(Vec::new());
    }
    op.engine.store().saved_views(op.user.id, Some(page)).await.map_err(internal)
}

/// Every view that the caller may open.
pub async fn visible(op: &OpContext) -> Result<Vec<SavedViewRow>, ApiError> {
    let mut all = op.engine.store().saved_views(op.user.id, None).await.map_err(internal)?;
    all.retain(|row| list(op, &row.view.page).is_some());
    Ok(all)
}

/// The views with which the menu opens lists for the caller.
pub async fn defaults(op: &OpContext) -> Result<Vec<SavedViewRow>, ApiError> {
    let mut all = op.engine.store().default_views(op.user.id).await.map_err(internal)?;
    all.retain(|row| list(op, &row.view.page).is_some());
    Ok(all)
}

/// Keeps a view; one's own of that name shows what the new one does.
pub async fn save(op: &OpContext, new: NewView) -> Result<Kept, ApiError> {
    let Some(list) = list(op, &new.page) else {
        return Err(ApiError::not_found(format!("list at `{}`", short(&new.page))));
    };
    let name = checked_name(&new.name)?;
    if new.shared {
        op.require(SHARE)?;
    }
    let (query, unknown) = list.known(&new.query);
    if query.len() > LONGEST_QUERY {
        return Err(ApiError::invalid("query", "These filters are longer than can be kept. Shorten the words."));
    }
    let own = op.engine.store().saved_views(op.user.id, Some(&new.page)).await.map_err(internal)?;
    let before = own.into_iter().find(|row| row.own && row.view.name == name).map(|row| row.view);
    let id = match &before {
        Some(view) => view.id,
        None => SavedViewId(op.engine.store().reserve_ids(1).await.map_err(internal)?.next().unwrap_or_default()),
    };
    let view = SavedView {
        id,
        owner: op.user.id,
        page: new.page,
        name,
        query,
        shared: new.shared,
        created_at: before.as_ref().map_or(op.now, |view| view.created_at),
        changed_at: op.now,
    };
    let replaced = before.is_some();
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            match before {
                Some(_) => tx.update_saved_view(&view).await,
                None => tx.insert_saved_view(&view).await,
            }
        })
    });
    work.await.map_err(|error| taken(error, id))?;
    Ok(Kept { id, replaced, unknown })
}

/// Changes a view of one's own. With which view the menu opens a list, everybody says for themselves; and whoever may share
/// also takes away what others have shared.
pub async fn change(op: &OpContext, id: SavedViewId, change: ViewChange) -> Result<SavedView, ApiError> {
    let found = op.engine.store().saved_view(op.user.id, id).await.map_err(internal)?;
    let row = found.filter(|row| list(op, &row.view.page).is_some());
    let row = row.ok_or_else(|| ApiError::not_found(format!("saved view {id}")))?;
    let is_free = match &change {
        ViewChange::Default(_) => true,
        ViewChange::Share(false) | ViewChange::Delete => row.own || op.may(SHARE),
        ViewChange::Rename(_) | ViewChange::Share(true) => row.own,
    };
    if !is_free {
        let message = format!(
            "The view \u{201c}{}\u{201d} is {}'s. Save one of your own with the same filters.",
            row.view.name, row.owner_name
        );
        return Err(ApiError::invalid("id", message));
    }
    let mut view = SavedView { changed_at: op.now, ..row.view };
    match &change {
        ViewChange::Rename(name) => view.name = checked_name(name)?,
        ViewChange::Share(shared) => {
            if *shared {
                op.require(SHARE)?;
            }
            view.shared = *shared;
        }
        ViewChange::Default(_) | ViewChange::Delete => {}
    }
    let (user, after) = (op.user.id, view.clone());
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            match change {
                ViewChange::Rename(_) | ViewChange::Share(_) => tx.update_saved_view(&view).await,
                ViewChange::Default(is_default) => tx.set_default_view(user, &view, is_default).await,
                ViewChange::Delete => tx.delete_saved_view(view.id).await,
            }
        })
    });
    work.await.map_err(|error| taken(error, id))?;
    Ok(after)
}

fn checked_name(name: &str) -> Result<String, ApiError> {
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() {
        let message = "The view has no name. Write one, such as \u{201c}Failed in payroll\u{201d}.";
        return Err(ApiError::invalid("name", message));
    }
    if name.chars().count() > LONGEST_NAME {
        let message = format!("The name has more than {LONGEST_NAME} characters. Shorten it.");
        return Err(ApiError::invalid("name", message));
    }
    if name.chars().any(char::is_control) {
        return Err(ApiError::invalid("name", "The name holds characters that cannot be shown. Write it anew."));
    }
    Ok(name)
}

fn taken(error: StoreError, id: SavedViewId) -> ApiError {
    match error.constraint() {
        Some("saved_view_name") => ApiError::conflict(
            "You have a view of that name on this page. Choose another name, or delete that one first.",
        ),
        Some("saved_view_default_view") => ApiError::not_found(format!("saved view {id}")),
        _ => internal(error),
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}
