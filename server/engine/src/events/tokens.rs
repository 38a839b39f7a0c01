//! What receivers sign in with that ask by themselves: made by an administrator, shown once, kept as a hash.

use model::error::{ApiError, ErrorCode};
use model::event::{EventToken, NewEventToken};
use model::ids::EventTokenId;
use model::view::AuditLine;
use store::StoreError;

use crate::Engine;
use crate::agents::tokens::{hash, hexadecimal};
use crate::context::OpContext;
use crate::error::internal;

/// How a token begins, so that it is known for what it is wherever it turns up.
const PREFIX: &str = "qme_";

/// All tokens, also those that were revoked.
pub async fn rows(op: &OpContext) -> Result<Vec<EventToken>, ApiError> {
    op.require("/Events/View")?;
    op.engine.store().event_tokens().await.map_err(internal)
}

/// Makes a token with which a subscription's receiver may read what is its own. Nobody can see it again.
pub async fn create(op: &OpContext, subscription: String) -> Result<NewEventToken, ApiError> {
    op.require("/Events/Tokens")?;
    op.engine.follow_configuration().await.map_err(|_| ApiError::internal())?;
    if !op.engine.world().configuration().subscriptions.contains_key(&subscription) {
        return Err(ApiError::not_found(format!("subscription `{subscription}` in the configuration")));
    }
    let token = format!("{PREFIX}{}", hexadecimal(&rand::random::<[u8; 32]>()));
    let id = EventTokenId(op.engine.store().reserve_ids(1).await.map_err(internal)?.start);
    let kept = EventToken {
        id,
        subscription: subscription.clone(),
        created_by: op.user.login.clone(),
        created_at: op.now,
        revoked_at: None,
    };
    let (hash, audit) = (hash(&token), audit(op, &subscription, format!("created token {id}")));
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            tx.insert_event_token(&kept, &hash).await?;
            tx.append_audit(&audit).await
        })
    });
    work.await.map_err(internal)?;
    Ok(NewEventToken { id, subscription, token })
}

/// Makes a token worth nothing, from this moment on.
pub async fn revoke(op: &OpContext, id: EventTokenId) -> Result<EventToken, ApiError> {
    op.require("/Events/Tokens")?;
    let known = op.engine.store().event_tokens().await.map_err(internal)?;
    let known = known.into_iter().find(|token| token.id == id);
    let token = known.ok_or_else(|| ApiError::not_found(format!("token {id}")))?;
    let audit = audit(op, &token.subscription, format!("revoked token {id}"));
    let (by, at) = (op.user.login.clone(), op.now);
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let revoked = tx.revoke_event_token(id, &by, at).await?;
            if revoked {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(revoked)
        })
    });
    match work.await.map_err(internal)? {
        true => Ok(token),
        false => Err(ApiError::conflict(format!("Token {id} was revoked before; nothing was changed."))),
    }
}

/// The subscription behind a token that is in force.
pub(super) async fn find(engine: &Engine, token: &str) -> Result<String, ApiError> {
    let found = engine.store().event_token_by_hash(&hash(token.trim())).await.map_err(internal)?;
    match found.filter(|found| found.revoked_at.is_none() && token.trim().starts_with(PREFIX)) {
        Some(found) => Ok(found.subscription),
        None => Err(ApiError::new(
            ErrorCode::Unauthenticated,
            "This is no token of a subscription here, or it was revoked. Make one with `quartermaster events token \
             SUBSCRIPTION`, and send it as `Authorization: Bearer`.",
        )),
    }
}

fn audit(op: &OpContext, subscription: &str, detail: String) -> AuditLine {
    AuditLine {
        at: op.now,
        actor: op.user.login.clone(),
        action: "subscription".into(),
        subject: subscription.to_owned(),
        detail,
    }
}
