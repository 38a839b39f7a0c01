//! Chance out of a seed: the same on every machine, and for each person without looking at the others.

/// A stream of numbers of its own for each subject and purpose (SplitMix64: Steele, Lea, Flood 2014).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64, purpose: u64, subject: u64) -> Self {
        Self(mixed(mixed(mixed(seed) ^ purpose) ^ subject))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// A number below the limit.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        u64::try_from((u128::from(self.next()) * u128::from(limit)) >> 64).unwrap_or(0)
    }

    pub(crate) fn code(&mut self, limit: u16) -> u16 {
        u16::try_from(self.below(u64::from(limit))).unwrap_or(0)
    }

    /// True so often in ten thousand.
    pub(crate) fn chance(&mut self, of_ten_thousand: u64) -> bool {
        self.below(10_000) < of_ten_thousand
    }
}

fn mixed(number: u64) -> u64 {
    let mut mixed = number;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Zipf's distribution: the n-th most frequent value is drawn in proportion to 1 / n^exponent.
pub(crate) struct Zipf(Vec<u64>);

impl Zipf {
    pub(crate) fn new(values: u16, exponent: f64) -> Self {
        let weights: Vec<f64> = (1..=values.max(1)).map(|rank| f64::from(rank).powf(-exponent)).collect();
        let all: f64 = weights.iter().sum();
        let mut sum = 0.0;
        let limits = weights.iter().map(|weight| {
            sum += weight;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 2^32")]
            let limit = (sum / all * 4_294_967_296.0) as u64;
            limit
        });
        Self(limits.collect())
    }

    pub(crate) fn draw(&self, random: &mut Random) -> u16 {
        let number = random.below(1 << 32);
        let rank = self.0.partition_point(|limit| *limit <= number).min(self.0.len() - 1);
        u16::try_from(rank).unwrap_or(0)
    }
}
