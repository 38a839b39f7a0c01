//! Whether the finished plans stay within their thresholds, alone and with what was ordered within the hour.

use std::collections::{BTreeMap, HashMap};

use broker::threshold::{self, Change, Ordered};
use jiff::SignedDuration;
use model::configuration::Configuration;
use model::feed::ChangeCounts;
use model::ids::IdentityId;
use model::job::TaskScope;
use model::plan::Plan;
use store::{StoreError, ThresholdUse};

use super::Planned;
use super::preview::preview;
use crate::progress::Progress;
use crate::tasks::Context;
use crate::tasks::guard::{self, Intent, Way};

/// How far back what was ordered counts together with what is about to be.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

/// What plans would change, by account type.
pub(super) fn changed<'p>(
    configuration: &Configuration,
    plans: impl IntoIterator<Item = &'p Plan>,
) -> BTreeMap<String, ChangeCounts> {
    let is_privileged = |name: &str| configuration.entitlements.get(name).is_some_and(|known| known.privileged);
    threshold::planned(plans, is_privileged)
}

/// What all plans together would change, beside what is there and what was ordered within the hour.
pub(super) async fn ordered(
    context: &Context,
    mut now: BTreeMap<String, ChangeCounts>,
    stored: &BTreeMap<String, u64>,
    links: &BTreeMap<String, u64>,
) -> Result<Ordered, StoreError> {
    let configuration = context.live().configuration();
    for account_type in configuration.account_types.keys() {
        let counts = now.entry(account_type.clone()).or_default();
        counts.stored = stored.get(account_type).copied().unwrap_or(0);
        counts.links_stored = links.get(account_type).copied().unwrap_or(0);
    }
    let since = context.engine.now().checked_sub(HOUR).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    let mut within_the_hour: BTreeMap<String, ChangeCounts> = BTreeMap::new();
    for ((account_type, what), counted) in context.engine.store().threshold_use(since).await? {
        if let Some(what) = Change::ALL.into_iter().find(|known| known.name() == what) {
            what.put(within_the_hour.entry(account_type).or_default(), counted);
        }
    }
    Ok(Ordered { now, within_the_hour })
}

/// Whether the orders may be written.
pub(super) async fn guard(
    context: &Context,
    progress: &Progress,
    scope: &TaskScope,
    ordered: &Ordered,
    planned: &[Planned],
    names: &HashMap<IdentityId, String>,
) -> Result<Way, StoreError> {
    let (trips, second_person) = ordered.check(&context.live().configuration());
    let subject = subject(scope);
    let digest = || broker::approval::of_plans(planned.iter().map(|planned| planned.checked.plan()));
    let lines = || preview(planned, names);
    let so_far = "No order was written.";
    let intent = Intent { subject, trips, second_person, digest: &digest, lines: &lines, so_far };
    guard::judge(context, progress, intent).await
}

/// Steps of one run that concern different applications are stopped, and approved, each by itself.
fn subject(scope: &TaskScope) -> String {
    scope.applications.iter().flatten().fold("orders".to_owned(), |subject, name| format!("{subject} {name}"))
}

/// As the store keeps it.
pub(super) fn hourly(used: &BTreeMap<String, ChangeCounts>) -> ThresholdUse {
    used.iter()
        .flat_map(|(account_type, counts)| {
            Change::ALL.map(|what| ((account_type.clone(), what.name().to_owned()), what.of(counts)))
        })
        .filter(|(_, counted)| *counted > 0)
        .collect()
}

/// As [`guard`], for an undo, which looks at few people. Answers what it uses up of the hour as well.
pub(crate) async fn guard_undo(
    context: &Context,
    progress: &Progress,
    planned: &[Planned],
    names: &HashMap<IdentityId, String>,
) -> Result<(Way, ThresholdUse), StoreError> {
    let (mut stored, mut links) = (BTreeMap::new(), BTreeMap::new());
    for (account_type, accounts, held) in context.engine.store().account_type_sizes().await? {
        stored.insert(account_type.clone(), accounts);
        links.insert(account_type, held);
    }
    let plans = planned.iter().map(|planned| planned.checked.plan());
    let changed = changed(&context.live().configuration, plans);
    let ordered = ordered(context, changed, &stored, &links).await?;
    let way = guard(context, progress, &TaskScope::default(), &ordered, planned, names).await?;
    Ok((way, hourly(&ordered.used())))
}
