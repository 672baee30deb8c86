//! crane, oras and regctl at work: images, indexes, artifacts and what refers to them.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail loudly")]

use packhouse_tests::clients::Desk;
use packhouse_tests::clients::oci::Kind;
use packhouse_tests::oci::{Image, Layout};
use serde_json::Value;

packhouse_tests::with_login_and_without! {
    crane_pushes_copies_by_mounting_and_deletes
    crane_puts_architectures_together
    oras_pushes_attaches_and_discovers
    oras_copies_an_artifact_with_what_refers_to_it
    regctl_copies_lists_and_deletes
    regctl_puts_an_artifact_under_its_subject
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

async fn crane_pushes_copies_by_mounting_and_deletes(desk: Desk) -> Option<()> {
    let crane = desk.tool(Kind::Crane).await?;
    let image = Image::new("demo");
    Layout::new(&crane.home().join("layout")).add("v1", &image);
    let deep = "a/b/c/d/e/f";
    let (first, second) = (crane.reference(&format!("{deep}:v1")), crane.reference("copied/here:v2"));
    crane.run(&["push", "layout", &first]).await.ok();
    desk.hand(deep).expect_whole(&image, "v1", "pushed").await;

    let copying = crane.run(&["copy", &first, &second]).await;
    assert!(copying.stderr.contains("mounted blob"), "{copying:?}");
    copying.ok();
    desk.hand("copied/here").expect_whole(&image, "v2", "copied").await;
    crane.run(&["validate", "--remote", &second]).await.ok();
    crane.run(&["tag", &second, "v3"]).await.ok();
    assert_eq!(crane.run(&["ls", &crane.reference("copied/here")]).await.ok().trim(), "v2\nv3");
    assert_eq!(crane.run(&["digest", &second]).await.ok().trim(), image.manifest.digest);
    let catalog = crane.run(&["catalog", crane.reference("").trim_end_matches('/')]).await.ok();
    assert_eq!(catalog.lines().collect::<Vec<_>>(), [deep, "copied/here"]);

    crane.run(&["pull", "--format", "oci", &second, "pulled"]).await.ok();
    assert_eq!(
        Layout::read(&crane.home().join("pulled"), &image.blobs[1].digest),
        Some(image.blobs[1].bytes.clone())
    );
    crane.run(&["delete", &crane.reference(&format!("copied/here@{}", image.manifest.digest))]).await.ok();
    crane.run(&["digest", &second]).await.fails();
    assert_eq!(crane.run(&["ls", &crane.reference("copied/here")]).await.ok().trim(), "");
    Some(())
}

async fn crane_puts_architectures_together(desk: Desk) -> Option<()> {
    let crane = desk.tool(Kind::Crane).await?;
    let parts = ["amd64", "arm64"].map(|name| Image::of(name, name, &[("which.txt", name.as_bytes())]));
    for part in &parts {
        desk.hand("parts").push(part, &part.manifest.digest).await;
    }
    let named = parts.clone().map(|part| crane.reference(&format!("parts@{}", part.manifest.digest)));
    let whole = crane.reference("whole:v1");
    crane.run(&["index", "append", "-m", &named[0], "-m", &named[1], "-t", &whole]).await.ok();
    crane.run(&["validate", "--remote", &whole]).await.ok();
    let chosen = crane.run(&["digest", "--platform", "linux/arm64", &whole]).await.ok();
    assert_eq!(chosen.trim(), parts[1].manifest.digest);
    for part in &parts {
        desk.hand("whole").expect_whole(part, &part.manifest.digest, "each part").await;
    }
    Some(())
}

async fn oras_pushes_attaches_and_discovers(desk: Desk) -> Option<()> {
    let oras = desk.tool(Kind::Oras).await?;
    let artifact = oras.reference("artifacts/of/mine:v1");
    oras.write("report.txt", "all is well");
    oras.write("sbom.json", "{}");
    let kind = ["--artifact-type", "application/vnd.example.report"];
    oras.run(&["push", "--plain-http", &artifact, kind[0], kind[1], "report.txt:text/plain"]).await.ok();
    for attached in ["application/vnd.example.sbom", "application/vnd.example.signature"] {
        oras.run(&["attach", "--plain-http", &artifact, kind[0], attached, "sbom.json"]).await.ok();
    }
    let discover = ["discover", "--plain-http", "--format", "json", &artifact];
    let all = json(&oras.run(&discover).await.ok());
    assert_eq!(all["referrers"].as_array().map(Vec::len), Some(2), "{all}");
    let filtered = [&discover[..], &["--artifact-type", "application/vnd.example.sbom"]].concat();
    let one = json(&oras.run(&filtered).await.ok());
    assert_eq!(one["referrers"].as_array().map(Vec::len), Some(1), "{one}");
    assert_eq!(one["referrers"][0]["artifactType"], "application/vnd.example.sbom");
    // The API answered: no tag stands in for it.
    assert_eq!(
        oras.run(&["repo", "tags", "--plain-http", &oras.reference("artifacts/of/mine")]).await.ok().trim(),
        "v1"
    );

    oras.run(&["pull", "--plain-http", &artifact, "--output", "pulled"]).await.ok();
    assert_eq!(oras.read("pulled/report.txt"), b"all is well");
    oras.run(&["manifest", "delete", "--plain-http", "--force", &artifact]).await.ok();
    oras.run(&["pull", "--plain-http", &artifact]).await.fails();
    Some(())
}

async fn oras_copies_an_artifact_with_what_refers_to_it(desk: Desk) -> Option<()> {
    let oras = desk.tool(Kind::Oras).await?;
    let image = Image::new("demo");
    let hand = desk.hand("signed/first");
    hand.push(&image, "v1").await;
    let note = Image::referring_to(&image.manifest, "application/vnd.example.note", "well done");
    hand.push(&note, &note.manifest.digest).await;

    let (from, to) = (oras.reference("signed/first:v1"), oras.reference("signed/second:v1"));
    oras.run(&["cp", "--recursive", "--from-plain-http", "--to-plain-http", &from, &to]).await.ok();
    let second = desk.hand("signed/second");
    second.expect_whole(&image, "v1", "the image").await;
    assert_eq!(second.referrers(&image.manifest.digest).await, std::slice::from_ref(&note.manifest.digest));
    second.expect_whole(&note, &note.manifest.digest, "the note").await;
    oras.run(&["resolve", "--plain-http", &to]).await.ok();

    let blob = oras.reference(&format!("signed/second@{}", note.blobs[1].digest));
    oras.run(&["blob", "fetch", "--plain-http", "--output", "note.txt", &blob]).await.ok();
    assert_eq!(oras.read("note.txt"), b"well done");
    Some(())
}

async fn regctl_copies_lists_and_deletes(desk: Desk) -> Option<()> {
    let regctl = desk.tool(Kind::Regctl).await?;
    let parts = ["amd64", "arm64"].map(|name| Image::of(name, name, &[("which.txt", name.as_bytes())]));
    let mut layout = Layout::new(&regctl.home().join("layout"));
    let index = layout.add_index("v1", &[(&parts[0], "amd64"), (&parts[1], "arm64")]);
    let (first, second) = (regctl.reference("reg/one/two:v1"), regctl.reference("reg/three:v2"));
    regctl.run(&["image", "copy", "ocidir://layout:v1", &first]).await.ok();
    regctl.run(&["image", "copy", &first, &second]).await.ok();
    let hand = desk.hand("reg/three");
    assert_eq!(hand.manifest("v2").await.as_deref(), Some(index.bytes.as_slice()));
    for part in &parts {
        hand.expect_whole(part, &part.manifest.digest, "each part").await;
    }
    let digest = regctl.run(&["image", "digest", "--platform", "linux/arm64", &second]).await.ok();
    assert_eq!(digest.trim(), parts[1].manifest.digest);

    regctl.run(&["image", "copy", &second, &regctl.reference("reg/three:v3")]).await.ok();
    assert_eq!(regctl.run(&["tag", "ls", &regctl.reference("reg/three")]).await.ok().trim(), "v2\nv3");
    regctl.run(&["tag", "delete", &second]).await.ok();
    assert_eq!(hand.tags().await, ["v3"], "one tag goes, its manifest stays");
    let repositories = regctl.run(&["repo", "ls", regctl.reference("").trim_end_matches('/')]).await.ok();
    assert_eq!(repositories.lines().collect::<Vec<_>>(), ["reg/one/two", "reg/three"]);
    regctl.run(&["manifest", "delete", &regctl.reference(&format!("reg/three@{}", index.digest))]).await.ok();
    assert_eq!(hand.manifest(&index.digest).await, None);
    Some(())
}

async fn regctl_puts_an_artifact_under_its_subject(desk: Desk) -> Option<()> {
    let regctl = desk.tool(Kind::Regctl).await?;
    let image = Image::new("demo");
    let hand = desk.hand("reg/subject");
    hand.push(&image, "v1").await;
    let subject = regctl.reference("reg/subject:v1");
    let put = ["artifact", "put", "--artifact-type", "application/vnd.example.note", "--subject", &subject];
    regctl.tell("well done", &put).await.ok();
    let tree = regctl.run(&["artifact", "tree", &subject]).await.ok();
    assert!(tree.contains("application/vnd.example.note"), "{tree}");
    assert_eq!(hand.referrers(&image.manifest.digest).await.len(), 1);
    assert_eq!(hand.tags().await, ["v1"], "no tag stands in for the referrers");
    let got = regctl.run(&["artifact", "get", "--subject", &subject]).await.ok();
    assert_eq!(got.trim(), "well done");
    Some(())
}
