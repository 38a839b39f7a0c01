//! Work that may take longer than whoever asks for it can wait: it goes on beside, one at a time, and whoever asks again is told
//! how far it is, or what came of it.

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use model::error::ApiError;
use tokio::sync::watch;

use crate::Engine;

/// How long somebody who asks is made to wait.
const PATIENCE: Duration = Duration::from_secs(3);
/// What came of it is good for so many times as long as it took, ...
const SHARE: i32 = 20;
/// ... and no longer.
const OLDEST: SignedDuration = SignedDuration::from_mins(5);

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing<T> {
    Working { done: u64 },
    Done(T),
}

/// See the module's head.
pub(crate) struct Beside<T>(Mutex<Option<Slot<T>>>);

struct Slot<T> {
    about: String,
    progress: watch::Receiver<Progress<T>>,
}

#[derive(Clone)]
enum Progress<T> {
    Working { done: u64 },
    Ended { outcome: Result<T, ApiError>, took: SignedDuration, at: Timestamp },
}

/// Takes how much is done.
pub(super) type Tell = Box<dyn Fn(u64) + Send + Sync>;

impl<T> Default for Beside<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Slot<T> {
    fn is_under_way(&self) -> bool {
        matches!(&*self.progress.borrow(), Progress::Working { .. }) && self.progress.has_changed().is_ok()
    }

    fn is_fresh(&self, now: Timestamp) -> bool {
        match &*self.progress.borrow() {
            Progress::Working { .. } => false,
            Progress::Ended { outcome, took, at } => {
                outcome.is_ok() && now.duration_since(*at) < (*took * SHARE).min(OLDEST)
            }
        }
    }
}

impl<T: Clone + Send + Sync + 'static> Beside<T> {
    /// What came of the work that is under way or has just ended, or of this one, which is begun.
    pub(super) async fn ask<Work>(
        &self,
        engine: &Engine,
        about: &str,
        work: impl FnOnce(Tell) -> Work,
    ) -> Result<Standing<T>, ApiError>
    where
        Work: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        self.told(engine, about, work, true).await.unwrap_or_else(|_| Err(ApiError::internal()))
    }

    /// What came of the work, which is begun unless another is under way: then, what that is about.
    pub(super) async fn begin<Work>(
        &self,
        engine: &Engine,
        about: &str,
        work: impl FnOnce(Tell) -> Work,
    ) -> Result<Result<Standing<T>, ApiError>, String>
    where
        Work: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        self.told(engine, about, work, false).await
    }

    async fn told<Work>(
        &self,
        engine: &Engine,
        about: &str,
        work: impl FnOnce(Tell) -> Work,
        is_shared: bool,
    ) -> Result<Result<Standing<T>, ApiError>, String>
    where
        Work: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let mut progress = self.begun(engine, about, work, is_shared)?;
        let ended = progress.wait_for(|progress| matches!(progress, Progress::Ended { .. }));
        let _ = tokio::time::timeout(PATIENCE, ended).await;
        let progress = progress.borrow().clone();
        Ok(match progress {
            Progress::Working { done } => Ok(Standing::Working { done }),
            Progress::Ended { outcome, .. } => outcome.map(Standing::Done),
        })
    }

    fn begun<Work>(
        &self,
        engine: &Engine,
        about: &str,
        work: impl FnOnce(Tell) -> Work,
        is_shared: bool,
    ) -> Result<watch::Receiver<Progress<T>>, String>
    where
        Work: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let mut slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = engine.now();
        match slot.as_ref() {
            Some(known) if !is_shared && known.is_under_way() => return Err(known.about.clone()),
            Some(known) if is_shared && (known.is_under_way() || known.is_fresh(begun)) => {
                return Ok(known.progress.clone());
            }
            _ => {}
        }
        let (told, progress) = watch::channel(Progress::Working { done: 0 });
        let teller = told.clone();
        let work = work(Box::new(move |done| drop(teller.send_replace(Progress::Working { done }))));
        let engine = engine.clone();
        engine.clone().beside(async move {
            let outcome = tokio::select! {
                outcome = work => outcome,
                () = engine.stopping().cancelled() => return,
            };
            let at = engine.now();
            told.send_replace(Progress::Ended { outcome, took: at.duration_since(begun), at });
        });
        *slot = Some(Slot { about: about.to_owned(), progress: progress.clone() });
        Ok(progress)
    }

    /// What is under way, and how far.
    pub(super) fn under_way(&self) -> Option<(String, u64)> {
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = slot.as_ref().filter(|known| known.is_under_way())?;
        match &*known.progress.borrow() {
            Progress::Working { done } => Some((known.about.clone(), *done)),
            Progress::Ended { .. } => None,
        }
    }

    /// What came of the last, where whoever began it was not told.
    pub(super) fn ended(&self) -> Option<(String, Result<T, ApiError>)> {
        let slot = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = slot.as_ref()?;
        match &*known.progress.borrow() {
            Progress::Ended { outcome, took, .. } if took.unsigned_abs() >= PATIENCE => {
                Some((known.about.clone(), outcome.clone()))
            }
            _ => None,
        }
    }

    /// Forgets what came of it.
    pub(super) fn forget(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
