//! Translates the messages of the JSON parser into the terms of JSON. It knows neither the bytes nor
//! the place of an error.

use serde_json::error::Category;

/// Names and lists of words are cut to this many characters.
const LONGEST: usize = 200;

/// What is wrong.
#[derive(Debug, PartialEq, Eq)]
pub enum Message {
    Ended,
    /// The text is not JSON; `why` says what is expected at this place.
    Syntax {
        line: usize,
        column: usize,
        why: String,
    },
    /// A required member is missing.
    Missing(String),
    /// The member is not allowed.
    Unknown,
    /// The member occurs more than once.
    Twice,
    Type {
        wanted: String,
        found: Option<&'static str>,
    },
    /// A value has none of several allowed forms; the parser does not say which value.
    Form,
    /// The type that is read has its own message.
    Own(String),
}

impl Message {
    pub fn of(error: &serde_json::Error) -> Self {
        let text = error.to_string();
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |(text, _)| text);
        match error.classify() {
            Category::Eof => Self::Ended,
            Category::Syntax => {
                Self::Syntax { line: error.line(), column: error.column(), why: syntax(text) }
            }
            Category::Data | Category::Io => Self::of_data(text),
        }
    }

    /// How the value begins that was found instead, if it is a list or an object.
    pub fn bracket(&self) -> Option<u8> {
        match self {
            Self::Type { found: Some("a list"), .. } => Some(b'['),
            Self::Type { found: Some("an object"), .. } => Some(b'{'),
            _ => None,
        }
    }

    /// Translates what serde says about a value, in any format.
    pub fn of_data(text: &str) -> Self {
        if let Some(member) = text.strip_prefix("missing field ") {
            return Self::Missing(shortened(member.trim_matches('`')));
        }
        if text.starts_with("unknown field ") {
            return Self::Unknown;
        }
        if text.starts_with("duplicate field ") {
            return Self::Twice;
        }
        if text.starts_with("data did not match any variant") {
            return Self::Form;
        }
        let is_of_serde = ["invalid type: ", "invalid value: ", "invalid length ", "unknown variant "]
            .iter()
            .any(|start| text.starts_with(start));
        match text.rsplit_once(", expected ").filter(|_| is_of_serde) {
            Some((found, wanted)) => Self::Type { wanted: kind(wanted), found: found_kind(found) },
            None => Self::Own(shortened(text)),
        }
    }
}

fn syntax(text: &str) -> String {
    match text {
        "expected value" => "a value is expected here",
        "expected ident" => "only `true`, `false` and `null` are written without quotes",
        "trailing comma" => "a comma must not be the last character of a list or an object",
        "trailing characters" => "nothing may follow the value",
        "key must be a string" => "the name of a member must be a string",
        "recursion limit exceeded" => "it is nested too deeply",
        "invalid escape" => "JSON has no such escape",
        "invalid number" => "this is not a number",
        "number out of range" => "the number is too large",
        "invalid unicode code point" => "strings must be UTF-8",
        "lone leading surrogate in hex escape" | "unexpected end of hex escape" => {
            "a `\\u` escape of a surrogate needs its other half"
        }
        text if text.starts_with("control character") => "a string must escape its control characters",
        text => {
            return match text.strip_prefix("expected ") {
                Some(token) => format!("{token} is expected here"),
                None => text.to_owned(),
            };
        }
    }
    .to_owned()
}

/// The expected kind of value, in the terms of JSON. Names of Rust types are left out.
fn kind(wanted: &str) -> String {
    let is_number = |text: &str| {
        let bits = text.strip_prefix(['u', 'i', 'f']).unwrap_or_default();
        matches!(bits, "8" | "16" | "32" | "64" | "128" | "size")
    };
    match wanted {
        "a borrowed string" | "string or map" | "option" | "variant identifier" => "a string".to_owned(),
        "a boolean" => "`true` or `false`".to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "an object".to_owned(),
        "unit" | "null" => "`null`".to_owned(),
        "any value" | "any valid JSON value" => "a value".to_owned(),
        _ if wanted.starts_with("struct ") => "an object".to_owned(),
        _ if wanted.starts_with("enum ") || wanted.contains("variant ") => "a string".to_owned(),
        _ if wanted.starts_with("tuple") => "a list".to_owned(),
        _ if wanted.starts_with('f') && is_number(wanted) => "a number".to_owned(),
        _ if wanted.starts_with('u') && is_number(wanted) => "a whole number from 0 on".to_owned(),
        _ if is_number(wanted) => "a whole number".to_owned(),
        _ if wanted.starts_with('`') => format!("one of {}", shortened(&wanted.replace(" or ", ", "))),
        _ => shortened(wanted),
    }
}

/// The kind of value that was found: `a string` for `invalid type: string "x"`.
fn found_kind(found: &str) -> Option<&'static str> {
    let (problem, value) = found.split_once(": ")?;
    if problem != "invalid type" {
        return None;
    }
    [
        ("string", "a string"),
        ("sequence", "a list"),
        ("map", "an object"),
        ("null", "`null`"),
        ("boolean", "`true` or `false`"),
        ("integer", "a number"),
        ("floating point", "a number"),
    ]
    .into_iter()
    .find(|(start, _)| value.starts_with(start))
    .map(|(_, kind)| kind)
}

pub fn shortened(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}
