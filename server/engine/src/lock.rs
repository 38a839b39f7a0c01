//! An embedded database has one runner. The lock is a file next to it, held by the operating system's advisory lock,
//! so that a killed process leaves nothing behind. With PostgreSQL every node runs, and leases keep them apart.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use store::Dialect;

use crate::error::OpenError;

pub(crate) struct RunnerLock {
    path: Option<PathBuf>,
    held: Mutex<Option<File>>,
}

impl RunnerLock {
    pub(crate) fn new(data_directory: &Path, dialect: Dialect) -> Self {
        let path = matches!(dialect, Dialect::Sqlite).then(|| data_directory.join("runner.lock"));
        Self { path, held: Mutex::new(None) }
    }

    /// Whether this lock keeps all others out.
    pub(crate) fn is_exclusive(&self) -> bool {
        self.path.is_some()
    }

    /// Takes the lock until the process ends; false where another process holds it.
    pub(crate) fn acquire(&self) -> Result<bool, OpenError> {
        let Some(path) = &self.path else { return Ok(true) };
        let failed = |source| OpenError::Lock { path: path.clone(), source };
        let mut held = self.held.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if held.is_some() {
            return Ok(true);
        }
        let file = File::options().create(true).truncate(false).write(true).open(path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {
                *held = Some(file);
                Ok(true)
            }
            Err(std::fs::TryLockError::WouldBlock) => Ok(false),
            Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}
