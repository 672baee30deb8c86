//! What a bad plugin could do while it collects.

use std::hint::black_box;

use packhouse_plugin::maintenance::Step;
use packhouse_plugin::storage::{self, Precondition};
use packhouse_plugin::{Error, auth};

/// One trick; an unknown one is an error of the plugin's own.
pub fn play(trick: &str, step: &Step<'_>) -> Result<(), Error> {
    match trick {
        "panic" => panic_at_once(),
        "loop" => loop_for_ever(),
        "circle" => step.set_cursor(if step.cursor().as_deref() == Some("a") { "b" } else { "a" }),
        "long-cursor" => step.set_cursor(&"x".repeat(5000)),
        "ask-who" => drop(auth::caller()),
        "ask-may" => drop(auth::check("package", "x", "read")),
        "write" => return storage::put("changed", b"", Precondition::Any, None).map(drop),
        "report-for-ever" => report_for_ever(step),
        "control-characters" => step.left_over("a\u{1b}[2Jb", 1, "\r\nnpm: all is well"),
        "panic-after-removing" => {
            remove_all(step)?;
            panic_at_once();
        }
        "remember" => return remember(step),
        other => return Err(Error::Invalid(format!("index.json cannot be read: {other}"))),
    }
    Ok(())
}

#[expect(clippy::panic, reason = "that is what this fixture is for")]
pub fn panic_at_once() {
    panic!("as asked");
}

pub fn loop_for_ever() {
    let mut number = 1_u64;
    while black_box(number) != 0 {
        number = number.wrapping_mul(6_364_136_223_846_793_005) | 1;
    }
}

fn report_for_ever(step: &Step<'_>) {
    for number in 0..1_000_000 {
        step.damaged(&format!("key-{number}"), "so it says");
    }
}

fn remove_all(step: &Step<'_>) -> Result<(), Error> {
    for blob in storage::list("blobs/") {
        let blob = blob?;
        step.remove(&blob)?;
        step.left_over(&blob.key, blob.size, "all of them go");
    }
    Ok(())
}

/// Words last over steps and are told apart.
fn remember(step: &Step<'_>) -> Result<(), Error> {
    let words: Vec<String> = (0..25_000).map(|number| format!("word {number}")).collect();
    if step.cursor().is_none() {
        step.remember(&words);
        step.set_cursor("second step");
        return Ok(());
    }
    let all = step.remembered(&words).iter().all(|known| *known);
    let none = step.remembered(&["word 25000", ""]).iter().all(|known| !*known);
    if all && none { Ok(()) } else { Err(Error::Invalid("words were forgotten".to_owned())) }
}
