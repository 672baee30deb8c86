//! Whether a document that a client sends is well-formed, where `read` is lenient: characters, comments,
//! attributes, references and declarations. No client could read such a document again.

use std::collections::HashSet;
use std::sync::LazyLock;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::{XmlError, decode};

mod declaration;

/// The character entities of HTML 4, which Maven knows in POMs.
const ENTITIES: &str = "\
lt gt amp quot apos \
nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute \
micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring \
AElig Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml \
times Oslash Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil \
egrave eacute ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash \
ugrave uacute ucirc uuml yacute thorn yuml OElig oelig Scaron scaron Yuml circ tilde ensp emsp thinsp zwnj \
zwj lrm rlm ndash mdash lsquo rsquo sbquo ldquo rdquo bdquo dagger Dagger permil lsaquo rsaquo euro fnof \
Alpha Beta Gamma Delta Epsilon Zeta Eta Theta Iota Kappa Lambda Mu Nu Xi Omicron Pi Rho Sigma Tau Upsilon \
Phi Chi Psi Omega alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho \
sigmaf sigma tau upsilon phi chi psi omega thetasym upsih piv bull hellip prime Prime oline frasl weierp \
image real trade alefsym larr uarr rarr darr harr crarr lArr uArr rArr dArr hArr forall part exist empty \
nabla isin notin ni prod sum minus lowast radic prop infin ang and or cap cup int there4 sim cong asymp ne \
equiv le ge sub sup nsub sube supe oplus otimes perp sdot lceil rceil lfloor rfloor lang rang loz spades \
clubs hearts diams";

/// See the module. A document that is not well-formed in another way is for `read` to find.
pub fn check(bytes: &[u8]) -> Result<(), XmlError> {
    let text = decode(bytes);
    if let Some(found) = text.chars().find(|character| !is_char(*character)) {
        return malformed(format!(
            "it has the character U+{:04X}, which XML does not allow",
            u32::from(found)
        ));
    }
    let mut reader = Reader::from_str(&text);
    reader.config_mut().check_comments = true;
    let mut depth = 0_usize;
    let mut place = Place::Start;
    loop {
        match reader.read_event().map_err(|error| XmlError::Malformed(error.to_string()))? {
            Event::Start(start) => {
                check_tag(&start)?;
                depth += 1;
            }
            Event::Empty(start) => check_tag(&start)?,
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Text(text) if text.contains("]]>") => return malformed("its text has `]]>`"),
            Event::CData(_) | Event::GeneralRef(_) if depth == 0 => {
                return malformed("text stands outside of its elements");
            }
            Event::GeneralRef(reference) => check_reference(&reference)?,
            Event::Decl(_) if place == Place::Later => {
                return malformed("its XML declaration is not at its start");
            }
            Event::Decl(found) => {
                let inside = found.strip_prefix("xml").unwrap_or(&found);
                declaration::check(inside).or_else(malformed)?;
            }
            Event::PI(found) if declaration::is_reserved(found.target(), !found.content().is_empty()) => {
                return malformed(format!(
                    "it has the processing instruction `{}`, and Maven reads none whose name begins with `xml`",
                    shorten(found.target())
                ));
            }
            // Maven reads one blank before the declaration.
            Event::Text(text) if place == Place::Start && text.len() == 1 => {
                place = Place::BehindBlank;
                continue;
            }
            Event::Eof => return Ok(()),
            _ => {}
        }
        place = Place::Later;
    }
}

/// Where an event is met.
#[derive(PartialEq)]
enum Place {
    Start,
    BehindBlank,
    Later,
}

fn check_tag(tag: &BytesStart<'_>) -> Result<(), XmlError> {
    check_name(tag.name().as_ref())?;
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| XmlError::Malformed(error.to_string()))?;
        check_name(attribute.key.as_ref())?;
        if attribute.value.contains('<') {
            return malformed("an attribute has `<`");
        }
        for reference in attribute.value.split('&').skip(1) {
            match reference.split_once(';') {
                Some((name, _)) => check_reference(name)?,
                None => return malformed("an attribute has `&`, which does not begin a reference"),
            }
        }
    }
    Ok(())
}

/// ASCII as XML has it; all other characters may be in a name.
fn check_name(name: &str) -> Result<(), XmlError> {
    let begins = |character: char| {
        character.is_ascii_alphabetic() || "_:".contains(character) || !character.is_ascii()
    };
    let goes_on =
        |character: char| begins(character) || character.is_ascii_digit() || "-.".contains(character);
    if name.starts_with(begins) && name.chars().all(goes_on) {
        return Ok(());
    }
    malformed(format!("{:?} is not a name", shorten(name)))
}

/// What stands between `&` and `;`.
fn check_reference(name: &str) -> Result<(), XmlError> {
    let Some(number) = name.strip_prefix('#') else {
        static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| ENTITIES.split_ascii_whitespace().collect());
        if KNOWN.contains(name) {
            return Ok(());
        }
        return malformed(format!("the entity `&{};` is not known", shorten(name)));
    };
    let (digits, radix) = number.strip_prefix('x').map_or((number, 10), |digits| (digits, 16));
    let is_number = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let character = u32::from_str_radix(digits, radix).ok().filter(|_| is_number).and_then(char::from_u32);
    if character.is_some_and(is_char) {
        return Ok(());
    }
    malformed(format!("`&{};` is not a character of XML", shorten(name)))
}

/// A character of XML 1.0.
fn is_char(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}

fn malformed<T>(why: impl Into<String>) -> Result<T, XmlError> {
    Err(XmlError::Malformed(why.into()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn what_clients_write_is_accepted() {
        for good in [
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!-- a - b -->\n<p xmlns=\"u\" xmlns:xsi='v' xsi:schemaLocation=\"a b\"/>",
            "\u{feff}<?xml version='1.0'?><p><a-b.c_1>&lt;&#233;&#xE9;&nbsp;&diams;</a-b.c_1></p>\n",
            "<p a=\"&quot;&#9;>\"><![CDATA[<&]]><?stylesheet href='a'?>]] ></p>",
            "\n<?xml version='1.0'?><p/>",
            " <?xml version='1.0' encoding='UTF-8'?><p/>",
            "\u{feff}\t<?xml version='1.0'?><p/>",
            "\n<p/>",
            "<!-- a --><?b c?>\n<p/>",
            "<?xmlfoo?><p/>",
            "<p><\u{e9}l\u{e9}ment>\u{1f600}\u{85}\t\r\n</\u{e9}l\u{e9}ment></p>",
        ] {
            assert_eq!(check(good.as_bytes()), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_no_client_reads_is_refused() {
        for bad in [
            "<p a=b/>",
            "<p a/>",
            "<p a='1' a='2'/>",
            "<p a='<'/>",
            "<p a='&'/>",
            "<p a='&bogus;'/>",
            "<p 1='a'/>",
            "<p><!-- a -- b --></p>",
            "<p><!-- a ---></p>",
            "<p>&#1;</p>",
            "<p>&#x0;</p>",
            "<p>&#xfffe;</p>",
            "<p>&#+65;</p>",
            "<p>&bogus;</p>",
            "<p>& </p>",
            "<p>a\u{1}b</p>",
            "<p>\u{ffff}</p>",
            "<p>]]></p>",
            "<p><1/></p>",
            "  <?xml version='1.0'?><p/>",
            "\r\n<?xml version='1.0'?><p/>",
            "<!-- a --><?xml version='1.0'?><p/>",
            "<?xml version='1.0'?><?xml version='1.0'?><p/>",
            "<?xml version='1.1'?><p/>",
            "<?xml encoding='UTF-8'?><p/>",
            "<?xml-stylesheet href='a'?><p/>",
            "\n<?xml-stylesheet href='a'?><p/>",
            "<?xml version='1.0'?><?xml-stylesheet href='a'?><p/>",
            "<p><?xml-stylesheet href='a'?></p>",
            "<p/><?xml-stylesheet href='a'?>",
            "<?XML version='1.0'?><p/>",
            "<p><?xml version='1.0'?></p>",
            "<p/>&#32;",
            "<p/><![CDATA[]]>",
        ] {
            assert!(matches!(check(bad.as_bytes()), Err(XmlError::Malformed(_))), "{bad:?}");
        }
    }
}
