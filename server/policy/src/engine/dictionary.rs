//! One number for each value of each attribute: a text is touched only where something comes in or goes out.
//!
//! Values count their uses, so that what nobody has any more makes room. Values that rules compare with come first and
//! stay, which makes their codes good for indexes.

use hashbrown::HashTable;
use model::value::Value;

use crate::digest::Digest;
use crate::expression::Cell;

/// Code of an absent value.
pub(super) const ABSENT: u32 = 0;

pub(super) struct Dictionary {
    codes: HashTable<u32>,
    entries: Vec<Entry>,
    /// Hash of each value, apart from the rest because digests ask for nothing else.
    hashes: Vec<u64>,
    free: Vec<u32>,
}

struct Entry {
    attribute: u16,
    uses: u32,
    value: Value,
}

impl Default for Dictionary {
    fn default() -> Self {
        let nothing = Entry { attribute: u16::MAX, uses: 1, value: Value::Boolean(false) };
        Self { codes: HashTable::new(), entries: vec![nothing], hashes: vec![0], free: Vec::new() }
    }
}

impl Dictionary {
    /// Codes given out so far.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The code of a value, with one more use.
    pub(super) fn take(&mut self, attribute: u16, value: &Value) -> u32 {
        let hash = hash_of(value);
        if let Some(code) = self.lookup(attribute, hash, value) {
            if let Some(entry) = self.entries.get_mut(code as usize) {
                entry.uses = entry.uses.saturating_add(1);
            }
            return code;
        }
        let entry = Entry { attribute, uses: 1, value: value.clone() };
        let code = match self.free.pop() {
            Some(code) => code,
            None => u32::try_from(self.entries.len()).unwrap_or(u32::MAX),
        };
        match (self.entries.get_mut(code as usize), self.hashes.get_mut(code as usize)) {
            (Some(place), Some(kept)) => (*place, *kept) = (entry, hash),
            _ => {
                self.entries.push(entry);
                self.hashes.push(hash);
            }
        }
        let (entries, hashes) = (&self.entries, &self.hashes);
        self.codes.insert_unique(spread(attribute, hash), code, |code| {
            let hash = hashes.get(*code as usize).copied().unwrap_or_default();
            entries.get(*code as usize).map_or(0, |entry| spread(entry.attribute, hash))
        });
        code
    }

    /// As [`Self::take`], where it is likely that the value has that code: mostly it is the one it had before.
    pub(super) fn take_again(&mut self, attribute: u16, value: &Value, before: u32) -> u32 {
        match self.entries.get_mut(before as usize) {
            Some(entry) if before != ABSENT && entry.attribute == attribute && entry.value == *value => {
                entry.uses = entry.uses.saturating_add(1);
                before
            }
            _ => self.take(attribute, value),
        }
    }

    /// The code of a value that somebody or some rule has.
    pub(super) fn find(&self, attribute: u16, value: &Value) -> Option<u32> {
        self.lookup(attribute, hash_of(value), value)
    }

    /// Gives one use back.
    pub(super) fn release(&mut self, code: u32) {
        if code == ABSENT {
            return;
        }
        let Some(entry) = self.entries.get_mut(code as usize) else { return };
        entry.uses -= 1;
        if entry.uses == 0 {
            entry.value = Value::Boolean(false);
            let hash = self.hashes.get(code as usize).copied().unwrap_or_default();
            if let Ok(found) = self.codes.find_entry(spread(entry.attribute, hash), |other| *other == code) {
                found.remove();
            }
            self.free.push(code);
        }
    }

    pub(super) fn uses(&self, code: u32) -> u32 {
        self.entries.get(code as usize).map_or(0, |entry| entry.uses)
    }

    pub(super) fn value(&self, code: u32) -> Option<&Value> {
        if code == ABSENT { None } else { self.entries.get(code as usize).map(|entry| &entry.value) }
    }

    pub(super) fn cell(&self, code: u32) -> Cell<'_> {
        self.value(code).map_or(Cell::Absent, Cell::from)
    }

    /// Hash of the value alone, the same everywhere; 0 for an absent one.
    pub(super) fn hash(&self, code: u32) -> u64 {
        self.hashes.get(code as usize).copied().unwrap_or_default()
    }

    fn lookup(&self, attribute: u16, hash: u64, value: &Value) -> Option<u32> {
        let is = |code: &u32| {
            let entry = self.entries.get(*code as usize);
            let is_hash = self.hashes.get(*code as usize) == Some(&hash);
            is_hash && entry.is_some_and(|entry| entry.attribute == attribute && entry.value == *value)
        };
        self.codes.find(spread(attribute, hash), is).copied()
    }
}

/// Hash of a value, the same everywhere.
pub(super) fn hash_of(value: &Value) -> u64 {
    let mut digest = Digest::default();
    digest.value(value);
    digest.finish()
}

fn spread(attribute: u16, hash: u64) -> u64 {
    hash ^ u64::from(attribute).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use super::{ABSENT, Dictionary};
    use model::value::Value;

    #[test]
    fn values_nobody_has_make_room() {
        let mut dictionary = Dictionary::default();
        let sales = dictionary.take(0, &"Sales".into());
        assert_eq!(dictionary.take(0, &"Sales".into()), sales);
        let elsewhere = dictionary.take(1, &"Sales".into());
        assert_ne!(sales, elsewhere);
        assert_eq!(dictionary.hash(sales), dictionary.hash(elsewhere));
        dictionary.release(sales);
        assert_eq!(dictionary.find(0, &"Sales".into()), Some(sales));
        dictionary.release(sales);
        dictionary.release(ABSENT);
        assert_eq!(dictionary.find(0, &"Sales".into()), None);
        assert_eq!(dictionary.take(2, &Value::Integer(7)), sales);
        assert_eq!(dictionary.value(sales), Some(&Value::Integer(7)));
        assert_eq!(dictionary.value(elsewhere), Some(&"Sales".into()));
    }
}
