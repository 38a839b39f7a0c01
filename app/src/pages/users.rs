//! Users of the product: who signs in, what they may do, and who they are.

pub mod detail;
pub mod new;

use leptos::prelude::*;
use model::error::ApiError;
use model::ids::{IdentityId, UserId};
use model::page::Page;
use model::user::{NewUser, UserFilter, UserRow, UserShow};

use crate::components::chip::{self, Tone};
use crate::components::form::option;
use crate::components::icon::icon;
use crate::components::list::{Choice, Empty, ago, empty, filter_chips, pagination, tabs};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::address::Address;
use crate::logic::flash::Flash;
use crate::logic::query::{self, users_address};
use crate::logic::time::Clock;
use crate::pages::{Asked, page};
use crate::ssr;

pub(in crate::pages) use detail::anchor;
pub use detail::{Found, Typed, UserPage, user_sheet};
pub use new::{NewUserPage, TypedUser, new_user_sheet};

#[server(prefix = "/api/pages", endpoint = "users/create")]
pub async fn create_user(
    #[server(default)] login: String,
    #[server(default)] display_name: String,
    #[server(default)] profiles: Vec<String>,
    #[server(default)] password: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let typed = TypedUser { login: login.trim().to_owned(), display_name, profiles };
    let new = NewUser {
        login: typed.login.clone(),
        display_name: typed.display_name.clone(),
        profiles: typed.profiles.clone(),
    };
    match engine::users::create(&op, new, given(&password)).await {
        Ok((id, drawn)) => ssr::finish_in_private(Ok(added(&typed.login, drawn)), &format!("/users/{id}")),
        Err(error) => ssr::finish(Err(error), &typed.address().to_string()),
    }
}

/// Name and profiles. Where somebody else was quicker, what was typed is shown beside what there is now.
#[server(prefix = "/api/pages", endpoint = "users/change")]
pub async fn change_user(
    #[server(default)] id: String,
    #[server(default)] seen: String,
    #[server(default)] display_name: String,
    #[server(default)] profiles: Vec<String>,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let id: UserId = ssr::id(&id, "user")?;
        engine::users::rename_and_grant(&op, id, Some(&seen), Some(&display_name), Some(profiles.clone())).await
    };
    match outcome.await {
        // A conflict that is only shown is on the page that follows.
        Ok(()) => ssr::finish(Ok(Flash::done("Saved. It holds from the next page on.")), &user(&id)),
        Err(error) => {
            let typed = Typed { display_name, profiles, is_stale: error.field.as_deref() == Some("seen") };
            ssr::finish(Err(error), &typed.address(&id).to_string())
        }
    }
}

/// Without an identity, the user is nobody's any more.
#[server(prefix = "/api/pages", endpoint = "users/link")]
pub async fn link_user(
    #[server(default)] id: String,
    #[server(default)] seen: String,
    #[server(default)] identity: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async {
        let identity: Option<IdentityId> = given(&identity).map(|text| ssr::id(text, "identity")).transpose()?;
        engine::users::link(&op, ssr::id(&id, "user")?, Some(&seen), identity).await?;
        Ok::<_, ApiError>(Flash::done(if identity.is_some() { "Linked." } else { "Linked to nobody any more." }))
    };
    ssr::finish(outcome.await, &user(&id))
}

#[server(prefix = "/api/pages", endpoint = "users/disable")]
pub async fn disable_user(#[server(default)] id: String, #[server(default)] seen: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::users::set_disabled(&op, ssr::id(&id, "user")?, Some(&seen), true).await };
    ssr::finish(outcome.await.map(|()| Flash::done("Disabled, and signed out everywhere.")), &user(&id))
}

#[server(prefix = "/api/pages", endpoint = "users/enable")]
pub async fn enable_user(#[server(default)] id: String, #[server(default)] seen: String) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::users::set_disabled(&op, ssr::id(&id, "user")?, Some(&seen), false).await };
    ssr::finish(outcome.await.map(|()| Flash::done("Enabled: the password is as it was.")), &user(&id))
}

/// Without a password one is drawn by lot and shown once.
#[server(prefix = "/api/pages", endpoint = "users/password")]
pub async fn set_user_password(
    #[server(default)] id: String,
    #[server(default)] password: String,
) -> Result<(), ServerFnError> {
    let op = ssr::op().await?;
    let outcome = async { engine::users::set_password(&op, ssr::id(&id, "user")?, given(&password)).await };
    ssr::finish_in_private(outcome.await.map(|drawn| set(drawn, "The password is set")), &user(&id))
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.trim().is_empty())
}

fn user(id: &str) -> String {
    format!("/users/{}", crate::logic::address::encode(id))
}

fn added(login: &str, drawn: Option<String>) -> Flash {
    said(&format!("{login} can sign in"), drawn, None)
}

fn set(drawn: Option<String>, done: &str) -> Flash {
    said(done, drawn, Some("Whoever was signed in has to sign in again."))
}

/// What was done, with a password that was drawn, and what follows for others.
fn said(done: &str, drawn: Option<String>, follows: Option<&str>) -> Flash {
    let follows = follows.map(|text| format!(" {text}")).unwrap_or_default();
    match drawn {
        Some(password) => Flash::done(format!("{done}. The password is {password}"))
            .with_lines(vec![format!("It is shown this once: hand it over now.{follows}")]),
        None => Flash::done(format!("{done}.{follows}")),
    }
}

/// Which part of users and permissions a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Users,
    Profiles,
    Tester,
    Notices,
}

/// Ways between these parts.
pub fn parts(part: Part) -> impl IntoView + use<> {
    let parts = [
        (Part::Users, "Users", "/users"),
        (Part::Profiles, "Permission profiles", "/permissions"),
        (Part::Tester, "Permission tester", "/permissions/test"),
        (Part::Notices, "Who is notified", "/permissions/notices"),
    ];
    let links = parts.map(|(one, label, address)| (label.to_owned(), address.to_owned(), None, one == part));
    tabs("Users and permissions", links.into())
}

#[component]
pub fn UsersPage() -> impl IntoView {
    page(|Asked { op, visitor, query }| async move {
        let filter = query::users(&query);
        let rows = engine::users::page(&op, &filter).await?;
        let profiles = engine::permissions::profile_names(&op).await?;
        Ok(users_sheet(&filter, &profiles, rows, &visitor.rights, &visitor.clock))
    })
}

/// `profiles` are all there are, by name, with what people call them.
pub fn users_sheet(
    filter: &UserFilter,
    profiles: &[(String, String)],
    page: Page<UserRow>,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let list = users_address(filter);
    let is_filtered = list != users_address(&UserFilter::default());
    let shown = page.rows.len();
    let rows = match (shown, is_filtered) {
        (0, true) => empty("Nobody", Empty::Filtered { clear: "/users".to_owned() }),
        (0, false) => empty(
            "Nobody",
            Empty::NeverUsed { text: "Nobody can sign in yet.", action: Some(("Add a user", "/users/new")) },
        ),
        _ => table(&page.rows, profiles, rights, clock).into_any(),
    };
    let new = rights
        .may(engine::users::MANAGE)
        .then(|| view! { <a class="button primary" href="/users/new">{icon("plus")}"Add a user"</a> });
    let body = view! {
        <header class="page-head">
            <div class="with-actions">
                <div>
                    <h1>"Users"</h1>
                    <p class="muted">"Everybody who signs in to Quartermaster, who they are, and which permission profiles they hold."</p>
                </div>
                <div class="actions">{new}</div>
            </div>
        </header>
        {parts(Part::Users)}
        {shows(filter)}
        {search(filter, profiles)}
        {rows}
        {(shown > 0).then(|| pagination(list, shown, page.total.into(), filter.after.is_none(), page.next, ("user", "users")))}
    };
    Sheet { section: Section::Users, title: "Users".to_owned(), body: body.into_any() }
}

fn shows(filter: &UserFilter) -> impl IntoView + use<> {
    let choice = |show: Option<UserShow>| Choice {
        label: show.map_or("All", UserShow::label).to_owned(),
        count: None,
        address: users_address(&UserFilter { show, ..filter.clone() }).to_string(),
        chosen: filter.show == show,
        shape: None,
    };
    filter_chips("Users", std::iter::once(None).chain(UserShow::ALL.map(Some)).map(choice).collect())
}

fn search(filter: &UserFilter, profiles: &[(String, String)]) -> impl IntoView + use<> {
    let profiles =
        profiles.iter().map(|(name, label)| option(name.clone(), label.clone(), filter.profile.as_ref() == Some(name)));
    view! {
        <form class="filters" action="/users" role="search" aria-label="Filter users">
            <input type="search" name="text" value=filter.text.clone() placeholder="Login or name" aria-label="Login or name" />
            <select name="profile" aria-label="Permission profile"><option value="">"Every permission profile"</option>{profiles.collect_view()}</select>
            {filter.show.map(|show| view! { <input type="hidden" name="show" value=show.name() /> })}
            <button class="button">"Filter"</button>
        </form>
    }
}

fn table(rows: &[UserRow], profiles: &[(String, String)], rights: &Rights, clock: &Clock) -> impl IntoView + use<> {
    let sees_people = rights.may("/Identities/View");
    let rows = rows.iter().map(|row| {
        let person = match &row.identity {
            Some((id, name)) if sees_people => view! { <a href=format!("/identities/{id}")>{name.clone()}</a> }.into_any(),
            Some((_, name)) => name.clone().into_any(),
            None => view! { <span class="subtle">"Linked to nobody"</span> }.into_any(),
        };
        let held = row.profiles.iter().map(|name| {
            let label = profiles.iter().find(|(known, _)| known == name).map_or(name, |(_, label)| label);
            view! { <a class="tag" href=format!("/permissions#{}", anchor(name))>{label.clone()}</a>" " }
        });
        let held = match row.profiles.is_empty() {
            true => view! { <span class="subtle">"None"</span> }.into_any(),
            false => held.collect_view().into_any(),
        };
        let conflicts = (!row.conflicts.is_empty())
            .then(|| view! { " "{chip::chip(Tone::Warn, "octagon", "In conflict", row.conflicts.join("; "))} });
        let last = match row.last_sign_in {
            Some(at) => ago(clock, at).into_any(),
            None => view! { <span class="subtle">"Never"</span> }.into_any(),
        };
        view! {
            <tr data-row="">
                <td data-label="Name" class="name"><a data-open="" href=format!("/users/{}", row.id)>{row.display_name.clone()}</a></td>
                <td data-label="Login" class="mono subtle">{row.login.clone()}</td>
                <td data-label="Person">{person}</td>
                <td data-label="Profiles" class="wide">{held}</td>
                <td data-label="State">{standing(row.disabled)}{conflicts}</td>
                <td data-label="Last sign-in" class="when">{last}</td>
            </tr>
        }
    });
    view! {
        <table class="ledger">
            <thead><tr>
                <th scope="col">"Name"</th><th scope="col">"Login"</th><th scope="col">"Person"</th><th scope="col">"Profiles"</th>
                <th scope="col">"State"</th><th scope="col">"Last sign-in"</th>
            </tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
    }
}

/// Whether somebody can sign in.
fn standing(disabled: bool) -> AnyView {
    match disabled {
        true => chip::chip(Tone::Idle, "ban", "Disabled", String::new()).into_any(),
        false => chip::chip(Tone::Ok, "check", "Can sign in", String::new()).into_any(),
    }
}

/// A box for each profile; those ticked that are held. What is held and no profile any more is there to be given up.
fn profile_boxes(profiles: &[(String, String)], held: &[String]) -> impl IntoView + use<> {
    let gone = held.iter().filter(|name| !profiles.iter().any(|(known, _)| known == *name));
    let gone = gone.map(|name| (name.clone(), format!("{name} (no profile any more)")));
    let all: Vec<(String, String)> = profiles.iter().cloned().chain(gone).collect();
    let boxes = all.into_iter().map(|(name, label)| {
        let is_held = held.contains(&name);
        view! { <li><label><input type="checkbox" name="profiles[]" value=name checked=is_held />{label}</label></li> }
    });
    view! {
        <fieldset>
            <legend>"Permission profiles"</legend>
            <ul class="plain chosen">{boxes.collect_view()}</ul>
        </fieldset>
    }
}

/// The tester, with this user or these profiles in it.
pub(in crate::pages) fn tester(login: &str, what: Option<&str>) -> String {
    Address::new("/permissions/test").with("user", Some(login)).with("what", what).to_string()
}
