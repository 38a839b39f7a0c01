//! What identity providers show: made by an administrator, shown once, kept as a hash, like the tokens of agents, and worth
//! nothing in their place.

use model::agent::{AgentToken, NewAgentToken};
use model::error::{ApiError, ErrorCode};
use model::ids::AgentTokenId;
use model::sign_in::{SignIn, SignInAnswer};
use model::user::{PermissionPath, User};

use crate::Engine;
use crate::agents::tokens;
use crate::context::OpContext;

use super::{REPORT, TOKENS, answer};

/// How such a token begins.
const PREFIX: &str = "qms_";
/// Before the name of a provider, where tokens are listed.
pub(crate) const HOLDER: &str = "sign-in:";

/// Makes a token for an identity provider of the configuration. Nobody can see it again.
pub async fn create(op: &OpContext, name: &str, label: String) -> Result<NewAgentToken, ApiError> {
    op.require(TOKENS)?;
    op.engine.follow_configuration().await.map_err(|_| ApiError::internal())?;
    if !op.engine.world().configuration().sign_ins.contains_key(name) {
        return Err(ApiError::not_found(format!("sign-in `{name}` in the configuration")));
    }
    tokens::make(op, PREFIX, format!("{HOLDER}{name}"), label).await
}

/// Makes a token worth nothing, from this moment on.
pub async fn revoke(op: &OpContext, id: AgentTokenId) -> Result<AgentToken, ApiError> {
    op.require(TOKENS)?;
    tokens::end(op, id).await
}

/// An identity provider that has shown its token.
pub struct SignedProvider {
    op: OpContext,
    name: String,
}

impl SignedProvider {
    /// Answers a sign-in of its own issuer.
    pub async fn sign_in(&self, told: &SignIn) -> Result<SignInAnswer, ApiError> {
        answer(&self.op, told, Some(&self.name)).await
    }
}

/// Finds out which identity provider has this token.
///
/// # Errors
/// `Unauthenticated`, with what to do, where it is none or worth nothing any more.
pub async fn known(engine: &Engine, token: &str, request_id: &str) -> Result<SignedProvider, ApiError> {
    let refused = |message: String| ApiError::new(ErrorCode::Unauthenticated, message);
    let found = tokens::known(engine, PREFIX, token).await?;
    let holder = found.as_ref().and_then(|found| found.agent.strip_prefix(HOLDER));
    let Some(name) = holder.map(str::to_owned) else {
        return Err(refused(
            "This is no token of an identity provider here. Make one with `quartermaster sign-ins token NAME`."
                .to_owned(),
        ));
    };
    engine.follow_configuration().await.map_err(|_| ApiError::internal())?;
    if !engine.world().configuration().sign_ins.contains_key(&name) {
        return Err(refused(format!("The configuration has no sign-in `{name}` any more. Add it again.")));
    }
    let operator = engine.operating_context(request_id);
    let login = format!("{HOLDER}{name}");
    let user = User { login: login.clone(), display_name: login, ..operator.user.clone() };
    let permissions = PermissionPath::parse(REPORT).into_iter().collect();
    Ok(SignedProvider { op: OpContext { user, permissions, ..operator }, name })
}
