//! The driver finds what it is there to find.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use super::*;

/// The message of the failure, and the files that it left in the target's folder.
fn failure_of(name: &'static str, property: impl Fn(&[u8]) -> bool) -> (String, Vec<Vec<u8>>) {
    let folder = std::env::temp_dir().join(format!("packhouse-fuzz-{}-{name}", std::process::id()));
    let target = || Target::new(folder.to_str().unwrap(), name).seeds(["(a)", "(b)"]);
    let failure = quiet::run(|| target().check(&property)).unwrap_err();
    let found = target().stored();
    let again = quiet::run(|| target().check(|input| !found.contains(&input.to_vec()) || property(input)));
    assert_eq!(again.is_err(), !found.is_empty(), "a run begins with what was found");
    std::fs::remove_dir_all(&folder).ok();
    (failure, found)
}

#[test]
fn an_input_that_breaks_the_property_is_found_made_small_and_stored() {
    let (failure, found) = failure_of("breaks", |input| {
        assert!(input.split(|byte| *byte == b'(').count() < 4, "too deep");
        true
    });
    assert!(failure.contains("too deep") && failure.contains("\"(((\""), "{failure}");
    assert_eq!(found, [b"((("]);
}

#[test]
fn a_target_whose_parser_accepts_no_seed_fails() {
    let (failure, found) = failure_of("accepts-none", |_| false);
    assert!(failure.contains("accepts none of the seeds"), "{failure}");
    assert!(found.is_empty());
}

#[test]
fn the_default_sample_is_the_same_at_each_run() {
    let inputs = || {
        let seen = std::cell::RefCell::new(Vec::new());
        let target = Target::new("/nonexistent", "sample").seeds(["one", "two"]).words(["three"]);
        target.check(|input| {
            seen.borrow_mut().push(input.to_vec());
            seen.borrow().len() < 100
        });
        let mut seen = seen.into_inner();
        seen.truncate(500);
        seen
    };
    assert_eq!(inputs(), inputs());
}

#[test]
fn pieces_are_the_whole_input_in_order() {
    let input: Vec<u8> = (0..=255).collect();
    for length in 0..input.len() {
        let input = input.get(..length).unwrap();
        assert_eq!(pieces(input).concat(), input);
        assert!(pieces(input).iter().all(|piece| !piece.is_empty()));
        let mut read = Vec::new();
        std::io::Read::read_to_end(&mut InPieces::new(input), &mut read).unwrap();
        assert_eq!(read, input);
    }
}
