//! Syslog as RFC 5424 has it, over TLS (RFC 5425) or TCP (RFC 6587), each message with its length before it.
//!
//! The protocol has no answers. So each batch has a connection of its own, which ends in order: this side says that
//! nothing more comes, and the server closes. A server that went away before it had read everything makes the connection
//! break off instead, and one that closes has read what was sent. Only then the batch counts as taken.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use model::configuration::{self, SyslogEncryption, SyslogFormat};
use model::event::{EventType, Message, Stream};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{cef, json};

/// For each step: connecting, writing, and waiting for the end.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Longer than a packet takes there and back.
const RESET_WITHIN: Duration = Duration::from_millis(250);

/// Numbers of facilities: "log audit", and the first that is free for local use.
const LOG_AUDIT: u8 = 13;
const LOCAL: u8 = 16;

pub struct Syslog {
    host: String,
    port: u16,
    tls: Option<TlsConnector>,
    format: SyslogFormat,
    host_name: String,
}

impl Syslog {
    pub(super) fn new(syslog: &configuration::Syslog) -> Result<Self, String> {
        let usual = match syslog.encryption {
            SyslogEncryption::Tls => 6514,
            SyslogEncryption::None => 601,
        };
        let (host, port) = match syslog.server.rsplit_once(':') {
            None => (syslog.server.as_str(), usual),
            Some((host, port)) => {
                (host, port.parse().map_err(|_| format!("`{}` is no host and port.", syslog.server))?)
            }
        };
        let tls = match syslog.encryption {
            SyslogEncryption::None => None,
            SyslogEncryption::Tls => Some(connector(syslog.authority.as_deref())?),
        };
        Ok(Self {
            host: host.to_owned(),
            port,
            tls,
            format: syslog.format,
            host_name: word(syslog.host_name.as_deref().unwrap_or("quartermaster"), 255),
        })
    }

    pub(super) async fn send(&self, messages: &[Message]) -> Result<(), String> {
        let server = format!("{}:{}", self.host, self.port);
        let tcp = in_time("connect", TcpStream::connect((self.host.as_str(), self.port))).await;
        let tcp = tcp.map_err(|problem| format!("The syslog server {server} cannot be reached: {problem}."))?;
        let failed = |problem: String| format!("The syslog server {server} did not take them: {problem}.");
        let bytes = self.frames(messages);
        match &self.tls {
            None => hand_over(tcp, |tcp| tcp, &bytes).await.map_err(failed),
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone()).map_err(|error| failed(error.to_string()))?;
                let stream = in_time("agree on encryption", tls.connect(name, tcp)).await.map_err(failed)?;
                hand_over(stream, |stream| stream.get_ref().0, &bytes).await.map_err(failed)
            }
        }
    }

    fn frames(&self, messages: &[Message]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for message in messages {
            let line = self.line(message);
            bytes.extend_from_slice(format!("{} ", line.len()).as_bytes());
            bytes.extend_from_slice(line.as_bytes());
        }
        bytes
    }

    fn line(&self, message: &Message) -> String {
        let event = &message.event;
        let facility = if event.stream == Stream::Audit { LOG_AUDIT } else { LOCAL };
        let severity = match event.body.kind {
            EventType::OrderFailed | EventType::ViolationOpened => 4,
            _ => 6,
        };
        let mut line = format!(
            "<{}>1 {} {} quartermaster - {} ",
            facility * 8 + severity,
            event.body.at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"),
            self.host_name,
            word(event.body.kind.name(), 32)
        );
        // Writing into a text cannot fail. The number behind the sign is the one that is reserved for examples.
        let _ = write!(
            line,
            "[stream@32473 name=\"{}\" epoch=\"{}\" sequence=\"{}\" previous=\"{}\"] ",
            event.stream.name(),
            event.epoch,
            event.sequence,
            message.previous
        );
        line.push_str(&match self.format {
            SyslogFormat::Cef => cef::line(message),
            SyslogFormat::Json => json(message),
        });
        line
    }
}

/// Writes everything, says that nothing more comes, and waits until the other side has closed. One that closed before it
/// had everything answers what still arrives with a reset, which may come after its end: it is waited for.
async fn hand_over<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    tcp: impl Fn(&S) -> &TcpStream,
    bytes: &[u8],
) -> Result<(), String> {
    in_time("write", stream.write_all(bytes)).await?;
    in_time("finish", stream.shutdown()).await?;
    let until_the_end = async {
        let mut answer = [0; 256];
        loop {
            match stream.read(&mut answer).await {
                Ok(0) => return Ok(()),
                Ok(_) => {}
                // Closed without the farewell of TLS, after it had our own.
                Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    };
    in_time("wait for its end", until_the_end).await?;
    tokio::time::sleep(RESET_WITHIN).await;
    match tcp(&stream).take_error() {
        Ok(None) => Ok(()),
        Ok(Some(error)) | Err(error) => Err(error.to_string()),
    }
}

async fn in_time<T>(what: &str, work: impl Future<Output = std::io::Result<T>>) -> Result<T, String> {
    match tokio::time::timeout(TIMEOUT, work).await {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err(format!("it took longer than {} seconds to {what}", TIMEOUT.as_secs())),
    }
}

fn connector(authority: Option<&str>) -> Result<TlsConnector, String> {
    let mut roots = RootCertStore::empty();
    match authority {
        Some(path) => {
            let unreadable = |error| format!("The certificates in `{path}` cannot be read: {error}.");
            for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                let certificate = certificate.map_err(unreadable)?;
                roots
                    .add(certificate)
                    .map_err(|error| format!("A certificate in `{path}` cannot be used: {error}."))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(
            "There is no certificate that the syslog server's could come from. Name a file in `authority`.".into()
        );
    }
    let settings = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(settings)))
}

/// What may stand in a header: printable ASCII without spaces.
fn word(text: &str, longest: usize) -> String {
    text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(longest).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use model::event::{Event, EventBody};
    use tokio::net::TcpListener;

    use super::*;

    fn messages() -> Vec<Message> {
        let of = |sequence| {
            let body = EventBody::new(EventType::RunEnded, Timestamp::UNIX_EPOCH).with("job", "nächtlich");
            Message::new(Event { stream: Stream::Events, epoch: "e".into(), sequence, body }, sequence - 1)
        };
        vec![of(1), of(2)]
    }

    fn to(server: &str) -> Syslog {
        let syslog = configuration::Syslog {
            server: server.to_owned(),
            encryption: SyslogEncryption::None,
            format: SyslogFormat::Json,
            host_name: Some("node 1".into()),
            authority: None,
        };
        Syslog::new(&syslog).unwrap()
    }

    #[test]
    fn a_message_has_its_length_in_bytes_before_it() {
        let syslog = to("localhost:1");
        let text = String::from_utf8(syslog.frames(&messages()[..1])).unwrap();
        let (length, rest) = text.split_once(' ').unwrap();
        assert_eq!(length.parse::<usize>().unwrap(), rest.len());
        assert!(rest.starts_with(
            "<134>1 1970-01-01T00:00:00.000000Z node_1 quartermaster - run.ended [stream@32473 name=\"events\" epoch=\"e\" \
             sequence=\"1\" previous=\"0\"] {\"schema\":1,"
        ), "{rest}");
    }

    #[tokio::test]
    async fn only_a_server_that_has_read_everything_has_taken_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let syslog = to(&listener.local_addr().unwrap().to_string());
        let reads = tokio::spawn(async move {
            // One goes away at once, one with what it has not read, and the last reads to the end.
            let (early, _) = listener.accept().await.unwrap();
            drop(early);
            let (first, _) = listener.accept().await.unwrap();
            first.readable().await.unwrap();
            drop(first);
            let (mut second, _) = listener.accept().await.unwrap();
            let mut all = Vec::new();
            second.read_to_end(&mut all).await.unwrap();
            all
        });
        for _ in 0..2 {
            let problem = syslog.send(&messages()).await.unwrap_err();
            assert!(problem.contains("did not take them"), "{problem}");
        }
        syslog.send(&messages()).await.unwrap();
        assert_eq!(reads.await.unwrap(), syslog.frames(&messages()));
        let problem = syslog.send(&messages()).await.unwrap_err();
        assert!(problem.contains("cannot be reached"), "{problem}");
    }
}
