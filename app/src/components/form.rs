//! Forms that work without scripts: plain posts to server functions.

use leptos::prelude::*;

use super::icon::icon;

/// A form of one button.
pub fn action(
    path: &'static str,
    id: impl std::fmt::Display,
    label: &'static str,
    shape: &'static str,
    class: &'static str,
) -> impl IntoView {
    view! {
        <form method="post" action=path>
            <input type="hidden" name="id" value=id.to_string() />
            <button class=class>{icon(shape)}{label}</button>
        </form>
    }
}

/// The same for what goes by a name.
pub fn named_action(path: &'static str, name: &str, label: &'static str, shape: &'static str) -> impl IntoView + use<> {
    view! {
        <form method="post" action=path>
            <input type="hidden" name="name" value=name.to_owned() />
            <button class="button">{icon(shape)}{label}</button>
        </form>
    }
}

/// Why there is no button.
pub fn refused(what: &'static str, permission: &'static str) -> impl IntoView + use<> {
    view! { <p class="hint">{what}" takes the permission "<code>{permission}</code>", which your profile does not include."</p> }
}

/// A choice in a select.
pub fn option(value: String, label: String, chosen: bool) -> impl IntoView {
    view! { <option value=value selected=chosen>{label}</option> }
}
