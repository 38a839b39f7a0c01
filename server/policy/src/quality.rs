//! How good what sources say of people is: who has no value, which values look like mistyped others, which attributes have
//! values of several kinds. Rules are no better than the attributes that they read.

use std::borrow::Borrow;
use std::collections::BTreeMap;

use model::configuration::Configuration;
use model::identity::Identity;
use model::ids::IdentityId;
use model::quality::{AttributeQuality, OddValue};
use model::value::Value;

use crate::expression::{Expression, nearest};

/// Values named of an attribute, and people named of each group.
const NAMED: usize = 5;
/// Attributes with more values than these are names and numbers: each is like some other.
const COMPARED: usize = 400;
/// A value may be mistyped where another one, almost like it, is had by so many times as many people.
const TIMES: u64 = 20;

/// What there is to say of each attribute that a source delivers, by name.
pub fn quality(
    configuration: &Configuration,
    people: impl Iterator<Item = impl Borrow<Identity>>,
) -> Vec<AttributeQuality> {
    let mut sources: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (source, definition) in &configuration.sources {
        for attribute in definition.delivers() {
            let known = sources.entry(attribute).or_default();
            if !known.contains(source) {
                known.push(source.clone());
            }
        }
    }
    let mut seen: BTreeMap<&str, Seen> = sources.keys().map(|name| (*name, Seen::default())).collect();
    for person in people {
        let person: &Identity = person.borrow();
        let asked = seen.iter_mut().filter(|_| person.present);
        for (name, seen) in asked {
            if sources.get(name).is_some_and(|sources| sources.contains(&person.source)) {
                seen.take(person, name);
            }
        }
    }
    let rules = readers(configuration);
    let mut found = Vec::new();
    for (name, seen) in seen {
        let quality = AttributeQuality {
            name: name.to_owned(),
            sources: sources.get(name).cloned().unwrap_or_default(),
            rules: rules.get(name).cloned().unwrap_or_default(),
            ..seen.told()
        };
        found.push(quality);
    }
    found
}

/// Rules by the attributes that they read; rules that cannot be read are left out.
fn readers(configuration: &Configuration) -> BTreeMap<String, Vec<String>> {
    let mut readers: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, rule) in &configuration.rules {
        let Ok(expression) = Expression::parse(&rule.when) else { continue };
        for attribute in expression.attributes() {
            readers.entry(attribute.clone()).or_default().push(name.clone());
        }
    }
    readers
}

/// What was seen of one attribute.
#[derive(Default)]
struct Seen {
    people: u64,
    filled: u64,
    values: BTreeMap<Value, Having>,
    missing: Vec<(IdentityId, String)>,
}

#[derive(Default)]
struct Having {
    people: u64,
    /// The first of them.
    who: Vec<(IdentityId, String)>,
}

impl Seen {
    fn take(&mut self, person: &Identity, name: &str) {
        self.people += 1;
        let contexts = person.contexts.iter().map(|context| &context.attributes);
        let mut own: Vec<&Value> =
            std::iter::once(&person.attributes).chain(contexts).filter_map(|held| held.get(name)).collect();
        own.sort_unstable();
        own.dedup();
        if own.is_empty() {
            note(&mut self.missing, person);
            return;
        }
        self.filled += 1;
        for value in own {
            match self.values.get_mut(value) {
                Some(having) => {
                    having.people += 1;
                    note(&mut having.who, person);
                }
                None => {
                    let who = vec![(person.id, person.display_name.clone())];
                    self.values.insert(value.clone(), Having { people: 1, who });
                }
            }
        }
    }

    fn told(self) -> AttributeQuality {
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for (value, having) in &self.values {
            *kinds.entry(kind(value)).or_default() += having.people;
        }
        let kinds = kinds.into_iter().map(|(kind, people)| (kind.to_owned(), people)).collect();
        let odd = self.odd();
        let mut most: Vec<(String, u64)> =
            self.values.iter().map(|(value, having)| (value.to_string(), having.people)).collect();
        most.sort_by(|one, other| (other.1, &one.0).cmp(&(one.1, &other.0)));
        most.truncate(NAMED);
        AttributeQuality {
            people: self.people,
            filled: self.filled,
            distinct: self.values.len() as u64,
            most,
            odd,
            kinds,
            missing: self.missing,
            ..AttributeQuality::default()
        }
    }

    fn odd(&self) -> Vec<OddValue> {
        if self.values.len() > COMPARED {
            return Vec::new();
        }
        let texts = || self.values.iter().filter_map(|(value, having)| Some((value.as_text()?, having)));
        let mut odd = Vec::new();
        for (text, having) in texts() {
            let others = texts().filter(|(other, more)| *other != text && more.people >= having.people * TIMES);
            let others: Vec<(&str, &Having)> = others.collect();
            // Codes such as `D10` and `D11` are almost like each other, and meant to be.
            let like =
                nearest(text, others.iter().map(|(other, _)| *other).filter(|other| !differs_in_a_number(text, other)));
            let Some((like, more)) = like.and_then(|like| others.iter().find(|(other, _)| *other == like)) else {
                continue;
            };
            odd.push(OddValue {
                value: text.to_owned(),
                people: having.people,
                who: having.who.clone(),
                like: (*like).to_owned(),
                like_people: more.people,
            });
        }
        odd
    }
}

fn note(people: &mut Vec<(IdentityId, String)>, person: &Identity) {
    if people.len() < NAMED {
        people.push((person.id, person.display_name.clone()));
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Boolean(_) => "truth value",
        Value::Integer(_) => "number",
        Value::Text(_) => "text",
        Value::List(_) => "list",
    }
}

/// Whether two texts are the same but for their digits.
fn differs_in_a_number(one: &str, other: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| !c.is_ascii_digit()).collect::<String>();
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    letters(one) == letters(other) && digits(one) != digits(other)
}

#[cfg(test)]
mod tests {
    use model::configuration::{AssignmentRule, Configuration};
    use model::identity::Identity;
    use model::ids::IdentityId;
    use model::value::Value;

    use super::quality;

    fn configuration() -> Configuration {
        let source = serde_json::json!({
            "file": "/people.csv", "key": "number", "display_name": "identity.name",
            "attributes": { "department": "department", "site": "site", "grade": "grade" },
        });
        let mut configuration = Configuration::default();
        configuration.sources.insert("staff".into(), serde_json::from_value(source).unwrap());
        let rule = AssignmentRule { when: "identity.department == 'Sales'".into(), ..AssignmentRule::default() };
        configuration.rules.insert("sales".into(), rule);
        configuration
    }

    fn person(number: i64, department: Option<&str>, site: &str, grade: Value) -> Identity {
        let mut attributes = model::value::Attributes::new();
        attributes.extend(department.map(|department| ("department".to_owned(), Value::from(department))));
        attributes.insert("site".into(), site.into());
        attributes.insert("grade".into(), grade);
        Identity {
            id: IdentityId(number),
            source: "staff".into(),
            key: format!("E{number}"),
            display_name: format!("Person {number}"),
            attributes,
            contexts: Vec::new(),
            manager_key: None,
            present: true,
        }
    }

    #[test]
    fn missing_mistyped_and_mixed_values_are_told() {
        let mut people: Vec<Identity> = (0..40)
            .map(|number| person(number, Some("Sales"), &format!("S{:02}", number % 4), Value::Integer(3)))
            .collect();
        people.push(person(40, Some("Slaes"), "S00", Value::Integer(3)));
        people.push(person(41, None, "S00", Value::Text("3".into())));
        people.push(Identity { present: false, ..person(42, None, "nowhere", Value::Boolean(true)) });
        people.push(Identity { source: "guests".into(), ..person(43, None, "elsewhere", Value::Boolean(true)) });
        let found = quality(&configuration(), people.iter());
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["department", "grade", "site"]);
        let [department, grade, site] = found.as_slice() else { panic!("three") };
        assert_eq!((department.people, department.filled, department.distinct), (42, 41, 2));
        assert_eq!(department.missing, [(IdentityId(41), "Person 41".to_owned())]);
        let odd = &department.odd[0];
        assert_eq!((odd.value.as_str(), odd.people, odd.like.as_str(), odd.like_people), ("Slaes", 1, "Sales", 40));
        assert_eq!(odd.who, [(IdentityId(40), "Person 40".to_owned())]);
        assert_eq!((department.rules.as_slice(), department.is_doubtful()), (&["sales".to_owned()][..], true));
        assert_eq!(grade.kinds, [("number".to_owned(), 41), ("text".to_owned(), 1)]);
        // Numbered sites are like each other and no mistakes.
        assert_eq!((site.odd.len(), site.distinct, site.most[0].clone()), (0, 4, ("S00".to_owned(), 12)));
        assert!(!site.is_doubtful());
        assert_eq!(department.filled_of_thousand(), 976);
    }

    #[test]
    fn nobody_and_nothing_is_no_fault() {
        let found = quality(&configuration(), std::iter::empty::<Identity>());
        assert!(found.iter().all(|one| one.filled_of_thousand() == 1_000 && !one.is_doubtful()));
        assert_eq!(quality(&Configuration::default(), std::iter::empty::<Identity>()), []);
    }
}
