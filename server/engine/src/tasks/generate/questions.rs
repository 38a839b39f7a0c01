//! Questions while plans are made: who is asked what, and what changes in forms when the plans are written.

use std::collections::{BTreeSet, HashMap, HashSet};

use broker::catalogue::Catalogue;
use broker::choice::{self, AccountChoice};
use broker::questions::{self, Candidates, DefaultTaken, Known, QuestionChanges};
use jiff::Timestamp;
use model::access::DesiredAccess;
use model::account::{Account, AccountStatus};
use model::configuration::{Ask, Configuration};
use model::form::{Answer, FormOwner, OpenQuestion};
use model::ids::{AnswerId, FormId, IdentityId, QuestionId};
use model::job::TaskScope;
use model::plan::{ItemKind, Plan};
use model::user::User;
use policy::classification::Seen;
use store::{FormChanges, NewQuestion, Store, StoreError};

use crate::Engine;
use crate::tasks::Context;

/// See the module's head.
#[derive(Default)]
pub(crate) struct Questions {
    answers: HashMap<IdentityId, Vec<Answer>>,
    open: HashMap<IdentityId, Vec<OpenQuestion>>,
    people: People,
    now: Timestamp,
    defaults: HashMap<IdentityId, Vec<DefaultTaken>>,
    changes: Vec<(IdentityId, QuestionChanges)>,
    planned: Vec<AnswerId>,
}

impl Questions {
    /// What is known of these people's questions, all of them where they are everybody.
    pub(super) async fn read(context: &Context, ids: &[IdentityId]) -> Result<Self, StoreError> {
        let store = context.engine.store();
        let only = (context.mode.incremental && !context.mode.dry_run).then_some(ids);
        let mut known = Self {
            people: People::read(store, &context.live().configuration()).await?,
            now: context.engine.now(),
            ..Self::default()
        };
        for answer in store.answers(only).await? {
            known.answers.entry(answer.identity).or_default().push(answer);
        }
        for question in store.open_questions(only).await? {
            known.open.entry(question.identity).or_default().push(question);
        }
        if !known.people.by_key.is_empty() {
            context.engine.world().with_population(|population| {
                for id in ids {
                    if let Some(identity) = population.identities().get(id) {
                        let manager = identity.manager_key.clone().map(|key| (identity.source.clone(), key));
                        let login = manager.and_then(|manager| known.people.by_key.get(&manager)).cloned();
                        known.people.managers.extend(login.map(|login| (*id, login)));
                    }
                }
            });
        }
        Ok(known)
    }

    /// Which account is meant, of those types of which somebody has several.
    pub(super) fn choose(&self, context: &Context, identity: IdentityId, accounts: &[Account]) -> Vec<AccountChoice> {
        let mut types = HashSet::new();
        let has_several = accounts
            .iter()
            .filter(|account| account.status != AccountStatus::Gone)
            .any(|account| !types.insert(account.account_type.as_str()));
        if !has_several {
            return Vec::new();
        }
        let world = context.engine.world();
        let (live, day) = (context.live(), context.engine.today());
        let selected = world.with_population(|population| {
            let Some(person) = population.identities().get(&identity) else { return BTreeSet::new() };
            let is_meant = |account: &&Account| {
                let seen = Seen {
                    key: &account.key,
                    enabled: account.status == AccountStatus::Enabled,
                    attributes: &account.attributes,
                    entitlements: &account.entitlements,
                };
                live.model.selects(&account.account_type, person, day, &seen)
            };
            accounts.iter().filter(is_meant).map(|account| account.id).collect()
        });
        let answers = self.answers.get(&identity).map_or(&[][..], Vec::as_slice);
        let owner_of = |ask: Option<&Ask>, application: &str| self.people.owner(ask, identity, application);
        choice::choose(accounts, &live.catalogue, &selected, answers, &owner_of)
    }

    /// See [`questions::stand_in`].
    pub(super) fn stand_in(
        &mut self,
        access: &mut DesiredAccess,
        accounts: &[Account],
        choices: &[AccountChoice],
        catalogue: &Catalogue,
    ) {
        let identity = access.identity;
        let known = Known {
            answers: self.answers.get(&identity).map_or(&[], Vec::as_slice),
            open: self.open.get(&identity).map_or(&[], Vec::as_slice),
            now: self.now,
        };
        let owner_of = |ask: Option<&Ask>, application: &str| self.people.owner(ask, identity, application);
        let taken = questions::stand_in(access, accounts, catalogue, choices, &known, &owner_of);
        if !taken.is_empty() {
            self.defaults.insert(identity, taken);
        }
    }

    /// Says in the plan where a value was answered, and takes note of what it asks.
    pub(super) fn note(&mut self, plan: &mut Plan, catalogue: &Catalogue) {
        let identity = plan.identity;
        let answers = self.answers.get(&identity).map_or(&[][..], Vec::as_slice);
        let taken = self.defaults.get(&identity).map_or(&[][..], Vec::as_slice);
        if !(answers.is_empty() && taken.is_empty()) {
            for request in &mut plan.requests {
                for item in request.items.iter_mut().filter(|item| item.kind == ItemKind::Attribute && !item.secret) {
                    let Some(facts) = catalogue.attribute(&request.account_type, &item.name) else { continue };
                    let answer = answers.iter().find(|answer| answer.key == facts.question);
                    if let Some(answer) = answer.filter(|answer| item.value.as_ref() == Some(&answer.value)) {
                        let by = answer.by.as_deref().map_or("Nobody answered in time: the default".to_owned(), |by| {
                            format!("Answered by {by} on {}", answer.at.strftime("%F"))
                        });
                        item.explanation = format!("{by}. {}", item.explanation);
                    } else if taken
                        .iter()
                        .any(|taken| Some(&taken.value) == item.value.as_ref() && taken.key == facts.question)
                    {
                        item.explanation = format!("Nobody answered in time: the default. {}", item.explanation);
                    }
                }
            }
        }
        self.planned.extend(answers.iter().map(|answer| answer.id));
        let open = self.open.get(&identity).map_or(&[][..], Vec::as_slice);
        let changes = questions::reconcile(&plan.questions, open, taken);
        if !changes.is_empty() {
            self.changes.push((identity, changes));
        }
    }

    /// As it is written: where only a part of the applications is planned for, answers wait for the others as well.
    pub(super) fn planned(mut self, scope: &TaskScope) -> Self {
        if !scope.is_all() {
            self.planned.clear();
        }
        self
    }

    /// How many questions are new.
    pub(super) fn asked(&self) -> u64 {
        self.changes.iter().map(|(_, changes)| changes.ask.len() as u64).sum()
    }

    /// With ids, to be written.
    pub(super) async fn changes(self, engine: &Engine, now: Timestamp) -> Result<FormChanges, StoreError> {
        let asked: usize = self.changes.iter().map(|(_, changes)| changes.ask.len()).sum();
        let defaults: usize = self.defaults.values().map(Vec::len).sum();
        let mut ids = engine.store().reserve_ids(2 * asked + defaults).await?;
        let mut next = || ids.next().unwrap_or_default();
        let mut written = FormChanges { planned: self.planned, ..FormChanges::default() };
        for (identity, changes) in self.changes {
            written.ended.extend(changes.end);
            written.moved_places.extend(changes.moved_places);
            written.asked.extend(changes.ask.into_iter().map(|(asked, places, since)| NewQuestion {
                id: QuestionId(next()),
                form: FormId(next()),
                identity,
                asked,
                places,
                asked_at: since.unwrap_or(now),
            }));
        }
        let mut defaults: Vec<_> = self.defaults.into_iter().collect();
        defaults.sort_unstable_by_key(|(identity, _)| *identity);
        for (identity, taken) in defaults {
            written.answers.extend(taken.into_iter().map(|DefaultTaken { key, value }| Answer {
                id: AnswerId(next()),
                identity,
                key,
                value,
                by: None,
                at: now,
            }));
        }
        Ok(written)
    }
}

/// Those who can sign in, as far as it matters to whom a question goes.
#[derive(Default)]
struct People {
    /// Lower-case login → as it is written.
    logins: HashMap<String, String>,
    by_identity: HashMap<IdentityId, String>,
    /// Source and key of identities who can sign in.
    by_key: HashMap<(String, String), String>,
    managers: HashMap<IdentityId, String>,
    profiles: HashSet<String>,
    /// Application → login of its owner.
    owners: HashMap<String, String>,
}

impl People {
    async fn read(store: &Store, configuration: &Configuration) -> Result<Self, StoreError> {
        let users: Vec<User> = store.users().await?.into_iter().filter(|user| !user.disabled).collect();
        let mut people = Self::default();
        for user in &users {
            people.logins.insert(user.login.to_lowercase(), user.login.clone());
            people.profiles.extend(user.profiles.iter().cloned());
            people.by_identity.extend(user.identity.map(|identity| (identity, user.login.clone())));
        }
        let ids: Vec<IdentityId> = people.by_identity.keys().copied().collect();
        for identity in store.identities_by_id(&ids).await? {
            if let Some(login) = people.by_identity.get(&identity.id) {
                people.by_key.insert((identity.source, identity.key), login.clone());
            }
        }
        for (name, application) in &configuration.applications {
            let owner = application.owner.as_ref().and_then(|owner| people.logins.get(&owner.to_lowercase()));
            people.owners.extend(owner.map(|login| (name.clone(), login.clone())));
        }
        Ok(people)
    }

    fn owner(&self, ask: Option<&Ask>, identity: IdentityId, application: &str) -> FormOwner {
        let candidates = Candidates {
            person: self.by_identity.get(&identity).map(String::as_str),
            manager: self.managers.get(&identity).map(String::as_str),
            application_owner: self.owners.get(application).map(String::as_str),
        };
        let can_sign_in = |login: &str| self.logins.get(&login.to_lowercase()).cloned();
        questions::owner(ask, &candidates, &can_sign_in, &|profile| self.profiles.contains(profile))
    }
}
