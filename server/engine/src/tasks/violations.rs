//! Who breaks which rule of which risk, written down: with the assignments of those whose access changed, and for those of
//! whom something else did, such as what their applications hold or the risks themselves.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use broker::violation;
use jiff::Timestamp;
use model::access::{DesiredAccess, DesiredAssignment, Grantable};
use model::account::Account;
use model::ids::{IdentityId, ViolationId, ViolationThingId};
use model::mail::Notice;
use model::risk::{BrokenRule, HeldThing, Violation, ViolationEvent, ViolationState};
use store::{NewIdentityEvent, NewViolation, NewViolationThing, RiskyHoldings, StoreError, Tx};

use super::Context;
use crate::Engine;
use crate::indirect::{Follower, Holder};
use crate::mails::notices::{self, ViolationNews};
use crate::world::Live;

/// Identities that are looked at, and written, at once.
const BATCH: usize = 2_000;

/// What has to be written about violations of some people.
#[derive(Clone, Debug, Default)]
pub(crate) struct Change {
    open: Vec<NewViolation>,
    close: Vec<ViolationId>,
    end: Vec<(ViolationId, ViolationThingId)>,
    begin: Vec<NewViolationThing>,
    reopen: Vec<ViolationId>,
    events: Vec<ViolationEvent>,
    told: Vec<NewIdentityEvent>,
    notices: Vec<Notice>,
}

impl Change {
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.close.is_empty() && self.end.is_empty() && self.begin.is_empty()
    }

    pub(crate) fn opened(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn closed(&self) -> usize {
        self.close.len()
    }
}

/// What changes for these people, who should have this.
pub(crate) async fn change<'a>(
    context: &Context,
    access: impl IntoIterator<Item = &'a DesiredAccess>,
    follower: &mut Follower,
) -> Result<Change, StoreError> {
    let live = context.engine.world().deciding();
    let access: BTreeMap<IdentityId, &[DesiredAssignment]> =
        access.into_iter().map(|access| (access.identity, access.assignments.as_slice())).collect();
    let ids: Vec<IdentityId> = access.keys().copied().collect();
    let store = context.engine.store();
    let mut known: HashMap<IdentityId, Vec<Violation>> = HashMap::new();
    for violation in store.current_violations(Some(&ids)).await? {
        known.entry(violation.identity).or_default().push(violation);
    }
    let mut accounts: HashMap<IdentityId, Vec<Account>> = HashMap::new();
    if !live.risks.is_empty() {
        for account in store.accounts_of(&ids).await? {
            if let Some(owner) = account.owner {
                accounts.entry(owner).or_default().push(account);
            }
        }
    }
    let of = |id: &IdentityId| accounts.get(id).map_or(&[][..], Vec::as_slice);
    if !live.risks.is_empty() {
        let people: Vec<Holder<'_>> = access.iter().map(|(id, assignments)| (*assignments, of(id))).collect();
        follower.read(&people).await?;
    }
    let mut differences = Vec::new();
    for (id, assignments) in &access {
        let indirect = follower.follow((assignments, of(id)));
        let broken = live.risks.broken_rules(assignments, of(id), &indirect);
        let known = known.get(id).map_or(&[][..], Vec::as_slice);
        let difference = violation::difference(known, &broken);
        if !difference.is_empty() {
            differences.push((*id, known, difference));
        }
    }
    if differences.is_empty() {
        return Ok(Change::default());
    }
    let things = |rule: &BrokenRule| rule.sides.iter().map(Vec::len).sum::<usize>();
    let needed = |changes: &violation::ViolationChanges| {
        changes.open.iter().map(|rule| 1 + things(rule)).sum::<usize>() + changes.hold.len()
    };
    let ids = store.reserve_ids(differences.iter().map(|(_, _, changes)| needed(changes)).sum()).await?;
    let mut writing =
        Writing { context, live: &live, now: context.engine.now(), ids: Box::new(ids), change: Change::default() };
    for (id, known, difference) in differences {
        writing.add(id, known, difference);
    }
    writing.notice();
    Ok(writing.change)
}

/// Follows people by what is decided by now.
pub(crate) fn follower(context: &Context) -> Follower {
    Follower::new(context.engine.store(), &context.engine.world().deciding())
}

/// Writes it, in the transaction of what it follows from.
pub(crate) async fn write(
    tx: &mut Tx,
    change: &Change,
    run: model::ids::RunId,
    node: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    tx.close_violations(&change.close, Some(run), at).await?;
    tx.open_violations(&change.open, Some(run), at).await?;
    tx.change_violation_things(&change.end, &change.begin, at).await?;
    tx.reopen_violations(&change.reopen, node, "More is held by now.", at).await?;
    tx.append_violation_events(&change.events).await?;
    tx.insert_notices(&change.notices).await?;
    tx.append_identity_events(&change.told).await
}

/// Looks at everybody but those: after everybody was computed, and so after risks have changed.
pub(crate) async fn everybody_but(context: &Context, done: &BTreeSet<IdentityId>) -> Result<Change, StoreError> {
    look_at(context, candidates(context).await?.into_iter().filter(|id| !done.contains(id)).collect()).await
}

/// At the end of a run: those of whom something changed meanwhile, and those whose violations rest on what applications
/// hold, which orders and readings change.
pub(crate) async fn at_the_end(context: &Context) -> Result<Change, StoreError> {
    if context.mode.dry_run {
        return Ok(Change::default());
    }
    let rests_on_a_find = |violation: &Violation| violation.things.iter().any(|thing| !thing.thing.accounts.is_empty());
    let known = context.engine.store().current_violations(None).await?;
    let mut ids: BTreeSet<IdentityId> =
        known.into_iter().filter(rests_on_a_find).map(|violation| violation.identity).collect();
    if context.changed.len() > BATCH {
        ids.extend(candidates(context).await?.intersection(&context.changed));
    } else {
        ids.extend(&context.changed);
    }
    look_at(context, ids).await
}

/// Evaluates these, and writes what changes.
async fn look_at(context: &Context, ids: BTreeSet<IdentityId>) -> Result<Change, StoreError> {
    let today = context.engine.today();
    let mut all = Change::default();
    let mut follower = follower(context);
    let ids: Vec<IdentityId> = ids.into_iter().collect();
    for batch in ids.chunks(BATCH) {
        let access: Vec<DesiredAccess> = context.engine.world().with_population(|population| {
            batch.iter().filter_map(|id| population.engine.desired(*id, today)).collect()
        });
        let change = change(context, &access, &mut follower).await?;
        if change.is_empty() {
            continue;
        }
        let (run, node, at, written) =
            (context.run, context.engine.node().to_owned(), context.engine.now(), change.clone());
        let work = context.engine.store().write(move |tx| {
            Box::pin(async move {
                tx.hold_run(run, &node).await?;
                write(tx, &written, run, &node, at).await
            })
        });
        work.await?;
        all.open.extend(change.open);
        all.close.extend(change.close);
    }
    Ok(all)
}

/// Who breaks some rule by a quick look, and who is on record.
async fn candidates(context: &Context) -> Result<BTreeSet<IdentityId>, StoreError> {
    let store = context.engine.store();
    let live = context.engine.world().deciding();
    let known = store.current_violations(None).await?;
    let mut ids: BTreeSet<IdentityId> = known.into_iter().map(|violation| violation.identity).collect();
    if live.risks.is_empty() {
        return Ok(ids);
    }
    let mut things: Vec<Grantable> = live.risks.things().cloned().collect();
    let mut keys: Vec<(String, String)> =
        live.risks.keys().map(|(kind, key)| (kind.to_owned(), key.to_owned())).collect();
    let leading = follower(context).leading_to_risks(store).await?;
    let entitlements = live.configuration.entitlements.iter();
    let granted_leading: BTreeMap<Grantable, &[Grantable]> = entitlements
        .filter_map(|(name, it)| {
            let counts = leading.get(&(it.account_type.clone(), it.key.clone()))?;
            Some((Grantable::Entitlement(name.clone()), counts.as_slice()))
        })
        .collect();
    things.extend(granted_leading.keys().cloned());
    keys.extend(leading.keys().cloned());
    things.sort();
    things.dedup();
    keys.sort();
    keys.dedup();
    let RiskyHoldings { granted, keys, accounts } = store.risky_holdings(&things, &keys).await?;
    let mut held: BTreeMap<IdentityId, Vec<Grantable>> = BTreeMap::new();
    for (id, thing) in granted {
        let held = held.entry(id).or_default();
        held.extend_from_slice(granted_leading.get(&thing).copied().unwrap_or_default());
        held.push(thing);
    }
    for (id, account_type, key) in keys {
        let held = held.entry(id).or_default();
        held.extend_from_slice(live.risks.entitlements(&account_type, &key));
        held.extend_from_slice(leading.get(&(account_type, key)).map_or(&[], Vec::as_slice));
    }
    for (id, account_type) in accounts {
        held.entry(id).or_default().push(Grantable::AccountType(account_type));
    }
    ids.extend(held.iter().filter(|(_, held)| live.risks.is_broken_by(*held)).map(|(id, _)| *id));
    Ok(ids)
}

/// Puts together what is written.
struct Writing<'a> {
    context: &'a Context,
    live: &'a Live,
    now: Timestamp,
    ids: Box<dyn Iterator<Item = i64> + Send>,
    change: Change,
}

impl Writing<'_> {
    fn add(&mut self, identity: IdentityId, known: &[Violation], changes: violation::ViolationChanges) {
        let risk_of = |id: ViolationId| {
            known.iter().find(|violation| violation.id == id).map_or_else(String::new, |known| known.risk.clone())
        };
        for id in changes.close {
            let label = risk_label(self.live, &risk_of(id));
            self.say(id, ViolationState::Closed, "It is no longer so.".to_owned());
            self.tell(identity, format!("Risk \u{201c}{label}\u{201d} is no longer there."));
            self.change.close.push(id);
        }
        for (violation, thing) in changes.outgrown {
            let label = self.context.engine.label(&thing.grantable);
            let message = format!("The exception ends: {label} is held as well by now.");
            self.say(violation, ViolationState::Open, message);
            self.change.reopen.push(violation);
        }
        self.change.end.extend(changes.let_go);
        for (violation, side, thing) in changes.hold {
            self.hold(violation, side, thing);
        }
        for rule in changes.open {
            let id = ViolationId(self.next());
            let (label, risk) = (risk_label(self.live, &rule.risk), rule.risk.clone());
            self.tell(identity, format!("Risk \u{201c}{label}\u{201d}: {}.", together(&self.context.engine, &rule)));
            self.say(id, ViolationState::Open, format!("Found: {}.", together(&self.context.engine, &rule)));
            self.change.open.push(NewViolation { id, identity, risk, rule: rule.rule });
            for (side, things) in (1_u32..).zip(rule.sides) {
                things.into_iter().for_each(|thing| self.hold(id, side, thing));
            }
        }
    }

    /// One notice for each risk that is newly broken, whoever breaks it.
    fn notice(&mut self) {
        let mut people: BTreeMap<&str, BTreeSet<IdentityId>> = BTreeMap::new();
        for opened in &self.change.open {
            people.entry(&opened.risk).or_default().insert(opened.identity);
        }
        let (engine, run) = (&self.context.engine, Some(self.context.run));
        let notices = people.into_iter().filter_map(|(risk, people)| {
            notices::violations(engine, risk, ViolationNews::Found, people.len(), run, self.now)
        });
        self.change.notices = notices.collect();
    }

    fn hold(&mut self, violation: ViolationId, side: u32, thing: HeldThing) {
        let application = self.live.configuration.application_of(&thing.grantable).unwrap_or_default().to_owned();
        let id = ViolationThingId(self.next());
        self.change.begin.push(NewViolationThing { id, violation, side, thing, application });
    }

    fn say(&mut self, violation: ViolationId, state: ViolationState, message: String) {
        let actor = format!("run {}", self.context.run);
        self.change.events.push(ViolationEvent { violation, at: self.now, state, actor, message });
    }

    fn tell(&mut self, identity: IdentityId, message: String) {
        let run = Some(self.context.run);
        self.change.told.push(NewIdentityEvent { identity, at: self.now, message, order: None, run });
    }

    fn next(&mut self) -> i64 {
        self.ids.next().unwrap_or_default()
    }
}

/// "Books invoices together with Pays invoices".
fn together(engine: &Engine, rule: &BrokenRule) -> String {
    let side = |things: &Vec<HeldThing>| {
        let labels: Vec<String> = things.iter().map(|thing| engine.label(&thing.grantable)).collect();
        labels.join(", ")
    };
    rule.sides.iter().map(side).collect::<Vec<_>>().join(" together with ")
}

/// What people call a risk; its name where it is gone from the configuration.
pub(crate) fn risk_label(live: &Live, name: &str) -> String {
    live.configuration.risks.get(name).map_or_else(|| name.to_owned(), |risk| risk.display_name.clone())
}
