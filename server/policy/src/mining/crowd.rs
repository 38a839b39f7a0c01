//! The population as mining looks at it: rows, one for each context that counts, and the terms that hold in each.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use model::configuration::{ColumnType, Dimension};
use model::identity::{Context, Identity};
use model::value::Value;
use roaring::RoaringBitmap;

use crate::expression::Subject;

/// Something that a condition may ask of an attribute.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    pub attribute: String,
    /// The value, or one that is a part of it.
    pub within: bool,
    pub value: Value,
}

/// An attribute that conditions may use, and the dimension that is about it.
#[derive(Clone, Debug)]
pub struct Chosen<'a> {
    pub attribute: &'a str,
    pub dimension: Option<&'a Dimension>,
}

/// See the module's head.
#[derive(Debug)]
pub struct Crowd {
    people: u32,
    /// By attribute as it was chosen, then by value.
    terms: Vec<Coded>,
    /// Positions of the terms that hold in each row, sorted.
    rows: Vec<Vec<u32>>,
    /// Whose each row is.
    owner: Vec<u32>,
    /// The first row of each person, and the end.
    first: Vec<u32>,
    /// Everybody has one row, so that rows are people.
    is_one_to_one: bool,
}

#[derive(Debug)]
struct Coded {
    term: Term,
    /// Position among the chosen attributes.
    attribute: usize,
    rows: RoaringBitmap,
}

impl Term {
    /// As a part of a condition in CEL.
    pub fn text(&self) -> String {
        let value = match &self.value {
            Value::Boolean(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            // Escapes of JSON are escapes of CEL.
            Value::Text(text) => serde_json::to_string(text).unwrap_or_default(),
            Value::List(_) => String::new(),
        };
        match self.within {
            true => format!("within(identity.{}, {value})", self.attribute),
            false => format!("identity.{} == {value}", self.attribute),
        }
    }
}

impl Crowd {
    /// People, each with the contexts in which they are looked at; whoever has none as such. Values that fewer than `least`
    /// people have describe nobody, and are left out.
    pub fn new(people: &[(&Identity, Vec<Option<&Context>>)], chosen: &[Chosen<'_>], least: u32, today: Date) -> Self {
        let mut known: BTreeMap<(usize, bool, Value), RoaringBitmap> = BTreeMap::new();
        let (mut owner, mut first) = (Vec::new(), vec![0]);
        let parents: Vec<BTreeSet<&String>> = chosen.iter().map(parents).collect();
        for (person, (identity, contexts)) in (0_u32..).zip(people) {
            for context in contexts {
                let row = count(owner.len());
                let subject = Subject::new(identity, *context, today);
                for (place, one) in chosen.iter().enumerate() {
                    let Some(value) = subject.value(one.attribute) else { continue };
                    if matches!(value, Value::List(_)) {
                        continue;
                    }
                    for above in wholes(one, parents.get(place), &value) {
                        known.entry((place, true, above)).or_default().insert(row);
                    }
                    known.entry((place, false, value)).or_default().insert(row);
                }
                owner.push(person);
            }
            first.push(count(owner.len()));
        }
        let mut crowd = Self {
            people: count(people.len()),
            terms: Vec::new(),
            rows: vec![Vec::new(); owner.len()],
            is_one_to_one: people.iter().all(|(_, contexts)| contexts.len() == 1),
            owner,
            first,
        };
        for ((attribute, within, value), rows) in known {
            if crowd.people_in(&rows) < u64::from(least) {
                continue;
            }
            let number = count(crowd.terms.len());
            for row in &rows {
                if let Some(terms) = crowd.rows.get_mut(row as usize) {
                    terms.push(number);
                }
            }
            let name = chosen.get(attribute).map_or("", |one| one.attribute).to_owned();
            crowd.terms.push(Coded { term: Term { attribute: name, within, value }, attribute, rows });
        }
        crowd
    }

    /// How many people there are.
    pub fn people(&self) -> u32 {
        self.people
    }

    /// The terms at these positions.
    pub fn terms(&self, positions: &[u32]) -> Vec<&Term> {
        positions.iter().filter_map(|position| Some(&self.terms.get(*position as usize)?.term)).collect()
    }

    pub(super) fn everybody(&self) -> RoaringBitmap {
        (0..self.people).collect()
    }

    pub(super) fn rows_with(&self, term: u32) -> Option<&RoaringBitmap> {
        self.terms.get(term as usize).map(|coded| &coded.rows)
    }

    pub(super) fn attribute_of(&self, term: u32) -> usize {
        self.terms.get(term as usize).map_or(usize::MAX, |coded| coded.attribute)
    }

    pub(super) fn terms_in(&self, row: u32) -> &[u32] {
        self.rows.get(row as usize).map_or(&[], Vec::as_slice)
    }

    /// All rows of these people.
    pub(super) fn rows_of(&self, people: &RoaringBitmap) -> RoaringBitmap {
        if self.is_one_to_one {
            return people.clone();
        }
        let rows = |person: u32| {
            let place = |at: u32| self.first.get(at as usize).copied().unwrap_or_default();
            place(person)..place(person + 1)
        };
        people.iter().flat_map(rows).collect()
    }

    /// Whose these rows are.
    pub(super) fn people_of(&self, rows: &RoaringBitmap) -> RoaringBitmap {
        if self.is_one_to_one {
            return rows.clone();
        }
        rows.iter().filter_map(|row| self.owner.get(row as usize).copied()).collect()
    }

    /// How many people these rows are of.
    pub(super) fn people_in(&self, rows: &RoaringBitmap) -> u64 {
        if self.is_one_to_one { rows.len() } else { self.people_of(rows).len() }
    }
}

/// Values of the dimension that others are parts of.
fn parents<'a>(chosen: &Chosen<'a>) -> BTreeSet<&'a String> {
    let dimension = chosen.dimension.filter(|dimension| dimension.kind == ColumnType::Text);
    dimension.iter().flat_map(|dimension| dimension.values.values()).filter_map(|value| value.parent.as_ref()).collect()
}

/// What a value is within, itself included where something else is within it too.
fn wholes(chosen: &Chosen<'_>, parents: Option<&BTreeSet<&String>>, value: &Value) -> Vec<Value> {
    let (Some(dimension), Some(text), Some(parents)) = (chosen.dimension, value.as_text(), parents) else {
        return Vec::new();
    };
    let path = dimension.path(text).into_iter();
    path.filter(|name| parents.iter().any(|parent| parent == name)).map(Value::from).collect()
}

fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
