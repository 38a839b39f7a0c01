//! What decisions need of the configuration, looked up quickly. Built once for a configuration version and shared by
//! all decisions made under it; nothing here decides anything.

use std::borrow::Cow;
use std::collections::BTreeSet;

use hashbrown::{HashMap, HashSet};
use model::configuration::{
    ANSWER_WITHIN_DAYS, AccountType, Application, Ask, AttributeSpecification, ColumnType, Configuration, Connection,
    OnRemoval, Part, Reference, Several, Thresholds,
};
use model::value::Value;

use crate::constraint::Constraint;
use crate::route::{self, Route};

/// The configuration, indexed by what decisions ask of it.
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    account_types: HashMap<String, AccountTypeFacts>,
    entitlements: HashMap<String, EntitlementFacts>,
    /// Account type → entitlement key → entitlement name.
    held_by_type: HashMap<String, HashMap<String, String>>,
    /// Application → entitlement key → entitlement name; the first name where several account types share a key.
    held_by_application: HashMap<String, HashMap<String, String>>,
    applications: HashMap<String, ApplicationFacts>,
    /// Integrations and applications whose orders can be called off where they were handed over.
    calls_off: HashSet<String>,
    /// Account type → attribute.
    attributes: HashMap<String, HashMap<String, AttributeFacts>>,
    /// Question → account type and attribute that ask it.
    questions: HashMap<String, (String, String)>,
}

/// An attribute of an account type, as decisions see it.
#[derive(Clone, Debug)]
pub struct AttributeFacts {
    /// Key of the question that is asked where the value is missing.
    pub question: String,
    pub label: String,
    pub help: Option<String>,
    pub ask: Option<Ask>,
    pub kind: ColumnType,
    pub maximum_length: Option<u32>,
    pub choices: Vec<String>,
    pub constraint: Constraint,
    pub default: Option<Value>,
    pub answer_within_days: u16,
    /// Where another account of the person has the value.
    pub reference: Option<Reference>,
}

/// An account type, as decisions see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountTypeFacts {
    pub display_name: String,
    pub application: String,
    /// Attribute that identifies the account before its native key is known.
    pub key_attribute: String,
    /// Whether the value of [`Self::key_attribute`] is the native key; otherwise the application chooses one.
    pub key_is_native: bool,
    /// Account types that have to exist first.
    pub depends_on: Vec<String>,
    /// Account types whose accounts come before one of this type: those it depends on, and those that values of it come
    /// from. Sorted.
    pub comes_after: Vec<String>,
    /// Account types that have to be gone first: the reverse of `comes_after`, sorted.
    pub needed_by: Vec<String>,
    /// Account types with values that come from accounts of this type, sorted.
    pub referred_by: Vec<String>,
    pub on_removal: OnRemoval,
    /// What happens where it is not settled which of several accounts is meant, and who is asked.
    pub several: Several,
    pub ask: Option<Ask>,
    pub review: bool,
    pub thresholds: Thresholds,
    /// Position in an order in which each account type comes after those of `comes_after`.
    pub rank: usize,
}

/// An entitlement, as decisions see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntitlementFacts {
    pub account_type: String,
    pub key: String,
    pub display_name: String,
    pub privileged: bool,
}

/// An application, as decisions see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApplicationFacts {
    pub display_name: String,
    /// Which way accounts and entitlements go, in the order of [`Part::ALL`].
    pub routes: [Route; 2],
    /// Whether the application can be asked what it holds; without it an order ends as Executed.
    pub can_be_read_back: bool,
    /// `scim`, `ldap`, `sql`, `csv` or `manual`.
    pub connection_kind: &'static str,
    pub thresholds: Thresholds,
}

impl Catalogue {
    /// Indexes a configuration.
    pub fn new(configuration: &Configuration) -> Self {
        let ranks = ranks(configuration);
        let mut catalogue = Self {
            applications: configuration
                .applications
                .iter()
                .map(|(name, application)| (name.clone(), application_facts(configuration, name, application)))
                .collect(),
            calls_off: configuration
                .carriers()
                .filter(|(_, carrier)| carrier.connection.calls_off())
                .map(|(name, _)| name.clone())
                .collect(),
            ..Self::default()
        };
        for (name, account_type) in &configuration.account_types {
            let connection =
                configuration.applications.get(&account_type.application).map(|application| &application.connection);
            let others = |needs: &dyn Fn(&AccountType) -> bool| -> Vec<String> {
                let all = configuration.account_types.iter();
                all.filter(|(_, other)| needs(other)).map(|(other, _)| other.clone()).collect()
            };
            let facts = AccountTypeFacts {
                display_name: account_type.display_name.clone(),
                application: account_type.application.clone(),
                key_attribute: account_type.key.clone(),
                key_is_native: connection.is_some_and(|connection| key_is_native(connection, &account_type.key)),
                depends_on: account_type.depends_on.clone(),
                comes_after: account_type
                    .comes_after()
                    .map(str::to_owned)
                    .collect::<BTreeSet<_>>()
                    .into_iter()
                    .collect(),
                needed_by: others(&|other| other.comes_after().any(|needed| needed == name)),
                referred_by: others(&|other| other.refers_to().any(|needed| needed == name)),
                on_removal: account_type.on_removal,
                several: account_type.several,
                ask: account_type.ask.clone(),
                review: account_type.review,
                thresholds: account_type.thresholds.clone(),
                rank: ranks.get(name.as_str()).copied().unwrap_or(usize::MAX),
            };
            catalogue.account_types.insert(name.clone(), facts);
            let usual = configuration.organisation.answer_within_days.unwrap_or(ANSWER_WITHIN_DAYS);
            let attributes = account_type.attributes.iter().map(|(attribute, specification)| {
                (attribute.clone(), attribute_facts(name, attribute, specification, usual))
            });
            let attributes: HashMap<String, AttributeFacts> = attributes.collect();
            for (attribute, facts) in &attributes {
                let place = (name.clone(), attribute.clone());
                let first = catalogue.questions.entry_ref(&facts.question).or_insert_with(|| place.clone());
                // The same whatever the order in which attributes are looked at.
                *first = place.min(std::mem::take(first));
            }
            catalogue.attributes.insert(name.clone(), attributes);
        }
        for (name, entitlement) in &configuration.entitlements {
            catalogue
                .held_by_type
                .entry_ref(&entitlement.account_type)
                .or_default()
                .entry_ref(&entitlement.key)
                .or_insert_with(|| name.clone());
            if let Some(account_type) = configuration.account_types.get(&entitlement.account_type) {
                catalogue
                    .held_by_application
                    .entry_ref(&account_type.application)
                    .or_default()
                    .entry_ref(&entitlement.key)
                    .or_insert_with(|| name.clone());
            }
            let facts = EntitlementFacts {
                account_type: entitlement.account_type.clone(),
                key: entitlement.key.clone(),
                display_name: entitlement.display_name.clone(),
                privileged: entitlement.privileged,
            };
            catalogue.entitlements.insert(name.clone(), facts);
        }
        catalogue
    }

    pub fn account_type(&self, name: &str) -> Option<&AccountTypeFacts> {
        self.account_types.get(name)
    }

    /// Whether values of other accounts come from accounts of this type.
    pub fn is_referred_to(&self, account_type: &str) -> bool {
        self.account_types.get(account_type).is_some_and(|facts| !facts.referred_by.is_empty())
    }

    /// Whether any account's values come from another.
    pub fn has_references(&self) -> bool {
        self.account_types.values().any(|facts| !facts.referred_by.is_empty())
    }

    pub fn entitlement(&self, name: &str) -> Option<&EntitlementFacts> {
        self.entitlements.get(name)
    }

    pub fn attribute(&self, account_type: &str, name: &str) -> Option<&AttributeFacts> {
        self.attributes.get(account_type)?.get(name)
    }

    /// All attributes of an account type, in no order.
    pub fn attributes_of(&self, account_type: &str) -> impl Iterator<Item = &AttributeFacts> {
        self.attributes.get(account_type).into_iter().flat_map(HashMap::values)
    }

    /// What is known of a question: all attributes that ask it agree.
    pub fn question(&self, key: &str) -> Option<&AttributeFacts> {
        let (account_type, attribute) = self.questions.get(key)?;
        self.attribute(account_type, attribute)
    }

    pub fn application(&self, name: &str) -> Option<&ApplicationFacts> {
        self.applications.get(name)
    }

    /// Name of the entitlement that accounts of this type hold under this key.
    pub fn entitlement_of(&self, account_type: &str, key: &str) -> Option<&str> {
        self.held_by_type.get(account_type)?.get(key).map(String::as_str)
    }

    /// Name of the entitlement with this key in the application, whichever account type holds it.
    pub fn entitlement_in(&self, application: &str, key: &str) -> Option<&str> {
        self.held_by_application.get(application)?.get(key).map(String::as_str)
    }

    /// Which way this part of the application's orders goes. What the configuration no longer knows is worked by hand.
    pub fn route(&self, application: &str, part: Part) -> Cow<'_, Route> {
        match self.applications.get(application) {
            Some(facts) => {
                let [accounts, entitlements] = &facts.routes;
                Cow::Borrowed(if part == Part::Accounts { accounts } else { entitlements })
            }
            None => Cow::Owned(Route::unknown(application)),
        }
    }

    /// Whether any part of the application's orders goes to this application or integration.
    pub fn goes_to(&self, application: &str, carrier: &str) -> bool {
        Part::ALL.iter().any(|part| self.route(application, *part).carrier == carrier)
    }

    /// Whether accounts and entitlements of the application go different ways.
    pub fn is_divided(&self, application: &str) -> bool {
        let facts = self.applications.get(application);
        facts.is_some_and(|ApplicationFacts { routes: [accounts, entitlements], .. }| {
            (accounts.mechanism, &accounts.carrier) != (entitlements.mechanism, &entitlements.carrier)
        })
    }

    pub fn can_be_read_back(&self, application: &str) -> bool {
        self.applications.get(application).is_some_and(|application| application.can_be_read_back)
    }

    /// What a person calls the account type: its display name, or its name where the configuration no longer knows it.
    pub fn account_type_label<'a>(&'a self, name: &'a str) -> &'a str {
        self.account_types.get(name).map_or(name, |account_type| &account_type.display_name)
    }

    /// Whether what this application or integration was handed can be called off there.
    pub fn can_be_called_off(&self, carrier: &str) -> bool {
        self.calls_off.contains(carrier)
    }

    /// What a person calls the application.
    pub fn application_label<'a>(&'a self, name: &'a str) -> &'a str {
        self.applications.get(name).map_or(name, |application| &application.display_name)
    }
}

fn attribute_facts(
    account_type: &str,
    name: &str,
    specification: &AttributeSpecification,
    usual_days: u16,
) -> AttributeFacts {
    AttributeFacts {
        question: specification.question.clone().unwrap_or_else(|| format!("{account_type}.{name}")),
        label: specification.label.clone().unwrap_or_else(|| name.to_owned()),
        help: specification.help.clone(),
        ask: specification.ask.clone(),
        kind: specification.kind.unwrap_or_default(),
        maximum_length: specification.maximum_length,
        choices: specification.choices.clone(),
        // Reading the configuration refuses what cannot be meant.
        constraint: Constraint::of(specification).unwrap_or_default(),
        default: specification.default.clone(),
        answer_within_days: specification.answer_within_days.unwrap_or(usual_days),
        reference: specification.reference.clone(),
    }
}

fn application_facts(configuration: &Configuration, name: &str, application: &Application) -> ApplicationFacts {
    ApplicationFacts {
        display_name: application.display_name.clone(),
        routes: Part::ALL.map(|part| route::route(configuration, name, part)),
        can_be_read_back: application.connection.can_be_read(),
        connection_kind: application.connection.kind(),
        thresholds: application.thresholds.clone(),
    }
}

/// SCIM chooses ids and LDAP makes a DN of the value; elsewhere the value is the key.
fn key_is_native(connection: &Connection, key_attribute: &str) -> bool {
    match connection {
        Connection::Scim(_) | Connection::Ldap(_) => false,
        Connection::Sql(sql) => {
            let column = sql.accounts.columns.get(key_attribute).map_or(key_attribute, String::as_str);
            column == sql.accounts.key
        }
        Connection::Csv(_) | Connection::RequestTracker(_) | Connection::Manual(_) => true,
    }
}

/// Each account type after those that come before it, ties by name. A cycle, which reading the configuration refuses, is
/// broken at its smallest name, so that ranks exist and are the same each time.
fn ranks(configuration: &Configuration) -> HashMap<&str, usize> {
    let mut ranks = HashMap::new();
    let mut waiting: Vec<&str> = configuration.account_types.keys().map(String::as_str).collect();
    while !waiting.is_empty() {
        let ready = waiting.iter().position(|name| {
            configuration.account_types.get(*name).is_none_or(|account_type| {
                account_type
                    .comes_after()
                    .all(|needed| ranks.contains_key(needed) || !configuration.account_types.contains_key(needed))
            })
        });
        let next = waiting.remove(ready.unwrap_or(0));
        ranks.insert(next, ranks.len());
    }
    ranks
}
