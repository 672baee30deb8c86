//! PHP libraries as publishers upload them: zip archives made by hand.

use crate::pypi::zip;
use crate::{Actor, Answer};
use bytes::Bytes;
use http::Method;
use serde_json::{Value, json};

/// What lies in the fixture `composer-bucket`, in the order of their bytes.
pub const KEYS_OF_THE_FIXTURE: [&str; 4] = [
    "composer/packages/acme/old-base/1.0.0.zip",
    "composer/packages/acme/old/0123456789abcdef0123456789abcdef01234567.zip",
    "composer/packages/acme/old/76543210fedcba9876543210fedcba9876543210.zip",
    "composer/packages/acme/old/metadata.json",
];

/// A version to be uploaded.
#[derive(Clone)]
pub struct Library {
    pub name: String,
    pub version: String,
    pub content: Bytes,
    /// With their paths in the archive.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Library {
    /// A class `{Vendor}\{Package}\Greeter` below `src/` (PSR-4), whose `greet` names the version.
    pub fn psr4(name: &str, version: &str) -> Self {
        Self::psr4_with(name, version, &json!({}))
    }

    /// The same with more members in its `composer.json`.
    pub fn psr4_with(name: &str, version: &str, members: &Value) -> Self {
        let space = namespace(name);
        let autoload = json!({ "psr-4": { format!("{space}\\"): "src/" } });
        let class = format!("<?php\nnamespace {space};\nclass Greeter {{ {} }}\n", greet(name, version));
        Self::of(name, version, &autoload, members, &[("src/Greeter.php", class.as_bytes())])
    }

    /// A class `{Vendor}_{Package}_Greeter` below `lib/` (PSR-0), which has no namespaces.
    pub fn psr0(name: &str, version: &str) -> Self {
        let words = namespace(name).replace('\\', "_");
        let autoload = json!({ "psr-0": { format!("{words}_"): "lib/" } });
        let class = format!("<?php\nclass {words}_Greeter {{ {} }}\n", greet(name, version));
        let path = format!("lib/{}/Greeter.php", words.replace('_', "/"));
        Self::of(name, version, &autoload, &json!({}), &[(&path, class.as_bytes())])
    }

    fn of(name: &str, version: &str, autoload: &Value, members: &Value, files: &[(&str, &[u8])]) -> Self {
        let mut manifest = json!({
            "name": name, "description": format!("The library {name}"), "type": "library", "license": "MIT",
            "require": { "php": ">=7.4" }, "autoload": autoload,
        });
        let members = members.as_object().expect("an object").clone();
        manifest.as_object_mut().expect("an object").extend(members);
        let manifest = manifest.to_string();
        let folder = name.replace('/', "-");
        let mut all = vec![(format!("{folder}/composer.json"), manifest.into_bytes())];
        all.extend(files.iter().map(|(path, content)| (format!("{folder}/{path}"), content.to_vec())));
        Self { name: name.to_owned(), version: version.to_owned(), content: packed(&all), files: all }
    }

    /// One more file.
    #[must_use]
    pub fn file(mut self, path: &str, content: &[u8]) -> Self {
        self.files.push((format!("{}/{path}", self.name.replace('/', "-")), content.to_vec()));
        self.content = packed(&self.files);
        self
    }

    /// Where it is uploaded to, below the mount.
    pub fn path(&self) -> String {
        format!("/packages/{}?version={}", self.name, self.version)
    }

    pub async fn upload(&self, by: &Actor) -> Answer {
        by.send(Method::PUT, &self.path(), self.content.clone()).await
    }
}

fn packed(files: &[(String, Vec<u8>)]) -> Bytes {
    let files: Vec<(&str, &[u8])> =
        files.iter().map(|(path, content)| (path.as_str(), content.as_slice())).collect();
    zip(&files).into()
}

/// `Acme\OldBase` of `acme/old-base`.
fn namespace(name: &str) -> String {
    let word = |word: &str| {
        word.split('-')
            .map(|part| part.get(..1).unwrap_or_default().to_uppercase() + part.get(1..).unwrap_or_default())
            .collect::<String>()
    };
    name.split('/').map(word).collect::<Vec<_>>().join("\\")
}

fn greet(name: &str, version: &str) -> String {
    format!("public static function greet() {{ return '{name} {version}'; }}")
}

/// The versions of a package, as Composer expands them from the minified form.
pub async fn versions(by: &Actor, path: &str) -> Vec<Value> {
    let answer = by.get(path).await.expect(200).json();
    let packages = answer["packages"].as_object().expect("an object");
    let listed = packages.values().next().and_then(Value::as_array).expect("a list").clone();
    let mut expanded: Vec<Value> = Vec::new();
    for version in listed {
        let mut now = expanded.last().cloned().unwrap_or_else(|| json!({}));
        let members = now.as_object_mut().expect("an object");
        for (key, value) in version.as_object().expect("an object") {
            if value == "__unset" {
                members.remove(key);
            } else {
                members.insert(key.clone(), value.clone());
            }
        }
        expanded.push(now);
    }
    expanded
}
