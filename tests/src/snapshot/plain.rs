//! One form for what differs from run to run. It knows texts, no files.

/// The form of a time in a document, to the second: digits and separators.
const MOMENT: &str = "0000-00-00T00:00:00";

/// A header's value: an entity tag stays strong or weak, a date stays a date.
pub fn header(name: &str, value: &str) -> String {
    match name {
        "etag" if value.starts_with("W/\"") => "W/\"{version}\"".to_owned(),
        "etag" => "\"{version}\"".to_owned(),
        "last-modified" | "expires" if is_date(value) => "{date}".to_owned(),
        _ => times(value),
    }
}

/// Every moment as zeros, with as many digits of a second as it has.
pub fn times(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = moment(rest);
        if length == 0 {
            result.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (there, after) = rest.split_at(length);
        result.extend(there.chars().map(|letter| if letter.is_ascii_digit() { '0' } else { letter }));
        rest = after;
    }
    result
}

/// Blanks of a document's stamp.
const STAMP: usize = 128;

/// Without the stamps of stored documents, which are blanks at the end of a line.
pub fn unstamped(text: &str) -> String {
    let lines = text.split('\n').map(|line| {
        let end = line.len().saturating_sub(STAMP);
        match line.get(end..) {
            Some(blanks)
                if line.len() >= STAMP && blanks.bytes().all(|byte| matches!(byte, b' ' | b'\t')) =>
            {
                &line[..end]
            }
            _ => line,
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The first line that is another one.
pub fn difference(expected: &str, found: &str) -> Option<String> {
    if expected == found {
        return None;
    }
    let mut lines = expected.split('\n').zip(found.split('\n')).enumerate();
    let different = lines.find(|(_, (expected, found))| expected != found);
    Some(different.map_or_else(
        || "one of them ends early".to_owned(),
        |(number, (expected, found))| {
            format!("line {}\n  in the file: {expected}\n  answered:    {found}", number + 1)
        },
    ))
}

/// The length of the moment that a text begins with; 0 for none.
fn moment(text: &str) -> usize {
    let is_like = |(pattern, letter): (u8, u8)| {
        if pattern == b'0' { letter.is_ascii_digit() } else { pattern == letter }
    };
    let bytes = text.as_bytes();
    if bytes.len() < MOMENT.len() || !MOMENT.bytes().zip(bytes.iter().copied()).all(is_like) {
        return 0;
    }
    let fraction = bytes[MOMENT.len()..].iter().take_while(|byte| matches!(byte, b'.' | b'0'..=b'9')).count();
    MOMENT.len() + fraction
}

/// RFC 9110, section 5.6.7: `Thu, 01 Jan 1970 00:00:00 GMT`.
fn is_date(value: &str) -> bool {
    value.len() == 29 && value.ends_with(" GMT")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_keeps_its_form() {
        assert_eq!(times("at 2026-01-02T03:04:05Z,"), "at 0000-00-00T00:00:00Z,");
        assert_eq!(times("2026-01-02T03:04:05.678901Z"), "0000-00-00T00:00:00.000000Z");
        assert_eq!(times("é 1.0.0 2026-01-02"), "é 1.0.0 2026-01-02");
    }

    #[test]
    fn a_stamp_is_left_out_and_other_blanks_stay() {
        let stamp = " \t".repeat(STAMP / 2);
        assert_eq!(unstamped(&format!("{{}}{stamp}\n{{}}  \n")), "{}\n{}  \n");
        assert_eq!(unstamped("é"), "é");
    }

    #[test]
    fn a_tag_stays_strong_or_weak_and_a_date_a_date() {
        assert_eq!(header("etag", "\"a\""), "\"{version}\"");
        assert_eq!(header("etag", "W/\"a\""), "W/\"{version}\"");
        assert_eq!(header("last-modified", "Thu, 01 Jan 1970 00:00:00 GMT"), "{date}");
        assert_eq!(header("last-modified", "today"), "today");
    }

    #[test]
    fn the_first_line_that_differs_is_told() {
        assert_eq!(difference("a\nb\n", "a\nb\n"), None);
        let told = difference("a\nb\n", "a\nc\n").expect("they differ");
        assert!(
            told.contains("line 2") && told.contains("file: b") && told.contains("answered:    c"),
            "{told}"
        );
        assert!(difference("a\n", "a\nb").is_some());
    }
}
