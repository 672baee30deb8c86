//! Makes a new input of those that exist.

use crate::random::Random;

/// What means something to many parsers.
const WORDS: [&str; 36] = [
    "\"",
    "\\",
    ",",
    ";",
    ":",
    "=",
    "/",
    ".",
    "..",
    "../",
    "*",
    "%",
    "%2f",
    "%00",
    "?",
    "#",
    "&",
    "@",
    "-",
    "_",
    "+",
    " ",
    "\t",
    "\r\n",
    "\n",
    "\0",
    "0",
    "-1",
    "01",
    "18446744073709551615",
    "18446744073709551616",
    "\u{fe0f}",
    "é",
    "\u{1f600}",
    "{",
    "}",
];
const BYTES: [u8; 8] = [0, 1, 0x20, 0x7f, 0x80, 0xc3, 0xfe, 0xff];
/// The longest run that one change adds.
const LONGEST_RUN: usize = 32 << 10;

/// A copy of one of `inputs` with one to six changes; at times only random bytes.
pub(crate) fn changed(inputs: &[Vec<u8>], words: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    if random.below(64) == 0 {
        return (0..random.length(300)).map(|_| random.byte()).collect();
    }
    let mut input = random.pick(inputs).cloned().unwrap_or_default();
    for _ in 0..=random.below(6) {
        change(&mut input, inputs, words, random);
    }
    input
}

fn change(input: &mut Vec<u8>, inputs: &[Vec<u8>], words: &[Vec<u8>], random: &mut Random) {
    let start = random.below(input.len() + 1);
    let end = start + random.length(input.len() - start);
    match random.below(14) {
        0 | 1 => replace_byte(input, start, |byte, random| byte ^ (1 << random.below(8)), random),
        2 => replace_byte(input, start, |_, random| random.byte(), random),
        3 => replace_byte(input, start, |_, random| random.pick(&BYTES).copied().unwrap_or_default(), random),
        4 => replace_byte(
            input,
            start,
            |byte, random| byte.wrapping_add_signed(if random.below(2) == 0 { 1 } else { -1 }),
            random,
        ),
        5 | 6 => drop(input.drain(start..end)),
        7 | 8 => drop(input.splice(start..start, word(words, random))),
        9 => drop(input.splice(start..end, word(words, random))),
        10 => repeat(input, start, end, random),
        11 => input.truncate(start),
        12 => {
            let other = random.pick(inputs).cloned().unwrap_or_default();
            let from = random.below(other.len() + 1);
            input.truncate(start);
            input.extend(other.into_iter().skip(from));
        }
        _ => move_part(input, start, end, random),
    }
}

fn replace_byte(input: &mut [u8], at: usize, with: impl FnOnce(u8, &mut Random) -> u8, random: &mut Random) {
    if let Some(byte) = input.get_mut(at) {
        *byte = with(*byte, random);
    }
}

fn word(words: &[Vec<u8>], random: &mut Random) -> Vec<u8> {
    let own = random.below(2) == 0;
    let chosen = if own { random.pick(words).cloned() } else { None };
    chosen.unwrap_or_else(|| random.pick(&WORDS).map(|word| word.as_bytes().to_vec()).unwrap_or_default())
}

/// The part again and again behind itself.
fn repeat(input: &mut Vec<u8>, start: usize, end: usize, random: &mut Random) {
    let part: Vec<u8> = input.get(start..end).unwrap_or_default().to_vec();
    let times = random.length(LONGEST_RUN / part.len().max(1));
    drop(input.splice(end..end, part.repeat(times)));
}

fn move_part(input: &mut Vec<u8>, start: usize, end: usize, random: &mut Random) {
    let part: Vec<u8> = input.drain(start..end).collect();
    let to = random.below(input.len() + 1);
    drop(input.splice(to..to, part));
}
