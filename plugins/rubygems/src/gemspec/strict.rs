//! What a pushed gem must not say: RubyGems loads it, and then fails to install the gem. Gems that are in
//! a bucket already are still read.

use super::{GemspecError, Kind, Node, yaml};

/// The field of a specification, and of a `Gem::Version`.
const VERSION: &str = "version";

pub fn check(bytes: &[u8]) -> Result<(), GemspecError> {
    let text = std::str::from_utf8(bytes).map_err(|_| GemspecError::NotUtf8)?;
    check_characters(text)?;
    let root = yaml::parse(text).map_err(GemspecError::Yaml)?;
    for what in ["name", VERSION, "platform"] {
        if let Some(node) = root.get(what) {
            check_text(node.get(VERSION).filter(|_| what == VERSION).unwrap_or(node), what)?;
        }
    }
    check_date(&root)?;
    for what in ["required_ruby_version", "required_rubygems_version"] {
        root.get(what).map_or(Ok(()), |node| check_bounds(node, what))?;
    }
    check_dependencies(&root)
}

/// The characters that YAML allows. A byte order mark hides the beginning of the document.
fn check_characters(text: &str) -> Result<(), GemspecError> {
    let is_bad = |(offset, character): &(usize, char)| match character {
        '\t' | '\n' | '\r' | '\u{85}' => false,
        '\u{feff}' => *offset == 0,
        '\u{fffe}' | '\u{ffff}' => true,
        character => character.is_control(),
    };
    text.char_indices().find(is_bad).map_or(Ok(()), |(offset, _)| Err(GemspecError::Character(offset)))
}

fn check_text(node: &Node, what: &'static str) -> Result<(), GemspecError> {
    let unquoted = |text: &str| GemspecError::Unquoted(what, text.chars().take(100).collect());
    node.typed().map_or(Ok(()), |text| Err(unquoted(text)))
}

/// Text has to be a date. Of a number RubyGems makes today.
fn check_date(root: &Node) -> Result<(), GemspecError> {
    let Some(node) = root.get("date") else { return Ok(()) };
    let Some(text) = node.text() else { return Ok(()) };
    let date = text.split([' ', 'T', 't']).next().unwrap_or_default();
    let mut parts = date.split('-').map(str::parse::<u32>);
    let is_day = matches!(
        (parts.next(), parts.next(), parts.next(), parts.next()),
        (Some(Ok(_)), Some(Ok(1..=12)), Some(Ok(1..=31)), None)
    );
    if is_day || node.typed().is_some_and(|text| !text.contains('-')) {
        return Ok(());
    }
    Err(GemspecError::Wrong("date", "a date such as 2026-01-31"))
}

fn check_dependencies(root: &Node) -> Result<(), GemspecError> {
    let Some(node) = root.get("dependencies") else { return Ok(()) };
    let is_nothing = match &node.kind {
        Kind::List(_) => true,
        Kind::Map(entries) => entries.is_empty(),
        Kind::Scalar { .. } => node.text().is_none(),
    };
    if !is_nothing {
        return Err(GemspecError::Wrong("field `dependencies`", "a list"));
    }
    node.items().iter().try_for_each(|dependency| check_dependency(dependency))
}

fn check_dependency(dependency: &Node) -> Result<(), GemspecError> {
    if !dependency.is_a("Gem::Dependency") {
        return Err(GemspecError::Wrong("list of dependencies", "one of Gem::Dependency"));
    }
    let kind = dependency.get("type");
    let is_nothing =
        kind.is_none_or(|kind| matches!(kind.kind, Kind::Scalar { .. }) && kind.text().is_none());
    if !is_nothing && kind.is_none_or(|kind| kind.symbol().is_none()) {
        return Err(GemspecError::Wrong("type of a dependency", "the symbol :runtime or :development"));
    }
    let keys = ["requirement", "version_requirements", "version_requirement"];
    let requirement = keys.iter().find_map(|key| dependency.get(key));
    let is_requirement =
        |node: &&Node| node.is_a("Gem::Requirement") || node.is_a("Gem::Version::Requirement");
    match requirement.filter(is_requirement) {
        Some(requirement) => check_bounds(requirement, "requirement of a dependency"),
        None => Err(GemspecError::Wrong("requirement of a dependency", "a Gem::Requirement")),
    }
}

/// The versions of a requirement.
fn check_bounds(requirement: &Node, what: &'static str) -> Result<(), GemspecError> {
    let bounds = requirement.get("requirements").map(Node::items).unwrap_or_default();
    for bound in bounds {
        if let [_, version] = bound.items() {
            check_text(version.get(VERSION).unwrap_or(version), what)?;
        }
    }
    Ok(())
}
