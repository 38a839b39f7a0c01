//! A part of a plan: what concerns some applications only. The plan is made as a whole first, so that the part is decided
//! as the whole would be; what depends on something left out is left out with it, and ordered with it another time.

use model::order::Order;
use model::plan::{AccountRequest, Plan, RequestPart};

/// The part of the plan in those applications. `open_orders` are those that the plan was made with.
pub fn restrict(mut plan: Plan, open_orders: &[Order], is_meant: &dyn Fn(&str) -> bool) -> Plan {
    if plan.requests.iter().all(|request| is_meant(&request.application)) && plan.withdrawn.is_empty() {
        return plan;
    }
    // Requests stand after those they depend on, so one way through finds all that is left out.
    let mut places: Vec<Option<usize>> = Vec::with_capacity(plan.requests.len());
    let mut kept = 0;
    for request in &plan.requests {
        let is_kept = is_meant(&request.application)
            && request.after.iter().all(|after| matches!(places.get(*after), Some(Some(_))));
        places.push(is_kept.then_some(kept));
        kept += usize::from(is_kept);
    }
    let mut position = 0;
    plan.requests.retain_mut(|request| {
        let is_kept = places[position].is_some();
        position += 1;
        if is_kept {
            request.after = request.after.iter().filter_map(|after| places.get(*after).copied().flatten()).collect();
        }
        is_kept
    });
    for position in 0..plan.requests.len() {
        if let Some(request) = plan.requests.get(position).filter(|request| request.part != RequestPart::Whole) {
            let is_other = |other: &AccountRequest| {
                other.part != RequestPart::Whole
                    && other.part != request.part
                    && (&other.account_type, other.account) == (&request.account_type, request.account)
            };
            // Its other part was left out: it is all that happens to its account now.
            if !plan.requests.iter().any(is_other)
                && let Some(request) = plan.requests.get_mut(position)
            {
                request.part = RequestPart::Whole;
            }
        }
    }
    plan.withdrawn
        .retain(|withdrawn| open_orders.iter().any(|order| order.id == *withdrawn && is_meant(&order.application)));
    plan
}

#[cfg(test)]
mod tests {
    use model::ids::IdentityId;
    use model::plan::{AccountRequest, Operation, Plan, RequestPart};
    use model::trigger::Trigger;
    use proptest::prelude::*;

    use super::restrict;
    use crate::worlds::{Taken, access, catalogue, compile, desired_account, orders, world};
    use crate::{check, partition};

    fn request(application: &str, after: &[usize]) -> AccountRequest {
        AccountRequest {
            application: application.into(),
            account_type: format!("{application}-account"),
            account: None,
            key: None,
            operation: Operation::Create,
            part: RequestPart::Whole,
            items: vec![],
            reasons: vec![],
            explanation: String::new(),
            after: after.to_vec(),
            error: None,
            waits_for: vec![],
            supersedes: vec![],
            awaits: vec![],
            refers: vec![],
            sets_back: vec![],
            in_doubt: false,
        }
    }

    fn plan(requests: &[(&str, &[usize])]) -> Plan {
        Plan {
            identity: IdentityId(1),
            trigger: Trigger::IdentityRefresh,
            requests: requests.iter().map(|(application, after)| request(application, after)).collect(),
            filtered: vec![],
            retained: vec![],
            withdrawn: vec![],
            questions: vec![],
        }
    }

    #[test]
    fn what_depends_on_something_left_out_is_left_out_with_it() {
        type Requests<'a> = &'a [(&'a str, &'a [usize])];
        let all: Requests<'_> = &[("hr", &[]), ("mail", &[0]), ("badges", &[]), ("lab", &[2]), ("safe", &[1, 3])];
        let cases: [(&[&str], Requests<'_>); 6] = [
            (&["hr", "mail", "badges", "lab", "safe"], all),
            (&["badges"], &[("badges", &[])]),
            (&["badges", "lab"], &[("badges", &[]), ("lab", &[0])]),
            (&["lab", "mail"], &[]),
            (&["badges", "lab", "safe"], &[("badges", &[]), ("lab", &[0])]),
            (&["hr", "mail", "safe"], &[("hr", &[]), ("mail", &[0])]),
        ];
        for (meant, expected) in cases {
            let part = restrict(plan(all), &[], &|application| meant.contains(&application));
            assert_eq!(part, plan(expected), "{meant:?}");
        }
    }

    #[test]
    fn orders_of_other_applications_are_not_withdrawn() {
        let desired = access(vec![desired_account("badge", vec![], &[]), desired_account("payroll", vec![], &[])]);
        let open = orders(&compile(&desired, &[], &[], &mut Taken::default()), 100);
        let nothing = access(vec![]);
        let whole = compile(&nothing, &[], &open, &mut Taken::default());
        assert_eq!(whole.withdrawn.len(), 2);
        let part = restrict(whole, &open, &|application| application == "door");
        let of_the_door: Vec<_> =
            open.iter().filter(|order| order.application == "door").map(|order| order.id).collect();
        assert_eq!(part.withdrawn, of_the_door);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_part_passes_the_check_as_the_whole_does(world in world(), meant in 0_u8..16) {
            let is_meant = |application: &str| {
                let place = ["directory", "mail", "payroll", "door"].iter().position(|known| *known == application);
                place.is_some_and(|place| meant & (1 << place) != 0)
            };
            let plan = compile(&world.desired, &world.accounts, &[], &mut world.taken.clone());
            let part = restrict(plan.clone(), &[], &is_meant);
            prop_assert!(part.requests.iter().all(|request| is_meant(&request.application)));
            if meant == 15 {
                prop_assert_eq!(&part, &plan);
            }
            let partitions = partition::split(&part, &catalogue());
            if let Err(findings) = check::check(part.clone(), partitions) {
                prop_assert!(false, "{findings:#?}\n{part:#?}\nof {plan:#?}");
            }
        }
    }
}
