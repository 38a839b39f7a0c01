//! Roles, what is in them, and who gets them: rules as sets of codes, from which configuration and accounts are made.

use std::collections::HashMap;

use jiff::ToSpan as _;
use jiff::civil::Date;

use crate::World;
use crate::people::{
    ATTRIBUTES, CLEARANCE, COST_CENTRE, COUNTRY, DEPARTMENT, DIVISION, Dimensions, FAMILY, LEVEL, LOCATION, PROJECT,
    Person, RISK, SCHEDULE, SITE, TITLE, TYPE,
};
use crate::random::{Random, Zipf};

/// Days before the first one from which those rules hold that prepare people's arrival.
pub const DAYS_BEFORE: u16 = 7;

/// Everything that can be given, by number.
pub struct Access {
    /// How many applications there are; each has one account type.
    pub applications: u16,
    /// Application of each entitlement.
    pub entitlements: Vec<u16>,
    pub profiles: Vec<Profile>,
    pub roles: Vec<Role>,
    /// Alternatives by the value that they hang on, for each attribute.
    hung: Vec<HashMap<u16, Vec<(u32, u32)>>>,
}

/// An access profile.
pub struct Profile {
    pub application: u16,
    /// Sorted.
    pub entitlements: Vec<u32>,
}

/// A role and the rule that gives it.
pub struct Role {
    pub profiles: Vec<u32>,
    /// A role that is in it; of a smaller number.
    pub contains: Option<u32>,
    /// The rule holds where one of them does.
    pub alternatives: Vec<Alternative>,
    /// Holds from [`DAYS_BEFORE`] days before the first one, also during leave.
    pub early: bool,
}

/// Attributes, and the codes that each may have; all have to.
pub type Alternative = Vec<(usize, Vec<u16>)>;

const ROLE: u64 = 10;
const PROFILE: u64 = 11;
const ENTITLEMENT: u64 = 12;
const DRIFT: u64 = 13;
const GRANT: u64 = 14;

/// Status codes with which a rule holds.
pub(crate) const STRICT: &[u16] = &[0];
pub(crate) const LENIENT: &[u16] = &[0, 1];

/// Something given to one person alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    pub entitlement: u32,
    /// Last day.
    pub until: Option<Date>,
}

impl Access {
    pub(crate) fn new(people: u64, seed: u64, dimensions: &Dimensions) -> Self {
        let scaled = |full: u64, least: u64| (full * people.min(10_000) / 10_000).max(least);
        let applications = u16::try_from(scaled(40, 3)).unwrap_or(40);
        let sizes = Zipf::new(applications, 0.8);
        let random = &mut Random::new(seed, ENTITLEMENT, 0);
        let mut entitlements: Vec<u16> = (0..scaled(50_000, 150)).map(|_| sizes.draw(random)).collect();
        entitlements.sort_unstable();
        let of = |application: u16| {
            let first = entitlements.partition_point(|other| *other < application);
            first..entitlements.partition_point(|other| *other <= application)
        };
        let profiles: Vec<Profile> = (0..scaled(5_000, 40))
            .map(|number| {
                let random = &mut Random::new(seed, PROFILE, number);
                let application = sizes.draw(random);
                let range = of(application);
                let count = 1 + random.below(6).min(random.below(6));
                let mut found: Vec<u32> = (0..count)
                    .filter(|_| !range.is_empty())
                    .filter_map(|_| u32::try_from(range.start as u64 + random.below(range.len() as u64)).ok())
                    .collect();
                found.sort_unstable();
                found.dedup();
                Profile { application, entitlements: found }
            })
            .collect();
        let count = u32::try_from(scaled(2_000, 30)).unwrap_or(2_000);
        let roles: Vec<Role> = (0..count)
            .map(|number| {
                let random = &mut Random::new(seed, ROLE, u64::from(number));
                let more = [random.chance(4_500), random.chance(2_000)].iter().filter(|more| **more).count();
                let mut given: Vec<u32> =
                    (0..=more).filter_map(|_| u32::try_from(random.below(profiles.len() as u64)).ok()).collect();
                given.sort_unstable();
                given.dedup();
                let contains =
                    (number > 60 && random.chance(500)).then(|| u32::try_from(random.below(60)).unwrap_or(0));
                let alternatives = alternatives(number, count, dimensions, random);
                Role { profiles: given, contains, alternatives, early: number.is_multiple_of(3) }
            })
            .collect();
        let mut hung = vec![HashMap::<u16, Vec<(u32, u32)>>::new(); ATTRIBUTES];
        for (role, of_role) in (0_u32..).zip(&roles) {
            for (number, alternative) in (0_u32..).zip(&of_role.alternatives) {
                // The attribute with the most values sorts out most people.
                let best = alternative.iter().max_by_key(|(attribute, _)| dimensions.sizes.get(*attribute));
                let Some((attribute, codes)) = best else { continue };
                for code in codes {
                    if let Some(by_code) = hung.get_mut(*attribute) {
                        by_code.entry(*code).or_default().push((role, number));
                    }
                }
            }
        }
        Self { applications, entitlements, profiles, roles, hung }
    }

    /// Everything that a role leads to, sorted.
    pub fn of_role(&self, role: u32) -> Vec<u32> {
        let mut found = Vec::new();
        let mut next = Some(role);
        while let Some(role) = next.and_then(|role| self.roles.get(role as usize)) {
            let profiles = role.profiles.iter().filter_map(|profile| self.profiles.get(*profile as usize));
            found.extend(profiles.flat_map(|profile| profile.entitlements.iter().copied()));
            next = role.contains;
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

/// Who gets a role: mostly by department, title or place, some by several of these together.
fn alternatives(number: u32, count: u32, dimensions: &Dimensions, random: &mut Random) -> Vec<Alternative> {
    // The first roles are everybody's.
    match number {
        0 => return vec![vec![(TYPE, vec![0])]],
        1 => return vec![vec![(TYPE, vec![1, 2])]],
        _ => {}
    }
    let each = if random.chance(1_870) { 2 } else { 1 };
    let shares = [
        (DEPARTMENT, 40),
        (TITLE, 20),
        (LOCATION, 13),
        (COST_CENTRE, 9),
        (PROJECT, 7),
        (SITE, 4),
        (DIVISION, 3),
        (COUNTRY, 2),
        (FAMILY, 2),
    ];
    (0..each)
        .map(|_| {
            let mut share = (u64::from(number) * 100 / u64::from(count) + random.below(100)) % 100;
            let mut main = DEPARTMENT;
            for (attribute, of_hundred) in shares {
                if share < of_hundred {
                    main = attribute;
                    break;
                }
                share -= of_hundred;
            }
            let mut alternative: Alternative = vec![(main, codes(main, dimensions, random, 4))];
            let broad = matches!(main, DIVISION | COUNTRY);
            for other in [LEVEL, TYPE, SCHEDULE, CLEARANCE, RISK] {
                let often = if broad { 5_500 } else { 1_500 };
                if alternative.len() < 4 && random.chance(often) {
                    alternative.push((other, codes(other, dimensions, random, 4)));
                }
            }
            alternative
        })
        .collect()
}

/// One code mostly, up to four.
fn codes(attribute: usize, dimensions: &Dimensions, random: &mut Random, most: u64) -> Vec<u16> {
    let size = dimensions.sizes.get(attribute).copied().unwrap_or(1);
    let count = 1 + random.below(most).min(random.below(most)).min(random.below(most));
    let mut codes: Vec<u16> =
        (0..count).map(|_| if attribute == PROJECT { 1 + random.code(size - 1) } else { random.code(size) }).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

impl World {
    /// The roles that somebody gets by rule on a day, sorted.
    pub fn roles_of(&self, person: &Person, day: Date) -> Vec<u32> {
        let mut found = Vec::new();
        let status = person.own[crate::people::STATUS];
        for position in &person.positions {
            let ended = position.until.is_some_and(|until| until < day);
            if ended || position.from > day.saturating_add(i64::from(DAYS_BEFORE).days()) {
                continue;
            }
            let early = position.from > day;
            for (attribute, by_code) in self.access.hung.iter().enumerate() {
                let code = person.code(position, attribute);
                for (role, alternative) in by_code.get(&code).into_iter().flatten() {
                    let Some(of_role) = self.access.roles.get(*role as usize) else { continue };
                    let states = if of_role.early { LENIENT } else { STRICT };
                    let parts = of_role.alternatives.get(*alternative as usize);
                    let holds = |parts: &Alternative| {
                        parts.iter().all(|(attribute, codes)| codes.contains(&person.code(position, *attribute)))
                    };
                    if (of_role.early || !early) && states.contains(&status) && parts.is_some_and(holds) {
                        found.push(*role);
                    }
                }
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// The entitlements that somebody gets by rule on a day, sorted.
    pub fn entitled(&self, person: &Person, day: Date) -> Vec<u32> {
        let roles = self.roles_of(person, day);
        let mut found: Vec<u32> =
            roles.iter().filter_map(|role| self.given.get(*role as usize)).flatten().copied().collect();
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What is found in the applications: what somebody should hold, less what was lost (one in a thousand), and for one
    /// person in eighty something that no rule gives, in an application in which there is an account.
    pub fn found(&self, person: &Person, day: Date) -> Vec<u32> {
        let random = &mut Random::new(self.seed, DRIFT, person.number);
        let mut found = self.entitled(person, day);
        let rogue = random.chance(125);
        let known = found.get(usize::try_from(random.below(found.len().max(1) as u64)).unwrap_or(0)).copied();
        found.retain(|_| !random.chance(10));
        if let Some(known) = known.filter(|_| rogue) {
            let application = self.access.entitlements.get(known as usize);
            let first = self.access.entitlements.partition_point(|other| Some(other) < application);
            let after = self.access.entitlements.partition_point(|other| Some(other) <= application);
            found.extend(u32::try_from(first as u64 + random.below((after - first) as u64)).ok());
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// What somebody was given directly; in one case of twenty it has ended.
    pub fn grant(&self, number: u64) -> Grant {
        let random = &mut Random::new(self.seed, GRANT, number);
        let entitlement = u32::try_from(random.below(self.access.entitlements.len() as u64)).unwrap_or(0);
        let days = i64::try_from(1 + random.below(300)).unwrap_or(1);
        let until = match random.below(100) {
            0..5 => Some(self.day.saturating_sub(days.days())),
            5..50 => Some(self.day.saturating_add(days.days())),
            _ => None,
        };
        Grant { entitlement, until }
    }

    /// How many accounts of an application are nobody's.
    pub fn orphans(&self, application: u16) -> u64 {
        1 + self.people / (400 * (u64::from(application) + 2))
    }
}
