//! The requests, and the answers that every host must give. `answers/` has one file for each case: the
//! status, and below it the text. Both hosts are compared with the same file. Write it from the
//! contract, not from the answer of one of them.

use std::fs;
use std::path::PathBuf;

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Nobody,
    /// Has the grants of [`ANN`], and the password [`PASSWORD`].
    Ann,
    /// Has no grants.
    Bob,
    /// Sends a token that is not valid.
    Stranger,
}

pub const ANN: &[&str] = &["agreement:thing:a:write", "agreement:thing:group:write"];
pub const PASSWORD: &str = "password of ann";
/// What everybody may do.
pub const PUBLIC: &[&str] = &["agreement:thing:public/*:read"];
/// Bytes of the largest upload and of the largest reply.
pub const LIMIT: u64 = 1 << 20;

/// One request.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub name: &'static str,
    /// A path with its probe.
    pub path: &'static str,
    pub who: Who,
    pub content_type: Option<&'static str>,
    body: &'static str,
    /// How often the body stands in the request.
    times: usize,
}

impl Case {
    pub fn body(&self) -> String {
        self.body.repeat(self.times)
    }

    /// The mount that gets the request.
    pub fn mount(&self) -> Mount {
        if self.name.ends_with("of another mount") { OTHER } else { FIRST }
    }
}

/// A mount of the guest.
#[derive(Debug, Clone, Copy)]
pub struct Mount {
    pub name: &'static str,
    pub may_log_in: bool,
    /// Whether the features `on` and `off` are on; none for the defaults.
    pub features: Option<(bool, bool)>,
    pub settings: &'static [(&'static str, u64)],
}

pub const FIRST: Mount = Mount { name: "agreement", may_log_in: true, features: None, settings: &[] };
pub const OTHER: Mount = Mount {
    name: "other",
    may_log_in: false,
    features: Some((false, true)),
    settings: &[("dishes", 12), ("soups", 3)],
};

const fn case(path: &'static str, who: Who) -> Case {
    Case { name: path, path, who, content_type: None, body: "", times: 1 }
}

const fn with_body(name: &'static str, path: &'static str, body: &'static str) -> Case {
    Case { name, body, ..case(path, Who::Nobody) }
}

const fn form(name: &'static str, body: &'static str) -> Case {
    let content_type = Some("multipart/form-data; boundary=xyz");
    Case { content_type, ..with_body(name, "form", body) }
}

/// At [`OTHER`].
const fn elsewhere(name: &'static str, path: &'static str, who: Who) -> Case {
    Case { name, ..case(path, who) }
}

const FORM: &str = "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nfirst\r\n--xyz\r\n\
    Content-Disposition: form-data; name=\"skipped\"; filename=\"f.txt\"\r\nContent-Type: text/plain\r\n\r\n\
    second\r\n--xyz\r\ncontent-disposition: form-data; name=\"c\"\r\n\r\n--xy\r\n--xyz--\r\nbehind";

pub const CASES: &[Case] = &[
    case("versions", Who::Nobody),
    case("keys", Who::Nobody),
    case("clashes", Who::Nobody),
    case("lists", Who::Nobody),
    case("readers", Who::Nobody),
    case("staged", Who::Nobody),
    case("expected", Who::Nobody),
    case("copies", Who::Nobody),
    case("appends", Who::Nobody),
    case("stamps", Who::Nobody),
    case("proofs", Who::Nobody),
    case("lost", Who::Nobody),
    case("many", Who::Nobody),
    case("now", Who::Nobody),
    case("unpacked", Who::Nobody),
    with_body("pieces", "pieces", "0123456789abcdef"),
    with_body("json-string", "json-string", r#"[1, "x \"y\" \u00e9 \ud83d\ude00 \n/", 2]"#),
    with_body("json-string with a bad escape", "json-string", r#""a\qb" rest"#),
    with_body("json-string with half a pair", "json-string", r#""a\ud83d" rest"#),
    with_body("json-string with a control character", "json-string", "\"a\nb\" rest"),
    with_body("json-string without its end", "json-string", r#""abc"#),
    with_body("json", "json", r#"{"name": "soup", "dishes": [{"grams": 3, "kind": "soup"}]}"#),
    with_body("json of another type", "json", r#"{"name": "x", "dishes": [{"grams": "3", "kind": "soup"}]}"#),
    with_body("json with another word", "json", r#"{"name": "x", "dishes": [{"grams": 3, "kind": "stew"}]}"#),
    with_body("json with a number too large", "json", r#"{"name": "x", "dishes": [{"grams": 4294967296}]}"#),
    with_body("json without a member", "json", r#"{"name": "x", "dishes": [{"kind": "soup"}]}"#),
    with_body("json with an unknown member", "json", r#"{"name": "x", "dishes": [], "secret": 1}"#),
    with_body("json with a member twice", "json", r#"{"name": "x", "dishes": [], "name": "y"}"#),
    with_body("json that is cut", "json", r#"{"name": "x", "dishes": ["#),
    with_body("json with more behind", "json", r#"{"name": "x", "dishes": []} x"#),
    with_body("json with a bad byte", "json", "{\"name\": \"x\ty\", \"dishes\": []}"),
    with_body("json of nothing", "json", ""),
    with_body("json above a limit", "json-up-to-a-limit", "[1, 2, 3]"),
    with_body("base64", "base64", "aGVsbG8="),
    with_body("base64 without padding", "base64", "aGVsbG8"),
    with_body("base64 of nothing", "base64", ""),
    with_body("base64 with a bad byte", "base64", "aGV*bG8="),
    with_body("base64 with a line break", "base64", "aGVs\nbG8="),
    with_body("base64 with a lone digit", "base64", "aGVsb"),
    with_body("base64 with too much padding", "base64", "aGVsbG8=="),
    with_body("base64 with bits left over", "base64", "aGVsbG9="),
    with_body("nested", "nested", r#"["aGVs\u0062G8=", 1]"#),
    with_body("nested with a bad byte", "nested", r#"["aGV*bG8=", 1]"#),
    form("form", FORM),
    form("form without its end", "--xyz\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nfirst"),
    form("form without a boundary in it", "nothing at all"),
    form("form with a bad header", "--xyz\r\nno header\r\n\r\nfirst\r\n--xyz--\r\n"),
    form("form without parts", "--xyz--\r\n"),
    with_body("form of another type", "form", "text"),
    with_body("stage", "stage", "abc"),
    with_body("stage above a limit", "stage", "abcdef"),
    with_body("save", "save", "0123456789"),
    with_body("save too little", "save", "01"),
    with_body("session", "session", "0123456789ab"),
    Case { times: 120_000, ..with_body("session too large", "session-too-large", "0123456789") },
    Case { name: "decisions of nobody", ..case("decisions", Who::Nobody) },
    Case { name: "decisions of ann", ..case("decisions", Who::Ann) },
    Case { name: "decisions of bob", ..case("decisions", Who::Bob) },
    Case { name: "decisions of a stranger", ..case("decisions", Who::Stranger) },
    Case { name: "owners of nobody", ..case("owners", Who::Nobody) },
    Case { name: "owners of bob", ..case("owners", Who::Bob) },
    Case { name: "owners of a stranger", ..case("owners", Who::Stranger) },
    Case { name: "filter of nobody", ..case("filter", Who::Nobody) },
    Case { name: "filter of ann", ..case("filter", Who::Ann) },
    Case { name: "filter of a stranger", ..case("filter", Who::Stranger) },
    case("undeclared-action", Who::Ann),
    case("undeclared-kind", Who::Ann),
    case("undeclared-filter", Who::Ann),
    case("undeclared-public", Who::Nobody),
    case("undeclared-owned", Who::Ann),
    case("undeclared-elsewhere", Who::Ann),
    case("many-names", Who::Ann),
    case("account", Who::Bob),
    case("features", Who::Nobody),
    elsewhere("features of another mount", "features", Who::Nobody),
    case("settings", Who::Nobody),
    elsewhere("settings of another mount", "settings", Who::Nobody),
    case("request", Who::Ann),
    elsewhere("request of another mount", "request", Who::Ann),
    elsewhere("decisions of another mount", "decisions", Who::Ann),
    case("sign-in", Who::Nobody),
    elsewhere("sign-in of another mount", "sign-in", Who::Nobody),
    case("tokens", Who::Nobody),
    case("networks", Who::Nobody),
    case("narrowed", Who::Nobody),
    case("revoked", Who::Nobody),
    case("too-many-tokens", Who::Nobody),
    elsewhere("tokens of another mount", "tokens-of-the-caller", Who::Ann),
    case("signed", Who::Nobody),
    case("open-64", Who::Nobody),
    case("open-65", Who::Nobody),
    case("staged-65", Who::Nobody),
    case("parts-64", Who::Nobody),
    case("parts-65", Who::Nobody),
    case("reply-too-large", Who::Nobody),
    case("calls", Who::Nobody),
    case("resources", Who::Nobody),
    case("too-many-resources", Who::Nobody),
    case("turns", Who::Nobody),
    case("uploads", Who::Nobody),
    case("too-many-uploads", Who::Nobody),
    case("opened-uploads", Who::Nobody),
    case("too-many-opened-uploads", Who::Nobody),
    case("mixed", Who::Nobody),
    case("headers", Who::Nobody),
    case("too-many-headers", Who::Nobody),
    case("a-long-header", Who::Nobody),
    case("status", Who::Nobody),
    case("header", Who::Nobody),
    case("pieces-too-large", Who::Nobody),
];

/// The differences between the answers of a host and those that it must give, a paragraph each. If the
/// host ends a request, only the status is compared: the hosts use different sentences.
#[derive(Debug, Default)]
pub struct Differences(Vec<String>);

impl Differences {
    pub fn compare(&mut self, case: &Case, status: u16, text: &str) {
        let shown = if status == 200 { text } else { "" };
        let answer = format!("{status}\n{}\n", shown.trim_end());
        let path = answers().join(format!("{}.txt", case.name.replace(' ', "-")));
        if std::env::var_os("PACKHOUSE_BLESS").is_some() && !path.exists() {
            drop(fs::write(&path, &answer));
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        if answer != expected {
            self.0.push(format!("{}\n--- answered:\n{answer}--- must answer:\n{expected}", case.name));
        }
    }

    /// All of them; none if the answers agree.
    pub fn told(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.join("\n"))
    }
}

fn answers() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("answers")
}
