//! Sign-ins: an identity provider says who signs in, and waits for a word. Whoever it is, is written into the source that
//! sign-ins fill, or recognised in one that is read; what signing in needs is asked for by the one entry of requests, and comes
//! by the usual computation of that one person; and the answer is *allow* only once it is there.
//!
//! Who somebody is says the subject: as the key of a source that sign-ins fill, or as the key of the request that the first
//! sign-in made. A name alone says it never. The same event again changes nothing, and is answered as things are then.

mod claims;
mod person;
mod tokens;

use std::time::Duration;

use jiff::civil::Date;
use model::access::Grantable;
use model::account::AccountStatus;
use model::configuration::{SignInProvider, WhenLate};
use model::error::{ApiError, ErrorCode};
use model::identity::{Identity, LifecycleState};
use model::ids::{IdentityId, RequestId};
use model::request::{Change, DirectGrant, NewRequest, RequestItem, RequestSource};
use model::sign_in::{SignIn, SignInAnswer, SignInDecision};
use model::trigger::Trigger;
use model::view::AuditLine;
use store::{NewIdentityEvent, RequestProgress, StoreError};
use tokio::time::Instant;

use crate::Engine;
use crate::context::OpContext;
use crate::error::internal;
use crate::requests;

use person::{Known, Written};
pub(crate) use tokens::HOLDER;
pub use tokens::{SignedProvider, create, known as signed, revoke};

/// Telling of sign-ins by hand.
pub const REPORT: &str = "/SignIns/Report";
/// Making and revoking what identity providers show.
pub const TOKENS: &str = "/SignIns/Tokens";

/// Kind of the source of the requests that sign-ins make.
const SOURCE: &str = "sign-in";
/// How often it is looked again whether what is required is there.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A sign-in that is being answered.
struct Case<'c> {
    op: &'c OpContext,
    /// Name of the identity provider in the configuration.
    name: &'c str,
    provider: &'c SignInProvider,
    told: &'c SignIn,
}

/// Answers a sign-in, as the identity provider's own call does.
pub async fn sign_in(op: &OpContext, told: &SignIn) -> Result<SignInAnswer, ApiError> {
    op.require(REPORT)?;
    answer(op, told, None).await
}

/// For an identity provider where `only` names one, and otherwise for the one whose issuer it is.
async fn answer(op: &OpContext, told: &SignIn, only: Option<&str>) -> Result<SignInAnswer, ApiError> {
    claims::check(told)?;
    op.engine.follow().await.map_err(|_| ApiError::internal())?;
    let configuration = op.engine.world().configuration();
    let found = configuration.sign_ins.iter().find(|(_, provider)| provider.issuer == told.issuer);
    let (name, provider) = found.ok_or_else(|| {
        let message =
            format!("The configuration has no sign-in with the issuer `{}`. Add one, or correct it.", told.issuer);
        ApiError::invalid("issuer", message)
    })?;
    if only.is_some_and(|only| only != name) {
        let message =
            format!("This token is for another issuer than `{}`. Use the one that was made for it.", told.issuer);
        return Err(ApiError { code: ErrorCode::Forbidden, message, field: Some("issuer".to_owned()) });
    }
    Case { op, name, provider, told }.answer().await
}

impl Case<'_> {
    async fn answer(&self) -> Result<SignInAnswer, ApiError> {
        let ended = claims::ended(self.provider, self.told);
        let written = match person::recognise(self).await? {
            Known::One(identity) => person::write(self, Some(identity), ended.is_some()).await?,
            Known::Nobody if ended.is_none() && self.creates() => person::write(self, None, false).await?,
            Known::Nobody => {
                let reason = ended.unwrap_or_else(|| {
                    "Nobody here is known by this subject or by what was confirmed of them, and nobody is created."
                        .into()
                });
                return self.refused(reason).await;
            }
            Known::Several => {
                let reason = "What was confirmed fits several people, so it is not said who this is.".to_owned();
                return self.refused(reason).await;
            }
        };
        let answer = match ended {
            Some(why) => self.leaves(&written, why).await?,
            None => self.comes(&written).await?,
        };
        self.record(&written.identity, &answer).await?;
        Ok(answer)
    }

    fn creates(&self) -> bool {
        self.provider.unknown == model::configuration::UnknownPerson::Create
    }

    fn source(&self) -> RequestSource {
        RequestSource { reference: Some(self.told.subject.clone()), ..RequestSource::new(SOURCE, self.name) }
    }

    /// The key of the request that the first sign-in made.
    fn subject_key(&self) -> String {
        format!("subject {}", self.told.subject)
    }

    /// The request that the first sign-in made.
    async fn first_request(&self) -> Result<Option<RequestId>, ApiError> {
        let known = self.op.engine.store().request_of_key(&self.source(), &self.subject_key()).await;
        Ok(known.map_err(internal)?.map(|(id, _)| id))
    }

    /// Nothing was changed.
    async fn refused(&self, reason: String) -> Result<SignInAnswer, ApiError> {
        let audit = self.audit(format!("{}: denied: {reason}", self.told.subject));
        let work = self.op.engine.store().write(move |tx| Box::pin(async move { tx.append_audit(&audit).await }));
        work.await.map_err(internal)?;
        Ok(SignInAnswer { decision: SignInDecision::Deny, request: None, reason })
    }

    // -------------------------------------------------------------------------------------------------- leaving

    /// Whom sign-ins tell of has left by what was written; of anybody else it ends what sign-ins gave.
    async fn leaves(&self, written: &Written, why: String) -> Result<SignInAnswer, ApiError> {
        let mut request = self.first_request().await?;
        if let Some(first) = request.filter(|_| written.is_changed) {
            self.plan(first).await?;
        }
        let given = self.given(written.identity.id).await?;
        if !written.is_filled && !given.is_empty() && request.is_some() {
            let mut kinds: Vec<Grantable> = given.into_iter().map(|grant| grant.grantable).collect();
            kinds.sort();
            kinds.dedup();
            let items = kinds.into_iter().map(|grantable| RequestItem { change: Change::Take, grantable });
            match requests::hand_in(self.op, self.new_request(written.identity.id, items.collect(), None)).await {
                Ok(taken) => request = taken.request,
                Err(error) if error.code == ErrorCode::Internal => return Err(error),
                // Whoever has left loses it by that already.
                Err(error) => tracing::info!("What a sign-in gave is not taken away by a request: {}", error.message),
            }
        }
        Ok(SignInAnswer { decision: SignInDecision::Deny, request, reason: why })
    }

    // -------------------------------------------------------------------------------------------------- coming

    async fn comes(&self, written: &Written) -> Result<SignInAnswer, ApiError> {
        let deny = |request, reason| Ok(SignInAnswer { decision: SignInDecision::Deny, request, reason });
        let person = &written.identity;
        if person.lifecycle(self.op.engine.today()) != LifecycleState::Active {
            let reason = format!("{} is not here today: has left, or has not begun.", person.display_name);
            return deny(None, reason);
        }
        let request = match self.ask(written).await {
            Ok(request) => request,
            Err(error) if error.code == ErrorCode::Internal => return Err(error),
            Err(error) => return deny(self.first_request().await?, error.message),
        };
        let until = Instant::now() + Duration::from_secs(u64::from(self.provider.wait_seconds));
        loop {
            let missing = self.missing(person.id).await?;
            if missing.is_empty() {
                let reason = "All that is required is there.".to_owned();
                return Ok(SignInAnswer { decision: SignInDecision::Allow, request: Some(request), reason });
            }
            if Instant::now() >= until {
                return self.late(request, &missing).await;
            }
            tokio::select! {
                () = tokio::time::sleep_until(until.min(Instant::now() + LOOK_EVERY)) => {}
                () = self.op.engine.stopping().cancelled() => return self.late(request, &missing).await,
            }
        }
    }

    /// The request under which what signing in needs is given; a new one for what is not given yet.
    async fn ask(&self, written: &Written) -> Result<RequestId, ApiError> {
        let given = self.given(written.identity.id).await?;
        let first = self.first_request().await?;
        let is_open = |kind: &&String| {
            !given.iter().any(|grant| grant.grantable.name() == kind.as_str() && grant.period.ends.is_none())
        };
        let items: Vec<RequestItem> = self
            .provider
            .requires
            .iter()
            .filter(is_open)
            .map(|kind| RequestItem { change: Change::Give, grantable: Grantable::AccountType(kind.clone()) })
            .collect();
        if !items.is_empty() {
            // The first one is the link between the subject and the person, whatever becomes of it.
            let key = first.is_none().then(|| self.subject_key());
            let taken = requests::hand_in(self.op, self.new_request(written.identity.id, items, key)).await?;
            return taken.request.ok_or_else(ApiError::internal);
        }
        let request =
            first.or_else(|| given.first().map(|grant| grant.origin.request)).ok_or_else(ApiError::internal)?;
        if written.is_changed {
            self.plan(request).await?;
        }
        Ok(request)
    }

    fn new_request(&self, identity: IdentityId, items: Vec<RequestItem>, key: Option<String>) -> NewRequest {
        let why = format!("Signs in at {} as {}", self.name, self.told.subject);
        NewRequest {
            key,
            requester: Some(format!("{SOURCE} {}", self.name)),
            correlation: self.told.event.clone(),
            ..NewRequest::new(Trigger::InboundProvisioning, self.source(), identity, items, why)
        }
    }

    /// What of the required account types was given to them directly and is not over.
    async fn given(&self, identity: IdentityId) -> Result<Vec<DirectGrant>, ApiError> {
        let today = self.op.engine.today();
        let all = self.op.engine.store().direct_grants(Some(&[identity])).await.map_err(internal)?;
        let is_required = |grant: &DirectGrant| match &grant.grantable {
            Grantable::AccountType(kind) => self.provider.requires.contains(kind) && !grant.period.is_past(today),
            _ => false,
        };
        Ok(all.into_iter().filter(is_required).collect())
    }

    /// What somebody has become is planned for by the next run of requests, under this one.
    async fn plan(&self, request: RequestId) -> Result<(), ApiError> {
        let work = self.op.engine.store().write(move |tx| {
            Box::pin(async move {
                let found = tx.requests_to_change(&[request]).await?;
                let rows: Vec<RequestProgress> = found
                    .iter()
                    .map(|found| RequestProgress { to_plan: true, ..RequestProgress::of(&found.request) })
                    .collect();
                tx.update_requests(&rows).await
            })
        });
        work.await.map_err(internal)?;
        requests::start_run(&self.op.engine, None).await.map_err(internal)
    }

    /// The required account types of which no enabled account is there.
    async fn missing(&self, identity: IdentityId) -> Result<Vec<&str>, ApiError> {
        let accounts = self.op.engine.store().accounts_of(&[identity]).await.map_err(internal)?;
        let is_there = |kind: &str| {
            let is_it = |account: &model::account::Account| {
                account.account_type == kind && account.status == AccountStatus::Enabled
            };
            accounts.iter().any(is_it)
        };
        Ok(self.provider.requires.iter().map(String::as_str).filter(|kind| !is_there(kind)).collect())
    }

    async fn late(&self, request: RequestId, missing: &[&str]) -> Result<SignInAnswer, ApiError> {
        let engine = &self.op.engine;
        let labels: Vec<String> =
            missing.iter().map(|kind| engine.label(&Grantable::AccountType((*kind).to_owned()))).collect();
        let is_late = format!("{} is not there after {} seconds", labels.join(", "), self.provider.wait_seconds);
        let (decision, then) = match self.provider.when_late {
            WhenLate::Deny => (SignInDecision::Deny, "The order goes on by itself: sign in again later."),
            WhenLate::AllowQueued => (SignInDecision::Queued, "The order goes on by itself."),
        };
        let reason = format!("{is_late}; request {request} says how far it is. {then}");
        Ok(SignInAnswer { decision, request: Some(request), reason })
    }

    // -------------------------------------------------------------------------------------------------- record

    /// Once for each event: what is told again is only noted.
    async fn record(&self, identity: &Identity, answer: &SignInAnswer) -> Result<(), ApiError> {
        let (store, at) = (self.op.engine.store(), self.op.engine.now());
        let source = self.source();
        let key = self.told.event.as_ref().map(|event| format!("event {event} of {}", self.told.subject));
        let is_told_before = match &key {
            Some(key) => store.request_of_key(&source, key).await.map_err(internal)?.is_some(),
            None => false,
        };
        let said = format!("{}: {}", answer.decision.name(), answer.reason);
        let again = if is_told_before { " (told again)" } else { "" };
        let audit = self.audit(format!("{} as {}{again}: {said}", identity.key, self.told.subject));
        let event = NewIdentityEvent {
            identity: identity.id,
            at,
            message: format!("Signed in at {}: {said}", self.name),
            order: None,
            run: None,
        };
        let events: Vec<_> = (!is_told_before).then_some(event).into_iter().collect();
        let key = key.filter(|_| !is_told_before).zip(answer.request);
        let work = store.write(move |tx| {
            Box::pin(async move {
                if let Some((key, request)) = &key {
                    tx.insert_request_key(&source, key, "", *request, at).await?;
                }
                tx.append_identity_events(&events).await?;
                tx.append_audit(&audit).await
            })
        });
        match work.await {
            // The same event was told twice at the same moment: the other one is on record.
            Err(StoreError::Conflict { constraint }) if constraint == "request_key_key" => Ok(()),
            done => done.map_err(internal),
        }
    }

    fn audit(&self, detail: String) -> AuditLine {
        AuditLine {
            at: self.op.engine.now(),
            actor: self.op.user.login.clone(),
            action: SOURCE.to_owned(),
            subject: self.name.to_owned(),
            detail,
        }
    }
}

/// The last day on which a sign-in of today counts, as the day after it.
fn valid_until(engine: &Engine, days: u16) -> Result<Date, ApiError> {
    engine.today().checked_add(jiff::Span::new().days(i64::from(days))).map_err(|_| ApiError::internal())
}
