//! A hash that is the same in every process, on every machine, for ever: digests are compared with stored ones.
//!
//! Folded 128-bit multiplication over 64-bit words. Not for adversaries: a digest only asks whether one person's own
//! answer is still the one from last time.

use model::value::Value;

const FIRST: u64 = 0x9e37_79b9_7f4a_7c15;
const SECOND: u64 = 0xd6e8_feb8_6659_fd93;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Digest(u64);

impl Default for Digest {
    fn default() -> Self {
        Self(FIRST)
    }
}

impl Digest {
    pub(crate) fn number(&mut self, number: u64) {
        self.0 = fold(self.0 ^ number, SECOND) ^ number.rotate_left(29);
    }

    /// The length goes in first, so that two texts in a row cannot be confused with two others.
    pub(crate) fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        let mut words = text.as_bytes().chunks_exact(8);
        for word in &mut words {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(word);
            self.number(u64::from_le_bytes(bytes));
        }
        let rest = words.remainder();
        if !rest.is_empty() {
            let mut bytes = [0; 8];
            for (byte, from) in bytes.iter_mut().zip(rest) {
                *byte = *from;
            }
            self.number(u64::from_le_bytes(bytes));
        }
    }

    pub(crate) fn value(&mut self, value: &Value) {
        match value {
            Value::Boolean(value) => {
                self.number(1);
                self.number(u64::from(*value));
            }
            Value::Integer(value) => {
                self.number(2);
                self.number(value.cast_unsigned());
            }
            Value::Text(text) => {
                self.number(3);
                self.text(text);
            }
            Value::List(texts) => {
                self.number(4);
                self.number(texts.len() as u64);
                texts.iter().for_each(|text| self.text(text));
            }
        }
    }

    pub(crate) fn finish(self) -> u64 {
        fold(self.0 ^ FIRST, self.0.rotate_left(31) ^ SECOND)
    }
}

fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    #[expect(clippy::cast_possible_truncation, reason = "the two halves are folded into each other")]
    let folded = (product as u64) ^ ((product >> 64) as u64);
    folded
}

#[cfg(test)]
mod tests {
    use super::Digest;
    use model::value::Value;

    /// Stored digests were made with these numbers: a change here re-evaluates everybody everywhere.
    #[test]
    fn is_the_same_for_ever() {
        let mut digest = Digest::default();
        digest.text("sales-staff");
        digest.number(7);
        digest.value(&Value::List(vec!["a".into(), "bc".into()]));
        assert_eq!(digest.finish(), 15_498_684_697_480_889_025);
    }

    #[test]
    fn tells_similar_texts_apart() {
        let texts = ["", "a", "b", "ab", "ba", "aaaaaaaa", "aaaaaaaaa", "aaaaaaaa\0"];
        let mut seen: Vec<u64> = texts
            .iter()
            .map(|text| {
                let mut digest = Digest::default();
                digest.text(text);
                digest.finish()
            })
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), texts.len());
    }
}
