//! Mails go to the server. What it refuses for good is given up at once, visibly; what fails in another way is tried
//! again, as orders are.

use std::time::Duration;

use broker::retry::Retry;
use connectors::mail::{Mailer, Refused};
use model::command::CommandError;
use model::configuration::MailServer;
use model::mail::{Mail, MailState};
use model::order::ErrorClass;
use store::{SentMail, StoreError};

use crate::Engine;
use crate::secrets::Revealed;

/// Mails taken at once.
const AT_ONCE: u32 = 20;
/// After this time another process may take a mail that was taken and not settled.
const TAKEN_FOR: Duration = Duration::from_mins(15);

/// Sends what is due.
pub(super) async fn deliver(engine: &Engine) -> Result<(), StoreError> {
    let configuration = engine.world().configuration();
    let Some(server) = &configuration.organisation.mail else { return Ok(()) };
    if crate::restoration::keeps_all_in(engine).await? {
        return Ok(());
    }
    loop {
        let (now, until) = (engine.now(), engine.after(TAKEN_FOR));
        let mails =
            engine.store().write(move |tx| Box::pin(async move { tx.claim_mails(now, until, AT_ONCE).await })).await?;
        if mails.is_empty() {
            return Ok(());
        }
        let mailer = mailer(engine, server).await;
        let mut silent = None;
        for mail in mails {
            // A server that does not answer would keep each of them waiting as long.
            let result = match (&mailer, &silent) {
                (Err(problem), _) => Err(Refused::Silence(problem.clone())),
                (Ok(_), Some(problem)) => Err(Refused::Silence(String::clone(problem))),
                (Ok(mailer), None) => mailer.send(&mail).await,
            };
            if let Err(Refused::Silence(problem)) = &result {
                silent.get_or_insert_with(|| problem.clone());
            }
            let sent = settle(engine, &mail, result);
            engine.store().write(move |tx| Box::pin(async move { tx.settle_mail(&sent).await })).await?;
        }
        if engine.stopping().is_cancelled() {
            return Ok(());
        }
    }
}

async fn mailer(engine: &Engine, server: &MailServer) -> Result<Mailer, String> {
    let secret = server.password.as_deref().and_then(|password| password.strip_prefix("secret:"));
    let names: Vec<String> = secret.map(str::to_owned).into_iter().collect();
    Mailer::new(server, &Revealed::load(engine, &names).await)
}

fn settle(engine: &Engine, mail: &Mail, result: Result<(), Refused>) -> SentMail {
    let now = engine.now();
    let done = |state, problem| SentMail { id: mail.id, state, next_attempt_at: None, sent_at: None, problem };
    let problem = match result {
        Ok(()) => return SentMail { sent_at: Some(now), ..done(MailState::Sent, None) },
        Err(Refused::ForGood(problem)) => {
            tracing::warn!(mail.id = %mail.id, problem, "A mail is refused");
            return done(MailState::Failed, Some(problem));
        }
        Err(Refused::ForNow(problem) | Refused::Silence(problem)) => problem,
    };
    tracing::warn!(mail.id = %mail.id, attempt = mail.attempts, problem, "A mail cannot be sent yet");
    let passing = CommandError::new(ErrorClass::Transient, problem.clone());
    match engine.tuning().retry.next(&passing, mail.attempts, mail.created_at, now, 1.0) {
        Retry::At(at) => SentMail { next_attempt_at: Some(at), ..done(MailState::Waiting, Some(problem)) },
        Retry::GiveUp => {
            done(MailState::Failed, Some(format!("{problem}. Given up after {} attempts.", mail.attempts)))
        }
    }
}
