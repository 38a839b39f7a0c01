//! What another configuration would mean for people, out of the population in memory: the database is not read, and of the
//! role model only those are computed whom it could concern.
//!
//! Most of what shifts is foreseen from the rules that hold for people ([`RoleEngine::foresee`]); whoever is left is computed
//! with both. Drafts, `config plan` and what is kept for a while ([`crate::grace`]) all look here, so that what is shown and what is
//! done are the same. Whom a change concerns is told by `policy` ([`RoleEngine::concerned_by`]); where that cannot be told,
//! everybody is computed.

use std::sync::Arc;

use jiff::civil::Date;
use model::access::{DesiredAccess, Grantable};
use model::configuration::{AssignmentRule, Configuration};
use model::draft::{Matching, Sample};
use model::ids::IdentityId;
use model::lint::Finding;
use model::request::DirectGrant;
use policy::engine::{Concerned, Engine as RoleEngine, People};
use policy::expression::Expression;
use policy::lint::{Asked, Crowd, lint};
use policy::model::{Condition, ModelError, RoleModel};
use policy::naming_rules::{FoundEntitlement, unknown};

use crate::configuration::{Compared, Effect, Whom, compare};
use crate::grace::{self, Kept};
use crate::tallies::LARGE;
use crate::world::{Live, Over, Population, World, known};

/// The role model before and after, over those for whom it could make a difference.
pub(crate) struct WhatIf {
    /// Of those for whom that is told from the rules that hold for them.
    foreseen: Compared,
    before: RoleEngine,
    after: RoleEngine,
    wanted: Arc<Configuration>,
    /// The others, who are in both engines, in the order of their ids.
    people: Vec<Whom>,
    grants: Vec<DirectGrant>,
    everybody: u64,
    today: Date,
}

impl WhatIf {
    /// Puts a configuration beside the one that is live. Takes its time: not for a thread that serves requests.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub(crate) fn new(world: &World, live: &Live, wanted: Configuration, today: Date) -> Result<Self, Vec<ModelError>> {
        let after = Arc::new(RoleModel::compile_beside(&live.model, &wanted)?);
        let wanted = Arc::new(wanted);
        Ok(world.with_population(|population| Self::among(population, &live.model, after, wanted, today)).computed())
    }

    /// The same of people who are named, none of whom is foreseen: what they should have is asked for as a whole.
    pub(crate) fn of_these(world: &World, before: &Live, after: &Live, ids: &[IdentityId], today: Date) -> Self {
        let between = |population: &mut Population| {
            let people = population.engine.these(ids);
            let models = (&before.model, Arc::clone(&after.model));
            Self::between(population, models, &people, Compared::default(), Arc::clone(&after.configuration), today)
        };
        world.with_population(between).computed()
    }

    /// The same with a population that is given.
    #[cfg(test)]
    pub(crate) fn of(
        current: &Configuration,
        wanted: &Configuration,
        people: &[model::identity::Identity],
        today: Date,
    ) -> Result<Self, Vec<ModelError>> {
        let before = Arc::new(RoleModel::compile(current)?);
        let after = Arc::new(RoleModel::compile(wanted)?);
        let mut population = Population::of(people.to_vec(), Arc::clone(&before));
        Ok(Self::among(&mut population, &before, after, Arc::new(wanted.clone()), today).computed())
    }

    /// Both engines, with nobody computed yet: no more than that is done while nobody else can work on the population.
    fn among(
        population: &mut Population,
        before: &Arc<RoleModel>,
        after: Arc<RoleModel>,
        wanted: Arc<Configuration>,
        today: Date,
    ) -> Self {
        let is_kept = |thing: &Grantable| wanted.terms(thing).is_some_and(|terms| terms.grace_days > 0);
        let (foreseen, people) = match population.engine.concerned_by(before, &after, today) {
            Concerned::These(people) => {
                let foreseen = population.engine.foresee((before, &after), &people, is_kept, today);
                (Compared::foreseen(&foreseen, population), foreseen.others)
            }
            Concerned::Everybody => (Compared::default(), population.engine.everybody()),
        };
        Self::between(population, (before, after), &people, foreseen, wanted, today)
    }

    /// Both engines with these people, beside what is foreseen of others.
    fn between(
        population: &Population,
        (before, after): (&Arc<RoleModel>, Arc<RoleModel>),
        people: &People,
        foreseen: Compared,
        wanted: Arc<Configuration>,
        today: Date,
    ) -> Self {
        let everybody = population.identities().len() as u64;
        let whom: Vec<Whom> = population.those(people).map(|identity| Whom::of(identity, today)).collect();
        let grants = whom.iter().flat_map(|person| population.engine.grants(person.id)).cloned().collect();
        let engine = |model: Arc<RoleModel>| {
            let part = population.engine.part(people, Arc::clone(&model));
            part.unwrap_or_else(|| population.taken_in_anew(people, model))
        };
        let (before, after) = std::thread::scope(|scope| {
            let before = scope.spawn(|| engine(Arc::clone(before)));
            let after = engine(after);
            let before = before.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (before, after)
        });
        Self { foreseen, before, after, wanted, people: whom, grants, everybody, today }
    }

    fn computed(mut self) -> Self {
        let today = self.today;
        std::thread::scope(|scope| {
            let before = &mut self.before;
            scope.spawn(move || before.compute(today));
            self.after.compute(today);
        });
        self
    }

    /// What people lose and keep for a while; the engine of the wanted configuration has them keep it from here on.
    pub(crate) fn keep(&mut self) -> Vec<Kept> {
        grace::keep(&self.before, &mut self.after, &self.wanted, &self.people, &self.grants, self.today)
    }

    /// What people would gain and lose, with what they keep for a while.
    pub(crate) fn effect(&mut self) -> Effect {
        let kept = self.keep();
        let compared = compare(&self.before, &self.after, &self.people, self.today);
        std::mem::take(&mut self.foreseen).beside(compared).effect(self.everybody).keeping(&kept)
    }

    /// What everybody who was computed should have before and after, with what they keep for a while, by id.
    pub(crate) fn desired(&mut self) -> (Vec<DesiredAccess>, Vec<DesiredAccess>) {
        self.keep();
        let desired = |engine: &RoleEngine| -> Vec<DesiredAccess> {
            self.people.iter().filter_map(|one| engine.desired(one.id, self.today)).collect()
        };
        (desired(&self.before), desired(&self.after))
    }

    /// The role model of the wanted configuration.
    pub(crate) fn wanted(&self) -> &Arc<RoleModel> {
        self.after.model()
    }
}

/// For whom rules of a configuration hold, each with a sample; rules that it does not have are left out.
pub(crate) fn matches(world: &World, model: &Arc<RoleModel>, rules: &[String], today: Date) -> Vec<(String, Sample)> {
    let sampled = |population: &mut Population| {
        let of = |rule: &String| Some((rule.clone(), who_meets_rule(population, model, rule, today)?));
        let found: Option<Vec<(String, People)>> = rules.iter().map(of).collect();
        Some(found?.into_iter().map(|(rule, people)| (rule, population.sample(&people))).collect())
    };
    asked(world, || Some(Arc::clone(model)), sampled).unwrap_or_default()
}

/// Those for whom a rule holds. Where it reads what is kept of nobody, whoever could meet it is taken in for that.
fn who_meets_rule(population: &mut Population, model: &Arc<RoleModel>, rule: &str, today: Date) -> Option<People> {
    if let Some(people) = population.engine.who_meets_rule(model, rule, today) {
        return Some(people);
    }
    let people = population.engine.who_could_meet_rule(model, rule, today)?;
    let mut apart = population.taken_in_anew(&people, Arc::clone(model));
    let met = apart.who_meets_rule(model, rule, today)?;
    Some(population.engine.these(&apart.ids_of(&met)))
}

/// For whom a condition would hold were it a rule's, looked ahead and back so many days.
pub(crate) fn who_meets(world: &World, expression: &Expression, days: (u16, u16), today: Date) -> Matching {
    let condition = Condition::new(expression);
    let found = |population: &mut Population| {
        let people = population.engine.who_meets(&condition, days, today)?;
        Some(Matching::People { found: population.sample(&people), of: population.identities().len() as u64 })
    };
    // Where it asks for something that nothing live does: a model of one rule that has this condition.
    let alone = || {
        let rule = AssignmentRule { when: expression.text().to_owned(), ..AssignmentRule::default() };
        let configuration = Configuration {
            dimensions: world.configuration().dimensions.clone(),
            rules: [("condition".to_owned(), rule)].into(),
            ..Configuration::default()
        };
        RoleModel::compile(&configuration).ok().map(Arc::new)
    };
    asked(world, alone, found).unwrap_or(Matching::Nothing)
}

/// What of a configuration makes no sense beside the rest of it, over the people on record. In a very large organisation without them,
/// where it reads what is kept of nobody: taking everybody in for that takes longer than whoever asks can wait.
pub(crate) fn findings(
    world: &World,
    configuration: &Configuration,
    model: &Arc<RoleModel>,
    found: Vec<FoundEntitlement>,
    today: Date,
) -> Vec<Finding> {
    let found = unknown(configuration, found);
    let ask = |population: &mut Population| Asked::new(&mut population.engine, model, today);
    let is_large = world.with_population(|population| population.engine.len()) >= LARGE;
    let Some(asked) = asked(world, || (!is_large).then(|| Arc::clone(model)), ask) else {
        return lint(configuration, model, None, today);
    };
    // Whoever is to be shown is looked up one by one: finding takes longer than others should wait for the population.
    let person = |id| world.with_population(|population| population.identities().get(&id).cloned());
    lint(configuration, model, Some(&Crowd { asked: &asked, person: &person, found: &found }), today)
}

/// The same of what is live: found once, until somebody, the day, or what applications have is another.
pub(crate) fn known_findings(
    world: &World,
    live: &Live,
    found: Vec<FoundEntitlement>,
    today: Date,
) -> Arc<Vec<Finding>> {
    let over = Over { position: world.with_population(|population| population.position()), today, found };
    known(&live.checked, over, |over| findings(world, &live.configuration, &live.model, over.found.clone(), today))
}

/// Asks the population in memory, or, where nothing is kept there of something that the question reads, one that is put together
/// for a model which reads it.
fn asked<T>(
    world: &World,
    model: impl FnOnce() -> Option<Arc<RoleModel>>,
    ask: impl Fn(&mut Population) -> Option<T>,
) -> Option<T> {
    if let Some(answer) = world.with_population(&ask) {
        return Some(answer);
    }
    ask(&mut Population::of(world.everybody(), model()?))
}
