//! Finds what is wrong with a configuration: all of it at once, each with its place and what to do.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use ::model::configuration::{
    AccountType, AttributeSpecification, Configuration, Connection, Limit, Reference, RuleType, Thresholds,
};
use ::model::trigger::LAST;
use ::model::work_item::Fulfiller;

mod approvals;
mod dimensions;
mod indirect;
mod naming;
mod sections;
mod sign_ins;
mod states;
mod subscriptions;
mod terms;

use super::{ModelError, RoleModel};
use crate::expression::{BUILT_IN, Expression, OF_ACCOUNT, OF_USER, nearest};

/// Where an expression stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Field {
    DisplayName(String),
    When(String),
    /// Account type and attribute.
    Attribute(String, String),
    /// Account type and position.
    Correlation(String, usize),
    /// The same; the only one that is not about identities' attributes.
    Classification(String, usize),
    /// Account type; about identities and accounts.
    Select(String),
    /// Account type and attribute; about identities and another account.
    Reference(String, String),
    /// Condition of a lifecycle state.
    State(String),
    /// Of a lifecycle state, or of the organisation.
    LegalHold(Option<String>),
    /// Of a permission profile; about identities and a user.
    People(String),
}

/// What thresholds limit.
#[derive(Clone, Copy)]
enum Scope {
    /// What a feed says of people.
    Source,
    /// What is ordered, or read from an application.
    Orders,
}

/// All expressions of a sound configuration.
#[derive(Default)]
pub(super) struct Expressions {
    parsed: BTreeMap<Field, Expression>,
    /// What stands for an expression that was not parsed; a sound configuration has none such.
    nothing: Option<Expression>,
}

impl Expressions {
    #[expect(clippy::expect_used, reason = "`check` parses every field that can be asked for, or refuses")]
    pub(super) fn get(&self, field: &Field) -> &Expression {
        self.parsed.get(field).or(self.nothing.as_ref()).expect("every expression was parsed")
    }

    /// The attributes that rules, account attributes and correlation read, sorted.
    pub(super) fn attributes(&self) -> Vec<String> {
        let elsewhere = |field: &Field| {
            matches!(field, Field::DisplayName(_) | Field::Classification(..) | Field::Select(_) | Field::Reference(..))
        };
        let about_identities = self.parsed.iter().filter(|(field, _)| !elsewhere(field));
        let names: BTreeSet<&String> = about_identities.flat_map(|(_, expression)| expression.attributes()).collect();
        names.into_iter().filter(|name| !name.starts_with(OF_USER)).cloned().collect()
    }
}

/// Every expression of a sound configuration, or everything that is wrong.
///
/// Conditions that another model has read are taken from there.
pub(super) fn check(configuration: &Configuration, known: Option<&RoleModel>) -> Result<Expressions, Vec<ModelError>> {
    let known = known.iter().flat_map(|model| &model.rules).map(|rule| &rule.when.expression);
    let mut check = Check {
        configuration,
        // What stands there depends on nothing but its text, unless it names a part of a dimension.
        known: known.map(|known| (known.text(), known)).filter(|(text, _)| !text.contains("within")).collect(),
        delivered: delivered(configuration),
        expressions: Expressions::default(),
        errors: Vec::new(),
    };
    check.dimensions();
    check.sources();
    check.applications();
    check.account_types();
    check.entitlements();
    check.access_profiles();
    check.roles();
    check.categories();
    check.rules();
    check.lifecycle_states();
    check.risks();
    check.naming_rules();
    check.indirect_rules();
    check.approvals();
    check.sign_ins();
    check.subscriptions();
    check.permission_profiles();
    if check.errors.is_empty() { Ok(check.expressions) } else { Err(check.errors) }
}

pub(super) struct Check<'c> {
    pub(super) configuration: &'c Configuration,
    /// Attributes that some identity source delivers; none where there are no sources and so nothing is known.
    delivered: Option<BTreeSet<&'c str>>,
    /// By their texts.
    known: HashMap<&'c str, &'c Expression>,
    expressions: Expressions,
    errors: Vec<ModelError>,
}

impl<'c> Check<'c> {
    pub(super) fn error(&mut self, object: &str, field: &str, message: String) {
        self.errors.push(ModelError { object: object.to_owned(), field: field.to_owned(), message, position: None });
    }

    pub(super) fn reference<T>(
        &mut self,
        object: &str,
        field: &str,
        kind: &str,
        name: &str,
        known: &'c BTreeMap<String, T>,
    ) {
        if !known.contains_key(name) {
            let hint = suggestion(name, known.keys().map(String::as_str));
            self.error(object, field, format!("there is no {kind} `{name}`{hint}"));
        }
    }

    fn expression(&mut self, object: &str, path: &str, field: Field, text: &str, variables: &[&str]) {
        let known = self.known.get(text).filter(|_| matches!(field, Field::When(_)));
        let parsed = match known {
            Some(known) => Ok((*known).clone()),
            None => Expression::parse_with(text, variables).and_then(|parsed| parsed.expanded(self.configuration)),
        };
        match parsed {
            Ok(expression) => {
                let unknown: Vec<&String> = match &self.delivered {
                    Some(delivered) if !matches!(field, Field::Classification(..)) => expression
                        .attributes()
                        .iter()
                        .filter(|name| {
                            // A user is a person as well.
                            let name = name.strip_prefix(OF_USER).unwrap_or(name);
                            !delivered.contains(name) && !BUILT_IN.contains(&name)
                        })
                        .filter(|name| {
                            let has_account = matches!(field, Field::Select(_) | Field::Reference(..));
                            !(has_account && name.starts_with(OF_ACCOUNT))
                        })
                        .collect(),
                    _ => Vec::new(),
                };
                let messages: Vec<String> = unknown
                    .into_iter()
                    .map(|name| {
                        let known = self.delivered.iter().flatten().copied().chain(BUILT_IN);
                        let (of, name) = match name.strip_prefix(OF_USER) {
                            Some(name) => ("user", name),
                            None => ("identity", name.as_str()),
                        };
                        let hint = suggestion(name, known);
                        format!("reads `{of}.{name}`, which no identity source delivers{hint}")
                    })
                    .collect();
                messages.into_iter().for_each(|message| self.error(object, path, message));
                self.expressions.parsed.insert(field, expression);
            }
            Err(error) => {
                let expected = error.expected.map_or_else(String::new, |expected| format!("; expected {expected}"));
                self.errors.push(ModelError {
                    object: object.to_owned(),
                    field: path.to_owned(),
                    message: format!("{}{expected}", error.message),
                    position: Some((error.line, error.column)),
                });
            }
        }
    }

    fn permission_profiles(&mut self) {
        for (name, profile) in &self.configuration.permission_profiles {
            let Some(people) = &profile.people else { continue };
            let object = format!("permission profile `{name}`");
            self.expression(&object, "people", Field::People(name.clone()), people, &["identity", "user"]);
        }
    }

    fn sources(&mut self) {
        for (name, source) in &self.configuration.sources {
            let object = format!("identity source `{name}`");
            let field = Field::DisplayName(name.clone());
            if source.display_name.contains("within(") {
                let message = "asks a dimension with `within`, which a row of a feed cannot; use attributes alone";
                self.error(&object, "display_name", message.to_owned());
            }
            self.expression(&object, "display_name", field, &source.display_name, &["identity"]);
            self.sections(&object, source);
            self.origin(name, source);
            self.thresholds(&object, &source.thresholds, Scope::Source);
        }
    }

    /// At least one limit stays, and each is one that the scope knows.
    fn thresholds(&mut self, object: &str, thresholds: &Thresholds, scope: Scope) {
        let Thresholds { inserted, updated, deleted, links_added, links_removed, privileged_granted, .. } = *thresholds;
        let orders = [
            ("inserted", inserted),
            ("updated", updated),
            ("deleted", deleted),
            ("links_added", links_added),
            ("links_removed", links_removed),
            ("privileged_granted", privileged_granted),
        ];
        let feed = [("rows_lost", thresholds.rows_lost), ("values_lost", thresholds.values_lost)];
        // What a scope has no default for is off unless it is given.
        let (known, foreign, why): (&[_], &[_], _) = match scope {
            Scope::Source => (
                &[orders[0], orders[1], orders[2], feed[0], feed[1]],
                &[orders[3], orders[4], orders[5]],
                "an identity source has people, not memberships; remove it",
            ),
            Scope::Orders => (&orders, &feed, "only an identity source has rows; remove it"),
        };
        for (name, _) in foreign.iter().filter(|(_, limit)| limit.is_some()) {
            self.error(object, &format!("thresholds.{name}"), format!("limits nothing here: {why}"));
        }
        if known.iter().all(|(_, limit)| limit.is_some_and(Limit::is_off)) {
            let message =
                "every limit is off, so that nothing would stop a mistake; keep at least one, such as `deleted`";
            self.error(object, "thresholds", message.to_owned());
        }
        if thresholds.values_lost.is_some_and(|limit| limit.count > 0) {
            let message = "has a `count`, which means nothing for a share; give a `percent`, counted in points";
            self.error(object, "thresholds.values_lost", message.to_owned());
        }
    }

    fn applications(&mut self) {
        self.thresholds("organisation", &self.configuration.organisation.thresholds, Scope::Orders);
        let priorities = self.configuration.organisation.priorities.iter();
        for (trigger, priority) in priorities.filter(|(_, priority)| **priority > LAST) {
            let message = format!("{priority} is no priority; give a number from 0, the most urgent, to {LAST}");
            self.error("organisation", &format!("priorities.{}", trigger.name()), message);
        }
        for (name, application) in &self.configuration.applications {
            self.thresholds(&format!("application `{name}`"), &application.thresholds, Scope::Orders);
            if let Connection::Manual(connection) = &application.connection {
                let object = format!("application `{name}`");
                self.fulfiller(&object, "connection.fulfiller", connection.fulfiller.as_deref());
                self.fulfiller(&object, "connection.revoker", connection.revoker.as_deref());
                self.fulfiller(&object, "connection.escalate_to", connection.escalate_to.as_deref());
            }
        }
    }

    /// A team has to be a permission profile; logins are no part of the configuration.
    fn fulfiller(&mut self, object: &str, field: &str, named: Option<&str>) {
        let Some(Fulfiller::Profile(profile)) = named.map(Fulfiller::parse) else { return };
        let known = &self.configuration.permission_profiles;
        self.reference(object, field, "permission profile", &profile, known);
    }

    fn account_types(&mut self) {
        let configuration = self.configuration;
        for (name, kind) in &configuration.account_types {
            let object = format!("account type `{name}`");
            self.reference(&object, "application", "application", &kind.application, &configuration.applications);
            for needed in &kind.depends_on {
                self.reference(&object, "depends_on", "account type", needed, &configuration.account_types);
            }
            self.fulfiller(&object, "fulfiller", kind.fulfiller.as_deref());
            self.account_attributes(name, &object, kind);
            self.thresholds(&object, &kind.thresholds, Scope::Orders);
            for (index, rule) in kind.correlation.iter().enumerate() {
                let path = format!("correlation[{index}].identity");
                let field = Field::Correlation(name.clone(), index);
                self.expression(&object, &path, field, &rule.identity, &["identity"]);
            }
            if let Some(select) = &kind.select {
                let field = Field::Select(name.clone());
                self.expression(&object, "select", field, select, &["identity", "account"]);
            }
            for (index, rule) in kind.classification.iter().enumerate() {
                let path = format!("classification[{index}].when");
                let field = Field::Classification(name.clone(), index);
                self.expression(&object, &path, field, &rule.when, &["account"]);
            }
        }
        let edges: BTreeMap<&str, Vec<String>> =
            configuration.account_types.iter().map(|(name, kind)| (name.as_str(), needs(name, kind))).collect();
        for circle in circles(edges.iter().map(|(name, next)| (*name, next)).collect()) {
            let first = circle.first().copied().unwrap_or_default();
            let step = circle.get(1).copied().unwrap_or_default();
            let kind = configuration.account_types.get(first);
            let by_reference = kind.filter(|kind| !kind.depends_on.iter().any(|needed| needed == step));
            let by_reference = by_reference.and_then(|kind| {
                let leads_on = |reference: &Reference| reference.account_type == step;
                let mut attributes = kind.attributes.iter();
                attributes
                    .find(|(_, made)| made.reference.as_ref().is_some_and(leads_on))
                    .map(|(attribute, _)| attribute)
            });
            let field = by_reference
                .map_or_else(|| "depends_on".to_owned(), |attribute| format!("attributes.{attribute}.reference"));
            let message = format!("account types depend on each other in a circle: {}", circle.join(" → "));
            self.error(&format!("account type `{first}`"), &field, format!("{message}; remove one of these steps"));
        }
    }

    fn account_attributes(&mut self, name: &str, object: &str, kind: &AccountType) {
        if !kind.attributes.contains_key(&kind.key) {
            let hint = suggestion(&kind.key, kind.attributes.keys().map(String::as_str));
            self.error(object, "key", format!("the key `{}` is none of the attributes{hint}", kind.key));
        }
        for (attribute, specification) in &kind.attributes {
            let path = format!("attributes.{attribute}");
            let field = Field::Attribute(name.to_owned(), attribute.clone());
            let AttributeSpecification { value, expression, unique, reference, .. } = specification;
            match (value, expression, unique, reference) {
                (Some(_), None, None, None) => {}
                (None, Some(text), None, None) => {
                    self.expression(object, &format!("{path}.expression"), field, text, &["identity"]);
                }
                (None, None, Some(text), None) => {
                    self.expression(object, &format!("{path}.unique"), field, text, &["identity", "attempt"]);
                }
                (None, None, None, Some(reference)) => self.referred(name, object, attribute, reference),
                (None, None, None, None) if specification.ask.is_some() => {}
                (None, None, None, None) => {
                    let message = "has no source; give it one of `value`, `expression`, `unique` and `reference`, or `ask` a person";
                    self.error(object, &path, message.to_owned());
                }
                _ => {
                    let message = "has several sources; keep one of `value`, `expression`, `unique` and `reference`";
                    self.error(object, &path, message.to_owned());
                }
            }
        }
    }

    /// What is taken from another account: of which type, and what of it.
    fn referred(&mut self, name: &str, object: &str, attribute: &str, reference: &Reference) {
        let path = format!("attributes.{attribute}.reference");
        let known = &self.configuration.account_types;
        let from = &reference.account_type;
        self.reference(object, &format!("{path}.account_type"), "account type", from, known);
        if from == name {
            let message = format!(
                "takes its value from the account type itself; use `expression`, or name another than `{from}`"
            );
            self.error(object, &format!("{path}.account_type"), message);
            return;
        }
        match (&reference.attribute, &reference.expression) {
            (Some(taken), None) => self.taken(object, &format!("{path}.attribute"), from, &[taken.as_str()]),
            (None, Some(text)) => {
                let path = format!("{path}.expression");
                let field = Field::Reference(name.to_owned(), attribute.to_owned());
                self.expression(object, &path, field.clone(), text, &["identity", "account"]);
                let Some(parsed) = self.expressions.parsed.get(&field) else { return };
                let read: Vec<String> = parsed
                    .attributes()
                    .iter()
                    .filter_map(|name| name.strip_prefix(OF_ACCOUNT))
                    .map(str::to_owned)
                    .collect();
                if read.is_empty() {
                    let message = format!(
                        "reads nothing of `account`, the one of type `{from}`; use the attribute's `expression` where none is needed"
                    );
                    self.error(object, &path, message);
                }
                self.taken(object, &path, from, &read.iter().map(String::as_str).collect::<Vec<_>>());
            }
            _ => {
                let message =
                    "says nothing, or two things, of what is taken; give it one of `attribute` and `expression`";
                self.error(object, &path, message.to_owned());
            }
        }
    }

    /// Whether accounts of that type are known to have this.
    fn taken(&mut self, object: &str, path: &str, from: &str, names: &[&str]) {
        const OF_EVERY_ACCOUNT: [&str; 3] = [Reference::KEY, "enabled", "entitlements"];
        let Some(kind) = self.configuration.account_types.get(from) else { return };
        for name in names.iter().filter(|name| !OF_EVERY_ACCOUNT.contains(name)) {
            match kind.attributes.get(*name) {
                Some(made) if made.secret => {
                    let message = format!(
                        "takes `{name}` of account type `{from}`, which is secret and never read back; take another attribute"
                    );
                    self.error(object, path, message);
                }
                Some(_) => {}
                None => {
                    let known = kind.attributes.keys().map(String::as_str).chain(OF_EVERY_ACCOUNT);
                    let hint = suggestion(name, known);
                    self.error(
                        object,
                        path,
                        format!("takes `{name}`, which account type `{from}` does not specify{hint}"),
                    );
                }
            }
        }
    }

    fn entitlements(&mut self) {
        for (name, entitlement) in &self.configuration.entitlements {
            let object = format!("entitlement `{name}`");
            let known = &self.configuration.account_types;
            self.reference(&object, "account_type", "account type", &entitlement.account_type, known);
        }
    }

    fn access_profiles(&mut self) {
        let configuration = self.configuration;
        for (name, profile) in &configuration.access_profiles {
            let object = format!("access profile `{name}`");
            self.reference(&object, "application", "application", &profile.application, &configuration.applications);
            for entitlement in &profile.entitlements {
                self.reference(&object, "entitlements", "entitlement", entitlement, &configuration.entitlements);
                let kind = configuration.entitlements.get(entitlement).map(|entitlement| &entitlement.account_type);
                let kind = kind.and_then(|kind| configuration.account_types.get(kind));
                self.same_application(&object, "entitlements", "entitlement", entitlement, kind, &profile.application);
            }
            for kind in &profile.account_types {
                self.reference(&object, "account_types", "account type", kind, &configuration.account_types);
                let found = configuration.account_types.get(kind);
                self.same_application(&object, "account_types", "account type", kind, found, &profile.application);
            }
        }
    }

    fn same_application(
        &mut self,
        object: &str,
        field: &str,
        what: &str,
        name: &str,
        kind: Option<&AccountType>,
        application: &str,
    ) {
        // Where one of the two does not exist, that is the mistake, and it is told already.
        let exists = |application: &str| self.configuration.applications.contains_key(application);
        let both = kind.filter(|kind| exists(&kind.application) && exists(application));
        if let Some(kind) = both.filter(|kind| kind.application != application) {
            let message = format!(
                "{what} `{name}` belongs to application `{}`, the profile to `{application}`; make a profile for each and join them in a role",
                kind.application
            );
            self.error(object, field, message);
        }
    }

    fn roles(&mut self) {
        let configuration = self.configuration;
        for (name, role) in &configuration.roles {
            let object = format!("role `{name}`");
            for profile in &role.access_profiles {
                self.reference(&object, "access_profiles", "access profile", profile, &configuration.access_profiles);
            }
            for other in &role.roles {
                self.reference(&object, "roles", "role", other, &configuration.roles);
            }
        }
        let edges = configuration.roles.iter().map(|(name, role)| (name.as_str(), &role.roles));
        for circle in circles(edges.collect()) {
            let object = format!("role `{}`", circle.first().copied().unwrap_or_default());
            let message = format!("roles contain each other in a circle: {}", circle.join(" → "));
            self.error(&object, "roles", format!("{message}; remove one of these steps"));
        }
    }

    fn rules(&mut self) {
        let configuration = self.configuration;
        for (name, rule) in &configuration.rules {
            let object = format!("rule `{name}`");
            self.expression(&object, "when", Field::When(name.clone()), &rule.when, &["identity"]);
            for role in &rule.roles {
                self.reference(&object, "roles", "role", role, &configuration.roles);
            }
            for profile in &rule.access_profiles {
                self.reference(&object, "access_profiles", "access profile", profile, &configuration.access_profiles);
            }
            for kind in &rule.account_types {
                self.reference(&object, "account_types", "account type", kind, &configuration.account_types);
            }
            for entitlement in &rule.entitlements {
                self.reference(&object, "entitlements", "entitlement", entitlement, &configuration.entitlements);
            }
            if rule.deny && rule.kind != RuleType::Automatic {
                let message = "a rule that denies is always automatic; remove `type`, or `deny`";
                self.error(&object, "type", message.to_owned());
            }
        }
    }
}

fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map_or_else(String::new, |nearest| format!("; perhaps `{nearest}` is meant"))
}

/// What identity sources deliver.
fn delivered(configuration: &Configuration) -> Option<BTreeSet<&str>> {
    if configuration.sources.is_empty() {
        return None;
    }
    Some(configuration.sources.values().flat_map(|source| source.delivers().map(String::as_str)).collect())
}

/// Which account types have to be there before one of this type: what it depends on, and what its values come from.
fn needs(name: &str, kind: &AccountType) -> Vec<String> {
    let referred = kind.refers_to().filter(|from| *from != name);
    kind.depends_on.iter().map(String::as_str).chain(referred).map(str::to_owned).collect()
}

/// Every circle of a graph once, as the path from its smallest name back to it. References to nothing are no edges.
fn circles<'c>(edges: BTreeMap<&'c str, &'c Vec<String>>) -> Vec<Vec<&'c str>> {
    // What leads to no circle is taken away from its ends; everything left leads on to something left.
    let mut left: BTreeMap<&str, BTreeSet<&str>> = edges
        .iter()
        .map(|(name, next)| {
            let next = next.iter().map(String::as_str).filter(|next| edges.contains_key(next));
            (*name, next.collect())
        })
        .collect();
    let mut ends: Vec<&str> = left.iter().filter(|(_, next)| next.is_empty()).map(|(name, _)| *name).collect();
    let mut before: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, next) in &left {
        next.iter().for_each(|next| before.entry(next).or_default().push(name));
    }
    while let Some(end) = ends.pop() {
        left.remove(end);
        for name in before.remove(end).unwrap_or_default() {
            if let Some(next) = left.get_mut(name) {
                next.remove(end);
                if next.is_empty() {
                    ends.push(name);
                }
            }
        }
    }
    let mut circles = Vec::new();
    let mut seen: BTreeSet<&str> = BTreeSet::new();
    for start in left.keys() {
        let mut path: Vec<&str> = Vec::new();
        let mut at = *start;
        while seen.insert(at) {
            path.push(at);
            match left.get(at).and_then(|next| next.first()) {
                Some(next) => at = next,
                None => break,
            }
        }
        if let Some(from) = path.iter().position(|name| *name == at) {
            let mut circle = path.split_off(from);
            let smallest = circle.iter().enumerate().min_by_key(|(_, name)| **name).map_or(0, |(index, _)| index);
            circle.rotate_left(smallest);
            circle.extend(circle.first().copied());
            circles.push(circle);
        }
    }
    circles
}
