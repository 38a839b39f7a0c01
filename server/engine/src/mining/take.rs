//! Taking proposals over into a draft: they are made anew, and only what is still exactly as it was seen is taken.

use std::collections::BTreeSet;

use model::access::Grantable;
use model::configuration::{AccessProfile, AssignmentRule, Configuration, Entitlement, Role, RuleType};
use model::draft::{DraftChange, DraftState, Object, ObjectKind};
use model::error::ApiError;
use model::ids::DraftId;
use model::mining::{BundleProposal, MinedCondition, MinedThing, Mining, MiningQuery, RuleProposal};

use super::{mine, names};
use crate::configuration;
use crate::context::OpContext;
use crate::drafts::{self, DRAFT};
use crate::error::internal;
use crate::role_model::{VIEW, targets};

/// A proposal that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its key.
    pub key: String,
    /// What it is to be called; as proposed where it is empty.
    pub name: String,
}

/// How proposals are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    pub proposals: Vec<Given>,
    pub kind: RuleType,
    pub priority: i32,
    /// An open draft; a new one unless told.
    pub draft: Option<DraftId>,
}

/// Puts proposals into a draft.
///
/// # Errors
/// Where one of them is not proposed any more, is in an open draft already, or a name is taken. Nothing is drafted then.
pub async fn take(op: &OpContext, query: &MiningQuery, taken: &Taken) -> Result<DraftId, ApiError> {
    op.require(DRAFT)?;
    let objects = objects(op, query, taken).await?;
    not_drafted_already(op, &objects).await?;
    let title = match objects.as_slice() {
        [(kind, name, _)] => format!("Mined: {} {name}", kind.noun()),
        _ => match taken.proposals.len() {
            1 => "Mined: 1 proposal".to_owned(),
            many => format!("Mined: {many} proposals"),
        },
    };
    drafts::add(op, taken.draft, title, objects).await
}

/// The same as text for configuration files, in place of a draft.
///
/// # Errors
/// Where one of them is not proposed any more.
pub async fn files(op: &OpContext, query: &MiningQuery, taken: &Taken) -> Result<String, ApiError> {
    op.require(VIEW)?;
    let mut alone = Configuration::default();
    for (kind, name, after) in objects(op, query, taken).await? {
        let (changed_by, changed_at) = (op.user.login.clone(), op.now);
        DraftChange { kind, name, before: None, after: Some(after), changed_by, changed_at }.put_into(&mut alone);
    }
    let files = configuration::export(&alone).into_iter();
    let texts = files.filter(|(path, _)| !path.ends_with("organisation.toml")).map(|(_, text)| text);
    Ok(texts.collect::<Vec<_>>().join("\n"))
}

async fn objects(op: &OpContext, query: &MiningQuery, taken: &Taken) -> Result<Vec<New>, ApiError> {
    if taken.proposals.is_empty() {
        return Err(ApiError::invalid("chosen", "Nothing is chosen. Choose the proposals that are to be taken."));
    }
    let mining = mine(op, query).await?;
    let configuration = op.engine.world().configuration();
    let rules = configuration.rules.keys().cloned().collect();
    let mut maker = Maker { configuration: &configuration, mining: &mining, taken, objects: Vec::new(), rules };
    for given in &taken.proposals {
        maker.add(op, given)?;
    }
    Ok(maker.objects)
}

/// An object that comes of a proposal.
type New = (ObjectKind, String, Object);

struct Maker<'a> {
    configuration: &'a Configuration,
    mining: &'a Mining,
    taken: &'a Taken,
    objects: Vec<New>,
    /// Names of rules that are taken.
    rules: BTreeSet<String>,
}

impl Maker<'_> {
    fn add(&mut self, op: &OpContext, given: &Given) -> Result<(), ApiError> {
        let name = |proposed: &str| {
            let own = given.name.trim();
            if own.is_empty() { proposed.to_owned() } else { own.to_owned() }
        };
        if let Some(rule) = self.mining.rules.iter().find(|rule| rule.key == given.key) {
            let name = name(&rule.name);
            self.rule(name, rule);
            return Ok(());
        }
        if let Some(bundle) = self.mining.bundles.iter().find(|bundle| bundle.key == given.key) {
            let name = name(&bundle.name);
            self.bundle(op, &name, bundle);
            return Ok(());
        }
        let which = if given.name.trim().is_empty() { &given.key } else { given.name.trim() };
        Err(ApiError::conflict(format!(
            "`{which}` is not proposed any more: people, what they hold, or the role model changed since you looked, or it \
             was taken and is live. Look again. Nothing was taken."
        )))
    }

    fn rule(&mut self, name: String, proposal: &RuleProposal) {
        let description = described(&proposal.condition, proposal.holders);
        let target = self.known(&proposal.thing, &proposal.label);
        let rule = self.assigned(&proposal.condition.when, description, &target);
        self.rules.insert(name.clone());
        self.objects.push((ObjectKind::Rule, name, Object::Rule(rule)));
    }

    fn bundle(&mut self, op: &OpContext, name: &str, proposal: &BundleProposal) {
        let described_as = format!("Mined: {} people hold it together.", proposal.members.total);
        let mut profiles: Vec<(String, Vec<String>)> = Vec::new();
        let mut role = Role { description: Some(described_as.clone()), ..Role::new(&proposal.display_name) };
        for (thing, label) in &proposal.things {
            let application = match thing {
                MinedThing::Known(grantable) => self.configuration.application_of(grantable).map(str::to_owned),
                MinedThing::Found { application, .. } => Some(application.clone()),
            };
            match (self.known(thing, label), application) {
                (Grantable::Entitlement(entitlement), Some(application)) => {
                    match profiles.iter_mut().find(|(other, _)| *other == application) {
                        Some((_, entitlements)) => entitlements.push(entitlement),
                        None => profiles.push((application, vec![entitlement])),
                    }
                }
                (Grantable::AccessProfile(profile), _) => role.access_profiles.push(profile),
                (Grantable::Role(other), _) => role.roles.push(other),
                (Grantable::AccountType(_) | Grantable::Entitlement(_), _) => {}
            }
        }
        let is_role = proposal.application.is_none();
        for (application, mut entitlements) in profiles {
            entitlements.sort();
            let (own, display_name) = match is_role {
                true => {
                    let called = op.engine.application_label(&application);
                    (names::plain(&format!("{name} {application}")), format!("{} ({called})", proposal.display_name))
                }
                false => (name.to_owned(), proposal.display_name.clone()),
            };
            let profile = AccessProfile {
                description: Some(described_as.clone()),
                entitlements,
                ..AccessProfile::new(display_name, application)
            };
            role.access_profiles.push(own.clone());
            self.objects.push((ObjectKind::AccessProfile, own, Object::AccessProfile(profile)));
        }
        let target = match is_role {
            true => {
                role.access_profiles.sort();
                role.roles.sort();
                self.objects.push((ObjectKind::Role, name.to_owned(), Object::Role(role)));
                Grantable::Role(name.to_owned())
            }
            false => Grantable::AccessProfile(name.to_owned()),
        };
        for condition in &proposal.conditions {
            let rule = self.assigned(&condition.when, described(condition, proposal.members.total), &target);
            let own = names::free(&names::plain(name), &mut self.rules);
            self.objects.push((ObjectKind::Rule, own, Object::Rule(rule)));
        }
    }

    fn assigned(&self, when: &str, description: String, target: &Grantable) -> AssignmentRule {
        let mut rule = AssignmentRule {
            description: Some(description),
            when: when.to_owned(),
            kind: self.taken.kind,
            priority: self.taken.priority,
            ..AssignmentRule::default()
        };
        let name = target.name().to_owned();
        match target {
            Grantable::Role(_) => rule.roles.push(name),
            Grantable::AccessProfile(_) => rule.access_profiles.push(name),
            Grantable::AccountType(_) => rule.account_types.push(name),
            Grantable::Entitlement(_) => rule.entitlements.push(name),
        }
        rule
    }

    /// The thing as the role model has it. An entitlement that it does not know becomes part of it, once.
    fn known(&mut self, thing: &MinedThing, label: &str) -> Grantable {
        match thing {
            MinedThing::Known(grantable) => grantable.clone(),
            MinedThing::Found { application, account_type, key } => {
                let mut taken: BTreeSet<String> = self.configuration.entitlements.keys().cloned().collect();
                let is_it = |object: &Object| matches!(object, Object::Entitlement(one) if one.account_type == *account_type && one.key == *key);
                for (kind, name, object) in &self.objects {
                    if is_it(object) {
                        return Grantable::Entitlement(name.clone());
                    }
                    if *kind == ObjectKind::Entitlement {
                        taken.insert(name.clone());
                    }
                }
                let name = names::free(&names::plain(&format!("{application} {key}")), &mut taken);
                let entitlement = Entitlement {
                    display_name: label.to_owned(),
                    description: None,
                    account_type: account_type.clone(),
                    key: key.clone(),
                    privileged: false,
                    approvals: None,
                };
                self.objects.push((ObjectKind::Entitlement, name.clone(), Object::Entitlement(entitlement)));
                Grantable::Entitlement(name)
            }
        }
    }
}

/// "Mined: holds for 40 people, of whom 39 held it already; 44 held it in all."
fn described(condition: &MinedCondition, holders: u64) -> String {
    let MinedCondition { matching, covered, .. } = condition;
    format!("Mined: holds for {matching} people, of whom {} held it already; {holders} held it in all.", covered.total)
}

/// Refuses what an open draft holds already, under whichever name.
async fn not_drafted_already(op: &OpContext, objects: &[New]) -> Result<(), ApiError> {
    let mut before = None;
    loop {
        let page = op.engine.store().draft_page(Some(DraftState::Open), before, None).await.map_err(internal)?;
        for row in &page.rows {
            let Some(draft) = op.engine.store().draft(row.id).await.map_err(internal)? else { continue };
            for change in &draft.changes {
                let Some(drafted) = change.after.as_ref().filter(|_| change.before.is_none()) else { continue };
                if objects.iter().any(|(.., object)| is_same(object, drafted)) {
                    return Err(ApiError::conflict(format!(
                        "Draft {} holds this already, as {} `{}`. Open it, or choose others. Nothing was drafted.",
                        row.id,
                        change.kind.noun(),
                        change.name
                    )));
                }
            }
        }
        match page.rows.last().filter(|_| page.next.is_some()) {
            Some(last) => before = Some(last.id),
            None => return Ok(()),
        }
    }
}

/// Whether two objects come of one proposal, whatever they are called.
fn is_same(one: &Object, other: &Object) -> bool {
    match (one, other) {
        (Object::Rule(one), Object::Rule(other)) => {
            one.when == other.when && targets(one) == targets(other) && one.deny == other.deny
        }
        (Object::AccessProfile(one), Object::AccessProfile(other)) => {
            one.application == other.application && one.entitlements == other.entitlements
        }
        _ => false,
    }
}
