//! A Cargo registry as it grows: publishes, index reads and downloads of a crate with few
//! versions, of one with ten thousand, and of one with few among ten thousand other crates.
//! Each in turn, so that all three meet the same moments of the machine.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use packhouse_tests::cargo::{self, Crate};
use packhouse_tests::{Actor, Options, Registry, accounts};

use crate::report::median;

/// What is measured so often; even, since places are taken there and back.
const TIMES: usize = 100;
const MEASURED: &str = "measured";
const FEW: usize = 10;
const MANY: usize = 10_000;

/// Three registries on the file system, in the same order each time.
pub async fn measure() {
    let mut places = [
        Place::start("of 10 versions", FEW, 0).await,
        Place::start("of 10 000 versions", MANY, 0).await,
        Place::start("of 10 versions, among 10 000 other crates", FEW, MANY).await,
    ];
    for number in 0..TIMES {
        // There and back: what follows the large one waits for the same disk.
        places.reverse();
        for place in &mut places {
            place.measure(number).await;
        }
    }
    let [few, many, crowded] = &places;
    for (what, of) in [("publish", 0), ("index-get", 1), ("index-304", 2), ("download", 3)] {
        let ratio = |place: &Place| milliseconds(&place.times[of], 50) / milliseconds(&few.times[of], 50);
        println!("cargo-{what} of 10000 versions / of 10 = {:.2} (of its time)", ratio(many));
        println!("cargo-{what} among 10000 crates / alone = {:.2} (of its time)", ratio(crowded));
    }
    for place in &places {
        place.print();
    }
}

struct Place {
    name: &'static str,
    registry: Registry,
    publisher: Actor,
    /// Publishes, full index files, 304s, downloads.
    times: [Vec<Duration>; 4],
    /// Writing and syncing a file as large as the index, which a publish does too.
    disk: Vec<Duration>,
    size: usize,
}

impl Place {
    async fn start(name: &'static str, versions: usize, others: usize) -> Self {
        let registry = Registry::start(Options::cargo().environment("PACKHOUSE_LOG", "error")).await;
        let objects = registry.home().objects();
        write_index(&objects, MEASURED, versions);
        for number in 0..others {
            write_index(&objects, &format!("other-{number}"), 1);
        }
        accounts::run(registry.home(), &["reindex", "cargo"], "").await;
        let publisher = registry.crate_publisher().await;
        Self { name, registry, publisher, times: <[Vec<Duration>; 4]>::default(), disk: Vec::new(), size: 0 }
    }

    async fn measure(&mut self, number: usize) {
        let (version, publisher) = (Crate::new(MEASURED, &format!("2.0.{number}")), self.publisher.clone());
        self.take(0, version.publish(&publisher)).await.expect(200);
        let path = version.index_path();
        let index = self.take(1, publisher.get(&path)).await.expect(200);
        let same = publisher.clone().with_header("if-none-match", index.header("etag"));
        self.take(2, same.get(&path)).await.expect(304);
        let file = self.take(3, publisher.get(&version.download_path())).await.expect(200);
        assert!(file.body == version.archive(), "what was published");
        self.size = index.body.len();
        self.disk.push(write_and_sync(&self.registry.home().path().join("probe"), &index.body));
    }

    async fn take<T>(&mut self, of: usize, work: impl Future<Output = T>) -> T {
        let begun = Instant::now();
        let done = work.await;
        self.times[of].push(begun.elapsed());
        done
    }

    fn print(&self) {
        let told = |times: &[Duration]| {
            format!("{:.1} ms (95 of 100 below {:.1})", milliseconds(times, 50), milliseconds(times, 95))
        };
        let [publish, full, unchanged, download] = &self.times;
        println!(
            "  {}: publish {}, index of {} kB {}",
            self.name,
            told(publish),
            self.size / 1000,
            told(full)
        );
        println!("    304 {}, download {}", told(unchanged), told(download));
        println!("    write and fsync of such an index alone {}", told(&self.disk));
    }
}

fn write_index(objects: &Path, name: &str, versions: usize) {
    let file = objects.join(format!("cargo/index{}", cargo::index_path(name)));
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder of ours");
    fs::write(file, cargo::index_of(name, versions)).expect("room on the disk");
}

fn write_and_sync(path: &Path, bytes: &[u8]) -> Duration {
    let begun = Instant::now();
    let mut file = fs::File::create(path).expect("a file of ours");
    std::io::Write::write_all(&mut file, bytes).expect("room on the disk");
    file.sync_all().expect("it reaches the disk");
    begun.elapsed()
}

/// So many of a hundred took less.
fn milliseconds(times: &[Duration], percent: usize) -> f64 {
    if percent == 50 {
        return median(times.iter().map(Duration::as_secs_f64)) * 1000.0;
    }
    let mut sorted = times.to_vec();
    sorted.sort();
    sorted[sorted.len() * percent / 100].as_secs_f64() * 1000.0
}
