//! Copies a value. Without scripts the value is there to be selected and the button is not.

use leptos::prelude::*;

use crate::components::icon::icon;

/// A button that copies `text`; `what` names it for screen readers.
#[island]
pub fn Copy(text: String, what: String) -> impl IntoView {
    let copied = RwSignal::new(false);
    let copy = move |_| {
        let clipboard = window().navigator().clipboard();
        // The promise's outcome is the browser's to show; a refusal leaves the text selectable.
        let _ = clipboard.write_text(&text);
        copied.set(true);
        set_timeout(move || copied.set(false), std::time::Duration::from_secs(2));
    };
    view! {
        <button type="button" class="icon-button needs-script" on:click=copy aria-label=format!("Copy {what}") title="Copy">
            {move || if copied.get() { icon("check") } else { icon("copy") }}
        </button>
        <span class="sr" role="status">{move || copied.get().then_some("Copied")}</span>
    }
}
