//! Mails, handed to a server (SMTP, RFC 5321). What goes into a header is encoded by the library, so that no text can
//! become a header of its own.

use std::time::Duration;

use lettre::message::{Mailbox, MultiPart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{Address, AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use model::configuration::{MailEncryption, MailServer};
use model::mail::Mail;

use crate::Secrets;

/// Longest wait for the server.
const TIMEOUT: Duration = Duration::from_secs(30);

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// A server, as it can be reached.
pub struct Mailer {
    transport: Transport,
    sender: Mailbox,
}

/// Why a mail was not taken; each is a sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The server said that it never will.
    ForGood(String),
    /// The server said that it cannot now.
    ForNow(String),
    /// Nobody answered, or not in a way that concerns this mail: others fare the same.
    Silence(String),
}

impl Mailer {
    /// Makes the connection's settings; nothing is sent yet.
    ///
    /// # Errors
    /// What is wrong with the settings, or which secret is missing.
    pub fn new(server: &MailServer, secrets: &dyn Secrets) -> Result<Self, String> {
        // Another crate may have chosen before; two libraries that choose for themselves make rustls panic.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if let Some((field, sentence)) = complaints(server).into_iter().next() {
            return Err(format!("The mail server's {field}: {sentence}"));
        }
        let Some((host, port)) = host_and_port(server) else { return Err("There is no mail server.".to_owned()) };
        let sender = server.sender.parse().map_err(|error| format!("The sender cannot be used: {error}."))?;
        let parameters =
            || TlsParameters::new(host.to_owned()).map_err(|error| format!("TLS cannot be used: {error}."));
        let tls = match server.encryption {
            MailEncryption::StartTls => Tls::Required(parameters()?),
            MailEncryption::Tls => Tls::Wrapper(parameters()?),
            MailEncryption::None => Tls::None,
        };
        let mut builder = Transport::builder_dangerous(host).port(port).tls(tls).timeout(Some(TIMEOUT));
        if let (Some(user), Some(password)) = (&server.user, &server.password) {
            let password = match password.strip_prefix("secret:") {
                None => password.clone(),
                Some(name) => secrets.reveal(name).ok_or_else(|| {
                    format!("The mail server needs the secret {name}, which is not stored. Store it, then send again.")
                })?,
            };
            builder = builder.credentials(Credentials::new(user.clone(), password));
        }
        Ok(Self { transport: builder.build(), sender })
    }

    /// Hands one mail over.
    ///
    /// # Errors
    /// Why the server did not take it.
    pub async fn send(&self, mail: &Mail) -> Result<(), Refused> {
        let unusable = |error: &dyn std::fmt::Display| Refused::ForGood(format!("It cannot be sent: {error}."));
        let address: Address = mail.address.parse().map_err(|error| unusable(&error))?;
        // The same each time, so that whoever gets it twice can tell.
        let message_id = format!("<{}.{}@{}>", mail.id, mail.created_at.as_microsecond(), self.sender.email.domain());
        let message = Message::builder()
            .message_id(Some(message_id))
            .from(self.sender.clone())
            .to(Mailbox::new(None, address))
            .subject(mail.subject.clone())
            .multipart(MultiPart::alternative_plain_html(mail.text.clone(), mail.html.clone()))
            .map_err(|error| unusable(&error))?;
        match self.transport.send(message).await {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(Refused::ForGood(told(&error))),
            Err(error) if error.is_transient() => Err(Refused::ForNow(told(&error))),
            Err(error) => Err(Refused::Silence(told(&error))),
        }
    }
}

/// What is wrong with the mail server of a configuration: field and sentence each.
pub fn complaints(server: &MailServer) -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    if host_and_port(server).is_none() {
        let given = &server.server;
        let sentence =
            format!("`{given}` is no host, nor host and port. Expected mail.example.org, perhaps with :587.");
        found.push(("server", sentence));
    }
    if server.sender.parse::<Mailbox>().is_err() {
        let given = &server.sender;
        let sentence = format!("`{given}` is no address. Expected one such as Quartermaster <q@example.org>.");
        found.push(("sender", sentence));
    }
    if !(server.public_url.starts_with("https://") || server.public_url.starts_with("http://")) {
        let given = &server.public_url;
        let sentence = format!("`{given}` is no web address. Expected the one under which people open the pages.");
        found.push(("public_url", sentence));
    }
    match (&server.user, &server.password) {
        (Some(_), None) => found.push(("user", "A user needs a password.".to_owned())),
        (None, Some(_)) => found.push(("password", "A password needs a user.".to_owned())),
        (Some(_), Some(_)) if server.encryption == MailEncryption::None => {
            let sentence = "A password does not go over the net in clear. Choose start_tls or tls.";
            found.push(("encryption", sentence.to_owned()));
        }
        _ => {}
    }
    found
}

/// Whether a mail can be addressed so.
pub fn is_address(text: &str) -> bool {
    text.parse::<Address>().is_ok()
}

/// Host and port; the port follows from the encryption where none is told.
fn host_and_port(server: &MailServer) -> Option<(&str, u16)> {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn server(address: &str, encryption: MailEncryption) -> MailServer {
        MailServer {
            server: address.into(),
            encryption,
            user: None,
            password: None,
            sender: "Quartermaster <quartermaster@example.org>".into(),
            public_url: "https://q.example.org".into(),
            identity_attribute: None,
        }
    }

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
            assert_eq!(host_and_port(&server(text, encryption)), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_are_told_with_their_field() {
        let good = || server("mail.example.org", MailEncryption::StartTls);
        assert_eq!(complaints(&good()), []);
        let mut clear = MailServer { encryption: MailEncryption::None, ..good() };
        (clear.user, clear.password) = (Some("q".into()), Some("secret:mail".into()));
        for (wrong, field) in [
            (MailServer { server: "a b".into(), ..good() }, "server"),
            (MailServer { sender: "nobody".into(), ..good() }, "sender"),
            (MailServer { public_url: "q.example.org".into(), ..good() }, "public_url"),
            (MailServer { user: Some("q".into()), ..good() }, "user"),
            (MailServer { password: Some("secret:mail".into()), ..good() }, "password"),
            (clear, "encryption"),
        ] {
            let fields: Vec<&str> = complaints(&wrong).iter().map(|(field, _)| *field).collect();
            assert_eq!(fields, [field]);
        }
        assert!(is_address("ann@example.org") && !is_address("ann@example.org\r\nBcc: b@example.org"));
    }
}
