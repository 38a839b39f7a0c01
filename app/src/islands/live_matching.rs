//! For whom a condition holds, as it is typed. Without scripts a button of the form asks the same.

use leptos::prelude::*;
use model::draft::Matching;

use crate::components::matching::matching;

/// The line beneath the condition in the field `when`; asks again whenever its writer pauses.
#[island]
pub fn LiveMatching(known: Matching) -> impl IntoView {
    let known = RwSignal::new(known);
    Effect::new(move |_| follow(known));
    view! { <div class="matching" role="status">{move || known.with(matching)}</div> }
}

/// Listens to the fields of the form, and takes the last answer that was asked for.
#[cfg(feature = "hydrate")]
fn follow(known: RwSignal<Matching>) {
    use std::time::Duration;

    use wasm_bindgen::JsCast;
    use wasm_bindgen::closure::Closure;
    use web_sys::{Event, XmlHttpRequest};

    /// How long its writer has to pause.
    const PAUSE: Duration = Duration::from_millis(250);

    let asked = StoredValue::new(0_u32);
    let waiting = StoredValue::new(None::<TimeoutHandle>);
    let ask = move || {
        let number = asked.get_value() + 1;
        asked.set_value(number);
        let Ok(request) = XmlHttpRequest::new() else { return };
        let field = |name: &str| {
            let typed = document().query_selector(&format!(".ask-form [name={name}]")).ok().flatten();
            let typed = typed.and_then(|field| js_sys::Reflect::get(&field, &"value".into()).ok()?.as_string());
            String::from(js_sys::encode_uri_component(&typed.unwrap_or_default()))
        };
        let [when, before, after] = ["when", "days_before", "days_after"].map(field);
        let address = format!("/api/conditions/matching?when={when}&days_before={before}&days_after={after}");
        let answered = request.clone();
        let take = Closure::once_into_js(move || {
            let text = answered.response_text().ok().flatten().unwrap_or_default();
            // A refusal, as after the session's end, leaves what was said last: sending the form tells what is wrong.
            if let (true, Ok(answer)) = (asked.get_value() == number, serde_json::from_str(&text)) {
                known.set(answer);
            }
        });
        request.set_onload(Some(take.unchecked_ref()));
        if request.open("GET", &address).is_ok() {
            // Whatever goes wrong on the way, the line stays as it is.
            let _ = request.send();
        }
    };
    let typed = Closure::<dyn FnMut(Event)>::new(move |_| {
        if let Some(earlier) = waiting.get_value() {
            earlier.clear();
        }
        waiting.set_value(set_timeout_with_handle(ask, PAUSE).ok());
    });
    if let Ok(Some(form)) = document().query_selector(".ask-form") {
        let _ = form.add_event_listener_with_callback("input", typed.as_ref().unchecked_ref());
    }
    // It lives as long as the page.
    typed.forget();
}

/// The server draws once.
#[cfg(not(feature = "hydrate"))]
fn follow(_known: RwSignal<Matching>) {}
