//! Mails, and who wants which.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::mails;
use jiff::SignedDuration;
use model::ids::MailId;
use model::mail::{MailFilter, MailOverview, MailPreferences, MailRow, MailState, NoticeKind};
use model::page::Page;

use super::{NAMES, before, now};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    vec![
        ("mails", mails::mails_sheet(&MailFilter::default(), mail_rows(), &mail_overview(), rights, clock)),
        (
            "mails-none-failed",
            mails::mails_sheet(
                &MailFilter { state: Some(MailState::Failed), ..MailFilter::default() },
                Page { rows: Vec::new(), next: None, total: 0, more: false },
                &MailOverview { failed: 0, ..mail_overview() },
                rights,
                clock,
            ),
        ),
        (
            "mails-no-server",
            mails::mails_sheet(
                &MailFilter::default(),
                Page { rows: Vec::new(), next: None, total: 0, more: false },
                &MailOverview::default(),
                rights,
                clock,
            ),
        ),
        ("my-mail", mails::my_mail_sheet(&mail_preferences(), &mail_subjects(), Some("olga@example.org"), true)),
        ("my-mail-no-server", mails::my_mail_sheet(&MailPreferences::default(), &mail_subjects(), None, false)),
    ]
}

fn mail_rows() -> Page<MailRow> {
    let row = |n: i64, state, problem: Option<&str>| MailRow {
        id: MailId(9_000 + n),
        user_name: NAMES[usize::try_from(n).unwrap_or_default() % NAMES.len()].into(),
        address: format!("person{n}@example.org"),
        subject: ["12 work items for you", "Cloud Directory: no connection", "1 order waits for your review"]
            [usize::try_from(n).unwrap_or_default() % 3]
            .into(),
        state,
        attempts: 1,
        next_attempt_at: (state == MailState::Waiting).then(|| now() + SignedDuration::from_mins(2)),
        created_at: before(n * 7),
        sent_at: (state == MailState::Sent).then(|| before(n * 7)),
        problem: problem.map(str::to_owned),
    };
    let rows = vec![
        row(0, MailState::Waiting, None),
        row(1, MailState::Waiting, Some("Connection error: Connection refused (os error 111)")),
        row(2, MailState::Sent, None),
        row(3, MailState::Failed, Some("permanent error (550): 5.1.1 There is no such mailbox")),
        row(4, MailState::Sent, None),
    ];
    Page { total: rows.len() as u64, rows, next: None, more: false }
}

fn mail_overview() -> MailOverview {
    MailOverview { server: Some("mail.example.org".into()), waiting: 2, sent: 2, failed: 1 }
}

fn mail_preferences() -> MailPreferences {
    MailPreferences { address: Some("olga@example.org".into()), silenced: vec![NoticeKind::RunEnded] }
}

fn mail_subjects() -> Vec<(NoticeKind, Vec<String>)> {
    vec![
        (NoticeKind::WorkItem, vec!["mainframe".into(), "badge".into()]),
        (NoticeKind::Review, Vec::new()),
        (NoticeKind::RunEnded, vec!["complete".into()]),
        (NoticeKind::ApplicationTrouble, vec!["directory".into()]),
    ]
}
