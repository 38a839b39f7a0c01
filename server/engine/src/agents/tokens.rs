//! What agents sign in with: made by an administrator, shown once, kept as a hash.

use model::agent::{AgentToken, NewAgentToken};
use model::error::{ApiError, ErrorCode};
use model::ids::AgentTokenId;
use model::view::AuditLine;
use sha2::{Digest, Sha256};
use store::StoreError;

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;

/// How a token begins, so that it is known for what it is wherever it turns up, and counts for nothing else.
const PREFIX: &str = "qma_";
/// Longest note to a token, in characters.
const LONGEST_LABEL: usize = 200;

/// Makes a token for an agent of the configuration. Nobody can see it again.
pub async fn create(op: &OpContext, agent: String, label: String) -> Result<NewAgentToken, ApiError> {
    op.require("/Agents/Tokens")?;
    op.engine.follow_configuration().await.map_err(|_| ApiError::internal())?;
    if !op.engine.world().configuration().agents.contains_key(&agent) {
        return Err(ApiError::not_found(format!("agent `{agent}` in the configuration")));
    }
    make(op, PREFIX, agent, label).await
}

/// A token that begins so, for whoever it is given to.
pub(crate) async fn make(
    op: &OpContext,
    prefix: &str,
    agent: String,
    label: String,
) -> Result<NewAgentToken, ApiError> {
    let label = label.trim().to_owned();
    if label.chars().count() > LONGEST_LABEL || label.chars().any(char::is_control) {
        let message =
            format!("The note is longer than {LONGEST_LABEL} characters, or has control characters. Shorten it.");
        return Err(ApiError::invalid("label", message));
    }
    let token = format!("{prefix}{}", hexadecimal(&rand::random::<[u8; 32]>()));
    let id = AgentTokenId(op.engine.store().reserve_ids(1).await.map_err(internal)?.start);
    let said = if label.is_empty() { format!("created token {id}") } else { format!("created token {id} ({label})") };
    let audit = audit(op, &agent, said);
    let (hash, by, at, named) = (hash(&token), op.user.login.clone(), op.now, agent.clone());
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            tx.insert_agent_token(id, &named, &label, &hash, &by, at).await?;
            tx.append_audit(&audit).await?;
            Ok::<_, StoreError>(())
        })
    });
    work.await.map_err(internal)?;
    tracing::info!(agent, token.id = %id, by = op.user.login, "A token for an agent was created");
    Ok(NewAgentToken { id, agent, token })
}

/// Makes a token worth nothing, from this moment on.
pub async fn revoke(op: &OpContext, id: AgentTokenId) -> Result<AgentToken, ApiError> {
    op.require("/Agents/Tokens")?;
    end(op, id).await
}

/// As [`revoke`], for who may do it for another reason.
pub(crate) async fn end(op: &OpContext, id: AgentTokenId) -> Result<AgentToken, ApiError> {
    let known = op.engine.store().agent_token(id).await.map_err(internal)?;
    let token = known.ok_or_else(|| ApiError::not_found(format!("token {id}")))?;
    let audit = audit(op, &token.agent, format!("revoked token {id}"));
    let (by, at) = (op.user.login.clone(), op.now);
    let work = op.engine.store().write(move |tx| {
        Box::pin(async move {
            let revoked = tx.revoke_agent_token(id, &by, at).await?;
            if revoked {
                tx.append_audit(&audit).await?;
            }
            Ok::<_, StoreError>(revoked)
        })
    });
    if !work.await.map_err(internal)? {
        return Err(ApiError::conflict(format!("Token {id} was revoked before; nothing was changed.")));
    }
    tracing::info!(agent = token.agent, token.id = %id, by = op.user.login, "A token of an agent was revoked");
    Ok(token)
}

/// The token behind a text, where it is in force and its agent still exists.
pub(super) async fn find(engine: &Engine, token: &str) -> Result<AgentToken, ApiError> {
    let refused = |message: String| ApiError::new(ErrorCode::Unauthenticated, message);
    let Some(found) = known(engine, PREFIX, token).await? else {
        return Err(refused(
            "This is no token of an agent here. Make one with `quartermaster agents token AGENT` or on the page of agents, \
             and see that the agent speaks to the right server."
                .to_owned(),
        ));
    };
    engine.follow_configuration().await.map_err(|_| ApiError::internal())?;
    if !engine.world().configuration().agents.contains_key(&found.agent) {
        return Err(refused(format!(
            "The configuration has no agent `{}` any more. Add it again, or stop the agent.",
            found.agent
        )));
    }
    Ok(found)
}

/// The token behind a text that begins so; none where there is none.
///
/// # Errors
/// `Unauthenticated` where it was revoked.
pub(crate) async fn known(engine: &Engine, prefix: &str, token: &str) -> Result<Option<AgentToken>, ApiError> {
    let token = token.trim();
    if !token.starts_with(prefix) {
        return Ok(None);
    }
    let found = engine.store().agent_token_by_hash(&hash(token)).await.map_err(internal)?;
    found.map(|found| check(&found).map(|()| found)).transpose()
}

/// Whether a token that somebody has shown still counts, while they wait.
///
/// # Errors
/// `Unauthenticated`, with who has revoked it.
pub(super) async fn is_in_force(engine: &Engine, id: AgentTokenId) -> Result<(), ApiError> {
    let found = engine.store().agent_token(id).await.map_err(internal)?;
    found.map_or(Ok(()), |token| check(&token))
}

fn check(token: &AgentToken) -> Result<(), ApiError> {
    let (Some(by), Some(at)) = (&token.revoked_by, token.revoked_at) else { return Ok(()) };
    let message = format!(
        "This token of `{}` was revoked by {by} on {}. Make another, and give it to the other side.",
        token.agent,
        at.strftime("%F %T UTC")
    );
    Err(ApiError::new(ErrorCode::Unauthenticated, message))
}

fn audit(op: &OpContext, agent: &str, detail: String) -> AuditLine {
    AuditLine { at: op.now, actor: op.user.login.clone(), action: "agent".into(), subject: agent.to_owned(), detail }
}

pub(crate) fn hash(token: &str) -> String {
    hexadecimal(&Sha256::digest(token.as_bytes()))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
