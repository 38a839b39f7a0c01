//! Webhooks, signed as <https://www.standardwebhooks.com> has it: the receiver knows from whom a message is, that nobody
//! has changed it, and that it is not an old one that somebody has kept.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use model::configuration;
use model::event::{Message, NotTaken};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{StatusCode, Url};
use sha2::Sha256;

use super::{Sent, json};
use crate::Secrets;
use crate::http::retry_after;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

pub struct Webhook {
    http: reqwest::Client,
    url: Url,
    key: Vec<u8>,
}

impl Webhook {
    pub(super) fn new(webhook: &configuration::Webhook, secrets: &dyn Secrets) -> Result<Self, String> {
        let secret = match webhook.secret.strip_prefix("secret:") {
            None => webhook.secret.clone(),
            Some(name) => secrets.reveal(name).ok_or_else(|| {
                format!("There is no secret `{name}`. Keep it with `quartermaster config secret {name}`.")
            })?,
        };
        let url = Url::parse(&webhook.url).map_err(|error| format!("`{}` is no address: {error}.", webhook.url))?;
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(Duration::from_secs(u64::from(webhook.timeout_seconds)))
            .build()
            .map_err(|error| format!("Webhooks cannot be sent: {error}."))?;
        Ok(Self { http, url, key: key(&secret) })
    }

    pub(super) async fn send(&self, messages: &[Message], now: Timestamp) -> Sent {
        for (taken, message) in messages.iter().enumerate() {
            if let Err(not_taken) = self.send_one(message, now).await {
                return Sent { taken, not_taken: Some(not_taken) };
            }
        }
        Sent { taken: messages.len(), not_taken: None }
    }

    async fn send_one(&self, message: &Message, now: Timestamp) -> Result<(), NotTaken> {
        let (body, seconds) = (json(message), now.as_second());
        let signature = signature(&self.key, &message.id, seconds, &body);
        let request = self
            .http
            .post(self.url.clone())
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(body);
        match request.send().await {
            Ok(response) => judge(response.status(), response.headers()),
            Err(error) => {
                let what = match () {
                    () if error.is_timeout() => "did not answer in time",
                    () if error.is_connect() => "cannot be reached",
                    () => "broke off",
                };
                Err(NotTaken { problem: format!("The receiver {what}."), for_good: false, retry_after: None })
            }
        }
    }
}

/// What an answer means. What concerns the address rather than the message, such as a refused sign-in, is tried again:
/// all messages fare the same, and putting them all aside would help nobody.
fn judge(status: StatusCode, headers: &HeaderMap) -> Result<(), NotTaken> {
    if status.is_success() {
        return Ok(());
    }
    let concerns_the_address =
        matches!(status.as_u16(), 401 | 403 | 404 | 405 | 407 | 408 | 421 | 423 | 425 | 426 | 429 | 451);
    let for_good = status.is_client_error() && !concerns_the_address;
    let problem = format!("The receiver answered {status}.");
    Err(NotTaken { problem, for_good, retry_after: retry_after(headers) })
}

/// Secrets of other programs may be in their form, `whsec_` and base64; any other text is the key itself.
fn key(secret: &str) -> Vec<u8> {
    let decoded = secret.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
    decoded.unwrap_or_else(|| secret.as_bytes().to_vec())
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn signature(key: &[u8], id: &str, seconds: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of any length");
    mac.update(format!("{id}.{seconds}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_as_the_standard_has_it() {
        // The example of the specification.
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let signed = signature(&key(secret), "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn only_what_is_wrong_with_the_message_is_for_good() {
        for (status, for_good) in [
            (400, true),
            (410, true),
            (413, true),
            (422, true),
            (401, false),
            (404, false),
            (429, false),
            (302, false),
            (500, false),
            (503, false),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            assert_eq!(judge(status, &HeaderMap::new()).unwrap_err().for_good, for_good, "{status}");
        }
        assert!(judge(StatusCode::NO_CONTENT, &HeaderMap::new()).is_ok());
    }
}
