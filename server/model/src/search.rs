//! What a search finds, and views of lists that people keep.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::draft::ObjectKind;
use crate::ids::{
    BulkChangeId, CampaignId, DraftId, IdentityId, OrderId, RequestId, RunId, SavedViewId, UserId, ViolationId,
    WorkItemId,
};

/// Something found, and where it leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    pub target: Target,
    pub title: String,
    /// What tells it from others of that title; may be empty.
    pub detail: String,
    /// How well it fits what was asked for; greater is better.
    pub score: u32,
}

/// What a hit leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A page of the product, or something to do there.
    Page(String),
    View(SavedViewId, String, String),
    Identity(IdentityId),
    /// Application and key.
    Account(String, String),
    Application(String),
    Integration(String),
    Object(ObjectKind, String),
    Order(OrderId),
    WorkItem(WorkItemId),
    Request(RequestId),
    BulkChange(BulkChangeId),
    Run(RunId),
    Violation(ViolationId),
    Certification(CampaignId),
    Draft(DraftId),
}

/// Kinds of hits, in the order in which sections stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HitKind {
    Page,
    View,
    Identity,
    Account,
    Application,
    RoleModel,
    Setting,
    Order,
    WorkItem,
    Request,
    Run,
    Violation,
    Certification,
    Draft,
}

impl Target {
    pub fn kind(&self) -> HitKind {
        match self {
            Self::Page(_) => HitKind::Page,
            Self::View(..) => HitKind::View,
            Self::Identity(_) => HitKind::Identity,
            Self::Account(..) => HitKind::Account,
            Self::Application(_) | Self::Integration(_) => HitKind::Application,
            Self::Object(ObjectKind::Setting(_), _) => HitKind::Setting,
            Self::Object(..) => HitKind::RoleModel,
            Self::Order(_) => HitKind::Order,
            Self::WorkItem(_) => HitKind::WorkItem,
            Self::Request(_) | Self::BulkChange(_) => HitKind::Request,
            Self::Run(_) => HitKind::Run,
            Self::Violation(_) => HitKind::Violation,
            Self::Certification(_) => HitKind::Certification,
            Self::Draft(_) => HitKind::Draft,
        }
    }
}

impl HitKind {
    pub const ALL: [Self; 14] = [
        Self::Page,
        Self::View,
        Self::Identity,
        Self::Account,
        Self::Application,
        Self::RoleModel,
        Self::Setting,
        Self::Order,
        Self::WorkItem,
        Self::Request,
        Self::Run,
        Self::Violation,
        Self::Certification,
        Self::Draft,
    ];

    /// Heading of a section.
    pub fn label(self) -> &'static str {
        match self {
            Self::Page => "Pages and actions",
            Self::View => "Saved views",
            Self::Identity => "Identities",
            Self::Account => "Accounts",
            Self::Application => "Applications and integrations",
            Self::RoleModel => "Role model",
            Self::Setting => "Settings",
            Self::Order => "Orders",
            Self::WorkItem => "Work items",
            Self::Request => "Requests",
            Self::Run => "Runs",
            Self::Violation => "Violations",
            Self::Certification => "Certifications",
            Self::Draft => "Drafts",
        }
    }
}

/// What a list was narrowed to, under a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedView {
    pub id: SavedViewId,
    pub owner: UserId,
    /// Path of the list's page.
    pub page: String,
    pub name: String,
    /// What follows the `?`.
    pub query: String,
    /// For everybody who may see the page.
    pub shared: bool,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
}

/// A view as somebody sees it who may open it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedViewRow {
    pub view: SavedView,
    /// What its owner is called.
    pub owner_name: String,
    /// It belongs to whoever looks.
    pub own: bool,
    /// The menu opens the list with it, for whoever looks.
    pub default: bool,
}

impl SavedView {
    /// Where it is opened.
    pub fn address(&self) -> String {
        if self.query.is_empty() { self.page.clone() } else { format!("{}?{}", self.page, self.query) }
    }
}
