//! A mount of many projects, and how long it takes to publish to it and to read it.

use super::Distribution;
use crate::{Actor, Options, Registry};
use std::fs;
use std::time::{Duration, Instant};

const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// What is timed.
pub const STEPS: [Step; 10] = [
    Step::NewProject,
    Step::NewVersion,
    Step::Read { path: "/simple/", accept: "text/html", again: false },
    Step::Read { path: "/simple/", accept: "text/html", again: true },
    Step::Read { path: "/simple/", accept: JSON, again: false },
    Step::Read { path: "/simple/", accept: JSON, again: true },
    Step::Read { path: "/simple/project-7/", accept: "text/html", again: false },
    Step::Read { path: "/simple/project-7/", accept: "text/html", again: true },
    Step::Read { path: "/simple/project-7/", accept: JSON, again: false },
    Step::Read { path: "/simple/project-7/", accept: JSON, again: true },
];

/// One request of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The first file of a project.
    NewProject,
    /// One more file of a project that has one; each time another project.
    NewVersion,
    /// `again`: with the ETag of the answer before, so that it is 304.
    Read { path: &'static str, accept: &'static str, again: bool },
}

impl std::fmt::Display for Step {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NewProject => formatter.write_str("publish a new project"),
            Self::NewVersion => formatter.write_str("publish a new version"),
            Self::Read { path, accept, again } => {
                let form = if *accept == JSON { "JSON" } else { "HTML" };
                write!(formatter, "read {path} as {form}, {}", if *again { 304 } else { 200 })
            }
        }
    }
}

/// A registry whose bucket was filled by hand and then reindexed.
pub struct Mount {
    /// How many there were at first.
    pub projects: usize,
    pub reindexed_in: Duration,
    _registry: Registry,
    uploader: Actor,
    published: usize,
}

impl Mount {
    /// `project-0`, `project-1`, …, each with one wheel.
    pub async fn of(projects: usize) -> Self {
        let registry = Registry::start(Options::pypi()).await;
        let packages = registry.home().objects().join("pypi/packages");
        for number in 0..projects {
            let wheel = Distribution::wheel(&format!("project-{number}"), "1.0");
            let folder = packages.join(wheel.project());
            fs::create_dir_all(&folder).expect("a folder");
            fs::write(folder.join(&wheel.filename), &wheel.content).expect("an object");
        }
        let started = Instant::now();
        registry.order(&["reindex"]).await.expect(0);
        let reindexed_in = started.elapsed();
        let uploader = registry.uploader().await;
        let mount = Self { projects, reindexed_in, _registry: registry, uploader, published: 0 };
        assert_eq!(mount.listed().await, projects, "all of them are listed");
        mount
    }

    /// How many projects the list has now.
    pub async fn listed(&self) -> usize {
        let list = self.uploader.clone().with_header("accept", JSON).get("/simple/").await.expect(200).json();
        list["projects"].as_array().map_or(0, Vec::len)
    }

    /// Takes it once, and tells how long it took from the client's view.
    pub async fn time(&mut self, step: Step) -> Duration {
        let number = self.published;
        let (name, version) = match step {
            Step::NewProject => (format!("new-{number}"), "1.0".to_owned()),
            Step::NewVersion => (format!("project-{}", number % self.projects), format!("2.{number}")),
            Step::Read { path, accept, again } => return self.time_read(path, accept, again).await,
        };
        self.published += 1;
        let wheel = Distribution::wheel(&name, &version);
        let started = Instant::now();
        wheel.upload(&self.uploader).await.expect(200);
        started.elapsed()
    }

    async fn time_read(&self, path: &str, accept: &str, again: bool) -> Duration {
        let mut by = self.uploader.clone().with_header("accept", accept);
        if again {
            let etag = by.get(path).await.expect(200).header("etag").to_owned();
            by = by.with_header("if-none-match", &etag);
        }
        let started = Instant::now();
        by.get(path).await.expect(if again { 304 } else { 200 });
        started.elapsed()
    }
}
