//! Asking the server for something while a page is open.

use serde::de::DeserializeOwned;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::XmlHttpRequest;

/// Gets an address of this server, and hands over what came back; none where it was no answer of that kind, as after the
/// session's end.
pub(super) fn fetch<T: DeserializeOwned>(address: &str, take: impl FnOnce(Option<T>) + 'static) {
    let Ok(request) = XmlHttpRequest::new() else { return };
    if request.open("GET", address).is_err() {
        return;
    }
    let answer = request.clone();
    let ended = Closure::once_into_js(move || {
        let text = answer.response_text().ok().flatten().unwrap_or_default();
        take(serde_json::from_str(&text).ok());
    });
    request.set_onloadend(Some(ended.unchecked_ref()));
    // Whatever becomes of it, the end is told.
    let _ = request.send();
}
