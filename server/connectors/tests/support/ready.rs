//! Servers that say in their log when they are ready.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

/// Starts a server on a free port and reads its errors up to the line that says it is ready; another port where
/// somebody took it in between. What else it says is read in the background, so that it never waits for us.
pub fn start(ready: &str, mut command: impl FnMut(u16) -> Command) -> (Child, u16) {
    let mut told = String::new();
    for _ in 0..5 {
        let port = super::free_port::free_port();
        let mut command = command(port);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let log = child.stderr.take().expect("its log");
        let mut lines = BufReader::new(log).split(b'\n').map_while(Result::ok);
        for line in lines.by_ref() {
            let line = String::from_utf8_lossy(&line).into_owned();
            if line.contains(ready) {
                std::thread::spawn(move || lines.for_each(drop));
                return (child, port);
            }
            told = told + &line + "\n";
        }
        let _ = child.wait();
    }
    panic!("the server does not start:\n{told}");
}
