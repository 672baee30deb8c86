//! Formats moments for documents and HTTP. A moment is a number of milliseconds since the Unix
//! epoch (1970-01-01T00:00:00Z), as returned by [`crate::clock::now`], [`crate::storage::now`] and
//! [`crate::ObjectInfo::modified`].

/// Milliseconds.
pub const SECOND: u64 = 1000;
/// Milliseconds.
pub const MINUTE: u64 = 60 * SECOND;
/// Milliseconds.
pub const HOUR: u64 = 60 * MINUTE;
/// Milliseconds.
pub const DAY: u64 = 24 * HOUR;

/// The last moment whose year has four digits.
const LAST: u64 = 253_402_300_799_999;

/// RFC 3339 in UTC, with milliseconds. A moment after the year 9999 becomes the end of that year.
///
/// ```
/// assert_eq!(packhouse_plugin::time::rfc3339(1_767_225_600_042), "2026-01-01T00:00:00.042Z");
/// ```
pub fn rfc3339(moment: u64) -> String {
    let seconds = rfc3339_seconds(moment);
    format!("{}.{:03}Z", seconds.trim_end_matches('Z'), moment.min(LAST) % SECOND)
}

/// RFC 3339 in UTC, in whole seconds. A moment after the year 9999 becomes the end of that year.
///
/// ```
/// assert_eq!(packhouse_plugin::time::rfc3339_seconds(1_767_225_600_042), "2026-01-01T00:00:00Z");
/// ```
pub fn rfc3339_seconds(moment: u64) -> String {
    let Civil { year, month, day, hour, minute, second, .. } = Civil::of(moment.min(LAST));
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

/// Parses a moment in RFC 3339, with any offset and any number of fractional digits. None for any
/// other text, or a moment before 1970.
///
/// ```
/// use packhouse_plugin::time::parse_rfc3339;
///
/// assert_eq!(parse_rfc3339("2026-01-01T01:00:00.042+01:00"), Some(1_767_225_600_042));
/// assert_eq!(parse_rfc3339("yesterday"), None);
/// ```
pub fn parse_rfc3339(text: &str) -> Option<u64> {
    let bytes = text.as_bytes();
    let number = |from: usize, to: usize| {
        let digits = bytes.get(from..to).filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
        Some(digits.iter().fold(0, |number: u64, digit| number * 10 + u64::from(digit - b'0')))
    };
    let is = |at: usize, wanted: &[u8]| bytes.get(at).is_some_and(|byte| wanted.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let is_date = (1..=12).contains(&month) && (1..=days_of_month(year, month)).contains(&day);
    if !is_date || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let digits = bytes.get(20..).filter(|_| is(19, b"."));
    let digits = digits.map(|rest| rest.iter().take_while(|byte| byte.is_ascii_digit()).count());
    let (milliseconds, end) = match digits {
        None => (0, 19),
        Some(0) => return None,
        Some(count) => (number(20, 20 + count.min(3))? * [100, 10, 1].get(count.min(3) - 1)?, 20 + count),
    };
    let ahead = match bytes.get(end..)? {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), rest @ ..] if rest.len() == 5 && is(end + 3, b":") => {
            let (hours, minutes) = (number(end + 1, end + 3)?, number(end + 4, end + 6)?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            let offset = i64::try_from(hours * HOUR + minutes * MINUTE).ok()?;
            if *sign == b'+' { offset } else { -offset }
        }
        _ => return None,
    };
    // A leap second becomes the end of the second before it.
    let in_day = hour * HOUR + minute * MINUTE + second.min(59) * SECOND;
    let milliseconds = if second == 60 { 999 } else { milliseconds };
    let days = days_since_march_0(year, month, day).checked_sub(EPOCH)?;
    (days * DAY + in_day + milliseconds).checked_add_signed(-ahead)
}

/// A moment in the format of HTTP headers. None after the year 9999.
///
/// ```
/// use packhouse_plugin::time::http_date;
/// assert_eq!(http_date(0).as_deref(), Some("Thu, 01 Jan 1970 00:00:00 GMT"));
/// ```
pub fn http_date(moment: u64) -> Option<String> {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let Civil { year, month, day, hour, minute, second } = Civil::of(moment);
    let weekday = WEEKDAYS.get(usize::try_from(moment / DAY % 7).ok()?)?;
    let month = MONTHS.get(usize::try_from(month - 1).ok()?)?;
    let date = format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT");
    (year <= 9999).then_some(date)
}

/// Days from the first of March of the year 0 to the epoch.
const EPOCH: u64 = 719_468;

/// A moment in UTC, in the Gregorian calendar.
struct Civil {
    year: u64,
    month: u64,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
}

impl Civil {
    fn of(moment: u64) -> Civil {
        // Counted in years that begin in March, so that the leap day is the last day of a year.
        let since = moment / DAY + EPOCH;
        let (era, day_of_era) = (since / 146_097, since % 146_097);
        let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_index = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_index + 2) / 5 + 1;
        let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
        let year = 400 * era + year_of_era + u64::from(month <= 2);
        let time = moment / SECOND;
        Civil { year, month, day, hour: time / 3600 % 24, minute: time / 60 % 60, second: time % 60 }
    }
}

/// Days from the first of March of the year 0 to this date.
fn days_since_march_0(year: u64, month: u64, day: u64) -> u64 {
    // January and February belong to the previous year, which year 0 does not have.
    let (year, month_index) = if month > 2 {
        (year, month - 3)
    } else if year == 0 {
        return 0;
    } else {
        (year - 1, month + 9)
    };
    365 * year + year / 4 - year / 100 + year / 400 + (153 * month_index + 2) / 5 + day - 1
}

fn days_of_month(year: u64, month: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        2 => 28 + u64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn moments_are_written_and_read_as_rfc_3339() {
        for (moment, written) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (784_111_777_999, "1994-11-06T08:49:37.999Z"),
            (951_782_400_001, "2000-02-29T00:00:00.001Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00.000Z"),
            (LAST, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(rfc3339(moment), written);
            assert_eq!(parse_rfc3339(written), Some(moment), "{written}");
        }
        assert_eq!(rfc3339(u64::MAX), "9999-12-31T23:59:59.999Z");
        for day in (0..3_000_000).step_by(13) {
            let moment = day * DAY + 12_345_678;
            assert_eq!(parse_rfc3339(&rfc3339(moment.min(LAST))), Some(moment.min(LAST)));
        }
    }

    #[test]
    fn rfc_3339_is_read_in_all_its_forms() {
        for (text, moment) in [
            ("1994-11-06t08:49:37z", 784_111_777_000),
            ("1994-11-06 08:49:37.5Z", 784_111_777_500),
            ("1994-11-06T09:49:37.123456789+01:00", 784_111_777_123),
            ("1994-11-05T23:19:37-09:30", 784_111_777_000),
            ("1970-01-01T01:00:00+01:00", 0),
            ("2016-12-31T23:59:60Z", 1_483_228_799_999),
        ] {
            assert_eq!(parse_rfc3339(text), Some(moment), "{text}");
        }
        for text in [
            "",
            "1994-11-06",
            "1994-11-06T08:49:37",
            "1994-11-06T08:49:37.Z",
            "1994-11-06T08:49:37+0100",
            "1994-11-06T08:49:37+24:00",
            "1994-13-06T08:49:37Z",
            "1994-02-29T08:49:37Z",
            "1900-02-29T08:49:37Z",
            "1994-11-06T24:00:00Z",
            "1994-11-06T08:49:37Z ",
            "+994-11-06T08:49:37Z",
            "1969-12-31T23:59:59Z",
            "1970-01-01T00:00:00+01:00",
            "0000-01-01T00:00:00Z",
            "1994-11-06T08:49:37é",
        ] {
            assert_eq!(parse_rfc3339(text), None, "{text:?}");
        }
    }
}
