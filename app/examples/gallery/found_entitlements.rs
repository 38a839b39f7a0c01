//! Found entitlements of the gallery: named, clashing, and for a person to name.

use app::frame::{Rights, Sheet};
use app::pages::found_entitlements::{Filter, found_sheet};
use app::pages::role_model::Counts;
use engine::found_entitlements::{FoundEntitlement, FoundRow, Named, Show};
use model::draft::ObjectKind;

pub(crate) fn sheets(rights: &Rights) -> Vec<(&'static str, Sheet)> {
    let none = Rights::default();
    let unnamed = Filter { show: Show::Unnamed, ..Filter::default() };
    vec![
        ("found-entitlements", found_sheet(&rows(), &Filter::default(), &counts(), rights)),
        ("found-entitlements-refused", found_sheet(&rows(), &Filter::default(), &counts(), &none)),
        ("found-entitlements-none", found_sheet(&[], &Filter::default(), &counts(), rights)),
        ("found-entitlements-filtered", found_sheet(&rows()[..1], &unnamed, &counts(), rights)),
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
