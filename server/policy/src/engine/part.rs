//! An engine of some of the people, for another model: coded out of what is known of them here, without their texts being
//! looked at again.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::model::RoleModel;

use super::Engine;
use super::dictionary::{ABSENT, Dictionary};
use super::index::People;
use super::life;
use super::person::{CONTEXT_KEY, Grant, Life, Person, Row};

impl Engine {
    /// These people under another model, with what they were given directly and the states that were recorded of them, evaluated
    /// with the next computation. None where that model reads what is kept of nobody here.
    pub fn part(&self, people: &People, model: Arc<RoleModel>) -> Option<Self> {
        let place = |name: &String| self.model.attributes.binary_search(name).ok();
        let places: Vec<usize> = model.attributes.iter().map(place).collect::<Option<_>>()?;
        if model.states.is_configured && !self.model.states.is_configured {
            return None;
        }
        let mut part = Self::new(model).with_threads(self.threads);
        let mut codes = Codes { from: &self.dictionary, known: HashMap::new() };
        for person in people.0.iter().filter_map(|slot| self.people.get(slot as usize)?.as_ref()) {
            if let Some(grants) = self.grants.get(&person.id) {
                part.grants.insert(person.id, grants.clone());
            }
            if let Some(remembered) = self.remembered.get(&person.id) {
                part.remembered.insert(person.id, remembered.clone());
            }
            let coded = part.recoded(person, &places, &mut codes);
            let slot = u32::try_from(part.people.len()).unwrap_or(u32::MAX);
            part.people.push(None);
            part.place(slot, coded);
        }
        Some(part)
    }

    fn recoded(&mut self, person: &Person, places: &[usize], codes: &mut Codes<'_>) -> Person {
        let dictionary = &mut self.dictionary;
        let mut row = |row: &[u32]| -> Vec<u32> {
            let cells = (0_u16..).zip(places);
            let code = |(attribute, place): (u16, &usize)| {
                codes.here(dictionary, attribute, row.get(*place).copied().unwrap_or(ABSENT))
            };
            cells.map(code).collect()
        };
        let rows = (0..person.contexts.len().max(1)).flat_map(|context| row(person.row(context))).collect();
        let bare = person.life.as_ref().filter(|_| self.model.states.is_configured).map(|life| row(&life.bare));
        let contexts = person.contexts.iter().map(|context| Row {
            key: codes.here(dictionary, CONTEXT_KEY, context.key),
            priority: context.priority,
            bounds: context.bounds,
        });
        let contexts = contexts.collect();
        let grants = self.grants.get(&person.id).map_or(&[][..], Vec::as_slice);
        let remembered = life::coded(self.remembered.get(&person.id), &self.model);
        let life = bare.map(|bare| {
            let bare = bare.into_boxed_slice();
            Box::new(Life { bare, remembered, advances: Default::default(), ahead: None })
        });
        Person {
            id: person.id,
            present: person.present,
            rows,
            contexts,
            grants: Grant::all(grants, self.model.in_season(self.season)),
            set: None,
            digest: None,
            confirmed: None,
            made_from: 0,
            held: 0,
            life,
        }
    }
}

/// The codes that values of one engine have in another, as they come to be known.
struct Codes<'a> {
    from: &'a Dictionary,
    known: HashMap<(u16, u32), u32>,
}

impl Codes<'_> {
    /// The code here of a value, with one more use.
    fn here(&mut self, dictionary: &mut Dictionary, attribute: u16, code: u32) -> u32 {
        let Some(value) = self.from.value(code) else { return ABSENT };
        let known = self.known.get(&(attribute, code)).copied().unwrap_or(ABSENT);
        let here = dictionary.take_again(attribute, value, known);
        self.known.insert((attribute, code), here);
        here
    }
}
