//! Counts over everything. In a very large organisation they take seconds, and are kept there: whoever asks gets what was
//! counted last, and is not made to wait while it is counted anew in the background. Everywhere else they are counted
//! whenever somebody asks.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use jiff::{SignedDuration, Timestamp};
use model::view::{EntitlementRow, OrderCounts, OrderFilter, Totals};
use store::{ApplicationFacts, Store, StoreError};

use crate::Engine;

/// People of an organisation in which counts are kept.
pub(crate) const LARGE: usize = 50_000;
/// Counting may take one part in so many of the time.
const SHARE: i32 = 20;
/// What is older is of no use to anybody.
const OLDEST: SignedDuration = SignedDuration::from_mins(5);
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

/// Kind and name.
type Thing = (&'static str, String);

/// What is counted for several pages.
#[derive(Default)]
pub(crate) struct Tallies {
    /// Held by what is counted in the background: one after the other, so that whoever asks finds the database free.
    turn: Arc<tokio::sync::Mutex<()>>,
    totals: Tally<Totals>,
    facts: Tally<Vec<ApplicationFacts>>,
    sizes: Tally<Vec<(String, u64, u64)>>,
    orders: Tally<OrderCounts>,
    /// By application.
    entitlements: Mutex<HashMap<String, Tally<Vec<EntitlementRow>>>>,
    /// Of things by kind and name: how many people hold them, and when that was counted.
    holders: Mutex<HashMap<Thing, (u64, Timestamp)>>,
}

impl Engine {
    /// People and accounts.
    pub(crate) async fn totals(&self) -> Result<Arc<Totals>, StoreError> {
        let today = self.today();
        self.kept(&self.0.tallies.totals, move |store| async move { store.totals(today).await }).await
    }

    /// Run-time facts about applications and identity sources.
    pub(crate) async fn application_facts(&self) -> Result<Arc<Vec<ApplicationFacts>>, StoreError> {
        self.kept(&self.0.tallies.facts, |store| async move { store.application_facts().await }).await
    }

    /// Of each account type: accounts, and entitlements that they hold.
    pub(crate) async fn account_type_sizes(&self) -> Result<Arc<Vec<(String, u64, u64)>>, StoreError> {
        self.kept(&self.0.tallies.sizes, |store| async move { store.account_type_sizes().await }).await
    }

    /// All orders by state.
    pub(crate) async fn order_counts(&self) -> Result<Arc<OrderCounts>, StoreError> {
        let count = |store: Store| async move { store.order_counts(&OrderFilter::default()).await };
        self.kept(&self.0.tallies.orders, count).await
    }

    /// What an application has and its accounts hold, with how many hold each.
    pub(crate) async fn entitlement_rows(&self, application: &str) -> Result<Arc<Vec<EntitlementRow>>, StoreError> {
        let tally = {
            let mut known = self.0.tallies.entitlements.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry(application.to_owned()).or_insert_with(|| Tally::good_for(MINUTE)).clone()
        };
        let application = application.to_owned();
        self.kept(&tally, |store| async move { store.entitlement_rows(&application).await }).await
    }

    /// How many people hold each of these things of a kind, by name.
    pub(crate) async fn holder_counts(
        &self,
        kind: &'static str,
        names: &[&str],
    ) -> Result<BTreeMap<String, u64>, StoreError> {
        let is_large = self.is_large();
        let now = self.now();
        let mut counts = BTreeMap::new();
        if is_large {
            let mut known = self.0.tallies.holders.lock().unwrap_or_else(PoisonError::into_inner);
            known.retain(|_, (_, at)| now.duration_since(*at) < MINUTE);
            let kept =
                |name: &&str| known.get(&(kind, (*name).to_owned())).map(|(count, _)| ((*name).to_owned(), *count));
            counts.extend(names.iter().filter_map(kept));
        }
        let missing: Vec<&str> = names.iter().copied().filter(|name| !counts.contains_key(*name)).collect();
        if missing.is_empty() {
            return Ok(counts);
        }
        let mut counted: BTreeMap<String, u64> = missing.iter().map(|name| ((*name).to_owned(), 0)).collect();
        counted.extend(self.store().holder_counts(kind, Some(&missing)).await?);
        if is_large {
            let mut known = self.0.tallies.holders.lock().unwrap_or_else(PoisonError::into_inner);
            known.extend(counted.iter().map(|(name, count)| ((kind, name.clone()), (*count, now))));
        }
        counts.extend(counted);
        Ok(counts)
    }

    /// Whether counting everything takes longer than whoever asks can wait.
    pub(crate) fn is_large(&self) -> bool {
        self.world().with_population(|population| population.engine.len()) >= LARGE
    }

    async fn kept<T, F, Counting>(&self, tally: &Tally<T>, count: F) -> Result<Arc<T>, StoreError>
    where
        T: Send + Sync + 'static,
        F: FnOnce(Store) -> Counting + Send + 'static,
        Counting: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let store = self.store().clone();
        if !self.is_large() {
            return count(store).await.map(Arc::new);
        }
        let known = tally.take(self.now());
        let (tally, engine) = (tally.clone(), self.clone());
        let counted = async move {
            // Of itself, without the time for which it waits.
            let begun = engine.now();
            let counted = count(store).await.map(Arc::new);
            tally.put(counted.as_ref().ok(), begun, engine.now());
            counted
        };
        match known {
            Kept::Fresh(known) => Ok(known),
            Kept::Old(known) => {
                let turn = Arc::clone(&self.0.tallies.turn);
                self.0.tasks.spawn(async move {
                    let _turn = turn.lock_owned().await;
                    counted.await
                });
                Ok(known)
            }
            Kept::Nothing => counted.await,
        }
    }
}

/// Something that was counted.
struct Tally<T> {
    state: Arc<Mutex<State<T>>>,
    /// For how long it is good in any case: where there is one of each of many things.
    least: SignedDuration,
}

struct State<T> {
    known: Option<Known<T>>,
    is_counting: bool,
}

struct Known<T> {
    counted: Arc<T>,
    at: Timestamp,
    took: SignedDuration,
}

#[derive(Debug, PartialEq, Eq)]
enum Kept<T> {
    Fresh(Arc<T>),
    /// To be counted again by whoever is told so.
    Old(Arc<T>),
    Nothing,
}

impl<T> Default for Tally<T> {
    fn default() -> Self {
        Self::good_for(SignedDuration::ZERO)
    }
}

impl<T> Clone for Tally<T> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), least: self.least }
    }
}

impl<T> Tally<T> {
    fn good_for(least: SignedDuration) -> Self {
        Self { state: Arc::new(Mutex::new(State { known: None, is_counting: false })), least }
    }

    fn take(&self, now: Timestamp) -> Kept<T> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = state.known.as_ref().filter(|known| now.duration_since(known.at) < OLDEST) else {
            return Kept::Nothing;
        };
        let is_fresh = now.duration_since(known.at) < (known.took * SHARE).max(self.least);
        let counted = Arc::clone(&known.counted);
        if is_fresh || state.is_counting {
            return Kept::Fresh(counted);
        }
        state.is_counting = true;
        Kept::Old(counted)
    }

    /// Takes in what was counted; nothing where that failed.
    fn put(&self, counted: Option<&Arc<T>>, begun: Timestamp, now: Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.is_counting = false;
        if let Some(counted) = counted {
            let took = now.duration_since(begun);
            state.known = Some(Known { counted: Arc::clone(counted), at: begun, took });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + second).unwrap()
    }

    #[test]
    fn what_was_counted_is_kept_for_as_long_as_counting_is_worth() {
        let tally: Tally<u64> = Tally::default();
        assert_eq!(tally.take(second(0)), Kept::Nothing);
        // It took two seconds, and is good for forty.
        tally.put(Some(&Arc::new(7)), second(0), second(2));
        assert_eq!(tally.take(second(39)), Kept::Fresh(Arc::new(7)));
        // The first to come later counts again; others are told the old number meanwhile.
        assert_eq!(tally.take(second(40)), Kept::Old(Arc::new(7)));
        assert_eq!(tally.take(second(41)), Kept::Fresh(Arc::new(7)));
        tally.put(Some(&Arc::new(8)), second(40), second(42));
        assert_eq!(tally.take(second(60)), Kept::Fresh(Arc::new(8)));
        // Where counting fails, the next one tries.
        assert_eq!(tally.take(second(90)), Kept::Old(Arc::new(8)));
        tally.put(None, second(90), second(91));
        assert_eq!(tally.take(second(92)), Kept::Old(Arc::new(8)));
        let seldom: Tally<u64> = Tally::good_for(MINUTE);
        seldom.put(Some(&Arc::new(7)), second(0), second(0));
        assert_eq!(
            (seldom.take(second(59)), seldom.take(second(60))),
            (Kept::Fresh(Arc::new(7)), Kept::Old(Arc::new(7)))
        );
        // Nobody is told what was so this morning.
        assert_eq!(tally.take(second(3_600)), Kept::Nothing);
    }
}
