//! Settings: what of a configuration is not the role model, as it is live, for lists and forms.

use std::collections::BTreeSet;

use model::configuration::Connection;
use model::draft::settings::ORGANISATION;
use model::draft::{Draft, DraftState, Object, ObjectKind, SettingKind};
use model::error::ApiError;
use model::ids::DraftId;
use serde::Serialize;
use serde_json::Value;

use crate::configuration::SECRET_REFERENCE;
use crate::connections;
use crate::context::OpContext;
use crate::error::internal;
use crate::role_model::VIEW;
use crate::{drafts, secrets};

/// Paths of what is kept as a secret, never as text.
const CREDENTIALS: [&[&str]; 3] = [&["connection", "password"], &["connection", "token"], &["mail", "password"]];

/// A setting in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SettingRow {
    pub kind: SettingKind,
    pub name: String,
    /// What people call it; its name where it has no other.
    pub label: String,
    pub description: Option<String>,
}

/// All settings as they are live, by kind and label.
pub async fn rows(op: &OpContext) -> Result<Vec<SettingRow>, ApiError> {
    op.require(VIEW)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let configuration = op.engine.world().configuration();
    let row = |kind: SettingKind, name: String| {
        let value = kind.find(&configuration, &name).unwrap_or_default();
        let text = |field: &str| value.get(field).and_then(Value::as_str).map(str::to_owned);
        let label = match kind {
            // What its people are called.
            SettingKind::Source => None,
            SettingKind::Organisation => text("name"),
            _ => text("display_name"),
        };
        let label = label.unwrap_or_else(|| name.clone());
        SettingRow { kind, name, label, description: text("description") }
    };
    let of_kind = |kind: &SettingKind| {
        let mut rows: Vec<SettingRow> = kind.names(&configuration).into_iter().map(|name| row(*kind, name)).collect();
        rows.sort_by(|one, other| (&one.label, &one.name).cmp(&(&other.label, &other.name)));
        rows
    };
    Ok(SettingKind::ALL.iter().flat_map(of_kind).collect())
}

/// A setting as a draft has it, or as it is live. What is kept as a secret is told by its reference alone; text in clear, as
/// the demo has it, is left out.
pub async fn value(
    op: &OpContext,
    draft: Option<&Draft>,
    kind: SettingKind,
    name: &str,
) -> Result<Option<Value>, ApiError> {
    op.require(VIEW)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let mut found = known(op, draft, kind, name);
    for path in CREDENTIALS {
        let Some(text) = found.as_mut().and_then(|value| at(value, path)) else { continue };
        if !text.as_str().is_some_and(|text| text.starts_with(SECRET_REFERENCE)) {
            *text = Value::Null;
        }
    }
    Ok(found)
}

/// Names of what settings and the role model are about, for forms to offer: by table, with what the draft adds.
pub fn names(op: &OpContext, draft: Option<&Draft>) -> Vec<(&'static str, Vec<String>)> {
    let configuration = crate::role_model::with_draft(op, draft);
    ObjectKind::all()
        .map(|kind| {
            let names = match kind {
                ObjectKind::Setting(setting) => setting.names(&configuration),
                ObjectKind::Role => configuration.roles.keys().cloned().collect(),
                ObjectKind::AccessProfile => configuration.access_profiles.keys().cloned().collect(),
                ObjectKind::Entitlement => configuration.entitlements.keys().cloned().collect(),
                ObjectKind::Rule => configuration.rules.keys().cloned().collect(),
            };
            // What lacks something yet is no part of a configuration, and can be named all the same.
            let drafted = draft.iter().flat_map(|draft| &draft.changes);
            let drafted = drafted.filter(|change| change.kind == kind && change.after.is_some());
            let names: BTreeSet<String> = names.into_iter().chain(drafted.map(|change| change.name.clone())).collect();
            (kind.table(), names.into_iter().collect())
        })
        .collect()
}

/// What is wrong with a setting as a draft has it: path of the field, and in words.
pub async fn findings(
    op: &OpContext,
    draft: &Draft,
    kind: SettingKind,
    name: &str,
) -> Result<Vec<(String, String)>, ApiError> {
    op.require(VIEW)?;
    let live = op.engine.world().configuration();
    let Err(findings) = crate::configuration::drafted(&live, draft) else { return Ok(Vec::new()) };
    let is_of_this = |object: &Option<(ObjectKind, String)>| {
        object.as_ref().is_some_and(|(other, named)| *other == ObjectKind::Setting(kind) && named == name)
    };
    let own = findings.into_iter().filter(|finding| is_of_this(&finding.object));
    Ok(own.map(|finding| (finding.field, finding.message)).collect())
}

/// Puts a setting into an open draft, or into a new one, also where the draft that was meant has ended meanwhile. What is no
/// name becomes one. A credential that was typed is kept as a secret and only named; one that was left empty stays what it
/// was. Answers with the draft and the name.
pub async fn put(
    op: &OpContext,
    id: Option<DraftId>,
    kind: SettingKind,
    name: &str,
    mut value: Value,
) -> Result<(DraftId, String), ApiError> {
    op.require(drafts::DRAFT)?;
    let draft = match id {
        Some(id) => Some(drafts::draft(op, id).await?).filter(|draft| draft.state == DraftState::Open),
        None => None,
    };
    let id = draft.as_ref().map(|draft| draft.id);
    let name = &named(op, kind, name);
    let before = known(op, draft.as_ref(), kind, name);
    for path in CREDENTIALS {
        let kept = before.as_ref().and_then(|before| path.iter().try_fold(before, |value, key| value.get(key)));
        let Some((field, parents)) = path.split_last() else { continue };
        let Some(parent) = at(&mut value, parents).and_then(Value::as_object_mut) else { continue };
        match parent.get(*field).and_then(Value::as_str).map(str::to_owned) {
            Some(text) if text.starts_with(SECRET_REFERENCE) => {}
            Some(text) => {
                let secret =
                    free_secret(op, if kind == SettingKind::Organisation { "mail" } else { name }, field).await?;
                secrets::put(op, secret.clone(), text).await?;
                parent.insert((*field).to_owned(), Value::String(format!("{SECRET_REFERENCE}{secret}")));
            }
            None => {
                if let Some(kept) = kept {
                    parent.insert((*field).to_owned(), kept.clone());
                }
            }
        }
    }
    let id = drafts::put(op, id, ObjectKind::Setting(kind), name, Some(Object::Setting(kind, value))).await?;
    Ok((id, name.clone()))
}

/// The name as it is known, or with what does not belong into one replaced.
fn named(op: &OpContext, kind: SettingKind, name: &str) -> String {
    if kind == SettingKind::Organisation {
        return ORGANISATION.to_owned();
    }
    if kind.find(&op.engine.world().configuration(), name).is_some() {
        return name.to_owned();
    }
    let plain =
        |character: char| if character.is_alphanumeric() || "-_.".contains(character) { character } else { '-' };
    let name: String = name.trim().chars().take(drafts::LONGEST_NAME).map(plain).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

/// A name under which nothing is kept: what is live goes on with the secret that it has until the draft is published.
async fn free_secret(op: &OpContext, name: &str, field: &str) -> Result<String, ApiError> {
    let plain: String =
        name.chars().map(|one| if one.is_ascii_alphanumeric() || "-_.".contains(one) { one } else { '-' }).collect();
    let usual = format!("{plain}-{field}");
    let is_taken = op.engine.store().secret(&usual).await.map_err(internal)?.is_some();
    Ok(if is_taken { format!("{usual}-{}", op.now.as_millisecond()) } else { usual })
}

/// Tries the connection of an application or integration as a draft has it, step by step. Nothing is written.
pub async fn try_connection(op: &OpContext, id: DraftId, name: &str) -> Result<Vec<(bool, String)>, ApiError> {
    op.require("/Applications/Test")?;
    let draft = drafts::draft(op, id).await?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let wanted = crate::configuration::drafted(&op.engine.world().configuration(), &draft)
        .map_err(|_| ApiError::conflict("The draft has to be put right first: what is wrong stands on its page."))?;
    match wanted.carrier(name) {
        Some(carrier) if !matches!(carrier.connection, Connection::Manual(_)) => {
            Ok(connections::test_drafted(&op.engine, &wanted, name).await)
        }
        Some(_) => Err(ApiError::conflict("People do the work of this one: there is no connection to try.")),
        None => Err(ApiError::not_found(format!("application or integration `{name}`"))),
    }
}

/// Reads the file of an identity source as a draft has it, and answers what came of it, step by step. Nothing is taken over. It takes
/// what publishing takes: what is wrong in a file is told with what stands there.
pub async fn try_source(op: &OpContext, id: DraftId, name: &str) -> Result<Vec<(bool, String)>, ApiError> {
    op.require(drafts::PUBLISH)?;
    let draft = drafts::draft(op, id).await?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let wanted = crate::configuration::drafted(&op.engine.world().configuration(), &draft)
        .map_err(|_| ApiError::conflict("The draft has to be put right first: what is wrong stands on its page."))?;
    let source = wanted.sources.get(name).ok_or_else(|| ApiError::not_found(format!("identity source `{name}`")))?;
    if source.filled_by_sign_ins || source.read_by.is_some() {
        return Err(ApiError::conflict(
            "Nothing of this one is read here: sign-ins fill it, or an agent reads it. Its runs say what came of that.",
        ));
    }
    Ok(match crate::tasks::collect::read_feed(source).await {
        Ok(feed) => {
            let found = (true, format!("{} people in {}.", feed.rows, source.file));
            let odd = feed.warnings.iter().map(|warning| (true, warning.to_string()));
            std::iter::once(found).chain(odd).collect()
        }
        Err(problem) => problem.lines().map(|line| (false, line.to_owned())).collect(),
    })
}

fn known(op: &OpContext, draft: Option<&Draft>, kind: SettingKind, name: &str) -> Option<Value> {
    let drafted = draft.and_then(|draft| draft.change(ObjectKind::Setting(kind), name));
    match drafted.map(|change| &change.after) {
        Some(Some(Object::Setting(_, value))) => Some(value.clone()),
        _ => kind.find(&op.engine.world().configuration(), name),
    }
}

fn at<'a>(value: &'a mut Value, path: &[&str]) -> Option<&'a mut Value> {
    path.iter().try_fold(value, |value, key| value.get_mut(*key))
}
