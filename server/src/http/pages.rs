//! Pages and their server functions. The guard stands in front of both: it knows from the table what an address needs,
//! and lets nobody through who has not signed in. What a person may do is asked once more by each use case.

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use engine::context::OpContext;
use leptos::prelude::{provide_context, use_context, use_nonce};
use leptos::server_fn::axum::server_fn_paths;
use leptos_axum::{LeptosRoutes, ResponseOptions};
use model::error::{ApiError, ErrorCode};
use model::permission::Question;
use model::user::PermissionPath;

use super::permissions::{self, Needs, Unguarded};
use super::session::Caller;
use super::{Site, problem, security, sign_in};

/// Where server functions are.
const FUNCTIONS: &str = "/api/pages/";

/// The routes.
///
/// # Errors
/// Names what has no permission.
pub fn router(site: &Site) -> Result<Router<Site>, Unguarded> {
    let routes = leptos_axum::generate_route_list(app::App);
    let functions: Vec<&str> = server_fn_paths().map(|(path, _)| path).collect();
    permissions::check(routes.iter().map(|route| route.path()).chain(functions))?;

    let options = site.leptos.clone();
    let shell = move || app::shell(options.clone());
    let router = Router::new()
        .leptos_routes_with_context(site, routes, provide_page, shell.clone())
        .route("/api/pages/{*function}", get(function).post(function))
        .fallback(get(leptos_axum::render_app_to_stream_with_context(provide_missing_page, shell)))
        .layer(middleware::from_fn_with_state(site.clone(), guard));
    Ok(router)
}

async fn function(request: Request<Body>) -> Response {
    let known = server_fn_paths().any(|(path, method)| path == request.uri().path() && method == *request.method());
    if !known {
        return (StatusCode::NOT_FOUND, "There is no such address.\n").into_response();
    }
    leptos_axum::handle_server_fns_with_context(provide_caller, request).await.into_response()
}

async fn guard(State(site): State<Site>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_function = path.starts_with(FUNCTIONS);
    let pattern = match request.extensions().get::<MatchedPath>() {
        Some(matched) if !is_function => matched.as_str(),
        _ => path,
    };
    // What no line speaks of is a page that is not there: it takes a sign-in to learn even that.
    let needs = permissions::needs(pattern).unwrap_or(&Needs::SignedIn);
    if *needs == Needs::Nothing {
        return next.run(request).await;
    }
    let Some(Caller(op)) = request.extensions().get::<Caller>() else {
        return sign_in::refuse_form(&site, request).await;
    };
    match needs {
        Needs::Permission(path) if is_function && !may_call(op, path) => problem::json(&ApiError::new(
            ErrorCode::Forbidden,
            format!("Your profile does not include `{}`. Ask an administrator of Quartermaster for it.", path.as_str()),
        )),
        // The page itself says what is missing, with everything around it; only its status is set here.
        Needs::Permission(path) if !may_call(op, path) => {
            let mut response = next.run(request).await;
            if response.status().is_success() {
                *response.status_mut() = StatusCode::FORBIDDEN;
            }
            response
        }
        _ => next.run(request).await,
    }
}

/// A duty that the caller has for one account type opens the page or function, and so does what is held about some people; the use
/// case looks at the order's own type, and about whom it is.
fn may_call(op: &OpContext, path: &PermissionPath) -> bool {
    Question::of_line(path.clone()).is_allowed(&op.permissions) || op.may_about_some(path.as_str())
}

fn provide_caller() {
    let Some(parts) = use_context::<Parts>() else { return };
    if let Some(Caller(op)) = parts.extensions.get::<Caller>() {
        provide_context(op.clone());
    }
}

pub(super) fn provide_page() {
    provide_caller();
    let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) else { return };
    if let Ok(policy) = HeaderValue::from_str(&security::page_policy(&nonce.to_string())) {
        response.insert_header(header::CONTENT_SECURITY_POLICY, policy);
    }
}

fn provide_missing_page() {
    provide_page();
    if let Some(response) = use_context::<ResponseOptions>() {
        response.set_status(StatusCode::NOT_FOUND);
    }
}
