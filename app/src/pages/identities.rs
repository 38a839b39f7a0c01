//! Identities: the list, and one identity with what it holds and why.

mod detail;
mod life;
pub mod quality;

use leptos::prelude::*;
use model::access::Grantable;
use model::identity::LifecycleState;
use model::ids::IdentityId;
use model::page::Page;
use model::view::{IdentityFilter, IdentityRow};

use crate::components::chip;
use crate::components::form::option;
use crate::components::list::{Choice, Empty, empty, filter_chips, pagination};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::address::Address;
use crate::logic::query::{self, Query, identities_address};
use crate::logic::words;
use crate::pages::{Asked, page, parameter};
use crate::ssr;

pub use detail::{Asking, Tab, identity_sheet};

#[component]
pub fn IdentitiesPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let filter = query::identities(&query);
        let departments = engine::identities::departments(&op).await?;
        let states = engine::identities::states(&op)?;
        let rows = engine::identities::page(&op, filter.clone()).await?;
        Ok(identities_sheet(&filter, &departments, &states, rows, &visitor.rights))
    })
}

#[component]
pub fn IdentityPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, query }| async move {
        let id: IdentityId = ssr::id(&id, "identity")?;
        let detail = engine::identities::detail(&op, id).await?;
        let (kind, name) = asked(&query);
        let answer = match name.is_empty() {
            true => None,
            // What goes wrong here is told beside the form, not instead of the page.
            false => Some(engine::identities::why(&op, id, kind.as_deref(), &name).await),
        };
        let asking = Asking { kind, name, answer, known: engine::identities::grantables(&op)? };
        let tab = Tab::from_name(&query.get("tab").unwrap_or_default());
        Ok(identity_sheet(&detail, tab, &asking, &visitor.rights, &visitor.clock))
    })
}

/// Kind and name: `explain=entitlement:vpn`, or `kind` and `name` as the form sends them. Any kind is meant where none is
/// named.
fn asked(query: &Query) -> (Option<String>, String) {
    let explain = query.get("explain");
    let (kind, name) = match explain.as_deref().and_then(|text| text.split_once(':')) {
        Some((kind, name)) => (Some(kind.to_owned()), name.to_owned()),
        None => (query.get("kind"), query.get("name").unwrap_or_default()),
    };
    (kind.filter(|kind| Grantable::from_parts(kind, &name).is_some()), name.trim().to_owned())
}

/// `states` are those of the configuration, by name, with what people call them.
pub fn identities_sheet(
    filter: &IdentityFilter,
    departments: &[String],
    states: &[(String, String)],
    page: Page<IdentityRow>,
    rights: &Rights,
) -> Sheet {
    let list = identities_address(filter);
    let is_filtered = list != identities_address(&IdentityFilter::default());
    let shown = page.rows.len();
    let rows = match (shown, is_filtered) {
        (0, true) => empty("Nobody", Empty::Filtered { clear: "/identities".to_owned() }),
        (0, false) => empty(
            "Nobody yet",
            Empty::NeverUsed {
                text: "Identities come from an identity source, such as the feed of human resources.",
                action: Some(("Collect and synchronize", "/jobs")),
            },
        ),
        _ => table(&page.rows, states).into_any(),
    };
    // The form there knows no states of the configuration.
    let is_choice = is_filtered && shown > 0 && filter.state.is_none();
    let bulk = (is_choice && rights.may(engine::bulk_changes::BULK)).then(|| {
        let address = Address::new("/bulk-changes")
            .with("text", filter.text.as_deref())
            .with("department", filter.department.as_deref())
            .with("lifecycle", filter.lifecycle.map(LifecycleState::name));
        view! { <p><a href=address.to_string()>"Give or take something for all of these"</a></p> }
    });
    let body = view! {
        <header class="page-head">
            <h1>"Identities"</h1>
            <p class="muted">"Everybody the identity sources know, and what they hold."</p>
            <p><a href="/identities/quality">"Attribute quality: what is missing or looks wrong"</a></p>
        </header>
        {lifecycles(filter, states)}
        {search(filter, departments)}
        {bulk}
        {rows}
        {(shown > 0).then(|| pagination(list, shown, page.counted(), filter.after.is_none(), page.next, ("identity", "identities")))}
    };
    Sheet { section: Section::Identities, title: "Identities".to_owned(), body: body.into_any() }
}

fn lifecycles(filter: &IdentityFilter, states: &[(String, String)]) -> impl IntoView + use<> {
    let address =
        |lifecycle, state| identities_address(&IdentityFilter { lifecycle, state, ..filter.clone() }).to_string();
    let choice = |lifecycle: Option<LifecycleState>| Choice {
        label: lifecycle.map_or("Everybody", words::lifecycle).to_owned(),
        count: None,
        address: address(lifecycle, None),
        chosen: filter.lifecycle == lifecycle && filter.state.is_none(),
        shape: lifecycle.map(|state| chip::lifecycle_look(state).1),
    };
    let own = states.iter().map(|(name, label)| Choice {
        label: label.clone(),
        count: None,
        address: address(None, Some(name.clone())),
        chosen: filter.state.as_ref() == Some(name),
        shape: Some("hand"),
    });
    let built_in = [None, Some(LifecycleState::Active), Some(LifecycleState::Joiner), Some(LifecycleState::Leaver)];
    filter_chips("Lifecycle", built_in.into_iter().map(choice).chain(own).collect())
}

fn search(filter: &IdentityFilter, departments: &[String]) -> impl IntoView + use<> {
    let departments = departments.iter().map(|department| {
        option(department.clone(), department.clone(), filter.department.as_ref() == Some(department))
    });
    view! {
        <form class="filters" action="/identities" role="search" aria-label="Filter identities">
            <input type="search" name="text" value=filter.text.clone() placeholder="Name or key" aria-label="Name or key" />
            <select name="department" aria-label="Department"><option value="">"Every department"</option>{departments.collect_view()}</select>
            {filter.lifecycle.map(|state| view! { <input type="hidden" name="lifecycle" value=state.name() /> })}
            {filter.state.clone().map(|state| view! { <input type="hidden" name="state" value=state /> })}
            <button class="button">"Filter"</button>
        </form>
    }
}

fn table(rows: &[IdentityRow], states: &[(String, String)]) -> impl IntoView + use<> {
    let rows = rows.iter().map(|row| {
        let own = states.iter().find(|(name, _)| row.state.as_ref() == Some(name));
        let state = match own {
            Some((name, label)) => chip::state(name, label).into_any(),
            None => chip::lifecycle(row.lifecycle).into_any(),
        };
        let orders = match row.open_orders {
            0 => view! { <span class="subtle">"—"</span> }.into_any(),
            count => view! { <a href=format!("/orders?identity={}", row.id)>{count.to_string()}</a> }.into_any(),
        };
        view! {
            <tr data-row="">
                <td data-label="Name" class="name"><a data-open="" href=format!("/identities/{}", row.id)>{row.display_name.clone()}</a></td>
                <td data-label="Key" class="mono subtle">{row.key.clone()}</td>
                <td data-label="Department">{row.department.clone()}</td>
                <td data-label="Title">{row.title.clone()}</td>
                <td data-label="Site">{row.site.clone()}</td>
                <td data-label="Lifecycle">{state}</td>
                <td data-label="Accounts" class="number">{row.accounts}</td>
                <td data-label="Entitlements" class="number">{row.entitlements}</td>
                <td data-label="Open orders" class="number">{orders}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr>
                <th scope="col">"Name"</th><th scope="col">"Key"</th><th scope="col">"Department"</th><th scope="col">"Title"</th>
                <th scope="col">"Site"</th><th scope="col">"Lifecycle"</th><th scope="col" class="number">"Accounts"</th>
                <th scope="col" class="number">"Entitlements"</th><th scope="col" class="number">"Open orders"</th>
            </tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

#[cfg(test)]
mod tests {
    use super::asked;
    use crate::logic::query::Query;

    #[test]
    fn a_question_can_be_asked_in_several_ways() {
        let cases = [
            ("explain=entitlement:vpn", Some("entitlement"), "vpn"),
            ("kind=entitlement&name=vpn", Some("entitlement"), "vpn"),
            ("kind=&name=+vpn+", None, "vpn"),
            ("name=vpn", None, "vpn"),
            ("explain=thing:vpn", None, "vpn"),
            ("kind=role", Some("role"), ""),
            ("", None, ""),
        ];
        for (query, kind, name) in cases {
            assert_eq!(asked(&Query::parse(query)), (kind.map(str::to_owned), name.to_owned()), "{query}");
        }
    }
}
