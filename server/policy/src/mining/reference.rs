//! The slow, obvious way: every condition over every value, evaluated for everybody; every set of things, counted.

use std::collections::BTreeSet;

use model::configuration::Dimension;
use model::mining::MiningLimits;
use model::value::Value;

/// Rows of each person: of each chosen attribute the value, where there is one.
pub(super) type People = Vec<Vec<Vec<Option<Value>>>>;

/// Attribute, whether parts of the value count, and the value.
pub(super) type Asked = (usize, bool, Value);

/// A condition that was taken: its terms, for whom it holds, and for whom it was taken.
pub(super) type Taken = (Vec<Asked>, BTreeSet<usize>, BTreeSet<usize>);

/// What [`super::conditions::search`] answers where nothing is cut off.
pub(super) fn conditions(
    people: &People,
    dimensions: &[Option<Dimension>],
    holders: &BTreeSet<usize>,
    unexplained: &BTreeSet<usize>,
    limits: &MiningLimits,
) -> Vec<Taken> {
    let mut terms: BTreeSet<Asked> = BTreeSet::new();
    for row in people.iter().flatten() {
        for (attribute, value) in row.iter().enumerate() {
            let Some(value) = value else { continue };
            terms.insert((attribute, false, value.clone()));
            let Some(dimension) = &dimensions[attribute] else { continue };
            for above in dimension.values.keys() {
                let has_parts = dimension.values.values().any(|other| other.parent.as_ref() == Some(above));
                if has_parts && is_within(dimension, value, above) {
                    terms.insert((attribute, true, Value::from(above.as_str())));
                }
            }
        }
    }
    let terms: Vec<Asked> = terms.into_iter().collect();
    let mut left = unexplained.clone();
    let mut gained: BTreeSet<usize> = BTreeSet::new();
    let mut taken = Vec::new();
    for length in 0..=usize::from(limits.attributes) {
        let mut possible: Vec<(Vec<Asked>, BTreeSet<usize>)> = Vec::new();
        for chosen in conjunctions(&terms, length) {
            let holds = |person: &usize| people[*person].iter().any(|row| holds(&chosen, row, dimensions));
            let matching: BTreeSet<usize> = (0..people.len()).filter(holds).collect();
            let held = matching.intersection(holders).count();
            let gains = matching.len() - held;
            if held * 1_000 >= matching.len() * usize::from(limits.precision.0)
                && gains * 1_000 <= holders.len() * usize::from(limits.false_positives.0)
            {
                possible.push((chosen, matching));
            }
        }
        loop {
            let explained = |matching: &BTreeSet<usize>| matching.intersection(&left).count();
            possible.retain(|(_, matching)| explained(matching) >= limits.people as usize);
            let rank = |(chosen, matching): &(Vec<Asked>, BTreeSet<usize>)| {
                (usize::MAX - explained(matching), matching.difference(holders).count(), chosen.clone())
            };
            let Some(best) = (0..possible.len()).min_by_key(|place| rank(&possible[*place])) else { break };
            let (chosen, matching) = possible.remove(best);
            let grown: BTreeSet<usize> =
                gained.union(&matching.difference(holders).copied().collect()).copied().collect();
            if grown.len() * 1_000 <= holders.len() * usize::from(limits.false_positives.0) {
                gained = grown;
                let explains: BTreeSet<usize> = matching.intersection(&left).copied().collect();
                left = left.difference(&explains).copied().collect();
                taken.push((chosen, matching, explains));
            }
        }
    }
    taken
}

fn holds(chosen: &[Asked], row: &[Option<Value>], dimensions: &[Option<Dimension>]) -> bool {
    chosen.iter().all(|(attribute, within, wanted)| {
        let Some(value) = &row[*attribute] else { return false };
        match within {
            false => value == wanted,
            true => is_within(dimensions[*attribute].as_ref().unwrap(), value, wanted.as_text().unwrap()),
        }
    })
}

fn is_within(dimension: &Dimension, value: &Value, above: &str) -> bool {
    let mut at = value.as_text().map(str::to_owned);
    while let Some(name) = at {
        if name == above {
            return true;
        }
        at = dimension.values.get(&name).and_then(|known| known.parent.clone());
    }
    false
}

/// All sets of so many terms, each about another attribute.
fn conjunctions(terms: &[Asked], length: usize) -> Vec<Vec<Asked>> {
    if length == 0 {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (place, term) in terms.iter().enumerate() {
        for rest in conjunctions(&terms[place + 1..], length - 1) {
            if rest.iter().all(|other| other.0 != term.0) {
                all.push([vec![term.clone()], rest].concat());
            }
        }
    }
    all
}

/// All sets of at least two things that so many hold together and that nothing can be added to.
pub(super) fn patterns(holdings: &[BTreeSet<usize>], least: usize) -> Vec<(Vec<u32>, BTreeSet<usize>)> {
    let everybody: BTreeSet<usize> = holdings.iter().flatten().copied().collect();
    let together = |things: u32| -> BTreeSet<usize> {
        let of = |person: &usize| {
            holdings.iter().enumerate().all(|(place, own)| things & (1 << place) == 0 || own.contains(person))
        };
        everybody.iter().copied().filter(of).collect()
    };
    let mut found = Vec::new();
    for things in 0_u32..1 << holdings.len() {
        let people = together(things);
        let is_full =
            (0..holdings.len()).all(|place| things & (1 << place) != 0 || together(things | 1 << place) != people);
        if things.count_ones() >= 2 && people.len() >= least && is_full {
            let places = (0_u32..).take(holdings.len()).filter(|place| things & (1 << place) != 0);
            found.push((places.collect(), people));
        }
    }
    found.sort();
    found
}
