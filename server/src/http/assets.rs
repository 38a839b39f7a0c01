//! Scripts, styles and fonts that the build made. Their names carry a hash of their content, so browsers may keep them
//! for good; what is missing says how to build it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::header::{self, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use leptos::config::{LeptosOptions, ReloadWSProtocol};
use tower_http::services::ServeDir;

use super::Site;

/// Name of the package's files, as in the workspace's `Cargo.toml`.
const OUTPUT: &str = "quartermaster";
/// Folder of the hashed files, below the site's.
const PACKAGE: &str = "pkg";

/// Where the site's files are: named by `LEPTOS_SITE_ROOT`, else beside the program or its build folder.
pub fn site_root(named: Option<PathBuf>, executable: &Path) -> PathBuf {
    let candidates = executable.ancestors().skip(1).take(3).map(|folder| folder.join("site"));
    named
        .into_iter()
        .chain(candidates)
        .find(|folder| folder.join(PACKAGE).is_dir())
        .unwrap_or_else(|| PathBuf::from("target/site"))
}

/// What Leptos needs to name the files in a page.
pub fn options(site_root: &Path, executable: &Path) -> LeptosOptions {
    LeptosOptions::builder()
        .output_name(OUTPUT)
        .site_root(site_root.to_string_lossy().into_owned())
        .site_pkg_dir(PACKAGE)
        .reload_ws_protocol(ReloadWSProtocol::WS)
        // The build writes this file beside the program when it has hashed the names.
        .hash_files(executable.with_file_name("hash.txt").is_file())
        .build()
}

/// Whether the site has been built.
pub fn is_built(site_root: &Path) -> bool {
    site_root.join(PACKAGE).is_dir()
}

/// The routes of the files.
pub fn router(site_root: &Path) -> Router<Site> {
    let package =
        ServeDir::new(site_root.join(PACKAGE)).precompressed_br().precompressed_gzip().fallback(middleware_missing());
    let others = ServeDir::new(site_root);
    let root: Arc<Path> = site_root.into();
    Router::new()
        .nest_service("/pkg", package)
        .route_service("/favicon.ico", others.clone())
        .route_service("/favicon.svg", others.clone())
        .nest_service("/fonts", ServeDir::new(root.join("fonts")))
        .layer(middleware::from_fn(keep))
}

fn middleware_missing() -> Router {
    Router::new().fallback(missing)
}

async fn missing(uri: Uri) -> Response {
    let name = uri.path().rsplit('/').next().unwrap_or_default();
    let message = format!(
        "There is no file `{name}` here. If pages look bare, the site has not been built: run `cargo leptos build` in \
         Quartermaster's folder, or start it with `.ci/demo`.\n"
    );
    (StatusCode::NOT_FOUND, message).into_response()
}

/// Files with a hash in their name never change; others are asked for again after an hour.
async fn keep(request: Request, next: Next) -> Response {
    let hashed = is_hashed(request.uri().path());
    let mut response = next.run(request).await;
    if response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED {
        let value = if hashed { "public, max-age=31536000, immutable" } else { "public, max-age=3600" };
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(value));
    }
    response
}

/// `quartermaster.1a2B_-….js`: a part of 16 characters or more between two dots.
fn is_hashed(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.split('.').skip(1).any(|part| part.len() >= 16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashed_names_are_told_from_others() {
        assert!(is_hashed("/pkg/quartermaster.UDtTVDbmNLu_wNAvUJWFxw.wasm"));
        assert!(!is_hashed("/pkg/quartermaster.css"));
        assert!(!is_hashed("/favicon.ico"));
    }

    #[test]
    fn the_site_is_found_beside_the_program_or_above_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        std::fs::create_dir_all(target.join("site/pkg")).unwrap();
        let found = site_root(None, &target.join("debug/quartermaster"));
        assert_eq!(found, target.join("site"));
        let elsewhere = site_root(Some(folder.path().join("nothing")), Path::new("/nowhere/quartermaster"));
        assert_eq!(elsewhere, PathBuf::from("target/site"));
    }
}
