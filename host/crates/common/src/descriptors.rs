//! Divides the file descriptors of the process among connections, files of requests, and the host
//! itself.

use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, getrlimit, setrlimit};

/// Descriptors of the host itself: plugins, the user database, the log, and connections that are
/// being rejected.
const OWN: u64 = 128;
/// The fewest descriptors that the host can work with.
const LEAST: u64 = 224;
/// Files that responses keep open while they are sent, per request.
const SENT_PER_REQUEST: u64 = 8;
/// Files that a request opens for a moment, for example a staged file and a lock.
const BRIEF_PER_REQUEST: u64 = 2;
/// The part of a low limit that is for such files.
const BRIEF_PART: u64 = 6;
/// Files that one file system call opens for a moment: a file, a lock, a folder.
const FILES_PER_THREAD: u64 = 3;
/// Threads for file system calls.
const MOST_THREADS: usize = 512;

/// The limits that follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    pub connections: u64,
    /// Files that requests keep open.
    pub files: u64,
}

/// The system's limit is too low for the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    limit: u64,
    wanted: u64,
}

/// Raises the limit of this process as far as the system allows, and returns it.
pub fn raise_limit() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    let before = limit.current;
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(error = %error, "the limit of open files stays as it is: {error}");
        limit.current = before;
    }
    limit.current.unwrap_or(u64::MAX)
}

/// The present limit of this process.
pub fn limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Divides `limit` descriptors. If there are too few, each part is smaller than configured.
pub fn share_out(limit: u64, max_connections: u64, max_requests: u64) -> (Descriptors, Option<Shortage>) {
    let brief = max_requests.saturating_mul(BRIEF_PER_REQUEST);
    let wanted = [max_connections, max_requests.saturating_mul(SENT_PER_REQUEST), brief, OWN];
    let wanted = wanted.into_iter().fold(0, u64::saturating_add);
    if wanted <= limit {
        let files = limit - OWN - max_connections - brief;
        return (Descriptors { connections: max_connections, files }, None);
    }
    let rest = limit.saturating_sub(OWN);
    let brief = rest / BRIEF_PART;
    let connections = (rest / 2).clamp(1, max_connections);
    let files = rest.saturating_sub(connections + brief).max(1);
    (Descriptors { connections, files }, Some(Shortage { limit, wanted }))
}

/// How many threads may call the file system, if each opens a few files for a moment.
pub fn threads(limit: u64) -> usize {
    let brief = limit.saturating_sub(OWN) / BRIEF_PART;
    usize::try_from(brief / FILES_PER_THREAD).unwrap_or(MOST_THREADS).clamp(4, MOST_THREADS)
}

/// Whether the process or the whole system has reached its limit of open files. This is temporary.
pub fn is_out_of_descriptors(error: &io::Error) -> bool {
    let code = error.raw_os_error();
    code == Some(Errno::MFILE.raw_os_error()) || code == Some(Errno::NFILE.raw_os_error())
}

impl Shortage {
    /// Why the host cannot work with this limit, if it cannot.
    pub fn refusal(self) -> Option<String> {
        (self.limit < LEAST).then(|| {
            format!(
                "the system allows {} open files, and the host needs at least {LEAST}: raise the limit \
                 (`ulimit -n`, or LimitNOFILE= of systemd)",
                self.limit
            )
        })
    }

    /// What the configuration requests in vain.
    pub fn warning(self, got: Descriptors) -> String {
        format!(
            "the system allows {} open files, and [server.limits] asks for up to {}: the host accepts {} \
             connections at a time; raise the limit (`ulimit -n`, or LimitNOFILE= of systemd), or lower \
             max_connections and max_requests",
            self.limit, self.wanted, got.connections
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]
    use super::*;

    #[test]
    fn with_enough_descriptors_everything_is_as_configured() {
        let (descriptors, shortage) = share_out(1 << 20, 10_000, 512);
        assert_eq!(shortage, None);
        assert_eq!(descriptors.connections, 10_000);
        assert!(descriptors.files > 1_000_000);
    }

    #[test]
    fn with_too_few_the_parts_fit_into_the_limit() {
        for limit in [224, 256, 1024, 4096, 15_000] {
            let (descriptors, shortage) = share_out(limit, 10_000, 512);
            let Descriptors { connections, files } = descriptors;
            let threads = threads(limit) as u64;
            assert!(connections + files + threads * 3 + OWN <= limit, "{limit}: {descriptors:?}");
            assert!(connections >= 16 && files >= 16 && threads >= 4, "{limit}: {descriptors:?}");
            let shortage = shortage.unwrap();
            assert_eq!(shortage.refusal(), None);
            let warning = shortage.warning(descriptors);
            assert!(warning.contains(&format!("allows {limit} open files")), "{warning}");
        }
    }

    #[test]
    fn with_next_to_none_the_host_refuses() {
        let (_, shortage) = share_out(128, 10_000, 512);
        assert!(shortage.unwrap().refusal().unwrap().contains("raise the limit"));
    }
}
