//! What an agent says to its server. Whatever fails on the way is said again until it is answered: a page that arrives
//! twice counts once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::agent::{Assignment, ExportOutcome, ExportPage, NextExport, PROTOCOL};
use model::error::ApiError;
use reqwest::{Client, Method, StatusCode, Url, header};
use serde::Serialize;

use super::{AgentError, AgentOptions};

/// For the connection alone.
const CONNECT: Duration = Duration::from_secs(10);
/// For one answer; a question for something to read waits on purpose.
const ANSWER: Duration = Duration::from_secs(60);
/// How long a question for something to read may wait.
const WAIT: u32 = 50;
/// Pauses before something is said again: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// However long somebody asks to wait: what is silent for longer is given up by the run.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// Bytes of an answer beyond which it is none of the server's.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// What the server says about a part of an export.
#[derive(Debug)]
pub(super) enum Told {
    Taken,
    /// Nobody waits for it any more, and why.
    NotWanted(String),
    /// It makes no sense to the server, and why.
    Wrong(String),
}

/// The server, as an agent reaches it.
pub(super) struct Server {
    client: Client,
    base: Url,
    token: String,
    /// It has answered once.
    is_known: AtomicBool,
}

/// What the server answers. Only what is known to be its own counts: proxies on the way answer as well.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    /// What was expected.
    Good(Expected),
    NotWanted(String),
    Wrong(String),
    Refused(String),
}

/// What is expected of an answer that refuses nothing.
#[derive(Debug, PartialEq, Eq)]
enum Expected {
    Nothing,
    ToRead(Box<Assignment>),
}

/// Nothing that the server has said, or that it cannot answer now: to be tried again after a while, which it may have said.
#[derive(Debug, PartialEq, Eq)]
struct Later {
    why: String,
    wait: Option<Duration>,
}

impl Server {
    pub(super) fn new(options: &AgentOptions) -> Result<Self, AgentError> {
        let base = address(&options.server, options.insecure_http)?;
        let file =
            |what, path: &std::path::Path, problem: String| AgentError::File { what, path: path.to_owned(), problem };
        let token = std::fs::read_to_string(&options.token_file)
            .map_err(|error| file("token", &options.token_file, error.to_string()))?;
        let token = token.trim().to_owned();
        if token.is_empty() || !token.chars().all(|character| character.is_ascii_graphic()) {
            let problem = "it holds no token; `quartermaster agents token AGENT` prints one".to_owned();
            return Err(file("token", &options.token_file, problem));
        }
        // Another crate may have chosen before; two libraries that choose for themselves make rustls panic.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = Client::builder()
            .connect_timeout(CONNECT)
            .timeout(ANSWER)
            // An answer from elsewhere is none of the server's.
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("quartermaster-agent/", env!("CARGO_PKG_VERSION")));
        if let Some(path) = &options.ca_file {
            let bytes = std::fs::read(path).map_err(|error| file("authorities", path, error.to_string()))?;
            let certificates = reqwest::Certificate::from_pem_bundle(&bytes)
                .map_err(|error| file("authorities", path, error.to_string()))?;
            client = client.tls_certs_merge(certificates);
        }
        let client = client.build().map_err(|error| AgentError::Client(error.to_string()))?;
        Ok(Self { client, base, token, is_known: AtomicBool::new(false) })
    }

    /// Waits until there is something to read; nothing where there was nothing for a while. `answered` is told of the
    /// first sign of the server.
    pub(super) async fn next(&self, mut answered: impl FnMut()) -> Result<Option<Assignment>, AgentError> {
        let ask = NextExport {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            // The first is answered at once: it tells whether the server can be reached and knows the token.
            wait_seconds: if self.is_known.load(Ordering::Relaxed) { WAIT } else { 0 },
        };
        let answer = self.say(Method::POST, "next", Some(&ask), "what to read").await;
        self.is_known.store(true, Ordering::Relaxed);
        match answer {
            Answer::Good(expected) => {
                answered();
                Ok(match expected {
                    Expected::ToRead(assignment) => Some(*assignment),
                    Expected::Nothing => None,
                })
            }
            Answer::Refused(why) | Answer::Wrong(why) | Answer::NotWanted(why) => Err(AgentError::Refused(why)),
        }
    }

    pub(super) async fn page(&self, assignment: &Assignment, number: u32, page: &ExportPage) -> Told {
        told(self.say(Method::PUT, &path(assignment, &format!("pages/{number}")), Some(page), "a page").await)
    }

    pub(super) async fn goes_on(&self, assignment: &Assignment) -> Told {
        told(self.say(Method::POST, &path(assignment, "lease"), None::<&()>, "that it goes on").await)
    }

    pub(super) async fn outcome(&self, assignment: &Assignment, outcome: &ExportOutcome) -> Told {
        told(self.say(Method::PUT, &path(assignment, "outcome"), Some(outcome), "the end").await)
    }

    /// Says something until it is answered for good.
    async fn say<T: Serialize>(&self, method: Method, path: &str, body: Option<&T>, what: &str) -> Answer {
        let (mut pause, longest) = PAUSE;
        let mut warned = false;
        loop {
            let Later { why, wait } = match self.say_once(method.clone(), path, body).await {
                Ok(answer) => {
                    if warned {
                        tracing::info!("the server answers again");
                    }
                    return answer;
                }
                Err(later) => later,
            };
            if !std::mem::replace(&mut warned, true) {
                tracing::warn!("the server cannot be told or asked {what}, and is tried again until it answers: {why}");
            }
            tokio::time::sleep(wait.unwrap_or(pause)).await;
            pause = (pause * 2).min(longest);
        }
    }

    async fn say_once<T: Serialize>(&self, method: Method, path: &str, body: Option<&T>) -> Result<Answer, Later> {
        let url = format!("{}api/agents/{path}", self.base);
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let broken = |error: reqwest::Error| Later { why: chain(&error.without_url()), wait: None };
        let mut response = request.send().await.map_err(broken)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(broken)? {
            if body.len() + chunk.len() > LONGEST_ANSWER {
                return Err(strange(response.status()));
            }
            body.extend_from_slice(&chunk);
        }
        let wait = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| value.trim().parse().ok()).map(Duration::from_secs);
        understood(response.status(), &body, wait)
    }
}

/// What an answer means.
fn understood(status: StatusCode, body: &[u8], wait: Option<Duration>) -> Result<Answer, Later> {
    match status {
        StatusCode::NO_CONTENT => return Ok(Answer::Good(Expected::Nothing)),
        StatusCode::OK => {
            let assignment = serde_json::from_slice(body).map_err(|_| strange(status))?;
            return Ok(Answer::Good(Expected::ToRead(Box::new(assignment))));
        }
        _ => {}
    }
    let wait = wait.map(|wait| wait.min(LONGEST_WAIT));
    let Ok(ApiError { message, .. }) = serde_json::from_slice(body) else {
        return Err(Later { wait, ..strange(status) });
    };
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Ok(Answer::Refused(message)),
        StatusCode::CONFLICT | StatusCode::NOT_FOUND => Ok(Answer::NotWanted(message)),
        StatusCode::TOO_MANY_REQUESTS => Err(Later { why: message, wait }),
        status if status.is_client_error() => Ok(Answer::Wrong(message)),
        _ => Err(Later { why: message, wait }),
    }
}

/// Nothing that Quartermaster says.
fn strange(status: StatusCode) -> Later {
    let why = format!(
        "what is at this address answers {status}, which is no answer of Quartermaster's. See that the address is right, what \
         proxies on the way do, and that both ends have the same release"
    );
    Later { why, wait: None }
}

fn path(assignment: &Assignment, rest: &str) -> String {
    format!("exports/{}/{}/{rest}", assignment.export, assignment.attempt)
}

fn told(answer: Answer) -> Told {
    match answer {
        Answer::Good(_) => Told::Taken,
        // A token that was revoked meanwhile is told of where the next thing to read is asked for.
        Answer::NotWanted(why) | Answer::Refused(why) => Told::NotWanted(why),
        Answer::Wrong(why) => Told::Wrong(why),
    }
}

/// The address with a slash at its end.
fn address(text: &str, insecure: bool) -> Result<Url, AgentError> {
    let wrong = || AgentError::Address { address: text.to_owned() };
    let url = Url::parse(&format!("{}/", text.trim_end_matches('/'))).map_err(|_| wrong())?;
    let host = url.host_str().ok_or_else(wrong)?;
    let is_here =
        host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => Err(wrong()),
        "https" => Ok(url),
        "http" if is_here || insecure => Ok(url),
        "http" => Err(AgentError::Plain { address: text.to_owned() }),
        _ => Err(wrong()),
    }
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_server_says_ends_anything() {
        let said = |code: &str| format!(r#"{{"code":"{code}","message":"why"}}"#);
        let why = || "why".to_owned();
        let understood = |status: u16, body: &str, wait: Option<u64>| {
            understood(StatusCode::from_u16(status).unwrap(), body.as_bytes(), wait.map(Duration::from_secs))
        };
        for (status, code, expected) in [
            (401, "unauthenticated", Answer::Refused(why())),
            (403, "forbidden", Answer::Refused(why())),
            (404, "not_found", Answer::NotWanted(why())),
            (409, "conflict", Answer::NotWanted(why())),
            (400, "invalid", Answer::Wrong(why())),
            (413, "invalid", Answer::Wrong(why())),
        ] {
            assert_eq!(understood(status, &said(code), None), Ok(expected), "{status}");
        }
        assert_eq!(understood(204, "", None), Ok(Answer::Good(Expected::Nothing)));
        // What proxies say, and what asks to come again.
        for status in [200, 302, 400, 401, 403, 404, 409, 413, 500, 502, 503] {
            for body in ["<html>Sign in</html>", "", "{}"] {
                let later = understood(status, body, None).unwrap_err();
                assert!(later.why.contains("no answer of Quartermaster's") && later.wait.is_none(), "{later:?}");
            }
        }
        for (wait, expected) in [(7, 7), (86_400, 60)] {
            let expected = Some(Duration::from_secs(expected));
            let later = understood(429, &said("too_many_requests"), Some(wait)).unwrap_err();
            assert_eq!(later, Later { why: why(), wait: expected });
            assert_eq!(understood(503, "<html>", Some(wait)).unwrap_err().wait, expected);
            assert_eq!(understood(500, &said("internal"), Some(wait)).unwrap_err().wait, expected);
        }
    }

    #[test]
    fn the_token_goes_over_https_or_stays_on_this_machine() {
        let cases = [
            ("https://name.example", false, Some("https://name.example/")),
            ("https://name.example/below/", false, Some("https://name.example/below/")),
            ("http://127.0.0.1:3000", false, Some("http://127.0.0.1:3000/")),
            ("http://[::1]:3000", false, Some("http://[::1]:3000/")),
            ("http://localhost:3000", false, Some("http://localhost:3000/")),
            ("http://name.example", false, None),
            ("http://name.example", true, Some("http://name.example/")),
            ("https://ann:s3cret@name.example", false, None),
            ("ftp://name.example", false, None),
            ("name.example", false, None),
        ];
        for (text, insecure, expected) in cases {
            let found = address(text, insecure);
            assert_eq!(found.as_ref().ok().map(Url::as_str), expected, "{text}");
        }
    }
}
