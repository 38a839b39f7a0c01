//! Writing a configuration and reading it back gives an equal one, whatever it is called and says.

use jiff::civil::date;
use model::configuration::{
    ApprovalStage, Approver, Ask, AssignmentRule, AttributeSpecification, Category, ColumnType, Configuration,
    Connection, JobDefinition, Limit, ManualConnection, Reference, Rings, Role, RoleState, RuleType, TaskDefinition,
};
use model::job::TaskKind;
use model::value::Value;
use proptest::prelude::*;

use super::{digest, export, good, read, write};

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z]{0,8}", "[ -~]{0,12}", r#"["'\\\n\ta-zé→]{0,12}"#]
}

fn names() -> impl Strategy<Value = Vec<String>> {
    let name = prop_oneof!["[a-z][a-z-]{0,6}", "[A-Za-zé .\"#-]{1,8}"];
    let fine = |name: &String| !name.is_empty() && name.trim() == name;
    proptest::collection::vec(name.prop_filter("has no spaces around it", fine), 0..6)
}

prop_compose! {
    /// The good configuration with roles, rules, connections and attributes of any wording.
    fn configurations()(
        roles in names(), rules in names(), texts in proptest::collection::vec(text(), 8),
        flags in any::<[bool; 4]>(), number in any::<u16>(), priority in any::<i32>(),
    ) -> Configuration {
        let mut configuration = good();
        configuration.organisation.name = texts[0].clone();
        let category = |parent: Option<&str>| Category {
            display_name: "Office".into(),
            description: flags[0].then(|| "Desk work".into()),
            parent: parent.map(str::to_owned),
            approvals: flags[1].then(|| vec![ApprovalStage::of([Approver::Manager, Approver::User("ann".into())])]),
        };
        configuration.categories.insert("office".into(), category(Some("all")));
        configuration.categories.insert("all".into(), category(None));
        for (position, name) in roles.iter().enumerate() {
            let mut role = Role {
                description: flags[0].then(|| texts[2].clone()),
                access_profiles: vec!["host-basic".into()],
                category: flags[0].then(|| "office".into()),
                owner: flags[1].then(|| "ann".into()),
                requestable: flags[2],
                state: RoleState::ALL[usize::from(number % 3)],
                valid_from: flags[3].then(|| date(2027, 1, 31)),
                valid_until: flags[0].then(|| date(2027, 2, 1)),
                maximum_days: flags[1].then_some(number % 100 + 1),
                grace_days: number % 3,
                ..Role::new(texts[1].clone())
            };
            // Only earlier names, and none twice, so that there is no cycle.
            if let Some(below) = roles[..position].iter().find(|below| !roles[position..].contains(below)) {
                role.roles.push(below.clone());
            }
            configuration.roles.insert(name.clone(), role);
        }
        for name in rules {
            let quoted = texts[3].replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n").replace('\t', "\\t");
            let rule = AssignmentRule {
                description: flags[1].then(|| texts[4].clone()),
                when: format!("identity.given_name == \"{quoted}\""),
                kind: if flags[2] { RuleType::Suggested } else { RuleType::Automatic },
                roles: vec!["staff".into()],
                access_profiles: vec![],
                account_types: vec![],
                entitlements: vec![],
                deny: false,
                priority,
                days_before: number,
                days_after: 0,
            };
            configuration.rules.insert(name, rule);
        }
        let host = configuration.applications.get_mut("host").unwrap();
        host.demo = flags[3];
        host.thresholds.deleted = flags[2].then_some(Limit { count: u64::from(number), percent: 0 });
        host.connection = Connection::Manual(ManualConnection {
            instructions: Some(texts[5].clone()),
            fulfiller: flags[0].then(|| "administrator".into()),
            revoker: flags[1].then(|| "user:ann".into()),
            escalate_to: flags[2].then(|| "administrator".into()),
            extract: None,
            due_days: flags[1].then_some(u32::from(number)),
            due_hours: (!flags[1]).then_some(400),
            remind_hours: if flags[2] { vec![4, 1] } else { Vec::new() },
            remind_overdue_hours: flags[3].then_some(24),
            escalate_hours: flags[0].then_some(48),
            escalate_taken: flags[0],
            evidence: flags[1],
            no_own_work: flags[3],
        });
        let task = TaskDefinition {
            kind: TaskKind::Collect,
            level: flags[0].then_some(0),
            after: flags[1].then(Vec::new),
            sources: flags[2].then(Vec::new),
            applications: Some(vec!["host".into()]),
            continue_on_error: flags[3],
        };
        let job = JobDefinition {
            display_name: flags[0].then(|| texts[7].clone()),
            description: None,
            tasks: [(texts[4].clone(), task)].into_iter().filter(|_| flags[1]).collect(),
            incremental: flags[2],
            schedule: flags[3].then(|| "*/15 * * * *".into()),
            time_zone: (flags[3] && flags[1]).then(|| "Europe/Berlin".into()),
            catch_up: flags[0],
            enabled: flags[1],
            start_denied: flags[2],
            rings: flags[3].then(|| Rings { percent: vec![1, u8::try_from(number).unwrap_or(99).clamp(2, 99)], ..Rings::default() }),
        };
        configuration.jobs.insert("often".into(), job);
        let attributes = &mut configuration.account_types.get_mut("host-user").unwrap().attributes;
        let constant = AttributeSpecification {
            value: Some(if flags[0] { Value::Boolean(false) } else { Value::Text(texts[6].clone()) }),
            expression: None,
            unique: None,
            required: flags[1],
            create_only: false,
            secret: false,
            ..AttributeSpecification::default()
        };
        let asked = AttributeSpecification {
            required: true,
            ask: Some(if flags[0] { Ask::Manager } else { Ask::Profile("administrator".into()) }),
            question: flags[1].then(|| "asked".into()),
            label: flags[2].then(|| texts[6].clone()),
            help: flags[3].then(|| texts[7].clone()),
            kind: flags[0].then_some(ColumnType::Text),
            pattern: flags[1].then(|| "[a-z]+".into()),
            minimum_length: flags[2].then_some(1),
            maximum_length: flags[3].then_some(9),
            choices: if flags[2] { vec!["red".into(), "blue".into()] } else { Vec::new() },
            default: flags[2].then(|| Value::from("red")),
            answer_within_days: flags[3].then_some(7),
            ..AttributeSpecification::default()
        };
        attributes.insert("asked".into(), asked);
        attributes.insert("constant".into(), constant);
        let mut other = configuration.account_types["host-user"].clone();
        let reference = Reference {
            account_type: "host-user".into(),
            attribute: flags[0].then(|| Reference::KEY.into()),
            expression: (!flags[0]).then(|| "account.key + account.constant".into()),
        };
        let referred = AttributeSpecification { reference: Some(reference), ..AttributeSpecification::default() };
        other.attributes.insert("asked".into(), referred);
        configuration.account_types.insert("host-other".into(), other);
        configuration
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_reads_back_as_it_was(configuration in configurations()) {
        let directory = tempfile::tempdir().unwrap();
        for (path, content) in export(&configuration) {
            write(directory.path(), &[(path.to_str().unwrap(), content.as_bytes())]);
        }
        let read = read(directory.path()).map_err(|findings| TestCaseError::fail(format!("{findings:?}")))?;
        prop_assert_eq!(&read.configuration, &configuration);
        prop_assert_eq!(digest(&read.configuration), digest(&configuration));
    }
}
