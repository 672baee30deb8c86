//! `rust-version`: the oldest Rust that a crate supports, e.g. `1.70`.

use semver::{Op, Version, VersionReq};

/// Whether cargo can read it: one to three numbers, and nothing else.
pub fn is_valid(text: &str) -> bool {
    if let Ok(version) = Version::parse(text) {
        return version.pre.is_empty() && version.build.is_empty();
    }
    // As cargo does, a version with fewer numbers is read as a requirement without an operator.
    if text.contains(['<', '>', '=', '^', '~', '*', ',']) {
        return false;
    }
    let requirement = VersionReq::parse(text).map(|requirement| requirement.comparators);
    requirement.is_ok_and(|all| matches!(all.as_slice(), [one] if one.op == Op::Caret && one.pre.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rust_version_is_up_to_three_numbers() {
        for text in ["1", "1.70", "1.70.0"] {
            assert!(is_valid(text), "{text}");
        }
        for text in
            ["abc", "stable", "^1.70", "=1.70.0", "1.70.0.0", "1.70.0-nightly", "1.70.0+x", "1.x", "1.*", ""]
        {
            assert!(!is_valid(text), "{text}");
        }
    }
}
