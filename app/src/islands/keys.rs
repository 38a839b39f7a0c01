//! Keys for those who live in lists: go somewhere, walk rows, search, help. Single letters can be switched off for good,
//! because speech input and screen readers may need them (WCAG 2.1.4).

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement, HtmlInputElement, KeyboardEvent};

use crate::logic::search::KEYS;

/// Kept by the browser when single letters are off.
const OFF: &str = "single-letter-keys-off";

/// Links and boxes that `j` and `k` walk: one in each row.
const ROWS: &str = "[data-row] a[data-open]";

/// Listens to keys, and holds the help dialog.
#[island]
pub fn Keys() -> impl IntoView {
    let off = RwSignal::new(false);
    let going = RwSignal::new(false);
    let help = NodeRef::<leptos::html::Dialog>::new();
    Effect::new(move |_| {
        off.set(storage().and_then(|storage| storage.get_item(OFF).ok().flatten()).is_some());
        let handle = window_event_listener(leptos::ev::keydown, move |event| {
            if off.get_untracked() || event.ctrl_key() || event.meta_key() || event.alt_key() || is_typing(&event) {
                return;
            }
            if pressed(&event.key(), going, help) {
                event.prevent_default();
            }
        });
        on_cleanup(move || handle.remove());
    });
    let switch = move |_| {
        let now_off = !off.get_untracked();
        if let Some(storage) = storage() {
            // A browser that keeps nothing forgets the choice with the page, no worse.
            let _ = if now_off { storage.set_item(OFF, "1") } else { storage.remove_item(OFF) };
        }
        off.set(now_off);
    };
    let close = move |_| {
        if let Some(dialog) = help.get_untracked() {
            dialog.close();
        }
    };
    let open = move |_| show(help);
    let places = KEYS.map(|(key, _, name)| {
        view! { <div><dt><kbd>"g"</kbd>" "<kbd>{key}</kbd></dt><dd>{name}</dd></div> }
    });
    view! {
        <button type="button" class="icon-button needs-script" aria-label="Keys" title="Keys (?)" on:click=open>
            {crate::components::icon::icon("keyboard")}
        </button>
        <dialog node_ref=help class="help" aria-labelledby="keys-title">
            <h2 id="keys-title">"Keys"</h2>
            <dl class="keys">
                {places}
                <div><dt><kbd>"j"</kbd>" "<kbd>"k"</kbd></dt><dd>"Next and previous row"</dd></div>
                <div><dt><kbd>"x"</kbd></dt><dd>"Tick the row"</dd></div>
                <div><dt><kbd>"Enter"</kbd></dt><dd>"Open the row"</dd></div>
                <div><dt><kbd>"Ctrl"</kbd>" "<kbd>"K"</kbd></dt><dd>"Find and do anything"</dd></div>
                <div><dt><kbd>"/"</kbd></dt><dd>"Search"</dd></div>
                <div><dt><kbd>"?"</kbd></dt><dd>"This help"</dd></div>
            </dl>
            <div class="actions">
                <button type="button" class="button quiet" on:click=switch>
                    {move || if off.get() { "Switch single-letter keys on" } else { "Switch single-letter keys off" }}
                </button>
                <button type="button" class="button" on:click=close>"Close"</button>
            </div>
        </dialog>
    }
}

/// Does what the key means; false where it means nothing.
fn pressed(key: &str, going: RwSignal<bool>, help: NodeRef<leptos::html::Dialog>) -> bool {
    if going.get_untracked() {
        going.set(false);
        let place = KEYS.iter().find(|(letter, ..)| *letter == key);
        return place.is_some_and(|(_, path, _)| window().location().set_href(&opened_by_menu(path)).is_ok());
    }
    match key {
        "g" => going.set(true),
        "j" => walk(1),
        "k" => walk(-1),
        "x" => tick(),
        "/" => focus("input[type=search]"),
        "?" => show(help),
        _ => return false,
    }
    true
}

/// Where the menu leads for that page: with the view that somebody chose to open it with.
fn opened_by_menu(path: &str) -> String {
    let link = document().query_selector(&format!("nav.rail a[data-place='{path}']")).ok().flatten();
    link.and_then(|link| link.get_attribute("href")).unwrap_or_else(|| path.to_owned())
}

fn is_typing(event: &KeyboardEvent) -> bool {
    let target = event.target().and_then(|target| target.dyn_into::<HtmlElement>().ok());
    let Some(target) = target else { return false };
    let is_box = target.dyn_ref::<HtmlInputElement>().is_some_and(|input| input.type_() == "checkbox");
    !is_box && (target.is_content_editable() || matches!(target.tag_name().as_str(), "INPUT" | "TEXTAREA" | "SELECT"))
}

fn show(help: NodeRef<leptos::html::Dialog>) {
    if let Some(dialog) = help.get_untracked() {
        let dialog: HtmlDialogElement = dialog;
        // Fails only where it is open already.
        let _ = dialog.show_modal();
    }
}

fn focus(selector: &str) {
    let found = document().query_selector(selector).ok().flatten();
    if let Some(element) = found.and_then(|element| element.dyn_into::<HtmlElement>().ok()) {
        let _ = element.focus();
    }
}

fn walk(by: i32) {
    let Ok(rows) = document().query_selector_all(ROWS) else { return };
    let links: Vec<HtmlElement> = (0..rows.length()).filter_map(|index| rows.get(index)?.dyn_into().ok()).collect();
    let row = document().active_element().and_then(|active| active.closest("[data-row]").ok().flatten());
    let current = row.and_then(|row| links.iter().position(|link| row.contains(Some(link))));
    let last = i32::try_from(links.len()).unwrap_or(i32::MAX) - 1;
    let next =
        current.and_then(|current| i32::try_from(current).ok()).map_or(0, |current| (current + by).clamp(0, last));
    if let Some(link) = usize::try_from(next).ok().and_then(|next| links.get(next)) {
        let _ = link.focus();
    }
}

fn tick() {
    let row = document().active_element().and_then(|active| active.closest("[data-row]").ok().flatten());
    let found = row.and_then(|row| row.query_selector("input[type=checkbox]").ok().flatten());
    if let Some(input) = found.and_then(|input| input.dyn_into::<HtmlElement>().ok()) {
        input.click();
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}
