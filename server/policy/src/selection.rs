//! Which of somebody's several accounts of one type is meant, as far as the type's own rule says. What decides where it
//! leaves more than one is `broker::choice`.

use jiff::civil::Date;
use model::identity::Identity;

use crate::classification::Seen;
use crate::expression::Subject;
use crate::model::RoleModel;

impl RoleModel {
    /// Whether the account is one that its type's `select` means for this person; false where there is no such rule. A rule
    /// that fails does not hold.
    pub fn selects(&self, account_type: &str, identity: &Identity, day: Date, account: &Seen<'_>) -> bool {
        let kind = self.account_types.iter().find(|kind| kind.name == account_type);
        let Some(select) = kind.and_then(|kind| kind.select.as_ref()) else { return false };
        let attributes = account.as_attributes();
        let contexts = identity.contexts.iter().filter(|context| context.period.holds(day)).map(Some);
        let mut contexts: Vec<_> = contexts.collect();
        if contexts.is_empty() {
            contexts.push(None);
        }
        contexts.into_iter().any(|context| {
            let subject = Subject::new(identity, context, day).with_account(&attributes);
            select.holds(&subject).unwrap_or(false)
        })
    }
}
