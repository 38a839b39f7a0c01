//! Which types an account that was found in an application may be of: the rules that hold for it. Which of them it is
//! then decides `broker::classify`.

use model::correlation::{CERTAIN, TypeCandidate};
use model::value::{Attributes, Value};

use crate::expression::Subject;
use crate::model::RoleModel;

impl RoleModel {
    /// Types of the application with a rule that holds for the account, each with its best rule; best first, then by name.
    /// A rule that fails does not hold. The only type of an application needs no rule.
    pub fn account_types_of(&self, application: &str, account: &Seen<'_>) -> Vec<TypeCandidate> {
        let mut types = self.account_types.iter().filter(|kind| kind.application == application).peekable();
        let first = types.next();
        if let (Some(only), None) = (first, types.peek())
            && only.classification.is_empty()
        {
            let when = "true".to_owned();
            return vec![TypeCandidate { account_type: only.name.clone(), confidence: CERTAIN, when }];
        }
        let attributes = account.as_attributes();
        let subject = Subject::of_attributes(&attributes);
        let mut candidates: Vec<TypeCandidate> = first
            .into_iter()
            .chain(types)
            .filter_map(|kind| {
                let holding = kind.classification.iter().filter(|(when, _)| when.holds(&subject).unwrap_or(false));
                let (when, confidence) = holding.max_by_key(|(_, confidence)| *confidence)?;
                let when = when.text().to_owned();
                Some(TypeCandidate { account_type: kind.name.clone(), confidence: *confidence, when })
            })
            .collect();
        candidates.sort_by(|a, b| b.confidence.cmp(&a.confidence).then_with(|| a.account_type.cmp(&b.account_type)));
        candidates
    }
}

/// An account as rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    pub key: &'a str,
    pub enabled: bool,
    pub attributes: &'a Attributes,
    pub entitlements: &'a std::collections::BTreeSet<String>,
}

impl Seen<'_> {
    /// What every account has wins over attributes of the same name.
    pub(crate) fn as_attributes(&self) -> Attributes {
        let mut attributes = self.attributes.clone();
        attributes.insert("key".to_owned(), Value::from(self.key));
        attributes.insert("enabled".to_owned(), Value::Boolean(self.enabled));
        attributes.insert("entitlements".to_owned(), Value::List(self.entitlements.iter().cloned().collect()));
        attributes
    }
}
