//! Views of lists that people keep: keeping one, and the page on which they are renamed, shared and deleted.

use engine::saved_views::{Kept, NewView, SHARE, ViewChange};
use leptos::prelude::*;
use model::error::ApiError;
use model::ids::SavedViewId;
use model::search::SavedViewRow;

use crate::components::list::{Empty, empty};
use crate::components::list_tools::ListTools;
use crate::exports;
use crate::frame::{Rights, Section, Sheet};
use crate::logic::address::decode;
use crate::logic::flash::Flash;
use crate::logic::query::{Query, STREAM};
use crate::logic::words;
use crate::pages::{Asked, page};
use crate::ssr;

const PATH: &str = "/views";

/// Keeps what a list is narrowed to under a name.
#[server(prefix = "/api/pages", endpoint = "views/save")]
pub async fn save_view(
    #[server(default)] page: String,
    #[server(default)] query: String,
    #[server(default)] name: String,
    #[server(default)] shared: String,
    #[server(default)] default: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let target = if query.is_empty() { page.clone() } else { format!("{page}?{query}") };
    let outcome = async {
        let pairs = Query::parse(&query).pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let new = NewView { page, name: name.clone(), query: pairs, shared: shared == "yes" };
        let kept = engine::saved_views::save(&op, new).await?;
        if default == "yes" {
            engine::saved_views::change(&op, kept.id, ViewChange::Default(true)).await?;
        }
        Ok(said(name.trim(), &kept))
    };
    ssr::finish(outcome.await, &target)
}

/// `act` is what becomes of the view; `name` is its new name where it is renamed.
#[server(prefix = "/api/pages", endpoint = "views/change")]
pub async fn change_view(
    #[server(default)] id: String,
    #[server(default)] act: String,
    #[server(default)] name: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let (change, done) = change(&act, name)?;
        let view = engine::saved_views::change(&op, ssr::id::<SavedViewId>(&id, "saved view")?, change).await?;
        Ok(Flash::done(format!("The view \u{201c}{}\u{201d} {done}.", view.name)))
    };
    ssr::finish(outcome.await, PATH)
}

fn change(act: &str, name: String) -> Result<(ViewChange, &'static str), ApiError> {
    Ok(match act {
        "rename" => (ViewChange::Rename(name), "has its new name"),
        "share" => (ViewChange::Share(true), "is shared with everybody who sees its page"),
        "keep" => (ViewChange::Share(false), "is its owner's alone"),
        "default" => (ViewChange::Default(true), "is how the menu opens its list for you"),
        "no-default" => (ViewChange::Default(false), "is no longer how the menu opens its list"),
        "delete" => (ViewChange::Delete, "is deleted"),
        _ => return Err(ApiError::invalid("act", "Choose what becomes of the view.")),
    })
}

fn said(name: &str, kept: &Kept) -> Flash {
    let done = if kept.replaced { "shows these filters now" } else { "is saved" };
    let flash = Flash::done(format!("The view \u{201c}{name}\u{201d} {done}."));
    match kept.unknown.as_slice() {
        [] => flash,
        unknown => {
            let line = |key: &String| format!("Left out, because this page has no such filter: {key}");
            flash.with_lines(unknown.iter().map(line).collect())
        }
    }
}

/// What stands above the list at this path; none where the page is no list, or not one for whoever asks.
pub(crate) async fn tools(op: &engine::context::OpContext, path: &str, query: &Query) -> Option<ListTools> {
    // An application's page is a list only where its accounts are shown, that of events where a stream is.
    let is_other_part = (path.starts_with("/applications/") && query.get("tab").as_deref() != Some("accounts"))
        || (path == "/events" && query.get(STREAM).is_none());
    if is_other_part {
        return None;
    }
    let list = engine::saved_views::list(op, path);
    let file = exports::address(path, query);
    if list.is_none() && file.is_none() {
        return None;
    }
    let pairs: Vec<(String, String)> = query.pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let views = match list {
        Some(_) => Some(engine::saved_views::of_page(op, path).await.unwrap_or_default()),
        None => None,
    };
    Some(ListTools {
        page: path.to_owned(),
        query: list.map(|list| list.known(&pairs).0).unwrap_or_default(),
        views,
        may_share: op.may(SHARE),
        file,
    })
}

#[component]
pub fn SavedViewsPage() -> impl IntoView {
    page(|Asked { op, visitor, .. }| async move {
        let rows = engine::saved_views::visible(&op).await?;
        Ok(views_sheet(&rows, &visitor.rights))
    })
}

pub fn views_sheet(rows: &[SavedViewRow], rights: &Rights) -> Sheet {
    let content = match rows {
        [] => empty(
            "No views yet",
            Empty::NeverUsed {
                text: "Narrow a list with its filters, then choose “Save this view” above it.",
                action: Some(("Orders", "/orders")),
            },
        ),
        rows => view! { <ul class="hits kept-views">{rows.iter().map(|row| line(row, rights)).collect_view()}</ul> }
            .into_any(),
    };
    let body = view! {
        <header class="page-head">
            <h1>"Saved views"</h1>
            <p class="muted">"Lists with their filters, under a name: your own, and what others share."</p>
        </header>
        {content}
    };
    Sheet { section: Section::Elsewhere, title: "Saved views".to_owned(), body: body.into_any() }
}

fn line(row: &SavedViewRow, rights: &Rights) -> impl IntoView + use<> {
    let view = &row.view;
    let whose = match (row.own, view.shared) {
        (true, true) => "yours, shared".to_owned(),
        (true, false) => "yours".to_owned(),
        (false, _) => format!("shared by {}", row.owner_name),
    };
    let act = |act: &'static str, label: &'static str| {
        let (id, name) = (view.id.to_string(), format!("{label}: {}", view.name));
        view! {
            <form method="post" action="/api/pages/views/change">
                <input type="hidden" name="id" value=id />
                <button class="button quiet" name="act" value=act aria-label=name>{label}</button>
            </form>
        }
    };
    let rename = row.own.then(|| {
        let (id, label) = (view.id.to_string(), format!("New name of {}", view.name));
        let (opens, button) = (format!("Rename {}", view.name), format!("Rename: {}", view.name));
        view! {
            <details class="rename">
                <summary class="button quiet" aria-label=opens>"Rename"</summary>
                <form method="post" action="/api/pages/views/change">
                    <input type="hidden" name="id" value=id />
                    <input name="name" value=view.name.clone() required maxlength="60" aria-label=label autocomplete="off" />
                    <button class="button" name="act" value="rename" aria-label=button>"Rename"</button>
                </form>
            </details>
        }
    });
    let may_share = rights.may(SHARE);
    let share = match (row.own, view.shared) {
        (true, false) if may_share => Some(act("share", "Share")),
        (true, true) => Some(act("keep", "Keep to myself")),
        _ => None,
    };
    let default =
        if row.default { act("no-default", "Not from the menu") } else { act("default", "Open from the menu") };
    let from_menu = row.default.then(|| view! { " "<span class="tag">"the menu opens it"</span> });
    let delete = (row.own || may_share).then(|| act("delete", "Delete"));
    let filters = if view.query.is_empty() { "no filters".to_owned() } else { filters(&view.query) };
    view! {
        <li data-row="">
            <div class="name"><a data-open="" href=view.address()>{view.name.clone()}</a>{from_menu}<div class="subtle">{list_name(&view.page)}": "{filters}" · "{whose}</div></div>
            <div class="actions">{default}{share}{rename}{delete}</div>
        </li>
    }
}

/// "Orders", "Access profiles"; of a page that is one of many, whose it is as well: "Applications, payroll".
fn list_name(page: &str) -> String {
    let mut parts = page.split('/').skip(1);
    let name = match parts.next().unwrap_or_default() {
        "jobs" => "Job execution".to_owned(),
        "lint" => "Policy check".to_owned(),
        "mails" => "Mail".to_owned(),
        other => words::sentence_case(&other.replace('-', " ")),
    };
    match parts.next() {
        Some(part) => format!("{name}, {}", decode(part)),
        None => name,
    }
}

/// "state errored, text ann".
fn filters(query: &str) -> String {
    let query = Query::parse(query);
    query.pairs().map(|(name, value)| format!("{} {value}", name.replace('_', " "))).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_and_what_is_left_out_is_said() {
        let kept = |replaced, unknown: &[&str]| Kept {
            id: SavedViewId(1),
            replaced,
            unknown: unknown.iter().map(|key| (*key).to_owned()).collect(),
        };
        assert_eq!(said("Mine", &kept(false, &[])).title, "The view \u{201c}Mine\u{201d} is saved.");
        let flash = said("Mine", &kept(true, &["purple"]));
        assert!(flash.title.contains("shows these filters now"));
        assert_eq!(flash.lines, ["Left out, because this page has no such filter: purple"]);
    }

    #[test]
    fn a_list_is_called_as_its_page() {
        for (page, name) in [
            ("/orders", "Orders"),
            ("/access-profiles", "Access profiles"),
            ("/lint", "Policy check"),
            ("/applications/badge%20system", "Applications, badge system"),
        ] {
            assert_eq!(list_name(page), name);
        }
    }

    #[test]
    fn every_deed_is_known_and_others_are_refused() {
        for act in ["rename", "share", "keep", "default", "no-default", "delete"] {
            assert!(change(act, "x".into()).is_ok(), "{act}");
        }
        assert!(change("", String::new()).is_err());
    }
}
