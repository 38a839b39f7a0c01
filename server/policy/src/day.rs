//! Days as numbers, since periods are compared for everybody in every context. Day 0 is 1970-01-01.

use jiff::civil::Date;
use model::identity::Period;

pub(crate) type Day = i32;

/// A period without a first day.
pub(crate) const ALWAYS: Day = Day::MIN;
/// A period without an end.
pub(crate) const NEVER: Day = Day::MAX;

const FIRST: Day = -4_371_587;
const LAST: Day = 2_932_896;

/// The number of a date (Howard Hinnant, "chrono-compatible low-level date algorithms", days_from_civil).
pub(crate) fn number(date: Date) -> Day {
    let (year, month, day) = (i32::from(date.year()), i32::from(date.month()), i32::from(date.day()));
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The date of a number; `None` outside what a date can be.
pub(crate) fn date(day: Day) -> Option<Date> {
    if !(FIRST..=LAST).contains(&day) {
        return None;
    }
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i32::from(month <= 2);
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// First day, and first day after.
pub(crate) fn bounds(period: Period) -> (Day, Day) {
    (period.starts.map_or(ALWAYS, number), period.ends.map_or(NEVER, number))
}

/// The period between two bounds.
pub(crate) fn period((starts, ends): (Day, Day)) -> Period {
    Period { starts: date(starts), ends: date(ends) }
}

/// Bounds moved outwards; open where they would leave what a date can be.
pub(crate) fn widened((starts, ends): (Day, Day), before: i32, after: i32) -> (Day, Day) {
    let starts = if starts == ALWAYS || starts - before < FIRST { ALWAYS } else { starts - before };
    let ends = if ends == NEVER || ends + after > LAST { NEVER } else { ends + after };
    (starts, ends)
}

/// From the first start to the last end.
pub(crate) fn hull(one: (Day, Day), other: (Day, Day)) -> (Day, Day) {
    (one.0.min(other.0), one.1.max(other.1))
}

/// The days that are in both.
pub(crate) fn common(one: (Day, Day), other: (Day, Day)) -> (Day, Day) {
    (one.0.max(other.0), one.1.min(other.1))
}

pub(crate) fn holds((starts, ends): (Day, Day), day: Day) -> bool {
    starts <= day && day < ends
}

#[cfg(test)]
mod tests {
    use super::{FIRST, LAST, date, number};
    use jiff::civil::Date;

    #[test]
    fn numbers_and_dates_are_the_same_days() {
        assert_eq!(number(Date::constant(1970, 1, 1)), 0);
        assert_eq!(number(Date::constant(2000, 3, 1)), 11_017);
        assert_eq!((number(Date::MIN), number(Date::MAX)), (FIRST, LAST));
        let mut expected = Date::constant(1899, 12, 28);
        for day in number(expected)..number(Date::constant(2101, 3, 2)) {
            assert_eq!(date(day), Some(expected));
            assert_eq!(number(expected), day);
            expected = expected.tomorrow().unwrap();
        }
        assert_eq!((date(FIRST), date(LAST)), (Some(Date::MIN), Some(Date::MAX)));
        assert_eq!((date(FIRST - 1), date(LAST + 1)), (None, None));
    }
}
