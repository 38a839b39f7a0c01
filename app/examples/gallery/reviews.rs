//! What waits for a reviewer.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::review;
use model::ids::{DeclinedChangeId, IdentityId, OrderId, OrderItemId};
use model::order::{ErrorClass, Order, ProvisioningState as State, StateReason};
use model::page::Page;
use model::plan::{ItemKind, ItemOperation, Operation};
use model::review::{
    DeclinedChange, DeclinedRow, Forecast, OrderVerdicts, ReviewFilter, ReviewGroup, ReviewKind, ReviewOrder,
    ReviewPage, Verdict,
};
use model::value::Value;

use super::orders::order;
use super::{NAMES, before};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    vec![
        ("review", review::review_sheet(&ReviewFilter::default(), &part(), rights, clock)),
        ("review-done", review::review_sheet(&ReviewFilter::default(), &nothing(), rights, clock)),
        ("review-confirm", review::confirm_sheet(&verdicts(), &prepared())),
        ("review-declined", review::declined_sheet(declined(), false, true, clock)),
    ]
}

fn waiting(n: usize, kind: ReviewKind) -> ReviewOrder {
    let mut base: Order = order(State::AwaitingApproval, None);
    base.id = OrderId(4_100 + n as i64);
    base.operation = match kind {
        ReviewKind::Addition => Operation::Create,
        ReviewKind::Deletion => Operation::Disable,
        ReviewKind::Association | ReviewKind::Update => Operation::Update,
    };
    for item in &mut base.items {
        item.state = State::AwaitingApproval;
        item.message = None;
    }
    let needed = base.items.iter().take(1).map(|item| item.id).collect();
    ReviewOrder {
        order: base,
        kind,
        identity_name: NAMES[n].into(),
        application_name: "Bank portal".into(),
        account_type_label: "Bank user".into(),
        periods: vec![],
        confidence: (kind == ReviewKind::Association).then_some(100),
        needed: if kind == ReviewKind::Addition { needed } else { vec![] },
    }
}

fn failed(n: usize) -> ReviewOrder {
    let reason =
        StateReason::Failed { class: ErrorClass::Permission, message: "insufficientAccessRights (50)".to_owned() };
    let mut base: Order = order(State::Errored, Some(reason));
    base.id = OrderId(4_200 + n as i64);
    base.account_type = "directory-person".into();
    ReviewOrder {
        order: base,
        application_name: "Cloud Directory".into(),
        account_type_label: "Cloud account".into(),
        ..waiting(n, ReviewKind::Update)
    }
}

pub(crate) fn part() -> ReviewPage {
    let group = |state, cause: &str, label: &str, account_type: &str, shown: &str, orders| ReviewGroup {
        state,
        cause: cause.into(),
        label: label.into(),
        account_type: account_type.into(),
        account_type_label: shown.into(),
        orders,
    };
    let refused = ErrorClass::Permission;
    ReviewPage {
        groups: vec![
            group(
                State::AwaitingApproval,
                "review",
                "The account type asks for a review.",
                "bank-signatory",
                "Bank user",
                3,
            ),
            group(State::Errored, refused.name(), refused.remedy(), "directory-person", "Cloud account", 214),
        ],
        orders: vec![
            waiting(1, ReviewKind::Addition),
            waiting(2, ReviewKind::Association),
            waiting(3, ReviewKind::Deletion),
            failed(4),
            failed(5),
        ],
        total: 217,
        next: Some("4205".into()),
        declined: 2,
    }
}

pub(crate) fn nothing() -> ReviewPage {
    ReviewPage { groups: vec![], orders: vec![], total: 0, next: None, declined: 2 }
}

pub(crate) fn verdicts() -> Vec<OrderVerdicts> {
    let said = [Verdict::Approve, Verdict::Decline, Verdict::Postpone];
    let order = waiting(2, ReviewKind::Update).order;
    let items = order.items.iter().zip(said.iter().cycle()).map(|(item, verdict)| (item.id, *verdict)).collect();
    vec![OrderVerdicts { order: order.id, items }]
}

pub(crate) fn prepared() -> Vec<(ReviewOrder, Result<Forecast, String>)> {
    let what = |verdict| match verdict {
        Verdict::Approve => "Goes out.",
        Verdict::Decline => "Is not done, and not ordered again until somebody reopens it.",
        Verdict::Postpone => "Waits on for a review, in an order of its own.",
    };
    let items: Vec<(OrderItemId, Verdict, String)> =
        verdicts().remove(0).items.into_iter().map(|(id, verdict)| (id, verdict, what(verdict).to_owned())).collect();
    let forecast = Forecast { summary: "1 of 3 properties go out.".into(), items };
    vec![
        (waiting(2, ReviewKind::Update), Ok(forecast)),
        (
            waiting(1, ReviewKind::Addition),
            Err("Order 4101: the account cannot be created without “login”. Approve it, or decline the account.".into()),
        ),
    ]
}

pub(crate) fn declined() -> Page<DeclinedRow> {
    let row = |n: i64, kind, name: &str, operation, value: Option<&str>, comment: &str| DeclinedRow {
        declined: DeclinedChange {
            id: DeclinedChangeId(n),
            identity: IdentityId(100 + n),
            account_type: "bank-signatory".into(),
            account: None,
            kind,
            name: name.into(),
            account_operation: Operation::Create,
            operation,
            value: value.map(Value::from),
            order: OrderId(4_000 + n),
            declined_by: "olga".into(),
            declined_at: before(60 * n),
            comment: comment.into(),
            reopened_by: None,
            reopened_at: None,
        },
        identity_name: NAMES[n as usize].into(),
        application: "Bank portal".into(),
    };
    let rows = vec![
        row(1, ItemKind::Entitlement, "SIGN", ItemOperation::Add, None, "Not before the training in May."),
        row(2, ItemKind::Attribute, "phone", ItemOperation::Set, Some("+49 421 55 01"), "A private number."),
    ];
    Page { rows, next: None, total: 2, more: false }
}
