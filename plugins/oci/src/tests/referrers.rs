//! What refers to a manifest.

use super::*;

/// Pushes an artifact about `subject`; gives its digest.
fn attach(host: &Host, repository: &str, subject: &str, kind: &str, note: &str) -> String {
    let ann = host.as_user("ann");
    upload(&ann, repository, "{}");
    let artifact = artifact(subject, kind, note);
    let digest = digest(artifact.to_string());
    let reply = put(&ann, repository, &digest, &artifact);
    assert_eq!((reply.status(), reply.header("oci-subject")), (201, Some(subject)), "{}", reply.text());
    digest
}

fn artifact(subject: &str, kind: &str, note: &str) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": kind,
        "config": descriptor("{}"),
        "layers": [],
        "subject": { "mediaType": IMAGE_MANIFEST, "digest": subject, "size": 1 },
        "annotations": { "note": note },
    })
}

fn list(host: &Host, path: &str) -> (Reply, Vec<String>) {
    let reply = get(host, &format!("/v2/a/referrers/{path}"));
    assert_eq!(reply.status(), 200, "{}", reply.text());
    assert_eq!(reply.header("content-type"), Some(IMAGE_INDEX));
    let index = reply.json();
    assert_eq!((&index["schemaVersion"], &index["mediaType"]), (&json!(2), &json!(IMAGE_INDEX)));
    let manifests = index["manifests"].as_array().unwrap();
    let digests = manifests.iter().map(|entry| entry["digest"].as_str().unwrap().to_owned()).collect();
    (reply, digests)
}

fn sorted<const N: usize>(mut digests: [&str; N]) -> Vec<String> {
    digests.sort_unstable();
    digests.map(str::to_owned).to_vec()
}

#[test]
fn artifacts_are_listed_with_what_they_are() {
    let host = host();
    let subject = push(&host, "a", "v1", "layer");
    let signature = attach(&host, "a", &subject, "example/signature", "one");
    let bill = attach(&host, "a", &subject, "example/bill", "two");
    let (reply, digests) = list(&host, &subject);
    assert_eq!(digests, sorted([&signature, &bill]));
    assert_eq!(reply.header("oci-filters-applied"), None);
    let index = reply.json();
    let entry = index["manifests"].as_array().unwrap().iter().find(|entry| entry["digest"] == json!(bill));
    let size = artifact(&subject, "example/bill", "two").to_string().len();
    assert_eq!(
        entry,
        Some(&json!({
            "mediaType": IMAGE_MANIFEST,
            "digest": bill,
            "size": size,
            "artifactType": "example/bill",
            "annotations": { "note": "two" },
        }))
    );
    let (reply, digests) = list(&host, &format!("{subject}?artifactType=example%2Fsignature"));
    assert_eq!((digests, reply.header("oci-filters-applied")), (vec![signature], Some("artifactType")));
    assert_eq!(list(&host, &format!("{subject}?artifactType=other/type")).1, Vec::<String>::new());
}

#[test]
fn a_subject_need_not_be_here() {
    let host = host();
    let missing = digest("not here");
    assert_eq!(list(&host, &missing).1, Vec::<String>::new());
    let artifact = attach(&host, "a", &missing, "example/x", "");
    assert_eq!(list(&host, &missing).1, std::slice::from_ref(&artifact));
    assert_eq!(
        host.as_user("ann").delete(&format!("/v2/a/manifests/{artifact}")).send::<Oci>().status(),
        202
    );
    assert_eq!(list(&host, &missing).1, Vec::<String>::new());
    let bad = get(&host, "/v2/a/referrers/sha256:bad");
    assert_refused(&bad, 400, "DIGEST_INVALID", "sha256:bad");
    let other = get(&host, &format!("/v2/other/referrers/{missing}"));
    assert_eq!((other.status(), other.json()["manifests"].clone()), (200, json!([])));
}

#[test]
fn an_index_made_by_clients_without_this_api_is_merged() {
    let host = host().feature("referrers", false);
    let subject = push(&host, "a", "v1", "layer");
    let ann = host.as_user("ann");
    let attached = artifact(&subject, "example/old", "");
    let reply = put(&ann, "a", &digest(attached.to_string()), &attached);
    assert_eq!((reply.status(), reply.header("oci-subject")), (201, None));
    assert_refused(&get(&host, &format!("/v2/a/referrers/{subject}")), 404, "UNSUPPORTED", "tag scheme");
    let unrelated = artifact(&digest("other subject"), "example/other", "");
    assert_eq!(put(&ann, "a", "other", &unrelated).status(), 201);
    let fallback = index(&[&attached, &unrelated]);
    assert_eq!(put(&ann, "a", &subject.replace(':', "-"), &fallback).status(), 201);

    let host = host.feature("referrers", true);
    let attached = digest(attached.to_string());
    // As if it had come in before this registry wrote entries of its own.
    assert!(host.remove(&format!("referrers/a/{subject}/{attached}")));
    assert_eq!(list(&host, &subject).1, std::slice::from_ref(&attached));
    let new = attach(&host, "a", &subject, "example/new", "");
    let (_, digests) = list(&host, &subject);
    assert_eq!(digests, [new, attached]);
    assert_eq!(list(&host, &format!("{subject}?artifactType=example/old")).1.len(), 1);
}

#[test]
fn many_referrers_come_in_pages() {
    let host = host();
    let subject = digest("subject");
    let long = "x".repeat(1 << 20);
    let mut expected: Vec<String> =
        (0..6).map(|number| attach(&host, "a", &subject, "example/x", &format!("{number}{long}"))).collect();
    expected.sort_unstable();
    let mut seen = Vec::new();
    let mut path = format!("{subject}?artifactType=example/x");
    let mut pages = 0;
    loop {
        let (reply, digests) = list(&host, &path);
        seen.extend(digests);
        pages += 1;
        let Some(link) = reply.header("link") else { break };
        path = link.strip_prefix("</oci/v2/a/referrers/").unwrap().split('>').next().unwrap().to_owned();
    }
    assert_eq!((seen, pages), (expected, 2));
}
