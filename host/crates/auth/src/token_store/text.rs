//! Lists in a token as text: one item a line. Neither scopes nor networks contain white space.

use ipnet::IpNet;
use packhouse_scope::Scope;

use crate::AuthError;

/// The items, one a line.
pub fn lines(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// The scopes in a text. One that cannot be read must not be left out: an empty list allows
/// everything.
pub fn scopes(text: &str) -> Result<Vec<Scope>, AuthError> {
    text.lines().map(Scope::parse).collect::<Result<_, _>>().map_err(AuthError::damaged)
}

/// The networks in a text, likewise.
pub fn networks(text: &str) -> Result<Vec<IpNet>, AuthError> {
    let network = |line: &str| line.parse::<IpNet>().map_err(|error| AuthError::Invalid(error.to_string()));
    text.lines().map(network).collect::<Result<_, _>>().map_err(AuthError::damaged)
}
