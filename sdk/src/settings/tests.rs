//! What is said of settings that do not fit.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use serde::Deserialize;
use serde_json::json;

use super::*;
use crate::maintenance::{Maintenance, Step};
use crate::testing::Host;
use crate::{Description, Protocol, Request, Response};

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
        get::<Mirror>().map(drop)
    }
}

impl Protocol for Plain {
    fn describe() -> Description {
        Description::new("plain", "Plain", "0.1.0")
    }

    fn handle(_: Request) -> Response {
        Response::new(200)
    }

    fn check_settings() -> Result<(), Error> {
        expect_none()
    }
}

/// Two steps, the first of which reports nothing.
macro_rules! maintained {
    ($protocol:ty) => {
        impl Maintenance for $protocol {
            fn collect(_: &Step<'_>) -> Result<(), Error> {
                Ok(())
            }

            fn reindex(_: &Step<'_>) -> Result<(), Error> {
                Ok(())
            }

            fn verify(step: &Step<'_>) -> Result<(), Error> {
                if step.cursor().is_none() {
                    step.set_cursor("second");
                }
                step.checked(1, 0);
                Ok(())
            }
        }
    };
}

maintained!(Mirrored);
maintained!(Plain);

/// What a verification says of the settings.
fn said<P: Maintenance>(settings: &serde_json::Value) -> Vec<String> {
    let outcome = Host::new().settings(settings).upkeep().verify::<P>().unwrap();
    assert_eq!(outcome.checked, 2, "the rest is verified");
    assert_eq!(outcome.damaged.len(), outcome.lines.len());
    outcome.lines
}

#[test]
fn verify_names_the_setting_that_does_not_fit_once_and_never_its_value() {
    let secret = "hunter2";
    for (settings, key, why) in [
        (json!({"upstream": "x", "attempts": secret}), "`attempts`", "it must be a whole number from 0 on"),
        (json!({"attempts": -1}), "`attempts`", "it must be a whole number from 0 on"),
        (json!({"upstream": [secret]}), "`upstream`", "it must be a string"),
        (json!({"mode": secret}), "`mode`", "it must be one of `lazy`, `eager`"),
        (json!({"upstraem": secret}), "`upstraem`", "it is not known here"),
    ] {
        let said = said::<Mirrored>(&settings);
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].contains(key) && said[0].contains(why), "{said:?}");
        assert!(!said[0].contains(secret), "{said:?}");
    }
}

#[test]
fn verify_says_nothing_of_settings_that_fit() {
    assert!(said::<Mirrored>(&json!({})).is_empty());
    assert!(said::<Mirrored>(&json!({"upstream": "x", "attempts": 3, "mode": "eager"})).is_empty());
    assert!(said::<Plain>(&json!({})).is_empty());
}

#[test]
fn verify_names_settings_of_a_protocol_that_has_none() {
    let said = said::<Plain>(&json!({"token": "hunter2"}));
    assert!(said.len() == 1 && said[0].contains("`token`") && !said[0].contains("hunter2"), "{said:?}");
}

#[test]
fn two_bad_settings_are_not_usable_either() {
    let host = Host::new().settings(&json!({"attempts": "hunter2", "mode": "hunter2"}));
    let outcome = host.upkeep().verify::<Mirrored>().unwrap();
    let said = outcome.lines.join("\n");
    assert!(said.contains("`settings` cannot be used") && !said.contains("hunter2"), "{said}");
}
