//! The permissions that the caller of one request was found to have, so that they can be verified
//! again before a change. It does not know how a permission is decided.

/// The most permissions. One more replaces the oldest.
const MOST: usize = 256;
/// The most bytes of all of them together.
const MOST_BYTES: usize = 64 << 10;

/// A permission that was granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    pub kind: String,
    pub name: String,
    pub action: String,
    /// Whether it was granted because the caller is a listed owner.
    pub is_owner: bool,
}

impl Permission {
    fn size(&self) -> usize {
        self.kind.len() + self.name.len() + self.action.len()
    }
}

/// Each once, oldest first.
#[derive(Debug, Default)]
pub struct Granted {
    permissions: Vec<Permission>,
    bytes: usize,
}

impl Granted {
    pub fn add(&mut self, kind: &str, name: &str, action: &str, is_owner: bool) {
        let permission =
            Permission { kind: kind.to_owned(), name: name.to_owned(), action: action.to_owned(), is_owner };
        if self.permissions.contains(&permission) {
            return;
        }
        self.bytes += permission.size();
        self.permissions.push(permission);
        // The newest stays, at any size.
        while self.permissions.len() > MOST || self.bytes > MOST_BYTES && self.permissions.len() > 1 {
            self.bytes -= self.permissions.remove(0).size();
        }
    }

    pub fn all(&self) -> &[Permission] {
        &self.permissions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_permission_is_remembered_once_and_their_number_and_size_are_bounded() {
        let mut granted = Granted::default();
        for _ in 0..3 {
            granted.add("package", "demo", "write", false);
        }
        assert_eq!(granted.all().len(), 1);
        for number in 0..MOST {
            granted.add("package", &number.to_string(), "write", false);
        }
        assert_eq!(granted.all().len(), MOST);
        assert!(granted.all().iter().all(|permission| permission.name != "demo"), "the oldest is forgotten");
        granted.add("package", &"x".repeat(MOST_BYTES), "write", true);
        assert!(granted.all().len() == 1 && granted.all().iter().all(|permission| permission.is_owner));
    }
}
