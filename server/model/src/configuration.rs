//! What administrators decide, as read from configuration files. Names are the keys: a file names what it refers to.
//!
//! Reading the files, with file and line in every complaint, is `engine::configuration`; whether the expressions mean
//! anything is `policy`.

mod account_types;
mod agents;
mod approvals;
mod connections;
mod dimensions;
mod indirect_rules;
mod integrations;
mod lifecycle_states;
mod naming_rules;
mod permission_conflicts;
mod record_sections;
mod risks;
mod sign_ins;
mod subscriptions;
mod terms;
mod thresholds;

use std::collections::BTreeMap;

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::access::Grantable;
use crate::job::{JobTask, TaskKind, TaskScope};
use crate::native_change::NativeChanges;

pub use account_types::{
    AccountType, Ask, AttributeSpecification, ClassificationRule, CorrelationRule, OnRemoval, Reference, Several,
};
pub use agents::Agent;
pub use approvals::{ApprovalStage, Approver, AutomationRule, AutomationTarget, MOST_STAGES};
pub use connections::{
    Connection, CsvConnection, CsvExtract, DisabledMark, LdapConnection, ManualConnection, RequestTrackerConnection,
    ScimConnection, SqlAccounts, SqlCatalogue, SqlConnection, SqlFlag, SqlGrants, TicketMeaning,
};
pub use dimensions::{Dimension, DimensionValue};
pub use indirect_rules::IndirectRule;
pub use integrations::{Carrier, Integration, Part, Parts};
pub use lifecycle_states::{AccountAction, AccountStep, Grantables, LifecycleStateDefinition, StateAccess};
pub use naming_rules::{NamedBundle, NamedEntitlement, NamingRule};
pub use permission_conflicts::{ConflictEffect, PermissionConflict};
pub use record_sections::{Boundaries, Gaps, RecordSection};
pub use risks::{OnConflict, Risk, RiskKind, RiskRule, RiskSide};
pub use sign_ins::{SignInProvider, UnknownPerson, WhenLate};
pub use subscriptions::{
    Delivery, EventFile, KEEP_EVENTS_DAYS, OnRefusal, Subscription, SubscriptionStart, Syslog, SyslogEncryption,
    SyslogFormat, Webhook,
};
pub use terms::{Category, RoleState, Terms};
pub use thresholds::{Limit, Thresholds};

/// One state of the whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    pub organisation: Organisation,
    /// Programs that read where this one does not reach.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub agents: BTreeMap<String, Agent>,
    pub sources: BTreeMap<String, IdentitySource>,
    /// Identity providers that tell of sign-ins.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sign_ins: BTreeMap<String, SignInProvider>,
    /// Attributes by which access is limited, with the values that there are.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dimensions: BTreeMap<String, Dimension>,
    pub applications: BTreeMap<String, Application>,
    /// Systems that carry out orders for applications other than themselves.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub integrations: BTreeMap<String, Integration>,
    pub account_types: BTreeMap<String, AccountType>,
    pub entitlements: BTreeMap<String, Entitlement>,
    /// What roles and access profiles are sorted into.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub categories: BTreeMap<String, Category>,
    pub access_profiles: BTreeMap<String, AccessProfile>,
    pub roles: BTreeMap<String, Role>,
    pub rules: BTreeMap<String, AssignmentRule>,
    /// What the states of a working life mean, and states beside those that everybody has.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub lifecycle_states: BTreeMap<String, LifecycleStateDefinition>,
    /// What nobody should hold, or hold together.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub risks: BTreeMap<String, Risk>,
    /// What the names that applications give their entitlements say of them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub naming_rules: BTreeMap<String, NamingRule>,
    /// What people hold in one place because of what they hold in another.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub indirect_rules: BTreeMap<String, IndirectRule>,
    /// What decides about requests that wait too long for an approval.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub automation_rules: BTreeMap<String, AutomationRule>,
    /// Who is told of what happens.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub subscriptions: BTreeMap<String, Subscription>,
    /// Jobs beside those that come with Quartermaster, and schedules of both.
    pub jobs: BTreeMap<String, JobDefinition>,
    /// What a user of Quartermaster may do, by profile name.
    pub permission_profiles: BTreeMap<String, PermissionProfile>,
    /// What users of Quartermaster should not be allowed together.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub permission_conflicts: BTreeMap<String, PermissionConflict>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Organisation {
    pub name: String,
    /// IANA name; decides on which day a period begins.
    pub time_zone: String,
    /// Shown in the top bar, such as "Demo" or "Production".
    pub environment: String,
    /// How the orders of a run go, where its job says nothing else; all at once where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rings: Option<Rings>,
    /// How people are told of what waits for them; without it nobody is.
    pub mail: Option<MailServer>,
    /// Limits on what one run may order in all applications together; none unless told.
    pub thresholds: Thresholds,
    /// How long people have to answer a question, where its attribute says nothing else.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_within_days: Option<u16>,
    /// How urgent orders are by what set them off, from 0 to 100, where it is not as usual; smaller goes first.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub priorities: BTreeMap<crate::trigger::Trigger, crate::trigger::Priority>,
    /// CEL over `identity`: nothing is stripped or deleted of whom it holds for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub legal_hold: Option<String>,
    /// Who has to agree to what is asked for, where neither the thing nor its category says it; nobody unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Vec<ApprovalStage>>,
    /// Days for which events are kept for receivers that ask again; 30 unless told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_events_days: Option<u16>,
}

/// Days to answer a question where nothing is said.
pub const ANSWER_WITHIN_DAYS: u16 = 14;

/// Release of a run's orders in rings: first for a few people, and for more where it went well. Leavers never wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Rings {
    /// Of the people whom a run concerns, in percent and rising: how many are in this ring and those before. Everybody
    /// else is in a last one. Empty: all at once.
    pub percent: Vec<u8>,
    /// A run that concerns fewer people goes all at once.
    pub at_least: u64,
    /// How many of a ring's orders may have failed before a person has to release the next.
    pub failed_percent: u8,
    /// How many may be unanswered or not read back before the next one waits.
    pub unverified_percent: u8,
}

impl Default for Rings {
    fn default() -> Self {
        Self { percent: vec![1, 10], at_least: 20, failed_percent: 5, unverified_percent: 10 }
    }
}

impl Default for Organisation {
    fn default() -> Self {
        Self {
            name: "Quartermaster".into(),
            time_zone: "UTC".into(),
            environment: String::new(),
            rings: None,
            mail: None,
            thresholds: Thresholds::default(),
            answer_within_days: None,
            priorities: BTreeMap::new(),
            legal_hold: None,
            approvals: None,
            keep_events_days: None,
        }
    }
}

/// A server that takes mail (SMTP).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MailServer {
    /// Host, or host and port.
    pub server: String,
    #[serde(default)]
    pub encryption: MailEncryption,
    pub user: Option<String>,
    pub password: Option<String>,
    /// Address that mails come from, such as `Quartermaster <quartermaster@example.org>`.
    pub sender: String,
    /// Address of the pages, for links in mails.
    pub public_url: String,
    /// Attribute of identities with the address of those users who have none of their own.
    pub identity_attribute: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MailEncryption {
    /// Begins in clear and goes on encrypted, or not at all; port 587 unless told.
    #[default]
    StartTls,
    /// Encrypted from the first byte; port 465 unless told.
    Tls,
    /// In clear; port 25 unless told.
    None,
}

/// An authority on who people are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct IdentitySource {
    pub description: Option<String>,
    /// Agent that reads it; read here unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_by: Option<String>,
    /// Nothing is read: its people are those who sign in ([`SignInProvider`]), and columns are their claims.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub filled_by_sign_ins: bool,
    /// A CSV file with a line of headers: its whole path, such as `/srv/feeds/people.csv`; in configuration files also relative to
    /// their directory.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub file: String,
    /// One character; a comma unless told.
    pub delimiter: Option<char>,
    /// Column that holds the immutable key.
    pub key: String,
    /// CEL over the attributes as `identity`, giving the name to show: `identity.given_name + ' ' + identity.family_name`.
    pub display_name: String,
    /// Column that holds the manager's key.
    pub manager: Option<String>,
    /// Attribute name → column. Columns not named are ignored.
    pub attributes: BTreeMap<String, Column>,
    /// Column with the first day of employment; open without one.
    pub starts: Option<String>,
    /// Column with the last day of employment, which still counts; open without one.
    pub ends: Option<String>,
    /// A second file with positions and their dates. Without it, the row itself is the one context.
    pub positions: Option<PositionFile>,
    /// Parts with dates of their own, in the place of positions.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub sections: BTreeMap<String, RecordSection>,
    #[serde(default)]
    pub thresholds: Thresholds,
}

/// A column of a feed, written as its header or as a table with its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum Column {
    Header(String),
    Typed(TypedColumn),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TypedColumn {
    pub column: String,
    #[serde(default, rename = "type")]
    pub kind: ColumnType,
    #[serde(default)]
    pub required: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    #[default]
    Text,
    Integer,
    Boolean,
    Date,
}

/// Positions of a feed: one row a period, several of which may hold at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PositionFile {
    pub file: String,
    /// Column with the identity's key.
    pub key: String,
    pub starts: String,
    /// The last day still counts.
    pub ends: String,
    pub attributes: BTreeMap<String, Column>,
    /// Column with the priority; smaller wins.
    pub priority: Option<String>,
}

/// A system in which people have accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Application {
    pub display_name: String,
    pub description: Option<String>,
    /// Marks an application that comes with the demo and is none of the company's.
    #[serde(default)]
    pub demo: bool,
    /// Login of the person who answers for it.
    pub owner: Option<String>,
    /// Agent that reads it; read here unless told. Nothing is written through a connection that an agent reads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_by: Option<String>,
    pub connection: Connection,
    /// What the connection writes; the rest is written by others, or by people. It reads everything in any case.
    #[serde(default, skip_serializing_if = "is_default")]
    pub writes: Parts,
    /// Application through whose connection is written what the own one does not write.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<String>,
    /// How many commands may be under way at once.
    pub concurrency: Option<u16>,
    #[serde(default)]
    pub thresholds: Thresholds,
    /// When and how often a failed order is tried again.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retry: Retries,
    /// Times in which nothing is sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub maintenance: Vec<MaintenanceWindow>,
    /// What happens about changes made in the application itself; they are not looked for unless told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub native_changes: Option<NativeChanges>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How often and how long failed orders of an application are tried again. What is not said is as usual: after a
/// minute, doubling to an hour, for a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct Retries {
    /// Given up after so many attempts, however young.
    pub attempts: Option<u32>,
    pub first_wait_seconds: Option<u32>,
    pub longest_wait_seconds: Option<u32>,
    /// Given up when it is so old.
    pub total_hours: Option<u32>,
    /// Otherwise for orders set off in one of these ways.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub triggers: BTreeMap<crate::trigger::Trigger, RetryLimits>,
    /// Failures with one of these in their message pass by themselves: a part of it, or `/an expression/`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retry_on: Vec<String>,
    /// Failures with one of these in their message do not. A connection that is refused, and a way that is not there,
    /// always do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub give_up_on: Vec<String>,
}

/// See [`Retries`]; what is not said is as the application says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct RetryLimits {
    pub attempts: Option<u32>,
    pub first_wait_seconds: Option<u32>,
    pub longest_wait_seconds: Option<u32>,
    pub total_hours: Option<u32>,
}

/// A time in which nothing is sent: with `days` each week from one time of day to another, the next day's where that is
/// earlier; without, once, from one date and time to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MaintenanceWindow {
    #[serde(default)]
    pub days: Vec<Weekday>,
    pub from: String,
    pub until: String,
    /// IANA name; the organisation's unless told.
    pub time_zone: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Weekday {
    Monday,
    Tuesday,
    Wednesday,
    Thursday,
    Friday,
    Saturday,
    Sunday,
}

/// A value of an application that can be granted. The name in the configuration is unique over all applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Entitlement {
    pub display_name: String,
    pub description: Option<String>,
    /// Which account holds it.
    pub account_type: String,
    /// Key in the application, such as a group's name.
    pub key: String,
    /// Gives power over others, or over the application itself: granting it has a threshold of its own, and it weighs more
    /// in a run's blast radius.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub privileged: bool,
    /// Who has to agree before it is given to somebody who asks; as the organisation says where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Vec<ApprovalStage>>,
}

/// A bundle of entitlements of one application, with the account that holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AccessProfile {
    pub display_name: String,
    pub description: Option<String>,
    pub application: String,
    /// Names of entitlements.
    pub entitlements: Vec<String>,
    /// Account types given with it, beside those its entitlements need.
    #[serde(default)]
    pub account_types: Vec<String>,
    /// Name of the category that it is sorted into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Login of the person who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether people may ask for it; rules give it in any case.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub requestable: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub state: RoleState,
    /// Gives nothing before this day.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "terms::day")]
    pub valid_from: Option<Date>,
    /// Gives nothing after this day, which still counts.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "terms::day")]
    pub valid_until: Option<Date>,
    /// The most days for which it is given to somebody who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_days: Option<u16>,
    /// Days for which whoever has it by a rule keeps it when a change of the configuration takes it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grace_days: u16,
    /// Who has to agree before it is given to somebody who asks; as its category says where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Vec<ApprovalStage>>,
}

/// A business role: grants access profiles and other roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Role {
    pub display_name: String,
    pub description: Option<String>,
    #[serde(default)]
    pub access_profiles: Vec<String>,
    #[serde(default)]
    pub roles: Vec<String>,
    /// Name of the category that it is sorted into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Login of the person who answers for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Whether people may ask for it; rules give it in any case.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub requestable: bool,
    #[serde(default, skip_serializing_if = "is_default")]
    pub state: RoleState,
    /// Gives nothing before this day.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "terms::day")]
    pub valid_from: Option<Date>,
    /// Gives nothing after this day, which still counts.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "terms::day")]
    pub valid_until: Option<Date>,
    /// The most days for which it is given to somebody who asks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maximum_days: Option<u16>,
    /// Days for which whoever has it by a rule keeps it when a change of the configuration takes it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub grace_days: u16,
    /// Who has to agree before it is given to somebody who asks; as its category says where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approvals: Option<Vec<ApprovalStage>>,
}

/// Who gets what by rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct AssignmentRule {
    pub description: Option<String>,
    /// CEL over `identity`, giving true or false.
    pub when: String,
    #[serde(default, rename = "type")]
    pub kind: RuleType,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub access_profiles: Vec<String>,
    #[serde(default)]
    pub account_types: Vec<String>,
    #[serde(default)]
    pub entitlements: Vec<String>,
    /// Takes away instead of giving.
    #[serde(default)]
    pub deny: bool,
    /// Smaller wins where one rule gives and another denies; at equal priority the denial wins.
    #[serde(default)]
    pub priority: i32,
    /// Days before a context starts, and after it ends, for which the rule already and still holds.
    #[serde(default)]
    pub days_before: u16,
    #[serde(default)]
    pub days_after: u16,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RuleType {
    #[default]
    Automatic,
    AutomaticWithValidation,
    Suggested,
}

/// What runs, in which order, and when. A job named as one that comes with Quartermaster keeps that one's tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct JobDefinition {
    pub display_name: Option<String>,
    pub description: Option<String>,
    /// All steps of the complete job where none is given.
    #[serde(default)]
    pub tasks: BTreeMap<String, TaskDefinition>,
    /// Only what changed since the last run, unless whoever starts it says otherwise.
    #[serde(default)]
    pub incremental: bool,
    /// Cron, five fields: `30 2 * * *`.
    pub schedule: Option<String>,
    /// IANA name in which the schedule is meant; the organisation's unless told.
    pub time_zone: Option<String>,
    /// A time that passed while the program was down is made up, once.
    #[serde(default = "yes")]
    pub catch_up: bool,
    /// Neither a person nor the schedule starts it otherwise.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Nobody starts it from the pages.
    #[serde(default)]
    pub start_denied: bool,
    /// How the orders of its runs go; as the organisation says where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rings: Option<Rings>,
}

impl IdentitySource {
    /// Names of the attributes that it delivers, of people and of what has dates of its own.
    pub fn delivers(&self) -> impl Iterator<Item = &String> {
        self.columns().map(|(name, _)| name)
    }

    /// Attributes and their columns, of people and of what has dates of its own.
    pub fn columns(&self) -> impl Iterator<Item = (&String, &Column)> {
        let positions = self.positions.iter().flat_map(|positions| &positions.attributes);
        self.attributes.iter().chain(positions).chain(self.sections.values().flat_map(|section| &section.attributes))
    }
}

impl Column {
    /// What the column is called in the feed.
    pub fn header(&self) -> &str {
        match self {
            Self::Header(header) => header,
            Self::Typed(typed) => &typed.column,
        }
    }

    /// What its cells mean.
    pub fn kind(&self) -> ColumnType {
        match self {
            Self::Header(_) => ColumnType::Text,
            Self::Typed(typed) => typed.kind,
        }
    }
}

impl Configuration {
    /// The dimension that is about an attribute.
    pub fn dimension_of(&self, attribute: &str) -> Option<&Dimension> {
        self.dimensions.iter().find(|(name, dimension)| dimension.attribute(name) == attribute).map(|(_, found)| found)
    }

    /// The application that a thing belongs to; none for a role, which may be of several, and for what is not known.
    pub fn application_of(&self, grantable: &Grantable) -> Option<&str> {
        let of_type = |name: &str| self.account_types.get(name).map(|kind| kind.application.as_str());
        match grantable {
            Grantable::Role(_) => None,
            Grantable::AccessProfile(name) => {
                self.access_profiles.get(name).map(|profile| profile.application.as_str())
            }
            Grantable::AccountType(name) => of_type(name),
            Grantable::Entitlement(name) => of_type(&self.entitlements.get(name)?.account_type),
        }
    }

    /// What happens about native changes of accounts of this type; nothing where they are not looked for.
    pub fn native_changes(&self, application: &str, account_type: &str) -> Option<&NativeChanges> {
        let own = self.account_types.get(account_type).and_then(|kind| kind.native_changes.as_ref());
        own.or_else(|| self.applications.get(application)?.native_changes.as_ref())
    }

    /// How the orders of this job's runs go: in rings, or all at once.
    pub fn rings(&self, job: &str) -> Option<&Rings> {
        let own = self.jobs.get(job).and_then(|job| job.rings.as_ref());
        own.or(self.organisation.rings.as_ref()).filter(|rings| !rings.percent.is_empty())
    }
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks with a reference")]
fn is_true(value: &bool) -> bool {
    *value
}

impl Default for JobDefinition {
    fn default() -> Self {
        Self {
            display_name: None,
            description: None,
            tasks: BTreeMap::new(),
            incremental: false,
            schedule: None,
            time_zone: None,
            catch_up: true,
            enabled: true,
            start_denied: false,
            rings: None,
        }
    }
}

/// One task of a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TaskDefinition {
    pub kind: TaskKind,
    /// A level begins when the lower ones have ended; the kind's place in the complete job unless told.
    pub level: Option<u32>,
    /// Tasks of lower levels that must have ended well; all of them unless told.
    pub after: Option<Vec<String>>,
    /// Identity sources it concerns. With neither this nor `applications` it concerns everything.
    pub sources: Option<Vec<String>>,
    pub applications: Option<Vec<String>>,
    /// An application that fails makes it a warning, and the run goes on.
    #[serde(default)]
    pub continue_on_error: bool,
}

impl TaskDefinition {
    /// As it stands in a job.
    pub fn task(&self, name: &str) -> JobTask {
        JobTask {
            name: name.to_owned(),
            kind: self.kind,
            level: self.level.unwrap_or_else(|| self.kind.usual_level()),
            after: self.after.as_ref().map(|names| names.iter().cloned().collect()),
            scope: TaskScope::new(self.sources.as_deref(), self.applications.as_deref()),
            continue_on_error: self.continue_on_error,
        }
    }
}

/// What the holders of a profile may do: permission paths, a parent granting all below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PermissionProfile {
    pub display_name: String,
    pub permissions: Vec<PermissionEntry>,
    /// CEL over `identity` and `user`, the person that the user is: the profile allows nothing about other people. Without it, it
    /// is about everybody.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<String>,
}

/// A permission path of a profile, written as a text or as a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(untagged)]
pub enum PermissionEntry {
    Path(String),
    Table(PermissionTable),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct PermissionTable {
    pub path: String,
    /// Whether holders are told by mail of what lies exactly at this path.
    #[serde(default = "yes")]
    pub notify: bool,
}

impl PermissionEntry {
    pub fn path(&self) -> &str {
        match self {
            Self::Path(path) => path,
            Self::Table(table) => &table.path,
        }
    }

    pub fn notifies(&self) -> bool {
        match self {
            Self::Path(_) => true,
            Self::Table(table) => table.notify,
        }
    }
}

impl From<&str> for PermissionEntry {
    fn from(path: &str) -> Self {
        Self::Path(path.to_owned())
    }
}
