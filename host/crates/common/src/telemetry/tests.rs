#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format;

use super::line;

#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_text_line_stays_one_short_line_whatever_its_values_are() {
    let page = Page::default();
    let writer = page.clone();
    let subscriber = tracing_subscriber::fmt()
        .fmt_fields(format::debug_fn(line::value).delimited(" "))
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(subscriber, || {
        let hostile = "a\u{202e}b\n2026-11-29 ERROR forged\u{1b}[2J";
        let long = "y".repeat(60_000);
        let _entered = tracing::info_span!("request", http.path = %hostile).entered();
        tracing::info!(user = %hostile, quoted = hostile, long, count = 3, "message: {hostile}");
    });
    let text = String::from_utf8(page.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.len() < 5_500, "{}", text.len());
    let escaped = "a\\u{202e}b\\n2026-11-29 ERROR forged\\u{1b}[2J";
    for part in [
        format!("request{{http.path={escaped}}}"),
        format!("message: {escaped} user={escaped}"),
        format!("quoted=\"{escaped}\""),
        " count=3".to_owned(),
        " bytes more)".to_owned(),
    ] {
        assert!(text.contains(&part), "{part} in {text}");
    }
    assert!(!text.contains(['\u{202e}', '\u{1b}']), "{text}");
}
