//! Work that may take longer than whoever asks for it can wait: it goes on beside, one at a time, and whoever asks again is told
//! how far it is, or what came of it. That is kept for as long as it was worth, since people, accounts and orders change all the
//! time in a large organisation.

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
/// ... and no longer than this, or than it took.
const OLDEST: SignedDuration = SignedDuration::from_mins(5);

/// For so long it is told what went wrong.
const TOLD: SignedDuration = SignedDuration::from_mins(1);

/// How far it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing<T, Far = u64> {
    Working { done: Far },
    Done(T),
}

/// See the module's head.
pub(crate) struct Beside<T, Far = u64> {
    slot: Mutex<Option<Slot<T, Far>>>,
    /// For how long what came of it is good in any case.
    least: SignedDuration,
}

struct Slot<T, Far> {
    about: String,
    progress: watch::Receiver<Progress<T, Far>>,
}

#[derive(Clone)]
enum Progress<T, Far> {
    Working { done: Far },
    Ended { outcome: Result<T, ApiError>, took: SignedDuration, at: Timestamp },
}

/// Takes how much is done.
pub(crate) type Tell<Far = u64> = Box<dyn Fn(Far) + Send + Sync>;

impl<T, Far> Default for Beside<T, Far> {
    fn default() -> Self {
        Self::good_for(SignedDuration::ZERO)
    }
}

impl<T, Far> Beside<T, Far> {
    pub(crate) fn good_for(least: SignedDuration) -> Self {
        Self { slot: Mutex::new(None), least }
    }
}

impl<T, Far> Slot<T, Far> {
    fn is_under_way(&self) -> bool {
        matches!(&*self.progress.borrow(), Progress::Working { .. }) && self.progress.has_changed().is_ok()
    }

    fn is_fresh(&self, now: Timestamp, least: SignedDuration) -> bool {
        match &*self.progress.borrow() {
            Progress::Working { .. } => false,
            Progress::Ended { outcome, took, at } => {
                // Whoever was told that it goes on comes back for what went wrong as well.
                let good_for = match outcome {
                    Ok(_) => (*took * SHARE).min(OLDEST.max(*took)).max(least),
                    Err(_) if took.unsigned_abs() >= PATIENCE => TOLD,
                    Err(_) => SignedDuration::ZERO,
                };
                now.duration_since(*at) < good_for
            }
        }
    }
}

impl<T: Clone + Send + Sync + 'static, Far: Copy + Default + Send + Sync + 'static> Beside<T, Far> {
    /// What came of the work that is under way or has just ended, or of this one, which is begun.
    pub(crate) async fn ask<Work>(
        &self,
        engine: &Engine,
        about: &str,
        work: impl FnOnce(Tell<Far>) -> Work,
    ) -> Result<Standing<T, Far>, ApiError>
    where
        Work: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        self.told(engine, about, work, true).await.unwrap_or_else(|_| Err(ApiError::internal()))
    }

    /// What came of the work, which is begun unless another is under way: then, what that is about.
    pub(crate) async fn begin<Work>(
        &self,
        engine: &Engine,
        about: &str,
        work: impl FnOnce(Tell<Far>) -> Work,
    ) -> Result<Result<Standing<T, Far>, ApiError>, String>
    where
        Work: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        self.told(engine, about, work, false).await
    }

    async fn told<Work>(
        &self,
        engine: &Engine,
        about: &str,
        work: impl FnOnce(Tell<Far>) -> Work,
        is_shared: bool,
    ) -> Result<Result<Standing<T, Far>, ApiError>, String>
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
        work: impl FnOnce(Tell<Far>) -> Work,
        is_shared: bool,
    ) -> Result<watch::Receiver<Progress<T, Far>>, String>
    where
        Work: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let begun = engine.now();
        match slot.as_ref() {
            Some(known) if !is_shared && known.is_under_way() => return Err(known.about.clone()),
            Some(known) if is_shared && (known.is_under_way() || known.is_fresh(begun, self.least)) => {
                return Ok(known.progress.clone());
            }
            _ => {}
        }
        let (told, progress) = watch::channel(Progress::Working { done: Far::default() });
        let teller = told.clone();
        let work = work(Box::new(move |done| drop(teller.send_replace(Progress::Working { done }))));
        let engine = engine.clone();
        engine.clone().beside(async move {
            // Where it is forgotten, nobody asks for it any more.
            let outcome = tokio::select! {
                outcome = work => outcome,
                () = told.closed() => return,
                () = engine.stopping().cancelled() => return,
            };
            let at = engine.now();
            told.send_replace(Progress::Ended { outcome, took: at.duration_since(begun), at });
        });
        *slot = Some(Slot { about: about.to_owned(), progress: progress.clone() });
        Ok(progress)
    }

    /// Whether it is under way, or what came of it is still good.
    pub(crate) fn is_of_use(&self, now: Timestamp) -> bool {
        let slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.as_ref().is_some_and(|known| known.is_under_way() || known.is_fresh(now, self.least))
    }

    /// What is under way, and how far.
    pub(crate) fn under_way(&self) -> Option<(String, Far)> {
        let slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let known = slot.as_ref().filter(|known| known.is_under_way())?;
        match &*known.progress.borrow() {
            Progress::Working { done } => Some((known.about.clone(), *done)),
            Progress::Ended { .. } => None,
        }
    }

    /// What came of the last, where whoever began it was not told.
    pub(crate) fn ended(&self) -> Option<(String, Result<T, ApiError>)> {
        let slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        let known = slot.as_ref()?;
        match &*known.progress.borrow() {
            Progress::Ended { outcome, took, .. } if took.unsigned_abs() >= PATIENCE => {
                Some((known.about.clone(), outcome.clone()))
            }
            _ => None,
        }
    }

    /// Forgets what came of it.
    pub(crate) fn forget(&self) {
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}
