//! HTTP: the order of layers, and which router owns which addresses. Every request passes, from the outside in:
//!
//! ```text
//! observe        request id, one log line, metrics, panics
//! headers        security headers on every answer, errors and files included
//! address        whose address counts
//! body limit, time limit
//! cross-site     origin of changing requests; no cookie without an origin
//! compression
//! session        cookie → session → caller
//! guard          (pages and server functions) signed in, permitted
//! ```

pub mod address;
pub mod agents;
pub mod assets;
pub mod bulk;
pub mod bulk_changes;
mod certifications;
mod conditions;
pub mod events;
mod exports;
pub mod health;
pub mod listener;
pub mod observe;
pub mod pages;
pub mod permissions;
pub mod problem;
pub mod receivers;
mod search;
pub mod security;
pub mod session;
pub mod sign_in;
pub mod sign_ins;
pub mod throttle;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, FromRef};
use axum::http::StatusCode;
use axum::middleware::{from_fn, from_fn_with_state};
use engine::Engine;
use leptos::config::LeptosOptions;
use metrics_exporter_prometheus::PrometheusHandle;
use tokio::sync::{Semaphore, watch};
use tower_http::compression::CompressionLayer;
use tower_http::csrf::CsrfLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::timeout::TimeoutLayer;

use self::observe::{RequestId, RequestIds};
use self::permissions::Unguarded;
use self::throttle::Throttle;

/// Forms are small; files of reports on work items are the largest that is uploaded.
const BODY_LIMIT: usize = 1024 * 1024;
/// Until an answer begins. Testing a connection may take the longest.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// What handlers share.
#[derive(Clone)]
pub struct Site {
    pub engine: Engine,
    pub leptos: LeptosOptions,
    /// People reach us over HTTPS, whoever ends it.
    pub https: bool,
    /// A proxy stands in front and says whose requests it passes on.
    pub behind_proxy: bool,
    pub metrics: Option<PrometheusHandle>,
    pub metrics_token: Option<Arc<str>>,
    /// Turns true when the program is asked to stop.
    pub stopping: watch::Receiver<bool>,
    request_ids: Arc<RequestIds>,
    throttle: Arc<Throttle>,
    agents_throttle: Arc<Throttle>,
    examined: Arc<Semaphore>,
}

/// What a [`Site`] is made from.
pub struct SiteOptions {
    pub https: bool,
    pub behind_proxy: bool,
    pub metrics: Option<PrometheusHandle>,
    pub metrics_token: Option<String>,
    pub stopping: watch::Receiver<bool>,
    /// `LEPTOS_SITE_ROOT`, where set.
    pub site_root: Option<PathBuf>,
    /// The running program; the build puts what belongs to it beside it.
    pub executable: PathBuf,
}

impl Site {
    pub fn new(engine: Engine, options: SiteOptions) -> Self {
        let root = assets::site_root(options.site_root, &options.executable);
        if !assets::is_built(&root) {
            tracing::warn!(
                folder = %root.display(),
                "the site's scripts and styles are not there, so pages will look bare; build them with `cargo leptos build`"
            );
        }
        Self {
            request_ids: Arc::new(RequestIds::new(engine.now())),
            engine,
            leptos: assets::options(&root, &options.executable),
            https: options.https,
            behind_proxy: options.behind_proxy,
            metrics: options.metrics,
            metrics_token: options.metrics_token.map(Into::into),
            stopping: options.stopping,
            throttle: Arc::new(Throttle::default()),
            agents_throttle: Arc::new(Throttle::default()),
            examined: Arc::new(Semaphore::new(sign_in::EXAMINED)),
        }
    }
}

impl FromRef<Site> for LeptosOptions {
    fn from_ref(site: &Site) -> Self {
        site.leptos.clone()
    }
}

/// Everything that is served.
///
/// # Errors
/// Names the addresses that have no permission.
pub fn router(site: Site) -> Result<Router, Unguarded> {
    permissions::check(permissions::ROUTES.iter().map(|(path, _)| *path))?;
    let with_session = |routes: Router<Site>| {
        routes
            .layer(from_fn_with_state(site.clone(), session::identify))
            .layer(session::layer(site.engine.clone(), site.https))
    };
    let pages = Router::new()
        .merge(pages::router(&site)?)
        .merge(sign_in::router())
        .merge(events::router())
        .merge(bulk::router())
        .merge(bulk_changes::router())
        .merge(certifications::router())
        .merge(conditions::router())
        .merge(search::router())
        .merge(exports::router());
    let root = PathBuf::from(site.leptos.site_root.as_ref());
    let all = with_session(pages)
        .merge(health::router())
        .merge(agents::router())
        .merge(sign_ins::router())
        .merge(receivers::router())
        .merge(assets::router(&root));
    let large = with_session(bulk_changes::upload_router());
    let large = limited(site.clone(), large, bulk_changes::FILE_LIMIT, bulk_changes::FILE_TIME);
    Ok(layered(site, all).merge(large))
}

/// The layers that stand around every route.
pub fn layered(site: Site, routes: Router<Site>) -> Router {
    limited(site, routes, BODY_LIMIT, TIME_LIMIT)
}

fn limited(site: Site, routes: Router<Site>, body_limit: usize, time_limit: Duration) -> Router {
    let cross_site = CsrfLayer::new().with_rejection_response(|_| security::cross_site(&RequestId::default()));
    routes
        .layer(CompressionLayer::new())
        .layer(from_fn(security::refuse_silent_cookies))
        .layer(cross_site)
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, time_limit))
        .layer(DefaultBodyLimit::max(body_limit))
        .layer(RequestBodyLimitLayer::new(body_limit))
        .layer(from_fn_with_state(site.clone(), address::find))
        .layer(from_fn_with_state(site.clone(), security::headers))
        .layer(from_fn_with_state(site.clone(), observe::observe))
        .with_state(site)
}
