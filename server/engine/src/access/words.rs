//! Why somebody has something, in one sentence and in words that they know.

use model::access::{Fact, Grantable, Reason};

/// The first reason, and how many others there are.
pub(super) fn why(reasons: &[Reason], login: &str, label: impl Fn(&Grantable) -> String) -> String {
    let Some((first, others)) = reasons.split_first() else {
        return "It was found in the application; nothing in Quartermaster gives it.".to_owned();
    };
    let more = match others.len() {
        0 => "",
        1 => " There is one more reason.",
        _ => " There are more reasons.",
    };
    let through = first.path.first().map(&label);
    let sentence = match (&first.grant, through) {
        (Some(origin), through) => {
            let by = if origin.by.eq_ignore_ascii_case(login) { "you" } else { &origin.by };
            let what = through.map(|thing| format!("It comes with {thing}, which")).unwrap_or_else(|| "It".to_owned());
            let why = origin.why.trim_end_matches('.');
            format!("{what} was asked for by {by} in request {}: \u{201c}{why}\u{201d}.", origin.request)
        }
        (None, Some(thing)) => format!("It comes with {thing}{}.", because(&first.facts)),
        (None, None) => format!("The rule {} gives it{}.", first.rule, because(&first.facts)),
    };
    format!("{sentence}{more}")
}

/// ", because department = Sales and title = Engineer".
fn because(facts: &[Fact]) -> String {
    let said: Vec<String> = facts.iter().map(|fact| fact.said().replace('_', " ")).collect();
    match said.split_last() {
        None => String::new(),
        Some((last, [])) => format!(", because {last}"),
        Some((last, others)) => format!(", because {} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use model::access::GrantOrigin;
    use model::ids::RequestId;

    use super::*;

    #[test]
    fn the_first_reason_is_said_in_one_sentence() {
        let fact = |attribute: &str, value: &str| Fact { attribute: attribute.into(), value: Some(value.into()) };
        let rule = Reason {
            rule: "sales".into(),
            context: None,
            facts: vec![fact("department", "Sales"), fact("cost_centre", "7")],
            path: Vec::new(),
            grant: None,
        };
        let clerk = vec![Grantable::Role("clerk".into())];
        let origin =
            |by: &str| Some(Box::new(GrantOrigin { request: RequestId(4), by: by.into(), why: "Covers.".into() }));
        let asked = |by: &str| Reason { grant: origin(by), facts: Vec::new(), ..rule.clone() };
        let cases = [
            (vec![], "It was found in the application; nothing in Quartermaster gives it."),
            (vec![rule.clone()], "The rule sales gives it, because department = Sales and cost centre = 7."),
            (
                vec![Reason { path: clerk.clone(), facts: vec![fact("title", "Clerk")], ..rule.clone() }],
                "It comes with CLERK, because title = Clerk.",
            ),
            (vec![asked("Ann")], "It was asked for by you in request 4: \u{201c}Covers\u{201d}."),
            (
                vec![Reason { path: clerk, ..asked("bo") }, rule],
                "It comes with CLERK, which was asked for by bo in request 4: \u{201c}Covers\u{201d}. There is one more reason.",
            ),
        ];
        for (reasons, expected) in cases {
            assert_eq!(why(&reasons, "ann", |thing| thing.name().to_uppercase()), expected);
        }
    }
}
