//! Lists of people, of what they hold, and of what they have to do.

use engine::context::OpContext;
use model::error::ApiError;
use model::user::{UserFilter, UserShow};
use model::view::{AccountFilter, IdentityFilter, WorkItemFilter};

use super::{LIMIT, Rows, time};
use crate::logic::query::{self, Query};
use crate::logic::words;
use crate::pages::applications::accounts::known_as;

pub(super) async fn identities(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let filter = IdentityFilter { after, limit: LIMIT, ..query::identities(query) };
    let states = engine::identities::states(op)?;
    let page = engine::identities::page(op, filter).await?;
    const COLUMNS: &[&str] =
        &["Id", "Name", "Key", "Department", "Title", "Site", "Lifecycle", "Accounts", "Entitlements", "Open orders"];
    Ok(Rows::of(COLUMNS, page, |row| {
        let own = states.iter().find(|(name, _)| row.state.as_ref() == Some(name));
        vec![
            row.id.to_string(),
            row.display_name.clone(),
            row.key.clone(),
            row.department.clone(),
            row.title.clone(),
            row.site.clone(),
            own.map_or_else(|| words::lifecycle(row.lifecycle).to_owned(), |(_, label)| label.clone()),
            row.accounts.to_string(),
            row.entitlements.to_string(),
            row.open_orders.to_string(),
        ]
    }))
}

pub(super) async fn accounts(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let application = query.get("of").unwrap_or_default();
    let filter = AccountFilter { after, limit: LIMIT, ..query::accounts(&application, query) };
    let page = engine::accounts::page(op, filter).await?;
    const COLUMNS: &[&str] = &["Account", "Key", "Owner", "Type", "Status", "Entitlements", "Read"];
    Ok(Rows::of(COLUMNS, page, |row| {
        vec![
            known_as(row),
            row.key.clone(),
            row.owner.as_ref().map(|(_, name)| name.clone()).unwrap_or_default(),
            row.account_type.clone(),
            words::account_status(row.status).to_owned(),
            row.entitlements.to_string(),
            time(row.observed_at),
        ]
    }))
}

pub(super) async fn work_items(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let filter = WorkItemFilter { after, limit: LIMIT, ..query::work_items(query) };
    let page = engine::work_items::page(op, filter).await?;
    const COLUMNS: &[&str] =
        &["Work item", "Application", "Person", "Do", "Values", "For", "By", "State", "Opened", "Due"];
    Ok(Rows::of(COLUMNS, page, |row| {
        vec![
            row.id.to_string(),
            row.application_name.clone(),
            row.identity_name.clone(),
            words::operation(row.operation).to_owned(),
            row.summary.clone(),
            row.fulfiller_name.clone(),
            row.claimed_by.clone().unwrap_or_default(),
            words::work_item_state(row.state).to_owned(),
            time(Some(row.created_at)),
            time(row.due_at),
        ]
    }))
}

pub(super) async fn forms(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let filter = model::form::FormFilter { after, limit: LIMIT, ..query::forms(query) };
    let page = engine::forms::page(op, filter).await?;
    const COLUMNS: &[&str] = &["Form", "About", "Asked", "To", "Since", "Due"];
    Ok(Rows::of(COLUMNS, page, |row| {
        vec![
            row.id.to_string(),
            row.identity_name.clone(),
            row.labels.join(", "),
            row.owner_name.clone(),
            time(Some(row.opened_at)),
            time(row.due_at),
        ]
    }))
}

pub(super) async fn users(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let filter = UserFilter { after, limit: LIMIT, ..query::users(query) };
    let page = engine::users::page(op, &filter).await?;
    const COLUMNS: &[&str] = &["Login", "Name", "Person", "Profiles", "State", "In conflict", "Last sign-in"];
    Ok(Rows::of(COLUMNS, page, |row| {
        vec![
            row.login.clone(),
            row.display_name.clone(),
            row.identity.as_ref().map(|(_, name)| name.clone()).unwrap_or_default(),
            row.profiles.join("; "),
            if row.disabled { UserShow::Disabled } else { UserShow::Enabled }.label().to_owned(),
            row.conflicts.join("; "),
            time(row.last_sign_in),
        ]
    }))
}

pub(super) async fn mails(op: &OpContext, query: &Query, after: Option<String>) -> Result<Rows, ApiError> {
    let filter = model::mail::MailFilter { after, limit: LIMIT, ..query::mails(query) };
    let page = engine::mails::page(op, filter).await?;
    const COLUMNS: &[&str] = &["To", "Address", "Subject", "State", "Problem", "Tries", "Written", "Sent"];
    Ok(Rows::of(COLUMNS, page, |row| {
        vec![
            row.user_name.clone(),
            row.address.clone(),
            row.subject.clone(),
            row.state.name().to_owned(),
            row.problem.clone().unwrap_or_default(),
            row.attempts.to_string(),
            time(Some(row.created_at)),
            time(row.sent_at),
        ]
    }))
}
