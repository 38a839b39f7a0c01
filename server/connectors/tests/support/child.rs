//! A server that a test starts for itself, and that ends with the test.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server; dropping it ends it.
pub(crate) struct Server {
    child: Child,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Starts it, and waits for the line of its output that has this text.
    pub(crate) fn saying(mut command: Command, port: u16, ready: &str) -> Option<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let output = child.stdout.take().expect("its output");
        let mut lines = BufReader::new(output).lines();
        let is_ready = lines.by_ref().map_while(Result::ok).any(|line| line.contains(ready));
        // What else it says is read, so that it never waits for a reader.
        std::thread::spawn(move || lines.for_each(drop));
        let server = Self { child, port };
        is_ready.then_some(server)
    }

    /// Starts it, and waits until it takes connections.
    pub(crate) fn listening(mut command: Command, port: u16) -> Option<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let mut server = Self { child, port };
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(30) {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Some(server);
            }
            if server.child.try_wait().expect("its state").is_some() {
                return None;
            }
            std::thread::yield_now();
        }
        None
    }
}

/// Starts a server on a free port; another one where somebody took the port in between.
pub(crate) fn start(what: &str, mut attempt: impl FnMut(u16) -> Option<Server>) -> Server {
    (0..5)
        .find_map(|_| attempt(super::free_port::free_port()))
        .unwrap_or_else(|| panic!("{what} does not start; run `.ci/setup tests`"))
}

/// The program, from the search path or from where `.ci/setup tests` puts it.
pub(crate) fn program(name: &str, elsewhere: &[PathBuf]) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(elsewhere.iter().cloned())
        .map(|folder| folder.join(name))
        .find(|candidate| candidate.is_file())
        .unwrap_or_else(|| panic!("{name} is not installed; run `.ci/setup tests`"))
}

/// Where `.ci/setup tests` keeps its tools.
pub(crate) fn tools() -> PathBuf {
    match std::env::var_os("QUARTERMASTER_TOOLS") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(std::env::var_os("HOME").expect("HOME")).join(".cache/quartermaster"),
    }
}
