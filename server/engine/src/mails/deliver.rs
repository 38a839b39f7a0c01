//! Mails go to the server. What it refuses for good is given up at once, visibly; what fails in another way is tried
//! again, as orders are.

use std::time::Duration;

use broker::retry::Retry;
use connectors::Secrets as _;
use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use model::command::CommandError;
use model::configuration::{MailEncryption, MailServer};
use model::mail::{Mail, MailState};
use model::order::ErrorClass;
use store::{SentMail, StoreError};

use crate::Engine;
use crate::secrets::Revealed;

/// Mails taken at once.
const AT_ONCE: u32 = 20;
/// Longest wait for the server.
const TIMEOUT: Duration = Duration::from_secs(30);
/// After this time another process may take a mail that was taken and not settled.
const TAKEN_FOR: Duration = Duration::from_mins(15);

/// Sends what is due.
pub(super) async fn deliver(engine: &Engine) -> Result<(), StoreError> {
    let configuration = engine.world().configuration();
    let Some(server) = &configuration.organisation.mail else { return Ok(()) };
    loop {
        let (now, until) = (engine.now(), engine.after(TAKEN_FOR));
        let mails =
            engine.store().write(move |tx| Box::pin(async move { tx.claim_mails(now, until, AT_ONCE).await })).await?;
        if mails.is_empty() {
            return Ok(());
        }
        let transport = transport(engine, server).await;
        let mut silent = None;
        for mail in mails {
            // A server that does not answer would keep each of them waiting as long.
            let result = match (&transport, &silent) {
                (Err(error), _) => Err(error.clone()),
                (Ok(_), Some(error)) => Err(Clone::clone(error)),
                (Ok(transport), None) => send(transport, server, &mail).await,
            };
            if let Err(error) = &result
                && error.class == ErrorClass::Transient
            {
                silent.get_or_insert_with(|| error.clone());
            }
            let sent = settle(engine, &mail, result);
            engine.store().write(move |tx| Box::pin(async move { tx.settle_mail(&sent).await })).await?;
        }
        if engine.stopping().is_cancelled() {
            return Ok(());
        }
    }
}

type Transport = AsyncSmtpTransport<Tokio1Executor>;

async fn transport(engine: &Engine, server: &MailServer) -> Result<Transport, CommandError> {
    let invalid = |message: String| CommandError::new(ErrorClass::Invalid, message);
    let Some((host, port)) = host_and_port(server) else {
        return Err(invalid(format!(
            "`{}` is no mail server. Correct `server` in [organisation.mail].",
            server.server
        )));
    };
    let parameters = || TlsParameters::new(host.to_owned()).map_err(|error| invalid(error.to_string()));
    let tls = match server.encryption {
        MailEncryption::StartTls => Tls::Required(parameters()?),
        MailEncryption::Tls => Tls::Wrapper(parameters()?),
        MailEncryption::None => Tls::None,
    };
    let mut builder = Transport::builder_dangerous(host).port(port).tls(tls).timeout(Some(TIMEOUT));
    if let (Some(user), Some(password)) = (&server.user, &server.password) {
        let password = match password.strip_prefix("secret:") {
            None => password.clone(),
            Some(name) => {
                let revealed = Revealed::load(engine, &[name.to_owned()]).await;
                revealed.reveal(name).ok_or_else(|| {
                    let message = format!("The mail server needs the secret {name}, which is not stored.");
                    CommandError::new(ErrorClass::Authentication, message)
                })?
            }
        };
        builder = builder.credentials(Credentials::new(user.clone(), password));
    }
    Ok(builder.build())
}

async fn send(transport: &Transport, server: &MailServer, mail: &Mail) -> Result<(), CommandError> {
    let invalid = |what: &str, error: &dyn std::fmt::Display| {
        CommandError::new(ErrorClass::Invalid, format!("{what} cannot be used: {error}."))
    };
    let from: Mailbox = server.sender.parse().map_err(|error| invalid("The sender's address", &error))?;
    let to: lettre::Address = mail.address.parse().map_err(|error| invalid("The address", &error))?;
    let domain = from.email.domain().to_owned();
    let message = Message::builder()
        // The same each time, so that whoever gets it twice can tell.
        .message_id(Some(format!("<{}.{}@{domain}>", mail.id, mail.created_at.as_microsecond())))
        .from(from)
        .to(Mailbox::new(None, to))
        .subject(mail.subject.clone())
        .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
        .map_err(|error| invalid("The mail", &error))?;
    match transport.send(message).await {
        Ok(_) => Ok(()),
        Err(error) => {
            let class = if error.is_permanent() { ErrorClass::Declined } else { ErrorClass::Transient };
            Err(CommandError::new(class, told(&error)))
        }
    }
}

/// What the server said, down to the bottom of it, without control characters.
fn told(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
        let more = inner.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
    }
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}

fn settle(engine: &Engine, mail: &Mail, result: Result<(), CommandError>) -> SentMail {
    let now = engine.now();
    let sent =
        |state, next_attempt_at, sent_at, problem| SentMail { id: mail.id, state, next_attempt_at, sent_at, problem };
    let error = match result {
        Ok(()) => return sent(MailState::Sent, None, Some(now), None),
        Err(error) => error,
    };
    tracing::warn!(mail.id = %mail.id, attempt = mail.attempts, problem = error.message, "A mail cannot be sent");
    // A password that is wrong today may be right tomorrow: it is the server's matter, not this mail's.
    let again = CommandError { class: ErrorClass::Transient, ..error.clone() };
    let next = match error.class {
        ErrorClass::Declined => Retry::GiveUp,
        _ => engine.tuning().retry.next(&again, mail.attempts, mail.created_at, now, 1.0),
    };
    match next {
        Retry::At(at) => sent(MailState::Waiting, Some(at), None, Some(error.message)),
        Retry::GiveUp => {
            let problem = match error.class {
                ErrorClass::Declined => error.message,
                _ => format!("{} Given up after {} attempts.", error.message, mail.attempts),
            };
            sent(MailState::Failed, None, None, Some(problem))
        }
    }
}

/// Host and port; the port follows from the encryption where none is told.
pub(super) fn host_and_port(server: &MailServer) -> Option<(&str, u16)> {
    let usual = match server.encryption {
        MailEncryption::StartTls => 587,
        MailEncryption::Tls => 465,
        MailEncryption::None => 25,
    };
    let (host, port) = match server.server.rsplit_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (server.server.as_str(), usual),
    };
    let valid = !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'));
    valid.then_some((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_follows_from_the_encryption() {
        for (text, encryption, expected) in [
            ("mail.example.org", MailEncryption::StartTls, Some(("mail.example.org", 587))),
            ("mail.example.org", MailEncryption::Tls, Some(("mail.example.org", 465))),
            ("127.0.0.1:2525", MailEncryption::None, Some(("127.0.0.1", 2525))),
            ("mail.example.org:x", MailEncryption::None, None),
            ("", MailEncryption::None, None),
            ("a b", MailEncryption::None, None),
        ] {
            let server = MailServer {
                server: text.into(),
                encryption,
                user: None,
                password: None,
                sender: String::new(),
                public_url: String::new(),
                identity_attribute: None,
            };
            assert_eq!(host_and_port(&server), expected, "{text}");
        }
    }
}
