//! Bulk changes: none, several, and one in each of its states that look different.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::bulk_changes::{self as pages, Begin, Rows};
use model::access::Grantable;
use model::bulk_change::{BulkChange, BulkChangeState as State, BulkCounts, BulkRow, BulkRowState, WrittenRow};
use model::ids::{BulkChangeId, IdentityId, RequestId};
use model::page::Page;
use model::request::Change;

use super::{NAMES, before};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    let begin = Begin {
        departments: vec!["Sales".into(), "Finance".into()],
        things: [(Grantable::Role("sales-staff".into()), "Sales staff".into())].into(),
        ..Begin::default()
    };
    let none = Page { rows: vec![], next: None, total: 0, more: false };
    let all = [State::Previewed, State::Applied, State::Undone].map(change);
    let all = Page { rows: all.to_vec(), next: None, total: 3, more: false };
    let sheet = |change: &BulkChange, row| pages::bulk_change_sheet(change, &rows(row), rights, clock);
    let moved = BulkChange {
        message: Some(
            "People, what they hold or the configuration changed since it was previewed. Nothing was changed. Look at it as \
             it is now, then confirm again."
                .into(),
        ),
        ..change(State::Previewed)
    };
    let checking = BulkChange { through: 412_500, rows: 1_000_000, ..change(State::Checking) };
    vec![
        ("bulk-changes", pages::bulk_changes_sheet(all.clone(), true, Some(&begin), rights, clock)),
        ("bulk-changes-none", pages::bulk_changes_sheet(none, true, Some(&begin), rights, clock)),
        ("bulk-changes-refused", pages::bulk_changes_sheet(all, true, None, &Rights::default(), clock)),
        ("bulk-change-preview", sheet(&change(State::Previewed), BulkRowState::Ready)),
        ("bulk-change-moved", sheet(&moved, BulkRowState::Ready)),
        ("bulk-change-checking", pages::bulk_change_sheet(&checking, &Rows::default(), rights, clock)),
        ("bulk-change-applied", sheet(&change(State::Applied), BulkRowState::Applied)),
        ("bulk-change-undone", sheet(&change(State::Undone), BulkRowState::Undone)),
    ]
}

fn change(state: State) -> BulkChange {
    let number = match state {
        State::Previewed => 9_100,
        State::Applied => 9_090,
        _ => 9_080,
    };
    let new = BulkChange::new(
        BulkChangeId(number),
        "spring-clean.csv".into(),
        "Sales moves to the new portal".into(),
        "olga".into(),
        before(60),
    );
    let is_over = matches!(state, State::Applied | State::Undone);
    BulkChange {
        state,
        rows: 1_204,
        digest: "5b2f".into(),
        counts: BulkCounts {
            people: 1_187,
            additions: 1_150,
            removals: 37,
            risks: 1,
            ready: if is_over { 0 } else { 1_187 },
            already: 5,
            refused: 12,
            applied: if state == State::Applied { 1_187 } else { 0 },
            undone: if state == State::Undone { 1_185 } else { 0 },
            conflicts: if state == State::Undone { 2 } else { 0 },
        },
        confirmed: is_over.then(|| ("olga".into(), before(40))),
        undone: (state == State::Undone).then(|| ("ann".into(), before(10), "The list was of last year".into())),
        ended_at: is_over.then(|| before(39)),
        ..new
    }
}

fn rows(good: BulkRowState) -> Rows {
    let row = |line: u64, state: BulkRowState, message: Option<&str>| {
        let name = NAMES.get(usize::try_from(line).unwrap_or_default() % NAMES.len()).copied().unwrap_or_default();
        let written = WrittenRow { identity: format!("E1{line:04}"), action: "give".into(), ..WrittenRow::default() };
        let is_known = state != BulkRowState::Refused;
        let row = BulkRow {
            identity: is_known.then_some(IdentityId(100)),
            identity_name: is_known.then(|| name.into()),
            item: is_known.then(|| (Change::Give, Grantable::Role("sales-staff".into()))),
            state,
            message: message.map(str::to_owned),
            request: matches!(state, BulkRowState::Applied | BulkRowState::Undone | BulkRowState::Conflict)
                .then_some(RequestId(8_100)),
            ..BulkRow::new(line, written)
        };
        (row, "Sales staff".to_owned())
    };
    let mut risky = row(3, good, None);
    risky.0.risk = Some(
        "It would bring about the risk \u{201c}Pays what they book\u{201d} (level 80): Books together with Pays."
            .into(),
    );
    let other = if good == BulkRowState::Undone { BulkRowState::Conflict } else { BulkRowState::Already };
    Rows {
        state: None,
        after: 0,
        rows: vec![
            row(2, good, None),
            risky,
            row(
                4,
                BulkRowState::Refused,
                Some("There is nobody with the key `E10004`. Write a key of the identity source, or # and a number."),
            ),
            row(5, other, Some("Request 8100 gave it anew since. It stays as that request wants it.")),
        ],
    }
}
