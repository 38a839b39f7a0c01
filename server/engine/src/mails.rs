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
mod foretell;
pub(crate) mod notices;

use model::configuration::Configuration;
use model::error::ApiError;
use model::ids::{MailId, UserId};
use model::mail::{MailFilter, MailOverview, MailPreferences, MailRow, MailState, NoticeKind};
use model::page::Page;
use model::permission::catalogue::Narrowing;
use model::view::AuditLine;
use store::{Recipient, StoreError};

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;

pub use foretell::{Told, foretell};

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

/// Where mails go, and how many there are.
pub async fn overview(op: &OpContext) -> Result<MailOverview, ApiError> {
    op.require("/Mails/View")?;
    let counts = op.engine.store().mail_counts().await.map_err(internal)?;
    let of = |state| counts.get(&state).copied().unwrap_or_default();
    let (waiting, sent, failed) = (of(MailState::Waiting), of(MailState::Sent), of(MailState::Failed));
    Ok(MailOverview { server: server(op), waiting, sent, failed })
}

/// The mail server; without one nobody is told anything.
pub fn server(op: &OpContext) -> Option<String> {
    op.engine.world().configuration().organisation.mail.as_ref().map(|server| server.server.clone())
}

/// Sends a mail that failed or waits again, now, to the address that its user has now.
pub async fn retry(op: &OpContext, id: MailId) -> Result<(), ApiError> {
    match send_again(op, Some(id)).await? {
        0 => Err(ApiError::conflict(format!("There is no mail {id} that waits or failed. Look at the list again."))),
        _ => Ok(()),
    }
}

/// Sends everything again that failed, now, and says how much it is.
pub async fn retry_failed(op: &OpContext) -> Result<u64, ApiError> {
    match send_again(op, None).await? {
        0 => Err(ApiError::conflict("No mail has failed; there is nothing to send again.")),
        count => Ok(count),
    }
}

async fn send_again(op: &OpContext, only: Option<MailId>) -> Result<u64, ApiError> {
    op.require("/Mails/Retry")?;
    let recipients = compose::recipients(&op.engine).await.map_err(internal)?;
    let address = |recipient: Recipient| Some((recipient.user.id, recipient.preferences.address?));
    let addresses: Vec<(UserId, String)> = recipients.into_iter().filter_map(address).collect();
    let (now, subject) = (op.now, only.map_or_else(|| "all that failed".to_owned(), |id| id.to_string()));
    let audit = audit(op, &subject, "sent again");
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let count = tx.retry_mails(only, now, &addresses).await?;
            if count > 0 {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(count)
        })
    });
    work.await.map_err(internal)
}

/// Sends a mail that waits no more. One that the server has just been given may arrive all the same.
pub async fn give_up(op: &OpContext, id: MailId) -> Result<(), ApiError> {
    op.require("/Mails/GiveUp")?;
    let audit = audit(op, &id.to_string(), "given up");
    let why = format!("Given up by {}.", op.user.display_name);
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let taken = tx.give_up_mail(id, &why).await?;
            if taken {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(taken)
        })
    });
    match work.await.map_err(internal)? {
        true => Ok(()),
        false => Err(ApiError::conflict(format!("There is no mail {id} that waits. Look at the list again."))),
    }
}

/// Puts a mail to the caller among those that wait, and says its address: whether it arrives shows whether the server can
/// be used.
pub async fn send_test(op: &OpContext) -> Result<String, ApiError> {
    op.require("/Mails/Test")?;
    let configuration = op.engine.world().configuration();
    let Some(server) = &configuration.organisation.mail else {
        return Err(ApiError::conflict(
            "The configuration names no mail server. Add the table [organisation.mail], apply it, then try again.",
        ));
    };
    let recipients = compose::recipients(&op.engine).await.map_err(internal)?;
    let own = recipients.iter().find(|recipient| recipient.user.id == op.user.id);
    let Some((recipient, address)) = own.and_then(|own| Some((own, own.preferences.address.clone()?))) else {
        return Err(ApiError::invalid("address", "You have no address. Give one on the page My mail, then try again."));
    };
    let id = op.engine.store().reserve_ids(1).await.map_err(internal)?.next().unwrap_or_default();
    let mail = compose::test_mail(server, recipient, &address, MailId(id), op.now);
    let audit = audit(op, &address, "a test");
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            tx.make_mails(&[], &[mail]).await?;
            tx.append_audit(&audit).await
        })
    });
    work.await.map_err(internal)?;
    Ok(address)
}

/// Where the caller's mail goes: to an address of their own, or to that of their identity.
pub async fn my_address(op: &OpContext) -> Result<Option<String>, ApiError> {
    let recipients = compose::recipients(&op.engine).await.map_err(internal)?;
    let own = recipients.into_iter().find(|recipient| recipient.user.id == op.user.id);
    Ok(own.and_then(|own| own.preferences.address))
}

/// How the caller gets mail.
pub async fn my_preferences(op: &OpContext) -> Result<MailPreferences, ApiError> {
    op.engine.store().mail_preferences(op.user.id).await.map_err(internal)
}

/// Of each kind, about what the caller's profiles tell.
pub fn my_subjects(op: &OpContext) -> Vec<(NoticeKind, Vec<String>)> {
    let configuration = op.engine.world().configuration();
    let held = compose::told_paths(&configuration, &op.user.profiles);
    let told = |kind: NoticeKind| {
        let is_told = |about: &String| kind.paths(about).iter().any(|path| held.contains(path));
        (kind, subjects(&configuration, kind).into_iter().filter(is_told).collect())
    };
    NoticeKind::ALL.into_iter().map(told).collect()
}

/// What notices of this kind are about, where paths say who is told.
fn subjects(configuration: &Configuration, kind: NoticeKind) -> Vec<String> {
    match kind {
        NoticeKind::WorkItem | NoticeKind::Review => Narrowing::AccountType.names(configuration),
        NoticeKind::RunEnded => Narrowing::Job.names(configuration),
        NoticeKind::ApplicationTrouble => Narrowing::Carrier.names(configuration),
        NoticeKind::NativeChange => Narrowing::AccountTypeOrApplication.names(configuration),
        NoticeKind::Violation => Narrowing::Risk.names(configuration),
        NoticeKind::Form | NoticeKind::Approval | NoticeKind::Certification => Vec::new(),
    }
}

/// Says how the caller wants to get mail.
pub async fn set_my_preferences(op: &OpContext, preferences: MailPreferences) -> Result<(), ApiError> {
    set(op, op.user.id, &op.user.login, preferences).await
}

/// Gives somebody an address, or takes it away.
pub async fn set_address(op: &OpContext, login: &str, address: Option<String>) -> Result<(), ApiError> {
    op.require(crate::users::MANAGE)?;
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
