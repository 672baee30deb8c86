//! Files that nobody should deploy: refused with a sentence, as text and as the reason phrase, which
//! is what Maven and Gradle print, and nothing is stored.
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::maven::{Release, metadata, pom, put, sha1};
use packhouse_tests::npm::{gzip, noise};
use packhouse_tests::pypi::zip;
use packhouse_tests::slow;
use packhouse_tests::sockets::{connect_from, exchange};
use packhouse_tests::{Actor, Answer, Options, Registry, User};

struct Desk {
    registry: Registry,
    deployer: Actor,
    user: User,
    /// What lies in the bucket.
    keys: Vec<String>,
}

async fn desk() -> Desk {
    let registry = Registry::start(Options::maven()).await;
    let user = registry.user("deployer", &["maven:artifact:*:write"]).await;
    let deployer = registry.actor("/maven").with_password(&user.name, &user.password);
    Desk { registry, deployer, user, keys: Vec::new() }
}

impl Desk {
    /// A line of text with this status; the bucket is as it was.
    #[track_caller]
    fn refused(&self, answer: &Answer, status: u16, sentence: &str) {
        answer.expect_line(status, sentence);
        self.registry.expect_only(&self.keys, answer);
    }

    async fn refuses(&self, path: &str, content: impl Into<reqwest::Body>, status: u16, sentence: &str) {
        let answer = put(&self.deployer, path, content).await;
        self.refused(&answer, status, sentence);
    }

    /// As the POM of `com.example:demo:1.0`.
    async fn refuses_pom(&self, content: impl Into<reqwest::Body>, sentence: &str) {
        self.refuses(&demo().path(".pom"), content, 400, sentence).await;
    }
}

fn demo() -> Release {
    Release::new("demo", "1.0")
}

#[tokio::test]
async fn entities_and_bombs_in_xml_are_refused_in_bounded_memory() {
    let desk = desk().await;
    let plain = desk.registry.peak_memory();
    let laughs = (1..30).fold("<!DOCTYPE project [<!ENTITY a0 \"ha\">".to_owned(), |text, number| {
        format!("{text}<!ENTITY a{number} \"&a{0};&a{0};&a{0};&a{0};\">", number - 1)
    }) + "]>";
    for doctype in [
        laughs.as_str(),
        "<!DOCTYPE project [<!ENTITY x SYSTEM \"file:///etc/passwd\">]>",
        "<!DOCTYPE project [<!ENTITY % x SYSTEM \"http://127.0.0.1:1/x.dtd\"> %x;]>",
        "<!DOCTYPE project SYSTEM \"http://127.0.0.1:1/x.dtd\">",
        "<!DOCTYPE project PUBLIC \"-//X//X\" \"x.dtd\">",
    ] {
        let text = demo().pom().replace("<project ", &format!("{doctype}<project "));
        desk.refuses_pom(text.clone(), "declares entities").await;
        let marked = [b"\xef\xbb\xbf".as_slice(), text.as_bytes()].concat();
        desk.refuses_pom(marked, "declares entities").await;
        let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect();
        desk.refuses_pom(wide, "declares entities").await;
        let theirs = format!("{doctype}<metadata/>");
        for path in [
            metadata("demo"),
            "/com/example/maven-metadata.xml".to_owned(),
            "/com/example/demo/1-SNAPSHOT/maven-metadata.xml".to_owned(),
        ] {
            desk.refuses(&path, theirs.clone(), 400, "declares entities").await;
        }
    }
    let in_a_name = demo().pom().replace("<artifactId>demo", "<artifactId>&demo;");
    desk.refuses_pom(in_a_name, "`&demo;` is not known").await;
    desk.refuses_pom("<project>".repeat(400_000), "nested deeper").await;
    let wide = format!("<project>{}</project>", "<a/>".repeat(900_000));
    desk.refuses_pom(wide, "has no <artifactId>").await;
    let long = demo().pom().replace("<artifactId>demo", &format!("<artifactId>{}", "d".repeat(3 << 20)));
    desk.refuses_pom(long, "<artifactId>").await;
    for path in [demo().path(".pom"), metadata("demo")] {
        desk.refuses(&path, " ".repeat((4 << 20) + 1), 413, "").await;
    }
    let grown = desk.registry.peak_memory().saturating_sub(plain);
    assert!(grown < 200 << 20, "{grown} bytes for some XML");
}

#[tokio::test]
async fn poms_that_are_none_or_lie_are_refused() {
    let desk = desk().await;
    for text in ["", "no XML", "<project", "<project><artifactId></project>", "<project/><project/>"] {
        desk.refuses_pom(text, "POM").await;
    }
    desk.refuses_pom("<html/>", "<html>").await;
    desk.refuses_pom(gzip(demo().pom().as_bytes()), "POM").await;
    let whole = demo().pom();
    desk.refuses_pom(whole[..whole.len() - 5].to_owned(), "POM").await;
    for (line, other, sentence) in [
        ("<groupId>com.example", "<groupId>com.evil", "<groupId> com.evil"),
        ("<artifactId>demo", "<artifactId>other", "<artifactId> other"),
        ("<version>1.0", "<version>2.0", "<version> 2.0"),
        ("<version>1.0", "<version>1.0&#13;&#10;x: y", "<version> 1.0"),
        ("<groupId>com.example</groupId>", "", "has no <groupId>"),
        ("<artifactId>demo</artifactId>", "", "has no <artifactId>"),
        ("<version>1.0</version>", "", "has no <version>"),
        ("</project>", "<packaging>../jar</packaging></project>", "packaging"),
        // Maven rejects a POM with two of them.
        ("</project>", "<version>2.0</version></project>", "<version> twice"),
    ] {
        desk.refuses_pom(whole.replace(line, other), sentence).await;
    }
    let parent = whole.replace(
        "<groupId>com.example</groupId>",
        "<parent><groupId>com.evil</groupId><artifactId>p</artifactId><version>1</version></parent>",
    );
    desk.refuses_pom(parent, "<groupId> com.evil").await;
}

#[tokio::test]
async fn checksums_that_lie_are_refused() {
    let mut desk = desk().await;
    let jar = demo().path(".jar");
    for (header, wrong) in [
        ("x-checksum-md5", "0".repeat(32)),
        ("x-checksum-sha1", sha1(b"other")),
        ("x-checksum-sha256", "0".repeat(64)),
        ("x-checksum-sha512", "0".repeat(128)),
        ("x-checksum-sha1", "no checksum".to_owned()),
    ] {
        let answer = put(&desk.deployer.clone().with_header(header, &wrong), &jar, demo().jar()).await;
        desk.refused(&answer, 400, "");
    }
    for (ending, content) in [
        (".sha1", "no checksum".to_owned()),
        (".md5", "0".repeat(31)),
        (".sha256", "x".repeat(64)),
        (".sha512", "0".repeat(100_000)),
        (".sha1", String::new()),
    ] {
        let answer = put(&desk.deployer, &format!("{jar}{ending}"), content).await;
        assert!([400, 413].contains(&answer.status.as_u16()), "{ending}: {answer:?}");
        desk.refused(&answer, answer.status.as_u16(), "");
    }
    // It comes first, and its file does not follow.
    put(&desk.deployer, &format!("{jar}.sha1"), sha1(b"other")).await.expect(201);
    desk.keys = desk.registry.keys();
    desk.refuses(&jar, demo().jar(), 400, "").await;
    desk.deployer.get(&jar).await.expect(404);
    // It follows, and is not of its file.
    let release = Release::new("demo", "2.0");
    release.deploy(&desk.deployer).await;
    desk.keys = desk.registry.keys();
    for (ending, wrong) in [(".md5", "0".repeat(32)), (".sha1", sha1(b"other")), (".sha256", "0".repeat(64))]
    {
        desk.refuses(&release.path(&format!(".jar{ending}")), wrong, 400, "").await;
    }
}

#[tokio::test]
async fn paths_with_line_ends_and_ways_out_are_refused() {
    let desk = desk().await;
    for path in [
        "/com/example/demo/1.0/demo-1.0.jar%0d%0ax:%20y",
        "/com/example/demo/1.0/demo-1.0%0a.jar",
        "/com/example/de%0d%0amo/1.0/de%0d%0amo-1.0.jar",
        "/com/exam%0aple/demo/1.0/demo-1.0.jar",
        "/com/example/demo/1.0%0d/demo-1.0%0d.jar",
        "/com/example/demo/1.0/demo-1.0.jar%00",
        "/com/example/demo/1.0/..%2f..%2fdemo-1.0.jar",
        "/com/example/demo/%2e%2e/demo-...jar",
        "/com/example/demo/1.0/demo-1.0%5c..%5cx.jar",
        "/com.example/demo/1.0/demo-1.0.jar",
        "/com/example/.packhouse/1.0/.packhouse-1.0.jar",
        "/com//demo/1.0/demo-1.0.jar",
        "/demo/1.0/demo-1.0.jar",
    ] {
        let answer = put(&desk.deployer, path, "x").await;
        assert!([400, 404].contains(&answer.status.as_u16()), "{path}: {answer:?}");
        desk.refused(&answer, answer.status.as_u16(), "");
    }
    let long = format!("/com/example/demo/1.0/demo-1.0-{}.jar", "x".repeat(2000));
    desk.refuses(&long, "x", 400, "").await;
    // What a POM says is not a header of the answer, and the reason phrase stays one line.
    let body = demo().pom().replace("<version>1.0", "<version>9&#13;&#10;evil: yes&#13;&#10;&#13;&#10;x");
    let mut socket = connect_from(&desk.registry.address(), 1).await;
    let request = format!(
        "PUT /maven{} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n{body}",
        demo().path(".pom"),
        desk.user.token,
        body.len()
    );
    let answer = exchange(&mut socket, &request).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
    let head = answer.split_once("\r\n\r\n").map_or(answer.as_str(), |(head, _)| head);
    assert!(!head.lines().any(|line| line.starts_with("evil")), "{head:?}");
    assert_eq!(desk.registry.keys(), desk.keys);
}

#[tokio::test]
async fn names_that_differ_by_case_alone_are_refused() {
    let mut desk = desk().await;
    let first = Release::new("My-Demo", "1.0.RC1");
    first.deploy(&desk.deployer).await;
    desk.keys = desk.registry.keys();
    for (name, version) in [("my-demo", "1.0.RC1"), ("MY-DEMO", "2.0"), ("My-Demo", "1.0.rc1")] {
        let other = Release::new(name, version);
        for (ending, content) in [(".jar", other.jar()), (".pom", other.pom())] {
            desk.refuses(&other.path(ending), content, 409, "differs").await;
        }
        desk.deployer.get(&other.path(".jar")).await.expect(404);
    }
    let group = first.path(".jar").replace("/com/", "/COM/");
    desk.refuses(&group, "x", 409, "differs").await;
}

/// Maven accepts any bytes as a jar, and so does the registry: it never unpacks them.
#[tokio::test]
async fn bombs_are_stored_as_they_are_and_never_unpacked() {
    let desk = desk().await;
    let plain = desk.registry.peak_memory();
    let mut lying = zip(&[("a.class", b"x")]);
    let directory = lying.windows(4).position(|window| window == b"PK\x01\x02").expect("a directory");
    lying[directory + 24..directory + 28].copy_from_slice(&u32::MAX.wrapping_sub(1).to_le_bytes());
    for (ending, content) in
        [(".jar", lying), ("-sources.jar", gzip(&vec![0; 200 << 20])), (".war", noise(1, 99))]
    {
        let path = demo().path(ending);
        put(&desk.deployer, &path, content.clone()).await.expect(201);
        assert!(desk.deployer.get(&path).await.expect(200).body == content, "{ending}: the same bytes");
    }
    let grown = desk.registry.peak_memory().saturating_sub(plain);
    assert!(grown < 100 << 20, "{grown} bytes");
}

#[tokio::test]
async fn metadata_that_lies_changes_nothing() {
    let mut desk = desk().await;
    demo().deploy(&desk.deployer).await;
    desk.keys = desk.registry.keys();
    let before = desk.deployer.get(&metadata("demo")).await.expect(200).text();
    let theirs = |group: &str, inside: &str| {
        format!("<metadata><groupId>{group}</groupId><artifactId>demo</artifactId>{inside}</metadata>")
    };
    for (text, sentence) in [
        (theirs("com.evil", "<versioning><release>1.0</release></versioning>"), "<groupId> com.evil"),
        ("<html/>".to_owned(), "<html>"),
        ("<metadata>".to_owned(), "metadata"),
        (String::new(), "metadata"),
        ("<metadata>".repeat(100_000), ""),
    ] {
        desk.refuses(&metadata("demo"), text, 400, sentence).await;
    }
    let plugin = |artifact: &str, prefix: &str| {
        format!(
            "<metadata><plugins><plugin><prefix>{prefix}</prefix><artifactId>{artifact}</artifactId></plugin></plugins></metadata>"
        )
    };
    for (artifact, prefix) in [("../demo", "demo"), ("demo", ""), ("demo", "a&#10;b"), ("de&#13;mo", "demo")]
    {
        desk.refuses("/com/example/maven-metadata.xml", plugin(artifact, prefix), 400, "").await;
    }
    // What is not there is not listed, however often a client says so.
    let many: Vec<String> = (0..20_000).map(|number| format!("<version>9.{number}</version>")).collect();
    let versions =
        format!("<versioning><latest>9</latest><versions>{}</versions></versioning>", many.concat());
    let said = put(&desk.deployer, &metadata("demo"), theirs("com.example", &versions)).await;
    assert!(said.status.is_success(), "{said:?}");
    assert_eq!(desk.deployer.get(&metadata("demo")).await.expect(200).text(), before);
    assert_eq!(desk.registry.keys(), desk.keys);
}

#[tokio::test]
async fn a_deployment_that_breaks_off_leaves_nothing() {
    let desk = desk().await;
    let jar = noise(1, 300_000);
    let (address, path) = (desk.registry.address(), format!("/maven{}", demo().path(".jar")));
    for sent in [3, 600, 100_000] {
        slow::put_and_break_off(&address, &path, &desk.user.token, &jar, sent).await.expect("it is sent");
    }
    desk.registry.until_nothing_is_staged().await;
    desk.refuses_pom(pom("demo", "2.0"), "<version> 2.0").await;
    put(&desk.deployer, &demo().path(".jar"), jar).await.expect(201);
}
