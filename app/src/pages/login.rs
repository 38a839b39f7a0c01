//! The sign-in page. The form is answered by the rim, which knows sessions. A form that came in after a session had ended is kept on
//! it, and shown once more before it goes out.

use leptos::prelude::*;

use crate::components::icon::mark;
use crate::frame::{Section, Sheet, bare, flash};
use crate::logic::address::safe_return;
use crate::logic::flash::Flash;
use crate::logic::held::HeldForm;
use crate::ssr;

/// What the rim makes the page show beside signing in.
#[derive(Clone, Debug)]
pub enum Held {
    /// To sign in with; and what was wrong with the last try.
    SignIn(HeldForm, Option<String>),
    /// To look at and send: its sender has signed in.
    Send(HeldForm),
}

#[component]
pub fn LoginPage() -> impl IntoView {
    let query = ssr::query();
    let message = ssr::take_flash().or_else(|| query.get("problem").and_then(|code| problem(&code)));
    match use_context::<Held>() {
        Some(Held::Send(held)) => bare(held_sheet(&held)),
        Some(Held::SignIn(held, wrong)) => {
            bare(login_sheet(wrong.map(Flash::failed).or(message), &held.return_to, Some(&held)))
        }
        None => bare(login_sheet(message, &query.get("return_to").unwrap_or_default(), None)),
    }
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

pub fn login_sheet(message: Option<Flash>, return_to: &str, held: Option<&HeldForm>) -> Sheet {
    let kept = held.map(|_| {
        view! { <p class="banner warn" role="status">"You are not signed in any more, so what you filled in was not sent. It is kept on this page: sign in to go on with it."</p> }
    });
    let held = held.map(|held| {
        view! {
            <input type="hidden" name="held_action" value=held.action.clone() />
            <input type="hidden" name="held_body" value=held.body.clone() />
        }
    });
    let body = view! {
        <div class="login">
            <p class="wordmark">{mark()}<span>"Quartermaster"</span></p>
            <h1>"Sign in"</h1>
            {message.as_ref().map(flash)}
            {kept}
            <form method="post" action="/login">
                <input type="hidden" name="return_to" value=safe_return(return_to).to_owned() />
                {held}
                <label class="field">"Login"<input name="login" autocomplete="username" autocapitalize="none" spellcheck="false" required autofocus /></label>
                <label class="field">"Password"<input name="password" type="password" autocomplete="current-password" required /></label>
                <button class="button primary wide">"Sign in"</button>
            </form>
            <p class="muted">"Who should have which access, made so and shown to be so."</p>
        </div>
    };
    Sheet { section: Section::Elsewhere, title: "Sign in".to_owned(), body: body.into_any() }
}

/// What was filled in, once more.
pub fn held_sheet(held: &HeldForm) -> Sheet {
    let told = held.told().into_iter();
    let told = told.map(|(name, value)| view! { <dt>{name}</dt><dd>{value}</dd> });
    let fields = held.fields().into_iter();
    let fields = fields.map(|(name, value)| view! { <input type="hidden" name=name value=value /> });
    let body = view! {
        <div class="login">
            <p class="wordmark">{mark()}<span>"Quartermaster"</span></p>
            <h1>"You are signed in again"</h1>
            <p>"This was filled in before, and not sent:"</p>
            <dl class="held">{told.collect_view()}</dl>
            <form method="post" action=held.action.clone()>
                {fields.collect_view()}
                <button class="button primary wide">"Send it now"</button>
            </form>
            <p><a href=held.return_to.clone()>"Go back without sending it"</a></p>
        </div>
    };
    Sheet { section: Section::Elsewhere, title: "Send what was filled in".to_owned(), body: body.into_any() }
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
