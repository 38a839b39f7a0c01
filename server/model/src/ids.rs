//! Typed ids. One number space serves all kinds, so a number found in a log names one thing.

use serde::{Deserialize, Serialize};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = std::num::ParseIntError;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }
    )*};
}

ids! {
    /// A person or other subject known from an identity source.
    IdentityId,
    /// An account in an application.
    AccountId,
    /// What an identity holds: role, access profile, entitlement or account type.
    AssignmentId,
    /// All changes that follow for one identity from one trigger.
    PlanId,
    /// The part of a plan that one mechanism carries out on one application.
    PartitionId,
    /// One account's change.
    OrderId,
    /// One attribute or entitlement of an order.
    OrderItemId,
    /// Something that waits for a person.
    WorkItemId,
    /// A question on one.
    WorkItemQuestionId,
    /// A file with reports on many work items.
    WorkItemUploadId,
    /// One execution of a job.
    RunId,
    /// One state of the whole configuration, from one `config apply` to the next.
    ConfigurationVersionId,
    /// Changes of the role model that are prepared on pages.
    DraftId,
    /// What one owner is asked about one identity.
    FormId,
    /// One value that a person has to give.
    QuestionId,
    /// A value that a person gave.
    AnswerId,
    /// Something that a threshold stopped.
    RunBlockId,
    /// Something that was asked for.
    RequestId,
    /// Access that is looked at by reviewers.
    CampaignId,
    /// One thing that somebody held when a campaign began.
    CertificationItemId,
    /// Many things that were asked for together.
    BulkChangeId,
    /// A view of a list that somebody keeps.
    SavedViewId,
    /// What a request gives somebody.
    DirectGrantId,
    /// A change that a reviewer declined.
    DeclinedChangeId,
    /// A change that an application has and nobody ordered.
    NativeChangeId,
    /// Somebody breaks a rule of a risk.
    ViolationId,
    /// Something held that a violation rests on.
    ViolationThingId,
    /// An exception or a remediation.
    ViolationDecisionId,
    /// What a person decided about something that nothing grants.
    ReconciliationId,
    /// Somebody who signs in.
    UserId,
    /// One mail to one person.
    MailId,
    /// What an agent proves with that it is one.
    AgentTokenId,
    /// One reading that an agent is asked for.
    AgentExportId,
    /// What a receiver of events proves with that it is one.
    EventTokenId,
}
