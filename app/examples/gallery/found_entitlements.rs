//! Found entitlements of the gallery: named, clashing, and for a person to name.

use app::frame::{Rights, Sheet};
use app::pages::found_entitlements::{Filter, found_sheet};
use app::pages::role_model::Counts;
use engine::found_entitlements::{FoundEntitlement, FoundRow, Named, Show, Standing};
use model::draft::ObjectKind;

pub(crate) fn sheets(rights: &Rights) -> Vec<(&'static str, Sheet)> {
    let none = Rights::default();
    let all = Filter::default();
    let sheet = |rows, filter: &Filter, rights: &Rights| found_sheet(&rows, filter, &counts(), rights);
    let unnamed = Filter { show: Show::Unnamed, ..Filter::default() };
    vec![
        ("found-entitlements", sheet(Standing::Done(rows()), &all, rights)),
        ("found-entitlements-refused", sheet(Standing::Done(rows()), &all, &none)),
        ("found-entitlements-none", sheet(Standing::Done(Vec::new()), &all, rights)),
        ("found-entitlements-filtered", sheet(Standing::Done(rows()[..1].to_vec()), &unnamed, rights)),
        ("found-entitlements-counting", sheet(Standing::Working { done: 12 }, &all, rights)),
    ]
}

fn counts() -> Counts {
    Counts { objects: ObjectKind::ROLE_MODEL.map(|kind| (kind, 12)).to_vec(), open_drafts: 1 }
}

fn rows() -> Vec<FoundRow> {
    let row = |key: &str, holders, named| FoundRow {
        found: FoundEntitlement {
            application: "directory".into(),
            key: key.into(),
            display_name: format!("Group {key}"),
        },
        application_label: "Cloud directory".into(),
        holders,
        named,
    };
    let named = |system: &str, clash: Option<&str>| {
        Some(Named {
            rule: "directory-applications".into(),
            entitlement: format!("directory-group-{system}"),
            access_profile: Some(format!("directory-{system}")),
            role: None,
            clash: clash.map(str::to_owned),
        })
    };
    let taken =
        "another entitlement has the name `directory-group-crm`; let the rule tell them apart, or add it by hand";
    vec![
        row("APP Berth Planner Read", 14, named("berth-planner-read", None)),
        row("APP CRM", 3_211, named("crm", Some(taken))),
        row("Old Fax Distribution", 0, None),
    ]
}
