//! What the kills left behind is collected: every object is what a document names, or a document of
//! the layout.

use packhouse_tests::Registry;
use packhouse_tests::registry::files_below;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// See the module.
pub fn expect_none(registry: &Registry) {
    let bucket = Bucket { objects: registry.home().objects(), keys: registry.keys() };
    no_blobs(&bucket);
    no_tarballs(&bucket);
    no_artifacts(&bucket);
    no_dists(&bucket);
    no_gems(&bucket);
    let own = files_below(&bucket.objects.join(".packhouse"));
    let half: Vec<_> =
        own.iter().filter(|key| key.starts_with("staging") || key.starts_with("uploads")).collect();
    assert!(half.is_empty(), "the host's own work in progress: {half:?}");
}

struct Bucket {
    objects: PathBuf,
    keys: Vec<String>,
}

impl Bucket {
    /// What follows this prefix in the keys that have it.
    fn below(&self, prefix: &str) -> BTreeSet<String> {
        self.keys.iter().filter_map(|key| key.strip_prefix(prefix)).map(str::to_owned).collect()
    }

    fn read(&self, key: &str) -> Value {
        let bytes = std::fs::read(self.objects.join(key)).unwrap_or_else(|error| panic!("{key}: {error}"));
        serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{key}: {error}"))
    }
}

fn no_blobs(bucket: &Bucket) {
    let mut blobs = BTreeSet::new();
    for key in bucket.below("oci/manifests/") {
        let manifest = bucket.read(&format!("oci/manifests/{key}"));
        let layers = manifest["layers"].as_array().cloned().unwrap_or_default();
        blobs.extend(
            layers
                .iter()
                .chain([&manifest["config"]])
                .filter_map(|blob| blob["digest"].as_str().map(|digest| digest.replace(':', "/"))),
        );
    }
    assert_eq!(bucket.below("oci/blobs/"), blobs, "every blob is named, every named blob is there");
    let members: BTreeSet<_> = bucket
        .below("oci/members/")
        .iter()
        .filter_map(|key| Some(key.rsplit_once('/')?.0.to_owned()))
        .collect();
    assert_eq!(members, blobs, "no membership outlives its blob");
    for prefix in ["oci/pending/", "oci/condemned/"] {
        assert_eq!(bucket.below(prefix), BTreeSet::new(), "{prefix}");
    }
}

fn no_tarballs(bucket: &Bucket) {
    let mut tarballs = BTreeSet::new();
    for key in bucket.below("npm/packages/").iter().filter(|key| key.ends_with("/index.json")) {
        let document = bucket.read(&format!("npm/packages/{key}"));
        let name = key.trim_end_matches("/index.json");
        let versions = document["versions"].as_object().cloned().unwrap_or_default();
        tarballs.extend(versions.keys().map(|version| format!("{name}/{name}-{version}.tgz")));
    }
    let mut there = bucket.below("npm/packages/");
    there.retain(|key| !key.ends_with("/index.json"));
    assert_eq!(there, tarballs, "every archive is of a version, every version has its archive");
}

fn no_artifacts(bucket: &Bucket) {
    let mut files = BTreeSet::new();
    for key in bucket.below("maven/versions/") {
        let document = bucket.read(&format!("maven/versions/{key}"));
        let [group, artifact, version] = ["group", "artifact", "version"].map(|part| text(&document[part]));
        let folder = format!("{}/{artifact}/{version}", group.replace('.', "/"));
        files.extend(list(&document["files"]).map(|file| format!("{folder}/{}", text(&file["name"]))));
    }
    assert_eq!(bucket.below("maven/artifacts/"), files, "every file is named, every named file is there");
}

fn no_dists(bucket: &Bucket) {
    let is_document = |key: &String| key.ends_with("/metadata.json");
    let mut dists = BTreeSet::new();
    for key in bucket.below("composer/packages/").iter().filter(|key| is_document(key)) {
        let document = bucket.read(&format!("composer/packages/{key}"));
        let folder = key.trim_end_matches("/metadata.json");
        for version in list(&document["versions"]) {
            let reference = text(&version["reference"]);
            dists.extend([".zip", ".json"].map(|ending| format!("{folder}/{reference}{ending}")));
        }
    }
    let mut there = bucket.below("composer/packages/");
    there.retain(|key| !is_document(key));
    assert_eq!(there, dists, "every dist is of a version, every version has its dist and its note");
}

fn no_gems(bucket: &Bucket) {
    let mut gems = BTreeSet::new();
    for key in bucket.below("rubygems/packages/") {
        let document = bucket.read(&format!("rubygems/packages/{key}"));
        let name = text(&document["name"]);
        gems.extend(
            list(&document["versions"]).map(|version| format!("{name}-{}.gem", text(&version["slot"]))),
        );
    }
    assert_eq!(bucket.below("rubygems/gems/"), gems, "every gem is named, every named gem is there");
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
