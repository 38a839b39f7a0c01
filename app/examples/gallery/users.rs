//! Who signs in, and what they may do.

use app::frame::{Rights, Sheet};
use app::logic::time::Clock;
use app::pages::permissions::{self, Answered, Held, Offered, Question};
use app::pages::users::{self, Found, Typed, TypedUser};
use app::permissions::asked;
use engine::mails::Told;
use engine::permissions::{Able, ConflictView, EntryView, Holder, ProfileView, Tested};
use model::configuration::{Configuration, ConflictEffect, PermissionConflict, PermissionProfile};
use model::error::ApiError;
use model::identity::LifecycleState;
use model::ids::{IdentityId, UserId};
use model::mail::{Hearing, NoticeKind};
use model::page::Page;
use model::permission::conflict::Met;
use model::permission::{Extent, Grant};
use model::user::{LinkedPerson, PermissionPath, User, UserDetail, UserFilter, UserRow, UserShow};
use model::view::IdentityRow;

use super::{NAMES, before};

pub(crate) fn sheets(rights: &Rights, clock: &Clock) -> Vec<(&'static str, Sheet)> {
    let looker = Rights::of(&held(&["/Users/View"]).into_iter().map(|(_, path)| path).collect::<Vec<_>>());
    let typed = Typed { display_name: "Olga P.".into(), profiles: vec!["auditor".into()], is_stale: true };
    let of = |disabled, linked| detail(disabled, linked);
    let operator = held(&["/Home", "/Jobs", "/Orders/View", "/WorkItems/Fulfil/mainframe", "/Nowhere/At/All"]);
    let gone = UserFilter { show: Some(UserShow::Disabled), ..UserFilter::default() };
    let form =
        TypedUser { login: "noor".into(), display_name: "Noor Haddad".into(), profiles: vec!["operator".into()] };
    let profiles = &profiles();
    vec![
        ("users", users::users_sheet(&UserFilter::default(), profiles, rows(), rights, clock)),
        ("users-none", users::users_sheet(&gone, profiles, Page::empty(), rights, clock)),
        ("user-new", users::new_user_sheet(&form, profiles)),
        ("user", users::user_sheet(&of(false, true), profiles, &operator, &[met()], None, None, rights, clock)),
        ("user-stale", users::user_sheet(&of(false, true), profiles, &operator, &[], Some(typed), None, rights, clock)),
        (
            "user-find",
            users::user_sheet(&of(false, false), profiles, &operator, &[], None, Some(&found()), rights, clock),
        ),
        ("user-disabled", users::user_sheet(&of(true, false), profiles, &[], &[], None, None, rights, clock)),
        ("user-looked-at", users::user_sheet(&of(false, true), profiles, &operator, &[], None, None, &looker, clock)),
        ("permissions", permissions::permissions_sheet(&views(), &conflicts(), rights)),
        ("permissions-none", permissions::permissions_sheet(&[], &[], &looker)),
        ("permissions-test", permissions::test_sheet(&Question::default(), &offered(), None)),
        ("permissions-test-yes", tested("/jobs", &["operator"])),
        ("permissions-test-no", tested("/Users/Manage", &["auditor"])),
        ("permissions-test-signed-in", tested("/forms", &["auditor"])),
        ("permissions-test-mistake", mistaken()),
        ("permissions-notices", permissions::notices_sheet(NoticeKind::WorkItem, &told(), true)),
        ("permissions-notices-by-name", permissions::notices_sheet(NoticeKind::Approval, &[], false)),
        ("permissions-notices-none", permissions::notices_sheet(NoticeKind::Review, &[], true)),
    ]
}

fn path(text: &str) -> Option<PermissionPath> {
    PermissionPath::parse(text)
}

fn held(entries: &[&str]) -> Vec<Held> {
    entries.iter().filter_map(|text| Some(("operator".to_owned(), path(text)?))).collect()
}

fn profiles() -> Vec<(String, String)> {
    let named = [("administrator", "Administrator"), ("auditor", "Auditor"), ("operator", "Operator")];
    named.map(|(name, label)| (name.to_owned(), label.to_owned())).into()
}

fn rows() -> Page<UserRow> {
    let row = |n: i64, profiles: &[&str], disabled: bool| {
        let name = NAMES[usize::try_from(n).unwrap_or_default() % NAMES.len()];
        UserRow {
            id: UserId(n),
            login: name.split(' ').next().unwrap_or_default().to_lowercase(),
            display_name: name.to_owned(),
            identity: (n % 2 == 0).then(|| (IdentityId(n), name.to_owned())),
            profiles: profiles.iter().map(|name| (*name).to_owned()).collect(),
            disabled,
            last_sign_in: (n != 3).then(|| before(n * 50)),
            conflicts: (n == 2).then(|| met().label).into_iter().collect(),
        }
    };
    let rows = vec![row(1, &["administrator"], false), row(2, &["auditor", "operator"], false), row(3, &[], true)];
    Page { total: 3, rows, next: None, more: false }
}

fn user(disabled: bool) -> User {
    User {
        id: UserId(2),
        login: "olga".into(),
        display_name: "Olga Petrova".into(),
        identity: Some(IdentityId(14)),
        profiles: vec!["operator".into(), "retired-desk".into()],
        disabled,
    }
}

fn detail(disabled: bool, linked: bool) -> UserDetail {
    let person = linked.then(|| LinkedPerson {
        id: IdentityId(14),
        key: "E10014".into(),
        display_name: "Olga Petrova".into(),
        lifecycle: LifecycleState::Active,
    });
    UserDetail {
        user: user(disabled),
        seen: "9f2c".into(),
        person,
        last_sign_in: (!disabled).then(|| before(42)),
        sessions: if disabled { 0 } else { 2 },
        address: linked.then(|| "olga@example.org".into()),
    }
}

fn found() -> Found {
    let row = |n: usize| IdentityRow {
        id: IdentityId(i64::try_from(n).unwrap_or_default()),
        key: format!("E100{n:02}"),
        display_name: NAMES[n].into(),
        department: "Finance".into(),
        title: "Controller".into(),
        site: "Rotterdam".into(),
        lifecycle: LifecycleState::Active,
        state: None,
        accounts: 2,
        entitlements: 5,
        open_orders: 0,
    };
    Found { text: "ol".into(), people: Page { rows: vec![row(14), row(18)], next: None, total: 12, more: false } }
}

fn views() -> Vec<ProfileView> {
    let entry = |text: &str, notifies: bool| EntryView {
        text: text.into(),
        path: path(text),
        notifies,
        is_known: !text.starts_with("/Jobz"),
    };
    let holder = |n: i64, disabled| Holder {
        id: UserId(n),
        login: format!("user{n}"),
        display_name: NAMES[usize::try_from(n).unwrap_or_default()].into(),
        disabled,
    };
    vec![
        ProfileView {
            people: None,
            name: "operator".into(),
            label: "Operator".into(),
            entries: vec![entry("/Home", true), entry("/WorkItems/Fulfil/mainframe", false), entry("/Jobz", true)],
            holders: vec![holder(1, false), holder(2, true)],
        },
        ProfileView { name: "empty".into(), label: "Nothing".into(), entries: vec![], people: None, holders: vec![] },
        ProfileView {
            people: None,
            name: "retired-desk".into(),
            label: "retired-desk".into(),
            entries: vec![],
            holders: vec![holder(3, false)],
        },
    ]
}

fn conflicts() -> Vec<ConflictView> {
    let view = |name: &str, effect: ConflictEffect, users: Vec<(Holder, Met)>| ConflictView {
        name: name.into(),
        conflict: PermissionConflict {
            display_name: "Runs jobs and lets stopped ones go on".into(),
            description: Some("Whoever starts a run does not wave it through".into()),
            first: vec!["/Jobs/Run".into()],
            second: vec!["/Jobs/Resume".into()],
            effect,
        },
        profiles: users.iter().map(|(_, met)| met.clone()).collect(),
        users,
    };
    let holder = Holder { id: UserId(2), login: "olga".into(), display_name: "Olga Petrova".into(), disabled: false };
    vec![
        view("runs-and-approves", ConflictEffect::Warn, vec![(holder, met())]),
        view("asks-and-approves", ConflictEffect::Refuse, Vec::new()),
    ]
}

fn met() -> Met {
    let grant =
        || path("/Jobs").map(|entry| Grant { profile: "operator".into(), entry, extent: Extent::Parent, people: None });
    Met {
        conflict: "runs-and-approves".into(),
        label: "Runs jobs and lets stopped ones go on".into(),
        description: None,
        effect: ConflictEffect::Warn,
        first: grant().into_iter().collect(),
        second: grant().into_iter().collect(),
    }
}

fn offered() -> Offered {
    Offered {
        users: vec![("olga".into(), "Olga Petrova".into()), ("max".into(), "Max Oak".into())],
        profiles: profiles(),
        account_types: vec![("mainframe".into(), "Mainframe user".into())],
    }
}

fn configuration() -> Configuration {
    let profiles: [(&str, &[&str]); 3] =
        [("administrator", &["/*"]), ("operator", &["/Jobs/View", "/Home"]), ("auditor", &["/Home/View"])];
    let profile = |(name, paths): (&str, &[&str])| {
        let permissions = paths.iter().map(|path| (*path).into()).collect();
        (name.to_owned(), PermissionProfile { display_name: name.to_owned(), permissions, people: None })
    };
    Configuration { permission_profiles: profiles.map(profile).into(), ..Configuration::default() }
}

fn tested(what: &str, profiles: &[&str]) -> Sheet {
    let profiles: Vec<String> = profiles.iter().map(|name| (*name).to_owned()).collect();
    let question = Question { user: "olga".into(), what: what.into(), ..Question::default() };
    let answered = asked::read(what, None).map_err(|problem| ApiError::invalid("what", problem)).map(|asked| {
        let answer = asked.takes.question().map(|question| question.answer(&configuration(), &profiles));
        let by = answer.as_ref().map(|answer| answer.by.clone()).unwrap_or_default();
        let tested =
            Tested { user: Some(user(false)), profiles, disabled: false, answer, about: None, apart: Vec::new() };
        let able = |n: i64, by: Vec<Grant>| Able {
            id: UserId(n),
            login: format!("user{n}"),
            display_name: NAMES[2].into(),
            by,
        };
        Answered { asked, tested: Some(tested), able: vec![able(1, by)] }
    });
    permissions::test_sheet(&question, &offered(), Some(answered))
}

fn mistaken() -> Sheet {
    let question = Question { what: "/jobz".into(), profiles: vec!["operator".into()], ..Question::default() };
    let refused = asked::read("/jobz", None).err().unwrap_or_default();
    permissions::test_sheet(&question, &offered(), Some(Err(ApiError::invalid("what", refused))))
}

fn told() -> Vec<Told> {
    let hears = |(n, hearing): (usize, Hearing)| {
        let (entry, extent) = match hearing {
            Hearing::MayAct => ("/WorkItems", Extent::Parent),
            _ => ("/WorkItems/Fulfil/mainframe", Extent::Exact),
        };
        let grant = path(entry).map(|entry| Grant { profile: "operator".into(), entry, extent, people: None });
        Told {
            kind: NoticeKind::WorkItem,
            about: "mainframe".into(),
            id: UserId(i64::try_from(n).unwrap_or_default()),
            login: format!("user{n}"),
            display_name: NAMES[n].into(),
            hearing,
            by: grant.into_iter().collect(),
        }
    };
    Hearing::ALL.into_iter().enumerate().map(hears).collect()
}
