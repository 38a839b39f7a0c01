//! A PostgreSQL of the test's own, in a temporary folder and on a free port.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub struct Postgres {
    process: Child,
    pub port: u16,
    _folder: tempfile::TempDir,
}

pub const PASSWORD: &str = "an unusual: p@ss/word";

impl Postgres {
    /// Starts the server with the superuser `postgres`. What it holds need not outlive a power failure.
    #[allow(dead_code, reason = "benchmarks start a durable one only")]
    pub fn start() -> Self {
        Self::with("fsync=off")
    }

    /// The same, with commits that are on the disk when they are answered.
    #[allow(dead_code, reason = "only benchmarks measure how long commits take")]
    pub fn durable() -> Self {
        Self::with("fsync=on")
    }

    /// The address of its database.
    #[allow(dead_code, reason = "some tests name it in their own way")]
    pub fn url(&self) -> String {
        format!("postgres://postgres:an%20unusual%3A%20p%40ss%2Fword@127.0.0.1:{}/postgres", self.port)
    }

    fn with(setting: &str) -> Self {
        let programs = programs();
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let secret = folder.path().join("password");
        std::fs::write(&secret, PASSWORD).unwrap();
        if is_root() {
            let chown = Command::new("chown").arg("-R").arg("postgres").arg(folder.path()).status().unwrap();
            assert!(
                chown.success(),
                "the folder cannot be given to the user postgres, who comes with PostgreSQL; install it: apt-get install postgresql"
            );
        }
        let made = unprivileged(&programs.join("initdb"))
            .args(["--username=postgres", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"])
            .arg("--pwfile")
            .arg(&secret)
            .arg("--pgdata")
            .arg(&data)
            .stdout(Stdio::null())
            .output()
            .unwrap();
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
        let (process, port) = super::ready::start("database system is ready to accept connections", |port| {
            let mut command = unprivileged(&programs.join("postgres"));
            command.arg("-D").arg(&data).arg("-k").arg(folder.path());
            command.args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", setting]);
            command
        });
        Self { process, port, _folder: folder }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-QUIT", &self.process.id().to_string()]).status();
        let _ = self.process.wait();
    }
}

/// PostgreSQL refuses to run as root.
fn unprivileged(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "--"]).arg(program);
    command
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output().unwrap();
    id.stdout.trim_ascii() == b"0"
}

fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders = versions
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .collect::<Vec<_>>();
    folders.sort();
    folders.pop().expect("PostgreSQL is missing; install it: apt-get install postgresql")
}
