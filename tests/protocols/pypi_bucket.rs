//! The bucket itself: keys exactly as documented, buckets of an earlier system, and a document
//! of ten thousand versions.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::pypi::{self, Distribution, KEYS_OF_THE_FIXTURE};
use packhouse_tests::{Actor, Backend, Options, Registry};
use serde_json::{Value, json};

const JSON: &str = "application/vnd.pypi.simple.v1+json";

async fn page(by: &Actor, path: &str) -> Value {
    by.clone().with_header("accept", JSON).get(path).await.expect(200).json()
}

fn file_names(page: &Value) -> Vec<&str> {
    let files = page["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    files.iter().filter_map(|file| file["filename"].as_str()).collect()
}

#[tokio::test]
async fn an_upload_writes_the_documented_keys_and_no_others() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let registry = Registry::start(Options::pypi().on(backend)).await;
        let uploader = registry.uploader().await;
        for distribution in
            [Distribution::wheel("Demo.Tools", "1.0"), Distribution::sdist("Demo.Tools", "1.0")]
        {
            distribution.upload(&uploader).await.expect(200);
        }
        let expected = [
            "pypi/metadata/demo-tools/metadata.json",
            "pypi/packages/demo-tools/Demo_Tools-1.0-py3-none-any.whl",
            "pypi/packages/demo-tools/Demo_Tools-1.0-py3-none-any.whl.metadata",
            "pypi/packages/demo-tools/Demo_Tools-1.0.tar.gz",
            "pypi/packages/demo-tools/Demo_Tools-1.0.tar.gz.metadata",
            "pypi/proofs/metadata/demo-tools/metadata.json",
            "pypi/simple/changed",
            "pypi/simple/demo-tools/index.html",
        ];
        assert_eq!(registry.keys(), expected);
    }
}

#[tokio::test]
async fn a_bucket_laid_out_by_hand_is_served_and_one_more_upload_adds_its_keys() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let registry = Registry::start(Options::pypi().on(backend)).await;
        registry.home().copy_into_bucket("pypi-bucket");
        let uploader = registry.uploader().await;
        let tools = page(&uploader, "/simple/old-tools/").await;
        assert_eq!(tools["versions"], json!(["1.0", "1.1"]));
        for file in tools["files"].as_array().unwrap_or_else(|| panic!("{tools}")) {
            let name = file["filename"].as_str().unwrap_or_default();
            let path = format!("/packages/old-tools/{name}");
            assert_eq!(file["url"], registry.url(&format!("/pypi{path}")), "not what was stored");
            let bytes = uploader.get(&path).await.expect(200).body;
            assert_eq!(file["hashes"]["sha256"], pypi::sha256(&bytes));
            if path.strip_suffix(".whl").is_some() {
                assert_eq!(file["requires-python"], ">=3.8");
                let metadata = uploader.get(&format!("{path}.metadata")).await.expect(200);
                assert_eq!(file["core-metadata"]["sha256"], pypi::sha256(&metadata.body));
            }
        }
        assert_eq!(
            file_names(&page(&uploader, "/simple/old-base/").await),
            ["old_base-0.1-py3-none-any.whl"]
        );
        assert_eq!(registry.keys(), KEYS_OF_THE_FIXTURE, "reading writes nothing");

        Distribution::wheel("old-tools", "1.2").upload(&uploader).await.expect(200);
        let mut expected = KEYS_OF_THE_FIXTURE.map(str::to_owned).to_vec();
        let file = "pypi/packages/old-tools/old_tools-1.2-py3-none-any.whl";
        expected.extend([file.to_owned(), format!("{file}.metadata")]);
        expected.push("pypi/proofs/metadata/old-tools/metadata.json".to_owned());
        expected.sort();
        assert_eq!(registry.keys(), expected);
        let tools = page(&uploader, "/simple/old-tools/").await;
        assert_eq!(tools["versions"], json!(["1.0", "1.1", "1.2"]));
        let projects = page(&uploader, "/simple/").await["projects"].clone();
        assert_eq!(projects, json!([{"name": "old-base"}, {"name": "old-tools"}]));
    }
}

#[tokio::test]
async fn stored_pages_link_relatively() {
    let registry = Registry::start(Options::pypi()).await;
    let uploader = registry.uploader().await;
    let wheel = Distribution::wheel("demo", "1.0");
    wheel.upload(&uploader).await.expect(200);
    uploader.get("/simple/").await.expect(200);
    let read = |key: &str| {
        std::fs::read_to_string(registry.home().objects().join(key)).unwrap_or_else(|error| panic!("{error}"))
    };
    let page = read("pypi/simple/demo/index.html");
    let link = format!("href=\"../../packages/demo/{}#sha256={}\"", wheel.filename, wheel.sha256());
    assert!(page.contains(&link), "{page}");
    assert!(read("pypi/simple/index.html").contains("href=\"demo/\""));
}

#[tokio::test]
async fn what_was_stored_outlives_the_process() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let mut registry = Registry::start(Options::pypi().on(backend)).await;
        let uploader = registry.uploader().await;
        let wheel = Distribution::wheel("demo", "1.0");
        wheel.upload(&uploader).await.expect(200);
        registry.restart().await;
        let uploader = uploader.at(registry.url("/pypi"));
        assert!(uploader.get(&wheel.path()).await.expect(200).body == wheel.content);
        Distribution::wheel("demo", "1.1").upload(&uploader).await.expect(200);
    }
}

#[tokio::test]
async fn one_more_version_is_uploaded_to_ten_thousand() {
    let registry = Registry::start(Options::pypi()).await;
    let uploader = registry.uploader().await;
    let folder = registry.home().objects().join("pypi/metadata/many");
    std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{error}"));
    std::fs::write(folder.join("metadata.json"), ten_thousand_versions().to_string())
        .unwrap_or_else(|error| panic!("{error}"));
    Distribution::wheel("many", "2.0").upload(&uploader).await.expect(200);
    let listed = page(&uploader, "/simple/many/").await;
    assert_eq!(listed["versions"].as_array().map(Vec::len), Some(10_001));
    assert_eq!(file_names(&listed).len(), 20_001);
    let about = uploader.get("/pypi/many/json").await.expect(200).json();
    assert_eq!(about["info"]["version"], "2.0");
}

/// Two files each, as most have.
fn ten_thousand_versions() -> Value {
    let mut files = Vec::new();
    for number in 0..10_000 {
        for filename in [format!("many-1.{number}-py3-none-any.whl"), format!("many-1.{number}.tar.gz")] {
            let sha256 = pypi::sha256(filename.as_bytes());
            files.push(json!({
                "filename": filename, "version": format!("1.{number}"), "size": 12_345,
                "uploaded": "2024-05-01T12:00:00.000Z", "sha256": sha256, "md5": &sha256[..32],
                "blake2b_256": sha256, "requires_python": ">=3.8", "metadata_sha256": sha256,
                "uploader": "somebody",
            }));
        }
    }
    json!({"format": "packhouse-pypi-1", "name": "many", "files": files})
}

#[tokio::test]
async fn an_upload_asks_the_store_for_as_much_whatever_else_is_there() {
    let backend = Backend::s3();
    let Backend::S3(store) = &backend else { panic!("the one that counts") };
    let registry = Registry::start(Options::pypi().on(backend.clone())).await;
    let uploader = registry.uploader().await;
    store.asked();
    let mut asked = Vec::new();
    for name in ["alone", "crowd"] {
        for version in ["1.0", "1.1"] {
            Distribution::wheel(name, version).upload(&uploader).await.expect(200);
            asked.push(store.cost(&[name]));
        }
        // More than a page of a listing holds.
        for number in 0..1200 {
            let other = Distribution::wheel(&format!("crowd-{number}"), "1.0");
            let folder = registry.home().objects().join("pypi/packages").join(other.project());
            std::fs::create_dir_all(&folder).unwrap_or_else(|error| panic!("{error}"));
            std::fs::write(folder.join(&other.filename), &other.content)
                .unwrap_or_else(|error| panic!("{error}"));
        }
    }
    let [new_alone, next_alone, new_in_crowd, next_in_crowd] = asked.as_slice() else { panic!("four") };
    for (alone, in_crowd) in [(new_alone, new_in_crowd), (next_alone, next_in_crowd)] {
        assert_eq!(alone.0, in_crowd.0);
        assert!(in_crowd.1 <= alone.1, "no page of a listing more: {} and {}", alone.1, in_crowd.1);
    }
    assert!(next_alone.0.contains(&"PUT /pypi/metadata/NAME/metadata.json".to_owned()), "{next_alone:?}");
}

#[tokio::test]
async fn a_quarantine_outlives_the_loss_of_its_document() {
    for backend in [Backend::FileSystem, Backend::s3()] {
        let registry = Registry::start(Options::pypi().on(backend)).await;
        let uploader = registry.uploader().await;
        let wheel = Distribution::wheel("demo", "1.0");
        wheel.upload(&uploader).await.expect(200);
        uploader.put("/pypi/demo/status", &json!({ "status": "quarantined" })).await.expect(200);
        uploader.get(&wheel.path()).await.expect(403);
        let remove = |key: &str| {
            let path = registry.home().objects().join(key);
            std::fs::remove_file(path).unwrap_or_else(|error| panic!("{key}: {error}"));
        };
        let document = "pypi/metadata/demo/metadata.json";
        remove(document);
        uploader.get(&wheel.path()).await.expect(500);
        uploader.get("/simple/demo/").await.expect(500);
        Distribution::wheel("demo", "2.0").upload(&uploader).await.expect(500);
        for command in ["verify", "gc", "reindex"] {
            let ended = registry.order(&[command, "pypi"]).await;
            let said = format!("{}{}", ended.stdout, ended.stderr);
            assert_eq!(ended.code, Some(1), "{command}: {said}");
            assert!(said.contains(document), "{command}: {said}");
        }
        uploader.get(&wheel.path()).await.expect(500);
        // The way out that the error names.
        remove("pypi/simple/demo/index.html");
        remove("pypi/proofs/metadata/demo/metadata.json");
        registry.order(&["reindex", "pypi"]).await.expect(0);
        uploader.get(&wheel.path()).await.expect(200);
    }
}
