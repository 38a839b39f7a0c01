//! Connections to a directory server: opened when needed, used again, thrown away when anything went wrong on them.

use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::time::Duration;

use futures::FutureExt;
use ldap3::controls::{Control, ControlType, PagedResults, RawControl};
use ldap3::{Ldap, LdapConnAsync, LdapConnSettings, LdapError, LdapResult, Scope};
use model::command::CommandError;
use model::configuration::LdapConnection;
use model::order::ErrorClass;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::entry::Entry;
use crate::Settings;
use crate::directory::told;

/// Entries in one page of a search that is not paged by configuration.
const PAGE_SIZE: u32 = 500;

pub(super) struct Pool {
    url: String,
    bind_dn: String,
    password: String,
    start_tls: bool,
    page_size: i32,
    connect_timeout: Duration,
    total_timeout: Duration,
    permits: Semaphore,
    idle: Mutex<Vec<Connection>>,
}

struct Connection {
    ldap: Ldap,
    /// Ends with the connection, and says how.
    driver: JoinHandle<Result<(), LdapError>>,
    used_before: bool,
}

/// What a search is for.
pub(super) struct Search<'a> {
    pub(super) base: &'a str,
    pub(super) scope: Scope,
    pub(super) filter: &'a str,
    pub(super) attributes: Vec<String>,
}

/// How a call failed without a result of the server.
enum Broken {
    /// It cannot have arrived.
    NotSent(String),
    /// It may have arrived.
    Lost(String),
    Late,
    Rubbish,
}

impl Pool {
    pub(super) fn new(connection: &LdapConnection, password: String, settings: &Settings) -> Self {
        Self {
            url: connection.url.clone(),
            bind_dn: connection.bind_dn.clone(),
            password,
            start_tls: connection.start_tls,
            page_size: i32::try_from(connection.page_size.unwrap_or(PAGE_SIZE).max(1)).unwrap_or(i32::MAX),
            connect_timeout: settings.connect_timeout,
            total_timeout: settings.total_timeout,
            permits: Semaphore::new(settings.concurrency.max(1)),
            idle: Mutex::default(),
        }
    }

    /// Opens a connection and signs in.
    pub(super) async fn open(&self) -> Result<(), CommandError> {
        let connection = self.connect().await?;
        self.give_back(connection);
        Ok(())
    }

    /// Sends a change and answers the server's result, whatever it is.
    pub(super) async fn change<F, C>(&self, what: &str, call: F) -> Result<LdapResult, CommandError>
    where
        F: Fn(Ldap) -> C + Send + Sync,
        C: Future<Output = Result<LdapResult, LdapError>> + Send,
    {
        let _permit = self.permits.acquire().await;
        loop {
            let mut connection = self.take().await?;
            let sent = call(connection.ldap.clone());
            match self.guarded(&mut connection, sent).await {
                Ok(result) => {
                    self.give_back(connection);
                    return Ok(result);
                }
                Err(Broken::NotSent(_)) if connection.used_before => (),
                Err(broken) => return Err(broken.error(what, &self.url, false)),
            }
        }
    }

    /// Gives all that is found, page by page. A base that is not there has nothing below it.
    pub(super) async fn search(
        &self,
        search: &Search<'_>,
        sink: &mut (dyn FnMut(Vec<Entry>) + Send),
    ) -> Result<(), CommandError> {
        let _permit = self.permits.acquire().await;
        let what = format!("search below {}", search.base);
        let mut connection = self.take().await?;
        let mut cookie = Vec::new();
        let mut first = true;
        loop {
            let sent = page(connection.ldap.clone(), search, self.page_size, cookie.clone());
            let (entries, result) = match self.guarded(&mut connection, sent).await {
                Ok(page) => page,
                // The server may have closed it since; nothing was given yet, so nothing is given twice.
                Err(Broken::NotSent(_) | Broken::Lost(_)) if connection.used_before && first => {
                    connection = self.take().await?;
                    continue;
                }
                Err(broken) => return Err(broken.error(&what, &self.url, true)),
            };
            match result.rc {
                0 => (),
                32 => {
                    self.give_back(connection);
                    return Ok(());
                }
                _ => return Err(declined(&what, &result, &[])),
            }
            first = false;
            sink(entries);
            match next_page(&result) {
                Some(next) if !next.is_empty() => cookie = next,
                _ => {
                    self.give_back(connection);
                    return Ok(());
                }
            }
        }
    }

    pub(super) async fn found(&self, search: &Search<'_>) -> Result<Vec<Entry>, CommandError> {
        let mut entries = Vec::new();
        self.search(search, &mut |page| entries.extend(page)).await?;
        Ok(entries)
    }

    /// Runs a call in its time; what the library makes of rubbish, a panic included, stays here.
    async fn guarded<T>(
        &self,
        connection: &mut Connection,
        call: impl Future<Output = Result<T, LdapError>> + Send,
    ) -> Result<T, Broken> {
        match timeout(self.total_timeout, AssertUnwindSafe(call).catch_unwind()).await {
            Err(_) | Ok(Ok(Err(LdapError::Timeout { .. }))) => Err(Broken::Late),
            // Malformed entries are told as text that is none.
            Ok(Err(_) | Ok(Err(LdapError::DecodingUTF8))) => Err(Broken::Rubbish),
            Ok(Ok(Ok(value))) => Ok(value),
            Ok(Ok(Err(error))) => {
                let was_sent = !matches!(error, LdapError::OpSend { .. });
                match end(&mut connection.driver, error).await {
                    Broken::Lost(why) if !was_sent => Err(Broken::NotSent(why)),
                    broken => Err(broken),
                }
            }
        }
    }

    async fn take(&self) -> Result<Connection, CommandError> {
        loop {
            let idle = self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
            match idle {
                Some(connection) if connection.driver.is_finished() => (),
                Some(connection) => return Ok(connection),
                None => return self.connect().await,
            }
        }
    }

    fn give_back(&self, mut connection: Connection) {
        connection.used_before = true;
        self.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(connection);
    }

    async fn connect(&self) -> Result<Connection, CommandError> {
        let settings = LdapConnSettings::new().set_conn_timeout(self.connect_timeout).set_starttls(self.start_tls);
        let opening = AssertUnwindSafe(LdapConnAsync::with_settings(settings, &self.url)).catch_unwind();
        let (driver, ldap) = match timeout(self.connect_timeout, opening).await {
            Ok(Ok(Ok(pair))) => pair,
            Ok(Ok(Err(error))) => {
                let rubbish = matches!(error, LdapError::LdapResult { .. });
                let class = if rubbish { ErrorClass::Protocol } else { ErrorClass::Transient };
                let message =
                    format!("{} cannot be reached: {}.", self.url, told(&error.to_string(), &[&self.password]));
                return Err(CommandError::new(class, message));
            }
            Ok(Err(_)) => return Err(Broken::Rubbish.error("connect", &self.url, true)),
            Err(_) => return Err(Broken::Late.error("connect", &self.url, true)),
        };
        let driver = tokio::spawn(driver.drive());
        let mut connection = Connection { ldap, driver, used_before: false };
        let mut ldap = connection.ldap.clone();
        let sent = async move { ldap.simple_bind(&self.bind_dn, &self.password).await };
        let result = match self.guarded(&mut connection, sent).await {
            Ok(result) => result,
            Err(broken) => return Err(broken.error("sign in", &self.url, true)),
        };
        if result.rc == 0 { Ok(connection) } else { Err(declined("sign in", &result, &[&self.password])) }
    }
}

impl Broken {
    fn error(self, what: &str, url: &str, is_read: bool) -> CommandError {
        let (class, happened) = match self {
            Self::NotSent(why) => (ErrorClass::Transient, why),
            Self::Lost(why) if is_read => (ErrorClass::Transient, why),
            Self::Late if is_read => (ErrorClass::Transient, "no answer in time".to_owned()),
            Self::Lost(why) => (ErrorClass::Unknown, format!("sent, and no answer: {why}")),
            Self::Late => (ErrorClass::Unknown, "sent, and no answer in time".to_owned()),
            Self::Rubbish => (ErrorClass::Protocol, "the answer is not LDAP".to_owned()),
        };
        CommandError::new(class, format!("{url}, {what}: {happened}."))
    }
}

/// Why the connection ended, after a call on it failed.
async fn end(driver: &mut JoinHandle<Result<(), LdapError>>, error: LdapError) -> Broken {
    match timeout(Duration::from_secs(1), driver).await {
        Ok(Err(_)) => Broken::Rubbish,
        // The codec has no other word for it.
        Ok(Ok(Err(LdapError::Io { source }))) if source.to_string() == "decoding error" => Broken::Rubbish,
        _ => Broken::Lost(told(&error.to_string(), &[])),
    }
}

type Page = (Vec<Entry>, LdapResult);

async fn page(mut ldap: Ldap, search: &Search<'_>, size: i32, cookie: Vec<u8>) -> Result<Page, LdapError> {
    if search.scope != Scope::Base {
        let control: RawControl = PagedResults { size, cookie }.into();
        ldap.with_controls(control);
    }
    let attributes = search.attributes.clone();
    let mut stream = ldap.streaming_search(search.base, search.scope, search.filter, attributes).await?;
    let mut entries = Vec::new();
    while let Some(found) = stream.next().await? {
        // References to other servers are not followed.
        if !found.is_ref() && !found.is_intermediate() {
            entries.push(Entry::read(found).ok_or(LdapError::DecodingUTF8)?);
        }
    }
    Ok((entries, stream.finish().await))
}

fn next_page(result: &LdapResult) -> Option<Vec<u8>> {
    result.ctrls.iter().find_map(|control| match control {
        Control(Some(ControlType::PagedResults), raw) => {
            std::panic::catch_unwind(|| raw.parse::<PagedResults>().cookie).ok()
        }
        _ => None,
    })
}

/// What a result other than success means (RFC 4511 appendix A.2).
pub(super) fn declined(what: &str, result: &LdapResult, secrets: &[&str]) -> CommandError {
    let class = match result.rc {
        2 => ErrorClass::Protocol,
        1 | 3 | 51 | 52 | 80 => ErrorClass::Transient,
        7 | 8 | 13 | 48 | 49 => ErrorClass::Authentication,
        50 => ErrorClass::Permission,
        32 => ErrorClass::NotFound,
        68 => ErrorClass::Conflict,
        4 | 10..=12 | 53 | 54 | 71 => ErrorClass::Unsupported,
        5 | 6 | 16..=21 | 33 | 34 | 36 | 64..=67 | 69 => ErrorClass::Invalid,
        _ => ErrorClass::Protocol,
    };
    let meaning = match result.rc {
        4 | 11 => "more entries than the server gives at once; raise its limit for this account, or set page_size",
        8 | 13 => "the server wants an encrypted connection",
        10 => "the server refers to another one, which is not followed; connect to that one",
        16 => "no such value",
        17 => "the server does not know this attribute",
        19 => "against a rule of the server",
        20 => "the value is there already",
        21 => "no value of the attribute's syntax",
        32 => "not there",
        34 => "no valid name",
        49 => "user or password is wrong",
        50 => "this account may not do that",
        51 => "the server is busy",
        52 => "the server is unavailable",
        53 => "the server is unwilling",
        64 => "the name does not suit the classes",
        65 => "the attributes do not suit the classes",
        66 => "there is something below it",
        68 => "the name is taken",
        _ => "declined",
    };
    let text = told(&result.text, secrets);
    let text = if text.is_empty() { text } else { format!(": {text}") };
    CommandError::new(class, format!("{what}: {meaning} (LDAP {}){text}.", result.rc))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_say_who_must_act() {
        for (rc, class) in [
            (3, ErrorClass::Transient),
            (10, ErrorClass::Unsupported),
            (19, ErrorClass::Invalid),
            (21, ErrorClass::Invalid),
            (32, ErrorClass::NotFound),
            (49, ErrorClass::Authentication),
            (50, ErrorClass::Permission),
            (51, ErrorClass::Transient),
            (52, ErrorClass::Transient),
            (53, ErrorClass::Unsupported),
            (65, ErrorClass::Invalid),
            (68, ErrorClass::Conflict),
            (4711, ErrorClass::Protocol),
        ] {
            let result = LdapResult { rc, matched: String::new(), text: "pa55\n".into(), refs: vec![], ctrls: vec![] };
            let error = declined("add uid=a", &result, &["pa55"]);
            assert_eq!(error.class, class, "{rc}");
            assert!(error.message.ends_with(": •••."), "{error}");
        }
    }
}
