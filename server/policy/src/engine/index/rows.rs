//! The contexts of everybody, numbered, and in the order of the values that they have.

use roaring::RoaringBitmap;

use super::super::person::Person;

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
        slots.extend(rows.range(self.slots..).map(|row| self.slot(row)));
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
        let mut column = Self { codes: Vec::new(), starts: Vec::new(), rows: Vec::with_capacity(cells.len()) };
        for (code, row) in cells {
            if column.codes.last() != Some(&code) {
                column.codes.push(code);
                column.starts.push(u32::try_from(column.rows.len()).unwrap_or(u32::MAX));
            }
            column.rows.push(row);
        }
        column.starts.push(u32::try_from(column.rows.len()).unwrap_or(u32::MAX));
        column
    }

    pub(super) fn at(&self, place: usize) -> &[u32] {
        let (Some(start), Some(end)) = (self.starts.get(place), self.starts.get(place + 1)) else { return &[] };
        self.rows.get(*start as usize..*end as usize).unwrap_or_default()
    }

    pub(super) fn of(&self, code: u32) -> &[u32] {
        self.codes.binary_search(&code).map_or(&[], |place| self.at(place))
    }
}

/// A set of rows.
pub(super) fn sorted(rows: impl Iterator<Item = u32>) -> RoaringBitmap {
    // They come in order; should they not, they are put into it.
    let rows: Vec<u32> = rows.collect();
    RoaringBitmap::from_sorted_iter(rows.iter().copied()).unwrap_or_else(|_| rows.into_iter().collect())
}
