//! Pages for when there is no page: refused, missing, failed.

use engine::context::OpContext;
use leptos::prelude::*;
use model::error::{ApiError, ErrorCode};

use crate::components::icon::icon;
use crate::components::quoted::quoted;
use crate::frame::{Section, Sheet, Visitor, bare, frame};
use crate::ssr;

/// No route leads here.
#[component]
pub fn MissingPage() -> impl IntoView {
    let Some(op) = use_context::<OpContext>() else { return signed_out() };
    let visitor = ssr::visitor(&op);
    let error = ApiError::new(
        ErrorCode::NotFound,
        "No page has this address. It may have been mistyped, or be older than this version.",
    );
    let sheet = sheet(&error, &visitor);
    frame(&visitor, sheet)
}

/// What an error looks like as a page.
pub fn sheet(error: &ApiError, visitor: &Visitor) -> Sheet {
    let (title, shape) = match error.code {
        ErrorCode::Forbidden | ErrorCode::Unauthenticated => ("You may not see this", "hand"),
        ErrorCode::NotFound => ("Not here", "search"),
        ErrorCode::Invalid => ("That does not work", "octagon"),
        ErrorCode::Conflict => ("Somebody was quicker", "clock"),
        ErrorCode::TooManyRequests => ("One moment", "clock"),
        ErrorCode::Internal => ("Something went wrong", "octagon"),
    };
    let id = visitor.request_id.clone();
    let request = (error.code == ErrorCode::Internal && !id.is_empty())
        .then(|| view! { <p class="muted">"Request "<code>{id}</code></p> });
    let body = view! {
        <div class="problem">
            <span class="empty-art">{icon(shape)}</span>
            <h1>{title}</h1>
            <p>{quoted(&error.message)}</p>
            {request}
            <p><a class="button" href="/">{icon("home")}"Home"</a></p>
        </div>
    };
    Sheet { section: Section::Elsewhere, title: title.to_owned(), body: body.into_any() }
}

/// For a page that takes a sign-in and has none; the rim sends people to the sign-in page before they see it.
pub fn signed_out() -> AnyView {
    let body = view! { <div class="problem"><h1>"Please sign in"</h1><p><a class="button primary" href="/login">"Sign in"</a></p></div> };
    bare(Sheet { section: Section::Elsewhere, title: "Please sign in".to_owned(), body: body.into_any() })
}
