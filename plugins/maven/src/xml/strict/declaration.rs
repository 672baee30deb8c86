//! The XML declaration, as Maven 3 reads it: only that of XML 1.0. It takes every processing instruction whose
//! name begins with `xml` for one, such as `<?xml-stylesheet href="a"?>`.

/// What stands in the declaration, in this order.
const PARTS: [&str; 3] = ["version", "encoding", "standalone"];

/// What is between `<?xml` and `?>`, or why Maven does not read it.
pub fn check(inside: &str) -> Result<(), String> {
    let mut rest = inside;
    let mut next = PARTS.iter();
    while !rest.trim_start().is_empty() {
        let (name, value, after) = part(rest).ok_or("its XML declaration is not well-formed")?;
        if !next.any(|part| *part == name) {
            return Err(format!("its XML declaration has `{}` in a wrong place", shorten(name)));
        }
        match name {
            "version" if value != "1.0" => {
                return Err(format!("it is XML {}, and Maven reads only XML 1.0", shorten(value)));
            }
            "encoding" if !value.starts_with(|first: char| first.is_ascii_alphabetic()) => {
                return Err(format!("its XML declaration has the encoding {:?}", shorten(value)));
            }
            "standalone" if !matches!(value, "yes" | "no") => {
                return Err("`standalone` in its XML declaration is neither yes nor no".to_owned());
            }
            _ => rest = after,
        }
    }
    // None was skipped but the first.
    if inside.trim_start().starts_with("version") {
        Ok(())
    } else {
        Err("its XML declaration does not begin with its version".to_owned())
    }
}

/// The name, the value, and what follows, of ` name="value"`.
fn part(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('=')?;
    let is_separate = name.starts_with(|first: char| first.is_ascii_whitespace());
    let rest = rest.trim_start();
    let quote = rest.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let (value, rest) = rest.get(1..)?.split_once(quote)?;
    is_separate.then_some((name.trim(), value, rest))
}

/// Whether Maven takes a processing instruction for a declaration: its name, and whether anything follows.
pub fn is_reserved(target: &str, has_content: bool) -> bool {
    let begins = target.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("xml"));
    begins && (has_content || target.len() == 3)
}

fn shorten(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told of each is what Maven 3.9 makes of it.
    #[test]
    fn a_declaration_of_xml_1_0_is_accepted() {
        for good in [
            " version=\"1.0\"",
            " version='1.0' encoding='utf-8'",
            "  version = \"1.0\" ",
            "\nversion=\"1.0\"\nencoding = \"UTF-8\"\n",
            " version=\"1.0\" standalone=\"yes\"",
            " version=\"1.0\" encoding=\"Cp1252\" standalone='no'",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for (bad, why) in [
            (" version=\"1.1\"", "it is XML 1.1, and Maven reads only XML 1.0"),
            (" version=\"2.0\"", "it is XML 2.0, and Maven reads only XML 1.0"),
            (" version=\"1\"", "it is XML 1, and Maven reads only XML 1.0"),
            (" version=\" 1.0 \"", "it is XML  1.0 , and Maven reads only XML 1.0"),
            (" encoding=\"UTF-8\"", "its XML declaration does not begin with its version"),
            ("", "its XML declaration does not begin with its version"),
            (" ", "its XML declaration does not begin with its version"),
            (" encoding=\"UTF-8\" version=\"1.0\"", "its XML declaration has `version` in a wrong place"),
            (" version=\"1.0\" version=\"1.0\"", "its XML declaration has `version` in a wrong place"),
            (" version=\"1.0\" a=\"b\"", "its XML declaration has `a` in a wrong place"),
            (
                " version=\"1.0\" standalone=\"yes\" encoding=\"UTF-8\"",
                "its XML declaration has `encoding` in a wrong place",
            ),
            (" version=\"1.0\" encoding=\"\"", "its XML declaration has the encoding \"\""),
            (
                " version=\"1.0\" standalone=\"x\"",
                "`standalone` in its XML declaration is neither yes nor no",
            ),
            (" version=\"1.0\"encoding=\"UTF-8\"", "its XML declaration is not well-formed"),
            (" version=1.0", "its XML declaration is not well-formed"),
            (" version=\"1.0", "its XML declaration is not well-formed"),
            (" junk", "its XML declaration is not well-formed"),
        ] {
            assert_eq!(check(bad), Err(why.to_owned()), "{bad}");
        }
    }

    #[test]
    fn a_name_that_begins_with_xml_is_reserved() {
        for (target, has_content, wanted) in [
            ("xml", false, true),
            ("XML", true, true),
            ("xml-stylesheet", true, true),
            ("XmLfoo", true, true),
            ("xmlfoo", false, false),
            ("xm", true, false),
            ("axml", true, false),
            ("é", true, false),
        ] {
            assert_eq!(is_reserved(target, has_content), wanted, "{target}");
        }
    }
}
