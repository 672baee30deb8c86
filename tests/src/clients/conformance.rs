//! The official suite of the OCI Distribution specification: a program that judges a registry
//! and writes down what it found.

use super::{Run, installed};
use crate::skip;
use crate::{Registry, User};
use tokio::process::Command;

/// Everything that it can test, also the tests that are off by default: cancelling an upload,
/// digest headers and the tag parameter come with the version, sparse manifests apart.
const SETTINGS: [(&str, &str); 7] = [
    ("OCI_VERSION", "dev"),
    ("OCI_DATA_SPARSE", "true"),
    ("OCI_DATA_SHA512", "true"),
    ("OCI_TLS", "disabled"),
    ("OCI_LOG", "error"),
    ("OCI_REPO1", "conformance/repo1"),
    ("OCI_REPO2", "conformance/repo2"),
];

/// What it found.
#[derive(Debug)]
pub struct Verdict {
    /// As the suite counts, with the groups of groups.
    pub tests: u64,
    /// Cases that did not pass, each with what became of it: failed, skipped, in error.
    pub others: Vec<String>,
    /// Groups that its summary does not call passed, e.g. `Referrers: Skip`.
    pub groups: Vec<String>,
}

/// None when it is not installed.
pub async fn judge(registry: &Registry, user: Option<&User>) -> Option<Verdict> {
    let program = skip::unless_installed(installed("go/conformance"))?;
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = Command::new(program);
    command.current_dir(folder.path()).env_clear().envs(SETTINGS);
    command.env("OCI_REGISTRY", registry.address()).env("OCI_RESULTS_DIR", folder.path());
    if let Some(user) = user {
        command.env("OCI_USERNAME", &user.name).env("OCI_PASSWORD", &user.password);
    }
    let run = Run::of(command).await;
    let read = |file| {
        std::fs::read_to_string(folder.path().join(file))
            .unwrap_or_else(|error| panic!("no {file}: {error}: {run:?}"))
    };
    let verdict = verdict(&read("junit.xml"), &read("results.yaml"));
    assert_eq!(run.success, verdict.others.is_empty() && verdict.groups.is_empty(), "{verdict:?}");
    Some(verdict)
}

fn verdict(junit: &str, summary: &str) -> Verdict {
    let elements = |name: &str| -> Vec<String> {
        let start = format!("<{name} ");
        junit
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix(&start))
            .map(|rest| rest.split('>').next().unwrap_or_default().to_owned())
            .collect()
    };
    let cases = elements("testcase");
    let all = elements("testsuites").pop().unwrap_or_default();
    let count = |name| attribute(&all, name).and_then(|value| value.parse::<u64>().ok()).unwrap_or(0);
    let mut others: Vec<String> = cases
        .iter()
        .filter(|case| attribute(case, "status") != Some("passed"))
        .map(|case| {
            format!("{} {}", attribute(case, "name").unwrap_or("?"), attribute(case, "status").unwrap_or("?"))
        })
        .collect();
    for kind in ["failures", "errors", "skipped", "disabled"] {
        if count(kind) > 0 {
            others.push(format!("{kind}: {}", count(kind)));
        }
    }
    Verdict { tests: count("tests"), others, groups: groups(summary) }
}

/// The lines of the sections `apis` and `data` after the configuration, but those that pass.
fn groups(summary: &str) -> Vec<String> {
    let mut results = summary.lines().skip_while(|line| *line != "apis:").peekable();
    assert!(results.peek().is_some(), "no results: {summary}");
    let lines = results.filter(|line| line.starts_with("  "));
    lines.filter(|line| !line.ends_with(": Pass")).map(|line| line.trim().to_owned()).collect()
}

fn attribute<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let start = format!("{name}=\"");
    let value = element.split_once(&start)?.1;
    value.split_once('"').map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_did_not_pass_is_named() {
        let junit = "<testsuites time=\"1\" tests=\"4\" failures=\"1\">\n\
             <testsuite name=\"all\" tests=\"3\">\n\
             <testcase name=\"a\" classname=\"\" time=\"0\" status=\"passed\">\n\
             <testcase name=\"b\" classname=\"\" time=\"0\" status=\"failed\">\n\
             <testcase name=\"c\" classname=\"\" time=\"0\" status=\"skipped\"></testcase>\n";
        let summary = "config:\n  apis:\n    ping: true\napis:\n  Ping: Pass\n  Referrers: Skip\n\
             data:\n  Image: FAIL\nresult: FAIL\n";
        let verdict = verdict(junit, summary);
        assert_eq!(
            (verdict.tests, verdict.others),
            (4, vec!["b failed".to_owned(), "c skipped".to_owned(), "failures: 1".to_owned()])
        );
        assert_eq!(verdict.groups, ["Referrers: Skip", "Image: FAIL"]);
    }
}
