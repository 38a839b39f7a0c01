//! The palette: everything one may see, and what can be done on this page, by keyboard. Without scripts the search field
//! beside it leads to the page of the same answers.

use leptos::html::{Dialog, Input};
use leptos::prelude::*;
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement, KeyboardEvent};

use super::fetch::fetch;
use crate::components::icon::icon;
use crate::logic::address::Address;
use crate::logic::search::Suggestion;

/// Where the browser keeps what was opened last.
const RECENT: &str = "recently-opened";
/// Pages that are kept, and that stand below what was found.
const RECENT_KEPT: usize = 8;
const RECENT_BESIDE: usize = 3;
/// Before a question is sent, so long nothing must have been typed.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(70);
/// Buttons and links of the page that stand for what can be done on it.
const DEEDS: &str = "main button[type=submit], main button:not([type]), main a.button";
const DEEDS_SHOWN: usize = 6;
const NOTHING: &str = "Nothing found. Write fewer words, or only the beginning of one.";
const NO_ANSWER: &str = "The server does not answer. Reload the page, then search again.";
/// In place of an address: the deed of that number.
const DEED: &str = "deed:";

/// What was opened last, the newest first, by whom.
#[derive(Default, Serialize, Deserialize)]
struct Recent {
    login: String,
    pages: Vec<Suggestion>,
}

/// A button, and the dialog with a field and what was found.
#[island]
pub fn Palette(login: String) -> impl IntoView {
    let dialog = NodeRef::<Dialog>::new();
    let field = NodeRef::<Input>::new();
    let lines = RwSignal::new(Vec::<Suggestion>::new());
    let active = RwSignal::new(0_usize);
    let said = RwSignal::new("");
    // Number of the question whose answer counts; and whether Enter waits for it.
    let question = StoredValue::new(0_u32);
    let answered = StoredValue::new(true);
    let hurried = StoredValue::new(false);
    let owner = StoredValue::new(login);

    let show = move |found: Vec<Suggestion>, otherwise: &'static str| {
        said.set(if found.is_empty() { otherwise } else { "" });
        lines.set(found);
        active.set(0);
        answered.set_value(true);
        if hurried.get_value() {
            hurried.set_value(false);
            open(lines, 0);
        }
    };
    let ask = move |text: String| {
        let number = question.get_value().wrapping_add(1);
        question.set_value(number);
        answered.set_value(false);
        // Where one is, one need not go.
        let here = here();
        let mut recent = owner.with_value(|login| recent(login));
        recent.retain(|page| Some(&page.address) != here.as_ref());
        if text.is_empty() {
            let deeds = deeds(&text);
            return show(recent.into_iter().chain(deeds).collect(), "");
        }
        set_timeout(
            move || {
                if question.get_value() != number {
                    return;
                }
                let address = Address::new("/api/search").with("q", Some(&text)).to_string();
                fetch(&address, move |found: Option<Vec<Suggestion>>| {
                    if question.get_value() == number {
                        let otherwise = if found.is_some() { NOTHING } else { NO_ANSWER };
                        show(beside(found.unwrap_or_default(), recent, &text), otherwise);
                    }
                });
            },
            PAUSE,
        );
    };
    let open_palette = move || {
        let (Some(dialog), Some(field)) = (dialog.get_untracked(), field.get_untracked()) else { return };
        let dialog: HtmlDialogElement = dialog;
        if dialog.open() {
            dialog.close();
            return;
        }
        field.set_value("");
        ask(String::new());
        // Fails only where it is open already. Closed again, the browser goes back to where one was.
        let _ = dialog.show_modal();
        let _ = field.focus();
    };
    // What was opened and typed before this code had come is gone on with.
    let take_over = move || {
        // It can only fail for a name that is none.
        let _ = document().document_element().map(|root| root.set_attribute("data-palette", ""));
        let (Some(dialog), Some(field)) = (dialog.get_untracked(), field.get_untracked()) else { return };
        let dialog: HtmlDialogElement = dialog;
        if dialog.open() {
            ask(field.value().trim().to_owned());
            if dialog.has_attribute("data-hurried") {
                match answered.get_value() {
                    true => open(lines, 0),
                    false => hurried.set_value(true),
                }
            }
        }
    };
    Effect::new(move |_| {
        owner.with_value(|login| remember(login));
        take_over();
        let handle = window_event_listener(leptos::ev::keydown, move |event: KeyboardEvent| {
            let is_k = event.key().eq_ignore_ascii_case("k") && !event.alt_key() && !event.shift_key();
            if is_k && (event.ctrl_key() || event.meta_key()) {
                event.prevent_default();
                open_palette();
            }
        });
        on_cleanup(move || handle.remove());
    });
    let pressed = move |event: KeyboardEvent| {
        let count = lines.with_untracked(Vec::len);
        let now = active.get_untracked();
        let next = match event.key().as_str() {
            "ArrowDown" if count > 0 => (now + 1) % count,
            "ArrowUp" if count > 0 => (now + count - 1) % count,
            "Enter" => {
                event.prevent_default();
                match answered.get_value() {
                    true => open(lines, now),
                    false => hurried.set_value(true),
                }
                return;
            }
            _ => return,
        };
        event.prevent_default();
        active.set(next);
        if let Some(line) = document().get_element_by_id(&format!("palette-{next}")) {
            line.scroll_into_view_with_bool(false);
        }
    };
    let typed = move |_| {
        let text = field.get_untracked().map(|field| field.value()).unwrap_or_default();
        ask(text.trim().to_owned());
    };
    let current = move || lines.with(|lines| !lines.is_empty()).then(|| format!("palette-{}", active.get()));
    let options = move || {
        let found = lines.get();
        found.into_iter().enumerate().map(|(index, line)| {
            view! {
                <li role="option" id=format!("palette-{index}") aria-selected=move || (active.get() == index).to_string() on:click=move |_| open(lines, index)>
                    <span class="palette-title">{line.title}</span><span class="palette-detail">{line.detail}</span><span class="palette-kind">{line.kind}</span>
                </li>
            }
        }).collect_view()
    };
    view! {
        <button type="button" class="icon-button palette-open needs-script" aria-label="Find and do anything" title="Find and do anything (Ctrl K)" on:click=move |_| open_palette()>
            {icon("prompt")}
        </button>
        <dialog node_ref=dialog class="palette" aria-label="Find and do anything">
            <input node_ref=field type="text" role="combobox" aria-label="Find a page, a person, a number, or something to do" placeholder="Find a page, a person, a number, or something to do"
                aria-autocomplete="list" aria-expanded="true" aria-controls="palette-lines" aria-activedescendant=current autocomplete="off" spellcheck="false"
                on:input=typed on:keydown=pressed />
            <ul id="palette-lines" role="listbox" aria-label="Found">{options}</ul>
            <p class="palette-said" role="status">{move || Some(said.get()).filter(|said| !said.is_empty())}</p>
            <p class="palette-keys" aria-hidden="true"><span><kbd>"↑"</kbd>" "<kbd>"↓"</kbd>" choose"</span><span><kbd>"Enter"</kbd>" open or do"</span><span><kbd>"Esc"</kbd>" back to the page"</span></p>
        </dialog>
    }
}

/// Goes where the line leads, or does what it stands for.
fn open(lines: RwSignal<Vec<Suggestion>>, index: usize) {
    let Some(address) = lines.with_untracked(|lines| lines.get(index).map(|line| line.address.clone())) else { return };
    match address.strip_prefix(DEED).and_then(|number| number.parse().ok()) {
        Some(number) => {
            if let Ok(Some(dialog)) = document().query_selector("dialog.palette[open]") {
                dialog.unchecked_into::<HtmlDialogElement>().close();
            }
            if let Some(deed) = all_deeds().into_iter().nth(number) {
                deed.click();
            }
        }
        // Where the browser refuses, one stays where one is.
        None => drop(window().location().set_href(&address)),
    }
}

/// Below what was found: what was opened last and holds the text, then what can be done on this page.
fn beside(found: Vec<Suggestion>, recent: Vec<Suggestion>, text: &str) -> Vec<Suggestion> {
    let folded = text.to_lowercase();
    let is_new = |page: &Suggestion| found.iter().all(|line| line.address != page.address);
    let holds = |page: &Suggestion| page.title.to_lowercase().contains(&folded);
    let recent: Vec<Suggestion> =
        recent.into_iter().filter(|page| holds(page) && is_new(page)).take(RECENT_BESIDE).collect();
    found.into_iter().chain(recent).chain(deeds(text)).collect()
}

/// What can be done on this page and holds the words; it stands last, so that nobody does it by Enter alone.
fn deeds(text: &str) -> Vec<Suggestion> {
    let folded = text.to_lowercase();
    let mut found: Vec<Suggestion> = Vec::new();
    for (number, deed) in all_deeds().into_iter().enumerate() {
        let title = deed.text_content().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        let name = title.to_lowercase();
        let is_known = title.is_empty() || found.iter().any(|line| line.title == title);
        if is_known || !folded.split_whitespace().all(|word| name.contains(word)) {
            continue;
        }
        let (kind, address) = ("On this page".to_owned(), format!("{DEED}{number}"));
        found.push(Suggestion { kind, title, detail: String::new(), address });
    }
    found.truncate(DEEDS_SHOWN);
    found
}

fn all_deeds() -> Vec<HtmlElement> {
    let Ok(found) = document().query_selector_all(DEEDS) else { return Vec::new() };
    let elements = (0..found.length()).filter_map(|index| found.get(index)?.dyn_into::<HtmlElement>().ok());
    // What stands in something that is closed is out of sight, though it has a width.
    let is_closed = |element: &HtmlElement| !matches!(element.closest("details:not([open])"), Ok(None));
    elements
        .filter(|element| !element.has_attribute("disabled") && element.offset_width() > 0 && !is_closed(element))
        .collect()
}

/// What this person opened last.
fn recent(login: &str) -> Vec<Suggestion> {
    let stored = storage().and_then(|storage| storage.get_item(RECENT).ok().flatten());
    let recent: Recent = stored.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
    // Somebody else's are nobody's business.
    if recent.login == login { recent.pages } else { Vec::new() }
}

/// Keeps the page that is open. A page that could not be shown, and the search, are none to come back to.
fn remember(login: &str) {
    let Some(address) = here() else { return };
    let path = address.split('?').next().unwrap_or_default().to_owned();
    let is_refused = document().query_selector("main .problem").is_ok_and(|found| found.is_some());
    let title = document().title();
    let title = title.strip_suffix(" · Quartermaster").unwrap_or(&title).to_owned();
    if is_refused || path == "/search" || title.is_empty() {
        return;
    }
    let mut pages = recent(login);
    pages.retain(|page| page.address != address && page.title != title);
    pages.insert(0, Suggestion { kind: "Opened before".to_owned(), title, detail: path, address });
    pages.truncate(RECENT_KEPT);
    let kept = serde_json::to_string(&Recent { login: login.to_owned(), pages });
    if let (Some(storage), Ok(text)) = (storage(), kept) {
        // A browser that keeps nothing has nothing to offer later, no worse.
        let _ = storage.set_item(RECENT, &text);
    }
}

/// Path and query of this page.
fn here() -> Option<String> {
    let location = window().location();
    Some(format!("{}{}", location.pathname().ok()?, location.search().ok()?))
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}
