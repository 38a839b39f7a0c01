//! The accounts a person should have, attribute by attribute.

use model::access::{DesiredAccount, DesiredAttribute, DesiredValue};
use model::value::Value;

use crate::digest::Digest;
use crate::expression::{Attempts, Cell, Node, cell_of, value_of};
use crate::model::{AccountTypeModel, Read, RoleModel, ValueSource};
use crate::reference::MOST_CANDIDATES;

use super::answer::{Answer, Seeing};
use super::dictionary::{ABSENT, hash_of};
use super::matcher::Seen;
use super::person::Person;
use super::sets::Pair;
use crate::day::{self, Day};

impl Answer<'_> {
    pub(super) fn accounts(&self) -> Vec<DesiredAccount> {
        let contexts = self.value_contexts();
        let mut known: Vec<Option<DesiredValue>> = vec![None; self.model.values];
        let accounts = self.set.accounts.iter().filter_map(|account| {
            let kind = self.model.account_types.get(account.kind as usize)?;
            let attributes = kind.attributes.iter().map(|attribute| DesiredAttribute {
                name: attribute.name.clone(),
                value: self.desired_value(&attribute.source, &contexts, &mut known),
                required: attribute.required,
                create_only: attribute.create_only,
                secret: attribute.secret,
            });
            let entitlements = account.entitlements.iter().map(|entitlement| self.model.grantable(*entitlement).name());
            Some(DesiredAccount {
                account_type: kind.name.clone(),
                application: kind.application.clone(),
                attributes: attributes.collect(),
                entitlements: entitlements.map(str::to_owned).collect(),
            })
        });
        accounts.collect()
    }

    /// What differs between people in [`Self::accounts`]; the rest is in the hash of the combination.
    pub(super) fn digest_accounts(&self, digest: &mut Digest) {
        if self.set.accounts.is_empty() {
            return;
        }
        let contexts = self.value_contexts();
        // Accounts of one person often share expressions, such as the one for the mail address.
        let mut known: Vec<Option<u64>> = vec![None; self.model.values];
        for account in &self.set.accounts {
            let Some(kind) = self.model.account_types.get(account.kind as usize) else { continue };
            for attribute in &kind.attributes {
                let (number, read, unique) = match &attribute.source {
                    ValueSource::Constant(_) | ValueSource::Reference(..) | ValueSource::Nothing => continue,
                    ValueSource::Expression(number, read) => (*number, read, false),
                    ValueSource::Unique(number, read) => (*number, read, true),
                };
                let hash = known
                    .get(number)
                    .copied()
                    .flatten()
                    .unwrap_or_else(|| self.seeing().hash_of(read, unique, &contexts));
                if let Some(place) = known.get_mut(number) {
                    *place = Some(hash);
                }
                digest.number(hash);
            }
        }
    }

    pub(super) fn correlation_keys(&self, kind: &AccountTypeModel) -> Vec<Option<String>> {
        let mut contexts: Vec<u32> = (0..u32::try_from(self.rows.rows.len()).unwrap_or(u32::MAX)).collect();
        contexts.sort_by_key(|context| {
            let row = self.person.contexts.get(*context as usize);
            row.map(|row| (!day::holds(row.bounds, self.today), row.priority, row.bounds.0))
        });
        let keys = kind.correlation.iter().map(|read| {
            contexts.iter().find_map(|context| {
                match value_of(read.expression.root(), &self.seeing().seen(read, *context)) {
                    Ok(Some(Value::Text(text))) if !text.is_empty() => Some(text),
                    Ok(Some(Value::Integer(number))) => Some(number.to_string()),
                    _ => None,
                }
            })
        });
        keys.collect()
    }

    fn value_contexts(&self) -> Vec<u32> {
        let mut contexts = Vec::new();
        value_contexts(self.model, self.person, &self.set.pairs, self.today, &mut contexts);
        contexts
    }

    fn desired_value(
        &self,
        source: &ValueSource,
        contexts: &[u32],
        known: &mut [Option<DesiredValue>],
    ) -> DesiredValue {
        let (number, value) = match source {
            ValueSource::Constant(value) => return DesiredValue::Value(value.clone()),
            ValueSource::Nothing => return DesiredValue::Absent,
            ValueSource::Reference(reference, _) => return DesiredValue::Referred(reference.clone()),
            ValueSource::Expression(number, _) | ValueSource::Unique(number, _)
                if known.get(*number).is_some_and(Option::is_some) =>
            {
                return known.get(*number).cloned().flatten().unwrap_or(DesiredValue::Absent);
            }
            ValueSource::Expression(number, read) => (*number, self.seeing().expression(read, contexts)),
            ValueSource::Unique(number, read) => (*number, self.seeing().unique(read, contexts)),
        };
        if let Some(place) = known.get_mut(number) {
            *place = Some(value.clone());
        }
        value
    }
}

/// The contexts in which account attributes are evaluated, the deciding one first: see [`crate::reference`].
pub(super) fn value_contexts(model: &RoleModel, person: &Person, pairs: &[Pair], today: Day, contexts: &mut Vec<u32>) {
    contexts.clear();
    let rows = &person.contexts;
    if rows.is_empty() {
        contexts.push(0);
        return;
    }
    contexts.extend((0_u32..).zip(rows).filter(|(_, row)| day::holds(row.bounds, today)).map(|(context, _)| context));
    if contexts.is_empty() {
        let gives = |rule: u32| model.rules.get(rule as usize).is_some_and(|rule| !rule.deny);
        contexts.extend(pairs.iter().filter(|(rule, _)| gives(*rule)).map(|(_, context)| *context));
        contexts.sort_unstable();
        contexts.dedup();
    }
    if contexts.len() > 1 {
        contexts.sort_by_key(|context| rows.get(*context as usize).map(|row| (row.priority, row.bounds.0)));
    }
}

impl Seeing<'_> {
    /// A hash of the value of the distinct expression of that number.
    pub(super) fn value_hash(&self, model: &RoleModel, number: usize, contexts: &[u32]) -> u64 {
        match model.source(number) {
            Some(ValueSource::Expression(_, read)) => self.hash_of(read, false, contexts),
            Some(ValueSource::Unique(_, read)) => self.hash_of(read, true, contexts),
            _ => 0,
        }
    }

    fn hash_of(&self, read: &Read, unique: bool, contexts: &[u32]) -> u64 {
        let mut digest = Digest::default();
        if unique {
            put(&mut digest, &self.unique(read, contexts));
        } else {
            self.digest_value(read, contexts, &mut digest);
        }
        digest.finish()
    }

    pub(super) fn seen<'s>(&'s self, read: &'s Read, context: u32) -> Seen<'s> {
        Seen { dictionary: self.dictionary, row: self.row(context), read }
    }

    pub(super) fn expression(&self, read: &Read, contexts: &[u32]) -> DesiredValue {
        for context in contexts {
            match value_of(read.expression.root(), &self.seen(read, *context)) {
                Ok(Some(value)) => return DesiredValue::Value(value),
                Ok(None) => {}
                Err(message) => return DesiredValue::Failed(message),
            }
        }
        DesiredValue::Absent
    }

    /// As [`put`] of [`Self::expression`], without making the text where there is one already.
    fn digest_value(&self, read: &Read, contexts: &[u32], digest: &mut Digest) {
        for context in contexts {
            // The value of an attribute as it is has been hashed already.
            if let Node::Attribute(index) = read.expression.root() {
                let code = read
                    .attributes
                    .get(*index)
                    .and_then(|attribute| self.row(*context).get(usize::from(*attribute)).copied());
                match code.unwrap_or(ABSENT) {
                    ABSENT => continue,
                    code => {
                        digest.number(1);
                        return digest.number(self.dictionary.hash(code));
                    }
                }
            }
            match cell_of(read.expression.root(), &self.seen(read, *context)) {
                Ok(Cell::Absent | Cell::Null) => {}
                Ok(Cell::Text(text)) => {
                    digest.number(1);
                    let mut value = Digest::default();
                    value.number(3);
                    value.text(&text);
                    return digest.number(value.finish());
                }
                Ok(cell) => {
                    return match cell.into_value() {
                        Ok(Some(value)) => put(digest, &DesiredValue::Value(value)),
                        Ok(None) => put(digest, &DesiredValue::Absent),
                        Err(message) => put(digest, &DesiredValue::Failed(message)),
                    };
                }
                Err(message) => return put(digest, &DesiredValue::Failed(message)),
            }
        }
        put(digest, &DesiredValue::Absent);
    }

    pub(super) fn unique(&self, read: &Read, contexts: &[u32]) -> DesiredValue {
        for context in contexts {
            match self.candidates(read, *context) {
                DesiredValue::Absent => {}
                value => return value,
            }
        }
        DesiredValue::Absent
    }

    fn candidates(&self, read: &Read, context: u32) -> DesiredValue {
        let mut candidates: Vec<String> = Vec::with_capacity(MOST_CANDIDATES);
        let seen = self.seen(read, context);
        let mut attempts = Attempts::new(read.expression.root(), &seen);
        while candidates.len() < MOST_CANDIDATES {
            let attempt = i64::try_from(candidates.len()).unwrap_or(i64::MAX);
            let candidate = match attempts.value(attempt) {
                Ok(Some(Value::Text(text))) if !text.is_empty() => text,
                Ok(Some(Value::Integer(number))) => number.to_string(),
                Ok(Some(Value::Boolean(_) | Value::List(_))) if candidates.is_empty() => {
                    return DesiredValue::Failed("a unique value has to be a text or a number".into());
                }
                Err(message) if candidates.is_empty() => return DesiredValue::Failed(message),
                _ => break,
            };
            if candidates.contains(&candidate) {
                break;
            }
            candidates.push(candidate);
        }
        if candidates.is_empty() { DesiredValue::Absent } else { DesiredValue::Unique(candidates) }
    }
}

fn put(digest: &mut Digest, value: &DesiredValue) {
    match value {
        DesiredValue::Value(value) => {
            digest.number(1);
            digest.number(hash_of(value));
        }
        DesiredValue::Unique(candidates) => {
            digest.number(2);
            digest.number(candidates.len() as u64);
            candidates.iter().for_each(|candidate| digest.text(candidate));
        }
        DesiredValue::Absent | DesiredValue::Asked(_) | DesiredValue::Referred(_) => digest.number(3),
        DesiredValue::Failed(message) => {
            digest.number(4);
            digest.text(message);
        }
    }
}
