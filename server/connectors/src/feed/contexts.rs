//! Contexts out of record sections: what holds at the same time in all sections, for as long as it does.
//!
//! Pure. On a day on which somebody is there, each section contributes every record that holds; where none does and the
//! section extends its gaps, the one that ended last, or else the one that begins next. A context is one record of each
//! section, none where a section has nothing to say, and there is one for each combination.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::civil::Date;
use model::configuration::{Boundaries, Gaps, RecordSection};
use model::identity::{Context, FilledGap, GapFilling, Period};
use model::value::Attributes;

/// Contexts of one person that are made. Above what anybody has, below what fills a disk.
pub(super) const MOST_CONTEXTS: usize = 500;

/// One record of a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) key: String,
    pub(super) period: Period,
    pub(super) priority: i32,
    pub(super) sort_key: SortKey,
    pub(super) attributes: Attributes,
}

/// What decides between records that could fill the same gap. Whole numbers are compared as such, and come before texts.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct SortKey {
    is_text: bool,
    number: i64,
    text: String,
}

impl SortKey {
    pub(super) fn of(cell: &str) -> Self {
        match cell.parse() {
            Ok(number) => Self { is_text: false, number, text: String::new() },
            Err(_) => Self { is_text: !cell.is_empty(), number: i64::MIN, text: cell.to_owned() },
        }
    }
}

/// A section with the records that one person has in it.
pub(super) struct Section<'a> {
    pub(super) name: &'a str,
    pub(super) is: &'a RecordSection,
    pub(super) records: Vec<Record>,
}

/// More combinations than are made.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMany;

/// Days from the first on to the one before the second; open where there is none.
type Days = (Option<Date>, Option<Date>);

/// One record of a section: its place, and how it fills a gap where it does.
type Choice = (usize, Option<GapFilling>);

/// A combination: of each section the place of its record, and whether some of its attributes are left out.
type Combination = Vec<Option<(usize, bool)>>;

/// The contexts of one person, by first day. With nothing in any section, the employment itself is the one context.
pub(super) fn contexts(mut sections: Vec<Section<'_>>, employment: Period) -> Result<Vec<Context>, TooMany> {
    sections.iter_mut().for_each(|section| section.settle(employment));
    let boundaries = sections.iter().position(|section| section.is.boundaries.is_some());
    let mut contexts: Vec<Context> = Vec::new();
    let mut open: HashMap<Combination, usize> = HashMap::new();
    for days in stretches(&sections, employment) {
        let mut still_open = HashMap::new();
        let choices: Vec<Vec<Choice>> = sections.iter().map(|section| section.choices(days)).collect();
        let is_there = match boundaries.and_then(|place| Some((sections.get(place)?, choices.get(place)?))) {
            None => covers(employment, days),
            Some((section, choices)) => section.is_there(days, choices),
        };
        for chosen in if is_there { combinations(&choices)? } else { Vec::new() } {
            let combination: Combination = chosen
                .iter()
                .zip(&sections)
                .map(|(choice, section)| choice.map(|(place, how)| (place, how.is_some() && section.loses(place))))
                .collect();
            let place = match open.get(&combination) {
                Some(place) => *place,
                None if contexts.len() == MOST_CONTEXTS => return Err(TooMany),
                None => {
                    contexts.push(context(&sections, &combination, days.0));
                    contexts.len() - 1
                }
            };
            if let Some(context) = contexts.get_mut(place) {
                context.period.ends = days.1;
                note(&sections, &chosen, days, &mut context.filled);
            }
            still_open.insert(combination, place);
        }
        open = still_open;
    }
    contexts.sort_by(|a, b| (a.period.starts, &a.key).cmp(&(b.period.starts, &b.key)));
    tell_apart(&mut contexts);
    Ok(contexts)
}

impl Section<'_> {
    /// Gives records without a first or last day the one that they have, and drops those that never hold.
    fn settle(&mut self, employment: Period) {
        if self.is.boundaries == Some(Boundaries::Employment) {
            for record in &mut self.records {
                record.period.starts = record.period.starts.or(employment.starts);
                record.period.ends = record.period.ends.or(employment.ends);
            }
        }
        self.records.retain(|record| match (record.period.starts, record.period.ends) {
            (Some(starts), Some(ends)) => starts < ends,
            _ => true,
        });
        // Keys first, so that the order of the file changes nothing.
        self.records.sort_by(|a, b| (&a.key, a.period, a.priority).cmp(&(&b.key, b.period, b.priority)));
    }

    fn choices(&self, days: Days) -> Vec<Choice> {
        let all = || self.records.iter().enumerate();
        let holding: Vec<Choice> =
            all().filter(|(_, record)| covers(record.period, days)).map(|(place, _)| (place, None)).collect();
        if !holding.is_empty() || self.is.gaps == Gaps::Leave {
            return holding;
        }
        let weight = |record: &Record| (record.sort_key.clone(), Reverse(record.priority), Reverse(record.key.clone()));
        let ended = all().filter(|(_, record)| is_before(record.period.ends, days.0));
        let previous = ended.max_by_key(|(_, record)| (record.period.ends, weight(record)));
        let to_come = all().filter(|(_, record)| is_before(days.1, record.period.starts));
        let next = to_come.max_by_key(|(_, record)| (Reverse(record.period.starts), weight(record)));
        let filling = previous.map(|(place, _)| (place, Some(GapFilling::Extended)));
        filling.or_else(|| next.map(|(place, _)| (place, Some(GapFilling::Anticipated)))).into_iter().collect()
    }

    /// Whether somebody is there, by the section with the boundaries: a record holds, or a gap between two is filled.
    fn is_there(&self, days: Days, choices: &[Choice]) -> bool {
        let holds = choices.iter().any(|(_, how)| how.is_none());
        let goes_on = || self.records.iter().any(|record| is_before(days.1, record.period.starts));
        let is_extended = choices.iter().any(|(_, how)| *how == Some(GapFilling::Extended));
        holds || (is_extended && goes_on())
    }

    /// Whether a record has attributes that are absent in a gap.
    fn loses(&self, place: usize) -> bool {
        let has = |record: &Record| self.is.not_extended.iter().any(|name| record.attributes.contains_key(name));
        self.records.get(place).is_some_and(has)
    }
}

/// The stretches of days within which nothing begins or ends, in order.
fn stretches(sections: &[Section<'_>], employment: Period) -> Vec<Days> {
    let periods = sections.iter().flat_map(|section| &section.records).map(|record| record.period);
    let days: BTreeSet<Date> =
        periods.chain([employment]).flat_map(|period| [period.starts, period.ends]).flatten().collect();
    let starts = std::iter::once(None).chain(days.iter().copied().map(Some));
    let ends = days.iter().copied().map(Some).chain([None]);
    starts.zip(ends).collect()
}

/// Whether a period holds on all of these days, within which nothing begins or ends.
fn covers(period: Period, days: Days) -> bool {
    period.starts.is_none_or(|starts| days.0.is_some_and(|first| starts <= first))
        && period.ends.is_none_or(|ends| days.1.is_some_and(|end| end <= ends))
}

/// Whether what ends on one day is over when something begins on another; never where either is open.
fn is_before(ends: Option<Date>, starts: Option<Date>) -> bool {
    ends.zip(starts).is_some_and(|(ends, starts)| ends <= starts)
}

/// One choice of each section, in every combination.
fn combinations(choices: &[Vec<Choice>]) -> Result<Vec<Vec<Option<Choice>>>, TooMany> {
    let mut all: Vec<Vec<Option<Choice>>> = vec![Vec::new()];
    for choices in choices {
        let options: Vec<Option<Choice>> =
            if choices.is_empty() { vec![None] } else { choices.iter().copied().map(Some).collect() };
        if all.len().saturating_mul(options.len()) > MOST_CONTEXTS {
            return Err(TooMany);
        }
        let with = |chosen: &Vec<Option<Choice>>, option: &Option<Choice>| {
            let mut chosen = chosen.clone();
            chosen.push(*option);
            chosen
        };
        all = all.iter().flat_map(|chosen| options.iter().map(move |option| with(chosen, option))).collect();
    }
    Ok(all)
}

/// A context that begins here. Its key names the records; its priority is theirs together.
fn context(sections: &[Section<'_>], combination: &Combination, starts: Option<Date>) -> Context {
    let mut parts: Vec<String> = Vec::new();
    let mut priority: i32 = 0;
    let mut attributes = Attributes::new();
    for (section, choice) in sections.iter().zip(combination) {
        let Some((place, is_reduced)) = choice else { continue };
        let Some(record) = section.records.get(*place) else { continue };
        parts.push(format!("{} {}", section.name, record.key));
        priority = priority.saturating_add(record.priority);
        let own = record.attributes.iter();
        let kept = own.filter(|(name, _)| !(*is_reduced && section.is.not_extended.contains(name)));
        attributes.extend(kept.map(|(name, value)| (name.clone(), value.clone())));
    }
    let key = if parts.is_empty() { "employment".to_owned() } else { parts.join(" + ") };
    Context { key, priority, period: Period { starts, ends: None }, attributes, filled: Vec::new() }
}

/// Notes which gaps are filled on these days.
fn note(sections: &[Section<'_>], chosen: &[Option<Choice>], days: Days, filled: &mut Vec<FilledGap>) {
    for (section, choice) in sections.iter().zip(chosen) {
        let Some((place, Some(how))) = choice else { continue };
        let Some(record) = section.records.get(*place) else { continue };
        let known = filled
            .iter_mut()
            .find(|known| (known.section.as_str(), known.how) == (section.name, *how) && known.period.ends == days.0);
        match known {
            Some(known) => known.period.ends = days.1,
            None => filled.push(FilledGap {
                section: section.name.to_owned(),
                record: record.key.clone(),
                how: *how,
                period: Period { starts: days.0, ends: days.1 },
            }),
        }
    }
}

/// The same records may come together more than once, between gaps: numbered from the second time on.
fn tell_apart(contexts: &mut [Context]) {
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for context in contexts {
        let time = times.entry(context.key.clone()).or_insert(0);
        *time += 1;
        if *time > 1 {
            context.key = format!("{} #{time}", context.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::ToSpan as _;
    use model::value::Value;
    use proptest::prelude::*;

    const FIRST: Date = Date::constant(2026, 3, 1);
    /// Days that are looked at one by one; everything begins and ends among them.
    const DAYS: i32 = 24;

    fn day(offset: i32) -> Date {
        FIRST.checked_add(offset.days()).unwrap_or(Date::MAX)
    }

    /// Somebody as told to both: the sections, their records and the employment.
    type World = (Vec<(RecordSection, Vec<Record>)>, Period);

    fn period() -> impl Strategy<Value = Period> {
        let day_of = || prop::option::weighted(0.85, 2..DAYS - 2);
        (day_of(), day_of()).prop_map(|(starts, ends)| Period { starts: starts.map(day), ends: ends.map(day) })
    }

    fn records(section: usize) -> impl Strategy<Value = Vec<Record>> {
        let record = (period(), 0..3_i32, 0..3_i64, any::<bool>());
        prop::collection::vec(record, 0..4).prop_map(move |records| {
            let record = |(number, (period, priority, sort, has_cost)): (usize, (Period, i32, i64, bool))| {
                let mut attributes = Attributes::from([(format!("name{section}"), Value::Integer(number as i64))]);
                if has_cost {
                    attributes.insert(format!("cost{section}"), Value::Integer(number as i64));
                }
                let sort_key = SortKey::of(&sort.to_string());
                Record { key: format!("r{number}"), period, priority, sort_key, attributes }
            };
            records.into_iter().enumerate().map(record).collect()
        })
    }

    fn world() -> impl Strategy<Value = World> {
        let boundaries = prop::sample::select(vec![None, None, Some(Boundaries::Open), Some(Boundaries::Employment)]);
        let flags = any::<[bool; 6]>();
        (records(0), records(1), records(2), boundaries, flags, period()).prop_map(
            |(zero, one, two, boundaries, flags, employment)| {
                let section = |number: usize, boundaries| RecordSection {
                    gaps: if flags[number] { Gaps::Extend } else { Gaps::Leave },
                    not_extended: if flags[number + 3] { vec![format!("cost{number}")] } else { Vec::new() },
                    boundaries,
                    ..RecordSection::default()
                };
                let sections = vec![(section(0, boundaries), zero), (section(1, None), one), (section(2, None), two)];
                (sections, employment)
            },
        )
    }

    /// What holds on one day, as the documentation says it, found by looking at one day after the other.
    fn by_the_day((sections, employment): &World, today: Date) -> Vec<(i32, Attributes)> {
        let resolved = |section: &RecordSection, record: &Record| match section.boundaries {
            Some(Boundaries::Employment) => Period {
                starts: record.period.starts.or(employment.starts),
                ends: record.period.ends.or(employment.ends),
            },
            _ => record.period,
        };
        let on = |section: usize, at: Date| -> Vec<&Record> {
            let (section, records) = &sections[section];
            records.iter().filter(|record| resolved(section, record).holds(at)).collect()
        };
        let back = |section: usize| {
            (1..=DAYS).map(|n| today.checked_sub(n.days()).unwrap()).find(|d| !on(section, *d).is_empty())
        };
        let ahead = |section: usize| {
            (1..=DAYS).map(|n| today.checked_add(n.days()).unwrap()).find(|d| !on(section, *d).is_empty())
        };
        let with_boundaries = sections.iter().position(|(section, _)| section.boundaries.is_some());
        let is_there = match with_boundaries {
            None => employment.holds(today),
            Some(section) => {
                let fills = sections[section].0.gaps == Gaps::Extend;
                !on(section, today).is_empty() || (fills && back(section).is_some() && ahead(section).is_some())
            }
        };
        if !is_there {
            return Vec::new();
        }
        let mut found = vec![(0, Attributes::new())];
        for (number, (section, _)) in sections.iter().enumerate() {
            let mut parts: Vec<(i32, Attributes)> =
                on(number, today).into_iter().map(|record| (record.priority, record.attributes.clone())).collect();
            if parts.is_empty() && section.gaps == Gaps::Extend {
                let at = back(number).or_else(|| ahead(number));
                let mut neighbours = at.map(|at| on(number, at)).unwrap_or_default();
                neighbours.sort_by(|a, b| (&b.sort_key, a.priority, &a.key).cmp(&(&a.sort_key, b.priority, &b.key)));
                if let Some(record) = neighbours.first() {
                    let mut attributes = record.attributes.clone();
                    section.not_extended.iter().for_each(|name| drop(attributes.remove(name)));
                    parts.push((record.priority, attributes));
                }
            }
            if parts.is_empty() {
                parts.push((0, Attributes::new()));
            }
            found = found
                .iter()
                .flat_map(|(priority, attributes)| {
                    parts.iter().map(move |(more, own)| {
                        let both = attributes.iter().chain(own).map(|(name, value)| (name.clone(), value.clone()));
                        (priority + more, both.collect())
                    })
                })
                .collect();
        }
        found.sort();
        found
    }

    fn made((sections, employment): &World) -> Vec<Context> {
        let sections = sections.iter().zip(["a", "b", "c"]).map(|((is, records), name)| Section {
            name,
            is,
            records: records.clone(),
        });
        contexts(sections.collect(), *employment).expect("few records")
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        #[test]
        fn contexts_are_what_holds_on_each_day(world in world()) {
            let contexts = made(&world);
            for offset in 0..DAYS {
                let today = day(offset);
                let holding = contexts.iter().filter(|context| context.period.holds(today));
                let mut held: Vec<_> = holding.map(|context| (context.priority, context.attributes.clone())).collect();
                held.sort();
                prop_assert_eq!(held, by_the_day(&world, today), "on {}", today);
            }
        }

        #[test]
        fn keys_are_unique_and_the_order_of_records_is_none(world in world()) {
            let contexts = made(&world);
            let keys: BTreeSet<&str> = contexts.iter().map(|context| context.key.as_str()).collect();
            prop_assert_eq!(keys.len(), contexts.len());
            let mut turned = world.clone();
            turned.0.iter_mut().for_each(|(_, records)| records.reverse());
            prop_assert_eq!(made(&turned), contexts);
        }

        #[test]
        fn what_is_told_of_filled_gaps_lies_in_them(world in world()) {
            for context in made(&world) {
                for gap in &context.filled {
                    let at = ["a", "b", "c"].iter().position(|name| *name == gap.section).unwrap();
                    let days = (0..DAYS).map(day).filter(|today| gap.period.holds(*today));
                    for today in days {
                        prop_assert!(context.period.holds(today));
                        let (section, records) = &world.0[at];
                        let open = section.boundaries == Some(Boundaries::Employment);
                        let holds = |record: &Record| {
                            let all = open && (record.period.starts.is_none() || record.period.ends.is_none());
                            !all && record.period.holds(today)
                        };
                        prop_assert!(!records.iter().any(holds), "{} fills no gap on {}", gap.record, today);
                    }
                }
            }
        }
    }

    #[test]
    fn too_many_are_refused() {
        let record = |number: usize| Record { key: number.to_string(), ..Record::default() };
        let is = RecordSection::default();
        let section = |name| Section { name, is: &is, records: (0..30).map(record).collect() };
        assert_eq!(contexts(vec![section("a"), section("b")], Period::default()), Err(TooMany));
    }
}
