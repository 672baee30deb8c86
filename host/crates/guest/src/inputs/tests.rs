//! What is recorded, and what a reply depends on that cannot be remembered.
#![allow(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::time::Duration;

use super::*;

fn key(text: &str) -> Key {
    Key::parse(text).unwrap()
}

fn info(version: &str) -> ObjectInfo {
    ObjectInfo {
        key: "ignored".to_owned(),
        size: 1,
        version: version.to_owned(),
        modified: Some(SystemTime::UNIX_EPOCH),
        content_type: None,
    }
}

fn inputs() -> Inputs {
    Inputs::of_reply(Vec::new())
}

fn check(name: &str) -> Question {
    Question::Check {
        kind: "thing".into(),
        name: name.into(),
        action: "read".into(),
        ids: Vec::new(),
        names: Vec::new(),
    }
}

fn reasons(inputs: Inputs) -> Vec<Reason> {
    inputs.finish().reasons.into_iter().collect()
}

#[test]
fn an_object_is_recorded_with_its_version_and_a_missing_one_as_absent() {
    let mut inputs = inputs();
    for _ in 0..2 {
        inputs.reads(&key("a"));
        inputs.found(&key("a"), Some(&info("1")));
        inputs.reads(&key("b"));
        inputs.found(&key("b"), None);
    }
    let inputs = inputs.finish();
    let version = Found::Object { version: "1".into(), modified: Some(SystemTime::UNIX_EPOCH) };
    assert_eq!(inputs.objects, BTreeMap::from([(key("a"), version), (key("b"), Found::Absent)]));
    assert!(inputs.can_be_remembered());
}

#[test]
fn a_read_that_did_not_end_is_a_reason() {
    let mut inputs = inputs();
    inputs.reads(&key("a"));
    assert_eq!(reasons(inputs), [Reason::Failed]);
}

#[test]
fn an_object_with_two_states_in_one_request_is_a_reason() {
    let later = ObjectInfo { modified: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(1)), ..info("1") };
    for second in [None, Some(info("2")), Some(later)] {
        let mut inputs = inputs();
        inputs.reads(&key("a"));
        inputs.found(&key("a"), Some(&info("1")));
        inputs.reads(&key("a"));
        inputs.found(&key("a"), second.as_ref());
        assert_eq!(reasons(inputs), [Reason::Changed]);
    }
}

#[test]
fn an_answer_that_changes_during_the_request_is_a_reason() {
    let mut inputs = inputs();
    inputs.asked(check("a"), Answer::Decision(Decision::Granted));
    inputs.asked(check("a"), Answer::Decision(Decision::Granted));
    assert!(inputs.can_be_remembered());
    inputs.asked(check("a"), Answer::Decision(Decision::Forbidden));
    assert_eq!(reasons(inputs), [Reason::Changed]);
}

#[test]
fn the_reply_expires_when_the_first_moment_comes() {
    let mut inputs = inputs();
    inputs.passed(5, true);
    assert_eq!(inputs.expires, None);
    inputs.passed(30, false);
    inputs.passed(20, false);
    inputs.passed(40, false);
    assert_eq!(inputs.expires, Some(20));
}

#[test]
fn more_inputs_than_the_bound_are_not_recorded_and_a_reason() {
    let mut inputs = inputs();
    for number in 0..MOST_INPUTS {
        inputs.reads(&key(&number.to_string()));
        inputs.found(&key(&number.to_string()), None);
    }
    assert!(inputs.can_be_remembered());
    for more in ["a", "b"] {
        inputs.reads(&key(more));
        inputs.found(&key(more), None);
        inputs.lists(more);
        inputs.asked(check(more), Answer::Bool(true));
    }
    assert_eq!(inputs.objects.len(), MOST_INPUTS);
    assert_eq!((inputs.prefixes.len(), inputs.questions.len()), (0, 0));
    assert_eq!(reasons(inputs), [Reason::TooMany]);
}

#[test]
fn the_names_of_a_question_count_as_inputs_and_so_do_their_bytes() {
    let filter = |names| Question::Filter { kind: "thing".into(), names, action: "read".into() };
    let mut many = inputs();
    many.asked(filter(vec!["a".to_owned(); MOST_INPUTS]), Answer::Each(Vec::new()));
    assert_eq!(reasons(many), [Reason::TooMany]);
    let mut large = inputs();
    large.asked(filter(vec!["a".repeat(MOST_BYTES)]), Answer::Each(Vec::new()));
    assert_eq!(reasons(large), [Reason::TooMany]);
}

#[test]
fn headers_above_the_bound_are_a_reason_and_vary_lists_each_name_once() {
    let header = |number: usize| HeaderName::try_from(format!("x-{number}")).unwrap();
    let mut inputs = Inputs::of_reply(vec![header(0)]);
    for number in 0..MOST_HEADERS {
        inputs.header(&header(number), Some("value"));
        inputs.header(&header(number), Some("value"));
    }
    assert!(inputs.can_be_remembered());
    assert_eq!(inputs.vary(), (0..MOST_HEADERS).map(header).collect::<Vec<_>>());
    inputs.header(&header(MOST_HEADERS), None);
    assert_eq!(inputs.headers.len(), MOST_HEADERS);
    assert_eq!(reasons(inputs), [Reason::TooMany]);
}

#[test]
fn work_without_a_reply_records_nothing() {
    let mut inputs = Inputs::off();
    inputs.reads(&key("a"));
    inputs.lists("a");
    inputs.asked(check("a"), Answer::Bool(true));
    inputs.passed(1, false);
    inputs.forget(Reason::Clock);
    inputs.header(&HeaderName::from_static("accept"), None);
    inputs.base_url("http://registry.example.com", &[]);
    assert_eq!(format!("{inputs:?}"), format!("{:?}", Inputs::off()));
}
