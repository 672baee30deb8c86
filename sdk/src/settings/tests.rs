//! Why settings are refused.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::testing::Host;
use crate::{Description, Protocol, Request, Response};

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
#[allow(dead_code, reason = "they are only read")]
struct Mirror {
    upstream: Option<String>,
    attempts: u32,
    mode: Mode,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    #[default]
    Lazy,
    Eager,
}

struct Mirrored;
struct Plain;

impl Protocol for Mirrored {
    fn describe() -> Description {
        Description::new("mirrored", "Mirrored", "0.1.0")
    }

    fn handle(_: Request) -> Response {
        Response::new(200)
    }

    fn check_settings() -> Result<(), Error> {
        check::<Mirror>()
    }
}

impl Protocol for Plain {
    fn describe() -> Description {
        Description::new("plain", "Plain", "0.1.0")
    }

    fn handle(_: Request) -> Response {
        Response::new(200)
    }
}

/// Why the settings are refused.
fn refusal<P: Protocol>(settings: &serde_json::Value) -> String {
    Host::new().settings(settings).check_settings::<P>().unwrap_err().to_string()
}

#[test]
fn the_setting_that_does_not_fit_is_named_and_never_its_value() {
    let secret = "hunter2";
    for (settings, key, why) in [
        (json!({"upstream": "x", "attempts": secret}), "`attempts`", "it must be a whole number from 0 on"),
        (json!({"attempts": -1}), "`attempts`", "it must be a whole number from 0 on"),
        (json!({"upstream": [secret]}), "`upstream`", "it must be a string"),
        (json!({"mode": secret}), "`mode`", "it must be one of `lazy`, `eager`"),
    ] {
        let said = refusal::<Mirrored>(&settings);
        assert!(said.contains(key) && said.contains(why), "{said}");
        assert!(!said.contains(secret), "{said}");
    }
}

#[test]
fn a_key_that_is_not_known_is_refused_with_the_list_of_those_that_are() {
    assert_eq!(
        refusal::<Mirrored>(&json!({"upstraem": "hunter2", "attempts": 3})),
        "the setting `upstraem` is not known: this protocol has `upstream`, `attempts`, `mode`"
    );
    assert_eq!(
        refusal::<Mirrored>(&json!({"a": 1, "b": 2})),
        "the settings `a`, `b` are not known: this protocol has `upstream`, `attempts`, `mode`"
    );
}

#[test]
fn settings_that_fit_are_accepted() {
    for settings in [json!({}), json!({"upstream": "x", "attempts": 3, "mode": "eager"})] {
        assert_eq!(Host::new().settings(&settings).check_settings::<Mirrored>(), Ok(()));
    }
    assert_eq!(Host::new().check_settings::<Plain>(), Ok(()));
}

#[test]
fn a_protocol_that_declares_no_settings_refuses_every_key() {
    assert_eq!(
        refusal::<Plain>(&json!({"token": "hunter2"})),
        "the setting `token` is not known: this protocol has no settings"
    );
}

#[test]
fn a_type_that_takes_any_key_or_wraps_another_is_checked_as_it_is_read() {
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "it is only read")]
    struct Open {
        #[serde(default)]
        attempts: u32,
        #[serde(flatten)]
        others: Map<String, Value>,
    }
    #[derive(Deserialize)]
    #[allow(dead_code, reason = "it is only read")]
    struct Wrapped(Mirror);

    let _host = Host::new().settings(&json!({"attempts": 3, "other": true}));
    assert_eq!(check::<Open>(), Ok(()));
    let why = check::<Wrapped>().unwrap_err().to_string();
    assert!(why.starts_with("the setting `other` is not known"), "{why}");
}

#[test]
fn two_bad_settings_are_refused_too() {
    let said = refusal::<Mirrored>(&json!({"attempts": "hunter2", "mode": "hunter2"}));
    assert!(said.contains("`settings` cannot be used") && !said.contains("hunter2"), "{said}");
}
