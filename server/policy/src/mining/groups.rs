//! Dense groups: people who hold nearly the same. What nearly all of a group hold is a bundle, where the limits let the few
//! who miss something of it gain it.

use hashbrown::HashMap;

use super::patterns::Kind;

/// How alike two kinds of people are who belong to one group: of what either holds, how much both do, in percent.
const ALIKE_PERCENT: usize = 60;
/// Groups at most; whoever is like none of them then belongs to none.
const MOST_GROUPS: usize = 2_000;

/// Positions of kinds that are like one another, each group led by the one that most people are of.
pub(super) fn groups(kinds: &[Kind]) -> Vec<Vec<u32>> {
    let mut order: Vec<u32> = (0_u32..).zip(kinds).map(|(place, _)| place).collect();
    let people = |place: &u32| kinds.get(*place as usize).map_or(0, |kind| kind.people.len());
    order.sort_by_key(|place| (std::cmp::Reverse(people(place)), *place));
    let mut groups: Vec<Vec<u32>> = Vec::new();
    // Groups by what their leader holds.
    let mut led: HashMap<u32, Vec<usize>> = HashMap::new();
    for place in order {
        let Some(kind) = kinds.get(place as usize) else { continue };
        let mut shared: HashMap<usize, usize> = HashMap::new();
        for group in kind.things.iter().filter_map(|thing| led.get(thing)).flatten() {
            *shared.entry(*group).or_default() += 1;
        }
        let likeness = |group: usize, both: usize| {
            let leader = groups.get(group).and_then(|group| kinds.get(*group.first()? as usize));
            let either = leader.map_or(0, |leader| leader.things.len()) + kind.things.len() - both;
            both * 10_000 / either.max(1)
        };
        let nearest = shared.into_iter().map(|(group, both)| (std::cmp::Reverse(likeness(group, both)), group)).min();
        match nearest.filter(|(likeness, _)| likeness.0 >= ALIKE_PERCENT * 100) {
            Some((_, group)) => {
                if let Some(group) = groups.get_mut(group) {
                    group.push(place);
                }
            }
            None if groups.len() < MOST_GROUPS => {
                for thing in &kind.things {
                    led.entry(*thing).or_default().push(groups.len());
                }
                groups.push(vec![place]);
            }
            None => {}
        }
    }
    groups
}
