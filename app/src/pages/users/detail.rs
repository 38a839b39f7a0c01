//! One user: name and profiles, which person it is, signing in, and what they may do.

use leptos::prelude::*;
use model::ids::UserId;
use model::page::Page;
use model::permission::conflict::Met;
use model::user::{LinkedPerson, UserDetail};
use model::view::{IdentityFilter, IdentityRow};

use super::{profile_boxes, standing, tester};
use crate::components::chip;
use crate::components::icon::icon;
use crate::components::list::ago;
use crate::frame::{Rights, Section, Sheet, allowed};
use crate::logic::address::Address;
use crate::logic::query::Query;
use crate::logic::time::Clock;
use crate::logic::words;
use crate::pages::permissions::{Held, opened};
use crate::pages::{Asked, page, parameter};
use crate::ssr;

/// People who are found at once.
const FOUND: u32 = 10;

/// Name and profiles as they were filled in and not saved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Typed {
    pub display_name: String,
    pub profiles: Vec<String>,
    /// Somebody else has changed the user in between.
    pub is_stale: bool,
}

impl Typed {
    /// None where the page was not left by the form.
    fn read(query: &Query) -> Option<Self> {
        let display_name = query.get("display_name")?;
        let is_stale = query.get("stale").is_some();
        Some(Self { display_name, profiles: query.all("profiles"), is_stale })
    }

    /// The user's page with all of it filled in.
    pub(super) fn address(&self, id: &str) -> Address {
        let address = Address::new(super::user(id))
            .with("display_name", Some(&self.display_name))
            .with("stale", self.is_stale.then_some("yes"));
        self.profiles.iter().fold(address, |address, profile| address.with("profiles", Some(profile)))
    }
}

/// People looked for, to link one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub text: String,
    pub people: Page<IdentityRow>,
}

#[component]
pub fn UserPage() -> impl IntoView {
    let id = parameter("id");
    page(move |Asked { op, visitor, query }| async move {
        let id: UserId = ssr::id(&id, "user")?;
        let detail = engine::users::detail(&op, id).await?;
        let profiles = engine::permissions::profile_names(&op).await?;
        let held = engine::permissions::held(&op, &detail.user.profiles).await?;
        let found = match query.get("find").filter(|_| op.may("/Identities/View")) {
            Some(text) => {
                let filter =
                    IdentityFilter { text: Some(text.clone()), limit: Some(FOUND), ..IdentityFilter::default() };
                Some(Found { text, people: engine::identities::page(&op, filter).await? })
            }
            None => None,
        };
        let met = engine::permissions::met(&op, &detail.user.profiles).await?;
        Ok(user_sheet(
            &detail,
            &profiles,
            &held,
            &met,
            Typed::read(&query),
            found.as_ref(),
            &visitor.rights,
            &visitor.clock,
        ))
    })
}

/// `profiles` are all there are, `held` the entries of those that this user holds, `met` the conflicts between them.
#[expect(clippy::too_many_arguments, reason = "a page has many parts")]
pub fn user_sheet(
    detail: &UserDetail,
    profiles: &[(String, String)],
    held: &[Held],
    met: &[Met],
    typed: Option<Typed>,
    found: Option<&Found>,
    rights: &Rights,
    clock: &Clock,
) -> Sheet {
    let user = &detail.user;
    let last = match detail.last_sign_in {
        Some(at) => view! { <span class="muted">"last signed in "{ago(clock, at)}</span> }.into_any(),
        None => view! { <span class="muted">"has never signed in"</span> }.into_any(),
    };
    let sessions = (detail.sessions > 0).then(|| {
        let browsers = words::plural(detail.sessions, "browser", "browsers");
        view! { <span class="muted">{format!("signed in now in {browsers}")}</span> }
    });
    let address = detail.address.clone().map(|address| view! { <span class="muted">"mail to "{address}</span> });
    let may_do = match held.is_empty() {
        true => view! { <p class="muted">"Nothing that takes a permission. What is for everybody who signs in stays: their own access, and what they are asked by name."</p> }.into_any(),
        false => opened(held).into_any(),
    };
    let body = view! {
        <header class="page-head">
            <h1>{user.display_name.clone()}</h1>
            <div class="head-state">{standing(user.disabled)}<span class="mono subtle">{user.login.clone()}</span>{last}{sessions}{address}</div>
        </header>
        {(!met.is_empty()).then(|| conflicts(met))}
        <div class="columns even">
            <section class="panel" aria-labelledby="profiles-heading">
                <h2 id="profiles-heading">"Name and permissions"</h2>
                {change(detail, profiles, typed, rights)}
            </section>
            <div>
                <section class="panel" aria-labelledby="person-heading">
                    <h2 id="person-heading">"Person"</h2>
                    {person(detail, found, rights)}
                </section>
                <section class="panel" aria-labelledby="signing-in-heading">
                    <h2 id="signing-in-heading">"Signing in"</h2>
                    {signing_in(detail, rights)}
                </section>
            </div>
        </div>
        <section class="panel" aria-labelledby="may-heading">
            <div class="with-actions"><h2 id="may-heading">"What they may do"</h2><a class="button" href=tester(&user.login, None)>{icon("flask")}"Ask the tester"</a></div>
            {may_do}
        </section>
    };
    Sheet { section: Section::Users, title: user.display_name.clone(), body: body.into_any() }
}

/// What the user holds and should not hold together.
fn conflicts(met: &[Met]) -> impl IntoView + use<> {
    let lines = met.iter().map(|met| view! { <li>{met.words()}</li> });
    view! {
        <div class="banner warn" id="conflicts">{icon("octagon")}<div>
            <p>"These permissions should not be held together:"</p>
            <ul>{lines.collect_view()}</ul>
        </div></div>
    }
}

fn change(detail: &UserDetail, profiles: &[(String, String)], typed: Option<Typed>, rights: &Rights) -> AnyView {
    let user = &detail.user;
    if !rights.may(engine::users::MANAGE) {
        let label = |name: &String| {
            let known = profiles.iter().find(|(known, _)| known == name);
            known.map_or_else(|| name.clone(), |(_, label)| label.clone())
        };
        let held = user.profiles.iter().map(|name| view! { <li>{label(name)}</li> }.into_any());
        return view! {
            <ul>{held.collect_view()}</ul>
            {crate::components::form::refused("Changing users", engine::users::MANAGE)}
        }
        .into_any();
    }
    let stale = typed.as_ref().filter(|typed| typed.is_stale).map(|_| {
        let held = if user.profiles.is_empty() { "no profile".to_owned() } else { user.profiles.join(", ") };
        let now = format!("As it is now: {}, with {held}.", user.display_name);
        view! {
            <div class="banner warn" id="stale">{icon("octagon")}<div><p>{now}</p><p>"Below is what you had filled in. Save it to put it in the place of that."</p></div></div>
        }
    });
    let (name, chosen) = match typed {
        Some(typed) => (typed.display_name, typed.profiles),
        None => (user.display_name.clone(), user.profiles.clone()),
    };
    view! {
        {stale}
        <form method="post" action="/api/pages/users/change">
            <input type="hidden" name="id" value=user.id.to_string() />
            <input type="hidden" name="seen" value=detail.seen.clone() />
            <label class="field">"Name to show"<input name="display_name" required maxlength="100" value=name autocomplete="off" /></label>
            {profile_boxes(profiles, &chosen)}
            <div class="actions"><button class="button primary">{icon("check")}"Save"</button></div>
        </form>
    }
    .into_any()
}

/// Which person it is, and how that is said.
fn person(detail: &UserDetail, found: Option<&Found>, rights: &Rights) -> AnyView {
    let may = rights.may(engine::users::MANAGE);
    let sees_people = rights.may("/Identities/View");
    let linked = match &detail.person {
        Some(person) => {
            let unlink = may.then(|| link_form(detail, String::new(), "Unlink".to_owned(), None));
            view! { {who(person, sees_people)}<div class="actions">{unlink}</div> }.into_any()
        }
        None => view! { <p class="muted">"Nobody has said which person this is. Until then there is no access of their own to see, and nobody's manager to be."</p> }.into_any(),
    };
    let find = match (may, sees_people) {
        (false, _) => None,
        (true, false) => Some(allowed(rights, "/Identities/View", "Looking for people", ()).into_any()),
        (true, true) => Some(search(detail, found).into_any()),
    };
    view! { {linked}{find} }.into_any()
}

fn who(person: &LinkedPerson, sees_people: bool) -> impl IntoView + use<> {
    let name = match sees_people {
        true => view! { <a href=format!("/identities/{}", person.id)>{person.display_name.clone()}</a> }.into_any(),
        false => person.display_name.clone().into_any(),
    };
    view! { <p>{name}" "<span class="mono subtle">{person.key.clone()}</span>" "{chip::lifecycle(person.lifecycle)}</p> }
}

fn search(detail: &UserDetail, found: Option<&Found>) -> impl IntoView + use<> {
    let verb = if detail.person.is_some() { "Link another person" } else { "Link a person" };
    let text = found.map(|found| found.text.clone());
    view! {
        <form class="filters" action=format!("/users/{}", detail.user.id) role="search" aria-label=verb>
            <input type="search" name="find" required value=text placeholder="Name or key" aria-label="Name or key of a person" />
            <button class="button">{icon("search")}"Find people"</button>
        </form>
        {found.map(|found| people(detail, found))}
    }
}

fn people(detail: &UserDetail, found: &Found) -> AnyView {
    if found.people.rows.is_empty() {
        return view! { <p class="muted">{format!("Nobody is called {}. Try a part of the name, or the key.", found.text)}</p> }
            .into_any();
    }
    let rows = found.people.rows.iter().map(|row| {
        let described = [row.title.as_str(), row.department.as_str()]
            .iter()
            .filter(|text| !text.is_empty())
            .copied()
            .collect::<Vec<_>>()
            .join(", ");
        let link = link_form(detail, row.id.to_string(), format!("Link {}", row.display_name), Some("Link"));
        view! {
            <tr data-row="">
                <td data-label="Name" class="name">{row.display_name.clone()}<p class="hint">{described}</p></td>
                <td data-label="Key" class="mono subtle">{row.key.clone()}</td>
                <td data-label="Lifecycle">{chip::lifecycle(row.lifecycle)}</td>
                <td>{link}</td>
            </tr>
        }
    });
    let shown = found.people.rows.len() as u64;
    let more = (found.people.total > shown).then(|| {
        view! { <p class="hint">{format!("{} of {}: type more of the name.", words::number(shown), words::counted(found.people.counted(), "person", "people"))}</p> }
    });
    view! {
        <table class="ledger">
            <thead><tr><th scope="col">"Name"</th><th scope="col">"Key"</th><th scope="col">"Lifecycle"</th><th scope="col"><span class="sr">"Link"</span></th></tr></thead>
            <tbody>{rows.collect_view()}</tbody>
        </table>
        {more}
    }
    .into_any()
}

/// Links this identity, or none. `shown` is on the button where the label says more.
fn link_form(
    detail: &UserDetail,
    identity: String,
    label: String,
    shown: Option<&'static str>,
) -> impl IntoView + use<> {
    let text = shown.map_or_else(|| label.clone(), str::to_owned);
    view! {
        <form method="post" action="/api/pages/users/link">
            <input type="hidden" name="id" value=detail.user.id.to_string() />
            <input type="hidden" name="seen" value=detail.seen.clone() />
            <input type="hidden" name="identity" value=identity />
            <button class="button quiet" aria-label=label>{text}</button>
        </form>
    }
}

fn signing_in(detail: &UserDetail, rights: &Rights) -> AnyView {
    if !rights.may(engine::users::MANAGE) {
        return crate::components::form::refused("Setting passwords, and disabling users,", engine::users::MANAGE)
            .into_any();
    }
    let user = &detail.user;
    let (action, label, shape, hint) = match user.disabled {
        true => ("/api/pages/users/enable", "Enable", "power", "Signs in again with the password as it was."),
        false => (
            "/api/pages/users/disable",
            "Disable",
            "ban",
            "Is signed out at once, and cannot sign in. Nothing else is lost.",
        ),
    };
    let shortest = engine::users::SHORTEST_PASSWORD;
    view! {
        <form method="post" action="/api/pages/users/password">
            <input type="hidden" name="id" value=user.id.to_string() />
            <label class="field">"New password"
                <input type="password" name="password" autocomplete="new-password" maxlength="1024" />
                <span class="hint">{format!("At least {shortest} characters. Left empty, one is drawn by lot and shown once. Whoever is signed in has to sign in again.")}</span>
            </label>
            <div class="actions"><button class="button">{icon("key")}"Set the password"</button></div>
        </form>
        <form method="post" action=action>
            <input type="hidden" name="id" value=user.id.to_string() />
            <input type="hidden" name="seen" value=detail.seen.clone() />
            <div class="actions"><button class="button">{icon(shape)}{label}</button><span class="hint">{hint}</span></div>
        </form>
    }
    .into_any()
}

/// Where a profile stands on the page of all of them.
pub(in crate::pages) fn anchor(profile: &str) -> String {
    let kept = |c: char| match c {
        c if c.is_ascii_alphanumeric() || c == '-' => c.to_string(),
        other => format!("_{:x}", u32::from(other)),
    };
    format!("profile-{}", profile.chars().map(kept).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_and_not_saved_comes_back() {
        let typed = Typed { display_name: "Ann Lee".into(), profiles: vec!["a".into(), "b".into()], is_stale: true };
        let address = typed.address("7");
        assert!(address.to_string().starts_with("/users/7?"), "{address}");
        assert_eq!(Typed::read(&Query::parse(&address.query())), Some(typed));
        assert_eq!(Typed::read(&Query::parse("find=ann")), None);
    }
}
