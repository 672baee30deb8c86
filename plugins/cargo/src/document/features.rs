//! The two members for features in an index line. Features with `dep:` or `name?/` are in `features2`,
//! which versions of cargo that cannot read them ignore.

use std::collections::{BTreeMap, BTreeSet};

/// A feature's name, and what it turns on.
pub type Features = BTreeMap<String, Vec<String>>;

/// `features` and `features2`. What turns on a feature of `features2` is one of them too.
pub fn split(features: &Features) -> (Features, Features) {
    let mut turned_on_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut unread = Vec::new();
    for (name, values) in features {
        if values.iter().any(|value| value.starts_with("dep:") || value.contains("?/")) {
            unread.push(name.as_str());
        }
        for value in values {
            turned_on_by.entry(value).or_default().push(name);
        }
    }
    let mut new: BTreeSet<&str> = unread.iter().copied().collect();
    // Each once: a chain of thousands is a publisher's to send.
    while let Some(name) = unread.pop() {
        let by = turned_on_by.get(name).map(Vec::as_slice).unwrap_or_default();
        unread.extend(by.iter().copied().filter(|by| new.insert(by)));
    }
    features
        .iter()
        .map(|(name, values)| (name.clone(), values.clone()))
        .partition(|(name, _)| !new.contains(name.as_str()))
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

    #[test]
    fn a_long_chain_is_split_in_one_go() {
        let many = vec!["x".to_owned(); 5000];
        let mut all: Features = (0..40).map(|number| (format!("wide-{number}"), many.clone())).collect();
        all.extend((1..5000).map(|number| (format!("f{number}"), vec![format!("f{}", number - 1)])));
        all.insert("f0".to_owned(), vec!["dep:x".to_owned()]);
        let (old, new) = split(&all);
        assert_eq!((old.len(), new.len()), (40, 5000));
    }
}
