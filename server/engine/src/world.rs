//! What is kept in memory: the live configuration, compiled, and the population in the role model's engine. The
//! database stays the system of record; memory follows its change log, so that several processes agree.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use broker::catalogue::Catalogue;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::access::Grantable;
use model::configuration::Configuration;
use model::draft::Sample;
use model::identity::Identity;
use model::ids::{ConfigurationVersionId, IdentityId};
use model::lifecycle::Remembered;
use model::lint::Finding;
use model::quality::AttributeQuality;
use model::request::DirectGrant;
use policy::deduction::Candidates;
use policy::engine::{Engine as RoleEngine, People};
use policy::indirect::IndirectModel;
use policy::model::RoleModel;
use policy::naming;
use policy::naming_rules::FoundEntitlement;
use policy::quality;
use policy::risk::RiskModel;
use store::{Store, StoreError};

use crate::configurations::Drift;
use crate::error::OpenError;
use crate::role_model::{self, Listed};
use crate::search::Described;

/// People copied in one go.
const PIECE: usize = 5_000;
/// People are sampled out of so many, where there are more: names are in no order in memory.
const SAMPLED: usize = 2_000;

/// See the module's head.
pub struct World {
    live: RwLock<Arc<Live>>,
    /// What the population was computed with: the live one, or the one that a run began with.
    deciding: RwLock<Arc<Live>>,
    population: Mutex<Population>,
    /// A run is being carried out: what it decides by stays, whatever is applied meanwhile.
    pinned: AtomicBool,
    /// Version with which everybody was computed last.
    computed: Mutex<Option<ConfigurationVersionId>>,
    /// How good attributes were found to be.
    quality: Mutex<Option<Known<Of, Vec<AttributeQuality>>>>,
    /// For how many people each rule holds.
    holding: Mutex<Option<Known<Of, BTreeMap<String, u64>>>>,
}

/// What something was looked at over: it stays so until somebody, the configuration or the day is another.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Of {
    /// Place in the change log.
    position: i64,
    version: Option<ConfigurationVersionId>,
    /// None for what no day changes.
    today: Option<Date>,
}

/// What was found, over what.
pub(crate) struct Known<K, T> {
    over: K,
    found: Arc<T>,
}

/// What is known of just that, or else is found now. Whoever asks meanwhile waits, instead of looking at the same.
pub(crate) fn known<K: PartialEq, T>(
    known: &Mutex<Option<Known<K, T>>>,
    over: K,
    find: impl FnOnce(&K) -> T,
) -> Arc<T> {
    let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = known.as_ref().filter(|known| known.over == over) {
        return Arc::clone(&known.found);
    }
    let found = Arc::new(find(&over));
    *known = Some(Known { over, found: Arc::clone(&found) });
    found
}

/// The live configuration and what follows from it.
pub(crate) struct Live {
    pub(crate) version: Option<ConfigurationVersionId>,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) model: Arc<RoleModel>,
    pub(crate) catalogue: Arc<Catalogue>,
    pub(crate) risks: Arc<RiskModel>,
    pub(crate) indirect: Arc<IndirectModel>,
    time_zone: TimeZone,
    /// Made when somebody first searches.
    described: OnceLock<Vec<Described>>,
    /// Everything that can be held, with what people call it.
    things: OnceLock<Arc<[(Grantable, String)]>>,
    /// The role model in the order of its lists.
    pub(crate) listed: Listed,
    /// How far it has gone from the files, once somebody asked: neither of them changes any more.
    pub(crate) drift: tokio::sync::OnceCell<Option<Arc<Drift>>>,
    /// What the policy check said last.
    pub(crate) checked: Mutex<Option<Known<Over, Vec<Finding>>>>,
    /// Roles and access profiles by what they give on a day, once somebody sought some for what is held.
    pub(crate) sought: Mutex<Option<Known<Date, Candidates>>>,
}

/// What a policy check of one configuration looked at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Over {
    /// Place in the change log.
    pub(crate) position: i64,
    pub(crate) today: Date,
    pub(crate) found: Vec<FoundEntitlement>,
}

/// Everybody, in the engine of the role model.
pub(crate) struct Population {
    pub(crate) engine: RoleEngine,
    /// The same people as they are stored.
    identities: BTreeMap<IdentityId, Identity>,
    /// Place in the change log up to which memory has followed.
    position: i64,
}

impl World {
    pub(crate) async fn load(store: &Store) -> Result<Self, OpenError> {
        let live = Arc::new(read_live(store).await?);
        let population = read_population(store, &live.model).await?;
        Ok(Self {
            live: RwLock::new(live.clone()),
            deciding: RwLock::new(live),
            population: Mutex::new(population),
            pinned: AtomicBool::new(false),
            computed: Mutex::new(None),
            quality: Mutex::new(None),
            holding: Mutex::new(None),
        })
    }

    /// The live configuration.
    pub fn configuration(&self) -> Arc<Configuration> {
        self.live().configuration.clone()
    }

    /// Which version of the configuration is live; none before the first `config apply`.
    pub fn configuration_version(&self) -> Option<ConfigurationVersionId> {
        self.live().version
    }

    /// The organisation's time zone; UTC where its name is not known.
    pub fn time_zone(&self) -> TimeZone {
        self.live().time_zone.clone()
    }

    pub(crate) fn live(&self) -> Arc<Live> {
        self.live.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is decided by, and what the population is computed with. While a run is carried out it is the configuration
    /// that the run began with; what is applied meanwhile is live, and the next run's.
    pub(crate) fn deciding(&self) -> Arc<Live> {
        self.deciding.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what is decided by, until the answer is dropped.
    pub(crate) fn pin(&self) -> Pinned<'_> {
        self.pinned.store(true, Ordering::Release);
        Pinned(self)
    }

    /// Whether everybody was computed since the configuration is what it is, as far as this process knows.
    pub(crate) fn is_computed(&self) -> bool {
        *self.computed.lock().unwrap_or_else(PoisonError::into_inner) == self.deciding().version
    }

    /// Takes notice that everybody was.
    pub(crate) fn note_computed(&self) {
        *self.computed.lock().unwrap_or_else(PoisonError::into_inner) = self.deciding().version;
    }

    /// Works on the population; quick, and never across a wait.
    pub(crate) fn with_population<T>(&self, work: impl FnOnce(&mut Population) -> T) -> T {
        work(&mut self.population.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Everybody, as stored, by id; copied piece by piece, so that nobody waits long for the population. Who comes in meanwhile is
    /// not among them.
    pub(crate) fn everybody(&self) -> impl Iterator<Item = Identity> {
        let ids: Vec<IdentityId> = self.with_population(|population| population.identities.keys().copied().collect());
        let pieces = ids.len().div_ceil(PIECE);
        (0..pieces).flat_map(move |piece| {
            let ids = ids.iter().skip(piece * PIECE).take(PIECE);
            self.with_population(|population| {
                ids.filter_map(|id| population.identities.get(id)).cloned().collect::<Vec<_>>()
            })
        })
    }

    /// How good what identity sources say is: looked at once, until somebody or the configuration is another. Takes its time:
    /// not for a thread that serves requests.
    pub(crate) fn quality(&self) -> Arc<Vec<AttributeQuality>> {
        let live = self.live();
        let position = self.with_population(|population| population.position);
        let of = Of { position, version: live.version, today: None };
        known(&self.quality, of, |_| quality::quality(&live.configuration, self.everybody()))
    }

    /// For how many people each rule holds on that day, by its name; rules that hold for nobody are left out. Counted once, as
    /// [`World::quality`].
    pub(crate) fn holding(&self, today: Date) -> Arc<BTreeMap<String, u64>> {
        let position = self.with_population(|population| population.position);
        let of = Of { position, version: self.deciding().version, today: Some(today) };
        known(&self.holding, of, |_| {
            self.with_population(|population| {
                population.engine.compute_some(&[], today);
                population.engine.affected_by_each_rule()
            })
        })
    }

    /// Follows the database: a configuration applied, and identities changed, since memory last looked. Answers whether
    /// the configuration changed, and the identities that did.
    pub(crate) async fn follow(&self, store: &Store) -> Result<Followed, OpenError> {
        if self.follow_configuration(store).await? && !self.pinned.load(Ordering::Acquire) {
            return Ok(Followed { configuration: true, identities: Vec::new() });
        }
        let position = self.with_population(|population| population.position);
        let changes = store.changes_since(position).await?;
        let Some(last) = changes.iter().map(|(sequence, _)| *sequence).max() else {
            return Ok(Followed { configuration: false, identities: Vec::new() });
        };
        let mut ids: Vec<IdentityId> = changes.into_iter().map(|(_, id)| id).collect();
        ids.sort_unstable();
        ids.dedup();
        let changed = store.identities_by_id(&ids).await?;
        let mut grants = by_identity(store.direct_grants(Some(&ids)).await?);
        let mut states: HashMap<IdentityId, Remembered> =
            store.lifecycle_periods(Some(&ids)).await?.into_iter().collect();
        self.with_population(|population| {
            for id in &ids {
                let grants = grants.remove(id).unwrap_or_default();
                if population.engine.grants(*id) != grants {
                    population.engine.set_grants(*id, grants);
                }
                let state = states.remove(id);
                if population.engine.remembered(*id) != state.as_ref() {
                    population.engine.set_remembered(*id, state);
                }
            }
            for identity in changed {
                population.engine.upsert(&identity);
                population.identities.insert(identity.id, identity);
            }
            population.position = population.position.max(last);
        });
        Ok(Followed { configuration: false, identities: ids })
    }

    /// Follows the database as far as the configuration goes: one short question, so that every request can ask it.
    pub(crate) async fn follow_configuration(&self, store: &Store) -> Result<bool, OpenError> {
        let mut live = self.live();
        let is_new = store.current_configuration_version().await? != live.version;
        if is_new {
            live = Arc::new(read_live(store).await?);
            *self.live.write().unwrap_or_else(PoisonError::into_inner) = live.clone();
        }
        if self.pinned.load(Ordering::Acquire) || self.deciding().version == live.version {
            return Ok(is_new);
        }
        let population = read_population(store, &live.model).await?;
        // One after the other under one lock: nobody sees people who were computed with another model.
        let mut current = self.population.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.pinned.load(Ordering::Acquire) {
            *current = population;
            *self.deciding.write().unwrap_or_else(PoisonError::into_inner) = live;
        }
        Ok(true)
    }
}

/// See [`World::pin`].
pub(crate) struct Pinned<'a>(&'a World);

impl Drop for Pinned<'_> {
    fn drop(&mut self) {
        self.0.pinned.store(false, Ordering::Release);
    }
}

impl Live {
    /// What follows from a configuration, whose role model this is.
    pub(crate) fn new(
        version: Option<ConfigurationVersionId>,
        configuration: Arc<Configuration>,
        model: Arc<RoleModel>,
    ) -> Self {
        Self {
            version,
            catalogue: Arc::new(Catalogue::new(&configuration)),
            risks: Arc::new(RiskModel::compile(&configuration)),
            indirect: Arc::new(IndirectModel::compile(&configuration)),
            time_zone: TimeZone::get(&configuration.organisation.time_zone).unwrap_or(TimeZone::UTC),
            configuration,
            model,
            described: OnceLock::new(),
            things: OnceLock::new(),
            listed: Listed::default(),
            drift: tokio::sync::OnceCell::new(),
            checked: Mutex::new(None),
            sought: Mutex::new(None),
        }
    }

    /// What the configuration describes, for searching.
    pub(crate) fn described(&self) -> &[Described] {
        self.described.get_or_init(|| Described::all(&self.configuration))
    }

    /// Everything that can be held, with what people call it, sorted.
    pub(crate) fn things(&self) -> Arc<[(Grantable, String)]> {
        let labelled = |(thing, label): (Grantable, &str)| (thing, label.to_owned());
        let all =
            self.things.get_or_init(|| naming::everything(&self.configuration).into_iter().map(labelled).collect());
        Arc::clone(all)
    }

    /// The name a person knows the application, or the integration, by.
    pub(crate) fn application_label(&self, name: &str) -> String {
        let carrier = self.configuration.carrier(name);
        carrier.map_or_else(|| name.to_owned(), |carrier| carrier.display_name.to_owned())
    }

    /// What administrators decided.
    pub(crate) fn configuration(&self) -> Arc<Configuration> {
        self.configuration.clone()
    }
}

impl Population {
    /// These people and nobody else, as they are.
    pub(crate) fn of(people: impl IntoIterator<Item = Identity>, model: Arc<RoleModel>) -> Self {
        let mut engine = role_engine(model);
        let taken_in = people.into_iter().map(|identity| {
            engine.upsert(&identity);
            (identity.id, identity)
        });
        let identities = taken_in.collect();
        Self { engine, identities, position: 0 }
    }

    /// Everybody, as stored, by id.
    pub(crate) fn identities(&self) -> &BTreeMap<IdentityId, Identity> {
        &self.identities
    }

    /// Place in the change log up to which memory has followed.
    pub(crate) fn position(&self) -> i64 {
        self.position
    }

    /// These people, as stored, in the order of their ids.
    pub(crate) fn those(&self, people: &People) -> impl Iterator<Item = &Identity> {
        let ids = self.engine.ids_of(people);
        ids.into_iter().filter_map(|id| self.identities.get(&id))
    }

    /// How many they are, with the first by name; of a great many, only some are looked at for that.
    pub(crate) fn sample(&self, people: &People) -> Sample {
        let some = self.engine.some_of(people, SAMPLED);
        let named = role_model::sample(some.iter().filter_map(|id| self.identities.get(id)));
        Sample { total: people.len() as u64, ..named }
    }

    /// An engine of another model with these people, and what is known of them besides.
    pub(crate) fn taken_in_anew(&self, people: &People, model: Arc<RoleModel>) -> RoleEngine {
        let mut engine = role_engine(model);
        for identity in self.those(people) {
            engine.upsert(identity);
            engine.set_grants(identity.id, self.engine.grants(identity.id).to_vec());
            engine.set_remembered(identity.id, self.engine.remembered(identity.id).cloned());
        }
        engine
    }
}

/// What [`World::follow`] found.
pub(crate) struct Followed {
    /// Everything was read anew.
    pub(crate) configuration: bool,
    pub(crate) identities: Vec<IdentityId>,
}

/// What was given directly, by whom it was given to.
pub(crate) fn by_identity(grants: Vec<DirectGrant>) -> HashMap<IdentityId, Vec<DirectGrant>> {
    let mut found: HashMap<IdentityId, Vec<DirectGrant>> = HashMap::new();
    for grant in grants {
        found.entry(grant.identity).or_default().push(grant);
    }
    found
}

async fn read_live(store: &Store) -> Result<Live, OpenError> {
    let (version, configuration) = match store.current_configuration().await? {
        Some((version, _, configuration)) => (Some(version), configuration),
        None => (None, Configuration::default()),
    };
    let model = RoleModel::compile(&configuration).map_err(|errors| {
        OpenError::Configuration(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })?;
    Ok(Live::new(version, Arc::new(configuration), Arc::new(model)))
}

/// An engine without people, that evaluates everybody on all processors.
pub(crate) fn role_engine(model: Arc<RoleModel>) -> RoleEngine {
    RoleEngine::new(model).with_threads(std::thread::available_parallelism().map_or(1, NonZero::get))
}

async fn read_population(store: &Store, model: &Arc<RoleModel>) -> Result<Population, StoreError> {
    // The position is read first: a change that comes in between is followed a second time, which does no harm.
    let position = store.change_log_head().await?;
    // Taken in beside the reading: each takes about as long as the other.
    let (pieces, taken) = std::sync::mpsc::channel::<Vec<Identity>>();
    let model = Arc::clone(model);
    let filling = tokio::task::spawn_blocking(move || Population::of(taken.into_iter().flatten(), model));
    let reading = async {
        // Whoever takes them in goes on to the end, or has panicked, which is told below.
        let hand_on = move |piece| drop(pieces.send(piece));
        store.identities_in_pieces(PIECE, hand_on).await
    };
    // One after the other: readers are few, and pages want some as well.
    let known = async {
        let grants = store.direct_grants(None).await?;
        let states = store.lifecycle_periods(None).await?;
        Ok((grants, states, store.role_model_digests().await?))
    };
    let ((grants, states, digests), ()) = tokio::try_join!(known, reading)?;
    let filled = filling.await;
    let Population { mut engine, identities, .. } =
        filled.map_err(|error| StoreError::Unavailable { reason: format!("people could not be taken in: {error}") })?;
    for (id, grants) in by_identity(grants) {
        engine.set_grants(id, grants);
    }
    for (id, state) in states {
        engine.set_remembered(id, Some(state));
    }
    for (id, digest) in digests {
        engine.confirm(id, digest);
    }
    Ok(Population { engine, identities, position })
}
