//! The sign-in page. The form is answered by the rim, which knows sessions.

use leptos::prelude::*;

use crate::components::icon::mark;
use crate::frame::{Section, Sheet, bare, flash};
use crate::logic::address::safe_return;
use crate::logic::flash::Flash;
use crate::ssr;

#[component]
pub fn LoginPage() -> impl IntoView {
    let query = ssr::query();
    let message = ssr::take_flash().or_else(|| query.get("problem").and_then(|code| problem(&code)));
    bare(login_sheet(message, &query.get("return_to").unwrap_or_default()))
}

/// Texts are fixed here, so that no link can put its own words on the page where people type passwords.
fn problem(code: &str) -> Option<Flash> {
    Some(Flash::failed(match code {
        "wrong" => "Login or password is wrong.",
        "locked" => "Too many attempts. Wait a few minutes, then try again.",
        "expired" => "You were signed out because nothing happened for a while. Sign in to go on.",
        _ => return None,
    }))
}

pub fn login_sheet(message: Option<Flash>, return_to: &str) -> Sheet {
    let body = view! {
        <div class="login">
            <p class="wordmark">{mark()}<span>"Quartermaster"</span></p>
            <h1>"Sign in"</h1>
            {message.as_ref().map(flash)}
            <form method="post" action="/login">
                <input type="hidden" name="return_to" value=safe_return(return_to).to_owned() />
                <label class="field">"Login"<input name="login" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus /></label>
                <label class="field">"Password"<input name="password" type="password" autocomplete="current-password" required /></label>
                <button class="button primary wide">"Sign in"</button>
            </form>
            <p class="muted">"Who should have which access, made so and shown to be so."</p>
        </div>
    };
    Sheet { section: Section::Elsewhere, title: "Sign in".to_owned(), body: body.into_any() }
}

#[cfg(test)]
mod tests {
    use super::problem;

    #[test]
    fn only_known_codes_say_something() {
        assert!(problem("wrong").is_some());
        assert!(problem("<b>your account is locked, call 555</b>").is_none());
    }
}
