use model::access::Grantable;
use model::configuration::{AutomationRule, Category, Configuration, Role};
use model::ids::RequestId;
use model::request::RequestItem;
use proptest::prelude::*;

use super::*;

fn at(hours: i64) -> Timestamp {
    Timestamp::from_second(hours * 3600).unwrap()
}

fn person(login: &str, identity: i64) -> Person {
    Person {
        login: login.into(),
        display_name: login.to_uppercase(),
        identity: Some(IdentityId(identity)),
        profiles: Vec::new(),
        is_away: false,
        may_decide_all: login == "boss",
    }
}

/// Sam asks for Pat; Max manages Pat and Mia manages Max; Olga owns the thing; three are in the security team.
fn people() -> Vec<Person> {
    let team = |login: &str, identity| Person { profiles: vec!["security".into()], ..person(login, identity) };
    vec![
        person("pat", 1),
        person("sam", 2),
        person("max", 3),
        person("mia", 4),
        person("olga", 5),
        team("sue", 6),
        team("sia", 7),
        team("sol", 8),
        person("boss", 9),
    ]
}

fn matter() -> Matter {
    Matter {
        identity: IdentityId(1),
        requester: "sam".into(),
        manager: Some(IdentityId(3)),
        managers_manager: Some(IdentityId(4)),
        owner: Some("olga".into()),
        application_owner: None,
    }
}

fn security(required: u16) -> ApprovalStage {
    ApprovalStage { required, ..ApprovalStage::of([Approver::Profile("security".into())]) }
}

fn manager() -> ApprovalStage {
    ApprovalStage {
        days: Some(3),
        escalate_to: vec![Approver::ManagersManager],
        ..ApprovalStage::of([Approver::Manager])
    }
}

fn waiting(stages: Vec<ApprovalStage>) -> RequestApproval {
    let mut approval = RequestApproval {
        request: RequestId(1),
        line: 1,
        item: RequestItem { change: Change::Give, grantable: Grantable::Role("clerk".into()) },
        stages,
        state: ApprovalState::Waiting,
        stage: 0,
        level: 0,
        since: at(0),
        escalates_at: None,
        ended_at: None,
        decisions: Vec::new(),
    };
    begin(&mut approval, at(0));
    approval
}

fn logins(approval: &RequestApproval, people: &[Person]) -> Vec<String> {
    standing(approval, &matter(), people).approvers.iter().map(|person| person.login.clone()).collect()
}

fn agree(approval: &RequestApproval, login: &str) -> Result<RequestApproval, Refused> {
    decide(approval, &matter(), &people(), (login, Verdict::Approve, ""), at(1))
}

#[test]
fn only_what_people_ask_to_be_given_needs_approvals() {
    for trigger in Trigger::ALL {
        assert_eq!(is_asked_for(trigger, Change::Give), trigger == Trigger::AccessRequest, "{trigger:?}");
        assert!(!is_asked_for(trigger, Change::Take));
    }
}

#[test]
fn each_way_to_name_somebody_finds_them() {
    for (approver, expected) in [
        (Approver::Manager, vec!["max"]),
        (Approver::ManagersManager, vec!["mia"]),
        (Approver::Owner, vec!["olga"]),
        (Approver::ApplicationOwner, vec![]),
        (Approver::User("SUE".into()), vec!["sue"]),
        (Approver::Profile("security".into()), vec!["sue", "sia", "sol"]),
        // Neither who asks nor whom it is for.
        (Approver::User("sam".into()), vec![]),
        (Approver::User("pat".into()), vec![]),
    ] {
        assert_eq!(logins(&waiting(vec![ApprovalStage::of([approver.clone()])]), &people()), expected, "{approver}");
    }
}

#[test]
fn nobody_decides_about_what_they_ask_for_under_another_login() {
    let mut people = people();
    people.push(Person { identity: Some(IdentityId(2)), ..person("sam-admin", 2) });
    let approval = waiting(vec![ApprovalStage::of([Approver::User("sam-admin".into()), Approver::Owner])]);
    assert_eq!(logins(&approval, &people), ["olga"]);
    assert_eq!(may_decide(&approval, &matter(), &people, "sam-admin"), Err(Refused::Own));
}

#[test]
fn stages_follow_each_other_and_a_quorum_is_counted() {
    let first = waiting(vec![security(2), manager()]);
    assert_eq!(agree(&first, "max"), Err(Refused::NotYours), "the manager has to wait");
    let one = agree(&first, "sue").unwrap();
    assert_eq!((one.stage, standing(&one, &matter(), &people()).missing), (0, 1));
    assert_eq!(agree(&one, "SUE"), Err(Refused::Twice));
    let two = agree(&one, "sol").unwrap();
    assert_eq!((two.stage, two.state, two.escalates_at), (1, ApprovalState::Waiting, Some(at(73))));
    assert_eq!(agree(&two, "sia"), Err(Refused::NotYours), "the security team is done");
    let all = agree(&two, "max").unwrap();
    assert_eq!((all.state, all.ended_at, all.decisions.len()), (ApprovalState::Approved, Some(at(1)), 3));
    assert_eq!(agree(&all, "max"), Err(Refused::Over(ApprovalState::Approved)));
}

#[test]
fn who_declines_ends_it() {
    let first = agree(&waiting(vec![security(2), manager()]), "sue").unwrap();
    let over = decide(&first, &matter(), &people(), ("sol", Verdict::Decline, "no"), at(2)).unwrap();
    assert_eq!((over.state, over.stage, over.escalates_at), (ApprovalState::Declined, 0, None));
    assert_eq!(agree(&over, "sia"), Err(Refused::Over(ApprovalState::Declined)));
    assert_eq!(cancel(&over, at(3)), None);
    assert_eq!(escalate(&over, &matter(), &people(), at(999)), None);
    assert_eq!(automate(&over, "rule", Verdict::Approve, "", at(3)), None);
}

#[test]
fn what_is_late_goes_to_others_and_at_last_to_everybody() {
    let approval = waiting(vec![manager()]);
    assert_eq!(escalate(&approval, &matter(), &people(), at(71)), None);
    let (once, why) = escalate(&approval, &matter(), &people(), at(72)).unwrap();
    assert_eq!((once.level, why, once.escalates_at), (1, Escalated::Late, Some(at(144))));
    assert_eq!(logins(&once, &people()), ["max", "mia"]);
    let (twice, _) = escalate(&once, &matter(), &people(), at(144)).unwrap();
    assert_eq!((twice.level, twice.escalates_at), (TOP, None));
    assert_eq!(logins(&twice, &people()), ["max", "mia", "boss"]);
    assert_eq!(escalate(&twice, &matter(), &people(), at(9999)), None);
    // Where nobody is named in between, it is everybody at once.
    let open = waiting(vec![ApprovalStage { escalate_to: Vec::new(), ..manager() }]);
    assert_eq!(escalate(&open, &matter(), &people(), at(72)).unwrap().0.level, TOP);
}

#[test]
fn where_nobody_is_left_it_does_not_wait_for_its_day() {
    let away = |logins: &[&str]| {
        let mut people = people();
        people.iter_mut().for_each(|person| person.is_away = logins.contains(&person.login.as_str()));
        people
    };
    let approval = waiting(vec![manager()]);
    for (gone, level, left) in [
        (vec!["max"], 1, vec!["mia"]),
        (vec!["max", "mia"], TOP, vec!["boss"]),
        (vec!["max", "mia", "boss"], TOP, vec![]),
    ] {
        let people = away(&gone);
        let (after, why) = escalate(&approval, &matter(), &people, at(1)).unwrap();
        assert_eq!((after.level, why), (level, Escalated::TooFew), "{gone:?}");
        assert_eq!(logins(&after, &people), left, "{gone:?}");
    }
    // Two of a team have to agree and one is left: others come in, and at last all that there are have to agree.
    let quorum = waiting(vec![security(2)]);
    let people = away(&["sue", "sia", "boss"]);
    let (after, _) = escalate(&quorum, &matter(), &people, at(1)).unwrap();
    assert_eq!((after.level, standing(&after, &matter(), &people).missing), (TOP, 1));
    // Whoever agreed before leaving counts.
    let one = agree(&quorum, "sue").unwrap();
    assert_eq!(escalate(&one, &matter(), &away(&["sue", "sia"]), at(1)), None);
}

#[test]
fn who_would_be_asked_in_a_later_stage_is_foreseen() {
    let approval = waiting(vec![security(2), manager()]);
    let later = at_stage(&approval, 1, &matter(), &people(), at(5));
    assert_eq!((later.stage, later.level, later.since), (1, 0, at(5)));
    assert_eq!(logins(&later, &people()), ["max"]);
    let away: Vec<Person> =
        people().into_iter().map(|person| Person { is_away: person.login == "max", ..person }).collect();
    let escalated = at_stage(&approval, 1, &matter(), &away, at(5));
    assert_eq!(escalated.level, 1);
    assert_eq!(logins(&escalated, &away), ["mia"]);
}

#[test]
fn the_most_specific_rule_decides_and_of_equal_ones_the_one_that_declines() {
    let mut configuration = Configuration::default();
    for (name, parent) in [("outer", None), ("inner", Some("outer"))] {
        let parent = parent.map(str::to_owned);
        let category = Category { display_name: name.into(), parent, ..Category::default() };
        configuration.categories.insert(name.into(), category);
    }
    configuration.roles.insert("clerk".into(), Role { category: Some("inner".into()), ..Role::new("Clerk") });
    let all = AutomationRule {
        description: None,
        role: None,
        access_profile: None,
        entitlement: None,
        category: None,
        hours: 1,
        decision: Verdict::Approve,
    };
    let of = |rules: Vec<(&str, AutomationRule)>| {
        let rules = rules.into_iter().map(|(name, rule)| (name.to_owned(), rule)).collect();
        let configuration = Configuration { automation_rules: rules, ..configuration.clone() };
        governing(&configuration, &Grantable::Role("clerk".into())).map(|(name, _)| name.to_owned())
    };
    let category = |name: &str| AutomationRule { category: Some(name.into()), ..all.clone() };
    let role = |name: &str| AutomationRule { role: Some(name.into()), hours: 99, ..all.clone() };
    let declines = |rule: AutomationRule| AutomationRule { decision: Verdict::Decline, hours: 50, ..rule };
    for (rules, expected) in [
        (vec![], None),
        (vec![("other", role("other")), ("elsewhere", category("elsewhere"))], None),
        (vec![("all", all.clone()), ("outer", category("outer"))], Some("outer")),
        (vec![("inner", category("inner")), ("outer", declines(category("outer")))], Some("inner")),
        (vec![("inner", declines(category("inner"))), ("role", role("clerk"))], Some("role")),
        (vec![("a", role("clerk")), ("b", declines(role("clerk")))], Some("b")),
        (vec![("a", AutomationRule { hours: 2, ..all.clone() }), ("b", all.clone())], Some("b")),
    ] {
        assert_eq!(of(rules.clone()).as_deref(), expected, "{rules:?}");
    }
}

#[test]
fn a_rule_decides_its_stage_when_that_has_waited_long_enough() {
    let rule = AutomationRule {
        description: None,
        role: None,
        access_profile: None,
        entitlement: None,
        category: None,
        hours: 48,
        decision: Verdict::Approve,
    };
    let approval = waiting(vec![security(2), manager()]);
    assert!(!is_due(&rule, &approval, at(47)));
    assert!(is_due(&rule, &approval, at(48)));
    let after = automate(&approval, "late", Verdict::Approve, "Nobody decided.", at(48)).unwrap();
    assert_eq!((after.state, after.stage, after.since), (ApprovalState::Waiting, 1, at(48)));
    assert_eq!(after.decisions[0].by, Decider::Rule("late".into()));
    assert!(!is_due(&rule, &after, at(49)), "the next stage has its own time");
    let over = automate(&after, "late", Verdict::Decline, "", at(96)).unwrap();
    assert_eq!(over.state, ApprovalState::Declined);
}

proptest! {
    /// Whatever happens in whatever order: nobody decides about their own, nobody counts twice, no stage is left out, and
    /// what is over stays as it is.
    #[test]
    fn an_approval_keeps_its_promises(
        steps in prop::collection::vec((0_usize..9, 0_u8..6, 0_i64..200), 0..40),
        required in 1_u16..5,
        away in prop::collection::vec(any::<bool>(), 9),
    ) {
        let mut people = people();
        for (person, away) in people.iter_mut().zip(away) {
            person.is_away = away;
        }
        let mut approval = waiting(vec![security(required), manager()]);
        let mut hour = 0;
        for (who, what, wait) in steps {
            hour += wait;
            let before = approval.clone();
            match what {
                0..3 => {
                    let login = people[who].login.clone();
                    if let Ok(after) = decide(&approval, &matter(), &people, (&login, Verdict::Approve, ""), at(hour)) {
                        prop_assert!(login != "sam" && login != "pat" && !people[who].is_away);
                        approval = after;
                    }
                }
                3 => people[who].is_away = !people[who].is_away,
                4 => {
                    if let Ok(after) =
                        decide(&approval, &matter(), &people, (&people[who].login, Verdict::Decline, ""), at(hour))
                    {
                        prop_assert_eq!(after.state, ApprovalState::Declined);
                        approval = after;
                    }
                }
                _ => {
                    if let Some((after, _)) = escalate(&approval, &matter(), &people, at(hour)) {
                        prop_assert!(after.level > approval.level && after.stage == approval.stage);
                        prop_assert!(
                            after.level == TOP || !standing(&after, &matter(), &people).approvers.is_empty()
                        );
                        approval = after;
                    }
                }
            }
            if before.state != ApprovalState::Waiting {
                prop_assert_eq!(&before, &approval);
            }
            prop_assert!(approval.stage == before.stage || approval.stage == before.stage + 1);
            let mut counted: Vec<_> = approval.decisions.iter().map(|one| (one.stage, one.by.clone())).collect();
            counted.sort();
            counted.dedup();
            prop_assert_eq!(counted.len(), approval.decisions.len());
            let declined = approval.decisions.iter().any(|one| one.verdict == Verdict::Decline);
            prop_assert_eq!(declined, approval.state == ApprovalState::Declined);
            if approval.state == ApprovalState::Approved {
                prop_assert!((0..2).all(|stage| approval.decisions.iter().any(|one| one.stage == stage)));
            }
        }
    }
}
