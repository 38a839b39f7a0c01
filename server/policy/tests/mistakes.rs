//! Everything that can be wrong with a configuration is found, with its place and what is meant.
#![allow(clippy::expect_used, clippy::panic, reason = "helpers of tests fail the test")]

#[path = "support/company.rs"]
mod company;

use company::{company, manual, march, owned, person, roles, rule, with};
use model::approval::Verdict;
use model::configuration::{
    AccountType, ApprovalStage, Approver, AssignmentRule, AttributeSpecification, AutomationRule, ColumnType,
    Configuration, Connection, CorrelationRule, Dimension, DimensionValue, IdentitySource, ManualConnection,
    PermissionProfile, RecordSection, Reference, Role, RuleType, SignInProvider, Subscription, Thresholds,
    UnknownPerson,
};
use model::event::Stream;
use policy::model::RoleModel;

/// What one mistake makes of the company, and the complaint: object, field, part of the message, place.
type Mistake = (fn(&mut Configuration), &'static str, &'static str, &'static str, Option<(usize, usize)>);

#[test]
fn every_mistake_is_found() {
    fn kind(configuration: &mut Configuration) -> &mut AccountType {
        configuration.account_types.get_mut("door").expect("door")
    }
    fn role(configuration: &mut Configuration) -> &mut Role {
        configuration.roles.get_mut("staff").expect("staff")
    }
    fn refer(configuration: &mut Configuration, from: &str, attribute: Option<&str>, expression: Option<&str>) {
        let reference = Reference {
            account_type: from.into(),
            attribute: attribute.map(str::to_owned),
            expression: expression.map(str::to_owned),
        };
        let made = AttributeSpecification { reference: Some(reference), ..AttributeSpecification::default() };
        kind(configuration).attributes.insert("badge".into(), made);
    }
    fn add(configuration: &mut Configuration, rule: AssignmentRule) {
        configuration.rules.insert("r".into(), rule);
    }
    fn stage(from: &[&str], change: impl FnOnce(&mut ApprovalStage)) -> Option<Vec<ApprovalStage>> {
        let mut stage = ApprovalStage::of(from.iter().map(|text| Approver::from((*text).to_owned())));
        change(&mut stage);
        Some(vec![stage])
    }
    fn automate(configuration: &mut Configuration, change: impl FnOnce(&mut AutomationRule)) {
        let mut rule = AutomationRule {
            description: None,
            role: None,
            access_profile: None,
            entitlement: None,
            category: None,
            hours: 24,
            decision: Verdict::Approve,
        };
        change(&mut rule);
        configuration.automation_rules.insert("late".into(), rule);
    }
    fn tell(configuration: &mut Configuration, change: impl FnOnce(&mut Subscription)) {
        let mut subscription = Subscription { refusals: 3, ..Subscription::default() };
        change(&mut subscription);
        configuration.subscriptions.insert("portal".into(), subscription);
    }
    let cases: Vec<Mistake> = vec![
        (
            |c| {
                let one = ApprovalStage::of([Approver::Manager]);
                role(c).approvals = Some(vec![one.clone(), one.clone(), one.clone(), one]);
            },
            "role `staff`",
            "approvals",
            "4 stages are more than 3",
            None,
        ),
        (
            |c| role(c).approvals = stage(&[], |_| {}),
            "role `staff`",
            "approvals[0].from",
            "names nobody who may decide",
            None,
        ),
        (
            |c| role(c).approvals = stage(&["securty"], |_| {}),
            "role `staff`",
            "approvals[0].from[0]",
            "there is no permission profile `securty`",
            None,
        ),
        (
            |c| c.organisation.approvals = stage(&["user: "], |_| {}),
            "organisation",
            "approvals[0].from[0]",
            "`user:` names nobody",
            None,
        ),
        (
            |c| role(c).approvals = stage(&["owner"], |_| {}),
            "role `staff`",
            "approvals[0].from[0]",
            "it has no `owner`",
            None,
        ),
        (
            |c| {
                role(c).approvals = stage(&["manager"], |stage| stage.escalate_to = vec![Approver::ApplicationOwner]);
            },
            "role `staff`",
            "approvals[0].escalate_to[0]",
            "no application of its own",
            None,
        ),
        (
            |c| role(c).approvals = stage(&["manager", "user:ann"], |stage| stage.required = 3),
            "role `staff`",
            "approvals[0].required",
            "3 have to agree and only 2 are named",
            None,
        ),
        (
            |c| role(c).approvals = stage(&["manager"], |stage| stage.required = 0),
            "role `staff`",
            "approvals[0].required",
            "nobody would have to agree",
            None,
        ),
        (
            |c| role(c).approvals = stage(&["manager"], |stage| stage.days = Some(0)),
            "role `staff`",
            "approvals[0].days",
            "give at least 1",
            None,
        ),
        (
            |c| role(c).approvals = stage(&["user:ann", "user:ann"], |_| {}),
            "role `staff`",
            "approvals[0].from",
            "names somebody twice",
            None,
        ),
        (
            |c| {
                let profile = PermissionProfile { display_name: "M".into(), permissions: Vec::new(), people: None };
                c.permission_profiles.insert("manager".into(), profile);
                role(c).approvals = stage(&["manager"], |_| {});
            },
            "role `staff`",
            "approvals[0].from[0]",
            "`manager` is a permission profile as well",
            None,
        ),
        (
            |c| automate(c, |rule| rule.role = Some("staf".into())),
            "automation rule `late`",
            "role",
            "there is no role `staf`; perhaps `staff`",
            None,
        ),
        (
            |c| {
                automate(c, |rule| {
                    rule.role = Some("staff".into());
                    rule.category = Some("office".into());
                });
            },
            "automation rule `late`",
            "decision",
            "is about several things",
            None,
        ),
        (
            |c| tell(c, |subscription| subscription.types = vec!["account.create".into()]),
            "subscription `portal`",
            "types",
            "there is no type `account.create`; perhaps `account.created`",
            None,
        ),
        (
            |c| tell(c, |subscription| subscription.applications = vec!["nowhere".into()]),
            "subscription `portal`",
            "applications",
            "there is no application `nowhere`",
            None,
        ),
        (
            |c| tell(c, |subscription| subscription.when = Some("event.stat == 1".into())),
            "subscription `portal`",
            "when",
            "reads `event.stat`, which no event has; perhaps `state`",
            None,
        ),
        (
            |c| tell(c, |subscription| subscription.refusals = 0),
            "subscription `portal`",
            "refusals",
            "from 1 to 20",
            None,
        ),
        (
            |c| {
                tell(c, |subscription| {
                    subscription.source = Stream::Audit;
                    subscription.types = vec!["audit".into()];
                });
            },
            "subscription `portal`",
            "source",
            "choose lines with `when`",
            None,
        ),
        (
            |c| automate(c, |rule| rule.hours = 0),
            "automation rule `late`",
            "hours",
            "before anybody could see it",
            None,
        ),
        (
            |c| role(c).category = Some("ofice".into()),
            "role `staff`",
            "category",
            "there is no category `ofice`; perhaps `office`",
            None,
        ),
        (|c| role(c).owner = Some(" ".into()), "role `staff`", "owner", "names nobody", None),
        (
            |c| {
                role(c).valid_from = Some(march(9));
                role(c).valid_until = Some(march(8));
            },
            "role `staff`",
            "valid_until",
            "the last day, 2026-03-08, comes before the first one, 2026-03-09",
            None,
        ),
        (|c| role(c).maximum_days = Some(0), "role `staff`", "maximum_days", "give at least 1", None),
        (|c| role(c).maximum_days = Some(40_000), "role `staff`", "maximum_days", "more than a hundred years", None),
        (
            |c| c.categories.get_mut("office").expect("office").parent = Some("desk".into()),
            "category `desk`",
            "parent",
            "desk → office → desk",
            None,
        ),
        (
            |c| c.categories.get_mut("office").expect("office").display_name.clear(),
            "category `office`",
            "display_name",
            "is empty",
            None,
        ),
        (
            |c| kind(c).application = "dor".into(),
            "account type `door`",
            "application",
            "no application `dor`; perhaps `door`",
            None,
        ),
        (
            |c| kind(c).depends_on = owned(&["mial"]),
            "account type `door`",
            "depends_on",
            "no account type `mial`",
            None,
        ),
        (
            |c| kind(c).key = "logn".into(),
            "account type `door`",
            "key",
            "`logn` is none of the attributes; perhaps `login`",
            None,
        ),
        (
            |c| {
                kind(c).correlation =
                    vec![CorrelationRule { identity: "identity.".into(), account: "x".into(), confidence: 1 }]
            },
            "account type `door`",
            "correlation[0].identity",
            "",
            Some((1, 10)),
        ),
        (
            |c| kind(c).attributes.get_mut("login").expect("login").value = Some("x".into()),
            "account type `door`",
            "attributes.login",
            "several sources",
            None,
        ),
        (
            |c| kind(c).attributes.get_mut("login").expect("login").unique = None,
            "account type `door`",
            "attributes.login",
            "no source",
            None,
        ),
        (
            |c| kind(c).attributes.get_mut("login").expect("login").unique = Some("atempt".into()),
            "account type `door`",
            "attributes.login.unique",
            "no variable `atempt`",
            Some((1, 1)),
        ),
        (
            |c| kind(c).attributes.get_mut("department").expect("department").expression = Some("\n attempt".into()),
            "account type `door`",
            "attributes.department.expression",
            "only in the expression of a unique value",
            Some((2, 2)),
        ),
        (
            |c| {
                kind(c).depends_on = owned(&["mail"]);
                c.account_types.get_mut("mail").expect("mail").depends_on = owned(&["door"]);
            },
            "account type `door`",
            "depends_on",
            "circle: door → mail → door",
            None,
        ),
        (|c| kind(c).depends_on = owned(&["door"]), "account type `door`", "depends_on", "circle: door → door", None),
        (
            |c| refer(c, "mial", Some("login"), None),
            "account type `door`",
            "attributes.badge.reference.account_type",
            "no account type `mial`; perhaps `mail`",
            None,
        ),
        (
            |c| refer(c, "door", Some("login"), None),
            "account type `door`",
            "attributes.badge.reference.account_type",
            "from the account type itself",
            None,
        ),
        (
            |c| refer(c, "mail", Some("logn"), None),
            "account type `door`",
            "attributes.badge.reference.attribute",
            "takes `logn`, which account type `mail` does not specify; perhaps `login`",
            None,
        ),
        (
            |c| refer(c, "mail", None, Some("account.key + account.logn")),
            "account type `door`",
            "attributes.badge.reference.expression",
            "takes `logn`",
            None,
        ),
        (
            |c| refer(c, "mail", None, Some("account.key +")),
            "account type `door`",
            "attributes.badge.reference.expression",
            "ismatched",
            Some((1, 14)),
        ),
        (
            |c| refer(c, "mail", None, Some("'x'")),
            "account type `door`",
            "attributes.badge.reference.expression",
            "reads nothing of `account`",
            None,
        ),
        (
            |c| refer(c, "mail", Some("key"), Some("account.key")),
            "account type `door`",
            "attributes.badge.reference",
            "or two things",
            None,
        ),
        (
            |c| {
                c.account_types.get_mut("mail").expect("mail").attributes.get_mut("login").expect("login").secret =
                    true;
                refer(c, "mail", Some("login"), None);
            },
            "account type `door`",
            "attributes.badge.reference.attribute",
            "which is secret and never read back",
            None,
        ),
        (
            |c| {
                refer(c, "mail", Some("key"), None);
                kind(c).attributes.get_mut("badge").expect("badge").value = Some("x".into());
            },
            "account type `door`",
            "attributes.badge",
            "several sources",
            None,
        ),
        (
            |c| {
                refer(c, "mail", Some("key"), None);
                c.account_types.get_mut("mail").expect("mail").depends_on = owned(&["door"]);
            },
            "account type `door`",
            "attributes.badge.reference",
            "circle: door → mail → door",
            None,
        ),
        (
            |c| c.entitlements.get_mut("front").expect("front").account_type = "x".into(),
            "entitlement `front`",
            "account_type",
            "no account type `x`",
            None,
        ),
        (
            |c| c.access_profiles.get_mut("desk").expect("desk").application = "mails".into(),
            "access profile `desk`",
            "application",
            "no application `mails`; perhaps `mail`",
            None,
        ),
        (
            |c| c.access_profiles.get_mut("desk").expect("desk").entitlements.push("alls".into()),
            "access profile `desk`",
            "entitlements",
            "no entitlement `alls`; perhaps `all`",
            None,
        ),
        (
            |c| c.access_profiles.get_mut("desk").expect("desk").entitlements.push("front".into()),
            "access profile `desk`",
            "entitlements",
            "`front` belongs to application `door`, the profile to `mail`",
            None,
        ),
        (
            |c| c.access_profiles.get_mut("desk").expect("desk").account_types.push("door".into()),
            "access profile `desk`",
            "account_types",
            "`door` belongs to application `door`",
            None,
        ),
        (
            |c| c.access_profiles.get_mut("desk").expect("desk").account_types.push("zzz".into()),
            "access profile `desk`",
            "account_types",
            "no account type `zzz`",
            None,
        ),
        (
            |c| c.roles.get_mut("staff").expect("staff").access_profiles.push("bagde".into()),
            "role `staff`",
            "access_profiles",
            "no access profile `bagde`; perhaps `badge`",
            None,
        ),
        (
            |c| c.roles.get_mut("staff").expect("staff").roles.push("bos".into()),
            "role `staff`",
            "roles",
            "no role `bos`; perhaps `boss`",
            None,
        ),
        (
            |c| c.roles.get_mut("staff").expect("staff").roles.push("boss".into()),
            "role `boss`",
            "roles",
            "circle: boss → clerk → staff → boss",
            None,
        ),
        (|c| add(c, roles("true", &["stuff"])), "rule `r`", "roles", "no role `stuff`; perhaps `staff`", None),
        (
            |c| add(c, AssignmentRule { access_profiles: owned(&["x"]), ..rule("true") }),
            "rule `r`",
            "access_profiles",
            "no access profile `x`",
            None,
        ),
        (
            |c| add(c, AssignmentRule { account_types: owned(&["x"]), ..rule("true") }),
            "rule `r`",
            "account_types",
            "no account type `x`",
            None,
        ),
        (
            |c| add(c, AssignmentRule { entitlements: owned(&["x"]), ..rule("true") }),
            "rule `r`",
            "entitlements",
            "no entitlement `x`",
            None,
        ),
        (
            |c| {
                c.organisation.priorities.insert(model::trigger::Trigger::Drift, 101);
            },
            "organisation",
            "priorities.drift",
            "from 0, the most urgent, to 100",
            None,
        ),
        (|c| add(c, rule("identity.a ==\n 1 +")), "rule `r`", "when", "", Some((2, 5))),
        (
            |c| add(c, AssignmentRule { deny: true, kind: RuleType::Suggested, ..rule("true") }),
            "rule `r`",
            "type",
            "always automatic",
            None,
        ),
        (
            |c| {
                let connection = ManualConnection { fulfiller: Some("hlep".into()), ..manual() };
                c.applications.get_mut("door").expect("door").connection = Connection::Manual(connection);
                let help = PermissionProfile { display_name: String::new(), permissions: Vec::new(), people: None };
                c.permission_profiles.insert("help".into(), help);
            },
            "application `door`",
            "connection.fulfiller",
            "no permission profile `hlep`",
            None,
        ),
        (
            |c| {
                c.sources.insert("hr".into(), source("identity.nme"));
            },
            "identity source `hr`",
            "display_name",
            "reads `identity.nme`, which no identity source delivers; perhaps `name`",
            None,
        ),
        (
            |c| {
                c.sources.insert("hr".into(), source("identity.name"));
                add(c, rule("identity.departmnt == \"x\" && identity.key == \"E1\""));
            },
            "rule `r`",
            "when",
            "reads `identity.departmnt`, which no identity source delivers; perhaps `department`",
            None,
        ),
        (
            |c| add(c, rule("true && within(identity.department, \"x\")")),
            "rule `r`",
            "when",
            "no dimension is about `department`",
            Some((1, 37)),
        ),
        (
            |c| {
                c.dimensions.insert("department".into(), departments());
                add(c, rule("within(identity.department, \"D11O\")"));
            },
            "rule `r`",
            "when",
            "`D11O` is no value of the dimension of `department`; expected perhaps `D110`",
            Some((1, 29)),
        ),
        (
            |c| {
                c.dimensions.insert("department".into(), departments());
                add(c, rule("within(identity.department, 110)"));
            },
            "rule `r`",
            "when",
            "a value of `department` is written otherwise; expected a text in quotes",
            Some((1, 29)),
        ),
        (
            |c| add(c, rule("within(\"D100\", \"D100\")")),
            "rule `r`",
            "when",
            "`within` looks at an attribute that is a dimension",
            Some((1, 8)),
        ),
        (
            |c| {
                c.dimensions.insert("department".into(), departments());
                c.sources.insert("hr".into(), source("within(identity.department, \"D100\") ? \"x\" : \"y\""));
            },
            "identity source `hr`",
            "display_name",
            "use attributes alone",
            None,
        ),
        (
            |c| {
                let mut circle = departments();
                circle.values.get_mut("D100").expect("D100").parent = Some("D110".into());
                c.dimensions.insert("department".into(), circle);
            },
            "dimension `department`",
            "values.D100.parent",
            "in a circle: D100 → D110 → D100",
            None,
        ),
        (
            |c| {
                let mut lost = departments();
                lost.values.get_mut("D110").expect("D110").parent = Some("D10".into());
                c.dimensions.insert("department".into(), lost);
            },
            "dimension `department`",
            "values.D110.parent",
            "there is no value `D10`; perhaps `D100`",
            None,
        ),
        (
            |c| {
                let typed = Dimension { kind: ColumnType::Integer, ..departments() };
                c.dimensions.insert("department".into(), Dimension { values: Default::default(), ..typed });
                c.sources.insert("hr".into(), source("identity.name"));
            },
            "dimension `department`",
            "type",
            "identity source `hr` delivers `department` as text, not as whole number",
            None,
        ),
        (
            |c| {
                let other = Dimension { attribute: Some("department".into()), ..departments() };
                c.dimensions.insert("department".into(), departments());
                c.dimensions.insert("unit".into(), other);
            },
            "dimension `unit`",
            "attribute",
            "`department` is what dimension `department` is about already",
            None,
        ),
        (
            |c| {
                let mut numbers = Dimension { kind: ColumnType::Integer, ..departments() };
                numbers.values.retain(|value, _| value == "D100");
                c.dimensions.insert("level".into(), numbers);
            },
            "dimension `level`",
            "values.D100",
            "`D100` is no whole number",
            None,
        ),
        (
            |c| drop(c.sources.insert("hr".into(), sections(&[("a", "{\"gaps\":\"leave\",\"sort_key\":\"x\"}")]))),
            "identity source `hr`",
            "sections.a.sort_key",
            "means nothing where gaps are left",
            None,
        ),
        (
            |c| {
                let extended = "{\"gaps\":\"extend\",\"not_extended\":[\"titel_a\"]}";
                c.sources.insert("hr".into(), sections(&[("a", extended)]));
            },
            "identity source `hr`",
            "sections.a.not_extended",
            "`titel_a` is no attribute of the section; perhaps `title_a`",
            None,
        ),
        (
            |c| drop(c.sources.insert("hr".into(), sections(&[("a", "{\"file\":\"a.csv\"}")]))),
            "identity source `hr`",
            "sections.a.key",
            "name the column of the file with the person's key",
            None,
        ),
        (
            |c| drop(c.sources.insert("hr".into(), sections(&[("a", "{\"key\":\"id\"}")]))),
            "identity source `hr`",
            "sections.a.key",
            "means nothing without a `file`",
            None,
        ),
        (
            |c| {
                let there = "{\"boundaries\":\"open\"}";
                c.sources.insert("hr".into(), sections(&[("a", there), ("b", there)]));
            },
            "identity source `hr`",
            "sections.b.boundaries",
            "section `a` says already from when to when somebody is there",
            None,
        ),
        (
            |c| {
                let mut twice = sections(&[("a", "{}"), ("b", "{}")]);
                let of_a = twice.sections["a"].attributes.clone();
                twice.sections.get_mut("b").expect("b").attributes = of_a;
                c.sources.insert("hr".into(), twice);
            },
            "identity source `hr`",
            "sections.b.attributes.title_a",
            "`title_a` is delivered by section `a` as well",
            None,
        ),
        (
            |c| {
                let mut empty = sections(&[("a", "{}")]);
                empty.sections.get_mut("a").expect("a").attributes.clear();
                c.sources.insert("hr".into(), empty);
            },
            "identity source `hr`",
            "sections.a.attributes",
            "nothing follows from it",
            None,
        ),
        (
            |c| {
                let mut both = sections(&[("a", "{}")]);
                let positions = "{\"file\":\"p.csv\",\"key\":\"k\",\"starts\":\"s\",\"ends\":\"e\",\"attributes\":{}}";
                both.positions = serde_json::from_str(positions).expect("positions");
                c.sources.insert("hr".into(), both);
            },
            "identity source `hr`",
            "positions",
            "make the positions one of the sections",
            None,
        ),
        (|c| role(c).grace_days = 40_000, "role `staff`", "grace_days", "more than a hundred years", None),
    ];
    assert!(RoleModel::compile(&company()).is_ok());
    for (mistake, object, field, message, position) in cases {
        let mut configuration = company();
        mistake(&mut configuration);
        let errors = RoleModel::compile(&configuration).expect_err(message);
        let [error] = errors.as_slice() else { panic!("{message}: {errors:?}") };
        assert_eq!((error.object.as_str(), error.field.as_str(), error.position), (object, field, position), "{error}");
        assert!(error.message.contains(message) && !error.message.is_empty(), "{error}");
        assert_eq!(policy::reference::desired(&configuration, &person(Vec::new()), march(1)), Err(errors));
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    let mut configuration = with(&[("r", roles("identity.", &["stuff"]))]);
    configuration.roles.get_mut("staff").expect("staff").roles = owned(&["boss", "nobody"]);
    let errors = RoleModel::compile(&configuration).expect_err("four");
    let fields: Vec<String> = errors.iter().map(|error| format!("{} {}", error.object, error.field)).collect();
    assert_eq!(fields, ["role `staff` roles", "role `boss` roles", "rule `r` when", "rule `r` roles"]);
}

/// D110 is a part of D100.
fn departments() -> Dimension {
    let value = |parent: Option<&str>| DimensionValue { display_name: None, parent: parent.map(str::to_owned) };
    Dimension {
        display_name: "Department".into(),
        values: [("D100".to_owned(), value(None)), ("D110".to_owned(), value(Some("D100")))].into(),
        ..Dimension::default()
    }
}

/// A source with these sections, each with a title of its own.
#[test]
fn what_is_wrong_with_sign_ins_and_their_sources_is_found() {
    fn partner(configuration: &mut Configuration) -> &mut SignInProvider {
        configuration.sign_ins.get_mut("partner").expect("partner")
    }
    fn hr(configuration: &mut Configuration) -> &mut IdentitySource {
        configuration.sources.get_mut("hr").expect("hr")
    }
    fn fill(configuration: &mut Configuration) {
        let source = hr(configuration);
        (source.filled_by_sign_ins, source.file, source.key) = (true, String::new(), "subject".into());
        let provider = partner(configuration);
        provider.confirmed.clear();
        provider.unknown = UnknownPerson::Create;
    }
    fn again(configuration: &mut Configuration) -> &mut SignInProvider {
        let other = SignInProvider { issuer: "https://other.example".into(), ..partner(configuration).clone() };
        configuration.sign_ins.entry("second".into()).or_insert(other)
    }
    let sound = || {
        let mut configuration = company();
        configuration.sources.insert("hr".into(), source("identity.name"));
        let provider = serde_json::json!({
            "issuer": "https://partner.example", "source": "hr", "confirmed": { "department": "department" }, "requires": ["door"],
        });
        configuration.sign_ins.insert("partner".into(), serde_json::from_value(provider).expect("a provider"));
        configuration
    };
    let mut filled = sound();
    fill(&mut filled);
    for configuration in [sound(), filled] {
        assert!(RoleModel::compile(&configuration).is_ok(), "{:?}", RoleModel::compile(&configuration).err());
    }
    let (object, of_source) = ("sign-in `partner`", "identity source `hr`");
    let cases: Vec<Mistake> = vec![
        (|c| partner(c).issuer = " ".into(), object, "issuer", "is empty", None),
        (|c| again(c).issuer = "https://partner.example".into(), "sign-in `second`", "issuer", "another sign-in", None),
        (|c| partner(c).requires.clear(), object, "requires", "names nothing", None),
        (|c| partner(c).wait_seconds = 46, object, "wait_seconds", "is more than 45", None),
        (|c| partner(c).valid_days = 0, object, "valid_days", "is not from 1 to 731", None),
        (|c| drop(partner(c).ended.insert("status".into(), Vec::new())), object, "ended.status", "has no value", None),
        (|c| partner(c).unknown = UnknownPerson::Create, object, "unknown", "is read from elsewhere", None),
        (|c| partner(c).confirmed.clear(), object, "confirmed", "nothing but names", None),
        (
            |c| partner(c).confirmed = [("name".to_owned(), "name".to_owned())].into(),
            object,
            "confirmed",
            "which two may share",
            None,
        ),
        (
            |c| drop(partner(c).confirmed.insert("mail".into(), "mail".into())),
            object,
            "confirmed.mail",
            "is no attribute of the source `hr`",
            None,
        ),
        (
            |c| {
                fill(c);
                partner(c).confirmed = [("department".to_owned(), "department".to_owned())].into();
            },
            object,
            "confirmed",
            "known by their subject",
            None,
        ),
        (|c| hr(c).file.clear(), of_source, "file", "is missing", None),
        (
            |c| {
                fill(c);
                hr(c).file = "hr.csv".into();
            },
            of_source,
            "file",
            "sign-ins fill this one",
            None,
        ),
        (
            |c| {
                fill(c);
                hr(c).key = "mail".into();
            },
            of_source,
            "key",
            "is the claim `subject`",
            None,
        ),
        (
            |c| {
                fill(c);
                again(c);
            },
            of_source,
            "filled_by_sign_ins",
            "is filled by 2 of `sign_ins`",
            None,
        ),
        (
            |c| {
                fill(c);
                c.sign_ins.clear();
            },
            of_source,
            "filled_by_sign_ins",
            "has nobody who fills it",
            None,
        ),
    ];
    for (change, object, field, part, _) in cases {
        let mut configuration = sound();
        change(&mut configuration);
        let errors = RoleModel::compile(&configuration).err().unwrap_or_default();
        let is_it =
            errors.iter().any(|error| error.object == object && error.field == field && error.message.contains(part));
        assert!(is_it && errors.len() == 1, "{object} {field} {part}: {errors:#?}");
    }
}

fn sections(sections: &[(&str, &str)]) -> IdentitySource {
    let section = |(name, text): &(&str, &str)| {
        let mut section: RecordSection = serde_json::from_str(text).expect("a section");
        let title = format!("title_{name}");
        section.attributes.insert(title.clone(), model::configuration::Column::Header(title));
        ((*name).to_owned(), section)
    };
    IdentitySource { sections: sections.iter().map(section).collect(), ..source("identity.name") }
}

fn source(display_name: &str) -> IdentitySource {
    let column = |name: &str| (name.to_owned(), model::configuration::Column::Header(name.to_owned()));
    IdentitySource {
        filled_by_sign_ins: false,
        read_by: None,
        description: None,
        file: "hr.csv".into(),
        delimiter: None,
        key: "id".into(),
        display_name: display_name.into(),
        manager: None,
        attributes: [column("name"), column("department")].into(),
        starts: None,
        ends: None,
        positions: None,
        sections: Default::default(),
        thresholds: Thresholds::default(),
    }
}
