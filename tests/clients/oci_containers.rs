//! skopeo, podman, buildah and the docker command line at work.
#![allow(clippy::panic, clippy::indexing_slicing, clippy::expect_used, reason = "a test may fail loudly")]

use packhouse_tests::clients::Desk;
use packhouse_tests::clients::oci::{Kind, Tool};
use packhouse_tests::oci::{INDEX, Image, Layout};
use serde_json::Value;

packhouse_tests::with_login_and_without! {
    skopeo_pushes_lists_copies_and_deletes
    skopeo_copies_all_architectures_between_repositories
    podman_builds_pushes_and_pulls
    podman_pushes_a_list_of_architectures
    buildah_builds_pushes_and_pulls
    docker_reads_and_writes_manifests
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| panic!("no JSON: {text}"))
}

async fn skopeo_pushes_lists_copies_and_deletes(desk: Desk) -> Option<()> {
    let skopeo = desk.tool(Kind::Skopeo).await?;
    let image = Image::new("demo");
    Layout::new(&skopeo.home().join("layout")).add("v1", &image);
    // A repository may lie deep, and another one on the way to it.
    let (deep, outer) = ("team/apps/web/front", "team/apps");
    for repository in [deep, outer] {
        let target = skopeo.transport(&format!("{repository}:v1"));
        skopeo.run(&["copy", "oci:layout:v1", &target]).await.ok();
        desk.hand(repository).expect_whole(&image, "v1", repository).await;
    }
    let (from, to) = (skopeo.transport("team/apps/web/front:v1"), skopeo.transport("other/front:v2"));
    skopeo.run(&["copy", &from, &to]).await.ok();
    desk.hand("other/front").expect_whole(&image, "v2", "copied").await;

    let tags = json(&skopeo.run(&["list-tags", &skopeo.transport(deep)]).await.ok());
    assert_eq!(tags["Tags"], serde_json::json!(["v1"]));
    let told = json(&skopeo.run(&["inspect", &to]).await.ok());
    assert_eq!(
        (told["Digest"].as_str(), &told["Labels"]["name"]),
        (Some(image.manifest.digest.as_str()), &"demo".into())
    );

    skopeo.run(&["copy", &to, "oci:pulled:v2"]).await.ok();
    for blob in &image.blobs {
        assert_eq!(Layout::read(&skopeo.home().join("pulled"), &blob.digest).as_ref(), Some(&blob.bytes));
    }
    skopeo.run(&["delete", &to]).await.ok();
    skopeo.run(&["inspect", &to]).await.fails();
    desk.hand(deep).expect_whole(&image, "v1", "what is elsewhere stays").await;
    Some(())
}

async fn skopeo_copies_all_architectures_between_repositories(desk: Desk) -> Option<()> {
    let skopeo = desk.tool(Kind::Skopeo).await?;
    let (one, other) = (architecture("amd64"), architecture("arm64"));
    let mut layout = Layout::new(&skopeo.home().join("layout"));
    let index = layout.add_index("all", &[(&one, "amd64"), (&other, "arm64")]);
    let (first, second) = (skopeo.transport("many/first:all"), skopeo.transport("many/second:all"));
    skopeo.run(&["copy", "--all", "oci:layout:all", &first]).await.ok();
    skopeo.run(&["copy", "--all", &first, &second]).await.ok();
    let hand = desk.hand("many/second");
    assert_eq!(hand.manifest("all").await.as_deref(), Some(index.bytes.as_slice()));
    for image in [&one, &other] {
        hand.expect_whole(image, &image.manifest.digest, "each architecture").await;
    }
    let raw = json(&skopeo.run(&["inspect", "--raw", &second]).await.ok());
    assert_eq!(raw["mediaType"], INDEX);
    let chosen = json(&skopeo.run(&["--override-arch", "arm64", "inspect", &second]).await.ok());
    assert_eq!(chosen["Architecture"], "arm64");
    Some(())
}

async fn podman_builds_pushes_and_pulls(desk: Desk) -> Option<()> {
    builds_pushes_and_pulls(&desk.tool(Kind::Podman).await?, "build").await;
    Some(())
}

async fn buildah_builds_pushes_and_pulls(desk: Desk) -> Option<()> {
    builds_pushes_and_pulls(&desk.tool(Kind::Buildah).await?, "bud").await;
    Some(())
}

/// What both have in common: two images, one on top of the other.
async fn builds_pushes_and_pulls(tool: &Tool, build: &str) {
    let (base, top) = (tool.reference("built/base:v1"), tool.reference("built/on/top:v1"));
    tool.write("hello.txt", "hello");
    tool.write("Dockerfile", "FROM scratch\nCOPY hello.txt /hello.txt\n");
    tool.run(&[build, "--isolation", "chroot", "-t", &base, "."]).await.ok();
    tool.run(&["push", &base]).await.ok();
    tool.run(&["rmi", &base]).await.ok();

    // The base comes from the registry now; its layer is there already when the top is pushed.
    tool.write("Dockerfile", format!("FROM {base}\nLABEL on=top\nCOPY hello.txt /again.txt\n"));
    tool.run(&[build, "--isolation", "chroot", "-t", &top, "."]).await.ok();
    tool.run(&["push", &top]).await.ok();
    tool.run(&["rmi", &top]).await.ok();
    tool.run(&["pull", &top]).await.ok();
    let told = tool.run(&["inspect", "--type", "image", &top]).await.ok();
    assert!(told.contains("\"on\": \"top\""), "{told}");
    tool.run(&["pull", &tool.reference("built/nothing:v1")]).await.fails();
}

async fn podman_pushes_a_list_of_architectures(desk: Desk) -> Option<()> {
    let podman = desk.tool(Kind::Podman).await?;
    for name in ["amd64", "arm64"] {
        desk.hand("listed/parts").push(&architecture(name), name).await;
    }
    podman.run(&["manifest", "create", "list"]).await.ok();
    for name in ["amd64", "arm64"] {
        let part = podman.transport(&format!("listed/parts:{name}"));
        podman.run(&["manifest", "add", "--arch", name, "list", &part]).await.ok();
    }
    let target = podman.transport("listed/whole:v1");
    podman.run(&["manifest", "push", "--all", "list", &target]).await.ok();
    let list = desk.hand("listed/whole").manifest("v1").await.expect("it was pushed");
    let list = json(&String::from_utf8_lossy(&list));
    let architectures: Vec<_> = list["manifests"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|one| one["platform"]["architecture"].clone())
        .collect();
    assert_eq!(architectures, ["amd64", "arm64"]);
    podman.run(&["pull", "--arch", "arm64", &podman.reference("listed/whole:v1")]).await.ok();
    Some(())
}

async fn docker_reads_and_writes_manifests(desk: Desk) -> Option<()> {
    let docker = desk.tool(Kind::Docker).await?;
    for name in ["amd64", "arm64"] {
        desk.hand("docker/parts").push(&architecture(name), name).await;
    }
    let parts = ["amd64", "arm64"].map(|name| docker.reference(&format!("docker/parts:{name}")));
    let told = docker.run(&["manifest", "inspect", "--insecure", &parts[0]]).await.ok();
    assert_eq!(json(&told)["layers"][0]["digest"], architecture("amd64").blobs[1].digest);

    // The list is put together and pushed without a daemon; the parts are mounted.
    let whole = docker.reference("docker/whole:v1");
    docker.run(&["manifest", "create", "--insecure", &whole, &parts[0], &parts[1]]).await.ok();
    docker.run(&["manifest", "push", "--insecure", &whole]).await.ok();
    let hand = desk.hand("docker/whole");
    let list = hand.manifest("v1").await.expect("it was pushed");
    assert_eq!(json(&String::from_utf8_lossy(&list))["manifests"].as_array().map(Vec::len), Some(2));
    for name in ["amd64", "arm64"] {
        let part = architecture(name);
        hand.expect_whole(&part, &part.manifest.digest, name).await;
    }
    docker.run(&["manifest", "inspect", "--insecure", &docker.reference("docker/nothing:v1")]).await.fails();
    Some(())
}

fn architecture(name: &str) -> Image {
    Image::of(name, name, &[("which.txt", name.as_bytes())])
}
