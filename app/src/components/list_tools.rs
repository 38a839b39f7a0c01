//! What every list has above it: views that somebody keeps of it, keeping another one, and its rows as a file.

use leptos::prelude::*;
use model::search::SavedViewRow;

use super::icon::icon;

/// What of a list can be kept and taken along.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListTools {
    /// Path of the list's page.
    pub page: String,
    /// Filters in force, as an address has them; where one is in the list is none of them.
    pub query: String,
    /// None where no views are kept of the list.
    pub views: Option<Vec<SavedViewRow>>,
    pub may_share: bool,
    /// Where the rows are to be had as a file.
    pub file: Option<String>,
}

impl ListTools {
    /// The view whose filters are in force, whatever their order.
    fn current(&self) -> Option<&SavedViewRow> {
        let wanted = parts(&self.query);
        let mut fitting = self.views.iter().flatten().filter(|row| parts(&row.view.query) == wanted);
        fitting.next()
    }
}

fn parts(query: &str) -> Vec<&str> {
    let mut parts: Vec<&str> = query.split('&').filter(|part| !part.is_empty()).collect();
    parts.sort_unstable();
    parts
}

/// The bar above a list.
pub fn list_tools(tools: &ListTools) -> impl IntoView + use<> {
    let current = tools.current().map(|row| row.view.id);
    let chips: Vec<_> = tools
        .views
        .iter()
        .flatten()
        .map(|row| {
            let is_current = (Some(row.view.id) == current).then_some("page");
            let whose = match (row.own, row.view.shared) {
                (true, false) => None,
                (true, true) => Some("shared".to_owned()),
                (false, _) => Some(format!("of {}", row.owner_name)),
            };
            let sign = row.default.then(|| view! { <span class="subtle">"menu"</span> });
            view! {
                <li><a href=row.view.address() aria-current=is_current>{row.view.name.clone()}{whose.map(|whose| view! { " "<span class="subtle">{whose}</span> })}{sign}</a></li>
            }
        })
        .collect();
    let has_views = !chips.is_empty();
    let list = has_views.then(|| view! { <ul class="views" aria-label="Saved views">{chips}</ul> });
    let save = tools.views.is_some().then(|| save(tools));
    let manage = has_views.then(|| view! { <a class="button quiet" href="/views">"Manage views"</a> });
    let file = tools.file.clone().map(|address| {
        view! { <a class="button quiet" href=address download="" rel="nofollow">{icon("arrow")}"Export as CSV"</a> }
    });
    view! { <div class="list-tools">{list}{save}{manage}<span class="spring"></span>{file}</div> }
}

fn save(tools: &ListTools) -> impl IntoView + use<> {
    let share = tools.may_share.then(|| {
        view! { <label class="check"><input type="checkbox" name="shared" value="yes" />"Share with everybody who sees this page"</label> }
    });
    view! {
        <details>
            <summary>{icon("plus")}"Save this view"</summary>
            <form method="post" action="/api/pages/views/save">
                <input type="hidden" name="page" value=tools.page.clone() />
                <input type="hidden" name="query" value=tools.query.clone() />
                <label class="field">"Name"<input name="name" required maxlength="60" autocomplete="off" /></label>
                <p class="hint">"It keeps the filters that are in force now. A view of yours with that name is replaced."</p>
                {share}
                <label class="check"><input type="checkbox" name="default" value="yes" />"Open the list with it from the menu"</label>
                <button class="button primary">"Save"</button>
            </form>
        </details>
    }
}

#[cfg(test)]
mod tests {
    use model::ids::{SavedViewId, UserId};
    use model::search::SavedView;

    use super::*;

    #[test]
    fn a_view_is_current_whatever_the_order_of_its_filters() {
        let at = jiff::Timestamp::UNIX_EPOCH;
        let row = |id, query: &str| SavedViewRow {
            view: SavedView {
                id: SavedViewId(id),
                owner: UserId(1),
                page: "/orders".into(),
                name: String::new(),
                query: query.into(),
                shared: false,
                created_at: at,
                changed_at: at,
            },
            owner_name: String::new(),
            own: true,
            default: false,
        };
        let views = Some(vec![row(1, "state=errored&text=ann"), row(2, "state=errored"), row(3, "")]);
        for (query, expected) in
            [("text=ann&state=errored", Some(1)), ("state=errored", Some(2)), ("", Some(3)), ("text=bo", None)]
        {
            let tools = ListTools { query: query.into(), views: views.clone(), ..ListTools::default() };
            assert_eq!(tools.current().map(|row| row.view.id.0), expected, "{query}");
        }
    }
}
