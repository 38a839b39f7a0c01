//! Roles, access profiles and rules, and drafts that change them.

use app::frame::{Rights, Sheet};
use app::logic::role_model::Fields;
use app::logic::time::Clock;
use app::pages::drafts::{self, Editing};
use app::pages::role_model::{self as pages, Counts, Listed};
use engine::configuration::{ConfigurationPlan, Effect, FieldChange, ObjectChange, PersonEffect};
use engine::drafts::{DraftFinding, DraftPreview};
use engine::role_model::{Choices, ObjectVersion, Turn, Versions, Vocabulary};
use engine::simulation::{Orders, RiskEffect, Simulation, Standing};
use model::access::{Dormancy, Grantable};
use model::blast_radius::{ApplicationBlast, BlastLabel, BlastRadius, DepartmentBlast, PersonBlast};
use model::block::TripView;
use model::configuration::{AssignmentRule, Role, RoleState, RuleType, Terms};
use model::draft::{
    Draft, DraftChange, DraftRow, DraftState, Matching, Object, ObjectDetail, ObjectFilter, ObjectKind, ObjectRow,
    Sample,
};
use model::ids::{ConfigurationVersionId, DraftId, IdentityId};
use model::page::Page;
use model::view::PreviewLine;

use super::{NAMES, before};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    let none = Rights::default();
    let all = Page { rows: vec![row(DraftState::Open), row(DraftState::Published)], next: None, total: 2, more: false };
    let page = Page { rows: vec![row(DraftState::Open)], next: None, total: 1, more: false };
    let nothing = Page { rows: vec![], next: None, total: 0, more: false };
    let (all_of, unsorted) = (ObjectFilter::default(), Choices::default());
    let narrowed = ObjectFilter { category: Some("sales".into()), state: Some(RoleState::Draft), ..all_of.clone() };
    vec![
        ("roles", pages::objects_sheet(ObjectKind::Role, listed(roles()), (&all_of, &choices()), &counts(), rights)),
        ("rules", pages::objects_sheet(ObjectKind::Rule, listed(rules()), (&all_of, &unsorted), &counts(), &none)),
        (
            "roles-none",
            pages::objects_sheet(ObjectKind::Role, listed(vec![]), (&all_of, &unsorted), &Counts::default(), rights),
        ),
        (
            "roles-found-none",
            pages::objects_sheet(ObjectKind::Role, listed(vec![]), (&narrowed, &choices()), &counts(), rights),
        ),
        ("role", pages::object_sheet(&role_detail(), None, (&versions(), true), rights, clock)),
        ("role-retired", pages::object_sheet(&retired(), None, (&Versions::default(), false), rights, clock)),
        ("rule", pages::object_sheet(&rule_detail(), None, (&versions(), true), &none, clock)),
        ("drafts", drafts::drafts_sheet(Some(DraftState::Open), true, page, &counts(), clock)),
        ("drafts-all", drafts::drafts_sheet(None, true, all, &counts(), clock)),
        ("drafts-none", drafts::drafts_sheet(Some(DraftState::Open), true, nothing, &Counts::default(), clock)),
        ("draft", drafts::draft_sheet(&preview(), None, rights, clock)),
        ("draft-wrong", drafts::draft_sheet(&wrong(), None, rights, clock)),
        ("draft-published", drafts::draft_sheet(&published(), None, &none, clock)),
        ("draft-orders", drafts::draft_orders_sheet(&preview().draft, &simulated(), 0, rights, clock)),
        ("draft-orders-none", drafts::draft_orders_sheet(&preview().draft, &nothing_simulated(), 0, rights, clock)),
        ("draft-orders-unseen", drafts::draft_orders_sheet(&preview().draft, &simulated(), 0, &none, clock)),
        ("draft-orders-working", drafts::draft_orders_sheet(&preview().draft, &WORKING, 0, rights, clock)),
        ("draft-edit", drafts::edit_sheet(&editing(true))),
        ("draft-new", drafts::edit_sheet(&editing(false))),
    ]
}

const WORKING: Standing = Standing::Working { done: 35_000, of: 1_000_000 };

fn simulated() -> Standing {
    let line = |number: i64, operation: &str, change: &str| PreviewLine {
        identity: Some(IdentityId(number)),
        identity_name: NAMES[number as usize % NAMES.len()].to_owned(),
        application: "crm".into(),
        account_type: "crm-user".into(),
        operation: operation.into(),
        change: change.into(),
        why: "rule sales-staff: is in Sales".into(),
        since_approval: None,
    };
    let lines = vec![
        line(1, "create", "login: nothing \u{2192} a.lee; + Sales"),
        line(2, "update", "+ Price lists; \u{2212} Price lists of last year"),
    ];
    let radius = BlastRadius {
        size: 214,
        label: BlastLabel::Considerable,
        people: 198,
        population: 8_615,
        applications: vec![ApplicationBlast {
            application: "crm".into(),
            created: 16,
            updated: 182,
            ..ApplicationBlast::default()
        }],
        entitlements_added: 198,
        entitlements_removed: 3,
        privileged_added: 0,
        privileged_removed: 0,
        top_people: vec![PersonBlast { identity: IdentityId(1), name: NAMES[1].to_owned(), weight: 12 }],
        top_departments: vec![DepartmentBlast { department: "Sales".into(), people: 198, weight: 214 }],
    };
    let trip = TripView {
        scope: "account type \u{201c}CRM user\u{201d}".into(),
        what: "would be changed".into(),
        counted: 182,
        limit: "20 % of 498 (99)".into(),
    };
    let risk = RiskEffect {
        risk: "prices-and-orders".into(),
        label: "Makes prices and takes orders".into(),
        created: 24,
        cured: 3,
        people: sample(6).people,
    };
    Standing::Done(std::sync::Arc::new(Simulation {
        at: before(40),
        people: 214,
        brought: Orders { count: 198, radius, lines },
        spared: Orders { count: 1, lines: vec![line(3, "disable", "")], ..Orders::default() },
        withdrawn: 4,
        either_way: 5,
        trips: vec![trip],
        second_person: true,
        risks: vec![risk],
        left_out: 1,
        held: 2,
        refused: 0,
    }))
}

fn nothing_simulated() -> Standing {
    Standing::Done(std::sync::Arc::new(Simulation { at: before(40), people: 12, ..Simulation::default() }))
}

fn listed(rows: Vec<ObjectRow>) -> Listed {
    let total = rows.len() as u64;
    Listed { objects: Page { rows, next: None, total, more: false }, is_first: true }
}

fn counts() -> Counts {
    Counts {
        objects: vec![(ObjectKind::Role, 2), (ObjectKind::AccessProfile, 14), (ObjectKind::Rule, 2)],
        open_drafts: 1,
    }
}

fn roles() -> Vec<ObjectRow> {
    let row = |name: &str, display_name: &str, note: &str, people| ObjectRow {
        kind: ObjectKind::Role,
        name: name.into(),
        display_name: display_name.into(),
        description: Some("What everybody in the field needs from the first day on.".into()),
        note: note.into(),
        people,
        category: Some("Commercial \u{203a} Sales".into()),
        terms: Some(role().terms()),
    };
    let plain = row("office-worker", "Office worker", "2 access profiles", 8_615);
    vec![
        row("seller", "Seller", "3 access profiles, 1 role", 214),
        ObjectRow { category: None, terms: Some(Terms::default()), ..plain },
        ObjectRow {
            terms: Some(retired_role().terms()),
            ..row("old-seller", "Door-to-door seller", "1 access profile", 0)
        },
    ]
}

fn rules() -> Vec<ObjectRow> {
    let row = |name: &str, when: &str, people| ObjectRow {
        kind: ObjectKind::Rule,
        name: name.into(),
        display_name: name.into(),
        description: None,
        note: when.into(),
        people,
        category: None,
        terms: None,
    };
    vec![row("sales-staff", WHEN, 214), row("treasury", "identity.department == 'Treasury'", 0)]
}

const WHEN: &str = "identity.department == 'Sales' && identity.country in ['NO', 'SE', 'DK']";

fn sample(total: u64) -> Sample {
    let people = NAMES.iter().zip(1..).take(6).map(|(name, number)| (IdentityId(number), (*name).to_owned()));
    Sample { total, people: people.collect() }
}

fn role() -> Role {
    Role {
        description: Some("What everybody in the field needs from the first day on.".into()),
        access_profiles: vec!["crm-access".into(), "price-lists".into()],
        roles: vec!["office-worker".into()],
        category: Some("sales".into()),
        owner: Some("olga".into()),
        valid_until: Some(jiff::civil::date(2027, 6, 30)),
        maximum_days: Some(90),
        grace_days: 14,
        ..Role::new("Seller")
    }
}

fn rule() -> AssignmentRule {
    AssignmentRule {
        description: Some("Sellers of the north".into()),
        when: WHEN.into(),
        kind: RuleType::Automatic,
        roles: vec!["seller".into()],
        access_profiles: Vec::new(),
        account_types: Vec::new(),
        entitlements: vec!["showroom-key".into()],
        deny: false,
        priority: 0,
        days_before: 7,
        days_after: 0,
    }
}

fn retired_role() -> Role {
    Role { state: RoleState::Retired, requestable: false, ..role() }
}

fn retired() -> ObjectDetail {
    ObjectDetail {
        object: Object::Role(retired_role()),
        people: Sample::default(),
        dormancy: Some(Dormancy::Retired),
        ..role_detail()
    }
}

fn choices() -> Choices {
    let category = |name: &str, label: &str| (name.to_owned(), label.to_owned());
    Choices {
        categories: vec![category("commercial", "Commercial"), category("sales", "Commercial \u{203a} Sales")],
        owners: vec!["olga".into()],
    }
}

fn versions() -> Versions {
    let version = |number: i64, minutes: i64, draft: Option<(DraftId, String)>, what: Turn| ObjectVersion {
        version: ConfigurationVersionId(number),
        by: "olga".into(),
        at: before(minutes),
        draft,
        what,
    };
    let field = |field: &str, before: Option<serde_json::Value>, after: Option<serde_json::Value>| FieldChange {
        field: field.into(),
        before,
        after,
    };
    let changed = vec![
        field(
            "access_profiles",
            Some(serde_json::json!(["crm-access"])),
            Some(serde_json::json!(["crm-access", "price-lists"])),
        ),
        field("maximum_days", None, Some(serde_json::json!(90))),
    ];
    let added = vec![field("display_name", None, Some(serde_json::json!("Seller")))];
    let draft = (DraftId(70), "Sellers of the north get price lists".to_owned());
    Versions {
        all: vec![
            version(4_711, 60, Some(draft), Turn::Changed(changed)),
            version(4_000, 60 * 24 * 30, None, Turn::Added(added)),
            version(3_900, 60 * 24 * 40, None, Turn::Removed),
        ],
        before: Some(ConfigurationVersionId(3_900)),
    }
}

fn role_detail() -> ObjectDetail {
    let thing = |grantable: Grantable, label: &str| (grantable, label.to_owned());
    ObjectDetail {
        name: "seller".into(),
        object: Object::Role(role()),
        people: sample(214),
        rules: vec![("sales-staff".into(), WHEN.into(), false), ("no-interns".into(), "identity.intern".into(), true)],
        contained_in: vec![(Grantable::Role("sales-lead".into()), "Sales lead".into())],
        leads_to: vec![
            thing(Grantable::Role("office-worker".into()), "Office worker"),
            thing(Grantable::AccessProfile("crm-access".into()), "CRM access"),
            thing(Grantable::AccessProfile("price-lists".into()), "Price lists"),
            thing(Grantable::AccountType("crm-user".into()), "CRM user"),
            thing(Grantable::Entitlement("crm-read".into()), "Read customers"),
        ],
        drafts: vec![row(DraftState::Open)],
        category: Some("Commercial \u{203a} Sales".into()),
        dormancy: None,
    }
}

fn rule_detail() -> ObjectDetail {
    ObjectDetail {
        name: "sales-staff".into(),
        object: Object::Rule(rule()),
        people: sample(6),
        rules: Vec::new(),
        contained_in: Vec::new(),
        leads_to: vec![
            (Grantable::Role("seller".into()), "Seller".into()),
            (Grantable::Entitlement("showroom-key".into()), "Key of the showroom".into()),
        ],
        drafts: Vec::new(),
        category: None,
        dormancy: None,
    }
}

pub(super) fn row(state: DraftState) -> DraftRow {
    DraftRow {
        id: DraftId(if state == DraftState::Open { 71 } else { 70 }),
        title: "Sellers of the north get price lists".into(),
        state,
        created_by: "olga".into(),
        created_at: before(90),
        changed_at: before(12),
        changes: 3,
    }
}

fn draft() -> Draft {
    let change = |name: &str, before_: Option<Object>, after: Option<Object>| DraftChange {
        kind: before_.as_ref().or(after.as_ref()).map_or(ObjectKind::Role, Object::kind),
        name: name.into(),
        before: before_,
        after,
        changed_by: "olga".into(),
        changed_at: before(12),
    };
    Draft {
        id: DraftId(71),
        title: "Sellers of the north get price lists".into(),
        state: DraftState::Open,
        created_by: "olga".into(),
        created_at: before(90),
        ended: None,
        version: None,
        changes: vec![
            change("seller", Some(Object::Role(role())), Some(Object::Role(role()))),
            change("old-seller", Some(Object::Role(role())), None),
            change("sales-staff", None, Some(Object::Rule(rule()))),
        ],
    }
}

fn plan() -> ConfigurationPlan {
    let field = |field: &str, before: Option<serde_json::Value>, after: Option<serde_json::Value>| FieldChange {
        field: field.into(),
        before,
        after,
    };
    let changed = ObjectChange {
        kind: "role".into(),
        name: "seller".into(),
        fields: vec![field(
            "access_profiles",
            Some(serde_json::json!(["crm-access"])),
            Some(serde_json::json!(["crm-access", "price-lists"])),
        )],
    };
    let added = ObjectChange {
        kind: "rule".into(),
        name: "sales-staff".into(),
        fields: vec![
            field("roles", None, Some(serde_json::json!(["seller"]))),
            field("when", None, Some(serde_json::json!(WHEN))),
        ],
    };
    let person = |number: usize, gains: &[&str], losses: &[&str]| PersonEffect {
        id: IdentityId(i64::try_from(number).unwrap_or_default()),
        name: NAMES.get(number).copied().unwrap_or_default().into(),
        key: format!("E{:05}", 1_000 + number),
        gains: gains.iter().map(|name| Grantable::Entitlement((*name).into())).collect(),
        losses: losses.iter().map(|name| Grantable::Entitlement((*name).into())).collect(),
        attributes: Vec::new(),
    };
    let effect = Effect {
        kept: vec![("role claims-handler for 14 days".into(), 3)],
        population: 8_615,
        identities: 214,
        gains: vec![("entitlement price-lists-read".into(), 214), ("access profile price-lists".into(), 214)],
        losses: vec![("role old-seller".into(), 12)],
        attributes: vec![("crm-user territory".into(), 30)],
        examples: Vec::new(),
        people: vec![
            person(3, &["price-lists-read", "price-lists-export"], &["old-catalogue"]),
            person(7, &["price-lists-read"], &[]),
        ],
    };
    let removed = ObjectChange { kind: "role".into(), name: "old-seller".into(), fields: Vec::new() };
    ConfigurationPlan {
        added: vec![added],
        changed: vec![changed],
        removed: vec![removed],
        effect: Some(effect),
        left_behind: Vec::new(),
        seal: None,
    }
}

fn preview() -> DraftPreview {
    DraftPreview {
        draft: draft(),
        plan: plan(),
        findings: Vec::new(),
        moved: Vec::new(),
        lint: super::lint::findings().into_iter().take(1).collect(),
        matches: vec![("sales-staff".into(), sample(214))],
        unmarked: vec![("directory".into(), "Directory".into())],
        seal: Some("5f".into()),
    }
}

fn wrong() -> DraftPreview {
    let finding = DraftFinding {
        object: Some((ObjectKind::Rule, "sales-staff".into())),
        place: "rule `sales-staff`, when, line 1, column 24".into(),
        message: "Expected a value after `&&`.".into(),
    };
    DraftPreview {
        plan: ConfigurationPlan { effect: None, ..plan() },
        findings: vec![finding],
        moved: vec![(ObjectKind::Role, "seller".into())],
        lint: Vec::new(),
        matches: Vec::new(),
        unmarked: Vec::new(),
        seal: None,
        ..preview()
    }
}

fn published() -> DraftPreview {
    let draft = Draft {
        state: DraftState::Published,
        ended: Some(("ann".into(), before(5))),
        version: Some(ConfigurationVersionId(7_204)),
        ..draft()
    };
    DraftPreview {
        draft,
        lint: Vec::new(),
        matches: Vec::new(),
        seal: None,
        plan: ConfigurationPlan { effect: None, ..plan() },
        ..preview()
    }
}

fn editing(is_known: bool) -> Editing {
    let object = if is_known { Object::Rule(rule()) } else { Object::Role(role()) };
    Editing {
        kind: object.kind(),
        name: is_known.then(|| "sales-staff".to_owned()),
        typed_name: String::new(),
        draft: is_known.then(draft),
        fields: if is_known { Fields::of(&object) } else { Fields::default() },
        vocabulary: Vocabulary {
            things: vec![
                (Grantable::Role("seller".into()), "Seller".into()),
                (Grantable::Entitlement("showroom-key".into()), "Key of the showroom".into()),
            ],
            applications: vec![("crm".into(), "CRM".into())],
            attributes: vec!["country".into(), "department".into()],
            categories: choices().categories,
        },
        matching: if is_known { matching() } else { Matching::Nothing },
    }
}

fn matching() -> Matching {
    let people = ["Ada Byron", "Grace Hopper"].into_iter().zip(1..).map(|(name, id)| (IdentityId(id), name.to_owned()));
    Matching::People { found: Sample { total: 1_204, people: people.collect() }, of: 8_615 }
}
