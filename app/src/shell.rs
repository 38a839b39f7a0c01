//! The document around a page.

use engine::context::OpContext;
use leptos::config::LeptosOptions;
use leptos::prelude::*;
use leptos_meta::{HashedStylesheet, MetaTags};

use crate::{App, ssr};

/// Opens the palette while the page's own code is still on its way: its keys are the browser's otherwise, and what is typed
/// then is lost. The palette says with `data-palette` that it listens itself, and goes on with what was typed.
///
/// That code is loaded when the browser is idle. One that is never idle would never load it, so it waits only so long.
const EARLY: &str = r#"(() => {
  const idle = window.requestIdleCallback;
  if (idle) window.requestIdleCallback = (work, options) => idle.call(window, work, { timeout: 500, ...options });
  const early = (event) => {
    if (document.documentElement.hasAttribute("data-palette")) return;
    const palette = document.querySelector("dialog.palette");
    if (!palette) return;
    const isKey = event.type === "keydown" && (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey
      && event.key.toLowerCase() === "k";
    const isButton = event.type === "click" && event.target.closest(".palette-open");
    if (isKey || isButton) {
      event.preventDefault();
      palette.open ? palette.close() : palette.showModal();
    } else if (event.key === "Enter" && palette.open) {
      palette.setAttribute("data-hurried", "");
    }
  };
  addEventListener("keydown", early);
  addEventListener("click", early);
})();"#;

/// The whole document. Theme and language are there before the first paint.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let theme = ssr::theme().unwrap_or("system");
    view! {
        <!DOCTYPE html>
        <html lang="en" data-theme=theme>
            <head>
                <meta charset="utf-8" />
                <meta name="viewport" content="width=device-width, initial-scale=1" />
                <meta name="color-scheme" content="light dark" />
                <link rel="icon" href="/favicon.svg" type="image/svg+xml" />
                <HashedStylesheet options=options.clone() id="style" />
                <HydrationScripts options=options islands=true />
                <script nonce=use_nonce() inner_html=EARLY></script>
                <MetaTags />
                {refresh()}
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

/// Where scripts are off, the page of a run that is under way asks for itself again.
fn refresh() -> Option<impl IntoView> {
    let op = use_context::<OpContext>()?;
    let path = ssr::path();
    let id = path.strip_prefix("/jobs/runs/")?.split('?').next()?.parse().ok()?;
    Some(Suspend::new(async move {
        let under_way = engine::jobs::run(&op, id).await.is_ok_and(|row| !row.run.state.is_final());
        under_way.then(|| view! { <noscript><meta http-equiv="refresh" content="3" /></noscript> })
    }))
}
