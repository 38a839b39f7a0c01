//! What was acknowledged is on disk: a file of JSON lines, one change each, flushed for as many requests at once as are
//! waiting. Opening replays it, forgets a last line that a crash cut short, and writes it anew without the past.

use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, mpsc};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use tokio::sync::oneshot;

use super::patch::PatchOperation;
use super::resources::{Kind, Resources};

/// One change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
pub(super) enum Entry {
    /// Ids up to this one were given.
    LastId {
        id: u64,
    },
    Put {
        kind: Kind,
        id: String,
        resource: Map<String, Json>,
    },
    Patch {
        kind: Kind,
        id: String,
        operations: Vec<PatchOperation>,
    },
    Delete {
        kind: Kind,
        id: String,
    },
}

/// Whether what was queued is on disk; why not, the log says.
type Answer = Result<(), ()>;
type Written = oneshot::Receiver<Answer>;
type Queued = (Vec<u8>, oneshot::Sender<Answer>);

pub(super) struct Journal {
    file: Arc<Mutex<File>>,
    queue: mpsc::Sender<Queued>,
}

impl Journal {
    /// Opens or creates the file, and answers what it says.
    pub(super) fn open(path: &Path) -> std::io::Result<(Self, Resources)> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut resources = Resources::default();
        match File::open(path) {
            Ok(file) => replay(file, &mut resources)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        compact(path, &resources)?;
        let file = Arc::new(Mutex::new(OpenOptions::new().append(true).open(path)?));
        let (queue, waiting) = mpsc::channel::<Queued>();
        let writer = Arc::clone(&file);
        // Ends when the last sender is gone.
        std::thread::Builder::new().name("demo-directory".into()).spawn(move || {
            while let Ok((mut lines, first)) = waiting.recv() {
                let mut answers = vec![first];
                while let Ok((line, answer)) = waiting.try_recv() {
                    lines.extend(line);
                    answers.push(answer);
                }
                let written = append(&writer, &lines).map_err(|error| {
                    tracing::error!(%error, "the demo's directory cannot write its file");
                });
                for answer in answers {
                    // Whoever asked may have gone; the change stays.
                    let _ = answer.send(written);
                }
            }
        })?;
        Ok((Self { file, queue }, resources))
    }

    /// Queues the entry. The answer comes once it is on disk; a dropped answer means it may not be.
    pub(super) fn write(&self, entry: &Entry) -> Written {
        let (answer, written) = oneshot::channel();
        // A failed send drops the answer, which tells the caller.
        let _ = line(entry).map(|line| self.queue.send((line, answer)));
        written
    }

    /// Writes the entry before anything else happens.
    pub(super) fn write_now(&self, entry: &Entry) -> std::io::Result<()> {
        append(&self.file, &line(entry)?)
    }
}

fn append(file: &Mutex<File>, lines: &[u8]) -> std::io::Result<()> {
    let mut file = file.lock().unwrap_or_else(PoisonError::into_inner);
    file.write_all(lines)?;
    file.sync_data()
}

fn line(entry: &Entry) -> std::io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(entry)?;
    line.push(b'\n');
    Ok(line)
}

fn replay(file: File, resources: &mut Resources) -> std::io::Result<()> {
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    for number in 1_u64.. {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 || line.last() != Some(&b'\n') {
            return Ok(());
        }
        let broken =
            |why: String| std::io::Error::other(format!("line {number} of the demo's directory is broken: {why}"));
        let entry: Entry = serde_json::from_slice(&line).map_err(|error| broken(error.to_string()))?;
        resources.apply(&entry).map_err(|refusal| broken(refusal.detail))?;
    }
    Ok(())
}

/// Writes the present state beside the file, then takes its place.
fn compact(path: &Path, resources: &Resources) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    let mut writer = BufWriter::new(File::create(&beside)?);
    writer.write_all(&line(&Entry::LastId { id: resources.last_id() })?)?;
    for kind in [Kind::User, Kind::Group] {
        for (id, resource) in resources.all(kind) {
            writer.write_all(&line(&Entry::Put { kind, id: id.to_string(), resource: resource.clone() })?)?;
        }
    }
    writer.into_inner()?.sync_all()?;
    std::fs::rename(&beside, path)
}
