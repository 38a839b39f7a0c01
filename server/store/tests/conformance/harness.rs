//! Databases for stories: SQLite's private one, and a PostgreSQL server started from the installed programs, one for
//! the whole process. The server ends when this process does, however it ends: the shell that holds it waits on a pipe.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use store::Store;

pub(crate) async fn sqlite() -> Store {
    let store = Store::open("sqlite::memory:").await.unwrap();
    store.migrate().await.unwrap();
    store
}

pub(crate) async fn postgres() -> Store {
    let store = Store::open(&new_postgres_database()).await.unwrap();
    store.migrate().await.unwrap();
    store
}

/// Address of an empty database of the same kind as the store's.
pub(crate) fn empty_database_like(store: &Store, folder: &Path) -> String {
    match store.dialect() {
        store::Dialect::Sqlite => format!("sqlite:{}", folder.join("empty.db").display()),
        store::Dialect::Postgres => new_postgres_database(),
    }
}

/// Address of an empty database on the private server.
pub(crate) fn new_postgres_database() -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let server = SERVER.get_or_init(Server::start);
    let name = format!("story_{}", COUNTER.fetch_add(1, Ordering::Relaxed));
    let created = Command::new(server.programs.join("createdb"))
        .args(["--host".as_ref(), server.folder.as_os_str(), "--username=postgres".as_ref(), name.as_ref()])
        .status()
        .unwrap();
    assert!(created.success(), "createdb {name} failed");
    format!("postgres://postgres@localhost/{name}?host={}", server.folder.display())
}

struct Server {
    programs: PathBuf,
    folder: PathBuf,
    /// Its standard input is what the shell waits on.
    _shell: Child,
}

const SCRIPT: &str = r#"
programs=$1
folder=$2
"$programs/initdb" --pgdata="$folder/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --no-sync >"$folder/log" 2>&1 &&
options="-c listen_addresses='' -c unix_socket_directories='$folder' -c fsync=off -c synchronous_commit=off" &&
options="$options -c full_page_writes=off -c max_connections=300 -c shared_buffers=64MB" &&
"$programs/pg_ctl" --pgdata="$folder/data" --log="$folder/log" --wait --silent --options="$options" start >>"$folder/log" 2>&1 &&
echo ready || { cat "$folder/log"; exit 1; }
exec 1>&-
read -r _
"$programs/pg_ctl" --pgdata="$folder/data" --mode=immediate --silent stop >/dev/null 2>&1
rm -rf "$folder"
"#;

impl Server {
    fn start() -> Self {
        let programs = programs();
        let folder = tempfile::Builder::new().prefix("store-postgres-").tempdir().unwrap().keep();
        // PostgreSQL refuses to run as root.
        let is_root = std::fs::metadata("/proc/self").map(|me| std::os::unix::fs::MetadataExt::uid(&me)).unwrap() == 0;
        let mut command = if is_root {
            let given = Command::new("chown").arg("postgres").arg(&folder).status().unwrap();
            assert!(given.success(), "there is no user `postgres`; install postgresql-15");
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        let mut shell = command
            .args(["-c", SCRIPT, "sh"])
            .arg(&programs)
            .arg(&folder)
            .current_dir(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(shell.stdout.take().unwrap()).lines();
        let first = lines.next().and_then(Result::ok).unwrap_or_default();
        if first != "ready" {
            let rest: Vec<_> = lines.map_while(Result::ok).collect();
            panic!("PostgreSQL did not start:\n{first}\n{}", rest.join("\n"));
        }
        Self { programs, folder, _shell: shell }
    }
}

/// The newest PostgreSQL there is.
fn programs() -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|version| version.path().join("bin")).collect())
        .unwrap_or_default();
    found.sort();
    let on_path =
        std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>()).unwrap_or_default();
    found
        .into_iter()
        .rev()
        .chain(on_path)
        .find(|folder| folder.join("initdb").exists() && folder.join("pg_ctl").exists())
        .expect("PostgreSQL is not installed: install postgresql-15")
}
