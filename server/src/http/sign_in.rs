//! Signing in and out, and the choice of light or dark: plain forms that answer with a redirection. A form that comes in after its
//! session has ended is kept by the sign-in page ([`HeldForm`]).

use std::net::IpAddr;
use std::time::Instant;

use app::logic::address::safe_return;
use app::logic::flash::Flash;
use app::logic::held::{self, HeldForm};
use app::pages::login::Held;
use axum::Extension;
use axum::body::{Body, to_bytes};
use axum::extract::{Form, Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::post;
use axum::{Router, response::AppendHeaders};
use leptos::prelude::provide_context;
use model::error::{ApiError, ErrorCode};
use serde::Deserialize;
use tower_sessions::Session;

use super::address::ClientAddress;
use super::observe::RequestId;
use super::session::{self, Caller};
use super::{Site, problem};

/// So many passwords may be under examination or wait for it; a hash takes a processor and 46 MiB for a while.
pub const EXAMINED: usize = 64;

/// The routes.
pub fn router() -> Router<Site> {
    Router::new()
        .route("/login", post(sign_in))
        .route("/logout", post(sign_out))
        .route("/preferences/theme", post(theme))
}

#[derive(Deserialize)]
struct SignIn {
    #[serde(default)]
    login: String,
    #[serde(default)]
    password: String,
    return_to: Option<String>,
    /// A form that the page keeps: where it goes, and what was filled in.
    held_action: Option<String>,
    held_body: Option<String>,
}

impl SignIn {
    fn held(&self) -> Option<HeldForm> {
        let (action, body) = (self.held_action.as_deref()?, self.held_body.as_deref()?);
        HeldForm::new(action, body, self.return_to.as_deref().unwrap_or_default())
    }
}

async fn sign_in(
    State(site): State<Site>,
    Extension(ClientAddress(address)): Extension<ClientAddress>,
    Extension(request): Extension<RequestId>,
    session: Session,
    headers: HeaderMap,
    Form(form): Form<SignIn>,
) -> Response {
    let target = safe_return(form.return_to.as_deref().unwrap_or_default()).to_owned();
    match check(&site, address, &form).await {
        Ok(user) => {
            let agent = headers.get(header::USER_AGENT).and_then(|agent| agent.to_str().ok()).unwrap_or_default();
            if let Err(error) = session::begin(&session, &user, address, agent, site.engine.now()).await {
                tracing::error!(%error, "the session could not be kept");
                return problem::internal(&request);
            }
            tracing::info!(user = user.login, %address, "signed in");
            match form.held() {
                Some(held) => keep(&site, &headers, Held::Send(held), StatusCode::OK).await,
                None => Redirect::to(&target).into_response(),
            }
        }
        Err(error) if error.code == ErrorCode::Internal => problem::internal(&request),
        Err(error) => {
            tracing::info!(%address, code = ?error.code, "sign-in refused");
            let query = if target == "/" {
                String::new()
            } else {
                format!("?return_to={}", app::logic::address::encode(&target))
            };
            let mut response = match form.held() {
                Some(held) => {
                    keep(&site, &headers, Held::SignIn(held, Some(error.message)), app::ssr::status(error.code)).await
                }
                None => with_flash(&Flash::failed(error.message), &format!("/login{query}")),
            };
            if error.code == ErrorCode::TooManyRequests {
                // Scripts and monitors read the header; people read the page that follows.
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
            }
            response
        }
    }
}

async fn check(site: &Site, address: IpAddr, form: &SignIn) -> Result<model::user::User, ApiError> {
    let too_many = |seconds: u64| {
        ApiError::new(
            ErrorCode::TooManyRequests,
            format!("Too many attempts to sign in. Wait {seconds} seconds, then try again."),
        )
    };
    site.throttle.attempt(address, Instant::now()).map_err(|wait| too_many(wait.as_secs().max(1)))?;
    let _examined = site.examined.try_acquire().map_err(|_| too_many(5))?;
    engine::users::sign_in(&site.engine, &form.login, &form.password, &address.to_string(), site.engine.now()).await
}

async fn sign_out(State(site): State<Site>, session: Session, caller: Option<Extension<Caller>>) -> Response {
    if let Err(error) = session.flush().await {
        tracing::error!(%error, "the session could not be ended");
    }
    if let Some(Extension(Caller(op))) = caller {
        tracing::info!(user = op.user.login, "signed out");
    }
    // A `__Host-` cookie is only removed by one with the same attributes.
    let gone = format!("{}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0", session::cookie_name(site.https));
    (AppendHeaders([(header::SET_COOKIE, gone)]), Redirect::to("/login")).into_response()
}

#[derive(Deserialize)]
struct Theme {
    theme: String,
    return_to: Option<String>,
}

async fn theme(Form(form): Form<Theme>) -> Response {
    let age = match form.theme.as_str() {
        "light" | "dark" => 31_536_000,
        // The system's choice is the absence of one.
        _ => 0,
    };
    let theme = if age == 0 { "" } else { form.theme.as_str() };
    let cookie = format!("theme={theme}; Path=/; SameSite=Lax; Max-Age={age}");
    (
        AppendHeaders([(header::SET_COOKIE, cookie)]),
        Redirect::to(safe_return(form.return_to.as_deref().unwrap_or_default())),
    )
        .into_response()
}

/// As [`refuse`]; a form in which something was filled in is kept by the page on which its sender signs in.
pub async fn refuse_form(site: &Site, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let kind = parts.headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_form = parts.method == Method::POST
        && wants_page(&parts.headers)
        && kind.starts_with("application/x-www-form-urlencoded");
    if is_form && let Ok(body) = to_bytes(body, held::LONGEST).await {
        let body = String::from_utf8_lossy(&body);
        let page = referring_page(&parts.headers).unwrap_or_default();
        if let Some(held) = HeldForm::new(parts.uri.path(), &body, &page) {
            return keep(site, &parts.headers, Held::SignIn(held, None), StatusCode::UNAUTHORIZED).await;
        }
    }
    refuse(&parts.method, &parts.uri, &parts.headers)
}

/// The sign-in page with what it keeps.
async fn keep(site: &Site, headers: &HeaderMap, held: Held, status: StatusCode) -> Response {
    let mut request = axum::http::Request::new(Body::empty());
    *request.uri_mut() = Uri::from_static("/login");
    // The theme is a cookie.
    *request.headers_mut() = headers.clone();
    let options = site.leptos.clone();
    let provide = move || {
        super::pages::provide_page();
        provide_context(held.clone());
    };
    let draw = leptos_axum::render_app_async_with_context(provide, move || app::shell(options.clone()));
    let mut response = draw(request).await;
    *response.status_mut() = status;
    response
}

fn wants_page(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).is_some_and(|a| a.contains("text/html"))
}

/// Path and query of the page from which a form was sent.
fn referring_page(headers: &HeaderMap) -> Option<String> {
    let referer: Uri = headers.get(header::REFERER)?.to_str().ok()?.parse().ok()?;
    referer.path_and_query().map(|path| path.as_str().to_owned())
}

/// Where somebody who is not signed in is sent: the sign-in page for a page, a plain refusal for a script.
pub fn refuse(method: &Method, uri: &Uri, headers: &HeaderMap) -> Response {
    if method == Method::GET || method == Method::HEAD {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        return to_sign_in(path);
    }
    if wants_page(headers) {
        // A form of a page whose session has ended: back to that page, once signed in.
        return to_sign_in(referring_page(headers).as_deref().unwrap_or("/"));
    }
    problem::json(&ApiError::new(
        ErrorCode::Unauthenticated,
        "You are not signed in any more. Reload the page and sign in.",
    ))
}

fn to_sign_in(path: &str) -> Response {
    let path = safe_return(path);
    let query = if path == "/" { String::new() } else { format!("?return_to={}", app::logic::address::encode(path)) };
    (StatusCode::SEE_OTHER, [(header::LOCATION, format!("/login{query}"))]).into_response()
}

/// To a page that shows this message once.
pub fn with_flash(flash: &Flash, target: &str) -> Response {
    (AppendHeaders([(header::SET_COOKIE, flash.cookie())]), Redirect::to(target)).into_response()
}
