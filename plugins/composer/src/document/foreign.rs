//! Reads the documents of other systems if they have the format of Composer's own repositories: the
//! version of a dist, and when it was published. Documents of other formats are ignored.

use serde_json::{Map, Value};

use crate::members;

/// What such a document says about a dist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub reference: String,
    pub version: String,
    pub time: Option<String>,
}

/// All versions, wherever they stand in the document: as a list, or as an object by version, also in
/// the minified form, in which a member that is left out is that of the version before.
pub fn read(bytes: &[u8]) -> Vec<Said> {
    let document = serde_json::from_slice(bytes).map(members::shallow).unwrap_or_default();
    let mut said = Vec::new();
    let packages = document.get("packages").and_then(Value::as_object);
    for versions in packages.into_iter().flat_map(Map::values).chain(document.get("versions")) {
        let versions: Vec<&Value> = match versions {
            Value::Array(versions) => versions.iter().collect(),
            Value::Object(versions) => versions.values().collect(),
            _ => continue,
        };
        read_versions(&versions, &mut said);
    }
    said
}

fn read_versions(versions: &[&Value], said: &mut Vec<Said>) {
    let mut time = None;
    for version in versions {
        let text = |member: &str| version.get(member).and_then(Value::as_str).map(str::to_owned);
        time = text("time").or(time);
        let reference = version.get("dist").and_then(|dist| dist.get("reference")).and_then(Value::as_str);
        if let (Some(version), Some(reference)) = (text("version"), reference) {
            let known = time.clone().filter(|time| time != "__unset");
            said.push(Said { reference: reference.to_owned(), version, time: known });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn versions_are_found_in_the_forms_that_composer_reads() {
        let dist =
            |reference: &str| json!({ "type": "zip", "url": "https://example.com", "reference": reference });
        let said = |reference: &str, version: &str, time: Option<&str>| Said {
            reference: reference.to_owned(),
            version: version.to_owned(),
            time: time.map(str::to_owned),
        };
        let expected = [said("b", "1.1", Some("2020")), said("a", "1.0", Some("2020"))];
        let list = json!([{ "version": "1.1", "dist": dist("b"), "time": "2020" }, { "version": "1.0", "dist": dist("a") }]);
        let minified = json!({ "packages": { "acme/old": list }, "minified": "composer/2.0" });
        assert_eq!(read(minified.to_string().as_bytes()), expected);
        let object = json!({ "name": "acme/old", "versions": { "1.1": list[0], "1.0": list[1] } });
        assert_eq!(read(object.to_string().as_bytes()), expected);
        assert_eq!(read(b"{\"packages\": 1}"), []);
        assert_eq!(read(b"no JSON"), []);
    }
}
