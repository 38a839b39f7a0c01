//! What one attribute or entitlement of an account that should be needs, line by line. What becomes of the lines together
//! is [`super::grant`]'s.

use std::borrow::Cow;

use model::access::{DesiredAccount, DesiredAttribute, DesiredValue, Grantable, WorkflowState};
use model::form::Asked;
use model::plan::{ItemKind, ItemOperation, Referred};
use model::value::Value;

use super::view::View;
use super::{Compiler, rules};
use crate::compare::{present, same, says};
use crate::reference;

/// What one attribute or entitlement of a desired account needs.
pub(super) struct Line<'a> {
    pub(super) kind: ItemKind,
    /// Attribute name, or entitlement key.
    pub(super) name: &'a str,
    pub(super) entitlement: Option<&'a str>,
    pub(super) secret: bool,
    pub(super) needs: Needs<'a>,
}

pub(super) enum Needs<'a> {
    Nothing,
    Set(Cow<'a, Value>),
    /// The first of these that is free.
    Choose(&'a [String]),
    Clear,
    Add,
    Remove,
    /// Stays as it is, because of this.
    Keep(String),
    /// Cannot be decided, because of this.
    Fail(String),
    /// A person has to say.
    Ask(&'a Asked),
    /// Another account is still to get it.
    Refer(Referred),
}

impl Line<'_> {
    pub(super) fn is_entitlement_change(&self) -> bool {
        self.kind == ItemKind::Entitlement && self.needs.is_change()
    }
}

impl Needs<'_> {
    pub(super) fn is_change(&self) -> bool {
        matches!(self, Self::Set(_) | Self::Choose(_) | Self::Clear | Self::Add | Self::Remove)
    }
}

impl<'a> Compiler<'a, '_> {
    /// What each attribute and entitlement needs, sorted by kind and name.
    pub(super) fn lines(&self, desired: &'a DesiredAccount, view: &View<'a>) -> Vec<Line<'a>> {
        let mut lines: Vec<Line<'a>> = Vec::with_capacity(desired.attributes.len() + desired.entitlements.len());
        for attribute in &desired.attributes {
            if let Some(needs) = self.attribute_needs(desired, attribute, view) {
                let (name, secret) = (attribute.name.as_str(), attribute.secret);
                lines.push(Line { kind: ItemKind::Attribute, name, entitlement: None, secret, needs });
            }
        }
        let line =
            |name, entitlement, needs| Line { kind: ItemKind::Entitlement, name, entitlement, secret: false, needs };
        for name in &desired.entitlements {
            let known = self.catalogue.entitlement(name).filter(|known| known.account_type == desired.account_type);
            lines.push(match known {
                None => line(name, None, Needs::Keep("The configuration does not know this entitlement.".to_owned())),
                Some(known) if view.holds(&known.key) => line(&known.key, Some(name), Needs::Nothing),
                Some(known) => line(&known.key, Some(name), Needs::Add),
            });
        }
        if view.status.is_some() {
            for key in view.held() {
                match self.catalogue.entitlement_of(&desired.account_type, key) {
                    None => lines.push(line(key, None, Needs::Keep(UNMANAGED.to_owned()))),
                    Some(name) if desired.entitlements.iter().any(|wanted| wanted == name) => {}
                    Some(name) => match self.offered(name).filter(|_| !self.is_to_go(view.account(), Some(key))) {
                        Some(why) => lines.push(line(key, Some(name), Needs::Keep(why))),
                        None => lines.push(line(key, Some(name), Needs::Remove)),
                    },
                }
            }
        }
        lines.sort_by(|left, right| (left.kind, left.name).cmp(&(right.kind, right.name)));
        lines.dedup_by(|left, right| (left.kind, left.name) == (right.kind, right.name));
        for line in &mut lines {
            if let Some(needs) = self.set_back(line, view) {
                line.needs = needs;
            }
            if let Some(why) = self.declined_line(desired, line, view) {
                line.needs = Needs::Keep(why);
            }
        }
        lines
    }

    /// Why a line is left out, where a reviewer declined it.
    fn declined_line(&self, desired: &DesiredAccount, line: &Line<'_>, view: &View<'_>) -> Option<String> {
        let chosen: Vec<Value>;
        let (operation, values) = match &line.needs {
            Needs::Set(value) => (ItemOperation::Set, vec![Some(value.as_ref())]),
            Needs::Choose(candidates) => {
                chosen = candidates.iter().map(|candidate| Value::Text(candidate.clone())).collect();
                (ItemOperation::Set, chosen.iter().map(Some).collect())
            }
            Needs::Clear | Needs::Remove => (ItemOperation::Remove, vec![None]),
            Needs::Add => (ItemOperation::Add, vec![None]),
            Needs::Nothing | Needs::Keep(_) | Needs::Fail(_) | Needs::Ask(_) | Needs::Refer(_) => return None,
        };
        self.declined_item(&desired.account_type, view.account(), (line.kind, line.name), operation, &values)
    }

    fn attribute_needs(
        &self,
        desired: &DesiredAccount,
        attribute: &'a DesiredAttribute,
        view: &View<'a>,
    ) -> Option<Needs<'a>> {
        let is_creation = view.status.is_none();
        let current = view.attribute(&attribute.name);
        if !is_creation && attribute.secret {
            return Some(Needs::Keep("A secret is written at creation only, and never read back.".to_owned()));
        }
        let needs = match &attribute.value {
            DesiredValue::Value(value) if present(Some(value)).is_none() => self.absent(desired, attribute, current),
            DesiredValue::Value(value) if !is_creation && same(Some(value), current) => Needs::Nothing,
            DesiredValue::Value(value) => Needs::Set(Cow::Borrowed(value)),
            DesiredValue::Unique(candidates) => {
                let is_one = |current: &Value| candidates.iter().any(|candidate| says(current, candidate));
                if !is_creation && current.is_some_and(is_one) { Needs::Nothing } else { Needs::Choose(candidates) }
            }
            DesiredValue::Absent => self.absent(desired, attribute, current),
            DesiredValue::Asked(asked) => Needs::Ask(asked),
            DesiredValue::Referred(reference) => {
                Needs::Refer(reference::referred(&attribute.name, reference, self.catalogue))
            }
            DesiredValue::Failed(message) => Needs::Fail(format!(
                "The value of attribute \u{201c}{}\u{201d} could not be computed for identity {}: {message}",
                attribute.name, self.input.desired.identity
            )),
        };
        match needs {
            Needs::Nothing if is_creation => None,
            Needs::Nothing => Some(Needs::Nothing),
            _ if !is_creation && attribute.create_only => {
                Some(Needs::Keep("Written at creation only; what is there now stays.".to_owned()))
            }
            needs => Some(needs),
        }
    }

    fn absent(&self, desired: &DesiredAccount, attribute: &DesiredAttribute, current: Option<&Value>) -> Needs<'a> {
        if attribute.required {
            return Needs::Fail(format!(
                "Identity {} has no value for \u{201c}{}\u{201d}, which account type \u{201c}{}\u{201d} requires. \
                 Complete the identity in its source, or correct the specification, then run the job again.",
                self.input.desired.identity,
                attribute.name,
                self.catalogue.account_type_label(&desired.account_type),
            ));
        }
        if present(current).is_some() { Needs::Clear } else { Needs::Nothing }
    }

    /// Why an entitlement that is held and not desired now stays: a rule offers it, and a person has to decide.
    pub(super) fn offered(&self, entitlement: &str) -> Option<String> {
        let is_it = |grantable: &Grantable| matches!(grantable, Grantable::Entitlement(name) if name == entitlement);
        let assignment = self.input.desired.assignments.iter().find(|assignment| is_it(&assignment.grantable))?;
        let offered =
            matches!(assignment.workflow_state, WorkflowState::Suggested | WorkflowState::AutomaticWithValidation);
        offered.then(|| {
            format!(
                "Offered by {} ({}); it stays until a person decides.",
                rules(&assignment.reasons),
                assignment.workflow_state.label()
            )
        })
    }
}

const UNMANAGED: &str = "Quartermaster does not manage it.";

/// All that cannot be decided, in one message.
pub(super) fn failures(lines: &[Line<'_>]) -> Option<String> {
    let messages: Vec<&str> = lines
        .iter()
        .filter_map(|line| match &line.needs {
            Needs::Fail(message) => Some(message.as_str()),
            _ => None,
        })
        .collect();
    (!messages.is_empty()).then(|| messages.join(" "))
}

/// What is still to come from other accounts, sorted.
pub(super) fn refers(lines: &[Line<'_>]) -> Vec<Referred> {
    let referred = lines.iter().filter_map(|line| match &line.needs {
        Needs::Refer(referred) => Some(referred.clone()),
        _ => None,
    });
    let mut referred: Vec<Referred> = referred.collect();
    referred.sort();
    referred
}

/// What people have to answer, sorted.
pub(super) fn asks(lines: &[Line<'_>]) -> Vec<Asked> {
    let asked = lines.iter().filter_map(|line| match line.needs {
        Needs::Ask(asked) => Some(asked.clone()),
        _ => None,
    });
    let mut asked: Vec<Asked> = asked.collect();
    asked.sort();
    asked.dedup();
    asked
}
