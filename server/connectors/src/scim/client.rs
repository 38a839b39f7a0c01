//! Calls to a SCIM server: each answer is an object, or nothing.

use std::sync::atomic::AtomicBool;

use model::command::CommandError;
use reqwest::{Method, Url};
use serde_json::{Map, Value as Json};

use crate::Settings;
use crate::directory::told;
use crate::http::{self, Credentials};
pub(super) use crate::http::{Effect, Failure};

const MEDIA_TYPE: &str = "application/scim+json";

pub(super) struct Client {
    http: http::Client,
    /// Lists are complete only when they are asked for with a search.
    pub(super) lists_by_search: AtomicBool,
}

impl Client {
    pub(super) fn new(url: &str, token: Option<String>, settings: &Settings) -> Result<Self, CommandError> {
        let credentials = token.map_or(Credentials::None, Credentials::Bearer);
        let http = http::Client::new(url, MEDIA_TYPE, credentials, settings)?;
        Ok(Self { http, lists_by_search: AtomicBool::new(false) })
    }

    pub(super) fn base(&self) -> &Url {
        self.http.base()
    }

    /// The JSON object that the server answers; an empty one where there is no body.
    pub(super) async fn call(
        &self,
        effect: Effect,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
        body: Option<&Json>,
        secrets: &[&str],
    ) -> Result<Map<String, Json>, Failure> {
        let what = format!("{method} /{}", segments.join("/"));
        match self.http.call(effect, method, segments, query, body, secrets).await? {
            None => Ok(Map::new()),
            Some(Json::Object(object)) => Ok(object),
            Some(other) => {
                let start: String = other.to_string().chars().take(80).collect();
                let start = told(&start, secrets);
                Err(Failure::protocol(format!("{what}: something that is no JSON object: {start:?}.")))
            }
        }
    }
}
