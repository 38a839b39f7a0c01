//! Which events are meant for whom.

use ::model::configuration::Subscription;
use ::model::event::EventBody;

use crate::expression::{Expression, ExpressionError, Subject};

/// What a subscription lets through.
#[derive(Clone, Debug)]
pub struct Filter {
    subscription: Subscription,
    when: Option<Expression>,
}

impl Filter {
    /// # Errors
    /// Where the expression cannot be read; a configuration that was checked has none such.
    pub fn new(subscription: &Subscription) -> Result<Self, ExpressionError> {
        let when = subscription.when.as_deref().map(Self::expression).transpose()?;
        Ok(Self { subscription: subscription.clone(), when })
    }

    /// An expression over `event`.
    ///
    /// # Errors
    /// Says where it cannot be read, and why.
    pub fn expression(text: &str) -> Result<Expression, ExpressionError> {
        Expression::parse_with(text, &["event"])
    }

    /// Whether an event is meant. One for which the expression fails is: better one too many than one that is lost.
    pub fn admits(&self, body: &EventBody) -> bool {
        self.subscription.admits(body)
            && self
                .when
                .as_ref()
                .is_none_or(|when| when.holds(&Subject::of_attributes(&body.attributes())).unwrap_or(true))
    }
}

#[cfg(test)]
mod tests {
    use ::model::configuration::Subscription;
    use ::model::event::{EventBody, EventType};
    use jiff::Timestamp;

    use super::Filter;

    #[test]
    fn types_applications_and_conditions_all_have_to_hold() {
        let body = |kind, application: Option<&str>, status: &str| EventBody {
            application: application.map(str::to_owned),
            ..EventBody::new(kind, Timestamp::UNIX_EPOCH).with("status", status)
        };
        let of = |types: &[&str], applications: &[&str], when: Option<&str>| {
            let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
            let when = when.map(str::to_owned);
            let subscription = Subscription {
                types: owned(types),
                applications: owned(applications),
                when,
                ..Subscription::default()
            };
            Filter::new(&subscription).unwrap()
        };
        let created = body(EventType::AccountCreated, Some("badge"), "enabled");
        for (filter, admits) in [
            (of(&[], &[], None), true),
            (of(&["account.*"], &["badge"], Some("event.status == \"enabled\"")), true),
            (of(&["account.*"], &["badge"], Some("event.status == \"disabled\"")), false),
            (of(&["account.*"], &["payroll"], None), false),
            (of(&["run.ended"], &[], None), false),
            (of(&[], &[], Some("event.type == \"account.created\"")), true),
            (of(&[], &[], Some("event.risk == \"x\"")), false),
        ] {
            assert_eq!(filter.admits(&created), admits, "{filter:?}");
        }
        assert!(!of(&[], &["badge"], None).admits(&body(EventType::RunEnded, None, "")));
    }
}
