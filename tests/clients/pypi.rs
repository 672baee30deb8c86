//! pip, twine, uv and poetry at work: upload, the same again, install, lock, hashes, yanked
//! versions, a private registry.
#![allow(clippy::panic, clippy::indexing_slicing, reason = "a test may fail loudly")]

use packhouse_tests::clients::{Program, Python, Run};
use packhouse_tests::pypi::{Distribution, sha256};
use packhouse_tests::{Options, Registry, User};
use serde_json::json;

struct Desk {
    registry: Registry,
    python: Python,
    user: User,
}

/// A registry and somebody who may upload to it; none when a client is missing.
async fn desk() -> Option<Desk> {
    desk_with(Options::pypi()).await
}

async fn desk_with(options: Options) -> Option<Desk> {
    let registry = Registry::start(options).await;
    let user = registry.user("publisher", &["pypi:package:*:write"]).await;
    let python = Python::find(&registry.url("/pypi"))?;
    Some(Desk { registry, python, user })
}

impl Desk {
    /// Uploads them by hand, which is quicker.
    async fn there(&self, distributions: &[Distribution]) {
        let by = self.registry.actor("/pypi").with_password(&self.user.name, &self.user.password);
        for distribution in distributions {
            distribution.upload(&by).await.expect(200);
        }
    }
}

#[tokio::test]
async fn twine_uploads_and_pip_installs() {
    let Some(desk) = desk().await else { return };
    let base = Distribution::wheel("demo-base", "2.0");
    let wheel = Distribution::wheel_with("demo", "1.0", "Requires-Dist: demo-base>=1\n", &[]);
    let sdist = Distribution::sdist("demo", "1.0");
    desk.python.twine(&desk.user, &[], &[&base, &wheel, &sdist]).await.ok();
    // The same again is no failure.
    desk.python.twine(&desk.user, &[], &[&wheel, &sdist]).await.ok();

    desk.python.pip_install("here", &["demo"]).await.ok();
    assert_eq!(desk.python.import("here", "demo").await, "demo 1.0");
    assert_eq!(desk.python.import("here", "demo_base").await, "demo-base 2.0");
    desk.python.pip_install("built", &["--no-binary", "demo", "--no-deps", "demo==1.0"]).await.ok();
    assert_eq!(desk.python.import("built", "demo").await, "demo 1.0");

    let index = format!("{}/simple/", desk.python.registry);
    let arguments = ["download", "--no-cache-dir", "--no-deps", "--index-url", &index, "demo", "-d", "kept"];
    desk.python.run(Program::Pip, ".", &arguments).await.ok();
    let kept = std::fs::read(desk.python.folder("kept").join(&wheel.filename));
    assert!(kept.is_ok_and(|bytes| bytes == wheel.content), "the same bytes");
}

#[tokio::test]
async fn other_bytes_under_the_same_name_are_refused_and_can_be_skipped() {
    let Some(desk) = desk().await else { return };
    let wheel = Distribution::wheel("demo", "1.0");
    desk.python.twine(&desk.user, &[], &[&wheel]).await.ok();
    let other = Distribution::wheel_with("demo", "1.0", "", &[("more.py", b"1")]);
    let said = desk.python.twine(&desk.user, &["--verbose"], &[&other]).await.fails();
    assert!(said.contains("409") && said.contains("File already exists"), "{said}");
    // twine takes the option for the addresses alone that it knows: this one is made known to it.
    let next = Distribution::wheel("demo", "1.1");
    let run = twine_skipping(&desk, &[&other, &next]).await;
    let said = format!("{}{}", run.stdout, run.stderr);
    run.ok();
    assert!(said.contains("Skipping") && said.contains(&other.filename), "{said}");
    desk.python.pip_install("here", &["demo==1.0"]).await.ok();
    assert!(!desk.python.folder("here").join("more.py").exists());
    desk.python.pip_install("next", &["demo"]).await.ok();
    assert_eq!(desk.python.import("next", "demo").await, "demo 1.1", "what came behind it was uploaded");
}

/// `twine upload --skip-existing` of these files.
async fn twine_skipping(desk: &Desk, distributions: &[&Distribution]) -> Run {
    let script = format!(
        "import sys, twine.repository\n\
         twine.repository.TEST_WAREHOUSE = '{}'\n\
         from twine.__main__ import main\n\
         sys.argv[0] = 'twine'\n\
         sys.exit(main())\n",
        desk.python.registry
    );
    let files: Vec<String> = distributions
        .iter()
        .map(|file| {
            let path = desk.python.write(&format!("again/{}", file.filename), &file.content);
            path.to_string_lossy().into_owned()
        })
        .collect();
    let url = format!("{}/legacy/", desk.python.registry);
    let mut arguments = vec!["-c", &script, "upload", "--skip-existing", "--non-interactive"];
    arguments.extend(["--disable-progress-bar", "--repository-url", &url]);
    arguments.extend(["-u", &desk.user.name, "-p", &desk.user.password]);
    arguments.extend(files.iter().map(String::as_str));
    desk.python.run(Program::Python, ".", &arguments).await
}

#[tokio::test]
async fn clients_upload_to_each_of_the_addresses() {
    let Some(mut desk) = desk().await else { return };
    let bases = [desk.registry.url("/pypi"), desk.registry.url(""), desk.registry.url("/pypi/pypi")];
    for (number, base) in bases.into_iter().enumerate() {
        desk.python.registry = base;
        let wheel = Distribution::wheel("by-twine", &format!("1.{number}"));
        desk.python.twine(&desk.user, &[], &[&wheel]).await.ok();
        uv_publish(&desk, &desk.user, &Distribution::wheel("by-uv", &format!("1.{number}"))).await.ok();
    }
    // And read at the root, as at the mount.
    for base in [desk.registry.url(""), desk.registry.url("/pypi")] {
        desk.python.registry = base;
        let target = format!("at-{}", desk.python.registry.rsplit('/').next().unwrap_or_default());
        let all = ["--no-deps", "by-twine==1.2", "by-uv==1.1"];
        desk.python.pip_install(&target, &all).await.ok();
        desk.python.uv_install(&target, &["--no-deps", "by-twine==1.0", "by-uv==1.2"]).await.ok();
    }
}

#[tokio::test]
async fn attestations_that_twine_and_uv_send_are_served() {
    let Some(desk) = desk().await else { return };
    for (name, folder) in [("by-twine", "dist"), ("by-uv", "uv")] {
        let wheel = Distribution::wheel(name, "1.0");
        let beside = format!("{folder}/{}.publish.attestation", wheel.filename);
        let beside = desk.python.write(&beside, wheel.attestation().to_string());
        if folder == "uv" {
            uv_publish_with(&desk, &desk.user, &wheel, &[&beside.to_string_lossy()]).await.ok();
        } else {
            let more = ["--attestations", &beside.to_string_lossy()];
            desk.python.twine(&desk.user, &more, &[&wheel]).await.ok();
        }
        let anybody = desk.registry.actor("/pypi");
        let served = anybody.get(&format!("{}.provenance", wheel.path())).await.expect(200).json();
        assert_eq!(served["attestation_bundles"][0]["attestations"], json!([wheel.attestation()]));
        let page = anybody.get(&format!("/simple/{name}/")).await.expect(200).text();
        assert!(page.contains("data-provenance="), "{page}");
    }
}

#[tokio::test]
async fn who_may_not_is_told_by_twine_and_uv() {
    let Some(desk) = desk().await else { return };
    let reader = desk.registry.user("reader", &["pypi:package:*:read"]).await;
    let wheel = Distribution::wheel("demo", "1.0");
    let said = desk.python.twine(&reader, &["--verbose"], &[&wheel]).await.fails();
    assert!(said.contains("403") && said.contains("pypi:package:demo:write"), "{said}");
    let wrong = User { password: "wrong".to_owned(), ..reader };
    let said = desk.python.twine(&wrong, &[], &[&wheel]).await.fails();
    assert!(said.contains("401"), "{said}");
    let said = uv_publish(&desk, &wrong, &wheel).await.fails();
    assert!(said.contains("401") || said.to_lowercase().contains("unauthorized"), "{said}");
}

async fn uv_publish(desk: &Desk, user: &User, distribution: &Distribution) -> Run {
    uv_publish_with(desk, user, distribution, &[]).await
}

async fn uv_publish_with(desk: &Desk, user: &User, distribution: &Distribution, more: &[&str]) -> Run {
    let file = desk.python.write(&format!("uv/{}", distribution.filename), &distribution.content);
    let url = format!("{}/legacy/", desk.python.registry);
    let file = file.to_string_lossy();
    let mut arguments = vec!["publish", "--publish-url", &url, "--trusted-publishing", "never"];
    arguments.extend(["--username", &user.name, "--password", &user.password]);
    arguments.extend(more);
    arguments.push(&file);
    desk.python.run(Program::Uv, ".", &arguments).await
}

#[tokio::test]
async fn uv_publishes_installs_and_filters_by_age() {
    let Some(desk) = desk().await else { return };
    let wheel = Distribution::wheel("demo", "1.0");
    uv_publish(&desk, &desk.user, &wheel).await.ok();
    uv_publish(&desk, &desk.user, &wheel).await.ok();
    uv_publish(&desk, &desk.user, &Distribution::sdist("demo", "1.1")).await.ok();
    let other = Distribution::wheel_with("demo", "1.0", "", &[("more.py", b"1")]);
    let said = uv_publish(&desk, &desk.user, &other).await.fails();
    assert!(said.contains("File already exists"), "{said}");
    // With the index to look at first, the same is not sent again.
    let index = format!("{}/simple/", desk.python.registry);
    uv_publish_with(&desk, &desk.user, &wheel, &["--check-url", &index]).await.ok();
    uv_publish_with(&desk, &desk.user, &other, &["--check-url", &index]).await.fails();

    desk.python.uv_install("here", &["demo"]).await.ok();
    assert_eq!(desk.python.import("here", "demo").await, "demo 1.1", "built from source");
    desk.python.uv_install("wheels", &["--only-binary", "demo", "demo"]).await.ok();
    assert_eq!(desk.python.import("wheels", "demo").await, "demo 1.0");
    let early = desk.python.uv_install("early", &["--exclude-newer", "2020-01-01T00:00:00Z", "demo"]).await;
    let said = early.fails();
    assert!(said.contains("demo"), "{said}");
    let late = ["--exclude-newer", "2999-01-01T00:00:00Z", "demo==1.0"];
    desk.python.uv_install("late", &late).await.ok();
    assert_eq!(desk.python.import("late", "demo").await, "demo 1.0");
}

#[tokio::test]
async fn a_version_that_is_too_new_is_left_out_by_its_age() {
    let Some(desk) = desk().await else { return };
    desk.registry.home().copy_into_bucket("pypi-bucket");
    // Files that lie there have the time at which they were put there.
    let now = "2999-01-01T00:00:00Z";
    desk.python.uv_install("here", &["--exclude-newer", now, "old-tools"]).await.ok();
    desk.there(&[Distribution::wheel("old-tools", "1.2")]).await;
    let listed = desk.registry.actor("/pypi").with_header("accept", "application/vnd.pypi.simple.v1+json");
    let listed = listed.get("/simple/old-tools/").await.expect(200).json();
    let uploaded = listed["files"][3]["upload-time"].as_str().unwrap_or_default().to_owned();
    // Not newer than the moment of that upload, which is left out itself.
    desk.python.uv_install("before", &["--no-deps", "--exclude-newer", &uploaded, "old-tools"]).await.ok();
    let info = desk.python.folder("before").join("old_tools-1.1.dist-info");
    assert!(info.is_dir(), "{uploaded}: {listed}");
}

#[tokio::test]
async fn uv_locks_and_installs_from_its_lock_file() {
    let Some(desk) = desk().await else { return };
    let wheel = Distribution::wheel_with("demo", "1.0", "Requires-Dist: demo-base\n", &[]);
    let base = Distribution::wheel("demo-base", "1.0");
    desk.there(&[base.clone(), wheel.clone(), Distribution::sdist("demo-base", "1.0")]).await;
    let project = format!(
        "[project]\nname = \"consumer\"\nversion = \"0.1\"\nrequires-python = \">=3.8\"\n\
         dependencies = [\"demo\"]\n[[tool.uv.index]]\nname = \"local\"\nurl = \"{}/simple/\"\ndefault = true\n",
        desk.python.registry
    );
    desk.python.write("consumer/pyproject.toml", project);
    desk.python.run(Program::Uv, "consumer", &["lock"]).await.ok();
    let lock = std::fs::read_to_string(desk.python.folder("consumer").join("uv.lock"))
        .unwrap_or_else(|error| panic!("{error}"));
    for distribution in [&wheel, &base] {
        assert!(lock.contains(&distribution.sha256()), "{lock}");
        assert!(lock.contains(&format!("size = {}", distribution.content.len())), "{lock}");
    }
    assert!(lock.contains("upload-time"), "{lock}");
    // What is newer now does not count.
    desk.there(&[Distribution::wheel("demo", "2.0")]).await;
    desk.python.run(Program::Uv, "consumer", &["sync", "--locked", "--no-install-project"]).await.ok();
    let installed = desk.python.run(Program::Uv, "consumer", &["pip", "list"]).await.ok();
    assert!(installed.contains("demo      1.0") || installed.contains("demo 1.0"), "{installed}");
}

#[tokio::test]
async fn hashes_are_required_and_must_be_right() {
    let Some(desk) = desk().await else { return };
    let wheel = Distribution::wheel("demo", "1.0");
    desk.there(std::slice::from_ref(&wheel)).await;
    let right = format!("demo==1.0 --hash=sha256:{}\n", wheel.sha256());
    desk.python.write("right.txt", &right);
    desk.python.write("wrong.txt", right.replace(&wheel.sha256(), &sha256(b"other")));
    for (file, target) in [("right.txt", "by-pip"), ("right.txt", "by-uv")] {
        let arguments = ["--require-hashes", "-r", file];
        let run = match target {
            "by-pip" => desk.python.pip_install(target, &arguments).await,
            _ => desk.python.uv_install(target, &arguments).await,
        };
        run.ok();
        assert_eq!(desk.python.import(target, "demo").await, "demo 1.0");
    }
    desk.python.pip_install("x", &["--require-hashes", "-r", "wrong.txt"]).await.fails();
    desk.python.uv_install("x", &["--require-hashes", "-r", "wrong.txt"]).await.fails();
}

#[tokio::test]
async fn a_yanked_version_is_passed_over() {
    let Some(desk) = desk().await else { return };
    desk.there(&[Distribution::wheel("demo", "1.0"), Distribution::wheel("demo", "1.1")]).await;
    let by = desk.registry.actor("/pypi").with_password(&desk.user.name, &desk.user.password);
    by.put("/pypi/demo/1.1/yank", &json!({"reason": "it breaks things"})).await.expect(200);
    desk.python.pip_install("by-pip", &["demo"]).await.ok();
    desk.python.uv_install("by-uv", &["demo"]).await.ok();
    for target in ["by-pip", "by-uv"] {
        assert_eq!(desk.python.import(target, "demo").await, "demo 1.0");
    }
    // Who asks for exactly that one gets it, and is warned.
    let run = desk.python.pip_install("exact", &["demo==1.1"]).await;
    let warning = run.stderr.clone();
    run.ok();
    assert!(warning.contains("it breaks things"), "{warning}");
    by.delete("/pypi/demo/1.1/yank").await.expect(200);
    desk.python.pip_install("again", &["demo"]).await.ok();
    assert_eq!(desk.python.import("again", "demo").await, "demo 1.1");
}

#[tokio::test]
async fn python_that_is_too_old_gets_an_older_version() {
    let Some(desk) = desk().await else { return };
    let future = Distribution::wheel_with("demo", "3.0", "Requires-Python: >=9.8\n", &[]);
    desk.there(&[Distribution::wheel("demo", "2.0"), future]).await;
    desk.python.pip_install("by-pip", &["demo"]).await.ok();
    desk.python.uv_install("by-uv", &["demo"]).await.ok();
    for target in ["by-pip", "by-uv"] {
        assert_eq!(desk.python.import(target, "demo").await, "demo 2.0");
    }
}

#[tokio::test]
async fn poetry_publishes_locks_and_installs() {
    let Some(desk) = desk().await else { return };
    let project = "[project]\nname = \"made-by-poetry\"\nversion = \"1.0\"\nrequires-python = \">=3.9\"\n\
                   [build-system]\nrequires = [\"poetry-core\"]\nbuild-backend = \"poetry.core.masonry.api\"\n";
    desk.python.write("made/pyproject.toml", project);
    desk.python.write("made/made_by_poetry/__init__.py", "print('made by poetry')\n");
    let url = format!("{}/legacy/", desk.python.registry);
    desk.python.run(Program::Poetry, "made", &["config", "repositories.local", &url]).await.ok();
    let (name, password) = (desk.user.name.as_str(), desk.user.password.as_str());
    let publish = ["publish", "--repository", "local", "--username", name, "--password", password];
    let first = [&publish[..], &["--build"]].concat();
    desk.python.run(Program::Poetry, "made", &first).await.ok();
    // What was built lies there still: asked to build again, it would ask back.
    let again = [&publish[..], &["--skip-existing"]].concat();
    desk.python.run(Program::Poetry, "made", &again).await.ok();
    // Other bytes under the same name are refused, and can be skipped.
    let made = desk.python.folder("made/dist").join("made_by_poetry-1.0-py3-none-any.whl");
    let first = std::fs::read(&made).unwrap_or_else(|error| panic!("{error}"));
    let other = Distribution::wheel_with("made-by-poetry", "1.0", "", &[("other.py", b"1")]);
    desk.python.write("made/dist/made_by_poetry-1.0-py3-none-any.whl", &other.content);
    let said = desk.python.run(Program::Poetry, "made", &publish).await.fails();
    assert!(said.contains("409"), "{said}");
    desk.python.run(Program::Poetry, "made", &again).await.ok();

    let consumer = format!(
        "[project]\nname = \"consumer\"\nversion = \"0.1\"\nrequires-python = \">=3.9\"\n\
         dependencies = [\"made-by-poetry>=1\"]\n[tool.poetry]\npackage-mode = false\n\
         [[tool.poetry.source]]\nname = \"local\"\nurl = \"{}/simple/\"\npriority = \"primary\"\n",
        desk.python.registry
    );
    desk.python.write("consumer/pyproject.toml", consumer);
    desk.python.run(Program::Poetry, "consumer", &["lock"]).await.ok();
    let lock = std::fs::read_to_string(desk.python.folder("consumer").join("poetry.lock"))
        .unwrap_or_else(|error| panic!("{error}"));
    assert!(lock.contains("made_by_poetry-1.0-py3-none-any.whl"), "{lock}");
    assert!(lock.contains(&format!("sha256:{}", sha256(&first))), "{lock}");
    // What is newer now does not count.
    desk.there(&[Distribution::wheel("made-by-poetry", "2.0")]).await;
    desk.python.run(Program::Poetry, "consumer", &["install"]).await.ok();
    let run = ["run", "python", "-c", "import made_by_poetry"];
    let said = desk.python.run(Program::Poetry, "consumer", &run).await.ok();
    assert!(said.contains("made by poetry"), "{said}");
}

#[tokio::test]
async fn a_private_registry_is_read_with_a_password_or_a_token() {
    let Some(desk) = desk_with(Options::pypi().anonymous(&[])).await else { return };
    let wheel = Distribution::wheel("demo", "1.0");
    desk.python.twine(&desk.user, &[], std::slice::from_ref(&&wheel)).await.ok();
    desk.python.pip_install("x", &["demo"]).await.fails();
    let reader = desk.registry.user("reader", &["pypi:package:*:read"]).await;
    let address = desk.registry.address();
    let secret = reader.password.replace(' ', "%20");
    for (number, credentials) in
        [format!("{}:{secret}", reader.name), format!("__token__:{}", reader.token)].iter().enumerate()
    {
        let index = format!("http://{credentials}@{address}/simple/");
        let pip = format!("pip-{number}");
        let arguments = ["install", "--no-cache-dir", "--index-url", &index, "--target", &pip, "demo"];
        desk.python.run(Program::Pip, ".", &arguments).await.ok();
        assert_eq!(desk.python.import(&pip, "demo").await, "demo 1.0");
        let uv = format!("uv-{number}");
        let arguments = ["pip", "install", "--no-cache", "--default-index", &index, "--target", &uv, "demo"];
        desk.python.run(Program::Uv, ".", &arguments).await.ok();
        assert_eq!(desk.python.import(&uv, "demo").await, "demo 1.0");
    }
}
