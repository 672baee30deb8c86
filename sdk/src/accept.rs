//! Content negotiation (RFC 9110 §12.5.1): which of the offered media types a client prefers. It
//! only parses a header's value.

/// The index of the offer that `accept` prefers; none if it accepts none. Among offers of equal
/// quality, the one that it names most exactly wins, then the first one.
pub(crate) fn best_offer(accept: Option<&str>, offers: &[&str]) -> Option<usize> {
    let Some(accept) = accept.filter(|value| !value.trim().is_empty()) else {
        return (!offers.is_empty()).then_some(0);
    };
    let ranges: Vec<Range<'_>> = accept.split(',').filter_map(Range::parse).collect();
    let mut best: Option<(usize, (u16, u8))> = None;
    for (index, offer) in offers.iter().enumerate() {
        let Some(score) = score(&ranges, offer) else {
            continue;
        };
        if best.is_none_or(|(_, other)| score > other) {
            best = Some((index, score));
        }
    }
    best.map(|(index, _)| index)
}

/// The quality in thousandths, and how exactly the offer was named; none if it is not accepted.
fn score(ranges: &[Range<'_>], offer: &str) -> Option<(u16, u8)> {
    ranges
        .iter()
        .filter_map(|range| Some((range.exactness(offer)?, range.quality)))
        .max()
        .filter(|(_, quality)| *quality > 0)
        .map(|(exactness, quality)| (quality, exactness))
}

struct Range<'a> {
    media_type: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    quality: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Range<'a>> {
        let mut parts = text.split(';').map(str::trim);
        let media_type = parts.next().filter(|name| !name.is_empty())?;
        let mut quality = 1000;
        let mut parameters = Vec::new();
        for part in parts {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let (name, value) = (name.trim(), value.trim().trim_matches('"'));
            if name.eq_ignore_ascii_case("q") {
                quality = parse_quality(value);
                break;
            }
            parameters.push((name, value));
        }
        // Some clients send a lone `*`.
        let media_type = if media_type == "*" { "*/*" } else { media_type };
        Some(Range { media_type, parameters, quality })
    }

    /// 3 with parameters, 2 for the type, 1 for `type/*`, 0 for `*/*`, none if not it.
    fn exactness(&self, offer: &str) -> Option<u8> {
        let mut parts = offer.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        if self.media_type == "*/*" {
            return Some(0);
        }
        if let Some(family) = self.media_type.strip_suffix("/*") {
            let (offered, _) = media_type.split_once('/')?;
            return offered.eq_ignore_ascii_case(family).then_some(1);
        }
        if !self.media_type.eq_ignore_ascii_case(media_type) {
            return None;
        }
        if self.parameters.is_empty() {
            return Some(2);
        }
        let offered: Vec<(&str, &str)> = parts.filter_map(|part| part.split_once('=')).collect();
        let all = self.parameters.iter().all(|(name, value)| {
            offered.iter().any(|(offered_name, offered_value)| {
                offered_name.trim().eq_ignore_ascii_case(name)
                    && offered_value.trim().trim_matches('"').eq_ignore_ascii_case(value)
            })
        });
        all.then_some(3)
    }
}

/// Thousandths, 0 to 1000. An invalid value is 0. No floating point, because most plugins would use
/// it only here.
fn parse_quality(value: &str) -> u16 {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, ""));
    let mut thousandths: u16 = match whole {
        "1" => return 1000,
        "0" | "" => 0,
        _ => return 0,
    };
    let mut weight = 100;
    for digit in fraction.chars().take(3) {
        let Some(digit) = digit.to_digit(10).and_then(|digit| u16::try_from(digit).ok()) else {
            return 0;
        };
        thousandths += digit * weight;
        weight /= 10;
    }
    thousandths
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: &str = "application/json";
    const SHORT: &str = "application/vnd.npm.install-v1+json";

    #[test]
    fn takes_the_first_offer_when_nothing_is_asked() {
        assert_eq!(best_offer(None, &[FULL, SHORT]), Some(0));
        assert_eq!(best_offer(Some("*/*"), &[FULL, SHORT]), Some(0));
        assert_eq!(best_offer(Some("*"), &[FULL, SHORT]), Some(0));
        assert_eq!(best_offer(None, &[]), None);
    }

    #[test]
    fn follows_the_qualities() {
        let npm = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8, */*";
        assert_eq!(best_offer(Some(npm), &[FULL, SHORT]), Some(1));
        let reversed = "application/vnd.npm.install-v1+json;q=0.1,application/json;q=0.12";
        assert_eq!(best_offer(Some(reversed), &[SHORT, FULL]), Some(1));
    }

    #[test]
    fn a_named_type_beats_a_wildcard_of_the_same_quality() {
        assert_eq!(best_offer(Some("application/json, */*"), &["text/html", FULL]), Some(1));
        assert_eq!(best_offer(Some("text/*, */*;q=0.5"), &[FULL, "text/html"]), Some(1));
    }

    #[test]
    fn knows_what_is_not_wanted() {
        assert_eq!(best_offer(Some("text/html"), &[FULL]), None);
        assert_eq!(best_offer(Some("*/*, application/json;q=0"), &[FULL]), None);
        assert_eq!(best_offer(Some("application/json;v=2"), &[FULL]), None);
        assert_eq!(best_offer(Some("application/json;v=2"), &["application/json; v=2"]), Some(0));
    }
}
