//! Members of a `composer.json` whose parts must have the right types: with other parts Composer cannot
//! read the package, or cannot install it.

use serde_json::{Map, Value};

/// Says what the member must be.
pub fn check(member: &str, value: &Value) -> Result<(), String> {
    match member {
        "keywords" | "license" | "support" => check_texts(member, value),
        "archive" => check_archive(value),
        "extra" => check_aliases(value),
        "autoload" => check_autoload(value),
        _ => Ok(()),
    }
}

/// Whether PHP makes a number of this name of a member.
pub fn is_number(name: &str) -> bool {
    name.parse::<i64>().is_ok_and(|number| number.to_string() == name)
}

/// PHP makes a string of a number and of nothing.
fn check_texts(member: &str, value: &Value) -> Result<(), String> {
    if values(value).all(|text| !is_list(text)) {
        return Ok(());
    }
    let what = if member == "support" { "an object of names and strings" } else { "a list of strings" };
    Err(format!("`{member}` must be {what}"))
}

fn check_archive(value: &Value) -> Result<(), String> {
    let member = |name| value.get(name).filter(|member| !is_empty(member));
    if member("name").is_some_and(|name| !name.is_string()) {
        return Err("`name` of `archive` must be a string".to_owned());
    }
    if member("exclude").is_some_and(|exclude| !exclude.is_array() && !exclude.is_object()) {
        return Err("`exclude` of `archive` must be a list of strings".to_owned());
    }
    Ok(())
}

fn check_aliases(value: &Value) -> Result<(), String> {
    let aliases = value.get("branch-alias");
    if aliases.is_none_or(|aliases| values(aliases).all(Value::is_string)) {
        return Ok(());
    }
    Err("`branch-alias` of `extra` must be an object whose values are strings".to_owned())
}

fn check_autoload(value: &Value) -> Result<(), String> {
    for kind in ["psr-4", "psr-0", "classmap", "files", "exclude-from-classmap"] {
        let Some(part) = value.get(kind).filter(|part| !part.is_null()) else { continue };
        let is_map = kind.starts_with("psr");
        let is_right = if is_map {
            part.as_object().is_some_and(is_map_of_paths) || part.as_array().is_some_and(Vec::is_empty)
        } else {
            (part.is_array() || part.is_object()) && values(part).all(Value::is_string)
        };
        if !is_right {
            let what = if is_map { "an object of namespaces and paths" } else { "a list of strings" };
            return Err(format!("`{kind}` of `autoload` must be {what}"));
        }
        let mut namespaces = part.as_object().into_iter().flat_map(Map::keys).filter(|_| kind == "psr-4");
        if let Some(namespace) = namespaces.find(|name| !name.is_empty() && !name.ends_with('\\')) {
            let shown: String = namespace.chars().take(100).collect();
            return Err(format!(
                "the namespace {shown:?} in `psr-4` of `autoload` must end with a backslash"
            ));
        }
    }
    Ok(())
}

fn is_map_of_paths(namespaces: &Map<String, Value>) -> bool {
    namespaces.iter().all(|(namespace, paths)| {
        !is_number(namespace)
            && (paths.is_string() || (is_list(paths) && values(paths).all(Value::is_string)))
    })
}

fn is_list(value: &Value) -> bool {
    value.is_array() || value.is_object()
}

/// Those of a list or an object; none of anything else.
fn values(value: &Value) -> impl Iterator<Item = &Value> {
    let listed = value.as_array().into_iter().flatten();
    listed.chain(value.as_object().into_iter().flat_map(Map::values))
}

/// Whether PHP takes it for empty.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is_true) => !is_true,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty() || text == "0",
        Value::Array(values) => values.is_empty(),
        Value::Object(values) => values.is_empty(),
    }
}
