//! What an attribute takes from another account of the same person. Which account that is, and what happens while it is
//! not known yet, is `broker::reference`'s.

use jiff::civil::Date;
use model::configuration::Reference;
use model::identity::{Context, Identity};
use model::value::Value;

use crate::classification::Seen;
use crate::expression::Subject;
use crate::model::{RoleModel, ValueSource};

impl RoleModel {
    /// The value that this attribute of an account type takes from `account`; none where the account does not have it, or
    /// the attribute takes nothing from others. An error says what failed.
    ///
    /// `identity` is looked at in the contexts that hold on the day, by priority, start, then key; where none holds, in all of
    /// them. The first that gives a value decides.
    pub fn referred(
        &self,
        account_type: &str,
        attribute: &str,
        identity: &Identity,
        day: Date,
        account: &Seen<'_>,
    ) -> Result<Option<Value>, String> {
        let kind = self.account_types.iter().find(|kind| kind.name == account_type);
        let made = kind.and_then(|kind| kind.attributes.iter().find(|made| made.name == attribute));
        let Some(ValueSource::Reference(Reference { attribute: plain, .. }, expression)) =
            made.map(|made| &made.source)
        else {
            return Ok(None);
        };
        let attributes = account.as_attributes();
        let Some(expression) = expression else {
            return Ok(plain.as_ref().and_then(|plain| attributes.get(plain)).cloned());
        };
        for context in contexts(identity, day) {
            let subject = Subject::new(identity, context, day).with_account(&attributes);
            if let Some(value) = expression.evaluate(&subject)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }
}

fn contexts(identity: &Identity, day: Date) -> Vec<Option<&Context>> {
    let mut contexts: Vec<&Context> = identity.contexts.iter().filter(|context| context.period.holds(day)).collect();
    if contexts.is_empty() {
        contexts.extend(&identity.contexts);
    }
    contexts.sort_by(|one, other| {
        (one.priority, one.period.starts, &one.key).cmp(&(other.priority, other.period.starts, &other.key))
    });
    if contexts.is_empty() { vec![None] } else { contexts.into_iter().map(Some).collect() }
}
