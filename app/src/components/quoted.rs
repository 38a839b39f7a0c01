//! Sentences that quote what somebody typed, or a name, between backticks.

use leptos::prelude::*;

/// The sentence, with what it quotes set apart. A backtick that is left over stays as it is.
pub fn quoted(text: &str) -> AnyView {
    let mut rest = text;
    let mut parts = Vec::new();
    while let Some((before, after)) = rest.split_once('`') {
        let Some((inside, after)) = after.split_once('`') else { break };
        parts.push(before.to_owned().into_any());
        parts.push(view! { <code class="quoted">{inside.to_owned()}</code> }.into_any());
        rest = after;
    }
    parts.push(rest.to_owned().into_any());
    parts.collect_view().into_any()
}

#[cfg(all(test, feature = "ssr"))]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_is_set_apart_and_nothing_is_lost() {
        let html = |text: &str| Owner::new().with(|| quoted(text).to_html().replace("<!>", ""));
        assert_eq!(
            html("no `x` and `y<`."),
            "no <code class=\"quoted\">x</code> and <code class=\"quoted\">y&lt;</code>."
        );
        assert_eq!(html("nothing"), "nothing");
        assert_eq!(html("one ` left"), "one ` left");
    }
}
