//! Which rules may hold wherever another does: found by one of the values that they ask for, so that not every rule is
//! compared with every other.

use hashbrown::HashMap;
use model::value::Value;

use super::RuleFacts;

/// Rules by what they give or take, and by a value that whoever they hold for has.
#[derive(Default)]
pub(super) struct Index {
    hung: HashMap<(u32, String, Value), Vec<usize>>,
    /// Those that ask for no value by name.
    loose: HashMap<u32, Vec<usize>>,
}

impl Index {
    pub(super) fn insert(&mut self, place: usize, rule: &RuleFacts<'_>, things: impl IntoIterator<Item = u32> + Clone) {
        for alternative in &rule.condition.alternatives {
            let listed = alternative.attributes.iter().filter_map(|(name, allowed)| {
                let members = allowed.members()?;
                // What may also be absent is no value to be found by.
                members.iter().all(Option::is_some).then_some((name, members))
            });
            let fewest = listed.min_by_key(|(_, members)| members.len());
            for thing in things.clone() {
                match &fewest {
                    Some((name, members)) => {
                        for value in members.iter().flatten() {
                            let hung = self.hung.entry((thing, (*name).clone(), value.clone())).or_default();
                            add(hung, place);
                        }
                    }
                    None => add(self.loose.entry(thing).or_default(), place),
                }
            }
        }
    }

    /// Those that may hold wherever this one does, and have to do with the thing.
    pub(super) fn candidates(&self, rule: &RuleFacts<'_>, thing: u32) -> Vec<usize> {
        let mut found: Vec<usize> = self.loose.get(&thing).into_iter().flatten().copied().collect();
        if let Some(alternative) = rule.condition.alternatives.first() {
            for (name, allowed) in &alternative.attributes {
                let Some(Some(value)) = allowed.members().and_then(|members| members.into_iter().next()) else {
                    continue;
                };
                found.extend(self.hung.get(&(thing, name.clone(), value)).into_iter().flatten().copied());
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn add(places: &mut Vec<usize>, place: usize) {
    if places.last() != Some(&place) {
        places.push(place);
    }
}
