//! What a form asks, how each answer is typed, and what is to be said beside it.

use model::configuration::ColumnType;
use model::form::{Answer, FormDetail, FormField, FormFilter, FormScope, QuestionOutcome, Typed};
use model::ids::QuestionId;
use model::value::Value;

/// What whoever looks at a form is to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nobody can answer any more, and why.
    Over(String),
    /// It is theirs to answer.
    Asked,
    /// Somebody else is asked, and what.
    Waits(String),
}

pub fn standing(detail: &FormDetail) -> Standing {
    if let Some(over) = &detail.over {
        return Standing::Over(over.clone());
    }
    if detail.may_answer {
        return Standing::Asked;
    }
    let open = detail.fields.iter().filter(|field| field.outcome.is_none());
    let labels: Vec<&str> = open.map(|field| field.label.as_str()).collect();
    Standing::Waits(format!("{} is asked: {}. You may look, and not answer.", detail.row.owner_name, labels.join(", ")))
}

/// How a value is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// One of these: value and word.
    Choice(Vec<(String, String)>),
    Date,
    /// Digits.
    Number,
    /// At most so many characters.
    Text(Option<u32>),
}

pub fn input(field: &FormField) -> Input {
    let choice = |(value, word): (&str, &str)| (value.to_owned(), word.to_owned());
    match field.kind {
        _ if !field.choices.is_empty() => {
            Input::Choice(field.choices.iter().map(|value| choice((value, value))).collect())
        }
        ColumnType::Boolean => Input::Choice([("true", "Yes"), ("false", "No")].map(choice).into()),
        ColumnType::Date => Input::Date,
        ColumnType::Integer => Input::Number,
        ColumnType::Text => Input::Text(field.maximum_length),
    }
}

/// What stands in an open question: what was typed and not taken, before what was answered elsewhere.
pub fn text(field: &FormField, typed: &[Typed]) -> String {
    let typed = typed.iter().find(|typed| typed.question == field.question).map(|typed| typed.text.clone());
    typed.or_else(|| field.answer.as_ref().map(|answer| answer.value.to_string())).unwrap_or_default()
}

/// Why what was typed was not taken.
pub fn misfit(question: QuestionId, misfits: &[(QuestionId, String)]) -> Option<String> {
    misfits.iter().find(|(other, _)| *other == question).map(|(_, why)| format!("This {why}."))
}

/// What stands beside a question: what it means, what fits, and what it is needed for.
pub fn help(field: &FormField) -> String {
    let mut sentences: Vec<String> = field.help.iter().cloned().collect();
    if !field.rules.is_empty() {
        sentences.push(format!("{}.", field.rules.join("; ")));
    }
    sentences.push(format!("Needed for {}.", field.needed_for.join(" and ")));
    sentences.join(" ")
}

/// What becomes of a question that nobody answers, to be followed by when.
pub fn unanswered(field: &FormField) -> String {
    match &field.default {
        Some(default) => format!("Without an answer, \u{201c}{}\u{201d} is taken", value(default)),
        None => "Wanted".to_owned(),
    }
}

/// A value in a person's words.
pub fn value(value: &Value) -> String {
    match value {
        Value::Boolean(true) => "Yes".to_owned(),
        Value::Boolean(false) => "No".to_owned(),
        value => value.to_string(),
    }
}

/// What became of a question.
pub fn outcome(field: &FormField) -> &'static str {
    match field.outcome {
        Some(QuestionOutcome::Withdrawn) => "Not needed any more",
        Some(QuestionOutcome::Moved) => "Somebody else is asked",
        Some(QuestionOutcome::Default) => "Nobody answered in time",
        Some(QuestionOutcome::Answered) | None => "Answered",
    }
}

/// The answer that may be changed on this form.
pub fn changeable<'a>(field: &'a FormField, detail: &FormDetail) -> Option<&'a Answer> {
    field.answer.as_ref().filter(|_| detail.may_answer && field.outcome != Some(QuestionOutcome::Moved))
}

/// Whose answer it is: "by Ann", to be followed by when.
pub fn by(by: Option<&str>) -> String {
    by.map_or_else(|| "the default, nobody answered".to_owned(), |by| format!("by {by}"))
}

/// Why a list of forms has no rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nothing {
    NoneAnswered,
    NoneForMe,
    NoneOpen,
}

pub fn nothing(filter: &FormFilter) -> Nothing {
    match (filter.closed, filter.scope) {
        (true, _) => Nothing::NoneAnswered,
        (false, FormScope::Me) => Nothing::NoneForMe,
        (false, FormScope::Team | FormScope::All) => Nothing::NoneOpen,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::forms as samples;

    #[test]
    fn whoever_looks_is_told_what_is_theirs_to_do() {
        let detail = samples::detail();
        assert_eq!(standing(&detail), Standing::Asked);
        assert_eq!(
            standing(&FormDetail { may_answer: false, ..detail.clone() }),
            Standing::Waits(
                "Olga Petrova is asked: Phone number, Badge colour, Payment limit. You may look, and not answer."
                    .into()
            )
        );
        let over = FormDetail { over: Some("She has left.".into()), may_answer: false, ..detail };
        assert_eq!(standing(&over), Standing::Over("She has left.".into()));
    }

    #[test]
    fn a_value_is_given_as_its_kind_asks() {
        let field = samples::field(1, "Badge colour");
        for (kind, expected) in [
            (ColumnType::Text, Input::Text(None)),
            (ColumnType::Integer, Input::Number),
            (ColumnType::Date, Input::Date),
            (ColumnType::Boolean, Input::Choice(vec![("true".into(), "Yes".into()), ("false".into(), "No".into())])),
        ] {
            assert_eq!(input(&FormField { kind, ..field.clone() }), expected);
            let one_of = FormField { kind, choices: vec!["1".into()], ..field.clone() };
            assert_eq!(input(&one_of), Input::Choice(vec![("1".into(), "1".into())]), "choices go before {kind:?}");
        }
    }

    #[test]
    fn what_was_typed_goes_before_what_stands() {
        let field = samples::detail().fields.remove(0);
        assert_eq!(text(&field, &[]), "");
        let answered = FormField { answer: Some(samples::answer(1, "blue", None)), ..field.clone() };
        assert_eq!(text(&answered, &[]), "blue");
        assert_eq!(text(&answered, &[Typed { question: field.question, text: "red".into() }]), "red");
        assert_eq!(misfit(field.question, &[(field.question, "is empty".into())]).as_deref(), Some("This is empty."));
        assert_eq!(misfit(QuestionId(99), &[(field.question, "is empty".into())]), None);
    }

    #[test]
    fn a_question_says_what_it_is_for_and_what_comes_without_an_answer() {
        let fields = samples::detail().fields;
        assert_eq!(
            help(&fields[0]),
            "The first password is told by phone, never by mail. 6 to 20 characters. Needed for Badge in Badge System and RACF user in Mainframe."
        );
        assert_eq!(help(&fields[1]), "Needed for RACF user in Mainframe.");
        assert_eq!(unanswered(&fields[0]), "Wanted");
        assert_eq!(unanswered(&fields[1]), "Without an answer, \u{201c}Grey\u{201d} is taken");
        let yes = FormField { default: Some(Value::Boolean(true)), ..fields[1].clone() };
        assert_eq!(unanswered(&yes), "Without an answer, \u{201c}Yes\u{201d} is taken");
    }

    #[test]
    fn what_somebody_else_answers_now_is_not_changed_here() {
        let detail = samples::detail();
        let answered = |outcome| FormField {
            outcome: Some(outcome),
            answer: Some(samples::answer(1, "blue", None)),
            ..detail.fields[0].clone()
        };
        for outcome in QuestionOutcome::ALL {
            let field = answered(outcome);
            assert_eq!(changeable(&field, &detail).is_some(), outcome != QuestionOutcome::Moved, "{outcome:?}");
            assert_eq!(changeable(&field, &FormDetail { may_answer: false, ..detail.clone() }), None);
        }
        assert_eq!(changeable(&detail.fields[0], &detail), None);
    }

    #[test]
    fn an_empty_list_says_which_kind_of_nothing_it_is() {
        for (scope, closed, expected) in [
            (FormScope::Me, false, Nothing::NoneForMe),
            (FormScope::Team, false, Nothing::NoneOpen),
            (FormScope::All, false, Nothing::NoneOpen),
            (FormScope::Me, true, Nothing::NoneAnswered),
            (FormScope::All, true, Nothing::NoneAnswered),
        ] {
            assert_eq!(nothing(&FormFilter { scope, closed, ..FormFilter::default() }), expected);
        }
    }
}
