//! For whom a condition holds, as it is typed. Without scripts a button of the form asks the same.

use std::time::Duration;

use leptos::prelude::*;
use model::draft::Matching;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::Event;

use super::fetch::fetch;
use crate::components::matching::matching;
use crate::logic::address::Address;

/// How long the writer has to pause.
const PAUSE: Duration = Duration::from_millis(250);

/// The line beneath the condition in the field `when`; asks again whenever its writer pauses.
#[island]
pub fn LiveMatching(known: Matching) -> impl IntoView {
    let known = RwSignal::new(known);
    Effect::new(move |_| follow(known));
    view! { <div class="matching" role="status">{move || known.with(matching)}</div> }
}

/// Listens to the fields of the form, and takes the last answer that was asked for.
fn follow(known: RwSignal<Matching>) {
    let asked = StoredValue::new(0_u32);
    let waiting = StoredValue::new(None::<TimeoutHandle>);
    let ask = move || {
        let number = asked.get_value() + 1;
        asked.set_value(number);
        let [when, before, after] = ["when", "days_before", "days_after"].map(field);
        let address = Address::new("/api/conditions/matching")
            .with("when", Some(&when))
            .with("days_before", Some(&before))
            .with("days_after", Some(&after));
        fetch(&address.to_string(), move |answer| {
            // Without one, the line says what it said last: sending the form tells what is wrong.
            if let Some(answer) = answer.filter(|_| asked.get_value() == number) {
                known.set(answer);
            }
        });
    };
    let typed = Closure::<dyn FnMut(Event)>::new(move |_| {
        if let Some(earlier) = waiting.get_value() {
            earlier.clear();
        }
        waiting.set_value(set_timeout_with_handle(ask, PAUSE).ok());
    });
    if let Ok(Some(form)) = document().query_selector(".ask-form") {
        // A form that cannot be listened to keeps the line of the page.
        let _ = form.add_event_listener_with_callback("input", typed.as_ref().unchecked_ref());
    }
    // It lives as long as the page.
    typed.forget();
    // What was typed before this code had come.
    if property("when", "value") != property("when", "defaultValue") {
        ask();
    }
}

/// What stands in a field of the form.
fn field(name: &str) -> String {
    property(name, "value")
}

fn property(field: &str, name: &str) -> String {
    let found = document().query_selector(&format!(".ask-form [name={field}]")).ok().flatten();
    let value = found.and_then(|field| js_sys::Reflect::get(&field, &name.into()).ok());
    value.and_then(|value| value.as_string()).unwrap_or_default()
}
