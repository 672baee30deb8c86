//! Signing in with each client: with the right password, with a wrong one, and as somebody who
//! may read only. The configuration is the one that comes by default.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::clients::Desk;
use packhouse_tests::clients::oci::{Kind, Tool};
use packhouse_tests::oci::{Image, Layout};

const ALL: [Kind; 9] = [
    Kind::Skopeo,
    Kind::Podman,
    Kind::Buildah,
    Kind::Crane,
    Kind::Oras,
    Kind::Regctl,
    Kind::Helm,
    Kind::Cosign,
    Kind::Docker,
];
/// They write down what they are told, and ask the registry at the first use.
const LATER: [Kind; 2] = [Kind::Crane, Kind::Cosign];

#[tokio::test(flavor = "multi_thread")]
async fn every_client_signs_in_with_the_right_password() {
    let desk = Desk::with_login().await;
    for kind in ALL {
        // It panics when the login fails.
        desk.tool(kind).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_client_signs_in_with_a_wrong_password_or_as_nobody_known() {
    let desk = Desk::with_login().await;
    let known = desk.user.as_ref().map_or("pusher", |user| user.name.as_str());
    for kind in ALL.into_iter().filter(|kind| !LATER.contains(kind)) {
        let Some(tool) = Tool::find(kind, &desk.registry).await else { continue };
        for user in [known, "nobody-known"] {
            let said = tool.login(user, "wrong").await.fails().to_lowercase();
            let clear = ["unauthorized", "401", "invalid username/password", "denied"];
            assert!(clear.iter().any(|word| said.contains(word)), "{kind:?}: {said}");
        }
    }
}

/// Reading is public here, but not for somebody who shows a wrong password.
#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_found_out_at_the_first_use() {
    let desk = Desk::with_login().await;
    desk.hand("public").push(&Image::new("demo"), "v1").await;
    let Some(crane) = Tool::find(Kind::Crane, &desk.registry).await else { return };
    let reference = crane.reference("public:v1");
    crane.run(&["digest", &reference]).await.ok();
    crane.login("pusher", "wrong").await.ok();
    crane.run(&["digest", &reference]).await.fails();
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_only_read_can_pull_and_not_push() {
    let desk = Desk::with_login().await;
    let image = Image::new("demo");
    desk.hand("team/shown").push(&image, "v1").await;
    let reader = desk.registry.user("reader", &["oci:repository:*:pull"]).await;
    for kind in [Kind::Skopeo, Kind::Crane, Kind::Oras, Kind::Regctl] {
        let Some(tool) = Tool::find(kind, &desk.registry).await else { continue };
        tool.login(&reader.name, &reader.password).await.ok();
        Layout::new(&tool.home().join("layout")).add("v1", &image);
        let (plain, shown) = (tool.reference("team/shown:v1"), tool.transport("team/shown:v1"));
        let (mine, hidden) = (tool.reference("reader/mine:v1"), tool.transport("reader/mine:v1"));
        let (pull, push): (Vec<&str>, Vec<&str>) = match kind {
            Kind::Skopeo => (vec!["inspect", &shown], vec!["copy", "oci:layout:v1", &hidden]),
            Kind::Crane => (vec!["validate", "--remote", &plain], vec!["push", "layout", &mine]),
            Kind::Oras => (
                vec!["manifest", "fetch", "--plain-http", &plain],
                vec!["cp", "--from-oci-layout", "layout:v1", "--to-plain-http", &mine],
            ),
            _ => (vec!["manifest", "get", &plain], vec!["image", "copy", "ocidir://layout:v1", &mine]),
        };
        tool.run(&pull).await.ok();
        let said = tool.run(&push).await.fails().to_lowercase();
        let clear = ["denied", "unauthorized", "forbidden", "401", "403"];
        assert!(clear.iter().any(|word| said.contains(word)), "{kind:?}: {said}");
    }
    desk.actor().get("/reader/mine/tags/list").await.expect(404);
}
