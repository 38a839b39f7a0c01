//! Start and stop: listens, starts the runner, and on a signal lets what is under way come to its end.
//!
//! A socket that whoever starts the program already listens on (`LISTEN_FDS`, as systemd hands it over) is taken in the place
//! of one of its own: it stays open while one process ends and the next begins, so that nobody who calls is turned away.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use engine::Engine;
use engine::error::OpenError;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::http::listener::{Listener, Peer};
use crate::http::permissions::Unguarded;
use crate::http::{self, Site, SiteOptions};
use crate::telemetry;

/// Sessions that have ended are removed so often.
const SWEEP_SESSIONS: Duration = Duration::from_secs(600);
/// How long requests under way may take to end once the program is asked to stop.
const DRAIN: Duration = Duration::from_secs(20);
/// How long whoever is connected may take to ask, where a socket is handed on.
const LAST_REQUESTS: Duration = Duration::from_secs(1);
/// Who cannot run the jobs looks so often whether they can be taken over.
const TAKE_OVER: Duration = Duration::from_millis(500);

/// Where and how pages are served.
#[derive(Args, Clone, Debug)]
pub struct ServeOptions {
    /// Address and port to listen on; port 0 takes a free one. A socket handed over by systemd is used in its place
    #[arg(long, env = "QUARTERMASTER_ADDRESS", default_value = "127.0.0.1:3000")]
    pub address: SocketAddr,
    /// How people reach this server, such as https://quartermaster.example.org, when a proxy ends TLS in front of it
    #[arg(long, env = "QUARTERMASTER_PUBLIC_URL")]
    pub public_url: Option<String>,
    /// Believe X-Forwarded-For: a proxy in front sets it, and passes Host and Origin unchanged
    #[arg(long, env = "QUARTERMASTER_BEHIND_PROXY")]
    pub behind_proxy: bool,
    /// Serve plain HTTP to other machines; passwords can then be read on the way
    #[arg(long)]
    pub insecure_http: bool,
    /// Token with which other machines may read /metrics
    #[arg(long, env = "QUARTERMASTER_METRICS_TOKEN", hide_env_values = true)]
    pub metrics_token: Option<String>,
}

/// Why serving did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(
        "{address} can be reached from other machines, and nothing protects passwords on the way. Let a proxy end TLS and \
         name its address with --public-url https://…, or say --insecure-http"
    )]
    Plain { address: SocketAddr },
    #[error("--public-url {url} is no address; write it as https://name or http://name")]
    PublicUrl { url: String },
    #[error("cannot listen on {address}: {source}. Stop what uses it, or choose another with --address")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error(
        "the socket that was handed over (LISTEN_FDS) cannot be used: {0}. Hand over one TCP socket, or none and name the \
         address with --address"
    )]
    Given(std::io::Error),
    #[error(transparent)]
    Unguarded(#[from] Unguarded),
    #[error("numbers cannot be counted: {0}")]
    Metrics(String),
    #[error(transparent)]
    Runner(#[from] OpenError),
    #[error("the program's own path cannot be found: {0}. Start it with its full path")]
    Executable(std::io::Error),
    #[error("serving ended: {0}. The log says what happened before; start again")]
    Ended(std::io::Error),
}

/// Serves until the program is asked to stop. `ready` is told the address once requests are answered.
///
/// # Errors
/// See [`ServeError`].
pub async fn run(engine: Engine, options: ServeOptions, ready: impl FnOnce(&str)) -> Result<(), ServeError> {
    let given = given_listener().map_err(ServeError::Given)?;
    let address = match &given {
        Some(listener) => listener.local_addr().map_err(ServeError::Given)?,
        None => options.address,
    };
    let https = is_https(&options, address)?;
    let (stop, stopping) = watch::channel(false);
    let metrics = telemetry::start_metrics().map_err(ServeError::Metrics)?;
    let site = Site::new(
        engine.clone(),
        SiteOptions {
            https,
            behind_proxy: options.behind_proxy,
            metrics: Some(metrics.clone()),
            metrics_token: options.metrics_token.clone(),
            stopping: stopping.clone(),
            site_root: std::env::var_os("LEPTOS_SITE_ROOT").map(PathBuf::from),
            executable: std::env::current_exe().map_err(ServeError::Executable)?,
        },
    );
    let router = http::router(site)?;
    let listen = |source| ServeError::Listen { address, source };
    // Where the socket outlives this process, whoever comes after it serves those who connect from now on.
    let last_requests = if given.is_some() { LAST_REQUESTS } else { Duration::ZERO };
    let socket = match given {
        Some(socket) => socket,
        None => TcpListener::bind(address).await.map_err(listen)?,
    };
    let (close, closing) = watch::channel(false);
    let listener = Listener::new(socket, closing).map_err(listen)?;
    let address = listener.address();
    if !start_runner(&engine).await? {
        tracing::warn!(
            "another process runs the jobs of this database; this one serves pages, and takes over when that ends"
        );
        tokio::spawn(take_over(engine.clone(), stopping.clone()));
    }

    let asked = asked_to_stop();
    let housekeeping = tokio::spawn(keep_house(engine.clone(), metrics));
    let mut drained = stopping.clone();
    let server = axum::serve(listener, router.into_make_service_with_connect_info::<Peer>()).with_graceful_shutdown(
        async move {
            asked.await;
            tracing::info!("stopping: requests and orders under way come to their end");
            // Nobody hears either only when serving has ended already.
            let _ = close.send(true);
            tokio::time::sleep(last_requests).await;
            let _ = stop.send(true);
        },
    );
    if engine::users::list(&engine).await.is_ok_and(|users| users.is_empty()) {
        tracing::warn!("nobody can sign in yet; run: quartermaster user add NAME");
    }
    tracing::info!(%address, "listening");
    ready(options.public_url.as_deref().unwrap_or(&format!("http://{address}")));
    let outcome = tokio::select! {
        outcome = async { server.await } => outcome.map_err(ServeError::Ended),
        () = async {
            let _ = drained.wait_for(|stopping| *stopping).await;
            tokio::time::sleep(DRAIN).await;
        } => {
            tracing::warn!("some requests did not end in time and were cut");
            Ok(())
        }
    };
    housekeeping.abort();
    engine.stop().await;
    tracing::info!("stopped");
    outcome
}

/// The socket that whoever started the program listens on already.
fn given_listener() -> std::io::Result<Option<TcpListener>> {
    let Some(listener) = listenfd::ListenFd::from_env().take_tcp_listener(0)? else { return Ok(None) };
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener).map(Some)
}

/// Whether this process runs the jobs from now on.
async fn start_runner(engine: &Engine) -> Result<bool, OpenError> {
    let runs = engine.start_runner().await?;
    if runs {
        engine.start_scheduler();
    }
    Ok(runs)
}

/// Runs the jobs once the process that runs them now has ended.
async fn take_over(engine: Engine, mut stopping: watch::Receiver<bool>) {
    let mut again = tokio::time::interval(TAKE_OVER);
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => return,
            _ = again.tick() => {}
        }
        match start_runner(&engine).await {
            Ok(true) => return tracing::info!("this process runs the jobs of this database now"),
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "the jobs of this database cannot be taken over yet"),
        }
    }
}

fn is_https(options: &ServeOptions, address: SocketAddr) -> Result<bool, ServeError> {
    let https = match &options.public_url {
        None => false,
        Some(url) if url.starts_with("https://") && url.len() > 8 => true,
        Some(url) if url.starts_with("http://") && url.len() > 7 => false,
        Some(url) => return Err(ServeError::PublicUrl { url: url.clone() }),
    };
    if !https && !address.ip().is_loopback() && !options.insecure_http {
        return Err(ServeError::Plain { address });
    }
    Ok(https)
}

async fn keep_house(engine: Engine, metrics: metrics_exporter_prometheus::PrometheusHandle) {
    let mut sweep = tokio::time::interval(SWEEP_SESSIONS);
    let mut upkeep = tokio::time::interval(telemetry::UPKEEP);
    loop {
        tokio::select! {
            _ = upkeep.tick() => metrics.run_upkeep(),
            _ = sweep.tick() => {
                // The engine has logged what went wrong; the next sweep tries again.
                let _ = engine::sessions::delete_expired(&engine, engine.now()).await;
            }
        }
    }
}

/// A file that would grow beyond its limit (`ulimit -f`) is an error of the write, like a full disk, and not the end of
/// the program. Holds from the first call on; needs the runtime.
#[cfg(unix)]
pub fn survive_limits_of_files() {
    use tokio::signal::unix::{SignalKind, signal};
    // Listened to and never looked at, it only interrupts the write. An error means that the system knows no such signal.
    if let Err(error) = signal(SignalKind::from_raw(libc::SIGXFSZ)) {
        tracing::warn!(%error, "a limit on the size of files will end the program where it is reached");
    }
}

#[cfg(not(unix))]
pub fn survive_limits_of_files() {}

/// Listens for a wish to stop from now on, and not from when the answer is first awaited: who starts the program may ask at
/// once after it has said that it is ready.
#[cfg(unix)]
pub(crate) fn asked_to_stop() -> impl Future<Output = ()> + Send {
    use tokio::signal::unix::{Signal, SignalKind, signal};
    async fn heard(signal: std::io::Result<Signal>) {
        match signal {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    }
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    async {
        tokio::select! {
            () = heard(interrupt) => {}
            () = heard(terminate) => {}
        }
    }
}

#[cfg(not(unix))]
pub(crate) async fn asked_to_stop() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_stays_on_this_machine_unless_asked_for() {
        let options = |address: &str, public_url: Option<&str>, insecure_http| ServeOptions {
            address: address.parse().unwrap(),
            public_url: public_url.map(str::to_owned),
            behind_proxy: false,
            insecure_http,
            metrics_token: None,
        };
        let cases = [
            ("127.0.0.1:3000", None, false, Some(false)),
            ("[::1]:3000", None, false, Some(false)),
            ("0.0.0.0:3000", None, false, None),
            ("10.0.0.1:3000", Some("http://name"), false, None),
            ("0.0.0.0:3000", None, true, Some(false)),
            ("0.0.0.0:3000", Some("https://name"), false, Some(true)),
            ("127.0.0.1:3000", Some("name"), false, None),
            ("127.0.0.1:3000", Some("https://"), false, None),
        ];
        for (address, url, insecure, expected) in cases {
            let options = options(address, url, insecure);
            assert_eq!(is_https(&options, options.address).ok(), expected, "{address} {url:?}");
        }
    }
}
