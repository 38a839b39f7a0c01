//! A condition asked of everybody at once: sets of rows where values decide, and row by row where they do not.

use std::cell::RefCell;
use std::collections::BTreeSet;

use model::value::Value;
use roaring::RoaringBitmap;

use super::super::Engine;
use super::super::dictionary::Dictionary;
use super::super::matcher::Seen;
use super::super::person::Person;
use super::rows::{Column, sorted};
use super::{Asked, Built};
use crate::day::Day;
use crate::expression::{Cell, Lookup, Node, condition_holds};
use crate::model::Clause;

/// A set that takes so many times as much work as the rows that are left is not made: each row is asked for its value.
const RATHER_ASK: usize = 4;

/// A condition that is asked of everybody who did not change.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) engine: &'a Engine,
    pub(super) built: &'a Built,
    pub(super) asked: &'a Asked,
    pub(super) today: Day,
}

impl<'a> Question<'a> {
    /// The rows that meet it and count.
    pub(super) fn rows(self) -> RoaringBitmap {
        let mut rows = RoaringBitmap::new();
        let Some(open) = self.open() else { return rows };
        for clause in &self.asked.clauses {
            let mut left = self.left_of(clause, open);
            left -= &rows;
            for node in in_order(&clause.residual) {
                left = self.coming_out(node, true, left);
            }
            rows |= left;
        }
        rows
    }

    /// The first row that meets a clause: rows are looked at one by one, of the smallest set that there is.
    pub(super) fn first_of(self, clause: &Clause) -> Option<u32> {
        let open = self.open()?;
        let meets = |row: &u32| {
            let is_as_it_was = !self.built.changed.contains(self.built.rows.slot(*row));
            is_as_it_was
                && open.contains(*row)
                && self.person(*row).is_some_and(|(person, context)| {
                    self.engine.row_meets(person, context, clause, self.asked, self.today)
                })
        };
        let smallest =
            clause.predicates.iter().min_by_key(|predicate| self.size(predicate.attribute, &predicate.values));
        match smallest {
            None => open.iter().find(meets),
            Some(predicate) => {
                let places = self.places(predicate.attribute, &predicate.values).into_iter();
                let firsts = places.filter_map(|(column, place)| column.at(place).iter().copied().find(meets));
                firsts.min_by_key(|row| self.built.rows.slot(*row))
            }
        }
    }

    fn open(self) -> Option<&'a RoaringBitmap> {
        self.built.today.as_ref()?.open.get(&self.asked.window)
    }

    fn column(self, attribute: u16) -> Option<&'a Column> {
        if Some(attribute) == self.engine.lifecycle() {
            return self.built.today.as_ref()?.lifecycle.as_ref();
        }
        self.built.columns.get(&attribute)
    }

    /// Where each value stands that somebody has, with its column.
    fn places(self, attribute: u16, values: &[Value]) -> Vec<(&'a Column, usize)> {
        let Some(column) = self.column(attribute) else { return Vec::new() };
        let codes = values.iter().filter_map(|value| self.engine.dictionary.find(attribute, value));
        codes.filter_map(|code| Some((column, column.place(code)?))).collect()
    }

    fn size(self, attribute: u16, values: &[Value]) -> usize {
        self.places(attribute, values).iter().map(|(column, place)| column.at(*place).len()).sum()
    }

    /// How much work it is to join them, in rows.
    fn work(self, attribute: u16, values: &[Value]) -> usize {
        self.places(attribute, values).iter().map(|(column, place)| column.work_of(*place)).sum()
    }

    /// The rows that count and meet all predicates of a clause.
    fn left_of(self, clause: &Clause, open: &RoaringBitmap) -> RoaringBitmap {
        let mut predicates: Vec<_> = clause.predicates.iter().collect();
        predicates.sort_by_key(|predicate| self.size(predicate.attribute, &predicate.values));
        let mut predicates = predicates.into_iter();
        let Some(first) = predicates.next() else { return open.clone() };
        let mut left = self.joined(first.attribute, &first.values) & open;
        for predicate in predicates {
            let work = self.work(predicate.attribute, &predicate.values);
            if work / RATHER_ASK > usize::try_from(left.len()).unwrap_or(usize::MAX) {
                let codes: Vec<u32> = predicate
                    .values
                    .iter()
                    .filter_map(|value| self.engine.dictionary.find(predicate.attribute, value))
                    .collect();
                left = sorted(left.iter().filter(|row| {
                    self.person(*row).is_some_and(|(person, context)| {
                        codes.contains(&self.engine.code(person, context, predicate.attribute, self.today))
                    })
                }));
            } else {
                left &= self.joined(predicate.attribute, &predicate.values);
            }
        }
        left
    }

    fn joined(self, attribute: u16, values: &[Value]) -> RoaringBitmap {
        let mut rows = RoaringBitmap::new();
        self.places(attribute, values).into_iter().for_each(|(column, place)| column.join(place, &mut rows));
        rows
    }

    /// Those of the rows left for which a part of a condition comes out so. As in evaluating, of parts that are joined one that
    /// decides outweighs one that fails; what fails comes out neither way.
    fn coming_out(self, node: &Node, truth: bool, left: RoaringBitmap) -> RoaringBitmap {
        match node {
            Node::Not(inner) => self.coming_out(inner, !truth, left),
            Node::And(parts) if truth => self.all_coming_out(parts, truth, left),
            Node::Or(parts) if !truth => self.all_coming_out(parts, truth, left),
            Node::And(parts) | Node::Or(parts) => {
                let (mut found, mut left) = (RoaringBitmap::new(), left);
                for part in in_order(parts) {
                    let these = self.coming_out(part, truth, left.clone());
                    left -= &these;
                    found |= these;
                }
                found
            }
            part => match self.told_by_value(part, truth, &left) {
                Some(found) => found,
                None => sorted(left.iter().filter(|row| self.comes_out(*row, part, truth))),
            },
        }
    }

    fn all_coming_out(self, parts: &[Node], truth: bool, left: RoaringBitmap) -> RoaringBitmap {
        in_order(parts).fold(left, |left, part| self.coming_out(part, truth, left))
    }

    /// The same of a part which one attribute decides, where there are fewer values than rows.
    fn told_by_value(self, node: &Node, truth: bool, left: &RoaringBitmap) -> Option<RoaringBitmap> {
        let attribute = *self.asked.read.attributes.get(only_attribute(node)?)?;
        let column = self.column(attribute)?;
        if column.codes.len() > usize::try_from(left.len()).unwrap_or(usize::MAX) {
            return None;
        }
        let dictionary = &self.engine.dictionary;
        let comes_out = |code: u32| condition_holds(node, &One { dictionary, code }) == Ok(truth);
        let (these, others): (Vec<usize>, Vec<usize>) =
            (0..column.codes.len()).partition(|place| column.codes.get(*place).is_some_and(|code| comes_out(*code)));
        let size = |places: &[usize]| places.iter().map(|place| column.at(*place).len()).sum::<usize>();
        // Whichever are fewer are put together; every row has some value, or none, which counts as one.
        let joined = |places: &[usize]| -> RoaringBitmap {
            let (large, small): (Vec<usize>, Vec<usize>) = places.iter().partition(|place| column.is_large(**place));
            let mut rows: Vec<u32> = small.iter().flat_map(|place| column.at(*place)).copied().collect();
            if small.len() > 1 {
                rows.sort_unstable();
            }
            let mut rows = sorted(rows.into_iter());
            large.into_iter().for_each(|place| column.join(place, &mut rows));
            rows
        };
        if size(&these) <= size(&others) { Some(left & joined(&these)) } else { Some(left - joined(&others)) }
    }

    fn person(self, row: u32) -> Option<(&'a Person, usize)> {
        let (slot, context) = self.built.rows.place(row);
        Some((self.engine.people.get(slot as usize)?.as_ref()?, context as usize))
    }

    fn comes_out(self, row: u32, node: &Node, truth: bool) -> bool {
        let Some((person, context)) = self.person(row) else { return false };
        let row = self.engine.row(person, context, self.today);
        let seen = Seen { dictionary: &self.engine.dictionary, row: &row, read: &self.asked.read };
        condition_holds(node, &seen) == Ok(truth)
    }
}

/// Parts that values decide first: they leave fewer rows for the others.
fn in_order(parts: &[Node]) -> impl Iterator<Item = &Node> {
    let (first, then): (Vec<&Node>, Vec<&Node>) = parts.iter().partition(|part| only_attribute(part).is_some());
    first.into_iter().chain(then)
}

/// The parts that a condition is put together of by and, or and not.
pub(super) fn parts(node: &Node) -> Vec<&Node> {
    match node {
        Node::Not(inner) => parts(inner),
        Node::And(nodes) | Node::Or(nodes) => nodes.iter().flat_map(parts).collect(),
        part => vec![part],
    }
}

/// The one attribute that a part of a condition reads, by its position in the expression; none of several.
pub(super) fn only_attribute(node: &Node) -> Option<usize> {
    let read = RefCell::new(BTreeSet::new());
    node.any(&|node| {
        match node {
            Node::Attribute(index) | Node::Has(index) => read.borrow_mut().insert(*index),
            Node::Within(within) => read.borrow_mut().insert(within.attribute),
            _ => false,
        };
        false
    });
    let read = read.into_inner();
    if read.len() == 1 { read.first().copied() } else { None }
}

/// One value in the place of the only attribute that is read.
struct One<'a> {
    dictionary: &'a Dictionary,
    code: u32,
}

impl<'a> Lookup<'a> for One<'a> {
    fn attribute(&self, _: usize) -> Cell<'a> {
        self.dictionary.cell(self.code)
    }
}
