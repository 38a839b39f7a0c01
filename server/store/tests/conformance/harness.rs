//! Databases for stories: SQLite's private one, and a PostgreSQL server started from the installed programs, one for
//! the whole process. The server ends when this process does, however it ends: the shell that holds it waits on a pipe.
//!
//! Most test runners start a process for each story, and setting up a server and a schema would take far longer than the
//! story: both are made once and kept below `target/tmp`, and every server begins as a copy.

use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{BufRead, BufReader, Write};
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
    // Copied off the migrated one; looking at it again finds nothing to do.
    let store = Store::open(&new_database(MIGRATED)).await.unwrap();
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
    new_database("template0")
}

/// The database of every private server that has the schema, and nothing in it.
const MIGRATED: &str = "migrated";

fn new_database(template: &str) -> String {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let server = SERVER.get_or_init(Server::start);
    let name = format!("story_{}", COUNTER.fetch_add(1, Ordering::Relaxed));
    server.create_database(&name, template);
    server.address(&name)
}

struct Server {
    programs: PathBuf,
    folder: PathBuf,
    /// Its standard input is what the shell waits on; the server has ended when the shell has.
    shell: Child,
}

const MAKE: &str = r#"
exec "$1/initdb" --pgdata="$2/data" --username=postgres --auth=trust --encoding=UTF8 --locale=C --wal-segsize=1 --no-sync
"#;

const SERVE: &str = r#"
programs=$1
folder=$2
options="-c listen_addresses='' -c unix_socket_directories='$folder' -c fsync=off -c synchronous_commit=off" &&
options="$options -c full_page_writes=off -c max_connections=300 -c shared_buffers=64MB" &&
"$programs/pg_ctl" --pgdata="$folder/data" --log="$folder/log" --wait --silent --options="$options" start >>"$folder/log" 2>&1 &&
echo ready || { cat "$folder/log"; exit 1; }
exec 1>&-
read -r how
"$programs/pg_ctl" --pgdata="$folder/data" --mode="${how:-immediate}" --silent stop >/dev/null 2>&1
test -n "$how" || rm -rf "$folder"
"#;

impl Server {
    /// On a copy of [`prototype`].
    fn start() -> Self {
        let folder = new_folder();
        copy(&prototype(), &folder.join("data"));
        Self::serve(folder)
    }

    fn serve(folder: PathBuf) -> Self {
        let programs = programs();
        let mut shell = unprivileged(SERVE, &programs, &folder)
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
        Self { programs, folder, shell }
    }

    fn create_database(&self, name: &str, template: &str) {
        let created = Command::new(self.programs.join("createdb"))
            .args(["--host".as_ref(), self.folder.as_os_str(), "--username=postgres".as_ref()])
            .args([&format!("--template={template}"), name])
            .status()
            .unwrap();
        assert!(created.success(), "createdb {name} failed");
    }

    fn address(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.folder.display())
    }

    /// Ends it with all it has on the disk, and answers where that is.
    fn end(mut self) -> PathBuf {
        self.shell.stdin.take().unwrap().write_all(b"fast\n").unwrap();
        self.shell.wait().unwrap();
        self.folder.join("data")
    }
}

/// The data of a server that has a database [`MIGRATED`], made by the first process that needs it: anew for other
/// migrations or another PostgreSQL.
fn prototype() -> PathBuf {
    // Benchmarks, which have no such folder, leave it where temporary files are.
    let folder = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let mut hasher = DefaultHasher::new();
    programs().hash(&mut hasher);
    fingerprint(&migrations, &mut hasher);
    let prototype = folder.join(format!("store-postgres-{:016x}", hasher.finish()));
    let lock = File::create(folder.join("store-postgres.lock")).unwrap();
    lock.lock().unwrap();
    if !prototype.exists() {
        let made = std::thread::spawn(make).join().expect("the prototype is made");
        let half = folder.join("store-postgres-half");
        let _ = std::fs::remove_dir_all(&half);
        copy(&made, &half);
        std::fs::rename(half, &prototype).unwrap();
        std::fs::remove_dir_all(made.parent().unwrap()).unwrap();
    }
    prototype
}

/// Names and contents of all files in it.
fn fingerprint(folder: &Path, hasher: &mut DefaultHasher) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for entry in entries {
        entry.file_name().hash(hasher);
        if entry.is_dir() {
            fingerprint(&entry, hasher);
        } else {
            std::fs::read(entry).unwrap().hash(hasher);
        }
    }
}

/// On a thread of its own, because a story's runtime does not wait within itself.
fn make() -> PathBuf {
    let folder = new_folder();
    let made = unprivileged(MAKE, &programs(), &folder).stdout(Stdio::null()).output().unwrap();
    assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));
    let server = Server::serve(folder);
    server.create_database(MIGRATED, "template0");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&server.address(MIGRATED)).await.unwrap();
        store.migrate().await.unwrap();
        store.close().await;
    });
    server.end()
}

/// A folder that whoever runs PostgreSQL may write to; the socket's name must be short, so it is not below `target`.
fn new_folder() -> PathBuf {
    let folder = tempfile::Builder::new().prefix("store-postgres-").tempdir().unwrap().keep();
    if is_root() {
        give(&folder);
    }
    folder
}

/// With all that is in it, belonging to whoever runs PostgreSQL.
fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").args(["-R", "--reflink=auto"]).args([from, to]).status().unwrap();
    assert!(copied.success(), "{} cannot be copied", from.display());
    if is_root() {
        give(to);
    }
}

fn give(folder: &Path) {
    let given = Command::new("chown").args(["-R", "postgres"]).arg(folder).status().unwrap();
    assert!(given.success(), "there is no user `postgres`; install postgresql-15");
}

/// PostgreSQL refuses to run as root.
fn unprivileged(script: &str, programs: &Path, folder: &Path) -> Command {
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
        command
    } else {
        Command::new("sh")
    };
    command.args(["-c", script, "sh"]).arg(programs).arg(folder).current_dir(folder);
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").map(|me| std::os::unix::fs::MetadataExt::uid(&me)).unwrap() == 0
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
