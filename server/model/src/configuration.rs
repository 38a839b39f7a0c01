//! What administrators decide, as read from configuration files. Names are the keys: a file names what it refers to.
//!
//! Reading the files, with file and line in every complaint, is `engine::configuration`; whether the expressions mean
//! anything is `policy`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::account::Mechanism;
use crate::job::{JobTask, TaskKind, TaskScope};

/// One state of the whole configuration.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Configuration {
    pub organisation: Organisation,
    pub sources: BTreeMap<String, IdentitySource>,
    pub applications: BTreeMap<String, Application>,
    pub account_types: BTreeMap<String, AccountType>,
    pub entitlements: BTreeMap<String, Entitlement>,
    pub access_profiles: BTreeMap<String, AccessProfile>,
    pub roles: BTreeMap<String, Role>,
    pub rules: BTreeMap<String, AssignmentRule>,
    /// Jobs beside those that come with Quartermaster, and schedules of both.
    pub jobs: BTreeMap<String, JobDefinition>,
    /// What a user of Quartermaster may do, by profile name.
    pub permission_profiles: BTreeMap<String, PermissionProfile>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// Release of a run's orders in rings: first for a few people, and for more where it went well. Leavers never wait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
        }
    }
}

/// A server that takes mail (SMTP).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(deny_unknown_fields)]
pub struct IdentitySource {
    pub description: Option<String>,
    /// A CSV file: absolute, or relative to the configuration directory.
    pub file: String,
    /// One character; a comma unless told.
    pub delimiter: Option<char>,
    /// Column that holds the immutable key.
    pub key: String,
    /// CEL over the attributes as `identity`, giving the name to show.
    pub display_name: String,
    /// Column that holds the manager's key.
    pub manager: Option<String>,
    /// Attribute name → column. Columns not named are ignored.
    pub attributes: BTreeMap<String, Column>,
    /// First and last day of employment; the last day still counts.
    pub starts: Option<String>,
    pub ends: Option<String>,
    /// A second file with positions and their dates. Without it, the row itself is the one context.
    pub positions: Option<PositionFile>,
    #[serde(default)]
    pub thresholds: Thresholds,
}

/// A column of a feed, written as its header or as a table with its type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Column {
    Header(String),
    Typed(TypedColumn),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypedColumn {
    pub column: String,
    #[serde(default, rename = "type")]
    pub kind: ColumnType,
    #[serde(default)]
    pub required: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// Limits on what may be changed within one run, and within an hour; beyond them a run stops before the first effect.
/// Exceeding either the count or the percentage trips. Percentages are of what is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Thresholds {
    pub inserted: Option<Limit>,
    pub updated: Option<Limit>,
    /// Accounts disabled count as well.
    pub deleted: Option<Limit>,
    pub links_added: Option<Limit>,
    pub links_removed: Option<Limit>,
    /// Entitlements marked as privileged that are granted.
    pub privileged_granted: Option<Limit>,
    /// Of a feed: rows fewer than people on record.
    pub rows_lost: Option<Limit>,
    /// Of a feed: by how many points the share of empty values of an attribute grows. The count means nothing.
    pub values_lost: Option<Limit>,
    /// Who lets a run go on beyond one of these limits is somebody else than who started it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub second_person: bool,
}

/// A number, a percentage, or both, of which each alone is enough to stop; `off` is said, never left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "LimitText", into = "LimitText")]
pub struct Limit {
    /// 0 where only the percentage limits.
    pub count: u64,
    /// 0 where only the count limits.
    pub percent: u8,
}

impl Limit {
    pub const OFF: Self = Self { count: 0, percent: 0 };

    pub fn is_off(self) -> bool {
        self == Self::OFF
    }
}

/// A limit as it is written.
#[derive(Serialize, Deserialize)]
#[serde(untagged, expecting = "expected \"off\", or a table with `count`, `percent` or both")]
enum LimitText {
    Word(String),
    Sizes(LimitSizes),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitSizes {
    #[serde(default)]
    count: u64,
    #[serde(default)]
    percent: u8,
}

impl TryFrom<LimitText> for Limit {
    type Error = String;

    fn try_from(text: LimitText) -> Result<Self, String> {
        match text {
            LimitText::Word(word) if word == "off" => Ok(Self::OFF),
            LimitText::Word(word) => Err(format!(
                "`{word}` is no limit; write \"off\", or a table such as {{ count = 50, percent = 5 }}"
            )),
            LimitText::Sizes(LimitSizes { count: 0, percent: 0 }) => Err(
                "a limit of nothing stops nothing; write \"off\" where that is meant, or give it a `count` or a `percent`"
                    .to_owned(),
            ),
            LimitText::Sizes(LimitSizes { count, percent }) => Ok(Self { count, percent }),
        }
    }
}

impl From<Limit> for LimitText {
    fn from(limit: Limit) -> Self {
        if limit.is_off() {
            Self::Word("off".to_owned())
        } else {
            Self::Sizes(LimitSizes { count: limit.count, percent: limit.percent })
        }
    }
}

/// A system in which people have accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Application {
    pub display_name: String,
    pub description: Option<String>,
    /// Marks an application that comes with the demo and is none of the company's.
    #[serde(default)]
    pub demo: bool,
    /// Login of the person who answers for it.
    pub owner: Option<String>,
    pub connection: Connection,
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
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// How often and how long failed orders of an application are tried again. What is not said is as usual: after a
/// minute, doubling to an hour, for a day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// How an application is reached. Which mechanism it is follows from the kind, see [`Connection::mechanism`].
/// A text of the form `secret:NAME` stands for a secret kept encrypted in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Connection {
    Scim(ScimConnection),
    Ldap(LdapConnection),
    Sql(SqlConnection),
    Csv(CsvConnection),
    RequestTracker(RequestTrackerConnection),
    Manual(ManualConnection),
}

impl Connection {
    pub fn mechanism(&self) -> Mechanism {
        match self {
            Self::Scim(_) | Self::Ldap(_) | Self::Sql(_) => Mechanism::Direct,
            Self::Csv(_) | Self::RequestTracker(_) => Mechanism::Executor,
            Self::Manual(_) => Mechanism::Manual,
        }
    }

    pub fn kind(&self) -> &'static str {
        match self {
            Self::Scim(_) => "scim",
            Self::Ldap(_) => "ldap",
            Self::Sql(_) => "sql",
            Self::Csv(_) => "csv",
            Self::RequestTracker(_) => "request_tracker",
            Self::Manual(_) => "manual",
        }
    }

    /// Minutes between two questions to an executor; none where it is asked all the time.
    pub fn poll_minutes(&self) -> Option<u32> {
        match self {
            Self::RequestTracker(tickets) => {
                Some(tickets.poll_minutes.unwrap_or(RequestTrackerConnection::POLL_MINUTES))
            }
            _ => None,
        }
    }

    /// Hours after which an executor that has not answered is not waited for any longer.
    pub fn expires_hours(&self) -> Option<i64> {
        match self {
            Self::Csv(csv) => csv.expires_hours.map(i64::from),
            Self::RequestTracker(tickets) => {
                Some(24 * i64::from(tickets.expires_days.unwrap_or(RequestTrackerConnection::EXPIRES_DAYS)))
            }
            _ => None,
        }
    }

    /// Whether an executor can be told that what it was handed is no longer wanted.
    pub fn calls_off(&self) -> bool {
        matches!(self, Self::RequestTracker(_))
    }
}

/// SCIM 2.0 (RFC 7643, 7644). Attributes are paths such as `userName` or `name.givenName`; entitlements are Groups by `displayName`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScimConnection {
    pub url: String,
    /// Bearer token.
    pub token: Option<String>,
    /// Rows asked for in one page; the server may give fewer.
    pub page_size: Option<u32>,
}

/// LDAP (RFC 4511): accounts below one base, groups below another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LdapConnection {
    pub url: String,
    pub bind_dn: String,
    pub password: String,
    pub account_base: String,
    pub account_classes: Vec<String>,
    /// Attribute that names an account below the base, such as `uid`.
    pub account_rdn: String,
    pub group_base: Option<String>,
    pub group_class: Option<String>,
    /// Attribute of a group that lists its members' DNs; `member` unless told.
    pub member_attribute: Option<String>,
    /// How a disabled account looks: attribute and value, such as `employeeType` = `disabled`.
    pub disabled: Option<DisabledMark>,
    #[serde(default)]
    pub start_tls: bool,
    /// Rows asked for in one page.
    pub page_size: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisabledMark {
    pub attribute: String,
    pub value: String,
    /// Value while enabled; absent unless told.
    pub enabled: Option<String>,
}

/// SQL: accounts and grants in tables, or through statements and procedures. Statements use `:name` placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlConnection {
    /// `sqlite:`, `postgres:` or `mysql:` address.
    pub url: String,
    pub password: Option<String>,
    pub accounts: SqlAccounts,
    pub grants: Option<SqlGrants>,
}

/// Where accounts are. With a table alone, all statements follow from it; each can be replaced, by a procedure call for instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlAccounts {
    pub table: String,
    /// Column with the native key.
    pub key: String,
    /// Attribute → column; an attribute not named is its own column.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
    /// Column that says whether the account is enabled, and its two values.
    pub enabled: Option<SqlFlag>,
    pub create: Option<String>,
    pub update: Option<String>,
    pub enable: Option<String>,
    pub disable: Option<String>,
    pub delete: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlFlag {
    pub column: String,
    pub enabled: String,
    pub disabled: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlGrants {
    pub table: String,
    /// Column with the account's key.
    pub account: String,
    /// Column with the entitlement's key.
    pub entitlement: String,
    /// Table and columns that list the entitlements there are.
    pub catalogue: Option<SqlCatalogue>,
    pub grant: Option<String>,
    pub revoke: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlCatalogue {
    pub table: String,
    pub key: String,
    pub display_name: Option<String>,
}

/// CSV exchange: a batch file out, a result file back, and an extract that tells what the application holds.
/// File formats: `docs/FORMATS.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvConnection {
    /// Folder into which batch files are written.
    pub outbox: String,
    /// Folder in which result files appear.
    pub inbox: String,
    /// The application's own list of accounts; without it nothing can be verified.
    pub extract: Option<CsvExtract>,
    /// Hours after which a batch without a result counts as timed out.
    pub expires_hours: Option<u32>,
}

/// Tickets in Request Tracker (REST 2.0): one for each order, that somebody there carries out and resolves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestTrackerConnection {
    /// Address of Request Tracker, without `/REST/2.0`.
    pub url: String,
    /// Authentication token; or `user` and `password`.
    pub token: Option<String>,
    pub user: Option<String>,
    pub password: Option<String>,
    /// Queue in which tickets are opened.
    pub queue: String,
    /// Subject of a ticket, with `{placeholders}`; a mark with the order's number goes in front.
    pub subject: Option<String>,
    /// Text of a ticket, with `{placeholders}`.
    pub body: Option<String>,
    /// Custom field of the queue → value, with `{placeholders}`.
    #[serde(default)]
    pub custom_fields: BTreeMap<String, String>,
    /// E-mail address for which tickets are opened; the connection's own user unless told.
    pub requestor: Option<String>,
    /// Status → what it means, beside those that Request Tracker begins with.
    #[serde(default)]
    pub statuses: BTreeMap<String, TicketMeaning>,
    /// Status of a ticket that is called off; `rejected` unless told.
    pub cancelled_status: Option<String>,
    /// Minutes between two looks at the open tickets; 15 unless told.
    pub poll_minutes: Option<u32>,
    /// Days after which a ticket without an answer counts as timed out; 30 unless told.
    pub expires_days: Option<u32>,
    /// The application's own list of accounts; without it nothing can be verified.
    pub extract: Option<CsvExtract>,
}

impl RequestTrackerConnection {
    pub const POLL_MINUTES: u32 = 15;
    pub const EXPIRES_DAYS: u32 = 30;
    pub const CANCELLED_STATUS: &str = "rejected";

    /// What a ticket's status means; none for a status that nobody has explained.
    pub fn meaning(&self, status: &str) -> Option<TicketMeaning> {
        let told = self.statuses.iter().find(|(known, _)| known.eq_ignore_ascii_case(status));
        told.map(|(_, meaning)| *meaning).or(match status {
            "new" | "open" | "stalled" => Some(TicketMeaning::Queued),
            "resolved" => Some(TicketMeaning::Done),
            "rejected" | "deleted" => Some(TicketMeaning::Declined),
            _ => None,
        })
    }
}

/// What a ticket's status says about the order behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketMeaning {
    /// Somebody will do it.
    Queued,
    /// It is done.
    Done,
    /// It will not be done.
    Declined,
}

/// A list of accounts in a CSV file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CsvExtract {
    pub file: String,
    pub key: String,
    /// Column with entitlements, separated by `|`.
    pub entitlements: Option<String>,
    /// Column that reads `enabled` or `disabled`; all are enabled without it.
    pub status: Option<String>,
    /// Attribute → column; without it each column is an attribute of its own name.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
}

/// A person does it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManualConnection {
    /// What to do, in Markdown; shown on each work item.
    pub instructions: Option<String>,
    /// Permission profile whose holders fulfil the work.
    pub fulfiller: Option<String>,
    /// The application's own list of accounts; without it a confirmed order ends as Executed.
    pub extract: Option<CsvExtract>,
    /// Days until a work item is due.
    pub due_days: Option<u32>,
}

/// A kind of account in an application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountType {
    pub display_name: String,
    pub application: String,
    /// How the account is made up, attribute by attribute: the create-account specification.
    pub attributes: BTreeMap<String, AttributeSpecification>,
    /// Attribute whose value becomes the native key where the application does not choose one.
    pub key: String,
    /// Rules that tell an account found in the application to be of this type. Without any, it is where it is the
    /// application's only type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classification: Vec<ClassificationRule>,
    /// Rules that find the owner of an account read from the application, best first.
    #[serde(default)]
    pub correlation: Vec<CorrelationRule>,
    /// What happens to the account when nothing grants it any more.
    #[serde(default)]
    pub on_removal: OnRemoval,
    /// Account types that have to exist first, for the same identity.
    #[serde(default)]
    pub depends_on: Vec<String>,
    /// Orders wait for a provisioning review.
    #[serde(default)]
    pub review: bool,
    #[serde(default)]
    pub thresholds: Thresholds,
}

/// Where one attribute's value comes from. Exactly one of `value`, `expression` and `unique` is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttributeSpecification {
    /// A constant.
    pub value: Option<crate::value::Value>,
    /// CEL over `identity`.
    pub expression: Option<String>,
    /// CEL over `identity` and `attempt` (0, 1, 2 …): tried until the value is free in the application. At most 50 attempts.
    pub unique: Option<String>,
    #[serde(default)]
    pub required: bool,
    /// Written at creation only; otherwise kept in step with the identity.
    #[serde(default)]
    pub create_only: bool,
    /// Never shown, logged or read back.
    #[serde(default)]
    pub secret: bool,
}

/// Compares an identity's value with an account's. Confidence of 100 or more links by itself, below goes to review.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorrelationRule {
    /// CEL over `identity`.
    pub identity: String,
    /// Attribute of the account.
    pub account: String,
    pub confidence: u8,
}

/// Tells that an account is of a type. Confidence of 100 or more classifies by itself, below goes to review; among types
/// the highest confidence counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassificationRule {
    /// CEL over `account`: its attributes, and `key`, `enabled` and `entitlements`.
    pub when: String,
    pub confidence: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnRemoval {
    #[default]
    Disable,
    Delete,
    Keep,
}

/// A value of an application that can be granted. The name in the configuration is unique over all applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// A bundle of entitlements of one application, with the account that holds them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
}

/// A business role: grants access profiles and other roles.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    pub display_name: String,
    pub description: Option<String>,
    #[serde(default)]
    pub access_profiles: Vec<String>,
    #[serde(default)]
    pub roles: Vec<String>,
}

/// Who gets what by rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(rename_all = "snake_case")]
pub enum RuleType {
    #[default]
    Automatic,
    AutomaticWithValidation,
    Suggested,
}

/// What runs, in which order, and when. A job named as one that comes with Quartermaster keeps that one's tasks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl Configuration {
    /// How the orders of this job's runs go: in rings, or all at once.
    pub fn rings(&self, job: &str) -> Option<&Rings> {
        let own = self.jobs.get(job).and_then(|job| job.rings.as_ref());
        own.or(self.organisation.rings.as_ref()).filter(|rings| !rings.percent.is_empty())
    }
}

fn yes() -> bool {
    true
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
#[serde(deny_unknown_fields)]
pub struct PermissionProfile {
    pub display_name: String,
    pub permissions: Vec<PermissionEntry>,
}

/// A permission path of a profile, written as a text or as a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum PermissionEntry {
    Path(String),
    Table(PermissionTable),
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
