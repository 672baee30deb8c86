//! The order of versions, as `ComparableVersion` of Maven 4 has it: numbers by value, known words by
//! their rank, and a dash, a change between digits and letters, or a word behind a dot begins a part of
//! less weight. Maven 3 differs in the last rule. In both, the order of some versions is a circle: `1`,
//! `1L`, `1-0alpha`.

use std::cmp::Ordering;

/// Ranks of words; a version without a word has the rank of the empty one.
const WORDS: [&str; 7] = ["alpha", "beta", "milestone", "rc", "snapshot", "", "sp"];
/// The rank of no word.
const RELEASE: usize = 5;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Item {
    /// Digits without zeros in front.
    Number(String),
    Word(String),
    List(Vec<Item>),
}

/// Which of two versions is the newer one.
pub fn compare(one: &str, other: &str) -> Ordering {
    compare_lists(&parse(one), &parse(other))
}

/// Sorts versions, the oldest first. Equal versions are sorted by their text.
pub fn sort(versions: &mut [String]) {
    // A comparison that the standard library's sort finds to be none would end the request, so this
    // does not depend on it.
    let mut runs: Vec<Vec<(Vec<Item>, String)>> =
        versions.iter().map(|version| vec![(parse(version), version.clone())]).collect();
    while runs.len() > 1 {
        let mut merged = Vec::with_capacity(runs.len().div_ceil(2));
        let mut rest = runs.into_iter();
        while let Some(one) = rest.next() {
            merged.push(match rest.next() {
                Some(other) => merge(one, other),
                None => one,
            });
        }
        runs = merged;
    }
    let sorted = runs.into_iter().flatten().map(|(_, version)| version);
    versions.iter_mut().zip(sorted).for_each(|(place, version)| *place = version);
}

fn merge(one: Vec<(Vec<Item>, String)>, other: Vec<(Vec<Item>, String)>) -> Vec<(Vec<Item>, String)> {
    let mut merged = Vec::with_capacity(one.len() + other.len());
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    while let (Some(first), Some(second)) = (one.peek(), other.peek()) {
        let order = compare_lists(&first.0, &second.0).then_with(|| first.1.cmp(&second.1));
        merged.extend(if order.is_le() { one.next() } else { other.next() });
    }
    merged.extend(one.chain(other));
    merged
}

fn parse(version: &str) -> Vec<Item> {
    // Each list but the first lies at the end of the one before.
    let mut lists: Vec<Vec<Item>> = vec![Vec::new()];
    let push = |lists: &mut Vec<Vec<Item>>, item: &Item| {
        lists.iter_mut().last().into_iter().for_each(|list| list.push(item.clone()));
    };
    let (mut text, mut is_digit) = (String::new(), false);
    for character in version.chars().flat_map(char::to_lowercase) {
        match character {
            '.' | '-' => {
                let item =
                    if text.is_empty() { Item::Number(String::new()) } else { item(&text, is_digit, false) };
                push(&mut lists, &item);
                text.clear();
                if character == '-' {
                    lists.push(Vec::new());
                }
                continue;
            }
            _ if character.is_ascii_digit() != is_digit && !text.is_empty() => {
                push(&mut lists, &item(&text, is_digit, !is_digit));
                text.clear();
                lists.push(Vec::new());
            }
            // A word behind a dot is one behind a dash: `1.0.RC1` is `1.0-RC1`.
            _ if text.is_empty()
                && !character.is_ascii_digit()
                && lists.last().is_some_and(|list| !list.is_empty()) =>
            {
                lists.push(Vec::new());
            }
            _ => {}
        }
        is_digit = character.is_ascii_digit();
        text.push(character);
    }
    if !text.is_empty() {
        push(&mut lists, &item(&text, is_digit, false));
    }
    let mut inner: Option<Vec<Item>> = None;
    while let Some(mut list) = lists.pop() {
        list.extend(inner.take().map(Item::List));
        normalise(&mut list);
        inner = Some(list);
    }
    inner.unwrap_or_default()
}

fn item(text: &str, is_digit: bool, is_before_digit: bool) -> Item {
    if is_digit {
        return Item::Number(text.trim_start_matches('0').to_owned());
    }
    let word = match text {
        "a" if is_before_digit => "alpha",
        "b" if is_before_digit => "beta",
        "m" if is_before_digit => "milestone",
        "ga" | "final" | "release" => "",
        "cr" => "rc",
        word => word,
    };
    Item::Word(word.to_owned())
}

/// Removes items without meaning from the end.
fn normalise(list: &mut Vec<Item>) {
    for at in (0..list.len()).rev() {
        match list.get(at) {
            Some(item) if item.is_nothing() => drop(list.remove(at)),
            Some(Item::List(_)) => {}
            _ => break,
        }
    }
}

impl Item {
    fn is_nothing(&self) -> bool {
        match self {
            Item::Number(text) | Item::Word(text) => text.is_empty(),
            Item::List(list) => list.is_empty(),
        }
    }

    fn compare_to_nothing(&self) -> Ordering {
        match self {
            Item::Number(digits) => {
                if digits.is_empty() {
                    Ordering::Equal
                } else {
                    Ordering::Greater
                }
            }
            Item::Word(word) => rank(word).cmp(&(RELEASE, "")),
            Item::List(list) => list
                .iter()
                .map(Item::compare_to_nothing)
                .find(|order| order.is_ne())
                .unwrap_or(Ordering::Equal),
        }
    }

    /// Between kinds: words, then lists, then numbers.
    fn kind(&self) -> u8 {
        match self {
            Item::Word(_) => 0,
            Item::List(_) => 1,
            Item::Number(_) => 2,
        }
    }
}

/// Unknown words stand behind the known ones, in the order of their letters.
fn rank(word: &str) -> (usize, &str) {
    WORDS.iter().position(|known| *known == word).map_or((WORDS.len(), word), |rank| (rank, ""))
}

fn compare_items(one: &Item, other: &Item) -> Ordering {
    match (one, other) {
        (Item::Number(one), Item::Number(other)) => (one.len(), one).cmp(&(other.len(), other)),
        (Item::Word(one), Item::Word(other)) => rank(one).cmp(&rank(other)),
        (Item::List(one), Item::List(other)) => compare_lists(one, other),
        _ => one.kind().cmp(&other.kind()),
    }
}

fn compare_lists(one: &[Item], other: &[Item]) -> Ordering {
    (0..one.len().max(other.len()))
        .map(|at| match (one.get(at), other.get(at)) {
            (Some(one), Some(other)) => compare_items(one, other),
            (Some(one), None) => one.compare_to_nothing(),
            (None, Some(other)) => other.compare_to_nothing().reverse(),
            (None, None) => Ordering::Equal,
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}
