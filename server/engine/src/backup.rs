//! A copy of the embedded database, taken while it is in use: under a name of its own until it is whole, checked and on the disk,
//! and never over anything that is there. What stands outside the database, the key of the secrets above all, is not in it.
//! Whoever starts on it finds out that it is one ([`crate::restoration`]).

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::view::AuditLine;
use serde::Serialize;
use store::{Dialect, StoreError};

use crate::context::OpContext;

/// A backup that was taken.
#[derive(Clone, Debug, Serialize)]
pub struct Backup {
    pub file: PathBuf,
    pub bytes: u64,
    /// What was committed by then is in it.
    pub taken_at: Timestamp,
}

/// Why there is no backup. Nothing is left of one that was begun.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error("`{}` is there already and was left as it is; name a file that is not there", .0.display())]
    Exists(PathBuf),
    #[error(
        "the database is PostgreSQL's, which has its own tools for that: use pg_dump for a copy, or pg_basebackup and an archive of \
         its log to come back to any moment"
    )]
    Postgres,
    #[error("`{}` cannot be written: {source}. Name a file in a folder that is there and may be written to", .path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("the database cannot be copied: {0}")]
    Store(#[from] StoreError),
}

/// Takes a backup into this file.
///
/// # Errors
/// [`BackupError`]; what was begun is removed again.
pub async fn take(op: &OpContext, file: &Path) -> Result<Backup, BackupError> {
    let store = op.engine.store();
    if store.dialect() != Dialect::Sqlite {
        return Err(BackupError::Postgres);
    }
    if file.try_exists().map_err(failed(file))? {
        return Err(BackupError::Exists(file.to_owned()));
    }
    let part = Part::create(file)?;
    store.copy_to(&part.path, op.now).await?;
    let bytes = part.finish(file)?;
    let audit = AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: "backup".into(),
        subject: file.display().to_string(),
        detail: format!("{bytes} bytes"),
    };
    store.write(move |tx| Box::pin(async move { tx.append_audit(&audit).await })).await?;
    Ok(Backup { file: file.to_owned(), bytes, taken_at: op.now })
}

fn failed(path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    |source| BackupError::File { path: path.to_owned(), source }
}

/// A backup in the making, removed unless it is finished.
struct Part {
    path: PathBuf,
}

impl Part {
    /// An empty file beside the one that is to be, for its owner alone: feeds, hashes of passwords and tokens are in it.
    fn create(file: &Path) -> Result<Self, BackupError> {
        let mut name = file.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        let path = file.with_file_name(name);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(&path) {
            Ok(_) => Ok(Self { path }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(BackupError::Exists(path)),
            Err(source) => Err(BackupError::File { path, source }),
        }
    }

    /// Makes it durable, and gives it its name, unless somebody else has taken that meanwhile; answers its size in bytes.
    fn finish(self, file: &Path) -> Result<u64, BackupError> {
        let copy = File::open(&self.path).map_err(failed(&self.path))?;
        copy.sync_all().map_err(failed(&self.path))?;
        let bytes = copy.metadata().map_err(failed(&self.path))?.len();
        std::fs::hard_link(&self.path, file).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => BackupError::Exists(file.to_owned()),
            _ => BackupError::File { path: file.to_owned(), source },
        })?;
        // Its other name goes with `self`; that both are on the disk is for the folder to say.
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        drop(self);
        #[cfg(unix)]
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed(folder))?;
        Ok(bytes)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // Where it cannot be removed either, the next backup of that name says so.
        let _ = std::fs::remove_file(&self.path);
    }
}
