//! What a pushed gem must not say: RubyGems loads it, and then fails to install the gem. Gems that are in
//! a bucket already are still read.

use std::rc::Rc;

use super::{CLASS, GemspecError, Kind, Node, YamlError, yaml};

/// What the text of a specification begins with.
const BEGINNING: &str = "--- ";
/// The field of a specification, and of a `Gem::Version`.
const VERSION: &str = "version";

/// Where a text breaks a line for RubyGems.
const BREAKS: [char; 7] = ['\n', '\u{b}', '\u{c}', '\r', '\u{85}', '\u{2028}', '\u{2029}'];

/// The document as RubyGems reads it.
pub fn parse(bytes: &[u8]) -> Result<Rc<Node>, GemspecError> {
    let text = std::str::from_utf8(bytes).map_err(|_| GemspecError::NotUtf8)?;
    check_characters(text)?;
    let is_begun = text.starts_with(BEGINNING);
    let parsed =
        if is_begun { yaml::parse_pushed(text) } else { yaml::parse_pushed(&format!("{BEGINNING}{text}")) };
    match parsed {
        Ok(root) if root.is_a(CLASS) => Ok(root),
        Ok(_) | Err(YamlError::Syntax(_)) if !is_begun && has_specification(text) => {
            Err(GemspecError::Beginning)
        }
        Ok(_) => Err(GemspecError::NoSpecification),
        Err(error) => Err(GemspecError::Yaml(error)),
    }
}

/// Whether the text is a specification without what RubyGems adds.
fn has_specification(text: &str) -> bool {
    yaml::parse(text).is_ok_and(|root| root.is_a(CLASS))
}

pub fn check(root: &Node) -> Result<(), GemspecError> {
    for what in ["name", "platform"] {
        root.get(what).map_or(Ok(()), |node| check_name(node, what))?;
    }
    root.get(VERSION).map_or(Ok(()), |node| check_version(node, VERSION))?;
    check_date(root)?;
    for what in ["required_ruby_version", "required_rubygems_version"] {
        root.get(what).map_or(Ok(()), |node| check_required(node, what))?;
    }
    check_format(root)?;
    check_paths(root, "require_paths", |path| !path.contains(BREAKS))?;
    check_paths(root, "extensions", |path| !path.contains(BREAKS))?;
    check_executables(root)?;
    check_dependencies(root)
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

/// Text, or an object of a platform.
fn check_name(node: &Node, what: &'static str) -> Result<(), GemspecError> {
    let is_platform =
        || what == "platform" && matches!(node.kind, Kind::Map(_)) && node.is_a("Gem::Platform");
    if node.is_text() {
        check_text(node, what)
    } else if is_platform() {
        Ok(())
    } else {
        Err(GemspecError::Wrong(what, "text"))
    }
}

/// A `Gem::Version`, or its text.
fn check_version(node: &Node, what: &'static str) -> Result<(), GemspecError> {
    let is_object = matches!(node.kind, Kind::Map(_)) && node.is_a("Gem::Version");
    let text = if is_object { node.get(VERSION) } else { Some(node) };
    match text.filter(|text| text.is_text() && text.text().is_some()) {
        Some(text) => check_text(text, what),
        None => Err(GemspecError::Wrong(what, "a Gem::Version")),
    }
}

/// The number of the format.
fn check_format(root: &Node) -> Result<(), GemspecError> {
    let Some(node) = root.get("specification_version") else { return Ok(()) };
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if node.text().is_some_and(|text| is_number(&text)) {
        return Ok(());
    }
    Err(GemspecError::Wrong("specification_version", "a number"))
}

/// A list, or nothing.
fn check_paths(root: &Node, what: &'static str, is_right: impl Fn(&str) -> bool) -> Result<(), GemspecError> {
    let Some(node) = root.get(what) else { return Ok(()) };
    let is_nothing = node.is_text() && node.text().is_none();
    if !is_nothing && !matches!(node.kind, Kind::List(_)) {
        return Err(GemspecError::Wrong(what, "a list"));
    }
    if node.items().iter().all(|item| item.text().is_none_or(|text| is_right(&text))) {
        Ok(())
    } else {
        Err(GemspecError::Wrong(what, "a list of paths without line breaks"))
    }
}

fn check_executables(root: &Node) -> Result<(), GemspecError> {
    const WHAT: &str = "executables";
    check_paths(root, WHAT, |_| true)?;
    let items = root.get(WHAT).map(Node::items).unwrap_or_default();
    let is_name = |item: &Node| item.is_text() && item.text().is_some() && item.typed().is_none();
    if items.iter().all(|item| is_name(item)) {
        Ok(())
    } else {
        Err(GemspecError::Wrong(WHAT, "a list of names"))
    }
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
    let is_something = |node: &&Node| !node.is_text() || node.text().is_some();
    let requirement = keys.iter().find_map(|key| dependency.get(key).filter(is_something));
    match requirement.filter(|node| is_requirement(node)) {
        Some(requirement) => check_bounds(requirement, "requirement of a dependency"),
        None => Err(GemspecError::Wrong("requirement of a dependency", "a Gem::Requirement")),
    }
}

fn is_requirement(node: &Node) -> bool {
    node.is_a("Gem::Requirement") || node.is_a("Gem::Version::Requirement")
}

/// Any version if it is nothing. Ruby takes what is written in other ways for any version too.
fn check_required(node: &Node, what: &'static str) -> Result<(), GemspecError> {
    if is_requirement(node) {
        return check_bounds(node, what);
    }
    if node.is_text() { Ok(()) } else { Err(GemspecError::Wrong(what, "a Gem::Requirement")) }
}

/// The list of an object, with pairs of an operator and a version.
fn check_bounds(requirement: &Node, what: &'static str) -> Result<(), GemspecError> {
    let Some(Kind::List(bounds)) = requirement.get("requirements").map(|node| &node.kind) else {
        return Err(GemspecError::Wrong(what, "a Gem::Requirement with a list of bounds"));
    };
    bounds.iter().try_for_each(|bound| match bound.items() {
        [_, version] => check_version(version, what),
        _ => Ok(()),
    })
}
