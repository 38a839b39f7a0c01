//! Who there is and what they are to a matter, in the words in which `broker` decides.

use broker::request_approval::{Matter, Person};
use model::access::Grantable;
use model::approval::RequestApproval;
use model::identity::{Identity, LifecycleState};
use model::ids::IdentityId;
use model::request::Request;
use model::user::{PermissionPath, User};
use store::StoreError;

use super::APPROVE;
use crate::Engine;

/// Something that somebody has to decide about.
pub(crate) struct Question {
    identity: IdentityId,
    requester: String,
    grantable: Grantable,
}

impl Question {
    /// What nobody asked for.
    pub(crate) fn about(identity: IdentityId, grantable: Grantable) -> Self {
        Self { identity, requester: String::new(), grantable }
    }

    pub(crate) fn of(request: &Request, approval: &RequestApproval) -> Self {
        Self::new(request.identity, &request.requester, approval)
    }

    pub(super) fn new(identity: IdentityId, requester: &str, approval: &RequestApproval) -> Self {
        Self { identity, requester: requester.to_owned(), grantable: approval.item.grantable.clone() }
    }
}

/// Everybody who signs in, and a matter for each question.
pub(crate) struct Facts {
    pub(crate) users: Vec<User>,
    pub(crate) people: Vec<Person>,
    pub(crate) matters: Vec<Matter>,
}

impl Facts {
    /// For these approvals, whose requests are at hand.
    pub(crate) async fn of(
        engine: &Engine,
        requests: &[Request],
        approvals: &[RequestApproval],
    ) -> Result<Self, StoreError> {
        let question = |approval: &RequestApproval| {
            let request = requests.iter().find(|request| request.id == approval.request);
            let gone = || StoreError::Corrupt { what: format!("an approval of request {} has none", approval.request) };
            Ok(Question::of(request.ok_or_else(gone)?, approval))
        };
        let questions = approvals.iter().map(question).collect::<Result<Vec<_>, StoreError>>()?;
        Self::read(engine, &questions, APPROVE).await
    }

    /// `all` is the path of those who may decide about everything.
    pub(crate) async fn read(engine: &Engine, questions: &[Question], all: &str) -> Result<Self, StoreError> {
        let users = engine.store().users().await?;
        let people = people(engine, &users, all).await?;
        let matters = matters(engine, questions).await?;
        Ok(Self { users, people, matters })
    }

    /// What people call whoever has this login; the login where nobody has it.
    pub(crate) fn name(&self, login: &str) -> String {
        name(&self.users, login)
    }
}

pub(crate) fn name(users: &[User], login: &str) -> String {
    let found = users.iter().find(|user| user.login.eq_ignore_ascii_case(login));
    found.map_or_else(|| login.to_owned(), |user| user.display_name.clone())
}

async fn people(engine: &Engine, users: &[User], all: &str) -> Result<Vec<Person>, StoreError> {
    let ids: Vec<IdentityId> = users.iter().filter_map(|user| user.identity).collect();
    let identities = engine.store().identities_by_id(&ids).await?;
    let configuration = engine.world().configuration();
    let wanted = PermissionPath::parse(all);
    let holds = |user: &User| {
        let held = PermissionPath::held(&configuration, &user.profiles);
        wanted.as_ref().is_some_and(|wanted| held.iter().any(|held| held.grants(wanted)))
    };
    let is_gone = |user: &User| {
        let identity = identities.iter().find(|identity| Some(identity.id) == user.identity);
        identity.is_some_and(|identity| is_away(engine, identity))
    };
    let person = |user: &User| Person {
        login: user.login.clone(),
        display_name: user.display_name.clone(),
        identity: user.identity,
        profiles: user.profiles.clone(),
        is_away: user.disabled || is_gone(user),
        may_decide_all: holds(user),
    };
    Ok(users.iter().map(person).collect())
}

/// Has left, has not begun, or is in a state in which people are away.
fn is_away(engine: &Engine, identity: &Identity) -> bool {
    let today = engine.today();
    if identity.lifecycle(today) != LifecycleState::Active {
        return true;
    }
    let configuration = engine.world().configuration();
    if configuration.lifecycle_states.values().all(|state| !state.absent) {
        return false;
    }
    let life = engine.world().with_population(|population| population.engine.life(identity.id, today));
    let state = life.map(|life| life.standing.state);
    state.and_then(|name| configuration.lifecycle_states.get(&name)).is_some_and(|state| state.absent)
}

async fn matters(engine: &Engine, questions: &[Question]) -> Result<Vec<Matter>, StoreError> {
    let store = engine.store();
    let mut ids: Vec<IdentityId> = questions.iter().map(|question| question.identity).collect();
    ids.sort_unstable();
    ids.dedup();
    let subjects = store.identities_by_id(&ids).await?;
    let managers = managers_of(engine, &subjects).await?;
    let above = managers_of(engine, &managers).await?;
    let manager_of = |known: &[Identity], person: &Identity| {
        let is_theirs = |other: &&Identity| {
            other.source == person.source && person.manager_key.as_deref() == Some(other.key.as_str())
        };
        known.iter().find(is_theirs).cloned()
    };
    let configuration = engine.world().configuration();
    let owner_of = |thing: &Grantable| configuration.terms(thing).and_then(|terms| terms.owner);
    let matter = |question: &Question| {
        let subject = subjects.iter().find(|identity| identity.id == question.identity);
        let manager = subject.and_then(|subject| manager_of(&managers, subject));
        let application = configuration.application_of(&question.grantable);
        Matter {
            identity: question.identity,
            requester: question.requester.clone(),
            managers_manager: manager.as_ref().and_then(|one| manager_of(&above, one)).map(|one| one.id),
            manager: manager.map(|one| one.id),
            owner: owner_of(&question.grantable),
            application_owner: application
                .and_then(|name| configuration.applications.get(name))
                .and_then(|application| application.owner.clone()),
        }
    };
    Ok(questions.iter().map(matter).collect())
}

async fn managers_of(engine: &Engine, of: &[Identity]) -> Result<Vec<Identity>, StoreError> {
    let mut keys: Vec<&str> = of.iter().filter_map(|identity| identity.manager_key.as_deref()).collect();
    keys.sort_unstable();
    keys.dedup();
    engine.store().identities_by_key(&keys).await
}
