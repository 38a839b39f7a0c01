//! Writes every page, drawn from made-up data, as files to look at: `cargo run -p app --features ssr --example gallery
//! -- FOLDER STYLESHEET`. For the look of pages; what they say about real data is tested elsewhere.

#[path = "samples.rs"]
mod samples;

use std::fs;
use std::io;
use std::path::Path;

use leptos::prelude::*;
use leptos_meta::{ServerMetaContext, provide_meta_context};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(folder), Some(stylesheet)) = (arguments.next(), arguments.next()) else {
        return Err(io::Error::other("usage: gallery FOLDER STYLESHEET"));
    };
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    fs::copy(stylesheet, folder.join("style.css"))?;
    for theme in ["light", "dark"] {
        for (name, sheet) in samples::sheets() {
            let page = draw(name, sheet);
            let document = format!(
                "<!DOCTYPE html><html lang=\"en\" data-theme=\"{theme}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
                 content=\"width=device-width, initial-scale=1\"><link rel=\"stylesheet\" href=\"style.css\"></head><body>{page}</body></html>"
            );
            fs::write(folder.join(format!("{name}-{theme}.html")), document)?;
        }
    }
    Ok(())
}

fn draw(name: &str, sheet: app::frame::Sheet) -> String {
    Owner::new().with(|| {
        let (meta, _output) = ServerMetaContext::new();
        provide_meta_context();
        provide_context(meta);
        match name {
            "login" => app::frame::bare(sheet).to_html(),
            _ => app::frame::frame(&samples::visitor(), sheet).to_html(),
        }
    })
}
