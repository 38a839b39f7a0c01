//! Ticks all rows of a form, and counts the ticked ones. Without scripts people tick one by one.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;

/// Tools for the checkboxes named `ids[]` on the page.
#[island]
pub fn Selection() -> impl IntoView {
    let ticked = RwSignal::new(0_usize);
    let total = RwSignal::new(0_usize);
    let count = move || {
        let boxes = boxes();
        total.set(boxes.len());
        ticked.set(boxes.iter().filter(|input| input.checked()).count());
    };
    Effect::new(move |_| {
        count();
        let handle = window_event_listener(leptos::ev::change, move |_| count());
        on_cleanup(move || handle.remove());
    });
    let toggle = move |_| {
        let tick = ticked.get_untracked() < total.get_untracked();
        for input in boxes() {
            input.set_checked(tick);
        }
        count();
    };
    view! {
        <button type="button" class="button quiet needs-script" on:click=toggle>
            {move || if total.get() > 0 && ticked.get() == total.get() { "Select none" } else { "Select all on this page" }}
        </button>
        <span class="needs-script muted" role="status">{move || format!("{} selected", ticked.get())}</span>
    }
}

fn boxes() -> Vec<HtmlInputElement> {
    let Ok(found) = document().query_selector_all("input[name='ids[]']") else { return Vec::new() };
    (0..found.length()).filter_map(|index| found.get(index)?.dyn_into().ok()).collect()
}
