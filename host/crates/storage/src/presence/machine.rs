//! Identifies this process on its machine, so that a killed process is known to be dead at once.
//! This works on Linux only.

use std::fs;

use serde::{Deserialize, Serialize};

/// A process, distinct from all earlier and later ones.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    /// The boot, and the namespace of process numbers.
    boot: String,
    namespace: String,
    id: u32,
    /// In ticks since the boot.
    began: String,
}

impl Process {
    pub fn this() -> Option<Self> {
        let (boot, namespace) = surroundings()?;
        let id = std::process::id();
        Some(Self { boot, namespace, id, began: beginning_of(id)? })
    }

    /// False unless it is certain: a process of another machine may be alive.
    pub fn is_gone(&self) -> bool {
        let is_ours =
            surroundings().is_some_and(|(boot, namespace)| boot == self.boot && namespace == self.namespace);
        is_ours && beginning_of(self.id).as_ref() != Some(&self.began)
    }
}

fn surroundings() -> Option<(String, String)> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
    Some((boot.trim().to_owned(), namespace.to_string_lossy().into_owned()))
}

/// None if there is no such process, or it has ended. Its name is in brackets and may contain any
/// character.
fn beginning_of(id: u32) -> Option<String> {
    let line = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let mut fields = line.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?;
    // Field 22 of the line, after the number, the name and the state.
    let began = fields.nth(18)?.to_owned();
    (!matches!(state, "Z" | "X")).then_some(began)
}

/// For people.
pub(super) fn name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_process_that_has_ended_is_gone() {
        let here = Process::this().unwrap();
        assert!(!here.is_gone());
        assert!(Process { began: "1".into(), ..here.clone() }.is_gone());
        assert!(!Process { boot: "another machine".into(), began: "1".into(), ..here }.is_gone());
    }
}
