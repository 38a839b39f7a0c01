//! Finds the owner of an account that was read from an application. A wrong owner gives one person's access to another,
//! so ambiguity never links: two candidates at the best confidence are a question for a person, not a draw.

use hashbrown::HashMap;
use model::account::ObservedAccount;
use model::configuration::CorrelationRule;
use model::ids::IdentityId;
use model::value::Value;

/// Confidence from which an account is linked without asking anybody.
pub const CERTAIN: u8 = 100;

/// Identities by the values that an account type's rules compare.
#[derive(Clone, Debug, Default)]
pub struct CorrelationIndex {
    key_attribute: Option<String>,
    /// In the order of the rules.
    rules: Vec<RuleIndex>,
}

#[derive(Clone, Debug)]
struct RuleIndex {
    attribute: String,
    confidence: u8,
    identities: HashMap<String, Vec<IdentityId>>,
}

/// Whose account it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Correlation {
    /// Linked by itself.
    Owner {
        identity: IdentityId,
        confidence: u8,
    },
    /// Several fit equally well; sorted.
    Ambiguous(Vec<IdentityId>),
    /// One fits, with a confidence below [`CERTAIN`].
    Proposed {
        identity: IdentityId,
        confidence: u8,
    },
    None,
}

impl CorrelationIndex {
    /// `identities` gives for each identity the values of the rules' expressions, in the order of the rules.
    pub fn new(
        rules: &[CorrelationRule],
        identities: impl IntoIterator<Item = (IdentityId, Vec<Option<String>>)>,
    ) -> Self {
        let mut rules: Vec<RuleIndex> = rules
            .iter()
            .map(|rule| RuleIndex {
                attribute: rule.account.clone(),
                confidence: rule.confidence,
                identities: HashMap::new(),
            })
            .collect();
        for (identity, values) in identities {
            for (rule, value) in rules.iter_mut().zip(values) {
                if let Some(value) = value.as_deref().and_then(folded) {
                    rule.identities.entry(value).or_default().push(identity);
                }
            }
        }
        for matching in rules.iter_mut().flat_map(|rule| rule.identities.values_mut()) {
            matching.sort_unstable();
            matching.dedup();
        }
        Self { key_attribute: None, rules }
    }

    /// Where an account has no attribute of this name, its native key stands in: the account type's key attribute.
    #[must_use]
    pub fn keyed_by(self, key_attribute: &str) -> Self {
        Self { key_attribute: Some(key_attribute.to_owned()), ..self }
    }

    /// What the account has to say to a rule, as compared.
    fn values(&self, attribute: &str, account: &ObservedAccount) -> Vec<String> {
        let folded_all = |values: &[String]| values.iter().filter_map(|value| folded(value)).collect();
        match account.attributes.get(attribute) {
            Some(Value::List(members)) => folded_all(members),
            Some(value) => folded_all(&[value.to_string()]),
            None if self.key_attribute.as_deref() == Some(attribute) => folded_all(std::slice::from_ref(&account.key)),
            None => Vec::new(),
        }
    }
}

/// The best rules that match anybody decide; among rules of equal confidence all have to name the same identity.
/// Letters' case and surrounding space do not count.
pub fn correlate(account: &ObservedAccount, index: &CorrelationIndex) -> Correlation {
    let mut best: Option<u8> = None;
    let mut candidates: Vec<IdentityId> = Vec::new();
    for rule in &index.rules {
        if best.is_some_and(|best| rule.confidence < best) {
            continue;
        }
        let mut matching: Vec<IdentityId> = Vec::new();
        for value in index.values(&rule.attribute, account) {
            matching.extend(rule.identities.get(&value).into_iter().flatten());
        }
        if matching.is_empty() {
            continue;
        }
        if best.is_none_or(|best| rule.confidence > best) {
            best = Some(rule.confidence);
            candidates.clear();
        }
        candidates.append(&mut matching);
    }
    candidates.sort_unstable();
    candidates.dedup();
    match (best, candidates.as_slice()) {
        (Some(confidence), &[identity]) if confidence >= CERTAIN => Correlation::Owner { identity, confidence },
        (Some(confidence), &[identity]) => Correlation::Proposed { identity, confidence },
        (Some(_), [_, ..]) => Correlation::Ambiguous(candidates),
        _ => Correlation::None,
    }
}

/// As compared; nothing for an empty value, which would match everybody without one.
fn folded(value: &str) -> Option<String> {
    let value = value.trim();
    (!value.is_empty()).then(|| value.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(account: &str, confidence: u8) -> CorrelationRule {
        CorrelationRule { identity: "unused here".to_owned(), account: account.to_owned(), confidence }
    }

    fn index() -> CorrelationIndex {
        let person = |id, number: &str, mail: &str, name: &str| {
            (IdentityId(id), vec![Some(number.to_owned()), Some(mail.to_owned()), Some(name.to_owned())])
        };
        CorrelationIndex::new(
            &[rule("employeeNumber", 100), rule("mail", 100), rule("cn", 60)],
            [
                person(1, "1001", "Ada@x.example", "Ada Byron"),
                person(2, "1002", "bob@x.example", "Bob Stone"),
                person(3, "1003", "shared@x.example", "Bob Stone"),
                person(4, "1004", "shared@x.example", ""),
                (IdentityId(5), vec![None, Some("  ".to_owned())]),
            ],
        )
    }

    fn account(key: &str, attributes: &[(&str, Value)]) -> ObservedAccount {
        ObservedAccount {
            key: key.to_owned(),
            enabled: true,
            attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            entitlements: Default::default(),
        }
    }

    #[test]
    fn the_owner_is_found_or_asked_for() {
        let owner = |id| Correlation::Owner { identity: IdentityId(id), confidence: 100 };
        let text = |text: &str| Value::from(text);
        for (attributes, expect) in [
            (vec![("employeeNumber", text("1001"))], owner(1)),
            (vec![("employeeNumber", Value::from(1001))], owner(1)),
            (vec![("mail", text(" ADA@X.example "))], owner(1)),
            (vec![("mail", Value::List(vec!["nobody@x".into(), "bob@x.example".into()]))], owner(2)),
            (vec![("cn", text("ada byron"))], Correlation::Proposed { identity: IdentityId(1), confidence: 60 }),
            (vec![("cn", text("Bob Stone"))], Correlation::Ambiguous(vec![IdentityId(2), IdentityId(3)])),
            (vec![("mail", text("shared@x.example"))], Correlation::Ambiguous(vec![IdentityId(3), IdentityId(4)])),
            // A better rule decides, whatever a worse one says.
            (vec![("cn", text("Bob Stone")), ("mail", text("ada@x.example"))], owner(1)),
            // Equal rules that disagree never link.
            (
                vec![("employeeNumber", text("1001")), ("mail", text("bob@x.example"))],
                Correlation::Ambiguous(vec![IdentityId(1), IdentityId(2)]),
            ),
            (vec![("mail", text(""))], Correlation::None),
            (vec![("mail", text("  ")), ("cn", text(" "))], Correlation::None),
            (vec![], Correlation::None),
        ] {
            assert_eq!(correlate(&account("k", &attributes), &index()), expect, "{attributes:?}");
        }
    }

    #[test]
    fn the_native_key_stands_in_for_the_key_attribute() {
        let index =
            CorrelationIndex::new(&[rule("login", 100)], [(IdentityId(7), vec![Some("Ada".into())])]).keyed_by("login");
        let owner = Correlation::Owner { identity: IdentityId(7), confidence: 100 };
        assert_eq!(correlate(&account("ADA", &[]), &index), owner);
        assert_eq!(correlate(&account("ADA", &[("login", Value::from("eve"))]), &index), Correlation::None);
    }

    #[test]
    fn without_rules_nobody_owns_anything() {
        assert_eq!(correlate(&account("k", &[]), &CorrelationIndex::default()), Correlation::None);
    }
}
