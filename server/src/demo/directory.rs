//! The demo's cloud directory: a small SCIM 2.0 server (RFC 7643, 7644) that stands for the company's own. Users and
//! groups, filters, pages, changes by path; what it has acknowledged survives a crash. Left out: versions (ETag), bulk,
//! sorting, passwords, times of creation, and anything that would make it more than a counterpart for the demo.

mod filter;
mod journal;
mod patch;
mod path;
mod resources;
mod schemas;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as Segments, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use filter::Filter;
use journal::{Entry, Journal};
use resources::{Kind, Resources};

/// Rows in one page unless asked for fewer, and at most.
const PAGE_SIZE: usize = 200;

/// The directory, cheap to clone.
#[derive(Clone)]
pub(super) struct Directory(Arc<Inner>);

struct Inner {
    resources: Mutex<Resources>,
    journal: Journal,
    token: String,
}

/// Why a request was refused, as RFC 7644 section 3.12 wants it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    status: StatusCode,
    scim_type: Option<&'static str>,
    detail: String,
}

impl Refusal {
    fn new(status: StatusCode, scim_type: Option<&'static str>, detail: impl Into<String>) -> Self {
        Self { status, scim_type, detail: detail.into() }
    }

    fn invalid(scim_type: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Some(scim_type), detail)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "status": self.status.as_u16().to_string(),
            "detail": self.detail,
        });
        if let Some(scim_type) = self.scim_type {
            body["scimType"] = scim_type.into();
        }
        scim(self.status, &body)
    }
}

impl Directory {
    /// Opens the directory kept in this file, with these users where it is new, and creates groups of these names where
    /// they are missing.
    pub(super) fn open(
        file: &Path,
        token: &str,
        groups: &[String],
        users: Vec<Map<String, Json>>,
    ) -> std::io::Result<Self> {
        let (journal, mut resources) = Journal::open(file)?;
        if resources.last_id() == 0 {
            for user in users {
                let entry = Entry::Put { kind: Kind::User, id: resources.next_id(), resource: user };
                resources.apply(&entry).map_err(|refusal| std::io::Error::other(refusal.detail))?;
                journal.write_now(&entry)?;
            }
        }
        for name in groups {
            if !resources.all(Kind::Group).any(|(_, group)| group["displayName"] == name.as_str()) {
                let id = resources.next_id();
                let mut group = Map::new();
                group.insert("displayName".into(), name.as_str().into());
                group.insert("members".into(), json!([]));
                let entry = Entry::Put { kind: Kind::Group, id, resource: group };
                resources.apply(&entry).map_err(|refusal| std::io::Error::other(refusal.detail))?;
                journal.write_now(&entry)?;
            }
        }
        Ok(Self(Arc::new(Inner { resources: Mutex::new(resources), journal, token: token.to_owned() })))
    }

    /// The routes below `/scim/v2`, and a page that says what this is.
    pub(super) fn router(&self) -> Router {
        let protected = Router::new()
            .route("/scim/v2/ServiceProviderConfig", get(|| async { scim(StatusCode::OK, &schemas::provider()) }))
            .route("/scim/v2/ResourceTypes", get(|| async { list(schemas::resource_types(), None, 1) }))
            .route("/scim/v2/Schemas", get(|| async { list(schemas::schemas(), None, 1) }))
            .route("/scim/v2/{kind}", get(search).post(create))
            .route("/scim/v2/{kind}/{id}", get(read).put(replace).patch(change).delete(delete))
            .layer(middleware::from_fn_with_state(self.clone(), authenticate))
            .with_state(self.clone());
        let notice = "This is the demo's cloud directory, a small SCIM 2.0 server that comes with Quartermaster. \
                      Nothing in it is real. Its interface is below /scim/v2.\n";
        Router::new().route("/", get(move || async move { notice })).merge(protected)
    }

    /// Serves on this address of the machine until the task is dropped; answers the address actually taken.
    pub(super) async fn serve(
        &self,
        address: SocketAddr,
    ) -> std::io::Result<(SocketAddr, tokio::task::JoinHandle<()>)> {
        let listener = tokio::net::TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let router = self.router();
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the demo's directory stopped");
            }
        });
        Ok((address, task))
    }

    fn resources(&self) -> std::sync::MutexGuard<'_, Resources> {
        // A panic elsewhere leaves whole resources behind: changes are put in place at the end.
        self.0.resources.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Applies a change and answers once it is on disk.
    async fn commit(&self, make: impl FnOnce(&mut Resources) -> Result<Entry, Refusal>) -> Result<Entry, Refusal> {
        let (entry, written) = {
            let mut resources = self.resources();
            let entry = make(&mut resources)?;
            resources.apply(&entry)?;
            // Handed over under the lock, so that the file has the order of the memory.
            let written = self.0.journal.write(&entry);
            (entry, written)
        };
        let lost = || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, None, "The change cannot be kept on disk.");
        written.await.map_err(|_| lost())?.map_err(|_| lost())?;
        Ok(entry)
    }
}

async fn authenticate(State(directory): State<Directory>, request: Request, next: Next) -> Response {
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if given.and_then(|value| value.strip_prefix("Bearer ")) == Some(directory.0.token.as_str()) {
        return next.run(request).await;
    }
    Refusal::new(StatusCode::UNAUTHORIZED, None, "The bearer token is missing or wrong.").into_response()
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Search {
    filter: Option<String>,
    start_index: Option<i64>,
    count: Option<i64>,
    attributes: Option<String>,
    excluded_attributes: Option<String>,
}

impl Search {
    /// Leaves out what was not asked for; id and schemas are always given.
    fn project(&self, resource: &mut Json) {
        let Json::Object(fields) = resource else { return };
        let names = |text: &str| text.split(',').map(|name| name.trim().to_ascii_lowercase()).collect::<Vec<_>>();
        let always = |name: &str| matches!(name, "id" | "schemas" | "meta");
        if let Some(wanted) = self.attributes.as_deref().map(names) {
            let asked = |name: &str| {
                let name = name.to_ascii_lowercase();
                wanted.iter().any(|want| {
                    let rest = want.strip_prefix(&name);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', ':']))
                })
            };
            fields.retain(|name, _| always(name) || asked(name));
        } else if let Some(unwanted) = self.excluded_attributes.as_deref().map(names) {
            fields.retain(|name, _| always(name) || !unwanted.contains(&name.to_ascii_lowercase()));
        }
    }
}

async fn search(
    State(directory): State<Directory>,
    Segments(kind): Segments<String>,
    Query(search): Query<Search>,
) -> Result<Response, Refusal> {
    let kind = Kind::from_endpoint(&kind)?;
    let filter = search.filter.as_deref().map(Filter::parse).transpose()?;
    let resources = directory.resources();
    let found: Vec<_> = resources
        .all(kind)
        .filter(|(_, resource)| filter.as_ref().is_none_or(|filter| filter.matches(resource)))
        .collect();
    let start = usize::try_from(search.start_index.unwrap_or(1).max(1)).unwrap_or(usize::MAX);
    let count = usize::try_from(search.count.unwrap_or(i64::MAX).max(0)).unwrap_or(PAGE_SIZE).min(PAGE_SIZE);
    let page = found.iter().skip(start - 1).take(count).map(|(_, resource)| {
        let mut shown = resources.shown(kind, resource);
        search.project(&mut shown);
        shown
    });
    Ok(list(page.collect(), Some(found.len()), start))
}

async fn read(
    State(directory): State<Directory>,
    Segments((kind, id)): Segments<(String, String)>,
    Query(search): Query<Search>,
) -> Result<Response, Refusal> {
    let kind = Kind::from_endpoint(&kind)?;
    let resources = directory.resources();
    let mut shown = resources.shown(kind, resources.get(kind, &id)?);
    search.project(&mut shown);
    Ok(scim(StatusCode::OK, &shown))
}

async fn create(
    State(directory): State<Directory>,
    Segments(kind): Segments<String>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let kind = Kind::from_endpoint(&kind)?;
    let resource = object(&body)?;
    let entry = directory
        .commit(|resources| {
            let id = resources.next_id();
            Ok(Entry::Put { kind, id, resource })
        })
        .await?;
    let Entry::Put { id, .. } = entry else { return Err(resources::unknown(kind, "")) };
    let resources = directory.resources();
    Ok(scim(StatusCode::CREATED, &resources.shown(kind, resources.get(kind, &id)?)))
}

async fn replace(
    State(directory): State<Directory>,
    Segments((kind, id)): Segments<(String, String)>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let kind = Kind::from_endpoint(&kind)?;
    let resource = object(&body)?;
    let put = |resources: &mut Resources| {
        resources.get(kind, &id)?;
        Ok(Entry::Put { kind, id: id.clone(), resource })
    };
    directory.commit(put).await?;
    let resources = directory.resources();
    Ok(scim(StatusCode::OK, &resources.shown(kind, resources.get(kind, &id)?)))
}

async fn change(
    State(directory): State<Directory>,
    Segments((kind, id)): Segments<(String, String)>,
    body: Bytes,
) -> Result<Response, Refusal> {
    let kind = Kind::from_endpoint(&kind)?;
    let operations = object(&body)?
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("operations"))
        .and_then(|(_, operations)| serde_json::from_value(operations).ok())
        .ok_or_else(|| Refusal::invalid("invalidSyntax", "A change has a list of Operations, each with op."))?;
    let entry = Entry::Patch { kind, id: id.clone(), operations };
    directory.commit(|_| Ok(entry)).await?;
    let resources = directory.resources();
    Ok(scim(StatusCode::OK, &resources.shown(kind, resources.get(kind, &id)?)))
}

async fn delete(
    State(directory): State<Directory>,
    Segments((kind, id)): Segments<(String, String)>,
) -> Result<Response, Refusal> {
    let kind = Kind::from_endpoint(&kind)?;
    directory.commit(|_| Ok(Entry::Delete { kind, id })).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn object(body: &[u8]) -> Result<Map<String, Json>, Refusal> {
    serde_json::from_slice(body).map_err(|error| Refusal::invalid("invalidSyntax", format!("No JSON object: {error}.")))
}

fn list(resources: Vec<Json>, total: Option<usize>, start: usize) -> Response {
    let body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total.unwrap_or(resources.len()),
        "startIndex": start,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    });
    scim(StatusCode::OK, &body)
}

fn scim(status: StatusCode, body: &Json) -> Response {
    let media_type = HeaderValue::from_static("application/scim+json");
    (status, [(header::CONTENT_TYPE, media_type)], body.to_string()).into_response()
}

#[cfg(test)]
mod tests;
