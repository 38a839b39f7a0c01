//! The contexts of everybody, numbered, and in the order of the values that they have.

use hashbrown::HashMap;
use roaring::RoaringBitmap;

use super::super::person::Person;

/// Of a value that so many rows have, they are kept as a set as well: it takes at most about half as much again, and nobody has
/// to make one to ask.
const LARGE: usize = 4_096;

/// The contexts of everybody, numbered: a person's first context, or the person alone, has the number of the slot.
pub(super) struct Rows {
    /// Slots there were.
    pub(super) slots: u32,
    /// Slot and context of each number from there on.
    pub(super) others: Vec<(u32, u32)>,
}

/// The rows that have each value of one attribute.
pub(super) struct Column {
    /// Sorted.
    pub(super) codes: Vec<u32>,
    /// Where the rows of each code begin; one more at the end.
    starts: Vec<u32>,
    /// Sorted for each code.
    rows: Vec<u32>,
    /// By place, of those that many have.
    sets: HashMap<usize, RoaringBitmap>,
}

impl Rows {
    /// Slot and context of a row.
    pub(super) fn place(&self, row: u32) -> (u32, u32) {
        match row.checked_sub(self.slots) {
            None => (row, 0),
            Some(other) => self.others.get(other as usize).copied().unwrap_or((u32::MAX, 0)),
        }
    }

    pub(super) fn slot(&self, row: u32) -> u32 {
        self.place(row).0
    }

    pub(super) fn slots_of(&self, rows: &RoaringBitmap) -> RoaringBitmap {
        let mut slots = rows.clone();
        slots.remove_range(self.slots..);
        // They stand in the order of their slots.
        let mut others: Vec<u32> = rows.range(self.slots..).map(|row| self.slot(row)).collect();
        others.dedup();
        slots |= sorted(others.into_iter());
        slots
    }

    /// Every row of those who did not change, in order.
    pub(super) fn all<'a>(
        &'a self,
        people: &'a [Option<Person>],
        changed: &'a RoaringBitmap,
    ) -> impl Iterator<Item = (u32, &'a Person, usize)> {
        let known = |slot: u32| people.get(slot as usize)?.as_ref().filter(|_| !changed.contains(slot));
        let firsts = (0..self.slots).filter_map(move |slot| Some((slot, known(slot)?, 0)));
        let others = (self.slots..).zip(&self.others);
        firsts.chain(others.filter_map(move |(row, (slot, context))| Some((row, known(*slot)?, *context as usize))))
    }
}

impl Column {
    pub(super) fn new(cells: impl Iterator<Item = (u32, u32)>) -> Self {
        let mut cells: Vec<(u32, u32)> = cells.collect();
        // Rows come in order, and stay in it.
        cells.sort_by_key(|(code, _)| *code);
        let (codes, starts, sets) = Default::default();
        let mut column = Self { codes, starts, rows: Vec::with_capacity(cells.len()), sets };
        for (code, row) in cells {
            if column.codes.last() != Some(&code) {
                column.codes.push(code);
                column.starts.push(u32::try_from(column.rows.len()).unwrap_or(u32::MAX));
            }
            column.rows.push(row);
        }
        column.starts.push(u32::try_from(column.rows.len()).unwrap_or(u32::MAX));
        let large = (0..column.codes.len()).filter(|place| column.at(*place).len() >= LARGE);
        let sets = large.map(|place| (place, sorted(column.at(place).iter().copied()))).collect();
        column.sets = sets;
        column
    }

    /// Puts the rows of one value into a set.
    pub(super) fn join(&self, place: usize, set: &mut RoaringBitmap) {
        match self.sets.get(&place) {
            Some(rows) => *set |= rows,
            None => *set |= sorted(self.at(place).iter().copied()),
        }
    }

    /// How much work that is, in rows.
    pub(super) fn work_of(&self, place: usize) -> usize {
        self.at(place).len().min(LARGE)
    }

    pub(super) fn is_large(&self, place: usize) -> bool {
        self.sets.contains_key(&place)
    }

    pub(super) fn at(&self, place: usize) -> &[u32] {
        let (Some(start), Some(end)) = (self.starts.get(place), self.starts.get(place + 1)) else { return &[] };
        self.rows.get(*start as usize..*end as usize).unwrap_or_default()
    }

    /// Where a code stands.
    pub(super) fn place(&self, code: u32) -> Option<usize> {
        self.codes.binary_search(&code).ok()
    }
}

/// A set of rows.
pub(super) fn sorted(rows: impl Iterator<Item = u32>) -> RoaringBitmap {
    // They come in order; should they not, they are put into it.
    let rows: Vec<u32> = rows.collect();
    RoaringBitmap::from_sorted_iter(rows.iter().copied()).unwrap_or_else(|_| rows.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_rows_of_one_value_are_found_as_few_are() {
        // Two values that very many have, and a thousand that a few have each.
        let code = |row: u32| if row.is_multiple_of(10) { 2 + row / 10 % 1_000 } else { row % 2 };
        let column = Column::new((0..40_000).map(|row| (code(row), row)));
        assert_eq!(column.codes.len(), 1_002);
        for (place, wanted) in column.codes.iter().enumerate() {
            let expected: RoaringBitmap = (0..40_000).filter(|row| code(*row) == *wanted).collect();
            let mut found = RoaringBitmap::new();
            column.join(place, &mut found);
            assert_eq!(found, expected, "code {wanted}");
            assert_eq!(column.is_large(place), expected.len() >= LARGE as u64);
            assert_eq!(column.place(*wanted), Some(place));
        }
        assert_eq!(column.place(5_000), None);
    }

    #[test]
    fn contexts_count_for_whoever_has_them() {
        let rows = Rows { slots: 4, others: vec![(1, 1), (1, 2), (3, 1)] };
        let slots = |these: &[u32]| rows.slots_of(&these.iter().copied().collect()).into_iter().collect::<Vec<_>>();
        assert_eq!(slots(&[0, 4, 5]), [0, 1]);
        assert_eq!(slots(&[1, 6]), [1, 3]);
        assert_eq!(slots(&[]), [0; 0]);
    }
}
