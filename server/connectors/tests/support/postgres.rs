//! A PostgreSQL of the test's own, in a temporary folder and on a free port.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

pub struct Postgres {
    process: Child,
    pub port: u16,
    setting: &'static str,
    folder: tempfile::TempDir,
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

    /// Makes another database on it, and answers its address.
    #[allow(dead_code, reason = "most tests need one")]
    pub fn create_database(&self, name: &str) -> String {
        self.query("postgres", &format!("create database {name}"));
        let url = self.url();
        format!("{}/{name}", url.strip_suffix("/postgres").unwrap())
    }

    /// What the statement answers, as text.
    #[allow(dead_code, reason = "only some tests look into it")]
    pub fn query(&self, database: &str, sql: &str) -> String {
        let output = Command::new(programs().join("psql"))
            .args(["--host=127.0.0.1", "--username=postgres", "--no-psqlrc", "--tuples-only", "--no-align", "--quiet"])
            .args(["--port", &self.port.to_string(), "--dbname", database, "--command", sql])
            .env("PGPASSWORD", PASSWORD)
            .output()
            .unwrap();
        assert!(output.status.success(), "{sql}: {output:?}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Ends it as `pg_ctl stop -m immediate` does: at once, in the middle of whatever it does.
    #[allow(dead_code, reason = "only some tests end it early")]
    pub fn end(&mut self) {
        let asked = Command::new("kill").args(["-QUIT", &self.process.id().to_string()]).status().unwrap();
        assert!(asked.success());
        self.process.wait().unwrap();
    }

    /// Starts it again, at the same port.
    #[allow(dead_code, reason = "only some tests end it early")]
    pub fn come_back(&mut self) {
        let (folder, setting, port) = (self.folder.path(), self.setting, self.port);
        (self.process, _) = super::ready::start(READY, |_| server(folder, setting, port));
    }

    fn with(setting: &'static str) -> Self {
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
        let (process, port) = super::ready::start(READY, |port| server(folder.path(), setting, port));
        Self { process, port, setting, folder }
    }
}

const READY: &str = "database system is ready to accept connections";

fn server(folder: &Path, setting: &str, port: u16) -> Command {
    let mut command = unprivileged(&programs().join("postgres"));
    command.arg("-D").arg(folder.join("data")).arg("-k").arg(folder);
    command.args(["-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1", "-c", setting]);
    command
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
