//! CSV exchange: a batch file out, a result file back, and an extract that tells what the application holds.
//!
//! The other side works when it likes, so `apply` only hands over and `poll` brings the answers. All state is in the
//! folders: a batch is named after what is in it, so that sending it again after a crash overwrites instead of doubling,
//! and a result file stays until each of its answers is acknowledged. The formats are `docs/FORMATS.md`.

mod batch;
pub(crate) mod extract;
pub(crate) mod guard;
mod results;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use model::account::{Mechanism, ObservedAccount, ObservedEntitlement};
use model::command::{Command, CommandError, Handed, LateAnswer, Outcome, Polled};
use model::configuration::CsvConnection;
use model::order::ErrorClass;
use model::value::Value;
use model::view::ApplicationSchema;

use crate::{Answered, Capabilities, Connector, Context};
use extract::Extract;

pub(crate) fn connect(connection: &CsvConnection, context: &Context<'_>) -> Result<Arc<dyn Connector>, CommandError> {
    let base = &context.settings.base;
    let folder = |name: &str| Folder { path: base.join(name), ours: PathBuf::from(name).is_relative() };
    Ok(Arc::new(CsvExchange {
        folders: Arc::new(Folders { outbox: folder(&connection.outbox), inbox: folder(&connection.inbox) }),
        extract: connection.extract.as_ref().map(|extract| Extract::new(extract, base)),
        acknowledged: Mutex::new(HashSet::new()),
    }))
}

struct CsvExchange {
    folders: Arc<Folders>,
    extract: Option<Extract>,
    /// Answers that are recorded, of files that hold others that are not yet.
    acknowledged: Mutex<HashSet<String>>,
}

struct Folders {
    outbox: Folder,
    inbox: Folder,
}

struct Folder {
    path: PathBuf,
    /// Lies below the configuration directory. Elsewhere a missing folder is a missing mount, and not made.
    ours: bool,
}

impl Folder {
    fn ensure(&self) -> Result<(), CommandError> {
        if self.ours {
            std::fs::create_dir_all(&self.path).map_err(|error| self.failure(&error))
        } else if self.path.is_dir() {
            Ok(())
        } else {
            let message = format!("There is no folder {}. Make it, or mount it, then retry.", self.path.display());
            Err(CommandError::new(ErrorClass::Transient, message))
        }
    }

    fn failure(&self, error: &std::io::Error) -> CommandError {
        io_failure(&self.path, error)
    }

    fn test(&self) -> Result<String, CommandError> {
        self.ensure()?;
        let probe = self.path.join(".quartermaster-probe");
        std::fs::write(&probe, b"")
            .and_then(|()| std::fs::remove_file(&probe))
            .map_err(|error| self.failure(&error))?;
        Ok(format!("Files can be written to {}.", self.path.display()))
    }
}

#[async_trait]
impl Connector for CsvExchange {
    fn mechanism(&self) -> Mechanism {
        Mechanism::Executor
    }

    fn capabilities(&self) -> Capabilities {
        extract::capabilities(self.extract.as_ref())
    }

    async fn test(&self) -> Vec<(bool, String)> {
        let folders = self.folders.clone();
        let mut steps = blocking(move || {
            let mut steps = Vec::new();
            for folder in [&folders.outbox, &folders.inbox] {
                match folder.test() {
                    Ok(sentence) => steps.push((true, sentence)),
                    Err(error) => {
                        steps.push((false, error.message));
                        break;
                    }
                }
            }
            Ok(steps)
        })
        .await
        .unwrap_or_else(|error| vec![(false, error.message)]);
        if let (Some(extract), true) = (&self.extract, steps.iter().all(|(succeeded, _)| *succeeded)) {
            steps.push(extract.test().await);
        }
        steps
    }

    async fn schema(&self) -> Result<ApplicationSchema, CommandError> {
        extract::schema(self.extract.as_ref()).await
    }

    async fn entitlements(&self) -> Result<Vec<ObservedEntitlement>, CommandError> {
        extract::entitlements(self.extract.as_ref()).await
    }

    async fn accounts(&self, sink: &mut (dyn FnMut(Vec<ObservedAccount>) + Send)) -> Result<(), CommandError> {
        extract::accounts(self.extract.as_ref(), sink).await
    }

    async fn account(&self, key: &str) -> Result<Option<ObservedAccount>, CommandError> {
        extract::account(self.extract.as_ref(), key).await
    }

    async fn find(&self, attribute: &str, value: &Value) -> Result<Vec<ObservedAccount>, CommandError> {
        extract::find(self.extract.as_ref(), attribute, value).await
    }

    async fn apply(&self, commands: Vec<Command>) -> Vec<Answered> {
        let (good, mut answers) = batch::check(commands);
        if good.is_empty() {
            return answers;
        }
        let orders = good.iter().map(|command| command.order).collect::<Vec<_>>();
        let folders = self.folders.clone();
        let handed = blocking(move || batch::write(&folders.outbox, &good)).await;
        answers.extend(
            orders.into_iter().map(|order| (order, handed.clone().map(|reference| Outcome::Handed { reference }))),
        );
        answers
    }

    /// Answers that can be read come first; what cannot be read is an error once nothing else is left.
    async fn poll(&self, _handed: &[Handed]) -> Result<Polled, CommandError> {
        let folders = self.folders.clone();
        let files = blocking(move || results::read_all(&folders)).await?;
        let acknowledged = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        let answers = files.iter().flat_map(|file| &file.answers);
        let answers = answers.filter(|answer| !acknowledged.contains(&name_of(answer))).cloned().collect::<Vec<_>>();
        if answers.is_empty()
            && let Some(problem) = files.iter().find_map(|file| file.findings.first())
        {
            let message = format!("{problem}. Send a corrected result file, then delete this one.");
            return Err(CommandError::new(ErrorClass::Protocol, message));
        }
        Ok(Polled { answers, unclear: Vec::new() })
    }

    async fn acknowledge(&self, answers: &[LateAnswer]) -> Result<(), CommandError> {
        let recorded = {
            let mut acknowledged = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
            acknowledged.extend(answers.iter().map(name_of));
            acknowledged.clone()
        };
        let folders = self.folders.clone();
        let settled = blocking(move || results::settle(&folders, |answer| recorded.contains(&name_of(answer)))).await?;
        let mut acknowledged = self.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
        for answer in &settled {
            acknowledged.remove(&name_of(answer));
        }
        Ok(())
    }
}

/// Tells one answer from every other.
fn name_of(answer: &LateAnswer) -> String {
    format!("{answer:?}")
}

/// Files are read and written where waiting hurts nobody.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CommandError> + Send + 'static,
) -> Result<T, CommandError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(error) => Err(CommandError::new(ErrorClass::Unknown, format!("The work on the files broke off: {error}"))),
    }
}

fn io_failure(path: &std::path::Path, error: &std::io::Error) -> CommandError {
    let class = match error.kind() {
        std::io::ErrorKind::PermissionDenied | std::io::ErrorKind::ReadOnlyFilesystem => ErrorClass::Permission,
        _ => ErrorClass::Transient,
    };
    CommandError::new(class, format!("{}: {error}", path.display()))
}
