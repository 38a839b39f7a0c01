//! What pages and the command line show: rows joined for reading. The store makes them, `engine` authorises them,
//! `app` and the command line print them.

mod work_item;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::access::{Grantable, Reason, WorkflowState};
use crate::account::{Account, AccountStatus, Mechanism};
use crate::configuration::Part;
use crate::correlation::{Decision, OwnerCandidate, TypeCandidate};
use crate::form::{FormCounts, IdentityQuestion};
use crate::identity::{Identity, LifecycleState, Period};
use crate::ids::{AccountId, AssignmentId, IdentityId, OrderId, PlanId, RunId};
use crate::indirect::IndirectRow;
use crate::job::{Job, LogLevel, Run, TaskRun};
use crate::lifecycle::LifecycleView;
use crate::order::{Attempt, Order, ProvisioningState, StateReason, Trouble, ValueEdit};
use crate::permission::Reach;
use crate::plan::{Operation, Partition, Plan};
use crate::reconciliation::{DecisionRow, Finding};
use crate::request::RequestLink;
use crate::restoration::RestoredView;
use crate::work_item::WorkItem;

pub use work_item::{
    BulkFilter, BulkLine, WorkItemCounts, WorkItemDetail, WorkItemFilter, WorkItemQuestionRow, WorkItemQuestionView,
    WorkItemRow, WorkItemScope, WorkItemUpload, WorkItemViewer,
};

/// A line of the list of identities.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityRow {
    pub id: IdentityId,
    pub key: String,
    pub display_name: String,
    pub department: String,
    pub title: String,
    pub site: String,
    pub lifecycle: LifecycleState,
    /// Name of the configured state as last recorded, where something follows from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
    pub accounts: u32,
    /// Entitlements held now.
    pub entitlements: u32,
    /// Open or failed orders.
    pub open_orders: u32,
}

/// Which identities to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IdentityFilter {
    /// Words, each found at the start of a word of the name, or the key.
    pub text: Option<String>,
    pub department: Option<String>,
    pub lifecycle: Option<LifecycleState>,
    /// Recorded in this configured state, by its name.
    pub state: Option<String>,
    pub after: Option<String>,
    pub limit: Option<u32>,
    /// Of these people only: what the caller's permission profiles say, never what was asked for.
    #[serde(skip)]
    pub reach: Reach,
}

/// An identity with everything around it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityDetail {
    pub identity: Identity,
    pub lifecycle: LifecycleState,
    /// Where they stand by the configuration, since when, and what comes next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life: Option<Box<LifecycleView>>,
    pub manager: Option<(IdentityId, String)>,
    /// People who report to this one, at most 50.
    pub reports: Vec<(IdentityId, String)>,
    pub permissions: Vec<PermissionRow>,
    pub accounts: Vec<Account>,
    /// Newest first, at most 50.
    pub orders: Vec<OrderRow>,
    /// Newest first, at most 100.
    pub events: Vec<IdentityEvent>,
    /// Values that people are asked for or have given, by what they are called.
    #[serde(default)]
    pub questions: Vec<IdentityQuestion>,
    /// What is held and nothing grants.
    #[serde(default)]
    pub findings: Vec<Finding>,
    /// What people decided about such things, and still stands.
    #[serde(default)]
    pub reconciled: Vec<DecisionRow>,
    /// What the entitlements of their accounts lead to.
    #[serde(default)]
    pub indirect: Vec<IndirectRow>,
}

/// A line of *View permissions*: something held, or that should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PermissionRow {
    pub id: AssignmentId,
    pub grantable: Grantable,
    pub display_name: String,
    /// Display name of the application; none for a role.
    pub application: Option<String>,
    pub workflow_state: WorkflowState,
    /// None for roles and access profiles, which have no provisioning state of their own.
    pub state: Option<ProvisioningState>,
    pub state_reason: Option<StateReason>,
    /// The order behind the state.
    pub order: Option<OrderId>,
    pub period: Period,
    pub since: Timestamp,
    pub reasons: Vec<Reason>,
}

/// Something that happened to an identity.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityEvent {
    pub at: Timestamp,
    /// A sentence.
    pub message: String,
    pub order: Option<OrderId>,
    pub run: Option<RunId>,
}

/// A line of the list of orders.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRow {
    pub id: OrderId,
    pub identity: IdentityId,
    pub identity_name: String,
    pub application: String,
    pub operation: Operation,
    pub mechanism: Mechanism,
    /// What it is sent to.
    pub carrier: String,
    /// "department, 2 entitlements added".
    pub summary: String,
    pub state: ProvisioningState,
    pub reason: Option<StateReason>,
    pub fingerprint: Option<String>,
    pub attempts: u32,
    pub next_attempt_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
}

/// Which orders to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrderFilter {
    pub text: Option<String>,
    pub application: Option<String>,
    pub state: Option<ProvisioningState>,
    pub mechanism: Option<Mechanism>,
    /// Application or integration that they are sent to.
    pub carrier: Option<String>,
    pub identity: Option<IdentityId>,
    pub run: Option<RunId>,
    pub trouble: Option<Trouble>,
    pub fingerprint: Option<String>,
    pub after: Option<String>,
    pub limit: Option<u32>,
    /// Of these people only: what the caller's permission profiles say, never what was asked for.
    #[serde(skip)]
    pub reach: Reach,
}

/// Orders that need somebody's look for the same reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderGroup {
    pub application: String,
    /// Display name.
    pub application_name: String,
    pub trouble: Trouble,
    pub fingerprint: String,
    pub orders: u64,
    pub people: u64,
    /// Since when the first of them is like this, and when the last of them changed.
    pub since: Timestamp,
    pub latest: Timestamp,
    /// When the first of them is tried again by itself.
    pub next_attempt_at: Option<Timestamp>,
    /// One of them, with its reason: what it is about.
    pub sample: OrderId,
    pub reason: Option<StateReason>,
}

/// What is broken or stuck.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Triage {
    /// What needs a person first comes first; at most 100.
    pub groups: Vec<OrderGroup>,
    /// Orders done and not confirmed yet, by application: key, display name, number.
    pub unconfirmed: Vec<(String, String, u64)>,
    /// Applications and integrations to which nothing is sent now.
    pub paused: Vec<CarrierPause>,
    /// Why nothing is sent at all.
    #[serde(default)]
    pub restored: Option<RestoredView>,
}

/// Why nothing is sent to an application or integration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierPause {
    pub carrier: String,
    pub carrier_name: String,
    /// Whether it is an integration.
    #[serde(default)]
    pub is_integration: bool,
    pub cause: PauseCause,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "cause", rename_all = "snake_case")]
pub enum PauseCause {
    /// It does not answer; it is tried again at `probe_at`.
    Quarantine {
        since: Timestamp,
        probe_at: Timestamp,
        probes: u32,
        message: String,
    },
    Maintenance {
        until: Timestamp,
    },
}

/// Orders that a person has in view and is about to act on: a filter as it was at a moment. What has changed since, or
/// is newer, is not among them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderSelection {
    pub filter: OrderFilter,
    /// Only these, where some were ticked.
    pub ids: Vec<OrderId>,
    pub seen_at: Timestamp,
}

/// What a person is told before acting on a selection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SelectionSummary {
    pub orders: u64,
    pub people: u64,
    /// By display name of the application.
    pub by_application: Vec<(String, u64)>,
}

/// An order with its way: plan, partition, attempts, answers, state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderDetail {
    pub order: Order,
    pub identity_name: String,
    pub application_name: String,
    /// Display name of what it is sent to, where that is not its application.
    #[serde(default)]
    pub carrier_name: Option<String>,
    pub plan_id: PlanId,
    /// Its requests come without items: their orders hold those.
    pub plan: Plan,
    pub partitions: Vec<Partition>,
    /// Which of the partitions is the order's, from 1.
    pub partition: u32,
    pub attempts: Vec<Attempt>,
    /// Oldest first.
    pub timeline: Vec<OrderEvent>,
    /// Newest first.
    pub work_items: Vec<WorkItem>,
    /// Values that people changed on it, oldest first.
    pub edits: Vec<ValueEdit>,
    /// Other orders of the same plan.
    pub siblings: Vec<OrderRow>,
    /// What was asked for and is carried out by it.
    #[serde(default)]
    pub requests: Vec<RequestLink>,
    /// Orders of the same account that are, or were, under way at the same time: neither waits for the other.
    #[serde(default)]
    pub beside: Vec<OrderBeside>,
}

/// An order that goes beside another of the same account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderBeside {
    pub id: OrderId,
    pub operation: Operation,
    pub mechanism: Mechanism,
    /// Display name of what it is sent to.
    pub carrier_name: String,
    pub state: ProvisioningState,
    pub reason: Option<StateReason>,
}

impl OrderDetail {
    /// Why it goes the way that it goes, a sentence; empty in plans of earlier times, which did not say.
    pub fn why_this_way(&self) -> &str {
        if self.order.given_to_people {
            return "A person decided so.";
        }
        self.partitions.iter().find(|partition| partition.sequence == self.partition).map_or("", |own| &own.why)
    }
}

/// A step an order took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderEvent {
    pub at: Timestamp,
    pub from: ProvisioningState,
    pub to: ProvisioningState,
    pub reason: Option<StateReason>,
    /// Login, or the name of the node.
    pub actor: String,
    /// A sentence.
    pub message: String,
}

/// Orders by state, for chips and the home page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderCounts {
    /// In the order of the states' numbers; states without orders are left out.
    pub by_state: Vec<(ProvisioningState, u64)>,
    /// There are too many to be counted while somebody waits: by state nothing is said.
    #[serde(default)]
    pub more: bool,
}

/// A run, what its job is called, and who started it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRow {
    pub run: Run,
    pub job_label: String,
    /// Display name; none for a schedule, and for the command line.
    pub started_by: Option<String>,
}

/// Which runs to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RunFilter {
    pub job: Option<String>,
    /// Only those older than this one.
    pub before: Option<RunId>,
    pub limit: u32,
}

/// A job with what became of its schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRow {
    #[serde(flatten)]
    pub job: Job,
    /// When it starts next by itself.
    pub next_at: Option<Timestamp>,
    pub last: Option<RunRow>,
    /// A time that did not lead to a run, and why, while no later one did.
    pub skipped: Option<(Timestamp, String)>,
    /// Why the caller cannot start it; none where the caller can.
    pub refused: Option<String>,
}

/// Which lines of a run's log to read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogFilter {
    /// The least level.
    pub level: LogLevel,
    /// Name of a step; all of them where none is given.
    pub task: Option<String>,
    /// Only lines after this one.
    pub after: i64,
    pub limit: u32,
}

/// Lines of a run's log by level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogCounts {
    pub information: u64,
    pub warning: u64,
    pub error: u64,
}

impl LogCounts {
    /// Lines of at least that level.
    pub fn at_least(&self, level: LogLevel) -> u64 {
        match level {
            LogLevel::Information => self.information + self.warning + self.error,
            LogLevel::Warning => self.warning + self.error,
            LogLevel::Error => self.error,
        }
    }
}

/// Orders that a run made, of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunOrders {
    pub application: String,
    pub operation: Operation,
    pub state: ProvisioningState,
    pub count: u64,
}

/// Two runs side by side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunComparison {
    pub left: RunRow,
    pub right: RunRow,
    /// By name of the step, in the order of the runs; one side is absent where a run did not have it.
    pub steps: Vec<(String, Option<TaskRun>, Option<TaskRun>)>,
    /// Orders by application and operation: number in each.
    pub orders: Vec<(String, Operation, u64, u64)>,
    /// Orders by the state they are in by now: number in each.
    pub outcomes: Vec<(ProvisioningState, u64, u64)>,
}

/// What a dry run would do, or what a step has done: a table for the run's page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewLine {
    pub identity: Option<IdentityId>,
    pub identity_name: String,
    pub application: String,
    /// Empty where it is no account that changes.
    #[serde(default)]
    pub account_type: String,
    pub operation: String,
    /// A sentence: "department: Sales → Finance".
    pub change: String,
    pub why: String,
    /// Against the plan that was stopped, and approved, before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_approval: Option<SinceApproval>,
}

/// How a line of a plan differs from the plan that a person had approved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinceApproval {
    Added,
    /// No longer part of the plan.
    Gone,
}

/// Which lines of a preview to show.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PreviewFilter {
    pub account_type: Option<String>,
    pub operation: Option<String>,
    /// Number of the last line seen.
    pub after: i64,
    pub limit: u32,
}

/// How many lines of a preview there are of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewGroup {
    pub account_type: String,
    pub operation: String,
    pub lines: u64,
}

/// A line of the list of applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationRow {
    pub name: String,
    pub display_name: String,
    pub demo: bool,
    pub connection: String,
    pub mechanism: Mechanism,
    pub accounts: u64,
    /// Accounts that nobody owns, those that wait for a person's word about it, and those of no known type.
    pub without_owner: u64,
    pub proposed: u64,
    pub unclassified: u64,
    pub open_orders: u64,
    pub failed_orders: u64,
    pub last_synchronized_at: Option<Timestamp>,
    /// The connection's last failure, while it lasts.
    pub trouble: Option<String>,
    /// Why nothing is sent to it now.
    pub pause: Option<PauseCause>,
}

/// An application with its schema, accounts and health.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationDetail {
    pub row: ApplicationRow,
    pub description: Option<String>,
    /// The agent that reads it, where one does.
    #[serde(default)]
    pub read_by: Option<crate::agent::AgentLink>,
    /// Address and other settings, secrets left out: name and value.
    pub settings: Vec<(String, String)>,
    pub account_types: Vec<AccountTypeView>,
    pub entitlements: Vec<EntitlementRow>,
    /// Who carries out its orders, part by part.
    #[serde(default)]
    pub routes: Vec<RouteView>,
    /// What its own connection carries out of other applications' orders.
    #[serde(default)]
    pub carries: Vec<RouteView>,
    pub orders: OrderCounts,
    /// Thresholds of the application itself, over all its account types.
    pub limits: Vec<LimitView>,
    /// What the last synchronization counted: name and number.
    pub last_synchronization: Vec<(String, i64)>,
}

/// Which way a part of an application's orders goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteView {
    pub application: String,
    /// Display name.
    pub application_name: String,
    pub part: Part,
    pub mechanism: Mechanism,
    /// Application or integration that it is sent to, and its display name.
    pub carrier: String,
    pub carrier_name: String,
    /// Whether that is an integration.
    pub is_integration: bool,
    /// A sentence.
    pub why: String,
}

/// A line of the list of integrations: systems that carry out orders for applications.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationRow {
    pub name: String,
    pub display_name: String,
    pub connection: String,
    pub mechanism: Mechanism,
    pub universal: bool,
    /// Display names of the applications of which it carries out something.
    pub applications: Vec<String>,
    /// Sent to it, in states 1, 2 and 5.
    pub open_orders: u64,
    /// Sent to it, in states 3 and 7.
    pub failed_orders: u64,
    pub trouble: Option<String>,
    /// Why nothing is sent to it now.
    pub pause: Option<PauseCause>,
}

/// An integration with its health and all that it carries out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IntegrationDetail {
    pub row: IntegrationRow,
    pub description: Option<String>,
    /// Address and other settings, secrets left out: name and value.
    pub settings: Vec<(String, String)>,
    pub carries: Vec<RouteView>,
    pub orders: OrderCounts,
}

/// An account type's create-account specification, for reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountTypeView {
    pub name: String,
    pub display_name: String,
    pub on_removal: String,
    pub review: bool,
    /// What has to be there first, as people call these account types.
    pub depends_on: Vec<String>,
    /// The account types that values come from, as people call them.
    pub takes_from: Vec<String>,
    /// Attribute, where its value comes from, and remarks such as "required, at creation only".
    pub attributes: Vec<(String, String, String)>,
    /// "account.userType == \"admin\", confidence 100".
    pub classification: Vec<String>,
    /// "identity.employee_number = employeeNumber, 100 %".
    pub correlation: Vec<String>,
    pub limits: Vec<LimitView>,
}

/// A threshold in force, and how much of it is used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitView {
    /// Name of the setting.
    pub what: String,
    /// "50, or 5 % of 498 (24), whichever is reached first".
    pub limit: String,
    /// Said by the configuration, not a default.
    pub is_configured: bool,
    /// Ordered within the last hour.
    pub used: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntitlementRow {
    pub key: String,
    pub display_name: String,
    /// Name in the configuration; none where the application has it and nothing grants it.
    pub name: Option<String>,
    /// Accounts that hold it.
    pub holders: u64,
}

/// A line of an application's accounts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountRow {
    pub id: AccountId,
    pub key: String,
    /// What people know it by, where that is not the key: a directory's key is often a number.
    pub called: Option<String>,
    /// Empty while nobody knows of which type it is.
    pub account_type: String,
    pub status: AccountStatus,
    pub owner: Option<(IdentityId, String)>,
    pub entitlements: u32,
    pub observed_at: Option<Timestamp>,
    /// Who may own it, best first; only of accounts without an owner.
    pub proposals: Vec<OwnerProposal>,
    /// Of which type it may be, best first; only while it has none.
    pub types: Vec<TypeCandidate>,
    /// What people decided about it, and nobody has reopened.
    pub decisions: Vec<AccountDecision>,
    /// What people decided about it, or what it holds, in the reconciliation.
    #[serde(default)]
    pub reconciled: Vec<DecisionRow>,
    /// It stands for an entitlement by an indirect rule, and is nobody's as it should be.
    #[serde(default)]
    pub stands_for_entitlement: bool,
}

/// A candidate with the name that people know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerProposal {
    pub display_name: String,
    /// Key in the identity source.
    pub key: String,
    #[serde(flatten)]
    pub candidate: OwnerCandidate,
}

/// A standing decision with the name of who it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountDecision {
    #[serde(flatten)]
    pub decision: Decision,
    /// Whom it names.
    pub name: Option<String>,
    pub by: String,
    pub at: Timestamp,
}

/// Which of an application's accounts to list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountShow {
    #[default]
    All,
    /// Nobody owns them.
    WithoutOwner,
    /// Somebody may own them, and a person has to decide.
    Proposed,
    /// Nobody knows of which type they are.
    Unclassified,
}

impl AccountShow {
    pub const ALL: [Self; 4] = [Self::All, Self::Proposed, Self::WithoutOwner, Self::Unclassified];

    pub fn name(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::WithoutOwner => "without_owner",
            Self::Proposed => "proposed",
            Self::Unclassified => "unclassified",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|show| show.name() == name)
    }
}

/// Which accounts to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AccountFilter {
    pub application: String,
    pub text: Option<String>,
    pub show: AccountShow,
    pub after: Option<String>,
    pub limit: Option<u32>,
}

/// Answer of *test the connection*.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionTest {
    pub succeeded: bool,
    /// What was tried and what came of it, a sentence each, in order.
    pub steps: Vec<(bool, String)>,
    pub milliseconds: u64,
}

/// What an application says it has: attributes of its accounts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApplicationSchema {
    pub attributes: Vec<SchemaAttribute>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaAttribute {
    pub name: String,
    /// "text", "boolean", "list", as the application calls it.
    pub kind: String,
    pub required: bool,
    pub read_only: bool,
    pub unique: bool,
}

/// How many there are of what is listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Those who have left do not count.
    pub identities: u64,
    pub accounts: u64,
}

/// The home page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Home {
    pub identities: u64,
    pub accounts: u64,
    pub orders: OrderCounts,
    pub open_work_items: u64,
    /// Waiting for a provisioning review.
    #[serde(default)]
    pub awaiting_review: u64,
    /// Native changes that wait for a person's decision.
    #[serde(default)]
    pub native_changes: u64,
    /// Violations that wait for a decision.
    #[serde(default)]
    pub violations: u64,
    /// What people asked for and the caller may agree to.
    pub approvals: u64,
    /// Access that waits for the caller's word.
    #[serde(default)]
    pub certifications: u64,
    /// Forms that wait for answers.
    #[serde(default)]
    pub forms: FormCounts,
    /// Work items first, at most 8.
    pub work_items: Vec<WorkItemRow>,
    /// Failed orders, at most 8.
    pub failed: Vec<OrderRow>,
    /// At most 5, newest first.
    pub runs: Vec<RunRow>,
    pub applications: Vec<ApplicationRow>,
    /// Those to which nothing is sent at present, or that are in trouble.
    #[serde(default)]
    pub integrations: Vec<IntegrationRow>,
}

/// A line of the audit trail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditLine {
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub subject: String,
    pub detail: String,
}

/// What a run page gets pushed while it is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunUpdate {
    pub run: Run,
    /// Log lines since the last update.
    pub lines: Vec<LogLineView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLineView {
    pub sequence: i64,
    /// Time of day in the organisation's zone, `14:03:59`.
    pub time: String,
    pub level: LogLevel,
    /// Name of the step; empty where the line is of none.
    pub step: String,
    /// What the step is called.
    pub task: String,
    pub message: String,
}
