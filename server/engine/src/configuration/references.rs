//! Names that have to lead somewhere: one table of what refers to what. Cycles and expressions are `policy`'s.

use broker::maintenance;
use broker::retry::Patterns;
use jiff::tz::TimeZone;
use model::configuration::{Ask, Carrier, Configuration, Connection, LifecycleStateDefinition, ManualConnection};
use model::work_item::Fulfiller;

use super::ConfigurationFinding;
use super::parse::noun;
use super::places::Index;
use super::{native, permissions, questions, wording};

/// Tells of every reference to nothing, with the nearest name there is, and of other single values that cannot be meant.
pub(super) fn check(configuration: &Configuration, index: &Index, findings: &mut Vec<ConfigurationFinding>) {
    for reference in references(configuration) {
        if index.get(&[reference.target, reference.name]).is_some() {
            continue;
        }
        let target = noun(reference.target);
        let near = wording::nearest(reference.name, index.names(reference.target))
            .map(|near| format!(" Did you mean `{near}`?"))
            .unwrap_or_default();
        let message = format!("There is no {target} `{}`.{near}", reference.name);
        let path: Vec<&str> = reference.path.iter().map(String::as_str).collect();
        let advice = if near.is_empty() {
            format!(" Add [{}.{}].", reference.target, key(reference.name))
        } else {
            String::new()
        };
        findings.push(index.finding(&path, message + &advice));
    }
    permissions::check(configuration, index, findings);
    questions::check(configuration, index, findings);
    native::check(configuration, index, findings);
    for (kind, name, carrier) in carriers(configuration) {
        if let Err(message) = Patterns::compile(carrier.retry) {
            findings.push(index.finding(&[kind, name, "retry"], message));
        }
        let zones = |zone: Option<&str>| zone.map_or(Some(TimeZone::UTC), |zone| TimeZone::get(zone).ok());
        for (position, window) in carrier.maintenance.iter().enumerate() {
            if let Err(message) = maintenance::check(window, &zones) {
                findings.push(index.finding(&[kind, name, "maintenance", &position.to_string()], message));
            }
        }
    }
    work(configuration, index, findings);
    let zone = &configuration.organisation.time_zone;
    if TimeZone::get(zone).is_err() {
        let message = format!("`{zone}` is no time zone. Expected an IANA name such as Europe/Amsterdam or UTC.");
        findings.push(index.finding(&["organisation", "time_zone"], message));
    }
}

/// Who does the work, and when: what names nobody, and times that cannot be meant.
fn work(configuration: &Configuration, index: &Index, findings: &mut Vec<ConfigurationFinding>) {
    const NOBODY: &str = "`user:` names nobody. Write the login behind it, such as `user:ann`.";
    let names_nobody = |text: &str| text.trim() == Fulfiller::USER;
    for (name, account_type) in &configuration.account_types {
        if account_type.fulfiller.as_deref().is_some_and(names_nobody) {
            findings.push(index.finding(&["account_types", name, "fulfiller"], NOBODY.to_owned()));
        }
    }
    for (kind, name, carrier) in carriers(configuration) {
        let Connection::Manual(manual) = carrier.connection else { continue };
        let mut tell = |field: &str, message: String| {
            findings.push(index.finding(&[kind, name, "connection", field], message));
        };
        for (field, _) in fulfillers(manual).filter(|(_, fulfiller)| names_nobody(fulfiller)) {
            tell(field, NOBODY.to_owned());
        }
        if manual.due_days.is_some() && manual.due_hours.is_some() {
            tell("due_hours", "Give either `due_days` or `due_hours`: both say when the work is due.".to_owned());
        }
        let hours = manual.due_hours.or(manual.due_days.map(|days| days.saturating_mul(24)));
        let waits = [
            ("remind_hours", !manual.remind_hours.is_empty()),
            ("remind_overdue_hours", manual.remind_overdue_hours.is_some()),
            ("escalate_hours", manual.escalate_hours.is_some()),
        ];
        if manual.escalate_taken && manual.escalate_hours.is_none() {
            let why = "It is about work that is not done in time. Say after how many hours it goes on, with `escalate_hours`.";
            tell("escalate_taken", why.to_owned());
        }
        let Some(hours) = hours else {
            for (field, _) in waits.iter().filter(|(_, is_given)| *is_given) {
                let why = "It is never due, so nothing is overdue. Say when it is, with `due_days` or `due_hours`.";
                tell(field, why.to_owned());
            }
            continue;
        };
        if let Some(early) = manual.remind_hours.iter().find(|before| **before >= hours) {
            tell(
                "remind_hours",
                format!(
                    "Nobody is reminded {early} hours before it is due, since it is due after {hours} hours. Leave it \
                     out, or give more time."
                ),
            );
        }
    }
}

/// Applications and integrations, each with the table that it stands in.
pub(super) fn carriers(configuration: &Configuration) -> impl Iterator<Item = (&'static str, &str, Carrier<'_>)> {
    configuration.carriers().map(|(name, carrier)| {
        let kind = if configuration.applications.contains_key(name) { "applications" } else { "integrations" };
        (kind, name.as_str(), carrier)
    })
}

/// Whom a connection names, by key.
fn fulfillers(manual: &ManualConnection) -> impl Iterator<Item = (&'static str, &str)> {
    let named = [
        ("fulfiller", manual.fulfiller.as_deref()),
        ("revoker", manual.revoker.as_deref()),
        ("escalate_to", manual.escalate_to.as_deref()),
    ];
    named.into_iter().filter_map(|(field, fulfiller)| Some((field, fulfiller?)))
}

/// Users are no part of the configuration: whether a login leads somewhere is seen when the work comes up.
fn is_profile(fulfiller: &str) -> bool {
    matches!(Fulfiller::parse(fulfiller), Fulfiller::Profile(_))
}

struct Reference<'a> {
    path: Vec<String>,
    target: &'static str,
    name: &'a str,
}

fn references<'a>(configuration: &'a Configuration) -> Vec<Reference<'a>> {
    let mut found = Vec::new();
    let mut one = |path: &[&str], target, name| {
        found.push(Reference { path: path.iter().map(|&segment| segment.to_owned()).collect(), target, name });
    };
    for (kind, name, carrier) in carriers(configuration) {
        let Connection::Manual(manual) = carrier.connection else { continue };
        for (field, fulfiller) in fulfillers(manual) {
            if is_profile(fulfiller) {
                one(&[kind, name, "connection", field], "permission_profiles", fulfiller);
            }
        }
    }
    for (name, source) in &configuration.sources {
        if let Some(agent) = &source.read_by {
            one(&["sources", name, "read_by"], "agents", agent);
        }
    }
    for (name, application) in &configuration.applications {
        if let Some(agent) = &application.read_by {
            one(&["applications", name, "read_by"], "agents", agent);
        }
        if let Some(proxy) = &application.proxy {
            one(&["applications", name, "proxy"], "applications", proxy);
        }
    }
    for (name, account_type) in &configuration.account_types {
        if let Some(fulfiller) = account_type.fulfiller.as_deref().filter(|fulfiller| is_profile(fulfiller)) {
            one(&["account_types", name, "fulfiller"], "permission_profiles", fulfiller);
        }
        one(&["account_types", name, "application"], "applications", &account_type.application);
    }
    for (name, account_type) in &configuration.account_types {
        if let Some(Ask::Profile(profile)) = &account_type.ask {
            one(&["account_types", name, "ask"], "permission_profiles", profile);
        }
        for (attribute, specification) in &account_type.attributes {
            if let Some(reference) = &specification.reference {
                let path = ["account_types", name, "attributes", attribute, "reference", "account_type"];
                one(&path, "account_types", &reference.account_type);
            }
            if let Some(Ask::Profile(profile)) = &specification.ask {
                one(&["account_types", name, "attributes", attribute, "ask"], "permission_profiles", profile);
            }
        }
    }
    for (name, entitlement) in &configuration.entitlements {
        one(&["entitlements", name, "account_type"], "account_types", &entitlement.account_type);
    }
    for (name, profile) in &configuration.access_profiles {
        one(&["access_profiles", name, "application"], "applications", &profile.application);
        if let Some(category) = &profile.category {
            one(&["access_profiles", name, "category"], "categories", category);
        }
    }
    for (name, role) in &configuration.roles {
        if let Some(category) = &role.category {
            one(&["roles", name, "category"], "categories", category);
        }
    }
    for (name, category) in &configuration.categories {
        if let Some(parent) = &category.parent {
            one(&["categories", name, "parent"], "categories", parent);
        }
    }
    for (name, rule) in &configuration.naming_rules {
        one(&["naming_rules", name, "account_type"], "account_types", &rule.account_type);
    }
    for (name, rule) in &configuration.indirect_rules {
        let named = [("account_type", Some(&rule.account_type)), ("through", Some(&rule.through))];
        for (field, account_type) in named.into_iter().chain([("counts_as", rule.counts_as.as_ref())]) {
            if let Some(account_type) = account_type {
                one(&["indirect_rules", name, field], "account_types", account_type);
            }
        }
    }
    for (name, provider) in &configuration.sign_ins {
        one(&["sign_ins", name, "source"], "sources", &provider.source);
    }
    for (name, rule) in &configuration.automation_rules {
        let targets = [
            ("role", "roles", &rule.role),
            ("access_profile", "access_profiles", &rule.access_profile),
            ("entitlement", "entitlements", &rule.entitlement),
            ("category", "categories", &rule.category),
        ];
        for (field, target, named) in targets {
            if let Some(named) = named {
                one(&["automation_rules", name, field], target, named);
            }
        }
    }
    let mut many = |kind: &str, name: &str, field: &str, target, names: &'a [String]| {
        found.extend(names.iter().enumerate().map(|(position, member)| Reference {
            path: vec![kind.to_owned(), name.to_owned(), field.to_owned(), position.to_string()],
            target,
            name: member,
        }));
    };
    for (name, integration) in &configuration.integrations {
        many("integrations", name, "applications", "applications", &integration.applications);
    }
    for (name, subscription) in &configuration.subscriptions {
        many("subscriptions", name, "applications", "applications", &subscription.applications);
    }
    for (name, account_type) in &configuration.account_types {
        many("account_types", name, "depends_on", "account_types", &account_type.depends_on);
    }
    for (name, profile) in &configuration.access_profiles {
        many("access_profiles", name, "entitlements", "entitlements", &profile.entitlements);
        many("access_profiles", name, "account_types", "account_types", &profile.account_types);
    }
    for (name, role) in &configuration.roles {
        many("roles", name, "access_profiles", "access_profiles", &role.access_profiles);
        many("roles", name, "roles", "roles", &role.roles);
    }
    for (name, rule) in &configuration.rules {
        many("rules", name, "roles", "roles", &rule.roles);
        many("rules", name, "access_profiles", "access_profiles", &rule.access_profiles);
        many("rules", name, "account_types", "account_types", &rule.account_types);
        many("rules", name, "entitlements", "entitlements", &rule.entitlements);
    }
    for (name, provider) in &configuration.sign_ins {
        many("sign_ins", name, "requires", "account_types", &provider.requires);
    }
    for (name, state) in &configuration.lifecycle_states {
        found.extend(in_state(name, state));
    }
    for (name, risk) in &configuration.risks {
        for (rule, sides) in risk.rules.iter().enumerate() {
            for (side, named) in sides.sides.iter().enumerate() {
                let fields = [
                    ("roles", &named.roles),
                    ("access_profiles", &named.access_profiles),
                    ("account_types", &named.account_types),
                    ("entitlements", &named.entitlements),
                ];
                for (field, names) in fields {
                    let (rule, side) = (rule.to_string(), side.to_string());
                    found.extend(names.iter().enumerate().map(|(position, member)| {
                        Reference {
                            path: ["risks", name, "rules", &rule, "sides", &side, field, &position.to_string()]
                                .map(str::to_owned)
                                .to_vec(),
                            target: field,
                            name: member,
                        }
                    }));
                }
            }
        }
    }
    for (name, job) in &configuration.jobs {
        for (task_name, task) in &job.tasks {
            for (field, names) in [("sources", &task.sources), ("applications", &task.applications)] {
                let path = |position: usize| {
                    ["jobs", name, "tasks", task_name, field, &position.to_string()].map(str::to_owned).to_vec()
                };
                let names = names.iter().flatten().enumerate();
                found.extend(names.map(|(position, member)| Reference {
                    path: path(position),
                    target: field,
                    name: member,
                }));
            }
        }
    }
    found
}

/// What a lifecycle state names: what stays or goes, and whose accounts a step is about.
fn in_state<'a>(state: &str, definition: &'a LifecycleStateDefinition) -> Vec<Reference<'a>> {
    let mut found = Vec::new();
    let mut many = |place: Vec<String>, target: &'static str, names: &'a [String]| {
        for (position, name) in names.iter().enumerate() {
            let before = ["lifecycle_states".to_owned(), state.to_owned()].into_iter().chain(place.iter().cloned());
            let path = before.chain([target.to_string(), position.to_string()]).collect();
            found.push(Reference { path, target, name });
        }
    };
    for (field, things) in [("only", &definition.only), ("without", &definition.without)] {
        let Some(things) = things else { continue };
        for (target, names) in [
            ("roles", &things.roles),
            ("access_profiles", &things.access_profiles),
            ("account_types", &things.account_types),
            ("entitlements", &things.entitlements),
        ] {
            many(vec![field.to_owned()], target, names);
        }
    }
    for (position, step) in definition.accounts.iter().enumerate() {
        let place = || vec!["accounts".to_owned(), position.to_string()];
        many(place(), "applications", &step.applications);
        many(place(), "account_types", &step.account_types);
    }
    found
}

/// The name as a TOML key.
fn key(name: &str) -> String {
    let bare = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    if bare { name.to_owned() } else { format!("{name:?}") }
}
