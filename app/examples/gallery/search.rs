//! What was found, and views that people keep.

use app::components::list_tools::ListTools;
use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::{saved_views, search};
use engine::search::Group;
use model::draft::ObjectKind;
use model::ids::{IdentityId, OrderId, SavedViewId, UserId};
use model::search::{Hit, HitKind, SavedView, SavedViewRow, Target};

pub(crate) fn sheets(rights: &Rights, _: &Clock) -> Vec<(&'static str, Sheet)> {
    vec![
        ("search", search::search_sheet("ann", &groups(), rights)),
        ("search-nothing", search::search_sheet("zzz", &[], rights)),
        ("search-empty", search::search_sheet("", &[], rights)),
        ("views", saved_views::views_sheet(&views(), rights)),
        ("views-none", saved_views::views_sheet(&[], rights)),
    ]
}

/// What stands above the list of orders.
pub(crate) fn tools() -> ListTools {
    ListTools {
        page: "/orders".into(),
        query: "state=errored".into(),
        views: Some(views()),
        may_share: true,
        file: Some("/exports/orders.csv?state=errored".into()),
    }
}

fn groups() -> Vec<Group> {
    let hit = |target, title: &str, detail: &str| Hit { target, title: title.into(), detail: detail.into(), score: 9 };
    let group = |kind, hits, more| Group { kind, hits, more };
    vec![
        group(HitKind::Page, vec![hit(Target::Page("/orders".into()), "Orders", "Page")], false),
        group(
            HitKind::Identity,
            vec![
                hit(Target::Identity(IdentityId(1)), "Ann Lindqvist", "E10001, Sales"),
                hit(Target::Identity(IdentityId(2)), "Annabel <O'Neill>", "E10002"),
            ],
            true,
        ),
        group(
            HitKind::RoleModel,
            vec![hit(Target::Object(ObjectKind::Role, "analyst".into()), "Analyst", "Role analyst")],
            true,
        ),
        group(HitKind::Order, vec![hit(Target::Order(OrderId(9)), "Order 9", "Ann Lindqvist, Payroll")], false),
    ]
}

fn views() -> Vec<SavedViewRow> {
    let row = |id, name: &str, query: &str, own, shared| SavedViewRow {
        view: SavedView {
            id: SavedViewId(id),
            owner: UserId(if own { 1 } else { 2 }),
            page: "/orders".into(),
            name: name.into(),
            query: query.into(),
            shared,
            created_at: super::now(),
            changed_at: super::now(),
        },
        owner_name: "Bo Achterberg".into(),
        own,
        default: id == 1,
    };
    vec![
        row(1, "Failed", "state=errored", true, false),
        row(2, "Payroll <all>", "application=payroll", true, true),
        row(3, "Night shift", "text=night&state=pending", false, true),
    ]
}
