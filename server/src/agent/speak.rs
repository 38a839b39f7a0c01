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
    instance: String,
    /// It has answered once.
    is_known: AtomicBool,
}

/// What an answer is worth.
enum Answer {
    Good(Vec<u8>),
    Nothing,
    NotWanted(String),
    Wrong(String),
    Refused(String),
    /// To be tried again after a while, which the server may have said.
    Later(String, Option<Duration>),
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
        let instance = format!("{}-{:08x}", std::process::id(), rand::random::<u32>());
        Ok(Self { client, base, token, instance, is_known: AtomicBool::new(false) })
    }

    /// Waits until there is something to read; nothing where there was nothing for a while. `answered` is told of the
    /// first sign of the server.
    pub(super) async fn next(&self, mut answered: impl FnMut()) -> Result<Option<Assignment>, AgentError> {
        let ask = NextExport {
            protocol: PROTOCOL,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            instance: self.instance.clone(),
            // The first is answered at once: it tells whether the server can be reached and knows the token.
            wait_seconds: if self.is_known.load(Ordering::Relaxed) { WAIT } else { 0 },
        };
        let answer = self.say(Method::POST, "next", Some(&ask), "what to read").await;
        self.is_known.store(true, Ordering::Relaxed);
        match answer {
            Answer::Good(body) => {
                answered();
                match serde_json::from_slice(&body) {
                    Ok(assignment) => Ok(Some(assignment)),
                    Err(_) => Err(AgentError::Refused(
                        "its answer cannot be understood. Install the same release at both ends".to_owned(),
                    )),
                }
            }
            Answer::Nothing => {
                answered();
                Ok(None)
            }
            Answer::Refused(why) | Answer::Wrong(why) | Answer::NotWanted(why) | Answer::Later(why, _) => {
                Err(AgentError::Refused(why))
            }
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
            let (why, wait) = match self.say_once(method.clone(), path, body).await {
                Answer::Later(why, wait) => (why, wait),
                answer => {
                    if warned {
                        tracing::info!("the server answers again");
                    }
                    return answer;
                }
            };
            if !std::mem::replace(&mut warned, true) {
                tracing::warn!("the server cannot be told or asked {what}, and is tried again until it answers: {why}");
            }
            tokio::time::sleep(wait.unwrap_or(pause)).await;
            pause = (pause * 2).min(longest);
        }
    }

    async fn say_once<T: Serialize>(&self, method: Method, path: &str, body: Option<&T>) -> Answer {
        let url = format!("{}api/agents/{path}", self.base);
        let mut request = self.client.request(method, url).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = match request.send().await {
            Ok(response) => response,
            Err(error) => return Answer::Later(chain(&error.without_url()), None),
        };
        let status = response.status();
        let wait = response.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
        let wait = wait.and_then(|value| value.parse().ok()).map(Duration::from_secs);
        let body = match response.bytes().await {
            Ok(body) => body.to_vec(),
            Err(error) => return Answer::Later(chain(&error.without_url()), None),
        };
        let said = || match serde_json::from_slice::<ApiError>(&body) {
            Ok(error) => error.message,
            Err(_) => format!("it answers {status}; is it Quartermaster's address, and of the same release?"),
        };
        match status {
            StatusCode::OK => Answer::Good(body),
            StatusCode::NO_CONTENT => Answer::Nothing,
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Answer::Refused(said()),
            StatusCode::CONFLICT | StatusCode::NOT_FOUND => Answer::NotWanted(said()),
            StatusCode::TOO_MANY_REQUESTS => Answer::Later(said(), wait),
            status if status.is_server_error() => Answer::Later(said(), wait),
            _ => Answer::Wrong(said()),
        }
    }
}

fn path(assignment: &Assignment, rest: &str) -> String {
    format!("exports/{}/{}/{rest}", assignment.export, assignment.attempt)
}

fn told(answer: Answer) -> Told {
    match answer {
        Answer::Good(_) | Answer::Nothing => Told::Taken,
        // A token that was revoked meanwhile is told of where the next thing to read is asked for.
        Answer::NotWanted(why) | Answer::Refused(why) | Answer::Later(why, _) => Told::NotWanted(why),
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
