//! Reading all resources of a kind, page by page, from servers that give fewer rows than asked for, repeat rows or
//! skip them.

use std::collections::HashSet;
use std::sync::atomic::Ordering;

use model::command::CommandError;
use model::order::ErrorClass;
use reqwest::Method;
use serde_json::{Map, Value as Json, json};

use super::client::{Client, Effect, Failure};

/// How often a list is read from its start again for rows that were skipped.
const PASSES: usize = 3;

/// A kind of resource, and which of them.
#[derive(Clone, Copy)]
pub(super) struct Listing<'a> {
    pub(super) endpoint: &'a str,
    pub(super) filter: Option<&'a str>,
    pub(super) excluded: Option<&'a str>,
    pub(super) page_size: u32,
}

pub(super) type Resource = Map<String, Json>;

/// A resource with its id.
pub(super) type Row = (String, Resource);

const SEARCH_SCHEMA: &str = "urn:ietf:params:scim:api:messages:2.0:SearchRequest";

impl Listing<'_> {
    /// Gives each resource exactly once, with its id.
    ///
    /// # Errors
    /// Where fewer rows can be had than the server says there are: a list with holes would look like deletions.
    pub(super) async fn read(&self, client: &Client, sink: &mut (dyn FnMut(Vec<Row>) + Send)) -> Result<(), Failure> {
        let mut seen = HashSet::new();
        let mut total = 0;
        for pass in 0..PASSES {
            // Some servers ignore startIndex in an address and not in a search (RFC 7644 3.4.3); it is remembered.
            let by_search = client.lists_by_search.load(Ordering::Relaxed) || pass == 1;
            total = match self.pass(client, by_search, &mut seen, sink).await {
                Err(failure) if pass == 1 && failure.status.is_some_and(|status| status.is_client_error()) => continue,
                other => other?,
            };
            if seen.len() >= total {
                client.lists_by_search.store(by_search, Ordering::Relaxed);
                return Ok(());
            }
        }
        Err(protocol(format!(
            "GET /{}: the list gives {} of the {total} rows it says there are. Nothing is concluded from it.",
            self.endpoint,
            seen.len(),
        )))
    }

    pub(super) async fn all(&self, client: &Client) -> Result<Vec<Row>, Failure> {
        let mut rows = Vec::new();
        self.read(client, &mut |page| rows.extend(page)).await?;
        Ok(rows)
    }

    /// How many there are, from a page of one row.
    pub(super) async fn count(&self, client: &Client) -> Result<usize, Failure> {
        let (rows, total) = self.rows(self.page(client, false, 1, 1).await?)?;
        Ok(total.unwrap_or(rows.len()))
    }

    /// Reads from the first row to the last, and answers how many there are.
    async fn pass(
        &self,
        client: &Client,
        by_search: bool,
        seen: &mut HashSet<String>,
        sink: &mut (dyn FnMut(Vec<Row>) + Send),
    ) -> Result<usize, Failure> {
        let mut start = 1;
        let mut count = self.page_size.max(1);
        let is_first = seen.is_empty();
        loop {
            let page = match self.page(client, by_search, start, count).await {
                // Groups with many members: fewer of them at once.
                Err(failure) if failure.too_long && count > 1 => {
                    count /= 2;
                    continue;
                }
                other => other?,
            };
            let (rows, total) = self.rows(page)?;
            let given = rows.len();
            let fresh: Vec<_> = rows.into_iter().filter(|(id, _)| seen.insert(id.clone())).collect();
            let nothing_new = fresh.is_empty();
            if !nothing_new {
                sink(fresh);
            }
            start += given;
            match total {
                Some(total) if start > total => return Ok(total),
                Some(total) if given == 0 => return Ok(total),
                None if given == 0 || nothing_new => return Ok(seen.len()),
                // The same page again: the server does not turn pages, and asking on for them is of no use.
                Some(total) if nothing_new && is_first => return Ok(total),
                _ => (),
            }
        }
    }

    async fn page(&self, client: &Client, by_search: bool, start: usize, count: u32) -> Result<Resource, Failure> {
        if by_search {
            let mut body = json!({ "schemas": [SEARCH_SCHEMA], "startIndex": start, "count": count });
            if let Some(filter) = self.filter {
                body["filter"] = json!(filter);
            }
            if let Some(excluded) = self.excluded {
                body["excludedAttributes"] = json!([excluded]);
            }
            return client.call(Effect::Read, Method::POST, &[self.endpoint, ".search"], &[], Some(&body), &[]).await;
        }
        let (start, count) = (start.to_string(), count.to_string());
        let mut query = vec![("startIndex", start.as_str()), ("count", count.as_str())];
        query.extend(self.filter.map(|filter| ("filter", filter)));
        query.extend(self.excluded.map(|excluded| ("excludedAttributes", excluded)));
        client.call(Effect::Read, Method::GET, &[self.endpoint], &query, None, &[]).await
    }

    fn rows(&self, mut page: Resource) -> Result<(Vec<Row>, Option<usize>), Failure> {
        let total = match page.get("totalResults") {
            None => None,
            Some(total) => match total.as_u64().map(usize::try_from) {
                Some(Ok(total)) => Some(total),
                _ => return Err(protocol(format!("GET /{}: totalResults is no number.", self.endpoint))),
            },
        };
        let rows = match page.remove("Resources") {
            // Allowed where there is nothing to list (RFC 7644 3.4.2).
            None | Some(Json::Null) if total.is_some() => Vec::new(),
            Some(Json::Array(rows)) => rows,
            _ => return Err(protocol(format!("GET /{}: the answer is no list of resources.", self.endpoint))),
        };
        let rows = rows.into_iter().map(|row| match row {
            Json::Object(row) => Ok((id(self.endpoint, &row)?, row)),
            _ => Err(protocol(format!("GET /{}: the list has something that is no resource.", self.endpoint))),
        });
        Ok((rows.collect::<Result<_, Failure>>()?, total))
    }
}

/// The id of a resource, which becomes a native key and part of an address.
pub(super) fn id(endpoint: &str, resource: &Resource) -> Result<String, Failure> {
    match resource.get("id") {
        Some(Json::String(id)) if !id.is_empty() && id.len() <= 512 && !id.chars().any(char::is_control) => {
            Ok(id.clone())
        }
        _ => Err(protocol(format!("/{endpoint}: the application gave an object without a usable id."))),
    }
}

pub(super) fn protocol(message: String) -> Failure {
    Failure { error: CommandError::new(ErrorClass::Protocol, message), status: None, too_long: false }
}
