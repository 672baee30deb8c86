//! Plain scalars of which Ruby makes no text.

/// Whether it is a number, a date, or true or false.
pub(super) fn is_typed(text: &str) -> bool {
    is_number(text) || is_bool(text) || is_date(text)
}

/// `10`, `1.10`, `0x1F` and `1.5e-3`.
fn is_number(text: &str) -> bool {
    let number = text.trim_start_matches(['+', '-']);
    let is_digit = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'_' | b',');
    if number.starts_with("0x") || number.starts_with("0b") {
        return number.len() > 2 && number.bytes().skip(2).all(|byte| byte.is_ascii_hexdigit());
    }
    let (number, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "+0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let is_exponent = exponent.strip_prefix(['+', '-']).is_some_and(|digits| digits.bytes().all(is_digit));
    is_exponent
        && number.bytes().any(|byte| byte.is_ascii_digit())
        && (whole.bytes().chain(fraction.bytes())).all(is_digit)
}

fn is_bool(text: &str) -> bool {
    ["true", "false", "yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// `2026-01-31`
fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let is_digits = |part: &&str, most: usize| {
        (1..=most).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    matches!(parts.as_slice(), [year, month, day] if year.len() == 4 && is_digits(year, 4) && is_digits(month, 2) && is_digits(day, 2))
}
