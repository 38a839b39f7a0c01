//! What nobody should be allowed together, and who is.

use engine::permissions::ConflictView;
use leptos::prelude::*;
use model::configuration::ConflictEffect;
use model::draft::{ObjectKind, SettingKind};

use super::anchor;
use crate::components::chip::{self, Tone};
use crate::components::icon::icon;
use crate::logic::role_model;

const CONFLICT: ObjectKind = ObjectKind::Setting(SettingKind::PermissionConflict);

/// All pairs, with a way to another one for whoever may draft it.
pub(super) fn section(conflicts: &[ConflictView], may_draft: bool) -> impl IntoView + use<> {
    let new = may_draft.then(|| {
        view! { <a class="button" href=role_model::edit(CONFLICT, None, None)>{icon("plus")}"New permission conflict"</a> }
    });
    let content = match conflicts.is_empty() {
        true => view! { <p class="muted">"None. A pair says what nobody should be allowed together, such as asking and approving."</p> }.into_any(),
        false => {
            let rows = conflicts.iter().map(|view| row(view, may_draft));
            view! {
                <table class="ledger">
                    <thead><tr><th scope="col">"What"</th><th scope="col">"One side"</th><th scope="col">"Other side"</th><th scope="col">"Effect"</th><th scope="col">"Who has both"</th></tr></thead>
                    <tbody>{rows.collect_view()}</tbody>
                </table>
            }
            .into_any()
        }
    };
    view! {
        <section class="panel" id="conflicts" aria-labelledby="conflicts-heading">
            <div class="with-actions"><h2 id="conflicts-heading">"Not to be held together"</h2>{new}</div>
            <p class="hint">"Whoever holds everything has both sides of every pair: that is shown, and never refused."</p>
            {content}
        </section>
    }
}

fn row(view: &ConflictView, may_draft: bool) -> impl IntoView + use<> {
    let name = match may_draft {
        true => view! { <a href=role_model::edit(CONFLICT, Some(&view.name), None)>{view.conflict.display_name.clone()}</a> }.into_any(),
        false => view.conflict.display_name.clone().into_any(),
    };
    let (tone, shape, word) = match view.conflict.effect {
        ConflictEffect::Refuse => (Tone::Danger, "ban", "Refused"),
        ConflictEffect::Warn => (Tone::Warn, "octagon", "Shown"),
    };
    view! {
        <tr data-row="">
            <td data-label="What" class="wide wrap">{name}{view.conflict.description.clone().map(|text| view! { <p class="hint">{text}</p> })}</td>
            <td data-label="One side" class="nowrap">{paths(&view.conflict.first)}</td>
            <td data-label="Other side" class="nowrap">{paths(&view.conflict.second)}</td>
            <td data-label="Effect">{chip::chip(tone, shape, word, String::new())}</td>
            <td data-label="Who has both" class="wide wrap">{who(view)}</td>
        </tr>
    }
}

fn paths(paths: &[String]) -> impl IntoView + use<> {
    let paths = paths.iter().map(|path| view! { <li><code>{path.clone()}</code></li> });
    view! { <ul class="plain">{paths.collect_view()}</ul> }
}

fn who(view: &ConflictView) -> AnyView {
    if view.users.is_empty() && view.profiles.is_empty() {
        return view! { <span class="subtle">"Nobody"</span> }.into_any();
    }
    let users = view.users.iter().map(|(holder, met)| {
        view! { <li><a href=format!("/users/{}", holder.id)>{holder.display_name.clone()}</a><p class="hint">{met.entries()}</p></li> }
    });
    let profiles = view.profiles.iter().filter_map(|met| met.first.first()).map(|grant| {
        view! { <li><span>"The profile "<a href=format!("#{}", anchor(&grant.profile))>{grant.profile.clone()}</a>" by itself"</span></li> }
    });
    view! { <ul class="plain">{users.collect_view()}{profiles.collect_view()}</ul> }.into_any()
}
