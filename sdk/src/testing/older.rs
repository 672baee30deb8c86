//! What every plugin has to do about a document that is an older copy of itself, e.g. from a backup:
//! nothing is built on it, maintenance names it, and nothing of what is stored goes.

use std::collections::{BTreeMap, BTreeSet};

use super::{Host, Reply};
use crate::maintenance::Maintenance;
use crate::time::{DAY, MINUTE, SECOND};

/// Ages of the copy, in milliseconds, and whether this time passes after the copy was restored.
const AGES: [(u64, bool); 6] =
    [(0, true), (SECOND, true), (10 * MINUTE, true), (10 * MINUTE, false), (2 * DAY, true), (2 * DAY, false)];

/// The name of a change, and the request that makes it.
pub type Change = (&'static str, fn(&Host) -> Reply);

/// Tests what a protocol does if a document is an older copy of itself: a document, and how to make
/// two of its states.
///
/// ```
/// use packhouse_plugin::maintenance::{Maintenance, Step, Stored};
/// use packhouse_plugin::storage::Json;
/// use packhouse_plugin::testing::{Host, Older};
/// use packhouse_plugin::{Description, Error, Failure, Protocol, Request, Response, Router};
///
/// struct Names;
/// fn names() -> Json<Vec<String>> { Json::at("names.json").proven() }
/// fn add(name: &str) -> Result<(), Error> {
///     names().update(|there| {
///         let mut names = there.unwrap_or_default();
///         names.push(name.to_owned());
///         Ok::<_, Error>(Some(names))
///     })?;
///     Ok(())
/// }
/// impl Protocol for Names {
///     fn describe() -> Description { Description::new("names", "Names", "0.1.0") }
///     fn handle(request: Request) -> Response {
///         let mut router = Router::<Failure>::new();
///         router = router.put("/bob", |_| Ok(add("bob").map(|()| Response::new(201))?));
///         router.handle(request)
///     }
/// }
/// impl Maintenance for Names {
///     fn verify(step: &Step<'_>) -> Result<(), Error> {
///         let stored = Stored::read("names.json", |document| Ok(Stored::Ours(document, ())))?;
///         stored.damage().iter().for_each(|why| step.damaged("names.json", why));
///         Ok(())
///     }
///     fn collect(step: &Step<'_>) -> Result<(), Error> { Names::verify(step) }
///     fn reindex(_: &Step<'_>) -> Result<(), Error> { Ok(()) }
/// }
///
/// fn begin() -> Host {
///     let host = Host::new();
///     add("ann").expect("it is the first");
///     host
/// }
/// let names = Older { document: "names.json", begin, go_on: |_| add("zoe").expect("ann is there") };
/// names.assert_refused(&[("add", |host| host.anonymous().put("/bob").send::<Names>())]);
/// names.assert_kept::<Names>();
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Older {
    /// Its key.
    pub document: &'static str,
    /// Makes a host with the first state.
    pub begin: fn() -> Host,
    /// Makes the second state of the document.
    pub go_on: fn(&Host),
}

impl Older {
    /// Makes both states, and then restores the first one. If `is_aged`, `age` milliseconds pass
    /// after that; otherwise before that. Also returns the second state.
    pub fn restored(&self, age: u64, is_aged: bool) -> (Host, Vec<u8>) {
        let host = (self.begin)();
        let read = |host: &Host| host.object(self.document).unwrap_or_default();
        let older = read(&host);
        (self.go_on)(&host);
        let newest = read(&host);
        assert_ne!(older, newest, "there must be two states of {}", self.document);
        if is_aged {
            self.insert(&host, &older);
        }
        host.set_now(host.now() + age);
        if !is_aged {
            self.insert(&host, &older);
        }
        (host, newest)
    }

    /// Asserts that each of these changes is answered with 500, names the document in the log, and
    /// changes nothing.
    #[track_caller]
    pub fn assert_refused(&self, changes: &[Change]) {
        for (age, is_aged) in AGES {
            for (what, change) in changes {
                let (host, _) = self.restored(age, is_aged);
                let before = content(&host);
                let reply = change(&host);
                assert_eq!(reply.status(), 500, "{what} after {age}: {}", reply.text());
                let is_logged = host.log().iter().any(|line| format!("{line:?}").contains(self.document));
                assert!(is_logged, "{what}: the log must name {}", self.document);
                assert_eq!(changed(&host, &before), Vec::<String>::new(), "{what} after {age}");
            }
        }
    }

    /// Asserts that `verify` and `gc` name the document and change nothing, that `verify` says what to
    /// do, and that both report nothing after the newest copy was restored.
    #[track_caller]
    pub fn assert_kept<P: Maintenance>(&self) {
        for (age, is_aged) in AGES {
            let (host, newest) = self.restored(age, is_aged);
            let before = content(&host);
            let damaged = Ok(vec![self.document.to_owned()]);
            let run = host.upkeep().verify::<P>();
            let told = run.as_ref().map(|run| run.lines.join("\n")).unwrap_or_default();
            assert_eq!(run.map(|run| run.damaged), damaged);
            assert!(told.contains("restore the newest copy"), "verify must say what to do: {told}");
            for run in [host.upkeep(), host.upkeep().removing_orphans()] {
                let run = run.older_than(0).collect::<P>();
                let told = run.map(|run| (run.damaged, run.left_over));
                assert_eq!(told, damaged.clone().map(|damaged| (damaged, Vec::new())), "after {age}");
            }
            assert_eq!(changed(&host, &before), Vec::<String>::new(), "maintenance after {age}");
            self.insert(&host, &newest);
            assert_eq!(host.upkeep().verify::<P>().map(|run| run.damaged), Ok(Vec::new()));
        }
    }

    /// Asserts that `reindex` makes the document again from what else is stored, that a dry run says so
    /// before, and that `verify` and another `reindex` then find nothing. Then `look` gets the host and
    /// the newest copy.
    #[track_caller]
    pub fn assert_made_anew<P: Maintenance>(&self, look: impl Fn(&Host, &[u8])) {
        for (age, is_aged) in AGES {
            let (host, newest) = self.restored(age, is_aged);
            let before = content(&host);
            let is_rebuilt = |keys: &[String]| keys.iter().any(|key| key == self.document);
            let dry = host.upkeep().dry_run().reindex::<P>().map(|run| is_rebuilt(&run.rebuilt));
            assert_eq!(dry, Ok(true), "a dry run after {age}");
            assert_eq!(changed(&host, &before), Vec::<String>::new(), "a dry run after {age}");
            let run = host.upkeep().reindex::<P>().map(|run| (is_rebuilt(&run.rebuilt), run.damaged));
            assert_eq!(run, Ok((true, Vec::new())), "after {age}");
            for run in [host.upkeep().verify::<P>(), host.upkeep().reindex::<P>()] {
                let told = run.map(|run| (run.damaged, run.rebuilt));
                assert_eq!(told, Ok((Vec::new(), Vec::new())), "once it is made anew, after {age}");
            }
            look(&host, &newest);
        }
    }

    fn insert(&self, host: &Host, bytes: &[u8]) {
        assert!(host.insert(self.document, bytes).is_ok(), "{} must be a key", self.document);
    }
}

type Content = BTreeMap<String, Vec<u8>>;

/// All that is stored.
fn content(host: &Host) -> Content {
    host.objects().into_iter().filter_map(|key| Some((key.clone(), host.object(&key)?))).collect()
}

/// The keys whose content is another one now.
fn changed(host: &Host, before: &Content) -> Vec<String> {
    let now = content(host);
    let keys: BTreeSet<&String> = now.keys().chain(before.keys()).collect();
    keys.into_iter().filter(|key| now.get(*key) != before.get(*key)).cloned().collect()
}
