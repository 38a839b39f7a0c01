//! Permissions of the product: profiles, what they open and who holds them, the tester, and who is notified.

mod conflicts;
pub mod notices;
pub mod test;

use engine::permissions::{ConflictView, EntryView, ProfileView};
use leptos::prelude::*;
use model::draft::{ObjectKind, SettingKind};
use model::permission::Grant;

use crate::components::chip::{self, Tone};
use crate::components::icon::icon;
use crate::components::list::{Empty, empty};
use crate::frame::{Rights, Section, Sheet};
use crate::logic::{role_model, words};
use crate::pages::users::{Part, anchor, parts};
use crate::pages::{Asked, page};
use crate::permissions::tree::{self, Opened};

pub use crate::permissions::tree::Held;
pub use notices::{NoticesPage, notices_sheet};
pub use test::{Answered, Offered, Question, TestPermissionPage, test_sheet};

const PROFILE: ObjectKind = ObjectKind::Setting(SettingKind::PermissionProfile);

#[component]
pub fn PermissionsPage() -> impl IntoView {
    page(|Asked { op, visitor, .. }| async move {
        let profiles = engine::permissions::profiles(&op).await?;
        let conflicts = engine::permissions::conflicts(&op).await?;
        Ok(permissions_sheet(&profiles, &conflicts, &visitor.rights))
    })
}

pub fn permissions_sheet(profiles: &[ProfileView], conflicts: &[ConflictView], rights: &Rights) -> Sheet {
    let may_draft = rights.may(engine::drafts::DRAFT);
    let content = match profiles.is_empty() {
        true => empty(
            "No permission profiles",
            Empty::NeverUsed {
                text: "Without one, nobody who signs in may do anything.",
                action: Some(("Configuration", "/configuration#permission_profiles")),
            },
        ),
        false => profiles.iter().map(|profile| section(profile, may_draft)).collect_view().into_any(),
    };
    let new = may_draft.then(|| {
        view! { <a class="button" href=role_model::edit(PROFILE, None, None)>{icon("plus")}"New permission profile"</a> }
    });
    let body = view! {
        <header class="page-head">
            <div class="with-actions">
                <div>
                    <h1>"Permission profiles"</h1>
                    <p class="muted">"What those who hold them may do here. A path allows everything below it; only the exact path notifies."</p>
                </div>
                <div class="actions">{new}</div>
            </div>
        </header>
        {parts(Part::Profiles)}
        {content}
        {conflicts::section(conflicts, may_draft)}
    };
    Sheet { section: Section::Users, title: "Permission profiles".to_owned(), body: body.into_any() }
}

fn section(profile: &ProfileView, may_draft: bool) -> impl IntoView + use<> {
    let id = anchor(&profile.name);
    let heading = format!("{id}-heading");
    let labelled_by = heading.clone();
    let is_gone = profile.entries.is_empty() && profile.label == profile.name;
    let edit = (may_draft && !is_gone).then(|| {
        let label = format!("Change {} in a draft", profile.label);
        view! { <a class="button" aria-label=label href=role_model::edit(PROFILE, Some(&profile.name), None)>{icon("pencil")}"Change"</a> }
    });
    let held: Vec<Held> =
        profile.entries.iter().filter_map(|entry| Some((profile.name.clone(), entry.path.clone()?))).collect();
    let opens = tree::areas(&held).iter().map(|area| area.actions.len() as u64).sum::<u64>();
    let about = profile.people.clone().map(|people| {
        view! { <p>"Only about people for whom "<code class="wrap">{people}</code>" holds."</p> }
    });
    let content = match is_gone {
        true => view! { <p class="muted">"The configuration has no such profile any more, so it allows nothing. Take it from those who hold it."</p> }.into_any(),
        false => view! {
            <ul class="index">{profile.entries.iter().map(entry).collect_view()}</ul>
            {about}
            <details class="disclose">
                <summary>{format!("What it opens: {}", words::plural(opens, "action", "actions"))}</summary>
                {opened(&held)}
            </details>
        }
        .into_any(),
    };
    view! {
        <section class="panel" id=id aria-labelledby=labelled_by>
            <div class="with-actions"><h2 id=heading>{profile.label.clone()}" "<span class="mono subtle">{(profile.name != profile.label).then(|| profile.name.clone())}</span></h2>{edit}</div>
            {content}
            {holders(profile)}
        </section>
    }
}

/// A path, and what is particular about it.
fn entry(entry: &EntryView) -> impl IntoView + use<> {
    let silent = (!entry.notifies).then(|| view! { " "<span class="tag">"does not notify"</span> });
    let unknown = (!entry.is_known).then(|| {
        let title =
            "Nothing asks for this path: it allows nothing. It may be misspelt, or about what is no longer there.";
        view! { " "{chip::chip(Tone::Warn, "octagon", "leads nowhere", title.to_owned())} }
    });
    view! { <li><code>{entry.text.clone()}</code>{silent}{unknown}</li> }
}

fn holders(profile: &ProfileView) -> AnyView {
    if profile.holders.is_empty() {
        return view! { <p class="muted">"Nobody holds it."</p> }.into_any();
    }
    let count = profile.holders.len() as u64;
    let links = profile.holders.iter().enumerate().map(|(position, holder)| {
        let comma = (position > 0).then_some(", ");
        let disabled = holder.disabled.then_some(" (disabled)");
        view! { {comma}<a href=format!("/users/{}", holder.id)>{holder.display_name.clone()}</a>{disabled} }
    });
    view! { <p>{format!("Held by {}: ", words::plural(count, "user", "users"))}{links.collect_view()}</p> }.into_any()
}

/// "`/Jobs` in the profile operator": an entry, and where it stands.
fn granted(grant: &Grant) -> impl IntoView + use<> {
    let address = format!("/permissions#{}", anchor(&grant.profile));
    view! { <span><code>{grant.entry.as_str().to_owned()}</code>" in the profile "<a href=address>{grant.profile.clone()}</a></span> }
}

/// What entries open, as a table: area, action, path, pages.
pub fn opened(held: &[Held]) -> impl IntoView + use<> {
    let areas = tree::areas(held).into_iter().map(|area| {
        let span = area.actions.len();
        let rows = area.actions.into_iter().enumerate().map(move |(position, action)| {
            let heading = (position == 0).then(|| {
                view! { <th scope="rowgroup" rowspan=span data-label="Area">{area.name.clone()}</th> }.into_any()
            });
            row(heading, &action)
        });
        view! { <tbody>{rows.collect_view()}</tbody> }
    });
    view! {
        <table class="ledger opened">
            <thead><tr><th scope="col">"Area"</th><th scope="col">"May"</th><th scope="col">"By"</th><th scope="col">"Pages"</th></tr></thead>
            {areas.collect_view()}
        </table>
    }
}

fn row(heading: Option<AnyView>, action: &Opened) -> impl IntoView + use<> {
    let only = (!action.only_for.is_empty()).then(|| format!(", only for {}", action.only_for.join(", ")));
    let by = action.by.iter().map(|(profile, entry)| {
        let (address, title) = (format!("/permissions#{}", anchor(profile)), format!("in the profile {profile}"));
        view! { <a href=address title=title><code>{entry.as_str().to_owned()}</code></a>" " }
    });
    let pages = action.pages.iter().enumerate().map(|(position, page)| {
        let comma = (position > 0).then_some(", ");
        let page = match page.contains('{') {
            true => view! { <code>{*page}</code> }.into_any(),
            false => view! { <a href=*page><code>{*page}</code></a> }.into_any(),
        };
        view! { {comma}{page} }
    });
    let pages = match (action.pages.is_empty(), action.forms) {
        (false, _) => pages.collect_view().into_any(),
        (true, 0) => view! { <span class="subtle">"None of its own"</span> }.into_any(),
        (true, forms) => {
            view! { <span class="subtle">{words::plural(forms as u64, "form", "forms")}</span> }.into_any()
        }
    };
    view! {
        <tr>
            {heading}
            <td data-label="May" class="wide wrap">{words::sentence_case(action.words)}{only}<p class="hint mono">{action.path}</p></td>
            <td data-label="By" class="nowrap">{by.collect_view()}</td>
            <td data-label="Pages" class="wide wrap">{pages}</td>
        </tr>
    }
}
