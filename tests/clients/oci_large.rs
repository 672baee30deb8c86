//! Large blobs through real clients, and pushes over a line that breaks: 128 MiB, and 1 GiB in
//! the long run.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use futures_util::stream;
use packhouse_tests::clients::Desk;
use packhouse_tests::clients::oci::{Kind, Tool};
use packhouse_tests::engine::Kind as Engine;
use packhouse_tests::npm::noise;
use packhouse_tests::oci::{Content, Image, Layout, sha256};
use packhouse_tests::races::in_full;
use packhouse_tests::toxiproxy::Toxiproxy;
use packhouse_tests::{Backend, Options};
use std::io::Error;

const MEBIBYTE: usize = 1024 * 1024;

fn large() -> usize {
    if in_full() { 1024 * MEBIBYTE } else { 128 * MEBIBYTE }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_blob_goes_there_and_back_on_the_file_system() {
    there_and_back(Desk::with_login().await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_blob_goes_there_and_back_on_versitygw() {
    let Some(backend) = Backend::engine(Engine::VersityGw).await else { return };
    there_and_back(Desk::on_store(backend).await).await;
}

/// Pushed by one client, copied by another, pulled again.
async fn there_and_back(desk: Desk) -> Option<()> {
    let (oras, regctl) = (desk.tool(Kind::Oras).await?, desk.tool(Kind::Regctl).await?);
    let bytes = noise(11, large());
    let digest = sha256(&bytes);
    oras.write("large.bin", &bytes);
    drop(bytes);
    let (first, second) = (oras.reference("large/one:v1"), oras.reference("large/two:v1"));
    oras.run(&["push", "--plain-http", &first, "large.bin:application/octet-stream"]).await.ok();
    regctl.run(&["image", "copy", &first, &second]).await.ok();
    oras.run(&["pull", "--plain-http", &second, "--output", "back"]).await.ok();
    assert_eq!(sha256(&oras.read("back/large.bin")), digest);
    Some(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_image_with_a_large_layer_is_copied_by_skopeo() {
    let desk = Desk::with_login().await;
    let Some(skopeo) = desk.tool(Kind::Skopeo).await else { return };
    let image = Image::of("large", "amd64", &[("large.bin", &noise(12, large()))]);
    Layout::new(&skopeo.home().join("layout")).add("v1", &image);
    let target = skopeo.transport("large/image:v1");
    skopeo.run(&["copy", "oci:layout:v1", &target]).await.ok();
    skopeo.run(&["copy", &target, "oci:back:v1"]).await.ok();
    let layer = &image.blobs[1];
    let back = Layout::read(&skopeo.home().join("back"), &layer.digest);
    assert!(back.is_some_and(|back| back == layer.bytes), "the same bytes");
}

/// Between client and registry a connection lasts for three chunks of regctl's.
#[tokio::test(flavor = "multi_thread")]
async fn regctl_pushes_over_a_line_that_breaks_again_and_again() {
    let Some(proxies) = Toxiproxy::start().await else { return };
    let desk = Desk::with_login().await;
    let port = desk.registry.address().rsplit(':').next().and_then(|port| port.parse().ok());
    let proxy = proxies.before(port.unwrap_or_else(|| panic!("an address with a port"))).await;
    let address = format!("127.0.0.1:{}", proxy.port());
    let Some(regctl) = Tool::find_at(Kind::Regctl, &address).await else { return };
    let Some(oras) = Tool::find_at(Kind::Oras, &address).await else { return };
    let Some(user) = &desk.user else { return };
    for tool in [&regctl, &oras] {
        tool.login(&user.name, &user.password).await.ok();
    }
    let bytes = noise(13, 10 * MEBIBYTE);
    proxy.break_after(3 * MEBIBYTE + 512 * 1024).await;
    // A client that sends it in one piece never gets through.
    oras.write("blob.bin", &bytes);
    oras.run(&["blob", "push", "--plain-http", &oras.reference("broken/line"), "blob.bin"]).await.fails();
    // From standard input it does not know the size, and so sends chunks.
    regctl.tell(&bytes, &["blob", "put", &regctl.reference("broken/line")]).await.ok();
    let there = desk.hand("broken/line").blob(&sha256(&bytes)).await;
    assert!(there.is_some_and(|there| there == bytes), "the same bytes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_that_was_cut_short_goes_on_where_it_ended() {
    for kind in [None, Some(Engine::VersityGw), Some(Engine::Moto)] {
        let backend = match kind {
            None => Backend::FileSystem,
            Some(kind) => {
                let Some(backend) = Backend::engine(kind).await else { continue };
                backend
            }
        };
        cut_short_and_resumed(&Desk::on(Options::oci().on(backend), true).await).await;
    }
}

/// Three times: the body ends in the middle without having said so.
async fn cut_short_and_resumed(desk: &Desk) {
    let hand = desk.hand("cut/short");
    let blob = Content::new("application/octet-stream", noise(14, 20 * MEBIBYTE));
    let upload = hand.begin().await;
    let mut done = 0;
    for cut in 1..=3 {
        let piece = blob.bytes[done..cut * 6 * MEBIBYTE].to_vec();
        let broken = stream::iter([Ok(piece), Err(Error::other("the line breaks"))]);
        let body = reqwest::Body::wrap_stream(broken);
        let ended = desk.actor().try_send(http::Method::PATCH, &upload.path, body).await;
        assert!(ended.is_err(), "there is no answer to half a request: {ended:?}");
        let now = hand.progress(&upload).await;
        assert!((done..=cut * 6 * MEBIBYTE).contains(&now), "{now} after {done}");
        done = now;
    }
    hand.try_finish(&upload, blob.bytes[done..].to_vec(), &blob.digest)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
        .expect(201);
    let there = hand.blob(&blob.digest).await;
    assert!(there.is_some_and(|there| there == blob.bytes), "the same bytes");
}
