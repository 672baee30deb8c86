//! Members of a manifest in a form that some clients cannot read. Old tools wrote them, and npm
//! rewrites them before it publishes. They are stored in the form that every client reads.

use crate::json::Object;

/// Objects, for which an empty list stands in old manifests.
const OBJECTS: [&str; 5] =
    ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies", "acceptDependencies"];

/// Rewrites what has another form. Everything else stays as it is.
pub fn unify(manifest: &mut Object<'_>) {
    for member in OBJECTS {
        if manifest.value::<Vec<()>>(member).is_some_and(|list| list.is_empty()) {
            manifest.set_raw(member, "{}");
        }
    }
    if let Some(paths) = manifest.value::<Vec<String>>("bin") {
        manifest.set_raw("bin", named(&paths));
    }
}

/// Programs under the names of their files, as npm names them.
fn named(paths: &[String]) -> String {
    let mut programs = Object::default();
    for path in paths {
        let name = path.rsplit(['/', '\\']).next().unwrap_or_default();
        if !name.is_empty() {
            programs.set_text(name, path);
        }
    }
    programs.to_text()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    fn unified(text: &str) -> String {
        let mut manifest = Object::parse(text).unwrap();
        unify(&mut manifest);
        manifest.to_text()
    }

    #[test]
    fn lists_become_the_objects_that_every_client_reads() {
        for (before, after) in [
            (r#"{"dependencies":[],"devDependencies":[]}"#, r#"{"dependencies":{},"devDependencies":{}}"#),
            (r#"{"bin":[]}"#, r#"{"bin":{}}"#),
            (r#"{"bin":["./bin/a.js","b",""]}"#, r#"{"bin":{"a.js":"./bin/a.js","b":"b"}}"#),
        ] {
            assert_eq!(unified(before), after);
        }
    }

    #[test]
    fn every_other_form_stays() {
        for manifest in [
            r#"{"dependencies":{"a":"1"},"bin":"a.js","os":[]}"#,
            r#"{"dependencies":null,"bin":{"a":"a.js"},"keywords":[]}"#,
            r#"{"peerDependencies":["a"],"bin":[1]}"#,
        ] {
            assert_eq!(unified(manifest), manifest);
        }
    }
}
