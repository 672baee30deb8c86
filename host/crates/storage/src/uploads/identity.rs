//! The ids of uploads. They are UUIDs of version 8. The first 48 bits are a digest of the owner, so
//! that a listing groups the owner's uploads. The others are random.

use uuid::Builder;

/// The bytes of an id that identify the owner.
const OWNER_BYTES: usize = 6;
/// The number of characters of these bytes in an id, with hyphens: `xxxxxxxx-xxxx-`.
const OWNER_TEXT: usize = 14;

/// The uploads of one owner in one scope.
pub struct Group {
    owner: [u8; OWNER_BYTES],
    prefix: String,
}

impl Group {
    pub fn new(scope: &str, owner: &str) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [scope, owner] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut group = Self { owner: [0; OWNER_BYTES], prefix: String::new() };
        hasher.finalize_xof().fill(&mut group.owner);
        group.prefix = group.new_id().chars().take(OWNER_TEXT).collect();
        group
    }

    /// The prefix of all its ids.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Hard to guess.
    pub fn new_id(&self) -> String {
        let mut bytes: [u8; 16] = rand::random();
        for (byte, owner) in bytes.iter_mut().zip(self.owner) {
            *byte = owner;
        }
        Builder::from_custom_bytes(bytes).into_uuid().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_one_owner_begin_alike_and_no_other() {
        let group = Group::new("a/", "ann");
        let ids = [group.new_id(), group.new_id()];
        assert!(ids.iter().all(|id| id.starts_with(group.prefix()) && id.len() == 36), "{ids:?}");
        assert_ne!(ids[0], ids[1]);
        for other in [Group::new("a/", "bob"), Group::new("b/", "ann"), Group::new("a/a", "nn")] {
            assert_ne!(other.prefix(), group.prefix());
        }
    }
}
