//! What pages and server functions need of the request that is being answered.

use axum::http::header::{COOKIE, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use engine::context::OpContext;
use leptos::prelude::{ServerFnError, use_context};
use leptos_axum::ResponseOptions;
use model::error::{ApiError, ErrorCode};
use model::form::Typed;
use model::ids::FormId;

use crate::frame::{Rights, Visitor};
use crate::logic::address::{decode, encode, safe_return};
use crate::logic::flash::{self, Flash};
use crate::logic::query::Query;
use crate::logic::time::Clock;

/// Bytes that a browser surely keeps in one cookie, less the name and the attributes.
const TYPED_LIMIT: usize = 3_500;

/// Who asks.
///
/// # Errors
/// Where nobody has signed in.
pub async fn op() -> Result<OpContext, ServerFnError> {
    use_context::<OpContext>()
        .ok_or_else(|| ServerFnError::ServerError("You are not signed in. Sign in, then try again.".to_owned()))
}

/// The query of the address that was asked for.
pub fn query() -> Query {
    use_context::<Parts>().and_then(|parts| parts.uri.query().map(Query::parse)).unwrap_or_default()
}

/// Path and query that were asked for.
pub fn path() -> String {
    use_context::<Parts>()
        .and_then(|parts| parts.uri.path_and_query().map(|path| path.as_str().to_owned()))
        .unwrap_or_else(|| "/".to_owned())
}

/// `light` or `dark` where somebody chose.
pub fn theme() -> Option<&'static str> {
    let parts = use_context::<Parts>()?;
    match cookie(&parts, "theme")?.as_str() {
        "light" => Some("light"),
        "dark" => Some("dark"),
        _ => None,
    }
}

/// What every signed-in page shows of the request. Takes the message that a form left: it is shown once.
pub fn visitor(op: &OpContext) -> Visitor {
    Visitor {
        name: op.user.display_name.clone(),
        login: op.user.login.clone(),
        rights: Rights::of(&op.opened()),
        path: path(),
        theme: theme(),
        flash: take_flash(),
        clock: clock(op),
        request_id: op.request_id.clone(),
        reviews: 0,
        native_changes: 0,
        violations: 0,
        approvals: 0,
        certifications: 0,
        questions: 0,
        forms: 0,
        tools: None,
        menu: Vec::new(),
        has_identity: op.user.identity.is_some(),
        is_demo: op.engine.world().configuration().applications.values().any(|application| application.demo),
    }
}

/// The moment of the request, in the organisation's zone.
pub fn clock(op: &OpContext) -> Clock {
    Clock { now: op.now, zone: op.engine.world().time_zone() }
}

/// The message that the last form left; the answer removes it from the browser.
pub fn take_flash() -> Option<Flash> {
    let parts = use_context::<Parts>()?;
    if let Some(value) = cookie(&parts, flash::COOKIE_OF_PAGE) {
        let (name, path) = (flash::COOKIE_OF_PAGE, parts.uri.path());
        set_cookie(&format!("{name}=; Path={path}; HttpOnly; SameSite=Strict; Max-Age=0"));
        return Flash::decode(&value);
    }
    let value = cookie(&parts, flash::COOKIE)?;
    set_cookie(&format!("{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0", flash::COOKIE));
    Flash::decode(&value)
}

/// Ends a form: leaves a message and goes to `target`, a path of ours. Errors become messages, never part of an address.
pub fn finish(outcome: Result<Flash, ApiError>, target: &str) -> Result<(), ServerFnError> {
    let flash = outcome.unwrap_or_else(|error| Flash::failed(error.message));
    set_cookie(&flash.cookie());
    leptos_axum::redirect(safe_return(target));
    Ok(())
}

/// Goes on to another page, with nothing to say.
pub fn go(target: &str) -> Result<(), ServerFnError> {
    leptos_axum::redirect(safe_return(target));
    Ok(())
}

/// As [`finish`], where the message holds what nobody else may see: no page but `target`, a path without a query, is sent it.
pub fn finish_in_private(outcome: Result<Flash, ApiError>, target: &str) -> Result<(), ServerFnError> {
    let flash = outcome.unwrap_or_else(|error| Flash::failed(error.message));
    set_cookie(&flash.cookie_of_page(target));
    leptos_axum::redirect(target);
    Ok(())
}

/// Keeps what somebody typed into a form of this id for the page that comes next. What is too long for a cookie is not
/// kept.
pub fn keep_typed(id: &str, typed: &[Typed]) {
    let lines = typed.iter().map(|typed| format!("{}={}", typed.question, encode(&typed.text)));
    let value = encode(&lines.collect::<Vec<_>>().join("\n"));
    if value.len() > TYPED_LIMIT || id.parse::<FormId>().is_err() {
        return;
    }
    set_cookie(&format!("typed={value}; Path=/forms/{id}; HttpOnly; SameSite=Lax; Max-Age=60"));
}

/// What was typed before; the answer removes it from the browser.
pub fn take_typed(id: &str) -> Vec<Typed> {
    let Some(value) = use_context::<Parts>().and_then(|parts| cookie(&parts, "typed")) else { return Vec::new() };
    if id.parse::<FormId>().is_ok() {
        set_cookie(&format!("typed=; Path=/forms/{id}; HttpOnly; SameSite=Lax; Max-Age=0"));
    }
    let line = |line: &str| {
        let (question, text) = line.split_once('=')?;
        Some(Typed { question: question.parse().ok()?, text: decode(text) })
    };
    decode(&value).lines().filter_map(line).collect()
}

/// An id out of a form or an address.
///
/// # Errors
/// Says that there is no such thing.
pub fn id<T: std::str::FromStr>(text: &str, what: &str) -> Result<T, ApiError> {
    text.parse().map_err(|_| ApiError::not_found(format!("{what} `{}`", text.chars().take(40).collect::<String>())))
}

/// The HTTP status that says the same.
pub fn status(code: ErrorCode) -> StatusCode {
    match code {
        ErrorCode::Unauthenticated => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::NotFound => StatusCode::NOT_FOUND,
        ErrorCode::Invalid => StatusCode::BAD_REQUEST,
        ErrorCode::Conflict => StatusCode::CONFLICT,
        ErrorCode::TooManyRequests => StatusCode::TOO_MANY_REQUESTS,
        ErrorCode::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Sets the status of the answer that says the same as the code.
pub fn set_status(response: &Option<ResponseOptions>, code: ErrorCode) {
    if let Some(response) = response {
        response.set_status(status(code));
    }
}

fn set_cookie(cookie: &str) {
    if let Some(response) = use_context::<ResponseOptions>()
        && let Ok(cookie) = HeaderValue::from_str(cookie)
    {
        response.append_header(SET_COOKIE, cookie);
    }
}

fn cookie(parts: &Parts, name: &str) -> Option<String> {
    let cookies = parts.headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).filter(|value| !value.is_empty())
}
