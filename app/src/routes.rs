//! Which page is where. Every route has a line in [`crate::permissions`].

use leptos::prelude::*;
use leptos_meta::{Title, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::{SsrMode, path};

use crate::pages::access::{AccessPage, AccessRequestPage, RequestAccessPage};
use crate::pages::agents::AgentsPage;
use crate::pages::applications::{ApplicationPage, ApplicationsPage};
use crate::pages::approvals::ApprovalsPage;
use crate::pages::bulk_changes::{BulkChangePage, BulkChangesPage};
use crate::pages::certifications::{CampaignPage, CertificationsPage, NewCampaignPage, SignOffPage};
use crate::pages::drafts::{DraftOrdersPage, DraftPage, DraftsPage, EditPage};
use crate::pages::events::EventsPage;
use crate::pages::forms::{FormPage, FormsPage};
use crate::pages::found_entitlements::FoundEntitlementsPage;
use crate::pages::home::HomePage;
use crate::pages::identities::quality::QualityPage;
use crate::pages::identities::{IdentitiesPage, IdentityPage};
use crate::pages::integrations::IntegrationPage;
use crate::pages::jobs::{ComparisonPage, JobsPage, RunPage, UndoPage};
use crate::pages::kept_access::KeptAccessPage;
use crate::pages::lint::LintPage;
use crate::pages::login::LoginPage;
use crate::pages::mails::{MailsPage, MyMailPage};
use crate::pages::mining::MiningPage;
use crate::pages::native_changes::NativeChangesPage;
use crate::pages::orders::{OrderPage, OrdersPage};
use crate::pages::permissions::{NoticesPage, PermissionsPage, TestPermissionPage};
use crate::pages::problem::MissingPage;
use crate::pages::reconciliation::{GoLivePage, ReconciliationPage};
use crate::pages::requests::{AskRequestPage, RequestPage, RequestsPage};
use crate::pages::review::{ConfirmReviewPage, DeclinedPage, ReviewPage};
use crate::pages::role_model::graph::GraphPage;
use crate::pages::role_model::{
    AccessProfilePage, AccessProfilesPage, EntitlementPage, EntitlementsPage, RolePage, RolesPage, RulePage, RulesPage,
};
use crate::pages::saved_views::SavedViewsPage;
use crate::pages::search::SearchPage;
use crate::pages::settings::SettingsPage;
use crate::pages::users::{NewUserPage, UserPage, UsersPage};
use crate::pages::violations::{ViolationPage, ViolationsPage};
use crate::pages::work_items::{BulkPage, QuestionsPage, WorkItemPage, WorkItemsPage};

/// All pages. Each is drawn completely before the first byte leaves, so that status and messages are right without
/// scripts.
#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title formatter=|title: String| format!("{title} · Quartermaster") />
        <Router>
            <Routes fallback=MissingPage>
                <Route path=path!("/login") view=LoginPage ssr=SsrMode::Async />
                <Route path=path!("/") view=HomePage ssr=SsrMode::Async />
                <Route path=path!("/search") view=SearchPage ssr=SsrMode::Async />
                <Route path=path!("/views") view=SavedViewsPage ssr=SsrMode::Async />
                <Route path=path!("/access") view=AccessPage ssr=SsrMode::Async />
                <Route path=path!("/access/request") view=RequestAccessPage ssr=SsrMode::Async />
                <Route path=path!("/access/requests/:id") view=AccessRequestPage ssr=SsrMode::Async />
                <Route path=path!("/identities") view=IdentitiesPage ssr=SsrMode::Async />
                <Route path=path!("/identities/quality") view=QualityPage ssr=SsrMode::Async />
                <Route path=path!("/identities/:id") view=IdentityPage ssr=SsrMode::Async />
                <Route path=path!("/orders") view=OrdersPage ssr=SsrMode::Async />
                <Route path=path!("/orders/:id") view=OrderPage ssr=SsrMode::Async />
                <Route path=path!("/work-items") view=WorkItemsPage ssr=SsrMode::Async />
                <Route path=path!("/work-items/bulk") view=BulkPage ssr=SsrMode::Async />
                <Route path=path!("/work-items/questions") view=QuestionsPage ssr=SsrMode::Async />
                <Route path=path!("/work-items/:id") view=WorkItemPage ssr=SsrMode::Async />
                <Route path=path!("/forms") view=FormsPage ssr=SsrMode::Async />
                <Route path=path!("/forms/:id") view=FormPage ssr=SsrMode::Async />
                <Route path=path!("/review") view=ReviewPage ssr=SsrMode::Async />
                <Route path=path!("/review/confirm") view=ConfirmReviewPage ssr=SsrMode::Async />
                <Route path=path!("/review/declined") view=DeclinedPage ssr=SsrMode::Async />
                <Route path=path!("/native-changes") view=NativeChangesPage ssr=SsrMode::Async />
                <Route path=path!("/violations") view=ViolationsPage ssr=SsrMode::Async />
                <Route path=path!("/violations/:id") view=ViolationPage ssr=SsrMode::Async />
                <Route path=path!("/reconciliation") view=ReconciliationPage ssr=SsrMode::Async />
                <Route path=path!("/reconciliation/go-live") view=GoLivePage ssr=SsrMode::Async />
                <Route path=path!("/requests") view=RequestsPage ssr=SsrMode::Async />
                <Route path=path!("/requests/new") view=AskRequestPage ssr=SsrMode::Async />
                <Route path=path!("/requests/kept") view=KeptAccessPage ssr=SsrMode::Async />
                <Route path=path!("/requests/:id") view=RequestPage ssr=SsrMode::Async />
                <Route path=path!("/approvals") view=ApprovalsPage ssr=SsrMode::Async />
                <Route path=path!("/bulk-changes") view=BulkChangesPage ssr=SsrMode::Async />
                <Route path=path!("/bulk-changes/:id") view=BulkChangePage ssr=SsrMode::Async />
                <Route path=path!("/certifications") view=CertificationsPage ssr=SsrMode::Async />
                <Route path=path!("/certifications/new") view=NewCampaignPage ssr=SsrMode::Async />
                <Route path=path!("/certifications/:id") view=CampaignPage ssr=SsrMode::Async />
                <Route path=path!("/certifications/:id/sign-off") view=SignOffPage ssr=SsrMode::Async />
                <Route path=path!("/jobs") view=JobsPage ssr=SsrMode::Async />
                <Route path=path!("/jobs/compare") view=ComparisonPage ssr=SsrMode::Async />
                <Route path=path!("/jobs/runs/:id") view=RunPage ssr=SsrMode::Async />
                <Route path=path!("/jobs/runs/:id/undo") view=UndoPage ssr=SsrMode::Async />
                <Route path=path!("/events") view=EventsPage ssr=SsrMode::Async />
                <Route path=path!("/users") view=UsersPage ssr=SsrMode::Async />
                <Route path=path!("/users/new") view=NewUserPage ssr=SsrMode::Async />
                <Route path=path!("/users/:id") view=UserPage ssr=SsrMode::Async />
                <Route path=path!("/permissions") view=PermissionsPage ssr=SsrMode::Async />
                <Route path=path!("/permissions/notices") view=NoticesPage ssr=SsrMode::Async />
                <Route path=path!("/permissions/test") view=TestPermissionPage ssr=SsrMode::Async />
                <Route path=path!("/mails") view=MailsPage ssr=SsrMode::Async />
                <Route path=path!("/my-mail") view=MyMailPage ssr=SsrMode::Async />
                <Route path=path!("/applications") view=ApplicationsPage ssr=SsrMode::Async />
                <Route path=path!("/applications/:name") view=ApplicationPage ssr=SsrMode::Async />
                <Route path=path!("/roles") view=RolesPage ssr=SsrMode::Async />
                <Route path=path!("/roles/:name") view=RolePage ssr=SsrMode::Async />
                <Route path=path!("/access-profiles") view=AccessProfilesPage ssr=SsrMode::Async />
                <Route path=path!("/access-profiles/:name") view=AccessProfilePage ssr=SsrMode::Async />
                <Route path=path!("/found-entitlements") view=FoundEntitlementsPage ssr=SsrMode::Async />
                <Route path=path!("/mining") view=MiningPage ssr=SsrMode::Async />
                <Route path=path!("/lint") view=LintPage ssr=SsrMode::Async />
                <Route path=path!("/graph") view=GraphPage ssr=SsrMode::Async />
                <Route path=path!("/configuration") view=SettingsPage ssr=SsrMode::Async />
                <Route path=path!("/entitlements") view=EntitlementsPage ssr=SsrMode::Async />
                <Route path=path!("/entitlements/:name") view=EntitlementPage ssr=SsrMode::Async />
                <Route path=path!("/rules") view=RulesPage ssr=SsrMode::Async />
                <Route path=path!("/rules/:name") view=RulePage ssr=SsrMode::Async />
                <Route path=path!("/drafts") view=DraftsPage ssr=SsrMode::Async />
                <Route path=path!("/drafts/edit") view=EditPage ssr=SsrMode::Async />
                <Route path=path!("/drafts/:id") view=DraftPage ssr=SsrMode::Async />
                <Route path=path!("/drafts/:id/orders") view=DraftOrdersPage ssr=SsrMode::Async />
                <Route path=path!("/agents") view=AgentsPage ssr=SsrMode::Async />
                <Route path=path!("/integrations/:name") view=IntegrationPage ssr=SsrMode::Async />
            </Routes>
        </Router>
    }
}
