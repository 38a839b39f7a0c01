//! Instructions as elements.

use leptos::prelude::*;

use crate::logic::markdown::{Block, Span, read};

/// A text in Markdown. Every piece of it is escaped.
pub fn markdown(text: &str) -> impl IntoView + use<> {
    view! { <div class="prose">{read(text).into_iter().map(block).collect_view()}</div> }
}

fn block(block: Block) -> AnyView {
    let items = |items: Vec<Vec<Span>>| items.into_iter().map(|item| view! { <li>{spans(item)}</li> }).collect_view();
    match block {
        Block::Heading(text) => view! { <h3>{spans(text)}</h3> }.into_any(),
        Block::Paragraph(text) => view! { <p>{spans(text)}</p> }.into_any(),
        Block::Bullets(list) => view! { <ul>{items(list)}</ul> }.into_any(),
        Block::Steps(list) => view! { <ol>{items(list)}</ol> }.into_any(),
        Block::Code(text) => view! { <pre><code>{text}</code></pre> }.into_any(),
    }
}

fn spans(spans: Vec<Span>) -> impl IntoView {
    let pieces = spans.into_iter().map(|span| match span {
        Span::Text(text) => text.into_any(),
        Span::Strong(text) => view! { <strong>{text}</strong> }.into_any(),
        Span::Emphasis(text) => view! { <em>{text}</em> }.into_any(),
        Span::Code(text) => view! { <code>{text}</code> }.into_any(),
        Span::Link(text, address) => view! { <a href=address rel="noopener noreferrer">{text}</a> }.into_any(),
    });
    pieces.collect_view()
}
