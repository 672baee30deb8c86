//! Gems that nobody should push: refused with a line of text, which is what `gem push` prints, and
//! nothing is stored.
#![allow(clippy::panic, clippy::expect_used, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::npm::{gzip, noise, tar};
use packhouse_tests::rubygems::{Gem, Parts, push, sha256};
use packhouse_tests::slow;
use packhouse_tests::{Actor, Answer, Options, Registry, User};
use std::io::Write as _;

struct Desk {
    registry: Registry,
    publisher: Actor,
    user: User,
    /// What lies in the bucket.
    keys: Vec<String>,
}

async fn desk() -> Desk {
    let registry = Registry::start(Options::rubygems()).await;
    let user = registry.user("publisher", &["rubygems:gem:*:write"]).await;
    let publisher = registry.actor("/rubygems").with_token(&user.token);
    Desk { registry, publisher, user, keys: Vec::new() }
}

impl Desk {
    /// A line of text with this status; the bucket is as it was.
    #[track_caller]
    fn refused(&self, answer: &Answer, status: u16, sentence: &str) {
        answer.expect_line(status, sentence);
        self.registry.expect_only(&self.keys, answer);
    }

    async fn refuses(&self, gem: Vec<u8>, sentence: &str) {
        let answer = push(&self.publisher, gem).await;
        self.refused(&answer, 422, sentence);
    }

    /// A gem that is sound but for its specification.
    async fn refuses_spec(&self, spec: &str, sentence: &str) {
        self.refuses(Parts { metadata: gzip(spec.as_bytes()), ..demo() }.gem(), sentence).await;
    }

    /// A gem that is sound but for its files.
    async fn refuses_data(&self, data: Vec<u8>, sentence: &str) {
        self.refuses(Parts { data, ..demo() }.gem(), sentence).await;
    }
}

fn demo() -> Parts {
    Gem::new("demo", "1.0").parts()
}

fn spec() -> String {
    Gem::new("demo", "1.0").gemspec()
}

/// The specification with one of its lines in another way.
fn with(line: &str, other: &str) -> String {
    let (spec, changed) = (spec(), spec().replace(line, other));
    assert_ne!(spec, changed, "{line} is there");
    changed
}

#[tokio::test]
async fn files_that_are_cut_off_or_damaged_are_refused() {
    let desk = desk().await;
    let whole = Gem::new("demo", "1.0").file_content();
    // In a header or in a part. RubyGems does not miss the zeros behind a part.
    for length in [0, 1, 511, 513, 700, 1500, 1600, 2148, 2700] {
        desk.refuses(whole[..length].to_vec(), "").await;
    }
    desk.refuses(b"MD5SUM = \"x\"".to_vec(), "not a readable tar archive").await;
    desk.refuses(gzip(&whole), "not a readable tar archive").await;
    let data = demo().data;
    desk.refuses_data(data[..data.len() - 4].to_vec(), "\"data.tar.gz\" in the gem cannot be read").await;
    let mut flipped = data.clone();
    // In the CRC-32 behind the data.
    let crc = flipped.len() - 6;
    flipped[crc] ^= 1;
    desk.refuses_data(flipped, "\"data.tar.gz\" in the gem cannot be read").await;
    desk.refuses_data(gzip(b"no archive"), "no readable tar archive").await;
    let metadata = demo().metadata;
    let cut = Parts { metadata: metadata[..metadata.len() - 9].to_vec(), ..demo() };
    desk.refuses(cut.gem(), "\"metadata.gz\" in the gem cannot be read").await;
    let Parts { metadata, data } = demo();
    desk.refuses(tar(&[("metadata.gz", &metadata)]), "contains no data.tar.gz").await;
    desk.refuses(tar(&[("data.tar.gz", &data)]), "contains no metadata.gz").await;
    let twice = tar(&[("metadata.gz", &metadata), ("data.tar.gz", &data), ("metadata.gz", &metadata)]);
    desk.refuses(twice, "\"metadata.gz\" twice").await;
}

#[tokio::test]
async fn inner_checksums_that_lie_are_refused() {
    let desk = desk().await;
    let Parts { metadata, data } = demo();
    let (of_metadata, of_data, of_other) = (sha256(&metadata), sha256(&data), sha256(b"other"));
    for (sums, sentence) in [
        (
            format!("---\nSHA256:\n  metadata.gz: {of_metadata}\n  data.tar.gz: {of_other}\n"),
            "checksum of \"data.tar.gz\" in the gem is wrong",
        ),
        (
            format!("---\nSHA256:\n  metadata.gz: {of_other}\n  data.tar.gz: {of_data}\n"),
            "checksum of \"metadata.gz\" in the gem is wrong",
        ),
        (
            format!("---\nSHA256:\n  data.tar.gz: {of_data}\nSHA512:\n  data.tar.gz: {of_data}\n"),
            "checksum of \"data.tar.gz\" in the gem is wrong",
        ),
        (format!("---\nSHA256:\n  absent: {of_data}\n"), "checksum of \"absent\" in the gem is wrong"),
        ("--- !ruby/object:Kernel {}\n".to_owned(), "which RubyGems does not load"),
        ("---\n- a\n".to_owned(), "they are not a map"),
    ] {
        let sums = gzip(sums.as_bytes());
        let parts = [("metadata.gz", &*metadata), ("data.tar.gz", &*data), ("checksums.yaml.gz", &*sums)];
        desk.refuses(tar(&parts), sentence).await;
    }
}

#[tokio::test]
async fn specifications_that_make_other_objects_are_refused() {
    let desk = desk().await;
    for (line, other) in [
        ("metadata: {}", "metadata: !ruby/object:OpenStruct {}"),
        ("metadata: {}", "metadata: !ruby/hash:Evil {}"),
        ("metadata: {}", "metadata: !ruby/struct:Evil {}"),
        ("summary: A gem called demo", "summary: !ruby/object:Gem::Installer {}"),
        ("summary: A gem called demo", "summary: !ruby/regexp /x/"),
    ] {
        desk.refuses_spec(&with(line, other), "which RubyGems does not load").await;
    }
    desk.refuses_spec(&with("email: ann@example.com", "email: :system"), "the symbol \":system\"").await;
    desk.refuses_spec("--- {}\n", "not a Gem::Specification").await;
    desk.refuses_spec("--- !ruby/object:Gem::Version\nversion: '1'\n", "not a Gem::Specification").await;
    desk.refuses_spec("", "").await;
    desk.refuses_spec("a: [\n", "not a Gem::Specification").await;
    desk.refuses_spec("--- !ruby/object:Gem::Specification\na: [\n", "not valid YAML").await;
    desk.refuses_spec("--- *none\n", "").await;
    desk.refuses_spec("--- &all\n- *all\n", "alias").await;
}

/// Each alias names the one before it twice: written out, the last one has 2^60 values. RubyGems loads
/// them where it does not look at them, so some of these gems are sound.
#[tokio::test]
async fn aliases_that_multiply_cost_nothing() {
    let mut desk = desk().await;
    let plain = desk.registry.peak_memory();
    for (number, (line, other)) in [
        ("name: demo\n", "name: *x59\n"),
        ("version: '1.0'", "version: *x59"),
        ("platform: ruby", "platform: *x59"),
        ("dependencies: []", "dependencies: *x59"),
        ("authors:\n- Ann", "authors: *x59"),
        ("licenses:\n- MIT", "licenses: *x59"),
        ("require_paths:\n- lib", "require_paths: *x59"),
        ("metadata: {}", "metadata: *x59"),
        ("summary: A gem called demo", "summary: *x59"),
    ]
    .into_iter()
    .enumerate()
    {
        let anchors = (1..60).fold("x0: &x0 [x, y]\n".to_owned(), |text, number| {
            format!("{text}x{number}: &x{number} [*x{0}, *x{0}]\n", number - 1)
        });
        let spec = with(line, other).replace("version: '1.0'", &format!("version: '1.{number}'"));
        // The anchors stand before what names them.
        let spec = spec.replacen("\nname: ", &format!("\n{anchors}name: "), 1);
        let answer = push(&desk.publisher, Parts { metadata: gzip(spec.as_bytes()), ..demo() }.gem()).await;
        if answer.status != 200 {
            desk.refused(&answer, 422, "");
            continue;
        }
        for path in ["/info/demo", "/versions", "/api/v1/gems/demo.json", "/api/v1/versions/demo.json"] {
            let read = desk.publisher.get(path).await.expect(200);
            assert!(read.body.len() < 100_000, "{other}, {path}: {} bytes", read.body.len());
        }
        // Reading has written the list.
        desk.keys = desk.registry.keys();
    }
    let grown = desk.registry.peak_memory().saturating_sub(plain);
    assert!(grown < 100 << 20, "{grown} bytes for some aliases");
}

#[tokio::test]
async fn line_ends_and_ways_out_are_refused_in_each_field_of_the_index() {
    let desk = desk().await;
    let name = "is not a valid gem name";
    for other in ["\"de\\r\\nmo\"", "\"demo\\n\"", "../demo", "\"de mo\"", "de/mo", "\"\"", "-demo"] {
        desk.refuses_spec(&with("name: demo\n", &format!("name: {other}\n")), name).await;
    }
    for other in ["\"1.0\\nevil 9.9\"", "\"1.0\\r\\n\"", "1.0/../../x", "one", "''"] {
        let spec = with("version: '1.0'", &format!("version: {other}"));
        desk.refuses_spec(&spec, "not a valid version").await;
    }
    for other in ["\"java\\nevil\"", "\"../java\"", "\"a b\""] {
        let spec = with("platform: ruby", &format!("platform: {other}"));
        desk.refuses_spec(&spec, "not a valid platform").await;
    }
    let needs = |dependency: &str, version: &str| {
        let spec = Gem::new("demo", "1.0").needs("DEPENDENCY", "9.9.9").gemspec();
        spec.replace("name: DEPENDENCY", &format!("name: {dependency}"))
            .replace("id-DEPENDENCY", "id-1")
            .replace("'9.9.9'", version)
    };
    desk.refuses_spec(&needs("\"evil\\n9.9 \"", "'1'"), name).await;
    desk.refuses_spec(&needs("evil", "\"1\\nevil 9.9\""), "").await;
    let ruby = "required_ruby_version: !ruby/object:Gem::Requirement\n  requirements:\n  - - \">=\"\n    - \
                !ruby/object:Gem::Version\n      version: \"1\\nevil 9.9\"\nrdoc_options: []";
    desk.refuses_spec(&with("rdoc_options: []", ruby), "").await;
}

#[tokio::test]
async fn archives_that_lead_out_of_their_folder_are_refused() {
    let desk = desk().await;
    for path in ["../evil.rb", "/etc/cron.d/evil", "lib/../../evil.rb"] {
        desk.refuses_data(gzip(&tar(&[(path, b"x")])), "leads out of the gem's folder").await;
    }
    for (path, target) in [("link", "/etc"), ("lib/link", "../../etc")] {
        desk.refuses_data(gzip(&linked(path, target)), "leads out of the gem's folder").await;
    }
}

/// A tar archive of a symbolic link.
fn linked(path: &str, target: &str) -> Vec<u8> {
    let mut archive = tar(&[(path, b"")]);
    archive[156] = b'2';
    archive[157..157 + target.len()].copy_from_slice(target.as_bytes());
    sum(&mut archive);
    archive
}

/// Makes the checksum of the first header anew.
fn sum(archive: &mut [u8]) {
    archive[148..156].fill(b' ');
    let sum: u32 = archive[..512].iter().map(|&byte| u32::from(byte)).sum();
    archive[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

#[tokio::test]
async fn bombs_are_refused_in_bounded_memory() {
    let desk = desk().await;
    let plain = desk.registry.peak_memory();
    let large = "x".repeat(9 << 20);
    desk.refuses_spec(&with("metadata: {}", &format!("metadata: {{a: {large}}}")), "more than 8 MiB").await;
    let deep = with("metadata: {}", &format!("metadata: {}{}", "[".repeat(200), "]".repeat(200)));
    desk.refuses_spec(&deep, "nested more than 100 deep").await;
    let many = with("metadata: {}", &format!("metadata: [{}]", "a,".repeat(600_000)));
    desk.refuses_spec(&many, "more than 500000 values").await;
    desk.refuses_data(bomb(), "").await;
    let grown = desk.registry.peak_memory().saturating_sub(plain);
    assert!(grown < 200 << 20, "{grown} bytes for bombs");
}

/// A file of 1.5 GiB of zeros.
fn bomb() -> Vec<u8> {
    let size = 1536_u64 << 20;
    let mut header = tar(&[("zeros", b"")])[..512].to_vec();
    header[124..136].copy_from_slice(format!("{size:011o}\0").as_bytes());
    sum(&mut header);
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(&header).expect("memory");
    let zeros = vec![0; 1 << 20];
    for _ in 0..1536 {
        zipped.write_all(&zeros).expect("memory");
    }
    // The end of the archive.
    zipped.write_all(&zeros[..1024]).expect("memory");
    zipped.finish().expect("memory")
}

#[tokio::test]
async fn names_and_versions_that_are_nearly_there_are_refused() {
    let mut desk = desk().await;
    Gem::new("My_Demo", "1.0").push(&desk.publisher).await.expect(200);
    Gem::new("a-1", "2").push(&desk.publisher).await.expect(200);
    // Reading writes the list.
    desk.publisher.get("/versions").await.expect(200);
    desk.keys = desk.registry.keys();
    for name in ["my_demo", "MY_DEMO", "My_demo"] {
        let answer = Gem::new(name, "2.0").push(&desk.publisher).await;
        desk.refused(&answer, 409, "My_Demo");
        desk.publisher.get(&format!("/info/{name}")).await.expect(404);
    }
    for version in ["1.0", "1", "1.0.0"] {
        let other = Gem::new("My_Demo", version).file("other.rb", "x").push(&desk.publisher).await;
        desk.refused(&other, 409, "");
    }
    // Its file would have the name of the other gem's.
    let answer = Gem::new("a", "1").platform("2").push(&desk.publisher).await;
    assert!(answer.status.is_client_error(), "{answer:?}");
    desk.refused(&answer, answer.status.as_u16(), "");
}

#[tokio::test]
async fn a_push_that_breaks_off_leaves_nothing() {
    let desk = desk().await;
    let gem = Gem::new("demo", "1.0").file("data.bin", noise(1, 300_000)).file_content();
    let (address, path) = (desk.registry.address(), "/rubygems/api/v1/gems");
    for sent in [3, 600, 100_000] {
        slow::post_and_break_off(&address, path, &desk.user.token, &gem, sent).await.expect("it is sent");
    }
    desk.registry.until_nothing_is_staged().await;
    desk.refuses(Vec::new(), "").await;
    push(&desk.publisher, gem).await.expect(200);
}
