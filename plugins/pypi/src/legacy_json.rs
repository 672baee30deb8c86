//! The answers of the JSON API: the metadata of one version, and the files. The format is that of PyPI.
//! What only PyPI knows (downloads, vulnerabilities) is empty.

use serde_json::{Map, Value, json};

use crate::document::{File, Project};
use crate::metadata::CoreMetadata;
use crate::name::{FileName, ProjectName, Version};
use crate::simple::{Links, file_url};

/// What is described.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub name: &'a ProjectName,
    pub project: &'a Project,
    pub version: &'a Version,
    /// Of that version.
    pub metadata: &'a CoreMetadata,
    pub links: Links<'a>,
}

/// Members of `info` that are one field of the metadata, and null without it.
const TEXTS: [(&str, &str); 14] = [
    ("author", "Author"),
    ("author_email", "Author-email"),
    ("maintainer", "Maintainer"),
    ("maintainer_email", "Maintainer-email"),
    ("summary", "Summary"),
    ("description", "Description"),
    ("description_content_type", "Description-Content-Type"),
    ("home_page", "Home-page"),
    ("download_url", "Download-URL"),
    ("license", "License"),
    ("license_expression", "License-Expression"),
    ("keywords", "Keywords"),
    ("platform", "Platform"),
    ("requires_python", "Requires-Python"),
];
/// Members of `info` that are all fields of a name.
const LISTS: [(&str, &str); 5] = [
    ("classifiers", "Classifier"),
    ("requires_dist", "Requires-Dist"),
    ("provides_extra", "Provides-Extra"),
    ("license_files", "License-File"),
    ("dynamic", "Dynamic"),
];

/// `is_whole`: with the files of all versions.
pub fn describe(subject: &Subject<'_>, is_whole: bool) -> Value {
    let offered = subject.project.offers_files();
    let files_of = |version: &Version| -> Vec<Value> {
        let files = subject.project.files_of(version).filter(|_| offered);
        files.map(|file| describe_file(subject, file)).collect()
    };
    let mut all = Map::new();
    all.insert("info".to_owned(), info(subject));
    all.insert("last_serial".to_owned(), json!(0));
    if is_whole {
        let mut releases = Map::new();
        for file in subject.project.files.iter().filter(|_| offered) {
            let release = releases.entry(file.version.clone()).or_insert_with(|| json!([]));
            if let Some(files) = release.as_array_mut() {
                files.push(describe_file(subject, file));
            }
        }
        all.insert("releases".to_owned(), Value::Object(releases));
    }
    all.insert("urls".to_owned(), Value::Array(files_of(subject.version)));
    all.insert("vulnerabilities".to_owned(), json!([]));
    Value::Object(all)
}

fn info(subject: &Subject<'_>) -> Value {
    let metadata = subject.metadata;
    let mut info = Map::new();
    for (member, field) in TEXTS {
        info.insert(member.to_owned(), json!(metadata.first(field)));
    }
    for (member, field) in LISTS {
        let all: Vec<&str> = metadata.all(field).collect();
        // PyPI has null for an empty list, except for classifiers.
        let value = if all.is_empty() && member != "classifiers" { Value::Null } else { json!(all) };
        info.insert(member.to_owned(), value);
    }
    let urls: Map<String, Value> = metadata
        .all("Project-URL")
        .filter_map(|text| text.split_once(','))
        .map(|(label, url)| (label.trim().to_owned(), json!(url.trim())))
        .collect();
    let base = match subject.links {
        Links::Absolute(base) => base,
        Links::Relative => "..",
    };
    let page = format!("{base}/simple/{}/", subject.name);
    let yanked: Vec<Option<&str>> =
        subject.project.files_of(subject.version).map(|file| file.yanked.as_deref()).collect();
    let is_yanked = yanked.iter().all(Option::is_some);
    let reason = yanked.iter().flatten().find(|text| is_yanked && !text.is_empty());
    for (member, value) in [
        ("name", json!(subject.project.name)),
        ("version", json!(subject.version.to_string())),
        ("project_urls", if urls.is_empty() { Value::Null } else { Value::Object(urls) }),
        ("package_url", json!(page)),
        ("project_url", json!(page)),
        ("release_url", json!(page)),
        ("bugtrack_url", Value::Null),
        ("docs_url", Value::Null),
        ("downloads", json!({ "last_day": -1, "last_month": -1, "last_week": -1 })),
        ("yanked", json!(is_yanked)),
        ("yanked_reason", json!(reason)),
    ] {
        info.insert(member.to_owned(), value);
    }
    Value::Object(info)
}

fn describe_file(subject: &Subject<'_>, file: &File) -> Value {
    let parsed = FileName::parse_stored(subject.name, &file.filename);
    let uploaded = file.uploaded.split(['.', 'Z']).next().unwrap_or_default();
    json!({
        "comment_text": null,
        "digests": { "blake2b_256": file.blake2b_256, "md5": file.md5, "sha256": file.sha256 },
        "downloads": -1,
        "filename": file.filename,
        "has_sig": false,
        "md5_digest": file.md5,
        "packagetype": parsed.as_ref().map(FileName::package_type),
        "python_version": parsed.as_ref().map(FileName::python_version),
        "requires_python": file.requires_python,
        "size": file.size,
        "upload_time": uploaded,
        "upload_time_iso_8601": file.uploaded,
        "url": file_url(subject.name, &file.filename, subject.links),
        "yanked": file.yanked.is_some(),
        "yanked_reason": file.yanked.as_deref().filter(|reason| !reason.is_empty()),
    })
}
