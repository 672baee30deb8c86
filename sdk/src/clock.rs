//! The time, the same during one request. Milliseconds since the Unix epoch.

use crate::sys;

/// A response made with it is not remembered.
pub fn now() -> u64 {
    sys::now()
}

/// Has this moment passed? A response made with it is remembered until then.
pub fn passed(moment: u64) -> bool {
    sys::passed(moment)
}

/// A moment as HTTP headers have it: `Thu, 01 Jan 1970 00:00:00 GMT`. None after the year 9999.
pub fn http_date(moment: u64) -> Option<String> {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb"];
    let seconds = moment / 1000;
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let weekday = WEEKDAYS.get(usize::try_from(days % 7).ok()?)?;
    // Years that begin in March, so that the day that not every year has is the last one.
    let since = days + 719_468;
    let (era, day_of_era) = (since / 146_097, since % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = MONTHS.get(usize::try_from(month_index).ok()?)?;
    let year = 400 * era + year_of_era + u64::from(month_index >= 10);
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    let date = format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT");
    (year <= 9999).then_some(date)
}

#[cfg(test)]
mod tests {
    use super::http_date;

    #[test]
    fn moments_are_written_as_http_has_them() {
        for (moment, expected) in [
            (0, Some("Thu, 01 Jan 1970 00:00:00 GMT")),
            (784_111_777_999, Some("Sun, 06 Nov 1994 08:49:37 GMT")),
            (951_782_400_000, Some("Tue, 29 Feb 2000 00:00:00 GMT")),
            (951_868_800_000, Some("Wed, 01 Mar 2000 00:00:00 GMT")),
            (1_767_225_599_000, Some("Wed, 31 Dec 2025 23:59:59 GMT")),
            (253_402_300_799_000, Some("Fri, 31 Dec 9999 23:59:59 GMT")),
            (253_402_300_800_000, None),
            (u64::MAX, None),
        ] {
            assert_eq!(http_date(moment).as_deref(), expected, "{moment}");
        }
    }
}
