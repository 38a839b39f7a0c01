//! Forms that work without scripts: plain posts to server functions.

use leptos::prelude::*;

use super::icon::icon;
use crate::logic::form::Input;
use crate::logic::words;

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

/// Stands first in a form whose lines have buttons of their own, so that Enter in one of its fields presses none of them:
/// a browser takes the first button for that, and does nothing where it is disabled.
pub fn no_default() -> impl IntoView {
    view! { <button type="submit" disabled hidden></button> }
}

/// Why there is no button.
pub fn refused(what: &'static str, permission: &'static str) -> impl IntoView + use<> {
    view! { <p class="hint">{what}" takes the permission "<code>{permission}</code>", which your profile does not include."</p> }
}

/// A choice in a select.
pub fn option(value: String, label: String, chosen: bool) -> impl IntoView {
    view! { <option value=value selected=chosen>{label}</option> }
}

/// Names that are offered at most while somebody types: more would make the page many times as large.
const OFFERED: usize = 1_000;

/// What is offered while somebody types into a field whose `list` this is: values, with what people call them. Of a great many,
/// only the first are.
pub fn suggestions(id: &'static str, all: impl IntoIterator<Item = (String, String)>) -> AnyView {
    let mut all = all.into_iter();
    let offered: Vec<_> =
        all.by_ref().take(OFFERED).map(|(value, label)| view! { <option value=value label=label></option> }).collect();
    // What is only mapped is not looked at for being counted.
    let rest = match all.size_hint() {
        (least, Some(most)) if least == most => least,
        _ => all.count(),
    };
    let rest = (rest > 0).then(|| {
        let text = format!(
            "{} names are offered; {} more can be typed whole.",
            words::number(OFFERED as u64),
            words::number(rest as u64)
        );
        view! { <span class="hint">{text}</span> }
    });
    view! { <datalist id=id>{offered}</datalist>{rest} }.into_any()
}

/// What is around the field of a value.
#[derive(Clone, Debug, Default)]
pub struct ValueField {
    pub name: &'static str,
    /// For its label; where there is none, `label` names it.
    pub id: Option<String>,
    pub label: Option<String>,
    /// Ids of what describes it.
    pub described_by: Option<String>,
    pub is_invalid: bool,
    pub is_required: bool,
}

/// A value as its kind is typed or chosen, with what stands in it now.
pub fn value(input: Input, now: String, field: ValueField) -> AnyView {
    let ValueField { name, id, label, described_by, is_invalid, is_required } = field;
    let invalid = is_invalid.then_some("true");
    let (kind, mode, longest) = match input {
        Input::Choice(choices) => {
            let options = choices.into_iter().map(|(value, word)| {
                let chosen = value == now;
                option(value, word, chosen)
            });
            return view! {
                <select id=id name=name required=is_required aria-label=label aria-describedby=described_by aria-invalid=invalid>
                    <option value="">"Choose"</option>
                    {options.collect_view()}
                </select>
            }
            .into_any();
        }
        Input::Date => ("date", None, None),
        Input::Number => ("text", Some("numeric"), None),
        Input::Text(longest) => ("text", None, longest.map(|longest| longest.to_string())),
    };
    view! { <input id=id type=kind inputmode=mode name=name value=now maxlength=longest required=is_required autocomplete="off" aria-label=label aria-describedby=described_by aria-invalid=invalid /> }
    .into_any()
}
