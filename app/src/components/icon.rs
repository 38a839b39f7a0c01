//! Icons: drawn once per page as symbols, referred to by name. Drawn on a grid of 24 with a stroke of 1.75.

use leptos::prelude::*;

/// Name, and the outlines that make it.
const SYMBOLS: &[(&str, &[&str])] = &[
    ("home", &["M4 11.5 12 4l8 7.5", "M6 10v10h12V10", "M10 20v-5h4v5"]),
    ("work", &["M4 6h16v13H4z", "M4 13h4l1.5 2.5h5L16 13h4"]),
    ("orders", &["M4 7h13", "M14 4l3 3-3 3", "M20 17H7", "M10 14l-3 3 3 3"]),
    (
        "identities",
        &[
            "M9 11a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z",
            "M2.5 20c.4-3.8 3-6 6.5-6s6.1 2.2 6.5 6",
            "M16 4.5a3.5 3.5 0 0 1 0 6.5",
            "M18 14.5c2 .8 3.2 2.7 3.5 5.5",
        ],
    ),
    ("jobs", &["M4 5h9v4H4z", "M8 10.5h9v4H8z", "M12 16h8v4h-8z"]),
    ("applications", &["M4 4h7v7H4z", "M13 4h7v7h-7z", "M4 13h7v7H4z", "M16.5 13v7", "M13 16.5h7"]),
    ("search", &["M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13z", "m15.5 15.5 5 5"]),
    ("circle", &["M12 19a7 7 0 1 0 0-14 7 7 0 0 0 0 14z"]),
    ("clock", &["M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z", "M12 8v4.5l3 2"]),
    ("plane", &["M21 3 3 10l7 3.5L13.5 21z", "M21 3 10 13.5"]),
    ("check", &["m4.5 12.5 5 5 10-11"]),
    ("double-check", &["m2 12.5 4.5 4.5L15.5 7", "m11 15.5 1.5 1.5L22 7"]),
    ("octagon", &["M8.3 3h7.4L21 8.3v7.4L15.7 21H8.3L3 15.7V8.3z", "M12 7.5v5.5", "M12 16.3v.2"]),
    (
        "function",
        &["M15 4c-2.5-.5-4 .5-4.5 3.5L8.5 17c-.5 2.8-1.8 3.5-3.5 3", "M6.5 10.5h7", "m14.5 13.5 5 6", "m19.5 13.5-5 6"],
    ),
    (
        "hand",
        &[
            "M8 12V5.5a1.5 1.5 0 0 1 3 0V11",
            "M11 11V4a1.5 1.5 0 0 1 3 0v7",
            "M14 11V5.5a1.5 1.5 0 0 1 3 0V15c0 3.5-2 6-5.5 6-3 0-4.5-1.5-6-4.5L4 13.5c-.5-1.5 1-2.5 2.2-1.3L8 14",
        ],
    ),
    ("half", &["M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z", "M12 8v5", "M12 15.8v.2"]),
    ("dash", &["M6 12h12"]),
    ("wrench", &["M14.5 6.5a4 4 0 0 1 5-3.8l-2.6 2.6.3 2 2 .3 2.6-2.6a4 4 0 0 1-5.3 5L8 18.5A2.5 2.5 0 1 1 4.5 15z"]),
    ("plus", &["M12 5v14", "M5 12h14"]),
    ("pencil", &["m4 20 1-4.5L16 4.5l3.5 3.5L8.5 19z"]),
    ("power", &["M12 3v8", "M7 6.5a7.5 7.5 0 1 0 10 0"]),
    ("trash", &["M4 7h16", "M9 7V4h6v3", "m6 7 1 13h10l1-13"]),
    ("ban", &["M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16z", "m6.5 6.5 11 11"]),
    ("arrow", &["M4 12h15", "m13.5 6.5 5.5 5.5-5.5 5.5"]),
    ("back", &["M20 12H5", "m10.5 6.5-5.5 5.5 5.5 5.5"]),
    ("right", &["m9 5 7 7-7 7"]),
    ("copy", &["M9 9h11v11H9z", "M5 15H4V4h11v1"]),
    (
        "sun",
        &[
            "M12 16a4 4 0 1 0 0-8 4 4 0 0 0 0 8z",
            "M12 2.5v2",
            "M12 19.5v2",
            "M2.5 12h2",
            "M19.5 12h2",
            "m5.3 5.3 1.4 1.4",
            "m17.3 17.3 1.4 1.4",
            "m5.3 18.7 1.4-1.4",
            "m17.3 6.7 1.4-1.4",
        ],
    ),
    ("moon", &["M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z"]),
    ("screen", &["M3 5h18v11H3z", "M9 20h6", "M12 16v4"]),
    ("exit", &["M14 4H5v16h9", "M10 12h11", "m17 8 4 4-4 4"]),
    ("play", &["M7 4.5v15l12-7.5z"]),
    ("graph", &["M3 9.5h6v5H3z", "M15 4h6v5h-6z", "M15 15h6v5h-6z", "M9 12h3V6.5h3", "M12 12v5.5h3"]),
    ("flask", &["M9 3h6", "M10 3v6L4.5 19.5h15L14 9V3", "M7.5 14.5h9"]),
    ("plug", &["M9 3v5", "M15 3v5", "M6 8h12v3a6 6 0 0 1-12 0z", "M12 17v4"]),
    ("user", &["M12 11.5a4 4 0 1 0 0-8 4 4 0 0 0 0 8z", "M4.5 20.5c.6-4 3.5-6 7.5-6s6.9 2 7.5 6"]),
    ("role", &["M12 3 4 6v6c0 4.5 3.3 7.5 8 9 4.7-1.5 8-4.5 8-9V6z"]),
    ("key", &["M8 15.5a4.5 4.5 0 1 1 4.2-6L21 9.5v3.5h-2.5v2.5H15V13h-2.8A4.5 4.5 0 0 1 8 15.5z", "M8 11v.1"]),
    ("profile", &["M4 8.5 12 4l8 4.5-8 4.5z", "m4 13 8 4.5 8-4.5"]),
    ("more", &["M5 12h.2", "M12 12h.2", "M19 12h.2"]),
    ("prompt", &["M3.5 5h17v14h-17z", "m7.5 9.5 3 2.5-3 2.5", "M12.5 15h4"]),
    ("keyboard", &["M3 6.5h18v11H3z", "M7 10.5h.1", "M11 10.5h.1", "M15 10.5h.1", "M8 14h8"]),
];

/// A symbol by name.
pub fn icon(name: &'static str) -> impl IntoView + use<> {
    view! {
        <svg class="icon" aria-hidden="true" width="16" height="16">
            <use_ href=format!("#i-{name}") />
        </svg>
    }
}

/// All symbols; once per page, before the first use.
pub fn sprite() -> impl IntoView {
    let symbols = SYMBOLS.iter().map(|(name, outlines)| {
        let paths = outlines.iter().map(|outline| view! { <path d=*outline /> }).collect_view();
        view! { <symbol id=format!("i-{name}") viewBox="0 0 24 24">{paths}</symbol> }
    });
    view! { <svg class="sprite" aria-hidden="true" width="0" height="0">{symbols.collect_view()}</svg> }
}

/// The mark beside the name: a key whose bit is a tally of crates.
pub fn mark() -> impl IntoView {
    view! {
        <svg class="mark" aria-hidden="true" width="22" height="22" viewBox="0 0 24 24">
            <rect x="2" y="2" width="20" height="20" rx="5" class="mark-ground" />
            <path class="mark-line" d="M11 14.5a3.750 3.750 0 1 1 2.6-6.450A3.750 3.750 0 0 1 11 14.5z" />
            <path class="mark-line" d="m13.7 13.7 4.3 4.3" />
            <path class="mark-line" d="m15.7 15.7 1.6-1.6" />
        </svg>
    }
}

#[cfg(test)]
mod tests {
    use super::SYMBOLS;

    #[test]
    fn every_name_is_drawn_once() {
        let mut names: Vec<&str> = SYMBOLS.iter().map(|(name, _)| *name).collect();
        names.sort_unstable();
        let before = names.len();
        names.dedup();
        assert_eq!(names.len(), before);
    }
}
