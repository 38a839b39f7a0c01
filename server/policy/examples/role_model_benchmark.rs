//! Engine and reference over the same seeded population, alternating, as JSON lines.
//!
//! `cargo run --release -p policy --example role_model_benchmark -- [people] [rules] [pairs]`; 8,615 people, 63 rules and
//! 5 pairs unless told. The last line holds the median ratio. It ends with an error where the two sides differ.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::access::DesiredAccess;
use model::configuration::{
    AccessProfile, AccountType, Application, AssignmentRule, AttributeSpecification, Configuration, Connection,
    CorrelationRule, Entitlement, ManualConnection, OnRemoval, Role, RuleType, Thresholds,
};
use model::identity::{Context, Identity, Period};
use model::ids::IdentityId;
use model::value::{Attributes, Value};
use policy::engine::Engine;
use policy::model::RoleModel;
use policy::reference::Reference;

const TODAY: Date = Date::constant(2026, 3, 2);
const TITLES: u64 = 7;
const APPLICATIONS: usize = 4;

fn main() -> ExitCode {
    let mut numbers = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let mut next = |otherwise: u64| numbers.next().unwrap_or(Ok(otherwise));
    let (Ok(people), Ok(rules), Ok(pairs)) = (next(8_615), next(63), next(5)) else {
        eprintln!("usage: role_model_benchmark [people] [rules] [pairs], all whole numbers");
        return ExitCode::from(2);
    };
    match run(people, rules, pairs.max(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("{message}");
            ExitCode::FAILURE
        }
    }
}

fn run(people: u64, rules: u64, pairs: u64) -> Result<(), String> {
    let configuration = configuration(rules);
    let complain =
        |errors: Vec<policy::model::ModelError>| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    let start = Instant::now();
    let model = Arc::new(RoleModel::compile(&configuration).map_err(complain)?);
    line("compile_model", start.elapsed(), &[("rules", rules)]);
    let mut random = Random(42);
    let population: Vec<Identity> = (0..people).map(|number| identity(number, rules, &mut random)).collect();
    let reference = Reference::new(&configuration).map_err(complain)?;
    let mut ratios = Vec::new();
    for pair in 0..pairs {
        let mut engine = Engine::new(Arc::clone(&model));
        let start = Instant::now();
        population.iter().for_each(|identity| engine.upsert(identity));
        line("engine_load", start.elapsed(), &[("pair", pair), ("people", people)]);
        let start = Instant::now();
        let computed = engine.compute(TODAY);
        let first = start.elapsed();
        line("engine_compute_first", first, &[("pair", pair), ("changed", computed.changed.len() as u64)]);
        confirm(&mut engine, &computed.changed);

        let start = Instant::now();
        let expected: Vec<DesiredAccess> =
            population.iter().map(|identity| reference.desired(identity, &[], TODAY)).collect();
        let slow = start.elapsed();
        let assignments = expected.iter().map(|access| access.assignments.len() as u64).sum();
        line("reference", slow, &[("pair", pair), ("assignments", assignments)]);

        let start = Instant::now();
        let again = engine.compute(TODAY);
        line("engine_compute_again", start.elapsed(), &[("pair", pair), ("changed", again.changed.len() as u64)]);

        let start = Instant::now();
        let answers: Vec<_> = population.iter().filter_map(|identity| engine.desired(identity.id, TODAY)).collect();
        line("engine_desired_of_all", start.elapsed(), &[("pair", pair)]);
        if answers != expected {
            return Err("engine and reference differ".into());
        }
        one_by_one(&mut engine, &population, pair)?;
        let start = Instant::now();
        let tomorrow = TODAY.checked_add(1.day()).map_err(|error| error.to_string())?;
        let computed = engine.compute_some(&[], tomorrow);
        line("engine_next_day", start.elapsed(), &[("pair", pair), ("evaluated", computed.evaluated as u64)]);
        ratios.push(slow.as_secs_f64() / first.as_secs_f64());
    }
    ratios.sort_by(f64::total_cmp);
    let median = ratios.get(ratios.len() / 2).copied().unwrap_or(0.0);
    print(&format!(
        r#"{{"what":"ratio","reference_by_engine_median":{median:.1},"pairs":{pairs},"people":{people},"rules":{rules},"equal":true}}"#
    ));
    Ok(())
}

/// One person moves to another department and back: the way of every single change.
fn one_by_one(engine: &mut Engine, population: &[Identity], pair: u64) -> Result<(), String> {
    let mut times = Vec::new();
    for identity in population.iter().step_by(population.len() / 1_000 + 1) {
        let mut moved = identity.clone();
        for context in &mut moved.contexts {
            context.attributes.insert("department".into(), Value::from("Department 0"));
        }
        let start = Instant::now();
        engine.upsert(&moved);
        let computed = engine.compute_some(&[moved.id], TODAY);
        times.push(start.elapsed());
        if computed.evaluated != 1 {
            return Err(format!("one change evaluated {} people", computed.evaluated));
        }
        engine.upsert(identity);
        confirm(engine, &[identity.id]);
        let back = engine.compute_some(&[identity.id], TODAY);
        confirm(engine, &back.changed);
    }
    times.sort_unstable();
    let at = |part: usize| times.get(times.len() * part / 100).copied().unwrap_or_default();
    line("engine_one_change_p50", at(50), &[("pair", pair)]);
    line("engine_one_change_p99", at(99), &[("pair", pair)]);
    Ok(())
}

fn confirm(engine: &mut Engine, ids: &[IdentityId]) {
    for id in ids {
        if let Some(digest) = engine.digest(*id) {
            engine.confirm(*id, digest);
        }
    }
}

fn line(what: &str, time: Duration, numbers: &[(&str, u64)]) {
    let numbers: String = numbers.iter().map(|(name, number)| format!(r#","{name}":{number}"#)).collect();
    print(&format!(r#"{{"what":"{what}","microseconds":{:.1}{numbers}}}"#, time.as_secs_f64() * 1e6));
}

#[expect(clippy::print_stdout, reason = "printing is what a benchmark is for")]
fn print(line: &str) {
    println!("{line}");
}

/// One rule for each department and title, each with a role of its own over the department's profiles; an account in
/// every application; names, mail and login worked out from the person.
fn configuration(rules: u64) -> Configuration {
    let mut configuration = Configuration::default();
    for number in 0..APPLICATIONS {
        configuration.applications.insert(format!("application-{number}"), application());
        configuration.account_types.insert(format!("account-{number}"), account_type(number));
    }
    for rule in 0..rules {
        let (department, title) = (rule / TITLES, rule % TITLES);
        for number in 0..APPLICATIONS {
            let entitlement = |name: &str| Entitlement {
                display_name: name.to_owned(),
                description: None,
                account_type: format!("account-{number}"),
                key: name.to_owned(),
                privileged: false,
                approvals: None,
            };
            let shared = format!("department-{department}-{number}");
            let own = format!("title-{department}-{title}-{number}");
            configuration.entitlements.insert(shared.clone(), entitlement(&shared));
            configuration.entitlements.insert(own.clone(), entitlement(&own));
            let profile = |entitlement: &str| AccessProfile {
                entitlements: vec![entitlement.to_owned()],
                ..AccessProfile::new(entitlement, format!("application-{number}"))
            };
            configuration.access_profiles.insert(shared.clone(), profile(&shared));
            configuration.access_profiles.insert(own.clone(), profile(&own));
        }
        let role = |access_profiles: Vec<String>, roles: Vec<String>| Role { access_profiles, roles, ..Role::new("") };
        let profiles = |prefix: &str| (0..APPLICATIONS).map(|number| format!("{prefix}-{number}")).collect();
        let (shared, own) = (format!("department-{department}"), format!("title-{department}-{title}"));
        configuration.roles.insert(shared.clone(), role(profiles(&shared), Vec::new()));
        configuration.roles.insert(own.clone(), role(profiles(&own), vec![shared]));
        let when = format!(
            r#"identity.department == "Department {department}" && identity.title == "Title {title}" && identity.status in ["active", "leave"]"#
        );
        configuration.rules.insert(format!("rule-{rule}"), assignment_rule(when, vec![own]));
    }
    configuration
}

fn assignment_rule(when: String, roles: Vec<String>) -> AssignmentRule {
    AssignmentRule {
        description: None,
        when,
        kind: RuleType::Automatic,
        roles,
        access_profiles: Vec::new(),
        account_types: Vec::new(),
        entitlements: Vec::new(),
        deny: false,
        priority: 0,
        days_before: 3,
        days_after: 0,
    }
}

fn account_type(number: usize) -> AccountType {
    let specification = |expression: Option<&str>, unique: Option<&str>| AttributeSpecification {
        value: None,
        expression: expression.map(str::to_owned),
        unique: unique.map(str::to_owned),
        required: true,
        create_only: unique.is_some(),
        secret: false,
        ..AttributeSpecification::default()
    };
    let login = "lower(ascii(left(identity.given_name, 1) + identity.family_name)) + (attempt == 0 ? \"\" : string(attempt + 1))";
    let attributes = BTreeMap::from([
        ("login".to_owned(), specification(None, Some(login))),
        ("given".to_owned(), specification(Some("identity.given_name"), None)),
        ("family".to_owned(), specification(Some("identity.family_name"), None)),
        ("name".to_owned(), specification(Some("identity.given_name + \" \" + identity.family_name"), None)),
        (
            "mail".to_owned(),
            specification(
                Some("lower(ascii(identity.given_name + \".\" + identity.family_name)) + \"@example.com\""),
                None,
            ),
        ),
        ("department".to_owned(), specification(Some("identity.department"), None)),
    ]);
    AccountType {
        display_name: String::new(),
        application: format!("application-{number}"),
        attributes,
        key: "login".into(),
        classification: Vec::new(),
        correlation: vec![CorrelationRule {
            identity: "identity.key".into(),
            account: "employee".into(),
            confidence: 100,
        }],
        on_removal: OnRemoval::Disable,
        depends_on: Vec::new(),
        review: false,
        fulfiller: None,
        select: None,
        several: Default::default(),
        ask: None,
        thresholds: Thresholds::default(),
        native_changes: None,
    }
}

fn application() -> Application {
    let connection = ManualConnection::default();
    Application {
        display_name: String::new(),
        description: None,
        demo: false,
        owner: None,
        connection: Connection::Manual(connection),
        read_by: None,
        writes: Default::default(),
        proxy: None,
        concurrency: None,
        thresholds: Thresholds::default(),
        retry: Default::default(),
        maintenance: Vec::new(),
        native_changes: None,
    }
}

fn identity(number: u64, rules: u64, random: &mut Random) -> Identity {
    let count = if random.below(10) == 0 { 2 } else { 1 };
    let contexts = (0..count).map(|context| {
        let started = TODAY.checked_sub((random.below(4_000) as i64 - 30).days()).ok();
        let ends =
            (random.below(4) == 0).then(|| TODAY.checked_add((random.below(2_000) as i64).days()).ok()).flatten();
        let department = format!("Department {}", random.below((rules / TITLES).max(1)));
        let title = format!("Title {}", random.below(TITLES));
        let status = ["active", "active", "active", "leave", "suspended"];
        let status = status.get(random.below(5) as usize).copied().unwrap_or("active");
        let attributes = [("department", department.as_str()), ("title", title.as_str()), ("status", status)];
        Context {
            key: format!("position-{context}"),
            priority: context,
            period: Period { starts: started, ends },
            attributes: attributes.into_iter().map(|(name, value)| (name.to_owned(), Value::from(value))).collect(),
            filled: Vec::new(),
        }
    });
    let contexts = contexts.collect();
    let syllables = ["an", "be", "ço", "du", "éli", "fo", "gü", "ha", "ing", "jo", "ka", "lo", "mø", "ne", "os", "pe"];
    let mut name = || -> String {
        let parts = (0..3).map(|_| syllables.get(random.below(16) as usize).copied().unwrap_or("a"));
        let text: String = parts.collect();
        let mut letters = text.chars();
        letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
    };
    let (given, family) = (name(), name());
    Identity {
        id: IdentityId(i64::try_from(number).unwrap_or(i64::MAX)),
        source: "staff".into(),
        key: format!("E{number:06}"),
        display_name: format!("{given} {family}"),
        attributes: Attributes::from([
            ("given_name".to_owned(), Value::from(given)),
            ("family_name".to_owned(), Value::from(family)),
        ]),
        contexts,
        manager_key: None,
        present: true,
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): seeded, so that every run sees the same people.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}
