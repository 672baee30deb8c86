//! Valid YAML of which Ruby fails to make objects. It sets each member of an object as a field, and takes
//! names from other maps with the key `<<`.

use super::{Kind, Node, YamlError, shown};

/// The classes whose objects get their members as fields.
const WITH_FIELDS: [&str; 5] = [
    "Gem::Dependency",
    "Gem::Platform",
    "Gem::Requirement",
    "Gem::Specification",
    "Gem::Version::Requirement",
];

/// Only looks at the node and its children.
pub(super) fn check(node: &Node) -> Result<(), YamlError> {
    let not_loaded = || Err(YamlError::Class(node.tag.as_deref().map(shown).unwrap_or_default()));
    match (node.tag.as_deref(), &node.kind) {
        (Some("!omap"), Kind::Map(_)) => not_loaded(),
        (Some("!omap"), Kind::List(items)) if items.iter().any(|item| is_childless(item)) => not_loaded(),
        (Some("!float"), Kind::Scalar { text, .. }) if text.parse::<f64>().is_err() => not_loaded(),
        (_, Kind::Map(entries)) if WITH_FIELDS.iter().any(|class| node.is_a(class)) => {
            entries.iter().try_for_each(|(key, _)| check_field(key))
        }
        _ => Ok(()),
    }
}

fn is_childless(node: &Node) -> bool {
    match &node.kind {
        Kind::Scalar { .. } => true,
        Kind::List(items) => items.is_empty(),
        Kind::Map(entries) => entries.is_empty(),
    }
}

/// A name such as `required_ruby_version`, as it is written: not in another encoding.
fn check_field(key: &Node) -> Result<(), YamlError> {
    let text = match &key.kind {
        Kind::Scalar { text, .. } if key.tag.as_deref().is_none_or(|tag| tag == "!") => text.as_str(),
        _ => "",
    };
    let is_letter =
        |character: char| character.is_ascii_alphabetic() || character == '_' || !character.is_ascii();
    let is_name = text.starts_with(is_letter)
        && text.chars().all(|character| is_letter(character) || character.is_ascii_digit())
        && key.text().is_some();
    if is_name { Ok(()) } else { Err(YamlError::Field(shown(text))) }
}
