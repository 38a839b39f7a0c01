//! Finds the type and the owner of an account that was read from an application. A wrong owner gives one person's
//! access to another, so ambiguity never links: two candidates at the best confidence are a question for a person, not
//! a draw.

use hashbrown::HashMap;
use model::configuration::CorrelationRule;
use model::correlation::{CERTAIN, Match, OwnerCandidate, TypeCandidate};
use model::ids::IdentityId;
use model::value::{Attributes, Value};

/// Of those who may own an account, so many are proposed: a value that half the company has proposes nobody.
const MOST_CANDIDATES: usize = 20;

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
    /// A person decides: one fits with a confidence below [`CERTAIN`], or several fit equally well. Best first.
    Review(Vec<OwnerCandidate>),
    None,
}

/// Of which type an account is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Classification {
    Type(String),
    /// A person decides: the best is below [`CERTAIN`], or two are equally good.
    Review(Vec<TypeCandidate>),
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
    fn values(&self, attribute: &str, key: &str, attributes: &Attributes) -> Vec<String> {
        let folded_all = |values: &[String]| values.iter().filter_map(|value| folded(value)).collect();
        match attributes.get(attribute) {
            Some(Value::List(members)) => folded_all(members),
            Some(value) => folded_all(&[value.to_string()]),
            None if self.key_attribute.as_deref() == Some(attribute) => folded_all(&[key.to_owned()]),
            None => Vec::new(),
        }
    }
}

/// The best rules that match anybody decide; among rules of equal confidence all have to name the same identity.
/// Letters' case and surrounding space do not count. Whom a person has ruled out does not count either.
pub fn correlate(
    key: &str,
    attributes: &Attributes,
    index: &CorrelationIndex,
    not_theirs: &[IdentityId],
) -> Correlation {
    let mut found: HashMap<IdentityId, Vec<Match>> = HashMap::new();
    for rule in &index.rules {
        for value in index.values(&rule.attribute, key, attributes) {
            let matching = rule.identities.get(&value).into_iter().flatten();
            for identity in matching.filter(|identity| !not_theirs.contains(identity)) {
                let matched =
                    Match { attribute: rule.attribute.clone(), value: value.clone(), confidence: rule.confidence };
                found.entry(*identity).or_default().push(matched);
            }
        }
    }
    let mut candidates: Vec<OwnerCandidate> = found
        .into_iter()
        .map(|(identity, mut matches)| {
            matches.sort_by(|a, b| b.confidence.cmp(&a.confidence).then_with(|| a.attribute.cmp(&b.attribute)));
            let confidence = matches.first().map_or(0, |best| best.confidence);
            OwnerCandidate { identity, confidence, matches }
        })
        .collect();
    candidates.sort_by_key(|candidate| (std::cmp::Reverse(candidate.confidence), candidate.identity));
    let ambiguous = matches!(candidates.as_slice(), [first, second, ..] if first.confidence == second.confidence);
    match candidates.first() {
        None => Correlation::None,
        Some(&OwnerCandidate { identity, confidence, .. }) if confidence >= CERTAIN && !ambiguous => {
            Correlation::Owner { identity, confidence }
        }
        Some(_) => {
            candidates.truncate(MOST_CANDIDATES);
            Correlation::Review(candidates)
        }
    }
}

/// The type whose rule has the highest confidence, where it is certain and no other type is as good. `candidates` are
/// best first.
pub fn classify(candidates: Vec<TypeCandidate>) -> Classification {
    let ambiguous = matches!(candidates.as_slice(), [first, second, ..] if first.confidence == second.confidence);
    match candidates.first() {
        None => Classification::None,
        Some(best) if best.confidence >= CERTAIN && !ambiguous => Classification::Type(best.account_type.clone()),
        Some(_) => Classification::Review(candidates),
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

    fn correlated(
        key: &str,
        attributes: &[(&str, Value)],
        index: &CorrelationIndex,
        not_theirs: &[i64],
    ) -> Correlation {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let not_theirs: Vec<IdentityId> = not_theirs.iter().map(|id| IdentityId(*id)).collect();
        correlate(key, &attributes, index, &not_theirs)
    }

    /// Attribute, value and confidence of each rule that fits.
    type Matches<'a> = &'a [(&'a str, &'a str, u8)];

    /// Who is proposed, and for which matches.
    fn review(candidates: &[(i64, Matches<'_>)]) -> Correlation {
        let candidate = |(id, matches): &(i64, Matches<'_>)| OwnerCandidate {
            identity: IdentityId(*id),
            confidence: matches[0].2,
            matches: matches
                .iter()
                .map(|(attribute, value, confidence)| Match {
                    attribute: (*attribute).to_owned(),
                    value: (*value).to_owned(),
                    confidence: *confidence,
                })
                .collect(),
        };
        Correlation::Review(candidates.iter().map(candidate).collect())
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
            (vec![("cn", text("ada byron"))], review(&[(1, &[("cn", "ada byron", 60)])])),
            (
                vec![("cn", text("Bob Stone"))],
                review(&[(2, &[("cn", "bob stone", 60)]), (3, &[("cn", "bob stone", 60)])]),
            ),
            (
                vec![("cn", text("Bob Stone")), ("mail", text("shared@x.example"))],
                review(&[
                    (3, &[("mail", "shared@x.example", 100), ("cn", "bob stone", 60)]),
                    (4, &[("mail", "shared@x.example", 100)]),
                    (2, &[("cn", "bob stone", 60)]),
                ]),
            ),
            // A better rule decides, whatever a worse one says.
            (vec![("cn", text("Bob Stone")), ("mail", text("ada@x.example"))], owner(1)),
            // Equal rules that disagree never link.
            (
                vec![("employeeNumber", text("1001")), ("mail", text("bob@x.example"))],
                review(&[(1, &[("employeeNumber", "1001", 100)]), (2, &[("mail", "bob@x.example", 100)])]),
            ),
            (vec![("mail", text(""))], Correlation::None),
            (vec![("mail", text("  ")), ("cn", text(" "))], Correlation::None),
            (vec![], Correlation::None),
        ] {
            assert_eq!(correlated("k", &attributes, &index(), &[]), expect, "{attributes:?}");
        }
    }

    #[test]
    fn the_native_key_stands_in_for_the_key_attribute() {
        let index =
            CorrelationIndex::new(&[rule("login", 100)], [(IdentityId(7), vec![Some("Ada".into())])]).keyed_by("login");
        let owner = Correlation::Owner { identity: IdentityId(7), confidence: 100 };
        assert_eq!(correlated("ADA", &[], &index, &[]), owner);
        assert_eq!(correlated("ADA", &[("login", Value::from("eve"))], &index, &[]), Correlation::None);
    }

    #[test]
    fn whom_a_person_ruled_out_is_neither_linked_nor_proposed() {
        let shared = [("mail", Value::from("shared@x.example"))];
        let owner = Correlation::Owner { identity: IdentityId(4), confidence: 100 };
        assert_eq!(correlated("k", &shared, &index(), &[3]), owner);
        assert_eq!(correlated("k", &shared, &index(), &[3, 4]), Correlation::None);
    }

    #[test]
    fn a_type_is_certain_ambiguous_or_proposed() {
        let candidate = |name: &str, confidence| TypeCandidate {
            account_type: name.to_owned(),
            confidence,
            when: "unused here".to_owned(),
        };
        let (person, admin) = (candidate("person", 100), candidate("admin", 110));
        let cases = [
            (vec![], Classification::None),
            (vec![person.clone()], Classification::Type("person".to_owned())),
            (vec![admin.clone(), person.clone()], Classification::Type("admin".to_owned())),
            (
                vec![candidate("admin", 100), person.clone()],
                Classification::Review(vec![candidate("admin", 100), person]),
            ),
            (vec![candidate("guest", 60)], Classification::Review(vec![candidate("guest", 60)])),
        ];
        for (candidates, expect) in cases {
            assert_eq!(classify(candidates), expect);
        }
    }

    #[test]
    fn without_rules_nobody_owns_anything() {
        assert_eq!(correlated("k", &[], &CorrelationIndex::default(), &[]), Correlation::None);
    }
}
