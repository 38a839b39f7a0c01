//! One HTTP call to a server that talks JSON, and what its answer means. The server is not trusted: no redirects, no proxies from
//! the environment, no body beyond 8 MiB, and nothing of an answer is used unless it has the expected type.

use std::error::Error;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use model::command::CommandError;
use model::order::ErrorClass;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, DATE, HeaderMap, RETRY_AFTER};
use reqwest::{Method, RequestBuilder, StatusCode, Url};
use serde_json::Value as Json;

use crate::Settings;
use crate::directory::told;

/// Bytes of an answer beyond which it is not read on.
const LONGEST_BODY: usize = 8 * 1024 * 1024;

pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    media_type: &'static str,
    credentials: Credentials,
}

/// How a server is told who asks.
pub(crate) enum Credentials {
    None,
    Bearer(String),
    /// Request Tracker's own scheme.
    Token(String),
    Password {
        user: String,
        password: String,
    },
}

impl Credentials {
    fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::None => request,
            Self::Bearer(token) => request.bearer_auth(token),
            Self::Token(token) => request.header(AUTHORIZATION, format!("token {token}")),
            Self::Password { user, password } => request.basic_auth(user, Some(password)),
        }
    }

    /// What must not be shown.
    fn secret(&self) -> &str {
        match self {
            Self::None => "",
            Self::Bearer(secret) | Self::Token(secret) | Self::Password { password: secret, .. } => secret,
        }
    }
}

/// What a call that breaks off leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing.
    Read,
    /// Perhaps the change, which may be made again.
    Write,
    /// Perhaps a new account, which must not be made again.
    Create,
}

/// Why a call failed.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    pub(crate) error: CommandError,
    pub(crate) status: Option<StatusCode>,
    pub(crate) too_long: bool,
}

impl Failure {
    /// The server answered something that makes no sense.
    pub(crate) fn protocol(message: String) -> Self {
        Self { error: CommandError::new(ErrorClass::Protocol, message), status: None, too_long: false }
    }
}

impl From<Failure> for CommandError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl Client {
    pub(crate) fn new(
        url: &str,
        media_type: &'static str,
        credentials: Credentials,
        settings: &Settings,
    ) -> Result<Self, CommandError> {
        let invalid = |why: String| CommandError::new(ErrorClass::Invalid, why);
        let base = Url::parse(url)
            .map_err(|error| invalid(format!("{url:?} is no web address: {error}. Correct the connection's url.")))?;
        if !["http", "https"].contains(&base.scheme()) || base.cannot_be_a_base() {
            return Err(invalid(format!("{url:?} is no http or https address. Correct the connection's url.")));
        }
        if !base.username().is_empty()
            || base.password().is_some()
            || base.query().is_some()
            || base.fragment().is_some()
        {
            return Err(invalid(
                "The connection's url has a user, a query or a fragment. Give the address alone, and the credentials in fields of their own."
                    .to_owned(),
            ));
        }
        let http = reqwest::Client::builder()
            .connect_timeout(settings.connect_timeout)
            .timeout(settings.total_timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("quartermaster/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| invalid(format!("The connection to {url} cannot be set up: {}.", cause(&error))))?;
        Ok(Self { http, base, media_type, credentials })
    }

    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Sends a request to the resource at these path segments, and answers its JSON; nothing where there is no body.
    /// Secrets are kept out of messages.
    pub(crate) async fn call(
        &self,
        effect: Effect,
        method: Method,
        segments: &[&str],
        query: &[(&str, &str)],
        body: Option<&Json>,
        secrets: &[&str],
    ) -> Result<Option<Json>, Failure> {
        let what = format!("{method} /{}", segments.join("/"));
        let secrets = &[secrets, &[self.credentials.secret()]].concat();
        let request = self.http.request(method, self.url(segments, query)?).header(ACCEPT, self.media_type);
        let mut request = self.credentials.sign(request);
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, self.media_type).body(body.to_string());
        }
        let mut answer = request.send().await.map_err(|error| broken(&what, &error, effect))?;
        let status = answer.status();
        let headers = answer.headers().clone();
        let mut bytes = Vec::new();
        loop {
            match answer.chunk().await {
                Ok(Some(chunk)) if bytes.len() + chunk.len() <= LONGEST_BODY => bytes.extend_from_slice(&chunk),
                Ok(Some(_)) => {
                    let message = format!("{what}: the answer is longer than 8 MiB, which no list page has to be.");
                    let error = CommandError::new(ErrorClass::Protocol, message);
                    return Err(Failure { error, status: Some(status), too_long: true });
                }
                Ok(None) => break,
                Err(error) => return Err(broken(&what, &error, effect)),
            }
        }
        if status.is_success() {
            if bytes.iter().all(u8::is_ascii_whitespace) {
                return Ok(None);
            }
            return serde_json::from_slice(&bytes).map(Some).map_err(|_| {
                let start = told(&String::from_utf8_lossy(&bytes[..bytes.len().min(80)]), secrets);
                Failure::protocol(format!("{what}: {} with something that is no JSON: {start:?}.", status.as_u16()))
            });
        }
        Err(declined(&what, status, &headers, &bytes, effect, secrets))
    }

    fn url(&self, segments: &[&str], query: &[(&str, &str)]) -> Result<Url, Failure> {
        let odd = |segment: &str| segment.is_empty() || segment == "." || segment == "..";
        let mut url = self.base.clone();
        let whole = !segments.iter().any(|segment| odd(segment));
        match url.path_segments_mut() {
            Ok(mut path) if whole => {
                path.pop_if_empty().extend(segments);
            }
            _ => {
                let message = format!("The application gave {segments:?} as the id of an object, which cannot be one.");
                let error = CommandError::new(ErrorClass::Protocol, message);
                return Err(Failure { error, status: None, too_long: false });
            }
        }
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
            // Not every server takes a plus for a space; a real plus is %2B by now.
            let query = url.query().unwrap_or_default().replace('+', "%20");
            url.set_query(Some(&query));
        }
        Ok(url)
    }
}

/// The connection failed before a whole answer was there.
fn broken(what: &str, error: &reqwest::Error, effect: Effect) -> Failure {
    let cause = cause(error);
    let (class, happened) = if is_rubbish(error) {
        (ErrorClass::Protocol, "the answer is not HTTP")
    } else if error.is_connect() || error.is_builder() {
        (ErrorClass::Transient, "no connection")
    } else if effect == Effect::Read {
        (ErrorClass::Transient, if error.is_timeout() { "no answer in time" } else { "the connection broke off" })
    } else {
        (ErrorClass::Unknown, if error.is_timeout() { "sent, no answer in time" } else { "sent, and no answer" })
    };
    let message = format!("{what}: {happened} ({}).", told(&cause, &[]));
    Failure { error: CommandError::new(class, message), status: None, too_long: false }
}

/// The server answered that it did not do it.
fn declined(
    what: &str,
    status: StatusCode,
    headers: &HeaderMap,
    bytes: &[u8],
    effect: Effect,
    secrets: &[&str],
) -> Failure {
    let body: Json = serde_json::from_slice(bytes).unwrap_or_default();
    let scim_type = body.get("scimType").and_then(Json::as_str).unwrap_or_default();
    let detail = body.get("detail").or_else(|| body.get("message")).and_then(Json::as_str);
    let detail = told(detail.unwrap_or_default(), secrets);
    let class = match status.as_u16() {
        400 if scim_type == "uniqueness" => ErrorClass::Conflict,
        401 => ErrorClass::Authentication,
        403 => ErrorClass::Permission,
        404 | 410 => ErrorClass::NotFound,
        405 | 501 => ErrorClass::Unsupported,
        408 | 412 | 425 => ErrorClass::Transient,
        409 => ErrorClass::Conflict,
        429 => ErrorClass::RateLimited,
        503 => ErrorClass::Transient,
        // Some servers write, fail afterwards, and say so.
        500..=599 if effect == Effect::Create => ErrorClass::Unknown,
        500..=599 => ErrorClass::Transient,
        400..=499 => ErrorClass::Invalid,
        _ => ErrorClass::Protocol,
    };
    let mut message = format!("{what}: {}", status.as_u16());
    for part in [&told(scim_type, secrets), &detail] {
        if !part.is_empty() {
            message.push_str(", ");
            message.push_str(part);
        }
    }
    if status.is_redirection() {
        message.push_str(", a redirect, which is not followed; give the final address as the connection's url");
    }
    let mut error = CommandError::new(class, message);
    error.retry_after = retry_after(headers);
    Failure { error, status: Some(status), too_long: false }
}

/// Seconds, or a date (RFC 9110 10.2.3); a date counts from the server's own clock.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(3600);
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = match text.parse() {
        Ok(seconds) => Duration::from_secs(seconds),
        Err(_) => {
            let until = date(text)?;
            let now = date(headers.get(DATE)?.to_str().ok()?)?;
            Duration::from_secs(u64::try_from(until.as_second() - now.as_second()).unwrap_or_default())
        }
    };
    Some(wait.min(LONGEST))
}

fn date(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text).ok().map(|date| date.timestamp())
}

fn is_rubbish(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(inner) = source {
        if inner.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_parse) {
            return true;
        }
        source = inner.source();
    }
    error.is_decode()
}

/// What lies at the bottom of an error.
fn cause(error: &dyn Error) -> String {
    let mut inner = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    inner.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_say_who_must_act() {
        for (status, body, effect, class) in [
            (400, "{}", Effect::Write, ErrorClass::Invalid),
            (400, r#"{"scimType":"uniqueness"}"#, Effect::Create, ErrorClass::Conflict),
            (401, "", Effect::Read, ErrorClass::Authentication),
            (403, "", Effect::Write, ErrorClass::Permission),
            (404, "", Effect::Write, ErrorClass::NotFound),
            (409, "", Effect::Create, ErrorClass::Conflict),
            (429, "", Effect::Write, ErrorClass::RateLimited),
            (500, "<html>", Effect::Write, ErrorClass::Transient),
            (500, "<html>", Effect::Create, ErrorClass::Unknown),
            (503, "", Effect::Create, ErrorClass::Transient),
            (501, "", Effect::Write, ErrorClass::Unsupported),
            (302, "", Effect::Read, ErrorClass::Protocol),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let failure = declined("GET /Users", status, &HeaderMap::new(), body.as_bytes(), effect, &[]);
            assert_eq!(failure.error.class, class, "{status}");
        }
    }

    #[test]
    fn messages_hold_no_secrets_and_no_control_characters() {
        let body = r#"{"detail":"password pa55 \u001b[31mrefused"}"#;
        let failure = declined(
            "POST /Users",
            StatusCode::BAD_REQUEST,
            &HeaderMap::new(),
            body.as_bytes(),
            Effect::Create,
            &["pa55"],
        );
        assert_eq!(failure.error.message, "POST /Users: 400, password •••  [31mrefused");
    }

    #[test]
    fn a_server_may_ask_to_wait() {
        for (after, date, wait) in [
            ("7", None, Some(7)),
            ("99999999", None, Some(3600)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", Some("Wed, 21 Oct 2015 07:27:00 GMT"), Some(60)),
            ("Wed, 21 Oct 2015 07:26:00 GMT", Some("Wed, 21 Oct 2015 07:27:00 GMT"), Some(0)),
            ("Wed, 21 Oct 2015 07:28:00 GMT", None, None),
            ("soon", None, None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, after.parse().unwrap());
            if let Some(date) = date {
                headers.insert(DATE, date.parse().unwrap());
            }
            assert_eq!(retry_after(&headers), wait.map(Duration::from_secs), "{after}");
        }
    }

    #[test]
    fn ids_stay_in_their_place() {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client =
            Client::new("https://h/scim/v2/", "application/json", Credentials::None, &Settings::default()).unwrap();
        let url = client.url(&["Users", "../a/b?c#d"], &[("filter", "a eq \"&\"")]).unwrap();
        assert_eq!(url.as_str(), "https://h/scim/v2/Users/..%2Fa%2Fb%3Fc%23d?filter=a%20eq%20%22%26%22");
        assert!(client.url(&["Users", ".."], &[]).is_err());
        assert!(client.url(&["Users", ""], &[]).is_err());
    }
}
