//! People: their attributes as codes, their positions over the years, and what changes from one day to the next.

use jiff::ToSpan as _;
use jiff::civil::Date;
use model::identity::{Context, Identity, Period};
use model::ids::IdentityId;
use model::value::{Attributes, Value};

use crate::World;
use crate::random::{Random, Zipf};

/// Number of attributes that rules read.
pub const ATTRIBUTES: usize = 20;
/// How many of them stand with the person; the others change with the position.
pub const OWN: usize = 6;

pub(crate) const TYPE: usize = 0;
pub(crate) const STATUS: usize = 1;
pub(crate) const CLEARANCE: usize = 2;
pub(crate) const SCHEDULE: usize = 3;
pub(crate) const RISK: usize = 4;
const REMOTE: usize = 5;
pub(crate) const DEPARTMENT: usize = 6;
pub(crate) const DIVISION: usize = 7;
pub(crate) const COST_CENTRE: usize = 8;
pub(crate) const LOCATION: usize = 9;
pub(crate) const SITE: usize = 10;
const BUILDING: usize = 11;
pub(crate) const COUNTRY: usize = 12;
const REGION: usize = 13;
pub(crate) const TITLE: usize = 14;
pub(crate) const FAMILY: usize = 15;
pub(crate) const LEVEL: usize = 16;
const COMPANY: usize = 17;
pub(crate) const PROJECT: usize = 18;
const PEOPLE_MANAGER: usize = 19;

/// What each attribute is called in feeds and rules.
pub const NAMES: [&str; ATTRIBUTES] = [
    "employee_type",
    "status",
    "clearance",
    "schedule",
    "risk",
    "remote",
    "department",
    "division",
    "cost_centre",
    "location",
    "site",
    "building",
    "country",
    "region",
    "title",
    "job_family",
    "level",
    "company",
    "project",
    "people_manager",
];

/// The code that stands for no value, in an attribute that may lack one.
const NOTHING: u16 = 0;

/// How many values each attribute has, and how they are spread.
pub(crate) struct Dimensions {
    pub(crate) sizes: [u16; ATTRIBUTES],
    departments: Zipf,
    locations: Zipf,
    titles: Zipf,
    titles_of_a_division: u16,
}

impl Dimensions {
    /// A company of ten thousand and more has all values; a smaller one fewer, so that as many share one.
    pub(crate) fn new(people: u64) -> Self {
        let scaled = |full: u16, least: u16| {
            let part = u64::from(full) * people.min(10_000) / 10_000;
            u16::try_from(part).unwrap_or(full).clamp(least, full)
        };
        let divisions = scaled(20, 4);
        let departments = scaled(400, 12);
        let locations = scaled(250, 6);
        let titles_of_a_division = scaled(75, 6);
        let titles = divisions * titles_of_a_division;
        let sizes = [
            3,
            3,
            5,
            6,
            4,
            2,
            departments,
            divisions,
            departments * 5,
            locations,
            locations * 4,
            locations * 16,
            locations.min(30),
            5,
            titles,
            titles.div_ceil(15),
            8,
            12,
            scaled(3_000, 20) + 1,
            2,
        ];
        Self {
            sizes,
            departments: Zipf::new(departments, 0.9),
            locations: Zipf::new(locations, 1.0),
            titles: Zipf::new(titles_of_a_division, 0.9),
            titles_of_a_division,
        }
    }
}

/// Somebody, as of a day.
#[derive(Clone, Debug)]
pub struct Person {
    /// From 0.
    pub number: u64,
    pub given_name: String,
    pub family_name: String,
    /// Number of the manager.
    pub manager: Option<u64>,
    pub starts: Date,
    /// Last day of employment.
    pub ends: Option<Date>,
    /// Codes of the attributes that stand with the person.
    pub own: [u16; OWN],
    /// From the first to the last; several may hold at once.
    pub positions: Vec<Position>,
}

/// A position and its days.
#[derive(Clone, Debug)]
pub struct Position {
    pub from: Date,
    /// Last day.
    pub until: Option<Date>,
    /// Smaller wins.
    pub priority: i32,
    /// Codes of the attributes that change with it.
    pub codes: [u16; ATTRIBUTES - OWN],
}

const GIVEN: [&str; 40] = [
    "Maria", "Anna", "Thomas", "Peter", "Sofia", "Lars", "Elena", "Jan", "Fatima", "Paul", "Ingrid", "Marek", "Chloé",
    "Tuấn", "Zoë", "Björn", "Amélie", "Luis", "Nadia", "Piotr", "Åse", "Diego", "Mehmet", "Yuki", "Oksana", "João",
    "Priya", "Ahmed", "Łucja", "Sven", "Ines", "Kofi", "Hana", "Raúl", "Greta", "Omar", "Tereza", "Noor", "Émile",
    "Saoirse",
];
const FAMILY_NAMES: [&str; 48] = [
    "Müller",
    "Jansen",
    "Nguyen",
    "Garcia",
    "Smith",
    "Rossi",
    "Novák",
    "Kowalski",
    "Andersson",
    "Silva",
    "Dubois",
    "Schmidt",
    "de Vries",
    "Khan",
    "Fernández",
    "Wagner",
    "Olsen",
    "Popescu",
    "Horvat",
    "Yılmaz",
    "Okafor",
    "Bianchi",
    "O'Brien",
    "Weiß",
    "Ivanova",
    "Petit",
    "Hansen",
    "Moreau",
    "Kaya",
    "Svensson",
    "Lindqvist",
    "Castellví",
    "Tanaka",
    "Costa",
    "Meyer",
    "Bakker",
    "Nowak",
    "Virtanen",
    "Marković",
    "Bærentzen",
    "Díaz",
    "Łukasik",
    "Ní Dhomhnaill",
    "Sørensen",
    "Papadopoulos",
    "van den Berg",
    "Ibrahim",
    "Çelik",
];
const TYPES: [&str; 3] = ["employee", "contractor", "temporary"];
const STATES: [&str; 3] = ["active", "leave", "garden_leave"];

/// What one chance is for, so that no two decide by the same numbers.
const PERSON: u64 = 1;
const CHANGE: u64 = 2;
const JOINER: u64 = 3;

impl World {
    /// Somebody as the identity source lists them so many days after the first.
    pub fn person(&self, number: u64, days: u16) -> Person {
        let mut person = self.first(number);
        for day in 1..=days {
            self.change(&mut person, day);
        }
        person
    }

    fn first(&self, number: u64) -> Person {
        let random = &mut Random::new(self.seed, PERSON, number);
        let pick = |names: &[&'static str], random: &mut Random| {
            // Frequent names are much more frequent.
            let most = names.len() as u64;
            let rank = random.below(most).min(random.below(most)).min(random.below(most));
            names.get(usize::try_from(rank).unwrap_or(0)).copied().unwrap_or_default()
        };
        let given_name = pick(&GIVEN, random).to_owned();
        let mut family_name = pick(&FAMILY_NAMES, random).to_owned();
        if random.chance(1_200) {
            family_name = format!("{family_name}-{}", pick(&FAMILY_NAMES, random));
        }
        let kind = match random.below(100) {
            0..80 => 0,
            80..94 => 1,
            _ => 2,
        };
        let state = match random.below(100) {
            0..95 => 0,
            95..99 => 1,
            _ => 2,
        };
        let own = [
            kind,
            state,
            random.code(5).min(random.code(5)),
            random.code(6),
            random.code(4).min(random.code(4)),
            u16::from(random.chance(3_000)),
        ];
        let joins = number.checked_sub(self.people).map(|later| {
            let day = later / self.joiners_of_a_day().max(1) + 1;
            (
                self.day_after(u16::try_from(day).unwrap_or(u16::MAX)),
                Random::new(self.seed, JOINER, number).chance(5_000),
            )
        });
        let starts = match joins {
            // Half of those who join are told of a week before.
            Some((day, ahead)) => day.saturating_add(if ahead { 7.days() } else { 0.days() }),
            None if random.chance(50) => {
                self.day.saturating_add(i64::try_from(1 + random.below(14)).unwrap_or(1).days())
            }
            None => self.day.saturating_sub(i64::try_from(random.below(6_000)).unwrap_or(0).days()),
        };
        let worked = (self.day - starts).get_days().max(0);
        let ends = if joins.is_none() && random.chance(200) && worked > 60 {
            Some(self.day.saturating_sub(i64::try_from(1 + random.below(30)).unwrap_or(1).days()))
        } else if own.first() != Some(&0) {
            Some(self.day.saturating_add(i64::try_from(30 + random.below(700)).unwrap_or(30).days()))
        } else {
            None
        };
        let mut positions = Vec::with_capacity(2);
        let mut from = starts;
        if worked > 400 && random.chance(2_500) {
            let moved = starts.saturating_add((i64::from(worked) / 2).days());
            positions.push(Position {
                from,
                until: Some(moved.saturating_sub(1.day())),
                priority: 1,
                codes: self.position(random),
            });
            from = moved;
        }
        positions.push(Position { from, until: ends, priority: 1, codes: self.position(random) });
        if random.chance(400) {
            positions.push(Position { from, until: ends, priority: 2, codes: self.position(random) });
        }
        let manager = (number > 0).then(|| random.below(number / 8 + 1));
        Person { number, given_name, family_name, manager, starts, ends, own, positions }
    }

    /// Where somebody works, and as what.
    fn position(&self, random: &mut Random) -> [u16; ATTRIBUTES - OWN] {
        let sizes = &self.dimensions.sizes;
        let department = self.dimensions.departments.draw(random);
        let division = department % sizes[DIVISION];
        let location = self.dimensions.locations.draw(random);
        let site = location * 4 + random.code(4);
        let country = location % sizes[COUNTRY];
        let title = division * self.dimensions.titles_of_a_division + self.dimensions.titles.draw(random);
        let level = random.code(8).min(random.code(8));
        [
            department,
            division,
            department * 5 + random.code(5),
            location,
            site,
            site * 4 + random.code(4),
            country,
            country % 5,
            title,
            title / 15,
            level,
            country % 12,
            if random.chance(4_000) { 1 + random.code(sizes[PROJECT] - 1) } else { NOTHING },
            u16::from(random.chance(if level > 3 { 3_000 } else { 300 })),
        ]
    }

    /// What a day brings for one: of ten thousand 55 move, 15 leave and 15 are changed in some small thing.
    fn change(&self, person: &mut Person, day: u16) {
        let random = &mut Random::new(self.seed, CHANGE + (u64::from(day) << 32), person.number);
        let today = self.day_after(day);
        let yesterday = today.saturating_sub(1.day());
        if person.ends.is_some_and(|ends| ends < today) || person.starts >= today {
            return;
        }
        match random.below(10_000) {
            0..55 => {
                let codes = self.position(random);
                let until = person.ends;
                for position in &mut person.positions {
                    if position.from < today && position.until.is_none_or(|until| until >= today) {
                        position.until = Some(yesterday);
                    }
                }
                person.positions.retain(|position| position.from < today);
                person.positions.push(Position { from: today, until, priority: 1, codes });
            }
            55..70 => {
                person.ends = Some(yesterday);
                for position in &mut person.positions {
                    if position.until.is_none_or(|until| until > yesterday) {
                        position.until = Some(yesterday);
                    }
                }
            }
            70..75 => person.own[STATUS] = if person.own[STATUS] == 0 { 1 } else { 0 },
            75..80 => person.own[CLEARANCE] = random.code(5),
            80..85 => {
                let project = 1 + random.code(self.dimensions.sizes[PROJECT] - 1);
                let last = person.positions.last_mut();
                if let Some(cell) = last.and_then(|position| position.codes.get_mut(PROJECT - OWN)) {
                    *cell = project;
                }
            }
            _ => {}
        }
    }
}

impl Person {
    /// Personnel number.
    pub fn key(&self) -> String {
        key(self.number)
    }

    /// The code of an attribute in a position.
    pub fn code(&self, position: &Position, attribute: usize) -> u16 {
        let code = if attribute < OWN { self.own.get(attribute) } else { position.codes.get(attribute - OWN) };
        code.copied().unwrap_or_default()
    }

    /// The department that accounts are told on a day: that of the position that counts first then, or that comes first.
    pub(crate) fn department(&self, day: Date) -> String {
        let holds = |position: &&Position| position.from <= day && position.until.is_none_or(|until| day <= until);
        let holding = self.positions.iter().filter(holds).min_by_key(|position| (position.priority, position.from));
        let position = holding.or(self
            .positions
            .iter()
            .filter(|position| position.from > day)
            .min_by_key(|position| position.priority));
        position.map_or_else(String::new, |position| text(DEPARTMENT, self.code(position, DEPARTMENT)))
    }

    /// As the identity source hands the person on, under an id of one's choice.
    pub fn identity(&self, id: IdentityId) -> Identity {
        let mut attributes: Attributes = (0..OWN)
            .filter_map(|attribute| {
                Some((NAMES.get(attribute)?.to_string(), value(attribute, *self.own.get(attribute)?)?))
            })
            .collect();
        attributes.insert("given_name".into(), Value::Text(self.given_name.clone()));
        attributes.insert("family_name".into(), Value::Text(self.family_name.clone()));
        let mut contexts: Vec<Context> = Vec::with_capacity(self.positions.len());
        for position in &self.positions {
            let same_day = contexts.iter().filter(|context| context.period.starts == Some(position.from)).count();
            let attributes = (OWN..ATTRIBUTES).filter_map(|attribute| {
                Some((NAMES.get(attribute)?.to_string(), value(attribute, *position.codes.get(attribute - OWN)?)?))
            });
            contexts.push(Context {
                key: format!("{}/{}", position.from, same_day + 1),
                priority: position.priority,
                period: Period {
                    starts: Some(position.from),
                    ends: position.until.and_then(|last| last.tomorrow().ok()),
                },
                attributes: attributes.collect(),
                filled: Vec::new(),
            });
        }
        Identity {
            id,
            source: crate::SOURCE.into(),
            key: self.key(),
            display_name: format!("{} {}", self.given_name, self.family_name),
            attributes,
            contexts,
            manager_key: self.manager.map(key),
            present: true,
        }
    }
}

/// Personnel number of the person with that number.
pub fn key(number: u64) -> String {
    format!("P{number:08}")
}

/// What a code stands for; none where it stands for no value.
pub fn value(attribute: usize, code: u16) -> Option<Value> {
    match attribute {
        REMOTE | PEOPLE_MANAGER => Some(Value::Boolean(code != 0)),
        PROJECT if code == NOTHING => None,
        _ => Some(Value::Text(text(attribute, code))),
    }
}

/// As [`value`], as a feed has it: empty where there is none.
pub fn text(attribute: usize, code: u16) -> String {
    let at = |names: &[&str]| names.get(usize::from(code)).copied().unwrap_or_default().to_owned();
    match attribute {
        TYPE => at(&TYPES),
        STATUS => at(&STATES),
        REMOTE | PEOPLE_MANAGER => if code != 0 { "true" } else { "false" }.to_owned(),
        PROJECT if code == NOTHING => String::new(),
        CLEARANCE => format!("clearance {code}"),
        SCHEDULE => format!("shift {code}"),
        RISK => format!("risk {code}"),
        DEPARTMENT => format!("Department {code:03}"),
        DIVISION => format!("Division {code:02}"),
        COST_CENTRE => format!("CC{code:04}"),
        LOCATION => format!("Location {code:03}"),
        SITE => format!("Site {code:04}"),
        BUILDING => format!("Building {code:04}"),
        COUNTRY => format!("Country {code:02}"),
        REGION => format!("Region {code}"),
        TITLE => format!("Title {code:04}"),
        FAMILY => format!("Family {code:03}"),
        LEVEL => format!("L{}", code + 1),
        COMPANY => format!("Company {code:02}"),
        PROJECT => format!("Project {code:04}"),
        _ => String::new(),
    }
}
