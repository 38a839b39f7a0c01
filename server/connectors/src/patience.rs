//! When the rest of a batch is not sent any more. An application that answers nothing, lets nobody in or asks to wait
//! would otherwise be told a thousand times: each call would take as long as a call may, a service account is locked
//! after a few wrong passwords, and who says "not so fast" means it.

use std::sync::{Mutex, MutexGuard, PoisonError};

use model::command::{CommandError, NOT_SENT};
use model::order::ErrorClass;

/// So many calls in a row without an answer end a batch.
const SILENT_CALLS: u32 = 5;

/// What the calls of one batch so far say about its application.
#[derive(Default)]
pub(crate) struct Patience(Mutex<State>);

#[derive(Default)]
struct State {
    /// In a row, without one that was answered in between.
    silent: u32,
    /// With what the rest of the batch is answered.
    lost: Option<CommandError>,
}

impl Patience {
    /// Makes the call, unless those before it show that it makes no sense.
    pub(crate) async fn call<T>(&self, call: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
        if let Some(error) = self.lost() {
            return Err(error);
        }
        let answer = call.await;
        self.note(answer.as_ref().err());
        answer
    }

    /// Why nothing more is sent, once it is so.
    pub(crate) fn lost(&self) -> Option<CommandError> {
        self.state().lost.clone()
    }

    /// Takes notice of a call: how it failed, if it did.
    pub(crate) fn note(&self, failure: Option<&CommandError>) {
        let mut state = self.state();
        let Some(error) = failure else {
            state.silent = 0;
            return;
        };
        let ends = match error.class {
            ErrorClass::Authentication | ErrorClass::RateLimited => true,
            ErrorClass::Transient | ErrorClass::Unknown | ErrorClass::Protocol => {
                state.silent += 1;
                state.silent >= SILENT_CALLS
            }
            _ => {
                state.silent = 0;
                false
            }
        };
        if ends && state.lost.is_none() {
            state.lost = Some(not_sent(error));
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same failure, for an order that was not sent because of it: of that one it is certain that nothing happened.
fn not_sent(error: &CommandError) -> CommandError {
    let class = match error.class {
        ErrorClass::Unknown | ErrorClass::Protocol => ErrorClass::Transient,
        class => class,
    };
    CommandError { class, message: format!("{}{NOT_SENT}", error.message), retry_after: error.retry_after }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of a hundred calls are made, where the first ones end like this and all others are answered.
    async fn made(first: &[Option<ErrorClass>], then: Option<ErrorClass>) -> (usize, Option<CommandError>) {
        let patience = Patience::default();
        let mut made = 0;
        let mut last = None;
        for number in 0..100 {
            let class = first.get(number).copied().unwrap_or(then);
            let answer = patience
                .call(async {
                    made += 1;
                    class.map_or(Ok(()), |class| Err(CommandError::new(class, "no")))
                })
                .await;
            last = answer.err();
        }
        (made, last)
    }

    #[tokio::test]
    async fn silence_ends_a_batch_and_an_answer_in_between_does_not() {
        use ErrorClass::{Authentication, Conflict, Invalid, RateLimited, Transient, Unknown};
        for (first, then, calls) in [
            (&[][..], None, 100),
            (&[][..], Some(Transient), 5),
            (&[Some(Unknown), None, Some(Unknown)][..], Some(Transient), 7),
            (&[Some(Transient); 4][..], None, 100),
            (&[][..], Some(Authentication), 1),
            (&[None, None][..], Some(RateLimited), 3),
            (&[][..], Some(Conflict), 100),
            (&[Some(Transient), Some(Transient), Some(Invalid)][..], Some(Transient), 8),
        ] {
            assert_eq!(made(first, then).await.0, calls, "{first:?} {then:?}");
        }
    }

    #[tokio::test]
    async fn what_was_not_sent_leaves_no_doubt() {
        let (_, last) = made(&[], Some(ErrorClass::Unknown)).await;
        let last = last.unwrap();
        assert_eq!((last.class, last.message), (ErrorClass::Transient, format!("no{NOT_SENT}")));
    }
}
