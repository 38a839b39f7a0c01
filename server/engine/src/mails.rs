//! Telling people by mail what waits for them.
//!
//! Whoever changes something that somebody has to be told of writes a notice in the same transaction (`notices`). What
//! belongs to one run waits until the run is over; then `compose` makes of it one mail for each person who is to be
//! told, in one transaction in which the notices go and the mails come. `deliver` hands mails to the server until it
//! takes them, or says that it never will, or a day is over; that is kept for everybody to see.
//!
//! A process that dies between the server's answer and writing it down sends that mail twice. Without a mail server in
//! the configuration nothing is written at all.

mod compose;
mod deliver;
pub(crate) mod notices;

use model::error::ApiError;
use model::ids::{MailId, UserId};
use model::job::Job;
use model::mail::{MailFilter, MailPreferences, MailRow, NoticeKind};
use model::page::Page;
use model::view::AuditLine;
use store::StoreError;

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;

/// Makes and delivers mails until the engine stops. On its own, because a mail server may take its time.
pub(crate) async fn run(engine: Engine) {
    while !engine.stopping().is_cancelled() {
        if let Err(error) = round(&engine).await {
            tracing::error!(error = &error as &dyn std::error::Error, "Mails cannot be made or delivered");
        }
        tokio::select! {
            () = tokio::time::sleep(engine.tuning().sweep_every) => {}
            () = engine.stopping().cancelled() => {}
        }
    }
}

/// One round, as the engine makes it by itself every now and then.
pub async fn round(engine: &Engine) -> Result<(), StoreError> {
    compose::compose(engine).await?;
    deliver::deliver(engine).await
}

/// A piece of the list of mails.
pub async fn page(op: &OpContext, filter: MailFilter) -> Result<Page<MailRow>, ApiError> {
    op.require("/Mails/View")?;
    op.engine.store().mail_page(&filter).await.map_err(internal)
}

/// Sends a mail that failed or waits again, now.
pub async fn retry(op: &OpContext, id: MailId) -> Result<(), ApiError> {
    op.require("/Mails/Retry")?;
    let (now, audit) = (op.now, audit(op, &id.to_string(), "sent again"));
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let taken = tx.retry_mail(id, now).await?;
            if taken {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(taken)
        })
    });
    match work.await.map_err(internal)? {
        true => Ok(()),
        false => {
            Err(ApiError::conflict(format!("There is no mail {id} that waits or failed. Look at the list again.")))
        }
    }
}

/// How the caller gets mail.
pub async fn my_preferences(op: &OpContext) -> Result<MailPreferences, ApiError> {
    op.engine.store().mail_preferences(op.user.id).await.map_err(internal)
}

/// Of each kind, about what the caller's profiles tell.
pub fn my_subjects(op: &OpContext) -> Vec<(NoticeKind, Vec<String>)> {
    let configuration = op.engine.world().configuration();
    let held = compose::told_paths(&configuration, &op.user.profiles);
    let jobs = Job::all(&configuration.jobs, &configuration.organisation.time_zone);
    let subjects = |kind: NoticeKind| -> Vec<String> {
        match kind {
            NoticeKind::WorkItem | NoticeKind::Review => configuration.account_types.keys().cloned().collect(),
            NoticeKind::RunEnded => jobs.iter().map(|job| job.name.clone()).collect(),
            NoticeKind::ApplicationTrouble => configuration.applications.keys().cloned().collect(),
        }
    };
    let told = |kind: NoticeKind| {
        let is_told = |about: &String| kind.paths(about).iter().any(|path| held.contains(path));
        (kind, subjects(kind).into_iter().filter(is_told).collect())
    };
    NoticeKind::ALL.into_iter().map(told).collect()
}

/// Says how the caller wants to get mail.
pub async fn set_my_preferences(op: &OpContext, preferences: MailPreferences) -> Result<(), ApiError> {
    set(op, op.user.id, &op.user.login, preferences).await
}

/// Gives somebody an address, or takes it away.
pub async fn set_address(op: &OpContext, login: &str, address: Option<String>) -> Result<(), ApiError> {
    op.require("/Users/Change")?;
    let found = op.engine.store().user_by_login(login).await.map_err(internal)?;
    let (user, _) = found.ok_or_else(|| ApiError::not_found(format!("user `{login}`")))?;
    let preferences = op.engine.store().mail_preferences(user.id).await.map_err(internal)?;
    set(op, user.id, login, MailPreferences { address, ..preferences }).await
}

async fn set(op: &OpContext, user: UserId, login: &str, preferences: MailPreferences) -> Result<(), ApiError> {
    let address = preferences.address.map(|address| address.trim().to_owned()).filter(|address| !address.is_empty());
    check_address(address.as_deref())?;
    let mut silenced = preferences.silenced;
    silenced.sort_unstable();
    silenced.dedup();
    let preferences = MailPreferences { address, silenced };
    let audit = audit(op, login, "how mail is wanted");
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            tx.set_mail_preferences(user, &preferences).await?;
            tx.append_audit(&audit).await
        })
    });
    work.await.map_err(internal)
}

/// Refuses what no mail can be sent to.
pub fn check_address(address: Option<&str>) -> Result<(), ApiError> {
    match address {
        Some(address) if !connectors::mail::is_address(address) => Err(ApiError::invalid(
            "address",
            format!("`{address}` is no e-mail address. Expected one such as ann@example.org."),
        )),
        _ => Ok(()),
    }
}

fn audit(op: &OpContext, subject: &str, detail: &str) -> AuditLine {
    AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: "mail".into(),
        subject: subject.to_owned(),
        detail: detail.to_owned(),
    }
}
