//! Request Tracker with a database of its own, a queue with a lifecycle of its own, and a user with no more rights than
//! `docs/FORMATS.md` asks for.

use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value as Json, json};
use tempfile::TempDir;

use super::child::{Server, program, start};

pub(crate) const QUEUE: &str = "Access";
pub(crate) const USER: &str = "quartermaster";
pub(crate) const PASSWORD: &str = "a-password-for-tests";

/// A running Request Tracker; its files go with it.
pub(crate) struct RequestTracker {
    pub(crate) server: Server,
    /// Authentication token of [`USER`].
    pub(crate) token: String,
    http: reqwest::Client,
    _folder: TempDir,
}

pub(crate) fn start_request_tracker() -> RequestTracker {
    let setup = program("rt-setup-database-5", &[PathBuf::from("/usr/sbin")]);
    let share = Path::new("/usr/share/request-tracker5");
    let daemon = program("rt-server", &[share.join("libexec")]);
    let folder = TempDir::new().expect("a folder");
    for name in ["mason", "session", "var", "more"] {
        std::fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    let prepared = prepared(&setup, share);
    std::fs::copy(prepared.join("rt.db"), folder.path().join("rt.db")).expect("a database");
    let token = std::fs::read_to_string(prepared.join("token")).expect("a token");
    let server = start("request-tracker5", |port| {
        std::fs::write(folder.path().join("site.pm"), settings(folder.path(), port)).expect("a file");
        // It says on its second output that it is ready, and only as a developer's server.
        let mut command = private(Path::new("sh"), folder.path());
        command.args(["-c", "exec \"$0\" \"$@\" 2>&1"]).arg(&daemon);
        command.args(["--server", "Standalone", "--env", "development"]);
        command.args(["--host", "127.0.0.1", "--port", &port.to_string()]);
        Server::saying(command, port, "Accepting connections")
    });
    let _ = rustls::crypto::ring::default_provider().install_default();
    RequestTracker { server, token, http: reqwest::Client::new(), _folder: folder }
}

/// A database with everything in it, made once for all tests that follow, for this version of Request Tracker and for
/// what is set up here.
fn prepared(setup: &Path, share: &Path) -> PathBuf {
    let installed = std::fs::metadata(setup).and_then(|file| file.modified()).expect("its time");
    let installed = installed.duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs();
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut what = std::hash::DefaultHasher::new();
    (installed, settings(Path::new(""), 1), MORE).hash(&mut what);
    let ready = all.join(format!("request-tracker-{:016x}", what.finish()));
    if ready.is_dir() {
        return ready;
    }
    let folder = TempDir::new_in(all).expect("a folder");
    std::fs::create_dir(folder.path().join("more")).expect("a folder");
    std::fs::write(folder.path().join("site.pm"), settings(folder.path(), 1)).expect("a file");
    run(private(setup, folder.path()).args(["--action", "init", "--skip-create=0"]));
    let mut command = private(Path::new("perl"), folder.path());
    command.arg("-I").arg(share.join("lib")).args(["-e", MORE]);
    std::fs::write(folder.path().join("token"), run(&mut command).trim()).expect("a file");
    // Another test may have been quicker; then its folder is taken.
    let _ = std::fs::rename(folder.path(), &ready);
    ready
}

impl RequestTracker {
    /// What somebody who works there says: a comment, a status, or both.
    pub(crate) async fn work(&self, ticket: u64, comment: Option<&str>, status: Option<&str>) {
        if let Some(comment) = comment {
            self.call(
                "POST",
                &format!("ticket/{ticket}/comment"),
                json!({ "Content": comment, "ContentType": "text/plain" }),
            )
            .await;
        }
        if let Some(status) = status {
            let answer = self.call("PUT", &format!("ticket/{ticket}"), json!({ "Status": status })).await;
            let told = answer.to_string();
            assert!(told.contains("Status changed") || told.contains("deleted"), "{told}");
        }
    }

    pub(crate) async fn merge(&self, ticket: u64, into: u64) {
        self.call("PUT", &format!("ticket/{ticket}"), json!({ "MergeInto": into })).await;
    }

    pub(crate) async fn ticket(&self, ticket: u64) -> Json {
        self.call("GET", &format!("ticket/{ticket}"), Json::Null).await
    }

    /// Everything that was written on a ticket: the text it was opened with, then the comments.
    pub(crate) async fn texts(&self, ticket: u64) -> Vec<String> {
        use base64::Engine as _;
        let path = format!("ticket/{ticket}/history?fields=Type,_hyperlinks&per_page=100");
        let history = self.call("GET", &path, Json::Null).await;
        let mut texts = Vec::new();
        for line in history["items"].as_array().expect("lines") {
            if !matches!(line["Type"].as_str(), Some("Create" | "Comment" | "Correspond")) {
                continue;
            }
            let links = line["_hyperlinks"].as_array().expect("links");
            let attached = links.iter().find(|link| link["ref"] == "attachment").expect("an attachment");
            let number = attached["_url"].as_str().expect("an address").rsplit('/').next().expect("a number");
            let attachment = self.call("GET", &format!("attachment/{number}"), Json::Null).await;
            let content: String = attachment["Content"].as_str().expect("a content").split_whitespace().collect();
            let bytes = base64::engine::general_purpose::STANDARD.decode(content).expect("base64");
            texts.push(String::from_utf8(bytes).expect("text"));
        }
        texts
    }

    /// How many tickets of the queue there are, deleted ones left out.
    pub(crate) async fn count(&self) -> u64 {
        let query = format!("tickets?query=Queue%3D%27{QUEUE}%27");
        self.call("GET", &query, Json::Null).await["total"].as_u64().expect("a number")
    }

    async fn call(&self, method: &str, path: &str, body: Json) -> Json {
        let url = format!("http://127.0.0.1:{}/REST/2.0/{path}", self.server.port);
        let mut request =
            self.http.request(method.parse().expect("a method"), url).basic_auth("root", Some("password"));
        if !body.is_null() {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.expect("an answer");
        let (status, text) = (answer.status(), answer.text().await.expect("a text"));
        assert!(status.is_success(), "{method} {path}: {status} {text}");
        serde_json::from_str(&text).expect("JSON")
    }
}

fn private(program: &Path, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("RT_SITE_CONFIG", folder.join("site.pm")).env("RT_SITE_CONFIG_DIR", folder.join("more"));
    command.stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// No mail leaves, nothing is written outside of the folder, and the queue has a status that is not Request Tracker's own.
/// Passwords and tokens are checked quickly: each request has one, and as it is usual that takes a third of a second.
fn settings(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    format!(
        "Set($rtname, 'tests');
Set($Organization, 'tests.invalid');
Set($WebDomain, '127.0.0.1');
Set($WebPort, {port});
Set($DatabaseType, 'SQLite');
Set($DatabaseName, '{folder}/rt.db');
Set($MailCommand, 'testfile');
Set($BcryptCost, 4);
Set($LogToSTDERR, 'error');
Set($LogToSyslog, undef);
Set(%Lifecycles, access => {{
  initial => ['new'], active => ['open', 'with the vendor'], inactive => ['resolved', 'rejected', 'deleted'],
  defaults => {{ on_create => 'new', on_merge => 'resolved' }},
  transitions => {{
    '' => ['new'],
    'new' => ['open', 'with the vendor', 'resolved', 'rejected', 'deleted'],
    'open' => ['with the vendor', 'resolved', 'rejected', 'deleted'],
    'with the vendor' => ['open', 'resolved', 'rejected', 'deleted'],
    'resolved' => ['open'], 'rejected' => ['open'], 'deleted' => ['open'],
  }},
  rights => {{ '* -> *' => 'ModifyTicket' }},
  actions => [],
}});
$RT::MasonDataDir = '{folder}/mason';
$RT::MasonSessionDir = '{folder}/session';
$RT::VarPath = '{folder}/var';
1;
"
    )
}

/// Makes queue, custom field and user, and says the user's token. Mails about tickets, to nobody, would take most of the
/// time.
const MORE: &str = r#"
use strict; use warnings;
use RT; RT::LoadConfig(); RT::Init();
use RT::AuthToken; use RT::Scrips;
my $scrips = RT::Scrips->new(RT->SystemUser);
$scrips->UnLimit;
while (my $scrip = $scrips->Next) {
  $scrip->SetDisabled(1) if $scrip->ActionObj->Name =~ /Notify|Autoreply/;
}
sub made { my ($what, $ok, $message) = @_; die "$what: $message\n" unless $ok; }
my $queue = RT::Queue->new(RT->SystemUser);
made('queue', $queue->Create(Name => 'Access', Lifecycle => 'access'));
my $field = RT::CustomField->new(RT->SystemUser);
made('field', $field->Create(Name => 'Application', Type => 'Freeform', MaxValues => 1, LookupType => 'RT::Queue-RT::Ticket'));
made('applied', $field->AddToObject($queue));
my $user = RT::User->new(RT->SystemUser);
made('user', $user->Create(Name => 'quartermaster', Password => 'a-password-for-tests', Privileged => 1));
for my $right (qw(SeeQueue CreateTicket ShowTicket ShowTicketComments CommentOnTicket ModifyTicket SeeCustomField SetInitialCustomField)) {
  made($right, $user->PrincipalObj->GrantRight(Right => $right, Object => $queue));
}
my $token = RT::AuthToken->new(RT->SystemUser);
my ($ok, $message, $secret) = $token->Create(Owner => $user->id, Description => 'tests');
made('token', $ok, $message);
print "$secret\n";
"#;
