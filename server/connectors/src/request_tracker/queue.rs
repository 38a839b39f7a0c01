//! What is said to Request Tracker, and what it answers. It answers many a refusal with status 200 and a sentence, so
//! what was changed is looked at again by whoever needs to know.

use std::collections::HashMap;

use model::command::CommandError;
use model::configuration::RequestTrackerConnection;
use model::order::ErrorClass;
use reqwest::{Method, StatusCode};
use serde_json::{Map, Value as Json, json};

use super::ticket::Text;
use crate::directory::told;
use crate::http::{Client, Effect, Failure};

const API: [&str; 2] = ["REST", "2.0"];
/// Rows of one page of a search; Request Tracker gives no more than 100.
const PAGE: &str = "100";
/// Characters of a comment that are kept.
const LONGEST_COMMENT: usize = 1_000;

/// The queue in which tickets are opened.
pub(super) struct Queue {
    client: Client,
    name: String,
    requestor: Option<String>,
}

/// A ticket, as far as it matters.
#[derive(Clone, Debug)]
pub(super) struct Ticket {
    pub(super) id: u64,
    pub(super) subject: String,
    pub(super) status: String,
}

impl Queue {
    pub(super) fn new(client: Client, connection: &RequestTrackerConnection) -> Self {
        Self { client, name: connection.queue.clone(), requestor: connection.requestor.clone() }
    }

    pub(super) async fn test(&self) -> Vec<(bool, String)> {
        let base = self.client.base().clone();
        let version = match self.object(&["rt"], &[]).await {
            Ok(about) => about.get("Version").and_then(Json::as_str).map(|version| told(version, &[])),
            Err(failure) => return vec![(false, failure.error.message)],
        };
        let Some(version) = version else {
            return vec![(false, format!("{base} answers, and is no Request Tracker: it does not tell its version."))];
        };
        let mut steps = vec![(true, format!("{base} is Request Tracker {version}, and lets us in."))];
        let name = &self.name;
        steps.push(match self.object(&["queue", name], &[]).await {
            Ok(queue) if is_set(queue.get("Disabled")) => {
                (false, format!("The queue {name} is disabled. Enable it, or name another."))
            }
            Ok(_) => (true, format!("The queue {name} is there.")),
            Err(failure) if failure.status == Some(StatusCode::NOT_FOUND) => {
                (false, format!("There is no queue {name}, or the connection's user may not see it."))
            }
            Err(failure) => (false, failure.error.message),
        });
        steps
    }

    /// Opens a ticket and answers its number.
    pub(super) async fn open(&self, text: &Text, secrets: &[&str]) -> Result<u64, CommandError> {
        let mut body = Map::from_iter([
            ("Queue".to_owned(), json!(self.name)),
            ("Subject".to_owned(), json!(text.subject)),
            ("Content".to_owned(), json!(text.body)),
            ("ContentType".to_owned(), json!("text/plain")),
        ]);
        if let Some(requestor) = &self.requestor {
            body.insert("Requestor".to_owned(), json!(requestor));
        }
        if !text.custom_fields.is_empty() {
            let fields: Map<String, Json> =
                text.custom_fields.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            body.insert("CustomFields".to_owned(), Json::Object(fields));
        }
        let path = [API[0], API[1], "ticket"];
        let answer =
            self.client.call(Effect::Create, Method::POST, &path, &[], Some(&Json::Object(body)), secrets).await?;
        let id = answer.as_ref().and_then(|answer| number(answer.get("id")));
        // It may well have been opened: whoever tries again looks for its mark first.
        id.ok_or_else(|| CommandError::new(ErrorClass::Unknown, "A ticket was opened, perhaps: its number is missing."))
    }

    /// Tickets of the queue whose subject has this text.
    pub(super) async fn marked(&self, mark: &str) -> Result<Vec<Ticket>, CommandError> {
        let query = format!("Queue = {} AND Subject LIKE {}", quoted(&self.name), quoted(mark));
        self.search(&query).await
    }

    /// The tickets of these numbers; some may be missing.
    pub(super) async fn tickets(&self, ids: &[u64]) -> Result<HashMap<u64, Ticket>, CommandError> {
        if ids.is_empty() {
            return Ok(HashMap::new());
        }
        let query: Vec<String> = ids.iter().map(|id| format!("id = {id}")).collect();
        let found = self.search(&query.join(" OR ")).await?;
        Ok(found.into_iter().map(|ticket| (ticket.id, ticket)).collect())
    }

    /// One ticket, also where it was deleted, or merged into the one that is answered.
    pub(super) async fn ticket(&self, id: u64) -> Result<Option<Ticket>, CommandError> {
        match self.object(&["ticket", &id.to_string()], &[]).await {
            Ok(ticket) => ticket_of(&ticket).map(Some),
            Err(failure) if failure.status == Some(StatusCode::NOT_FOUND) => Ok(None),
            Err(failure) => Err(failure.into()),
        }
    }

    /// Comments on a ticket and gives it a status. Answers what Request Tracker said to that.
    pub(super) async fn close(&self, id: u64, status: &str, why: &str) -> Result<String, CommandError> {
        let body = json!({ "Content": why, "ContentType": "text/plain", "Status": status });
        let path = [API[0], API[1], "ticket", &id.to_string(), "comment"];
        let answer = self.client.call(Effect::Write, Method::POST, &path, &[], Some(&body), &[]).await?;
        let sentences = answer.as_ref().and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        let sentences: Vec<&str> = sentences.iter().filter_map(Json::as_str).collect();
        Ok(told(&sentences.join(" "), &[]))
    }

    /// What was last written on a ticket, after it was opened.
    pub(super) async fn last_comment(&self, id: u64) -> Result<Option<String>, CommandError> {
        let id = id.to_string();
        let mut comment = None;
        let mut page = 1;
        loop {
            let number = page.to_string();
            let query = [("fields", "Type,_hyperlinks"), ("per_page", PAGE), ("page", number.as_str())];
            let history = self.object(&["ticket", &id, "history"], &query).await?;
            let lines = items(&history)?;
            let is_comment =
                |line: &&Json| matches!(line.get("Type").and_then(Json::as_str), Some("Comment" | "Correspond"));
            if let Some(line) = lines.iter().rev().find(is_comment) {
                comment = Some(attachments(line));
            }
            let pages = number_of(&history, "pages");
            if lines.is_empty() || page >= pages {
                break;
            }
            page += 1;
        }
        for attachment in comment.unwrap_or_default() {
            let attachment = self.object(&["attachment", &attachment], &[]).await?;
            if let Some(text) = text_of(&attachment) {
                return Ok(Some(text));
            }
        }
        Ok(None)
    }

    async fn search(&self, query: &str) -> Result<Vec<Ticket>, CommandError> {
        let query = [("query", query), ("fields", "Subject,Status"), ("per_page", PAGE)];
        let answer = self.object(&["tickets"], &query).await?;
        items(&answer)?.iter().map(|item| ticket_of(item.as_object().unwrap_or(&Map::new()))).collect()
    }

    async fn object(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Map<String, Json>, Failure> {
        let path = [&API, path].concat();
        match self.client.call(Effect::Read, Method::GET, &path, query, None, &[]).await? {
            Some(Json::Object(object)) => Ok(object),
            _ => Err(Failure::protocol(format!("GET /{}: something that is no JSON object.", path.join("/")))),
        }
    }
}

fn ticket_of(ticket: &Map<String, Json>) -> Result<Ticket, CommandError> {
    let text = |name: &str| ticket.get(name).and_then(Json::as_str).map(str::to_owned);
    match (number(ticket.get("id")), text("Subject"), text("Status")) {
        (Some(id), Some(subject), Some(status)) => Ok(Ticket { id, subject, status }),
        _ => Err(CommandError::new(ErrorClass::Protocol, "A ticket came without its number, subject or status.")),
    }
}

fn items(answer: &Map<String, Json>) -> Result<&Vec<Json>, CommandError> {
    let items = answer.get("items").and_then(Json::as_array);
    items.ok_or_else(|| CommandError::new(ErrorClass::Protocol, "A list came without its items."))
}

/// Numbers come as numbers from some calls and as text from others.
fn number(value: Option<&Json>) -> Option<u64> {
    value.and_then(|value| value.as_u64().or_else(|| value.as_str()?.parse().ok()))
}

fn number_of(object: &Map<String, Json>, name: &str) -> u64 {
    number(object.get(name)).unwrap_or(0)
}

fn is_set(value: Option<&Json>) -> bool {
    number(value).is_some_and(|number| number != 0)
}

/// The numbers of the attachments of a line of history.
fn attachments(line: &Json) -> Vec<String> {
    let links = line.get("_hyperlinks").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    let is_attachment = |link: &&Json| link.get("ref").and_then(Json::as_str) == Some("attachment");
    let last = |link: &Json| link.get("_url").and_then(Json::as_str)?.rsplit('/').next().map(str::to_owned);
    let numbers = links.iter().filter(is_attachment).filter_map(last);
    numbers.filter(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())).collect()
}

/// The text of an attachment; nothing where it is none, or empty.
fn text_of(attachment: &Map<String, Json>) -> Option<String> {
    let kind = attachment.get("ContentType").and_then(Json::as_str)?;
    let content = attachment.get("Content").and_then(Json::as_str)?;
    let bytes = base64(content)?;
    let text = String::from_utf8_lossy(&bytes);
    let text = match kind {
        "text/html" => without_tags(&text),
        kind if kind.starts_with("text/") => text.into_owned(),
        _ => return None,
    };
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()).collect();
    let mut short: String = words.join(" ").chars().take(LONGEST_COMMENT).collect();
    if words.join(" ").chars().count() > LONGEST_COMMENT {
        short.push('…');
    }
    (!short.is_empty()).then_some(short)
}

fn base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    let compact: String = text.split_whitespace().collect();
    base64::engine::general_purpose::STANDARD.decode(compact).ok()
}

fn without_tags(html: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for c in html.chars() {
        match c {
            '<' => inside = true,
            '>' if inside => {
                inside = false;
                text.push(' ');
            }
            c if !inside => text.push(c),
            _ => {}
        }
    }
    for (entity, character) in [("&nbsp;", " "), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")] {
        text = text.replace(entity, character);
    }
    text
}

/// A text in a query of Request Tracker's own language.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_read_as_text() {
        use base64::Engine as _;
        let attachment = |kind: &str, text: &str| {
            let content = base64::engine::general_purpose::STANDARD.encode(text);
            let json = json!({ "ContentType": kind, "Content": content + "\n" });
            text_of(json.as_object().unwrap())
        };
        assert_eq!(attachment("text/plain", "no such\nposition \u{1b}[31m").as_deref(), Some("no such position [31m"));
        assert_eq!(attachment("text/html", "<p>a &lt;b&gt;</p>\n<p>c</p>").as_deref(), Some("a <b> c"));
        assert_eq!(attachment("image/png", "x"), None);
        assert_eq!(attachment("text/plain", " \n"), None);
        assert_eq!(attachment("text/plain", &"x".repeat(2_000)).unwrap().chars().count(), LONGEST_COMMENT + 1);
    }

    #[test]
    fn texts_stay_in_their_quotes() {
        assert_eq!(quoted("O'Brien \\' OR id > 0"), "'O\\'Brien \\\\\\' OR id > 0'");
    }
}
