//! helm's charts and cosign's signatures.
#![allow(clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::clients::Desk;
use packhouse_tests::clients::oci::{Kind, Tool};
use packhouse_tests::oci::Image;

packhouse_tests::with_login_and_without! {
    helm_pushes_and_installs_charts_by_version
    cosign_signs_and_verifies_with_a_key
    cosign_attaches_signatures_as_referrers
}

async fn helm_pushes_and_installs_charts_by_version(desk: Desk) -> Option<()> {
    let helm = desk.tool(Kind::Helm).await?;
    let repository = format!("oci://{}", helm.reference("charts/stable"));
    let chart = format!("{repository}/demo");
    for version in ["1.2.3", "1.3.0", "2.0.0"] {
        helm.write("demo/Chart.yaml", format!("apiVersion: v2\nname: demo\nversion: {version}\n"));
        helm.write("demo/templates/map.yaml", format!("kind: ConfigMap\nmetadata: {{name: of-{version}}}\n"));
        helm.run(&["package", "demo"]).await.ok();
        let file = format!("demo-{version}.tgz");
        helm.run(&["push", &file, &repository, "--plain-http"]).await.ok();
    }
    helm.run(&["pull", &chart, "--version", "1.2.3", "--plain-http", "--untar", "-d", "pulled"]).await.ok();
    assert!(String::from_utf8_lossy(&helm.read("pulled/demo/Chart.yaml")).contains("version: 1.2.3"));
    // A range is chosen from the tags; no version is the newest.
    let ranged = helm.run(&["template", &chart, "--version", "^1.2.0", "--plain-http"]).await.ok();
    assert!(ranged.contains("of-1.3.0"), "{ranged}");
    let newest = helm.run(&["show", "chart", &chart, "--plain-http"]).await.ok();
    assert!(newest.contains("version: 2.0.0"), "{newest}");
    helm.run(&["pull", &chart, "--version", "9.9.9", "--plain-http"]).await.fails();
    assert_eq!(desk.hand("charts/stable/demo").tags().await, ["1.2.3", "1.3.0", "2.0.0"]);
    Some(())
}

const SIGN: [&str; 7] =
    ["sign", "--key", "cosign.key", "--allow-http-registry", "--tlog-upload=false", "-y", "--"];
const VERIFY: [&str; 5] =
    ["verify", "--key", "cosign.pub", "--allow-http-registry", "--insecure-ignore-tlog=true"];

async fn cosign_signs_and_verifies_with_a_key(desk: Desk) -> Option<()> {
    let cosign = with_keys(&desk).await?;
    let (image, other) = (Image::new("signed"), Image::new("other"));
    let hand = desk.hand("team/signed");
    hand.push(&image, "v1").await;
    hand.push(&other, "other").await;
    let signed = cosign.reference(&format!("team/signed@{}", image.manifest.digest));
    cosign.run(&[&SIGN[..], &[&signed]].concat()).await.ok();
    let told = cosign.run(&[&VERIFY[..], &[&cosign.reference("team/signed:v1")]].concat()).await.ok();
    assert!(told.contains(&image.manifest.digest), "{told}");
    cosign.run(&[&VERIFY[..], &[&cosign.reference("team/signed:other")]].concat()).await.fails();
    Some(())
}

async fn cosign_attaches_signatures_as_referrers(desk: Desk) -> Option<()> {
    let cosign = with_keys(&desk).await?;
    let image = Image::new("signed");
    let hand = desk.hand("team/referred");
    hand.push(&image, "v1").await;
    let signed = cosign.reference(&format!("team/referred@{}", image.manifest.digest));
    let as_referrer = ["sign", "--registry-referrers-mode=oci-1-1"];
    cosign.run(&[&as_referrer[..], &SIGN[1..], &[&signed]].concat()).await.ok();
    assert_eq!(hand.referrers(&image.manifest.digest).await.len(), 1);
    assert_eq!(hand.tags().await, ["v1"], "no tag holds the signature");
    let verify = ["verify", "--experimental-oci11"];
    cosign.run(&[&verify[..], &VERIFY[1..], &[&signed]].concat()).await.ok();
    Some(())
}

async fn with_keys(desk: &Desk) -> Option<Tool> {
    let cosign = desk.tool(Kind::Cosign).await?;
    cosign.run(&["generate-key-pair"]).await.ok();
    Some(cosign)
}
