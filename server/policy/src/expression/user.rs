//! Conditions about whom a user sees: over an identity, with values of the person that the user is.

use std::sync::Arc;

use model::value::Value;

use super::node::{Constant, Node};
use super::{Compiled, Expression, OF_USER, Subject};

impl Expression {
    /// The same expression over identities alone: where the user is read stands what the user has. What a user does not have is
    /// absent there as anywhere, and so is everything of one who is nobody that is known.
    pub fn of_user(&self, user: Option<&Subject<'_>>) -> Self {
        let Compiled { text, root, attributes, .. } = &*self.0;
        let kept: Vec<&String> = attributes.iter().filter(|name| !name.starts_with(OF_USER)).collect();
        let of_user = |position: usize| attributes.get(position).and_then(|name| name.strip_prefix(OF_USER));
        let place = |position: usize| {
            let name = attributes.get(position);
            kept.iter().position(|kept| Some(*kept) == name).unwrap_or(usize::MAX)
        };
        let value = |name: &str| user.and_then(|user| user.value(name));
        let root = root.clone().replaced(&mut |node| match node {
            Node::Attribute(position) => match of_user(position) {
                Some(name) => value(name).map_or(Node::Absent, constant),
                None => Node::Attribute(place(position)),
            },
            Node::Has(position) => match of_user(position) {
                Some(name) => Node::Constant(Constant::Boolean(value(name).is_some())),
                None => Node::Has(place(position)),
            },
            Node::Within(mut within) => {
                within.attribute = place(within.attribute);
                Node::Within(within)
            }
            other => other,
        });
        let attributes = kept.into_iter().cloned().collect();
        Self(Arc::new(Compiled { text: text.clone(), root, attributes, climbing: None }))
    }
}

fn constant(value: Value) -> Node {
    match value {
        Value::Boolean(value) => Node::Constant(Constant::Boolean(value)),
        Value::Integer(value) => Node::Constant(Constant::Integer(value)),
        Value::Text(text) => Node::Constant(Constant::Text(text)),
        Value::List(texts) => Node::List(texts.into_iter().map(|text| Node::Constant(Constant::Text(text))).collect()),
    }
}

#[cfg(test)]
mod tests {
    use model::identity::Identity;
    use model::ids::IdentityId;

    use super::*;

    fn person(key: &str, attributes: &[(&str, Value)]) -> Identity {
        Identity {
            id: IdentityId(1),
            source: "hr".into(),
            key: key.into(),
            display_name: key.into(),
            attributes: attributes.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
            contexts: Vec::new(),
            manager_key: Some("E1".into()),
            present: true,
        }
    }

    #[test]
    fn what_the_user_has_stands_where_the_user_is_read() {
        let day = jiff::civil::date(2026, 3, 2);
        let sites = Value::List(vec!["Bergen".into(), "Oslo".into()]);
        let user = person("E1", &[("department", "Sales".into()), ("sites", sites)]);
        let seen = person("E2", &[("department", "Sales".into()), ("site", "Oslo".into())]);
        for (text, with, without) in [
            ("identity.department == user.department", true, false),
            ("identity.department != user.department", false, false),
            ("identity.site in user.sites", true, false),
            ("identity.manager == user.key", true, false),
            ("identity.site == user.site", false, false),
            ("!(identity.site == user.site)", true, true),
            ("has(user.department) || identity.site == \"Bergen\"", true, false),
            ("has(user.site) || identity[\"site\"] == \"Oslo\"", true, true),
            ("identity.site == \"Oslo\" && user[\"department\"] == \"Sales\"", true, false),
        ] {
            let expression = Expression::parse_with(text, &["identity", "user"]).unwrap();
            let subject = Subject::new(&user, None, day);
            for (bound, expected) in [(expression.of_user(Some(&subject)), with), (expression.of_user(None), without)] {
                assert_eq!(bound.holds(&Subject::new(&seen, None, day)), Ok(expected), "{text}");
                assert!(bound.attributes().iter().all(|name| !name.starts_with(OF_USER)), "{text}");
            }
        }
        let foreign = Expression::parse("identity.site == user.site").unwrap_err();
        assert!(foreign.message.contains("there is no variable `user`"), "{foreign}");
        let bare = Expression::parse_with("identity.site in user", &["identity", "user"]).unwrap_err();
        assert!(bare.message.contains("`user` by itself is no value"), "{bare}");
    }
}
