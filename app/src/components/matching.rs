//! For whom a condition holds that somebody is writing, in a line beneath it.

use leptos::prelude::*;
use model::draft::Matching;

use crate::logic::words;

/// People named in the line.
const NAMED: usize = 4;

pub fn matching(found: &Matching) -> AnyView {
    match found {
        Matching::Nothing => ().into_any(),
        Matching::Unclear(why) => view! { <p class="wrong">{format!("Not a condition yet: {why}.")}</p> }.into_any(),
        Matching::People { found, of } => {
            let total = found.total;
            let people = if *of == 1 { "person" } else { "people" };
            let count = format!("Holds for {} of {} {people} today", words::number(total), words::number(*of));
            let names = found.people.iter().take(NAMED).map(|(_, name)| name.as_str()).collect::<Vec<_>>();
            let rest = total.saturating_sub(names.len() as u64);
            let named = match (names.is_empty(), rest) {
                (true, _) => ".".to_owned(),
                (false, 0) => format!(": {}.", names.join(", ")),
                (false, rest) => format!(": {} and {} more.", names.join(", "), words::number(rest)),
            };
            view! { <p>{count}{named}</p> }.into_any()
        }
    }
}
