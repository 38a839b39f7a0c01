//! Pages, one file each: server functions on top, the page, its parts. A page reads with the use cases of `engine`; what
//! it shows is a plain function of what they answer.

pub mod access;
pub mod agents;
pub mod applications;
pub mod approvals;
pub mod bulk_changes;
pub mod certifications;
pub mod drafts;
pub mod events;
pub mod forms;
pub mod found_entitlements;
pub mod home;
pub mod identities;
pub mod integrations;
pub mod jobs;
pub mod kept_access;
pub mod lint;
pub mod login;
pub mod mails;
pub mod mining;
pub mod native_changes;
pub mod orders;
pub mod permissions;
pub mod problem;
pub mod reconciliation;
pub mod requests;
pub mod review;
pub mod role_model;
pub mod saved_views;
pub mod search;
pub mod settings;
pub mod users;
pub mod violations;
pub mod work_items;

use std::future::Future;

use engine::context::OpContext;
use leptos::prelude::*;
use leptos_axum::ResponseOptions;
use leptos_router::hooks::use_params_map;
use model::error::ApiError;

use crate::frame::{Sheet, Visitor, frame};
use crate::logic::query::Query;
use crate::ssr;

/// What a page is made from.
pub(crate) struct Asked {
    pub(crate) op: OpContext,
    pub(crate) visitor: Visitor,
    pub(crate) query: Query,
}

/// Draws a page for who has signed in; errors become pages with their status.
pub(crate) fn page<F, Loading>(load: F) -> AnyView
where
    F: FnOnce(Asked) -> Loading + Send + 'static,
    Loading: Future<Output = Result<Sheet, ApiError>> + Send + 'static,
{
    let Some(op) = use_context::<OpContext>() else { return problem::signed_out() };
    let mut visitor = ssr::visitor(&op);
    let response = use_context::<ResponseOptions>();
    let asked = Asked { op: op.clone(), visitor: visitor.clone(), query: ssr::query() };
    Suspend::new(async move {
        let query = asked.query.clone();
        let sheet = match load(asked).await {
            Ok(sheet) => {
                let path = visitor.path.split('?').next().unwrap_or_default();
                visitor.tools = saved_views::tools(&op, path, &query).await;
                sheet
            }
            Err(error) => {
                ssr::set_status(&response, error.code);
                problem::sheet(&error, &visitor)
            }
        };
        // Afterwards, so that what the page itself has just decided is counted.
        let defaults = engine::saved_views::defaults(&op).await.unwrap_or_default();
        visitor.menu = defaults.iter().map(|row| (row.view.page.clone(), row.view.address())).collect();
        visitor.reviews =
            if op.may(engine::reviews::REVIEW) { engine::reviews::waiting(&op).await.unwrap_or(0) } else { 0 };
        visitor.native_changes = if op.may(engine::native_changes::DECIDE) {
            engine::native_changes::open(&op).await.unwrap_or(0)
        } else {
            0
        };
        visitor.violations = engine::violations::open(&op).await.unwrap_or(0);
        visitor.approvals = engine::request_approvals::waiting(&op).await.unwrap_or(0);
        visitor.certifications = engine::certifications::waiting(&op).await.unwrap_or(0);
        visitor.questions = engine::work_items::open_questions(&op).await.unwrap_or(0);
        let forms = engine::forms::counts(&op).await.unwrap_or_default();
        visitor.forms = forms.me + forms.team;
        frame(&visitor, sheet)
    })
    .into_any()
}

/// A part of the route, such as `id`.
pub(crate) fn parameter(name: &str) -> String {
    use_params_map().with_untracked(|parameters| parameters.get(name).unwrap_or_default())
}
