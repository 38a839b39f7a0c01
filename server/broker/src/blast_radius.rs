//! How much a set of finished plans changes, as one number: each change weighed by what goes wrong when it is wrong.
//!
//! | change                             | weight |
//! |------------------------------------|--------|
//! | account deleted                    | 20     |
//! | privileged entitlement added       | 15     |
//! | account disabled                   | 10     |
//! | privileged entitlement removed     | 6      |
//! | entitlement removed                | 3      |
//! | account created or enabled         | 2      |
//! | account changed; entitlement added | 1      |
//!
//! The size is the sum. Its label looks at the size per head of the whole population: small up to 0.1 (or up to 20 in
//! all), considerable up to 0.5, large up to 2, huge above. Requests that fail anyway count nothing.
//!
//! What this leaves out: stopping anything. That is [`crate::threshold`].

use std::collections::BTreeMap;

use model::blast_radius::{ApplicationBlast, BlastLabel, BlastRadius, DepartmentBlast, PersonBlast};
use model::ids::IdentityId;
use model::plan::{AccountRequest, ItemKind, ItemOperation, Operation, Plan, RequestPart};

use crate::catalogue::Catalogue;

/// The table of the module's head.
struct Weights {
    deleted: u64,
    privileged_added: u64,
    disabled: u64,
    privileged_removed: u64,
    removed: u64,
    brought: u64,
    changed: u64,
    added: u64,
}

const WEIGHTS: Weights = Weights {
    deleted: 20,
    privileged_added: 15,
    disabled: 10,
    privileged_removed: 6,
    removed: 3,
    brought: 2,
    changed: 1,
    added: 1,
};

/// Up to this size a change is small, however few people there are.
const ALWAYS_SMALL: u64 = 20;
/// People and departments that are named.
const NAMED: usize = 10;

/// Name and department of a person.
pub type Describe<'a> = &'a dyn Fn(IdentityId) -> (String, String);

/// The size of these plans in a population of so many people.
pub fn measure<'a>(
    plans: impl IntoIterator<Item = &'a Plan>,
    population: u64,
    describe: Describe<'_>,
    catalogue: &Catalogue,
) -> BlastRadius {
    let mut measure = Measure::default();
    plans.into_iter().for_each(|plan| measure.add(plan.identity, &plan.requests, catalogue));
    measure.end(population, describe)
}

/// A size that is measured one person's requests after another's, so that nothing of them is kept.
#[derive(Default)]
pub struct Measure {
    radius: BlastRadius,
    applications: BTreeMap<String, ApplicationBlast>,
    people: BTreeMap<IdentityId, u64>,
}

impl Measure {
    /// Adds requests of one person.
    pub fn add<'a>(
        &mut self,
        identity: IdentityId,
        requests: impl IntoIterator<Item = &'a AccountRequest>,
        catalogue: &Catalogue,
    ) {
        for request in requests.into_iter().filter(|request| request.error.is_none()) {
            let application = self.applications.entry(request.application.clone());
            let application = application.or_insert_with(|| ApplicationBlast {
                application: request.application.clone(),
                ..ApplicationBlast::default()
            });
            // The account is counted once, with its other part.
            if request.part != RequestPart::Entitlements {
                count_account(application, request.operation);
            }
            *self.people.entry(identity).or_insert(0) += weight(request, catalogue, &mut self.radius);
        }
    }

    /// What it comes to in a population of so many people.
    pub fn end(self, population: u64, describe: Describe<'_>) -> BlastRadius {
        let Self { mut radius, applications, people } = self;
        radius.population = population;
        radius.applications = applications.into_values().collect();
        radius.people = people.len() as u64;
        radius.size = people.values().sum();
        radius.label = label(radius.size, population);
        let mut departments: BTreeMap<String, DepartmentBlast> = BTreeMap::new();
        let mut heaviest: Vec<(IdentityId, u64)> = people.into_iter().collect();
        for (identity, weight) in &heaviest {
            let (_, department) = describe(*identity);
            let entry =
                departments.entry(department.clone()).or_insert(DepartmentBlast { department, people: 0, weight: 0 });
            entry.people += 1;
            entry.weight += weight;
        }
        heaviest.sort_by(|(left_id, left), (right_id, right)| right.cmp(left).then(left_id.cmp(right_id)));
        radius.top_people = heaviest
            .into_iter()
            .take(NAMED)
            .map(|(identity, weight)| PersonBlast { identity, name: describe(identity).0, weight })
            .collect();
        let mut departments: Vec<DepartmentBlast> = departments.into_values().collect();
        departments
            .sort_by(|left, right| right.weight.cmp(&left.weight).then_with(|| left.department.cmp(&right.department)));
        departments.truncate(NAMED);
        radius.top_departments = departments;
        radius
    }
}

fn count_account(application: &mut ApplicationBlast, operation: Operation) {
    match operation {
        Operation::Create => application.created += 1,
        Operation::Update => application.updated += 1,
        Operation::Enable => application.enabled += 1,
        Operation::Disable => application.disabled += 1,
        Operation::Delete => application.deleted += 1,
    }
}

fn weight(request: &AccountRequest, catalogue: &Catalogue, radius: &mut BlastRadius) -> u64 {
    let mut sum = match request.operation {
        Operation::Create | Operation::Enable => WEIGHTS.brought,
        Operation::Update => {
            u64::from(request.items.iter().any(|item| item.kind == ItemKind::Attribute)) * WEIGHTS.changed
        }
        Operation::Disable => WEIGHTS.disabled,
        Operation::Delete => WEIGHTS.deleted,
    };
    for item in request.items.iter().filter(|item| item.kind == ItemKind::Entitlement) {
        let facts = item.entitlement.as_deref().and_then(|name| catalogue.entitlement(name));
        let is_privileged = facts.is_some_and(|facts| facts.privileged);
        let privileged = u64::from(is_privileged);
        sum += match (item.operation, is_privileged) {
            (ItemOperation::Remove, _) => {
                radius.entitlements_removed += 1;
                radius.privileged_removed += privileged;
                if is_privileged { WEIGHTS.privileged_removed } else { WEIGHTS.removed }
            }
            (ItemOperation::Add | ItemOperation::Set, _) => {
                radius.entitlements_added += 1;
                radius.privileged_added += privileged;
                if is_privileged { WEIGHTS.privileged_added } else { WEIGHTS.added }
            }
        };
    }
    sum
}

fn label(size: u64, population: u64) -> BlastLabel {
    // In tenths per head, rounded up.
    let per_head = size.saturating_mul(10).div_ceil(population.max(1));
    match per_head {
        _ if size <= ALWAYS_SMALL => BlastLabel::Small,
        0..=1 => BlastLabel::Small,
        2..=5 => BlastLabel::Considerable,
        6..=20 => BlastLabel::Large,
        _ => BlastLabel::Huge,
    }
}

#[cfg(test)]
mod tests {
    use model::account::{AccountStatus, Provenance};
    use proptest::prelude::*;

    use super::*;
    use crate::worlds::{self, Taken, access, account, compile, desired_account, world};

    fn describe(identity: IdentityId) -> (String, String) {
        (format!("Person {identity}"), if identity.0 % 2 == 0 { "Sales".into() } else { "Finance".into() })
    }

    fn of(plans: &[Plan], population: u64) -> BlastRadius {
        let mut configuration = worlds::configuration();
        configuration.entitlements.get_mut("person-b").unwrap().privileged = true;
        measure(plans, population, &describe, &Catalogue::new(&configuration))
    }

    #[test]
    fn each_change_weighs_what_the_table_says() {
        let mut held = account(1, "person", AccountStatus::Enabled, Provenance::Created);
        held.entitlements = ["B".to_owned(), "C".to_owned()].into();
        let desired = |entitlements: &[&str]| access(vec![desired_account("person", vec![], entitlements)]);
        let none = access(vec![]);
        let payroll = account(1, "payroll", AccountStatus::Enabled, Provenance::Created);
        for (what, desired, accounts, size) in [
            ("created", desired(&[]), vec![], 2),
            ("created with a group and a privileged one", desired(&["person-a", "person-b"]), vec![], 2 + 1 + 15),
            ("two groups removed, one privileged", desired(&[]), vec![held.clone()], 3 + 6),
            ("disabled with its groups", none.clone(), vec![held], 10 + 3 + 6),
            ("deleted", none, vec![payroll], 20),
        ] {
            let radius = of(&[compile(&desired, &accounts, &[], &mut Taken::default())], 1_000);
            assert_eq!(radius.size, size, "{what}");
            assert_eq!((radius.people, radius.label), (1, BlastLabel::Small), "{what}");
        }
    }

    #[test]
    fn the_label_is_relative_to_the_population() {
        for (size, population, expected) in [
            (0, 0, BlastLabel::Small),
            (20, 4, BlastLabel::Small),
            (21, 4, BlastLabel::Huge),
            (100, 1_000, BlastLabel::Small),
            (101, 1_000, BlastLabel::Considerable),
            (500, 1_000, BlastLabel::Considerable),
            (501, 1_000, BlastLabel::Large),
            (2_000, 1_000, BlastLabel::Large),
            (2_001, 1_000, BlastLabel::Huge),
            (u64::MAX, 1, BlastLabel::Huge),
        ] {
            assert_eq!(label(size, population), expected, "{size} of {population}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        /// Whatever the plans: their order does not matter, parts add up, and the named ones are the heaviest.
        #[test]
        fn parts_add_up(worlds in prop::collection::vec(world(), 0..6), population in 0_u64..10_000) {
            let plans: Vec<Plan> = (0_i64..)
                .zip(worlds)
                .map(|(id, mut world)| {
                    world.desired.identity = IdentityId(id);
                    compile(&world.desired, &world.accounts, &[], &mut world.taken)
                })
                .collect();
            let whole = of(&plans, population);
            let mut reversed = plans.clone();
            reversed.reverse();
            prop_assert_eq!(&of(&reversed, population), &whole);
            let parts: Vec<BlastRadius> = plans.iter().map(|plan| of(std::slice::from_ref(plan), population)).collect();
            prop_assert_eq!(parts.iter().map(|part| part.size).sum::<u64>(), whole.size);
            prop_assert_eq!(parts.iter().map(|part| part.people).sum::<u64>(), whole.people);
            prop_assert_eq!(parts.iter().map(|part| part.entitlements_removed).sum::<u64>(), whole.entitlements_removed);
            prop_assert_eq!(whole.top_departments.iter().map(|department| department.weight).sum::<u64>(), whole.size);
            prop_assert!(whole.top_people.is_sorted_by(|left, right| left.weight >= right.weight));
        }
    }
}
