//! A fixture that calls every function of its host and reports the results. `suite` holds the results
//! that every host must give: the real one, and the SDK's test host. So a plugin sees the same under
//! `cargo test` and in production.

mod probes;
#[cfg(not(target_family = "wasm"))]
pub mod suite;

use packhouse_plugin::{Call, Description, Error, Failure, Protocol, Request, Response, Router};

pub struct Agreement;

packhouse_plugin::export!(Agreement);

impl Protocol for Agreement {
    fn describe() -> Description {
        Description::new("agreement", "Agreement", env!("CARGO_PKG_VERSION"))
            .scope("thing", &["read", "write", "list", "seal"], "read")
            .implies("thing", "write", &["read"])
            .implies("thing", "read", &["list"])
            .feature("on", true, "is on unless the mount says otherwise")
            .feature("off", false, "is off unless the mount says otherwise")
            .wish("login", "to try out signing in")
            .failure_shape("text/plain", "ended: {status}\n")
    }

    /// The suite looks at settings of any form.
    fn check_settings() -> Result<(), Error> {
        Ok(())
    }

    fn handle(request: Request) -> Response {
        Router::new().post("/{probe}", probe).handle(request)
    }
}

fn probe(call: &Call) -> Result<Response, Failure> {
    let name = call.decoded("probe")?;
    let probe = probes::find(&name).ok_or_else(|| Failure::not_found(&name))?;
    let mut said = Said::default();
    match probe(call, &mut said) {
        Ok(None) => Ok(Response::new(200).text(said.0.join("\n"))),
        Ok(Some(response)) => Ok(response),
        Err(error) => {
            Ok(Response::new(200).text(format!("{}\nstopped: {}", said.0.join("\n"), word(&error))))
        }
    }
}

/// The results of one probe, in order.
#[derive(Default)]
pub struct Said(Vec<String>);

impl Said {
    #[allow(clippy::needless_pass_by_value, reason = "short calls with numbers and texts")]
    fn say(&mut self, text: impl ToString) {
        self.0.push(text.to_string());
    }

    /// The result of a call in one word: hosts may use different sentences.
    fn told<T>(&mut self, what: &str, answer: Result<T, Error>) -> Option<T> {
        let (word, answer) = match answer {
            Ok(answer) => ("ok".to_owned(), Some(answer)),
            Err(error) => (word(&error), None),
        };
        self.0.push(format!("{what}: {word}"));
        answer
    }
}

fn word(error: &Error) -> String {
    match error {
        Error::NotFound => "not-found".to_owned(),
        Error::Conflict => "conflict".to_owned(),
        Error::DigestMismatch { .. } => "digest-mismatch".to_owned(),
        Error::TooLarge(limit) => format!("too-large {limit}"),
        Error::Truncated => "truncated".to_owned(),
        Error::Invalid(_) => "invalid".to_owned(),
        Error::BadJson(_) => "bad-json".to_owned(),
        Error::Denied(_) => "denied".to_owned(),
        Error::Unavailable(_) => "unavailable".to_owned(),
        Error::Damaged { .. } => "damaged".to_owned(),
        Error::Other { code, .. } => format!("other {code}"),
        other => format!("{other:?}"),
    }
}
