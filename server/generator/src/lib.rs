//! Organisations that nobody works for, of any size: people with their history, roles and rules, accounts with drift, and
//! what changes from one day to the next. Each person follows from the seed and a number alone, so that a world of ten
//! millions is handed out row by row without being kept.
//!
//! The same organisation comes out as a configuration ([`World::configuration`]), as people ([`World::person`]), and as
//! what its applications hold ([`World::found`]). Who gets what is worked out here from the sets of codes that the rules
//! are written from, and not by the role model: so it is a third opinion beside `policy`'s two. Writing files is the
//! command's.
//!
//! Sizes are those of large organisations: 400 departments (Zipf 0.9), 250 locations (Zipf 1.0), 1,500 titles that go with
//! the division, 2,000 roles of one or two alternatives with up to five conditions, 40 applications with 50,000
//! entitlements; everybody has about 6 roles and 28 entitlements. One person in a hundred changes in a day.

mod access;
mod configuration;
mod people;
mod random;

use jiff::ToSpan as _;
use jiff::civil::Date;

pub use access::{Access, Alternative, DAYS_BEFORE, Grant, Profile, Role};
pub use configuration::{
    EXTRACT_COLUMNS, PEOPLE_COLUMNS, POSITION_COLUMNS, account_type, application, entitlement, profile, role,
};
pub use people::{ATTRIBUTES, NAMES, OWN, Person, Position, key, text, value};

use people::Dimensions;

/// Name of the identity source.
pub const SOURCE: &str = "staff";

/// An organisation.
pub struct World {
    people: u64,
    seed: u64,
    day: Date,
    dimensions: Dimensions,
    access: Access,
    /// What each role leads to.
    given: Vec<Vec<u32>>,
}

impl World {
    /// The organisation of so many people on its first day. Of fewer than ten thousand, everything there is is less.
    pub fn new(people: u64, seed: u64, day: Date) -> Self {
        let dimensions = Dimensions::new(people);
        let access = Access::new(people, seed, &dimensions);
        let roles = 0..u32::try_from(access.roles.len()).unwrap_or(u32::MAX);
        let given = roles.map(|role| access.of_role(role)).collect();
        Self { people, seed, day, dimensions, access, given }
    }

    /// The day on which it begins.
    pub fn day(&self) -> Date {
        self.day
    }

    /// So many days after the first.
    pub fn day_after(&self, days: u16) -> Date {
        self.day.saturating_add(i64::from(days).days())
    }

    /// How many people the identity source lists so many days after the first: three in two thousand join in a day.
    pub fn people_after(&self, days: u16) -> u64 {
        self.people + u64::from(days) * self.joiners_of_a_day()
    }

    fn joiners_of_a_day(&self) -> u64 {
        self.people * 15 / 10_000
    }

    /// Roles, profiles and entitlements.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// How many values the attribute of that position has.
    pub fn values(&self, attribute: usize) -> u16 {
        self.dimensions.sizes.get(attribute).copied().unwrap_or_default()
    }

    /// Cells of somebody's line in the list of people: [`PEOPLE_COLUMNS`], then the own attributes.
    pub fn people_row(&self, person: &Person) -> Vec<String> {
        let first = [
            person.key(),
            person.given_name.clone(),
            person.family_name.clone(),
            person.manager.map_or_else(String::new, key),
            person.starts.to_string(),
            person.ends.map_or_else(String::new, |day| day.to_string()),
        ];
        first.into_iter().chain((0_usize..).zip(person.own).map(|(attribute, code)| text(attribute, code))).collect()
    }

    /// Cells of the lines in the list of positions: [`POSITION_COLUMNS`], then the attributes of positions.
    pub fn position_rows(&self, person: &Person) -> Vec<Vec<String>> {
        let rows = person.positions.iter().map(|position| {
            let first = [
                person.key(),
                position.from.to_string(),
                position.until.map_or_else(String::new, |day| day.to_string()),
                position.priority.to_string(),
            ];
            let codes = (OWN..).zip(position.codes);
            first.into_iter().chain(codes.map(|(attribute, code)| text(attribute, code))).collect()
        });
        rows.collect()
    }

    /// Somebody's accounts on a day: application, and the cells of [`EXTRACT_COLUMNS`].
    pub fn extract_rows(&self, person: &Person, day: Date) -> Vec<(u16, Vec<String>)> {
        let found = self.found(person, day);
        let department = person.department(day);
        let mut rows: Vec<(u16, Vec<String>)> = Vec::new();
        for entitlement in found {
            let Some(application) = self.access.entitlements.get(entitlement as usize).copied() else { continue };
            let name = configuration::entitlement(entitlement);
            match rows.last_mut() {
                Some((last, cells)) if *last == application => {
                    if let Some(held) = cells.get_mut(4) {
                        held.push('|');
                        held.push_str(&name);
                    }
                }
                _ => {
                    let key = person.key();
                    let mail = format!("{}@example.org", key.to_lowercase());
                    let full = format!("{} {}", person.given_name, person.family_name);
                    rows.push((application, vec![key, full, mail, department.clone(), name, "enabled".into()]));
                }
            }
        }
        rows
    }

    /// An account that is nobody's, as in [`Self::extract_rows`].
    pub fn orphan_row(&self, application: u16, number: u64) -> Vec<String> {
        let name = format!("service-{application:02}-{number:05}");
        vec![name.clone(), name, String::new(), String::new(), String::new(), "enabled".into()]
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use jiff::civil::Date;
    use model::access::Grantable;
    use model::ids::IdentityId;
    use policy::engine::Engine;
    use policy::model::RoleModel;

    use super::{World, entitlement};

    const DAY: Date = Date::constant(2026, 3, 2);

    fn world() -> World {
        World::new(600, 7, DAY)
    }

    #[test]
    fn the_role_model_gives_what_the_applications_hold() {
        let world = world();
        let model = Arc::new(RoleModel::compile(&world.configuration()).unwrap());
        let mut engine = Engine::new(model);
        for days in [0, 1, 30] {
            let today = world.day_after(days);
            let mut held = 0;
            for number in 0..world.people_after(days) {
                let person = world.person(number, days);
                let id = IdentityId(i64::try_from(number).unwrap());
                engine.upsert(&person.identity(id));
                let desired = engine.desired(id, today).unwrap();
                let given = desired.assignments.iter().filter_map(|assignment| match &assignment.grantable {
                    Grantable::Entitlement(name) => Some(name.clone()),
                    _ => None,
                });
                let mut given: Vec<String> = given.collect();
                let mut expected: Vec<String> = world.entitled(&person, today).into_iter().map(entitlement).collect();
                given.sort();
                expected.sort();
                assert_eq!(given, expected, "{person:?}");
                held += expected.len();
            }
            assert!(held > 5_000, "{held} entitlements are too few to tell anything");
        }
    }

    #[test]
    fn a_seed_is_a_world() {
        let (one, same, other) = (world(), world(), World::new(600, 8, DAY));
        assert_eq!(one.configuration(), same.configuration());
        assert_ne!(one.configuration(), other.configuration());
        let row = |world: &World, number| world.people_row(&world.person(number, 1));
        assert!((0..600).all(|number| row(&one, number) == row(&same, number)));
        assert!((0..600).any(|number| row(&one, number) != row(&other, number)));
    }

    #[test]
    fn everything_that_happens_in_organisations_is_there() {
        let world = World::new(20_000, 7, DAY);
        let people: Vec<_> = (0..20_000).map(|number| world.person(number, 0)).collect();
        let of_thousand = |holds: &dyn Fn(&super::Person) -> bool| people.iter().filter(|one| holds(one)).count() / 20;
        let shares = [
            (
                "earlier positions",
                of_thousand(&|one| one.positions.iter().any(|at| at.until.is_some_and(|day| day < DAY))),
                100..400,
            ),
            (
                "two positions at once",
                of_thousand(&|one| one.positions.iter().filter(|at| at.until.is_none()).count() > 1),
                15..60,
            ),
            ("not there yet", of_thousand(&|one| one.starts > DAY), 1..20),
            ("gone", of_thousand(&|one| one.ends.is_some_and(|day| day < DAY)), 5..40),
            ("something lost or rogue", of_thousand(&|one| world.found(one, DAY) != world.entitled(one, DAY)), 20..60),
        ];
        for (what, share, expected) in shares {
            assert!(expected.contains(&share), "{what}: {share} of thousand, expected {expected:?}");
        }
        let roles = people.iter().map(|one| world.roles_of(one, DAY).len()).sum::<usize>() * 10 / people.len();
        let held = people.iter().map(|one| world.entitled(one, DAY).len()).sum::<usize>() / people.len();
        assert!((50..75).contains(&roles), "{roles} roles for ten people");
        assert!((20..36).contains(&held), "{held} entitlements a person");
        let changed = (0..20_000).filter(|number| {
            let (before, after) = (world.person(*number, 0), world.person(*number, 1));
            world.people_row(&before) != world.people_row(&after)
                || world.position_rows(&before) != world.position_rows(&after)
        });
        let changed = changed.count();
        assert!((100..260).contains(&changed), "{changed} of 20,000 changed in a day");
        assert_eq!(world.people_after(1), 20_030);
    }
}
