//! The list of people as leptos_axum alone draws it: no session, no guard, no frame around the page.

use axum::Router;
use engine::Engine;
use jiff::civil::Date;
use leptos::config::LeptosOptions;
use leptos::prelude::*;
use leptos_axum::LeptosRoutes;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::{Route, Router as Pages, Routes};
use leptos_router::{SsrMode, path};
use model::view::{IdentityFilter, IdentityRow};

const DAY: Date = Date::constant(2026, 3, 2);

pub(crate) fn router(engine: &Engine) -> Router {
    let options = LeptosOptions::builder().output_name("bare").build();
    let routes = leptos_axum::generate_route_list(Bare);
    let engine = engine.clone();
    let given = move || provide_context(engine.clone());
    Router::new().leptos_routes_with_context(&options, routes, given, shell).with_state(options)
}

fn shell() -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head><meta charset="utf-8" /><MetaTags /></head>
            <body><Bare /></body>
        </html>
    }
}

#[component]
fn Bare() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title text="Identities" />
        <Pages>
            <Routes fallback=|| "Not here">
                <Route path=path!("/identities") view=List ssr=SsrMode::Async />
            </Routes>
        </Pages>
    }
}

#[component]
fn List() -> impl IntoView {
    let engine = expect_context::<Engine>();
    Suspend::new(async move {
        let page = engine.store().identity_page(&IdentityFilter::default(), DAY).await.map(|page| page.rows);
        let rows = page.unwrap_or_default().into_iter().map(row);
        view! { <main><h1>"Identities"</h1><table><tbody>{rows.collect_view()}</tbody></table></main> }
    })
}

fn row(row: IdentityRow) -> impl IntoView {
    view! {
        <tr>
            <td><a href=format!("/identities/{}", row.id)>{row.display_name}</a></td>
            <td>{row.key}</td>
            <td>{row.department}</td>
            <td>{row.title}</td>
            <td>{row.site}</td>
            <td>{row.lifecycle.name()}</td>
            <td>{row.accounts}</td>
            <td>{row.entitlements}</td>
            <td>{row.open_orders}</td>
        </tr>
    }
}
