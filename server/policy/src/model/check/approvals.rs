//! What is wrong with approvals, and with the rules that decide by themselves.

use std::collections::BTreeSet;

use ::model::configuration::{ApprovalStage, Approver, MOST_STAGES};

use super::Check;

/// The longest time that a stage may have: a year.
const LONGEST_DAYS: u16 = 366;

/// What of a thing may be meant by `owner` and `application_owner`.
#[derive(Clone, Copy)]
struct Has {
    owner: bool,
    application: bool,
}

impl Check<'_> {
    pub(super) fn approvals(&mut self) {
        let configuration = self.configuration;
        // A default is for things of which some have both.
        let any = Has { owner: true, application: true };
        self.stages("organisation", configuration.organisation.approvals.as_deref(), any);
        for (name, category) in &configuration.categories {
            self.stages(&format!("category `{name}`"), category.approvals.as_deref(), any);
        }
        for (name, role) in &configuration.roles {
            let has = Has { owner: role.owner.is_some(), application: false };
            self.stages(&format!("role `{name}`"), role.approvals.as_deref(), has);
        }
        let owned = |application: Option<&String>| {
            application.and_then(|name| configuration.applications.get(name)).is_none_or(|found| found.owner.is_some())
        };
        for (name, profile) in &configuration.access_profiles {
            let has = Has { owner: profile.owner.is_some(), application: owned(Some(&profile.application)) };
            self.stages(&format!("access profile `{name}`"), profile.approvals.as_deref(), has);
        }
        for (name, entitlement) in &configuration.entitlements {
            let kind = configuration.account_types.get(&entitlement.account_type);
            let has = Has { owner: false, application: owned(kind.map(|kind| &kind.application)) };
            self.stages(&format!("entitlement `{name}`"), entitlement.approvals.as_deref(), has);
        }
        self.automation_rules();
    }

    fn stages(&mut self, object: &str, stages: Option<&[ApprovalStage]>, has: Has) {
        let stages = stages.unwrap_or_default();
        if stages.len() > MOST_STAGES {
            let message = format!("{} stages are more than {MOST_STAGES}; join some of them", stages.len());
            self.error(object, "approvals", message);
        }
        for (index, stage) in stages.iter().enumerate() {
            let path = format!("approvals[{index}]");
            if stage.from.is_empty() {
                let message = "names nobody who may decide; give at least one, such as `manager`";
                self.error(object, &format!("{path}.from"), message.to_owned());
            }
            self.approvers(object, &format!("{path}.from"), &stage.from, has);
            self.approvers(object, &format!("{path}.escalate_to"), &stage.escalate_to, has);
            self.quorum(object, &path, stage);
            match stage.days {
                Some(0) => {
                    let message = "0 days leave nobody the time to decide; give at least 1, or leave it out";
                    self.error(object, &format!("{path}.days"), message.to_owned());
                }
                Some(days) if days > LONGEST_DAYS => {
                    let message =
                        format!("{days} days are more than a year; give at most {LONGEST_DAYS}, or leave it out");
                    self.error(object, &format!("{path}.days"), message);
                }
                _ => {}
            }
        }
    }

    /// Of those who are named one by one, more cannot agree than there are; how many a team has is not known here.
    fn quorum(&mut self, object: &str, path: &str, stage: &ApprovalStage) {
        let named: BTreeSet<&Approver> = stage.from.iter().collect();
        let field = format!("{path}.required");
        if stage.required == 0 {
            let message = "nobody would have to agree; give at least 1, or remove the stage";
            self.error(object, &field, message.to_owned());
        } else if !named.is_empty()
            && !named.iter().any(|approver| approver.is_team())
            && named.len() < usize::from(stage.required)
        {
            let message = format!(
                "{} have to agree and only {} named; name more of them in `from`, a permission profile among them, or ask for fewer",
                stage.required,
                if named.len() == 1 { "1 is".to_owned() } else { format!("{} are", named.len()) },
            );
            self.error(object, &field, message);
        }
    }

    fn approvers(&mut self, object: &str, path: &str, approvers: &[Approver], has: Has) {
        let configuration = self.configuration;
        for (position, approver) in approvers.iter().enumerate() {
            let field = format!("{path}[{position}]");
            match approver {
                Approver::Profile(name) => {
                    self.reference(object, &field, "permission profile", name, &configuration.permission_profiles);
                }
                Approver::User(login) if login.trim().is_empty() => {
                    self.error(object, &field, "`user:` names nobody; write the login behind it".to_owned());
                }
                Approver::Owner if !has.owner => {
                    let message = "it has no `owner` who could decide; give it one, or name somebody else";
                    self.error(object, &field, message.to_owned());
                }
                Approver::ApplicationOwner if !has.application => {
                    let message =
                        "it has no application of its own with an `owner` who could decide; name somebody else";
                    self.error(object, &field, message.to_owned());
                }
                _ => {}
            }
            if !matches!(approver, Approver::Profile(_))
                && configuration.permission_profiles.contains_key(&approver.to_string())
            {
                let message = format!("`{approver}` is a permission profile as well; give the profile another name");
                self.error(object, &field, message);
            }
        }
        let distinct: BTreeSet<&Approver> = approvers.iter().collect();
        if distinct.len() < approvers.len() {
            self.error(object, path, "names somebody twice; remove one of the two".to_owned());
        }
    }

    fn automation_rules(&mut self) {
        let configuration = self.configuration;
        for (name, rule) in &configuration.automation_rules {
            let object = format!("automation rule `{name}`");
            if let Some(role) = &rule.role {
                self.reference(&object, "role", "role", role, &configuration.roles);
            }
            if let Some(profile) = &rule.access_profile {
                self.reference(&object, "access_profile", "access profile", profile, &configuration.access_profiles);
            }
            if let Some(entitlement) = &rule.entitlement {
                self.reference(&object, "entitlement", "entitlement", entitlement, &configuration.entitlements);
            }
            if let Some(category) = &rule.category {
                self.reference(&object, "category", "category", category, &configuration.categories);
            }
            if rule.targets().len() > 1 {
                let message = "is about several things; keep one of `role`, `access_profile`, `entitlement` and `category`, and write a rule for each other";
                self.error(&object, "decision", message.to_owned());
            }
            if rule.hours == 0 {
                let message = "would decide before anybody could see it; give at least 1 hour";
                self.error(&object, "hours", message.to_owned());
            }
        }
    }
}
