//! The memory of this machine, or of the container in which the host runs.

use std::fs;

/// Assumed if the memory is unknown.
const UNKNOWN: u64 = 4 << 30;
/// Files with a container's limit (control groups, versions 2 and 1).
const CONTAINER_LIMITS: [&str; 2] =
    ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];

/// Bytes.
pub fn memory() -> u64 {
    let machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| total(&text)).unwrap_or(UNKNOWN);
    let limits =
        CONTAINER_LIMITS.iter().filter_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok());
    limits.fold(machine, u64::min)
}

/// The line `MemTotal:       16384000 kB`.
fn total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_total_of_meminfo() {
        let text = "MemTotal:        2048 kB\nMemFree:          1 kB\n";
        assert_eq!(total(text), Some(2 << 20));
        assert_eq!(total("MemFree: 1 kB"), None);
    }
}
