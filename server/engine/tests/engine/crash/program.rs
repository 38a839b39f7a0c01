//! The program as its own process: what the child does, and how the parent starts, watches and kills it.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use engine::{Engine, Options, jobs};
use model::job::{Run, RunMode, RunState};
use model::view::RunFilter;

/// Names the child's house.
pub(super) const FOLDER: &str = "QUARTERMASTER_CRASH_FOLDER";
/// A run that was under way without a task under way.
pub(super) const BETWEEN: &str = "between";
/// A job that is asked for: the file holds its mode.
pub(super) const WANTED: &str = "wanted";
/// Names the house's database, where it is none of its own in a file.
pub(super) const DATABASE: &str = "database";
/// How long a claim holds, in milliseconds, where it is not the usual time.
pub(super) const LEASE: &str = "lease";
/// The task in which each run was broken off, a line each.
pub(super) const HITS: &str = "hits";

const WORKING: &str = "the program works";
const AT: &str = "the run is at: ";
const ENDED: &str = "the run ended: ";
/// Longer than anything takes that does not hang.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the engine of a house is opened with.
pub(super) fn options(folder: &Path) -> Options {
    let file = || format!("sqlite:{}", folder.join("quartermaster.db").display());
    let note = |name: &str| std::fs::read_to_string(folder.join(name)).ok();
    let mut options = Options::new(note(DATABASE).unwrap_or_else(file), folder.join("data"));
    if let Some(lease) = note(LEASE) {
        options.tuning.lease = Duration::from_millis(lease.parse().expect("milliseconds"));
    }
    options.tuning.answer_wait = Duration::from_secs(30);
    options.tuning.sweep_every = Duration::from_millis(20);
    options
}

/// What the child does: opens the engine, goes on with the run that is under way or starts the one that is asked for,
/// and ends when the run does.
pub(super) fn main(folder: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let engine = Engine::open(options(folder)).await.expect("the engine opens");
        let op = engine.operating_context("child");
        let latest = |rows: Vec<model::view::RunRow>| rows.into_iter().next().map(|row| row.run);
        let under_way =
            latest(jobs::runs(&op, RunFilter { limit: 1, ..RunFilter::default() }).await.expect("the runs"))
                .filter(|run| !run.state.is_final());
        if let Some(run) = &under_way {
            note_hit(folder, run);
        }
        assert!(engine.start_runner().await.expect("the runner starts"), "another process holds the runner's lock");
        say(WORKING);
        let mut updates = engine.updates().subscribe();
        let wanted = folder.join(WANTED);
        let id = match (under_way, std::fs::read_to_string(&wanted)) {
            (Some(run), _) => run.id,
            (None, Ok(mode)) => {
                let mode = RunMode { incremental: mode == "incremental", dry_run: false };
                jobs::start(&op, "complete".into(), mode).await.expect("the run starts")
            }
            (None, Err(_)) => {
                latest(jobs::runs(&op, RunFilter { limit: 1, ..RunFilter::default() }).await.expect("the runs"))
                    .expect("a run")
                    .id
            }
        };
        // From here on the database knows the run.
        let _ = std::fs::remove_file(&wanted);
        let mut at = None;
        loop {
            let Ok(row) = jobs::run(&op, id).await else {
                // The database cannot be used at the moment; whoever looks at a page looks again.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let run = row.run;
            if run.state.is_final() {
                engine.stop().await;
                return say(&format!("{ENDED}{}{}", run.state.name(), explained(&run)));
            }
            let task = running_task(&run);
            if at != task {
                at = task;
                say(&format!("{AT}{}", task.unwrap_or(BETWEEN)));
            }
            // A lagging receiver has only missed news; the run itself is read again.
            let _ = updates.recv().await;
        }
    });
}

fn note_hit(folder: &Path, run: &Run) {
    if run.state == RunState::Queued {
        return;
    }
    let task = running_task(run).unwrap_or(BETWEEN);
    let mut file =
        std::fs::File::options().append(true).create(true).open(folder.join(HITS)).expect("the list of hits");
    // In one piece: this process may be killed here as well.
    file.write_all(format!("{task}\n").as_bytes()).expect("the list of hits");
}

fn running_task(run: &Run) -> Option<&'static str> {
    run.tasks.iter().find(|task| task.state == RunState::Running).map(|task| task.task.kind.name())
}

/// Messages of tasks, where not all went well.
fn explained(run: &Run) -> String {
    if run.state == RunState::Completed {
        return String::new();
    }
    let messages =
        run.tasks.iter().filter_map(|task| Some(format!("{}: {}", task.task.label(), task.message.as_ref()?)));
    format!(" ({}; {})", run.message.clone().unwrap_or_default(), messages.collect::<Vec<_>>().join("; "))
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    // Begins on a line of its own, whatever the test harness has written before.
    writeln!(out, "\n{line}").expect("the parent listens");
    out.flush().expect("the parent listens");
}

/// How the program ended by itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// With the state of its run.
    Through(String),
    /// With all it said.
    Broken(String),
}

/// A running program.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Program {
    pub(crate) fn start(folder: PathBuf) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--exact", "crash::child", "--nocapture"])
            .env(FOLDER, folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let (sender, lines) = channel();
        let outputs: [Box<dyn std::io::Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("its output")), Box::new(child.stderr.take().expect("its errors"))];
        for output in outputs {
            let sender = sender.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Self { child, lines, said: Vec::new() }
    }

    /// None: it works, or, where a time is given, that time is over.
    pub(crate) fn works_within(&mut self, time: Option<Duration>) -> Option<End> {
        self.listen(time, |line| line == WORKING)
    }

    /// None: it is at a task that is none of these.
    pub(super) fn comes_to_other_than(&mut self, tasks: &BTreeSet<String>) -> Option<End> {
        self.listen(None, |line| line.strip_prefix(AT).is_some_and(|task| task != BETWEEN && !tasks.contains(task)))
    }

    /// None: the time is over.
    pub(crate) fn ends_within(&mut self, time: Option<Duration>) -> Option<End> {
        self.listen(time, |_| false)
    }

    fn listen(&mut self, time: Option<Duration>, enough: impl Fn(&str) -> bool) -> Option<End> {
        let until = std::time::Instant::now() + time.unwrap_or(PATIENCE);
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(std::time::Instant::now())) {
                Ok(line) => {
                    let is_enough = enough(&line);
                    self.said.push(line);
                    if is_enough {
                        return None;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    assert!(time.is_some(), "the program hangs:\n{}", self.said.join("\n"));
                    return None;
                }
                Err(RecvTimeoutError::Disconnected) => return Some(self.ended()),
            }
        }
    }

    fn ended(&mut self) -> End {
        let status = self.child.wait().expect("its state");
        let state = self.said.iter().find_map(|line| line.strip_prefix(ENDED));
        match state.filter(|_| status.success()) {
            Some(state) => End::Through(state.to_owned()),
            None => End::Broken(format!("{status}\n{}", self.said.join("\n"))),
        }
    }

    /// Sends it a signal, by name.
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status();
        assert!(sent.expect("`kill` is there").success());
    }

    /// SIGKILL: nothing of it gets another turn.
    pub(super) fn kill(mut self) {
        self.child.kill().expect("it is killed");
        self.child.wait().expect("it is gone");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
