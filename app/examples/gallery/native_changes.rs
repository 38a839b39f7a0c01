//! What was changed in applications themselves.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::native_changes::{Around, native_changes_sheet};
use model::ids::{AccountId, IdentityId, NativeChangeId, OrderId, RunId};
use model::native_change::{
    NativeChange, NativeChangeFilter, NativeChangeKind as Kind, NativeChangeRow, NativeChangeState as State,
    NativeReaction,
};
use model::page::Page;
use model::user::PermissionPath;
use model::value::Value;

use super::{NAMES, before};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    vec![
        ("native-changes", list(rights, clock)),
        ("native-changes-read-only", read_only(clock)),
        ("native-changes-none-open", none_open(rights, clock)),
        ("native-changes-none", none(rights, clock)),
    ]
}

fn row(n: usize, kind: Kind, name: &str, values: (Option<&str>, Option<&str>), state: State) -> NativeChangeRow {
    let is_nobodys = kind == Kind::Created;
    let change = NativeChange {
        id: NativeChangeId(8_100 - n as i64),
        application: "directory".into(),
        account_type: if is_nobodys { String::new() } else { "directory-person".into() },
        account: AccountId(2_000 + n as i64),
        key: format!("2819c223-7f76-453a-919d-41386190464{n}"),
        identity: (!is_nobodys).then(|| IdentityId(100 + n as i64)),
        kind,
        name: name.into(),
        before: values.0.map(Value::from),
        after: values.1.map(Value::from),
        instead_of: values.0.map(Value::from),
        seen_at: before(n as i64 * 37 + 12),
        run: RunId(7_001),
        reaction: NativeReaction::Review,
        state,
        why: None,
        holds: matches!(state, State::Open | State::Accepted),
        decided_by: None,
        decided_at: None,
        comment: None,
        order: None,
    };
    NativeChangeRow {
        identity_name: (!is_nobodys).then(|| NAMES[n].to_owned()),
        application_name: "Cloud Directory".into(),
        account_type_label: "Cloud account".into(),
        called: Some(format!("person{n}@example.org")),
        entitlement_label: (kind == Kind::EntitlementAdded).then(|| "Domain administrators".to_owned()),
        change,
    }
}

fn rows() -> Vec<NativeChangeRow> {
    let mut rows = vec![
        row(0, Kind::Attribute, "title", (Some("Controller"), Some("Chief Controller")), State::Open),
        row(1, Kind::EntitlementAdded, "cn=domain-admins", (None, None), State::Open),
        row(2, Kind::Attribute, "phone", (None, Some("+31 10 555 1234")), State::Reverting),
        row(3, Kind::Disabled, "", (None, None), State::Accepted),
        row(4, Kind::Attribute, "title", (Some("Shift Lead"), None), State::Reverted),
        row(5, Kind::Created, "", (None, None), State::Noted),
        row(6, Kind::EntitlementRemoved, "cn=vpn", (None, None), State::Overtaken),
    ];
    rows[0].change.why = Some(
        "Another authority sets it back: changes of this account were undone 3 times within a day, and came again. Find \
         out who changes it there, then accept or revert."
            .into(),
    );
    rows[2].change.order = Some(OrderId(4_310));
    let accepted = &mut rows[3].change;
    (accepted.decided_by, accepted.decided_at) = (Some("olga".into()), Some(before(30)));
    accepted.comment = Some("On parental leave; the helpdesk switched it off.".into());
    rows[4].change.reaction = NativeReaction::Revert;
    rows[4].change.order = Some(OrderId(4_290));
    rows
}

fn around() -> Around {
    let counts = [
        (State::Open, 2),
        (State::Reverting, 1),
        (State::Noted, 1),
        (State::Accepted, 1),
        (State::Reverted, 1),
        (State::Overtaken, 1),
    ];
    let applications = [("directory", "Cloud Directory"), ("payroll", "Payroll")];
    Around {
        counts: counts.into(),
        applications: applications.map(|(name, label)| (name.to_owned(), label.to_owned())).into(),
        seen_until: Some(before(12)),
    }
}

fn page(rows: Vec<NativeChangeRow>) -> Page<NativeChangeRow> {
    Page { total: rows.len() as u64, rows, next: None, more: false }
}

fn list(rights: &Rights, clock: &Clock) -> Sheet {
    native_changes_sheet(&NativeChangeFilter::default(), page(rows()), &around(), rights, clock)
}

/// Who may look and not decide.
fn read_only(clock: &Clock) -> Sheet {
    let rights = Rights::of(&PermissionPath::parse("/NativeChanges/View").into_iter().collect::<Vec<_>>());
    native_changes_sheet(&NativeChangeFilter::default(), page(rows()), &around(), &rights, clock)
}

fn none_open(rights: &Rights, clock: &Clock) -> Sheet {
    let open = NativeChangeFilter { state: Some(State::Open), ..NativeChangeFilter::default() };
    native_changes_sheet(&open, page(Vec::new()), &around(), rights, clock)
}

fn none(rights: &Rights, clock: &Clock) -> Sheet {
    let nothing = Around { counts: [].into(), ..around() };
    native_changes_sheet(&NativeChangeFilter::default(), page(Vec::new()), &nothing, rights, clock)
}
