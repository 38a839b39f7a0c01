//! The values that an attribute may have where a condition holds, as a set: without looking at anybody.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use model::value::Value;

use crate::expression::Comparison;

/// Whole numbers between two bounds that are listed one by one.
const MOST_LISTED: i64 = 32;

const BOOLEAN: u8 = 1;
const INTEGER: u8 = 2;
const TEXT: u8 = 4;
const LIST: u8 = 8;
const EVERY: u8 = BOOLEAN | INTEGER | TEXT | LIST;

/// A set of values, and whether the attribute may be absent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Allowed {
    absent: bool,
    /// Kinds of values that may be there.
    kinds: u8,
    /// Only these, where given.
    only: Option<BTreeSet<Value>>,
    /// All but these.
    except: BTreeSet<Value>,
    /// Bounds that are themselves allowed or not; only where there is one kind.
    lower: Option<(Value, bool)>,
    upper: Option<(Value, bool)>,
}

fn kind(value: &Value) -> u8 {
    match value {
        Value::Boolean(_) => BOOLEAN,
        Value::Integer(_) => INTEGER,
        Value::Text(_) => TEXT,
        Value::List(_) => LIST,
    }
}

impl Allowed {
    pub(super) fn anything() -> Self {
        Self { absent: true, ..Self::present() }
    }

    pub(super) fn present() -> Self {
        Self { absent: false, kinds: EVERY, only: None, except: BTreeSet::new(), lower: None, upper: None }
    }

    /// A text, whatever it says.
    pub(super) fn text() -> Self {
        Self { kinds: TEXT, ..Self::present() }
    }

    pub(super) fn absent() -> Self {
        Self { absent: true, ..Self::one_of([]) }
    }

    pub(super) fn one_of(values: impl IntoIterator<Item = Value>) -> Self {
        Self { only: Some(values.into_iter().collect()), ..Self::present() }.normal()
    }

    /// Anything else.
    pub(super) fn none_of(values: impl IntoIterator<Item = Value>) -> Self {
        Self { except: values.into_iter().collect(), ..Self::present() }
    }

    /// The same, or nothing at all.
    #[must_use]
    pub(super) fn or_absent(self) -> Self {
        Self { absent: true, ..self }
    }

    /// What compares with a constant in this way. Nothing of another kind does, in either sense.
    pub(super) fn compared(comparison: Comparison, constant: &Value) -> Self {
        let alone = Self { kinds: kind(constant), ..Self::present() };
        let made = match comparison {
            Comparison::Less => Self { upper: Some((constant.clone(), false)), ..alone },
            Comparison::LessOrEqual => Self { upper: Some((constant.clone(), true)), ..alone },
            Comparison::Greater => Self { lower: Some((constant.clone(), false)), ..alone },
            Comparison::GreaterOrEqual => Self { lower: Some((constant.clone(), true)), ..alone },
            Comparison::Equal | Comparison::NotEqual => alone,
        };
        made.normal()
    }

    pub(super) fn and(&self, other: &Self) -> Self {
        let only = match (&self.only, &other.only) {
            (Some(one), Some(two)) => Some(one.intersection(two).cloned().collect()),
            (one, two) => one.as_ref().or(two.as_ref()).cloned(),
        };
        let stricter = |one: &Option<(Value, bool)>, two: &Option<(Value, bool)>, is_lower: bool| match (one, two) {
            (Some(one), Some(two)) => {
                let first = match one.0.cmp(&two.0) {
                    std::cmp::Ordering::Equal => !one.1,
                    order => order.is_gt() == is_lower,
                };
                Some(if first { one.clone() } else { two.clone() })
            }
            (one, two) => one.as_ref().or(two.as_ref()).cloned(),
        };
        Self {
            absent: self.absent && other.absent,
            kinds: self.kinds & other.kinds,
            only,
            except: self.except.union(&other.except).cloned().collect(),
            lower: stricter(&self.lower, &other.lower, true),
            upper: stricter(&self.upper, &other.upper, false),
        }
        .normal()
    }

    /// The same set, with what can be listed listed.
    fn normal(mut self) -> Self {
        if self.only.is_none() && self.kinds == BOOLEAN {
            self.only = Some([false, true].map(Value::Boolean).into());
        }
        if self.only.is_none()
            && let (Some((Value::Integer(low), low_too)), Some((Value::Integer(high), high_too))) =
                (&self.lower, &self.upper)
            && high.saturating_sub(*low) <= MOST_LISTED
        {
            let (low, high) = (low.saturating_add(i64::from(!low_too)), high.saturating_sub(i64::from(!high_too)));
            self.only = Some((low..=high).map(Value::Integer).collect());
        }
        if self.only.is_none()
            && let (Some((low, low_too)), Some((high, high_too))) = (&self.lower, &self.upper)
        {
            match low.cmp(high) {
                std::cmp::Ordering::Equal if *low_too && *high_too => self.only = Some([low.clone()].into()),
                std::cmp::Ordering::Less => {}
                _ => self.only = Some(BTreeSet::new()),
            }
        }
        if let Some(mut only) = self.only.take() {
            only.retain(|value| self.fits(value));
            let kinds = only.iter().fold(0, |kinds, value| kinds | kind(value));
            return Self {
                absent: self.absent,
                kinds,
                only: Some(only),
                except: BTreeSet::new(),
                lower: None,
                upper: None,
            };
        }
        if self.kinds == 0 {
            return Self { absent: self.absent, ..Self::one_of([]) };
        }
        let except = std::mem::take(&mut self.except);
        self.except = except.into_iter().filter(|value| self.fits(value)).collect();
        self
    }

    fn fits(&self, value: &Value) -> bool {
        let above = self.lower.as_ref().is_none_or(|(low, too)| low < value || (*too && low == value));
        let below = self.upper.as_ref().is_none_or(|(high, too)| value < high || (*too && high == value));
        self.kinds & kind(value) != 0 && !self.except.contains(value) && above && below
    }

    pub(super) fn contains(&self, value: Option<&Value>) -> bool {
        match value {
            None => self.absent,
            Some(value) => self.only.as_ref().is_none_or(|only| only.contains(value)) && self.fits(value),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        !self.absent && self.only.as_ref().is_some_and(BTreeSet::is_empty)
    }

    /// All of them, where they can be listed; none stands for an absent attribute.
    pub(super) fn members(&self) -> Option<Vec<Option<Value>>> {
        let values = self.only.as_ref()?.iter().cloned().map(Some);
        Some(values.chain(self.absent.then_some(None)).collect())
    }

    /// Without what does not pass, where they can be listed.
    pub(super) fn retain(&mut self, passes: impl Fn(Option<&Value>) -> bool) {
        self.absent = self.absent && passes(None);
        if let Some(only) = &mut self.only {
            only.retain(|value| passes(Some(value)));
        }
    }

    /// Whether everything in it is in the other as well. May say no where it is so.
    pub(super) fn is_within(&self, other: &Self) -> bool {
        if self.absent && !other.absent {
            return false;
        }
        if let Some(only) = &self.only {
            return only.iter().all(|value| other.contains(Some(value)));
        }
        let looser = |own: &Option<(Value, bool)>, theirs: &Option<(Value, bool)>, is_lower: bool| match (own, theirs) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(theirs)) => match own.0.cmp(&theirs.0) {
                std::cmp::Ordering::Equal => theirs.1 || !own.1,
                order => order.is_gt() == is_lower,
            },
        };
        other.only.is_none()
            && self.kinds & !other.kinds == 0
            && other.except.iter().all(|value| !self.fits(value))
            && looser(&self.lower, &other.lower, true)
            && looser(&self.upper, &other.upper, false)
    }

    /// A few of them, the plainest first.
    pub(super) fn examples(&self) -> Vec<Option<Value>> {
        if let Some(only) = &self.only {
            let values = only.iter().take(4).cloned().map(Some);
            return values.chain(self.absent.then_some(None)).collect();
        }
        let bounds = [&self.lower, &self.upper].into_iter().flatten().map(|(bound, _)| bound);
        let near = bounds.flat_map(|bound| match bound {
            Value::Integer(number) => {
                vec![bound.clone(), Value::Integer(number.saturating_add(1)), Value::Integer(number.saturating_sub(1))]
            }
            Value::Text(text) => vec![bound.clone(), Value::Text(format!("{text}x")), Value::from("")],
            other => vec![other.clone()],
        });
        let usual = [Value::from("example"), Value::from(1_i64), Value::from(true), Value::from("another")];
        let lists = [Value::List(vec!["example".to_owned()])];
        let values = near.chain(usual).chain(lists).filter(|value| self.fits(value)).take(4).map(Some);
        self.absent.then_some(None).into_iter().chain(values).collect()
    }

    /// In words, after "is".
    pub(super) fn said(&self) -> String {
        let listed = |values: &BTreeSet<Value>| {
            let shown = values.iter().take(4).map(shown).collect::<Vec<_>>().join(" or ");
            let more = values.len().saturating_sub(4);
            if more > 0 { format!("{shown} or one of {more} more") } else { shown }
        };
        let mut parts = Vec::new();
        match &self.only {
            Some(only) if only.is_empty() => {
                return if self.absent { "absent".to_owned() } else { "nothing".to_owned() };
            }
            Some(only) => parts.push(listed(only)),
            None => {
                if let Some((low, too)) = &self.lower {
                    parts.push(format!("{} {}", if *too { "at least" } else { "more than" }, shown(low)));
                }
                if let Some((high, too)) = &self.upper {
                    parts.push(format!("{} {}", if *too { "at most" } else { "less than" }, shown(high)));
                }
                if !self.except.is_empty() {
                    parts.push(format!("not {}", listed(&self.except)));
                }
                if parts.is_empty() {
                    parts.push(if self.kinds == TEXT { "a text".to_owned() } else { "there".to_owned() });
                }
            }
        }
        let mut said = parts.join(" and ");
        if self.absent {
            let _ = write!(said, " or absent");
        }
        said
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Text(text) => format!("\"{text}\""),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at_least(value: impl Into<Value>) -> Allowed {
        Allowed::compared(Comparison::GreaterOrEqual, &value.into())
    }

    fn less(value: impl Into<Value>) -> Allowed {
        Allowed::compared(Comparison::Less, &value.into())
    }

    fn texts(values: &[&str]) -> Allowed {
        Allowed::one_of(values.iter().map(|value| Value::from(*value)))
    }

    #[test]
    fn what_contradicts_itself_is_empty() {
        let sales = texts(&["Sales"]);
        for (one, two, is_empty) in [
            (sales.clone(), texts(&["IT"]), true),
            (sales.clone(), texts(&["IT", "Sales"]), false),
            (sales.clone(), Allowed::none_of([Value::from("Sales")]), true),
            (sales.clone(), Allowed::absent(), true),
            (sales.clone().or_absent(), Allowed::absent(), false),
            (sales, at_least(3), true),
            (at_least(3), less(3), true),
            (at_least(3), less(4), false),
            (at_least("b"), less("b"), true),
            (at_least("b"), less("c"), false),
            (at_least("b"), less(9), true),
            (at_least(true), Allowed::one_of([Value::from(false)]), true),
        ] {
            assert_eq!(one.and(&two).is_empty(), is_empty, "{one:?} and {two:?}");
            assert_eq!(two.and(&one).is_empty(), is_empty, "{two:?} and {one:?}");
        }
    }

    #[test]
    fn within_means_that_every_value_is() {
        let sets = [
            Allowed::anything(),
            Allowed::present(),
            Allowed::absent(),
            Allowed::text(),
            texts(&["Sales"]),
            texts(&["IT", "Sales"]).or_absent(),
            Allowed::none_of([Value::from("Sales")]),
            Allowed::none_of([Value::from("IT")]).or_absent(),
            at_least("J"),
            less("b").or_absent(),
            at_least(2),
            less(9),
            at_least(2).and(&less(9)),
            at_least(true),
        ];
        let texts = ["", "IT", "J", "Sales", "b", "c"].map(Value::from);
        let numbers = [0, 1, 2, 3, 8, 9].map(|number: i64| Value::from(number));
        let others = [Value::from(true), Value::from(false), Value::List(vec!["Sales".into()])];
        let values: Vec<Option<Value>> =
            texts.into_iter().chain(numbers).chain(others).map(Some).chain([None]).collect();
        let mut within = 0;
        for one in &sets {
            assert!(one.examples().iter().all(|value| one.contains(value.as_ref())), "{one:?}");
            assert!(!one.examples().is_empty(), "{one:?}");
            for two in &sets {
                let both = one.and(two);
                for value in values.iter().map(Option::as_ref) {
                    assert_eq!(
                        both.contains(value),
                        one.contains(value) && two.contains(value),
                        "{value:?} {one:?} {two:?}"
                    );
                }
                if one.is_within(two) {
                    within += 1;
                    assert!(values.iter().all(|value| !one.contains(value.as_ref()) || two.contains(value.as_ref())));
                }
                assert!(!one.is_within(two) || both == *one, "{one:?} within {two:?}");
            }
        }
        assert!(within > sets.len());
    }
}
