//! Features in the two places that an index line has for them: those that say `dep:` or
//! `name?/` stand in `features2`, where versions of cargo that cannot read them do not look.

use std::collections::BTreeMap;

/// A feature's name, and what it turns on.
pub type Features = BTreeMap<String, Vec<String>>;

/// `features` and `features2`. What turns on a feature of `features2` is one of them too.
pub fn split(features: &Features) -> (Features, Features) {
    let is_new =
        |values: &Vec<String>| values.iter().any(|value| value.starts_with("dep:") || value.contains("?/"));
    let (mut new, mut old): (Features, Features) =
        features.clone().into_iter().partition(|(_, values)| is_new(values));
    loop {
        let (moved, rest): (Features, Features) =
            old.into_iter().partition(|(_, values)| values.iter().any(|value| new.contains_key(value)));
        old = rest;
        if moved.is_empty() {
            return (old, new);
        }
        new.extend(moved);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn features(pairs: &[(&str, &[&str])]) -> Features {
        let owned = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        pairs.iter().map(|(name, values)| ((*name).to_owned(), owned(values))).collect()
    }

    #[test]
    fn new_syntax_and_what_turns_it_on_stand_apart() {
        let all = features(&[
            ("default", &["std"]),
            ("std", &["json"]),
            ("json", &["dep:serde"]),
            ("weak", &["serde?/alloc"]),
            ("plain", &["other/std"]),
            ("empty", &[]),
        ]);
        let (old, new) = split(&all);
        assert_eq!(old, features(&[("plain", &["other/std"]), ("empty", &[])]));
        assert_eq!(new.keys().collect::<Vec<_>>(), ["default", "json", "std", "weak"]);
    }

    #[test]
    fn old_syntax_needs_no_second_place() {
        let all = features(&[("default", &["std"]), ("std", &[])]);
        assert_eq!(split(&all), (all, Features::new()));
    }
}
