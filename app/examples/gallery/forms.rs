//! Forms, in all the states they have.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::forms::{form_sheet, forms_sheet};
use jiff::SignedDuration;
use model::configuration::ColumnType;
use model::form::{
    Answer, FormCounts, FormDetail, FormField, FormFilter, FormOwner, FormRow, FormScope, IdentityQuestion,
    QuestionOutcome, Typed,
};
use model::ids::{AnswerId, FormId, IdentityId, QuestionId};
use model::page::Page;
use model::value::Value;

use super::now;

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    vec![
        ("forms", list(false, rights, clock)),
        ("forms-none", list(true, rights, clock)),
        ("form", open(clock)),
        ("form-refused", refused(clock)),
        ("form-misfits", misfits(clock)),
        ("form-answered", answered(clock)),
    ]
}

fn days(number: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * number)
}

fn row(id: i64, name: &str, owner: &str, labels: &[&str], due_in: i64) -> FormRow {
    FormRow {
        id: FormId(id),
        identity: IdentityId(100 + id),
        identity_name: name.into(),
        owner: FormOwner::Login(owner.to_lowercase()),
        owner_name: owner.into(),
        labels: labels.iter().map(|label| (*label).to_owned()).collect(),
        opened_at: now() - days(3),
        closed_at: None,
        due_at: Some(now() + days(due_in)),
    }
}

pub(crate) fn field(id: i64, label: &str) -> FormField {
    FormField {
        question: QuestionId(id),
        key: label.to_lowercase(),
        label: label.into(),
        help: None,
        rules: Vec::new(),
        kind: ColumnType::Text,
        maximum_length: None,
        choices: Vec::new(),
        needed_for: vec!["RACF user in Mainframe".into()],
        due_at: Some(now() + days(2)),
        default: None,
        outcome: None,
        answer: None,
    }
}

pub(crate) fn detail() -> FormDetail {
    FormDetail {
        row: row(4, "Elif Yıldız", "Olga Petrova", &["Phone number", "Badge colour", "Payment limit"], 2),
        about: [("department", "Finance"), ("site", "Rotterdam"), ("title", "Controller")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        fields: vec![
            FormField {
                help: Some("The first password is told by phone, never by mail.".into()),
                rules: vec!["6 to 20 characters".into()],
                needed_for: vec!["Badge in Badge System".into(), "RACF user in Mainframe".into()],
                ..field(1, "Phone number")
            },
            FormField {
                choices: vec!["Red".into(), "Blue".into(), "Grey".into()],
                default: Some(Value::from("Grey")),
                ..field(2, "Badge colour")
            },
            FormField { kind: ColumnType::Integer, rules: vec!["A whole number".into()], ..field(3, "Payment limit") },
        ],
        may_answer: true,
        over: None,
    }
}

pub(crate) fn list(is_empty: bool, rights: &Rights, clock: &Clock) -> Sheet {
    let rows = vec![
        row(4, "Elif Yıldız", "Olga Petrova", &["Phone number", "Badge colour", "Payment limit"], 2),
        row(5, "Jonas Weber", "Olga Petrova", &["Phone number"], -1),
        row(6, "Kavya Raman", "Front desk", &["Locker"], 9),
    ];
    let total = rows.len() as u64;
    let page = if is_empty {
        Page { rows: vec![], next: None, total: 0, more: false }
    } else {
        Page { rows, next: None, total, more: false }
    };
    let scope = if is_empty { FormScope::Me } else { FormScope::All };
    let counts = FormCounts { me: if is_empty { 0 } else { 2 }, team: 1, all: 3 };
    forms_sheet(&FormFilter { scope, ..FormFilter::default() }, page, counts, rights, clock)
}

pub(crate) fn open(clock: &Clock) -> Sheet {
    form_sheet(&detail(), &[], &[], clock)
}

pub(crate) fn refused(clock: &Clock) -> Sheet {
    form_sheet(&FormDetail { may_answer: false, ..detail() }, &[], &[], clock)
}

pub(crate) fn misfits(clock: &Clock) -> Sheet {
    let typed = [
        Typed { question: QuestionId(1), text: "ask the desk".into() },
        Typed { question: QuestionId(2), text: "Red".into() },
    ];
    form_sheet(&detail(), &typed, &[(QuestionId(1), "does not match `\\+?[0-9 ]+`".into())], clock)
}

pub(crate) fn answer(id: i64, value: &str, by: Option<&str>) -> Answer {
    Answer {
        id: AnswerId(id),
        identity: IdentityId(104),
        key: "phone".into(),
        value: Value::from(value),
        by: by.map(str::to_owned),
        at: now() - days(1),
    }
}

pub(crate) fn answered(clock: &Clock) -> Sheet {
    let mut detail = detail();
    detail.row.closed_at = Some(now() - days(1));
    detail.over = Some("All questions of this form are answered or not needed any more.".into());
    let outcomes = [
        (QuestionOutcome::Answered, Some(answer(1, "+31 10 555 9000", Some("olga")))),
        (QuestionOutcome::Default, Some(answer(2, "Grey", None))),
        (QuestionOutcome::Withdrawn, None),
    ];
    for (field, (outcome, answer)) in detail.fields.iter_mut().zip(outcomes) {
        (field.outcome, field.answer) = (Some(outcome), answer);
    }
    form_sheet(&detail, &[], &[], clock)
}

pub(crate) fn of_identity() -> Vec<IdentityQuestion> {
    let answer = Answer {
        id: AnswerId(1),
        identity: IdentityId(101),
        key: "phone".into(),
        value: Value::from("+31 10 555 9000"),
        by: Some("olga".into()),
        at: now() - days(1),
    };
    vec![
        IdentityQuestion {
            form: Some(FormId(4)),
            label: "Badge colour".into(),
            owner_name: "Hiro Tanaka".into(),
            due_at: Some(now() + days(2)),
            answer: None,
        },
        IdentityQuestion {
            form: None,
            label: "Phone number".into(),
            owner_name: "Olga Petrova".into(),
            due_at: None,
            answer: Some(answer),
        },
    ]
}
