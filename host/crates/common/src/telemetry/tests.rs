#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing_subscriber::field::MakeExt;
use tracing_subscriber::fmt::format;

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};

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

/// What is logged of one message of a library at each level.
fn logged(filter: &str, emit: impl Fn()) -> String {
    let page = Page::default();
    let writer = page.clone();
    let layer = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    let subscriber = Registry::default().with(layer.with_filter(super::chosen(filter)));
    tracing::subscriber::with_default(subscriber, emit);
    String::from_utf8(page.0.lock().unwrap().clone()).unwrap()
}

macro_rules! at_every_level {
    ($target:literal) => {
        || {
            tracing::trace!(target: $target, "trace of {}", $target);
            tracing::debug!(target: $target, "debug of {}", $target);
            tracing::info!(target: $target, "info of {}", $target);
            tracing::warn!(target: $target, "warn of {}", $target);
            tracing::error!(target: $target, "error of {}", $target);
        }
    };
}

#[test]
fn messages_of_libraries_that_contain_secrets_are_never_logged() {
    for filter in [
        "trace",
        "reqsign_azure_storage::sign_request=trace,reqwest::connect::verbose=trace,sqlx_postgres::options::pgpass=trace,reqsign_aws_v4=trace,info",
    ] {
        let signers = [
            logged(filter, at_every_level!("reqsign_azure_storage::sign_request")),
            logged(filter, at_every_level!("reqsign_aws_v4::sign_request")),
            logged(filter, at_every_level!("reqsign_aws_core::provide_credential::process")),
            logged(filter, at_every_level!("reqsign_core::api")),
            logged(filter, at_every_level!("reqsign_core")),
            logged(filter, at_every_level!("reqwest::connect::verbose")),
        ];
        for lines in signers {
            assert!(!lines.contains("debug of") && !lines.contains("trace of"), "{lines}");
            assert!(lines.contains("info of") && lines.contains("error of"), "{lines}");
        }
        let lines = logged(filter, at_every_level!("sqlx_postgres::options::pgpass"));
        assert!(lines.contains("error of") && !lines.contains("warn of"), "{lines}");
    }
    // Others have what the filter says.
    let lines = logged("debug", at_every_level!("reqsign_coretto"));
    assert!(lines.contains("debug of") && !lines.contains("trace of"), "{lines}");
}
