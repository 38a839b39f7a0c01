//! A MariaDB of the test's own, in a temporary folder and on a free port.

use std::path::Path;
use std::process::{Child, Command, Stdio};

pub struct MariaDb {
    process: Child,
    pub port: u16,
    _folder: tempfile::TempDir,
}

impl MariaDb {
    /// Starts the server with the superuser `root`, who needs no password, and an empty database `target`.
    pub fn start() -> Self {
        let server = ["/usr/sbin/mariadbd", "/usr/libexec/mariadbd", "/usr/local/bin/mariadbd"]
            .into_iter()
            .find(|program| Path::new(program).exists())
            .expect("MariaDB is missing; install it: apt-get install mariadb-server");
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let made = Command::new("mariadb-install-db")
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db", "--user=root"])
            .arg(format!("--datadir={}", data.display()))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "mariadb-install-db failed");
        let (process, port) = super::ready::start("ready for connections", |port| {
            let mut command = Command::new(server);
            command
                .args(["--no-defaults", "--user=root", "--bind-address=127.0.0.1", "--skip-log-bin"])
                .args(["--character-set-server=utf8mb4", "--collation-server=utf8mb4_nopad_bin", "--skip-name-resolve"])
                .arg("--innodb-flush-log-at-trx-commit=0")
                .arg(format!("--port={port}"))
                .arg(format!("--datadir={}", data.display()))
                .arg(format!("--socket={}", folder.path().join("socket").display()));
            command
        });
        Self { process, port, _folder: folder }
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
