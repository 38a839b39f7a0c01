//! How an application is reached: one table for each kind of connector.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::account::Mechanism;

/// How an application is reached. Which mechanism it is follows from the kind, see [`Connection::mechanism`].
/// A text of the form `secret:NAME` stands for a secret kept encrypted in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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

    /// The extract that tells what the application holds, of those connections that have one.
    pub fn extract(&self) -> Option<&CsvExtract> {
        match self {
            Self::Csv(csv) => csv.extract.as_ref(),
            Self::RequestTracker(tickets) => tickets.extract.as_ref(),
            Self::Manual(manual) => manual.extract.as_ref(),
            Self::Scim(_) | Self::Ldap(_) | Self::Sql(_) => None,
        }
    }

    /// Whether anything tells what the application holds.
    pub fn can_be_read(&self) -> bool {
        self.mechanism() == Mechanism::Direct || self.extract().is_some()
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct LdapConnection {
    /// Where the directory is: `ldaps://directory.example.org`, or `ldap://` with StartTLS or within one machine.
    pub url: String,
    /// Entry that signs in and may read and write accounts and groups, such as `cn=quartermaster,dc=example,dc=org`.
    pub bind_dn: String,
    pub password: String,
    /// Entry below which accounts are, such as `ou=people,dc=example,dc=org`.
    pub account_base: String,
    /// Object classes, such as `inetOrgPerson`: entries that have all of them are accounts, and accounts that are made get them.
    pub account_classes: Vec<String>,
    /// Attribute that names an account below the base, such as `uid`.
    pub account_rdn: String,
    /// Entry below which groups are, such as `ou=groups,dc=example,dc=org`. Groups are the entitlements, by their `cn`.
    pub group_base: Option<String>,
    /// Object class of a group; `groupOfNames` unless told.
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DisabledMark {
    pub attribute: String,
    pub value: String,
    /// Value while enabled; absent unless told.
    pub enabled: Option<String>,
}

/// SQL: accounts and grants in tables, or through statements and procedures. Statements use `:name` placeholders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SqlFlag {
    pub column: String,
    pub enabled: String,
    pub disabled: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SqlCatalogue {
    pub table: String,
    pub key: String,
    pub display_name: Option<String>,
}

/// CSV exchange: a batch file out, a result file back, and an extract that tells what the application holds.
/// File formats: `docs/FORMATS.md`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ManualConnection {
    /// What to do, in Markdown; shown on each work item.
    pub instructions: Option<String>,
    /// Whose the work is: a permission profile, or `user:` and a login.
    pub fulfiller: Option<String>,
    /// The same for what takes access away.
    pub revoker: Option<String>,
    /// Who gets work that was not done in time, spelled likewise; then it is the application's owner.
    pub escalate_to: Option<String>,
    /// The application's own list of accounts; without it a confirmed order ends as Executed.
    pub extract: Option<CsvExtract>,
    /// Days until a work item is due.
    pub due_days: Option<u32>,
    /// The same in hours, in place of days.
    pub due_hours: Option<u32>,
    /// Hours before it is due at which its fulfiller is reminded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remind_hours: Vec<u32>,
    /// Hours between two reminders once it is overdue.
    pub remind_overdue_hours: Option<u32>,
    /// Hours after which work that is overdue goes to somebody else.
    pub escalate_hours: Option<u32>,
    /// Whether it does so also where somebody has taken it, or was given it by hand; otherwise the next is only told.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub escalate_taken: bool,
    /// Whether a report needs a note or a reference.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub evidence: bool,
    /// Whether nobody does work that is about themselves.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_own_work: bool,
}
