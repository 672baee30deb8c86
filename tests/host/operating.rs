//! `docs/operating.md`, done as it says: a registry is backed up, lost, and restored.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may fail loudly")]

use packhouse_tests::npm::Package;
use packhouse_tests::registry::{ADMIN_PASSWORD, as_delivered};
use packhouse_tests::{Actor, page, program};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const LISTENING: &str = "packhouse is listening on ";

/// The program in this folder, and its address.
struct Running {
    child: Child,
    address: String,
}

impl Running {
    fn start(folder: &Path) -> Self {
        let mut command = Command::new(program());
        command.current_dir(folder).env("PACKHOUSE_ADMIN_PASSWORD", ADMIN_PASSWORD);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let address = lines.find_map(|line| line.strip_prefix(LISTENING).map(str::to_owned));
        Self { child, address: address.unwrap() }
    }

    fn admin(&self) -> Actor {
        Actor::anonymous(format!("{}/npm", self.address)).with_password("admin", ADMIN_PASSWORD)
    }

    fn stop(mut self) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").arg(id).status().unwrap().success());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After `stop` there is nothing left to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_is_restored_from_its_backup_has_its_packages_and_users() {
    let folder = as_delivered();
    std::fs::create_dir(folder.path().join("bin")).unwrap();
    std::os::unix::fs::symlink(program(), folder.path().join("bin/packhouse")).unwrap();
    let package = Package::new("demo", "1.0.0");

    let registry = Running::start(folder.path());
    registry.admin().put(&package.path(), &package.publish()).await.expect(201);
    registry.stop();
    // A copy of the file alone is complete.
    assert!(!folder.path().join("data/packhouse.sqlite-wal").exists(), "its changes are in the database");

    let path = format!("{}/bin:{}", folder.path().display(), std::env::var("PATH").unwrap());
    page::follow(&page::read("docs/operating.md"), folder.path(), &[("PATH", &path)]);

    let restored = Running::start(folder.path());
    let tarball = restored.admin().get(&package.tarball_path()).await.expect(200);
    assert_eq!(tarball.body.as_ref(), package.tarball());
    let next = Package::new("demo", "1.1.0");
    restored.admin().put(&next.path(), &next.publish()).await.expect(201);
    restored.stop();
}
