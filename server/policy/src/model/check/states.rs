//! What is wrong with lifecycle states and legal holds.

use ::model::configuration::{AccountAction, AccountStep, Grantables, LifecycleStateDefinition, StateAccess};
use ::model::identity::LifecycleState;

use super::{Check, Field};

impl Check<'_> {
    pub(super) fn lifecycle_states(&mut self) {
        let configuration = self.configuration;
        if let Some(text) = &configuration.organisation.legal_hold {
            self.expression("organisation", "legal_hold", Field::LegalHold(None), text, &["identity"]);
        }
        for (name, state) in &configuration.lifecycle_states {
            let object = format!("lifecycle state `{name}`");
            self.condition(&object, name, state);
            self.access(&object, state);
            if let Some(text) = &state.legal_hold {
                let field = Field::LegalHold(Some(name.clone()));
                self.expression(&object, "legal_hold", field, text, &["identity"]);
            }
            self.steps(&object, name, state);
        }
    }

    fn condition(&mut self, object: &str, name: &str, state: &LifecycleStateDefinition) {
        match (LifecycleState::of_name(name), &state.when) {
            (Some(_), Some(_)) => {
                let message = format!(
                    "`{name}` follows from the contexts of each identity; remove `when`, or give a state of your own another name"
                );
                self.error(object, "when", message);
            }
            (Some(_), None) if state.priority != 0 => {
                let message = "only states of your own compete; remove `priority`".to_owned();
                self.error(object, "priority", message);
            }
            (Some(_), None) => {}
            (None, Some(text)) => {
                self.expression(object, "when", Field::State(name.to_owned()), text, &["identity"]);
            }
            (None, None) => {
                let message = "says of nobody that they are in it; give it `when`, or name it `joiner`, `active` or `leaver` to say more of that state";
                self.error(object, "when", message.to_owned());
            }
        }
    }

    fn access(&mut self, object: &str, state: &LifecycleStateDefinition) {
        let said = [state.access != StateAccess::Keep, state.only.is_some(), state.without.is_some()];
        if said.into_iter().filter(|said| *said).count() > 1 {
            let message = "says several things of what access there is; keep one of `access`, `only` and `without`";
            self.error(object, "access", message.to_owned());
        }
        for (field, things) in [("only", &state.only), ("without", &state.without)] {
            let Some(things) = things else { continue };
            if things.all().next().is_none() {
                let message = format!(
                    "names nothing; name a role, an access profile, an account type or an entitlement, or remove `{field}`"
                );
                self.error(object, field, message);
            }
            self.named(object, field, things);
        }
    }

    fn named(&mut self, object: &str, field: &str, things: &Grantables) {
        let configuration = self.configuration;
        for role in &things.roles {
            self.reference(object, &format!("{field}.roles"), "role", role, &configuration.roles);
        }
        for profile in &things.access_profiles {
            let known = &configuration.access_profiles;
            self.reference(object, &format!("{field}.access_profiles"), "access profile", profile, known);
        }
        for kind in &things.account_types {
            let known = &configuration.account_types;
            self.reference(object, &format!("{field}.account_types"), "account type", kind, known);
        }
        for entitlement in &things.entitlements {
            let known = &configuration.entitlements;
            self.reference(object, &format!("{field}.entitlements"), "entitlement", entitlement, known);
        }
    }

    fn steps(&mut self, object: &str, name: &str, state: &LifecycleStateDefinition) {
        let configuration = self.configuration;
        if LifecycleState::of_name(name) == Some(LifecycleState::Active) && !state.accounts.is_empty() {
            let message = "whoever is active works with their accounts; remove `accounts`, or make a state of your own with `when`";
            self.error(object, "accounts", message.to_owned());
        }
        for (index, step) in state.accounts.iter().enumerate() {
            for application in &step.applications {
                let field = format!("accounts[{index}].applications");
                self.reference(object, &field, "application", application, &configuration.applications);
            }
            for kind in &step.account_types {
                let field = format!("accounts[{index}].account_types");
                self.reference(object, &field, "account type", kind, &configuration.account_types);
            }
            let ends_before = |other: &&AccountStep| {
                other.action == AccountAction::Delete
                    && other.after_days < step.after_days
                    && (other.applications.is_empty() && other.account_types.is_empty()
                        || (&other.applications, &other.account_types) == (&step.applications, &step.account_types))
            };
            if let Some(other) = state.accounts.iter().find(ends_before) {
                let message = format!(
                    "comes after {} days, when the accounts were deleted after {}; give it fewer days, or the deletion more",
                    step.after_days, other.after_days
                );
                self.error(object, &format!("accounts[{index}].after_days"), message);
            }
        }
    }
}
