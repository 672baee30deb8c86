//! The description of a plugin, which the host reads when it loads the plugin: plain data. The function
//! that makes it must not call the host.

/// See `wit/about.wit`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    pub protocol: String,
    pub title: String,
    pub version: String,
    pub root_aliases: Vec<String>,
    pub scopes: Vec<ScopeKind>,
    pub implied: Vec<Implication>,
    pub features: Vec<Feature>,
    pub wishes: Vec<Wish>,
    pub failure_shape: Option<FailureShape>,
    pub setup: Option<String>,
}

/// A kind of scope, its actions, and the one that GET needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeKind {
    pub kind: String,
    pub actions: Vec<String>,
    pub read_action: String,
}

/// Actions that another action of the same kind implies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Implication {
    pub kind: String,
    pub action: String,
    pub implied: Vec<String>,
}

/// Something that a mount can turn on or off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feature {
    pub name: String,
    pub enabled: bool,
    pub summary: String,
}

/// A right beyond the mount's own storage, which the plugin has if the mount's `grants` list it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub name: String,
    pub reason: String,
}

/// The form of the errors that the host sends in place of the plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureShape {
    pub content_type: String,
    pub body: String,
}

impl Description {
    /// `protocol` is the name of the protocol, e.g. `npm`: lower-case letters, digits and `-`. An automatic
    /// mount has this name, and the name of a mount is its default path and the first part of its scopes.
    pub fn new(protocol: &str, title: &str, version: &str) -> Description {
        Description {
            protocol: protocol.to_owned(),
            title: title.to_owned(),
            version: version.to_owned(),
            root_aliases: Vec::new(),
            scopes: Vec::new(),
            implied: Vec::new(),
            features: Vec::new(),
            wishes: Vec::new(),
            failure_shape: None,
            setup: None,
        }
    }

    /// Declares a kind of scope and its actions. `read_action` is the action that a GET needs. Declare all
    /// actions: if the plugin asks [`crate::auth`] about another one, the host ends the request.
    #[must_use]
    pub fn scope(mut self, kind: &str, actions: &[&str], read_action: &str) -> Description {
        self.scopes.push(ScopeKind {
            kind: kind.to_owned(),
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
            read_action: read_action.to_owned(),
        });
        self
    }

    /// A permission for `action` on this kind includes the `implied` actions, and what those imply. If no
    /// [`Description::scope`] of this kind declares one of the actions, loading the plugin fails.
    ///
    /// ```
    /// # use packhouse_plugin::Description;
    /// Description::new("notes", "Notes", "0.1.0")
    ///     .scope("note", &["read", "write", "delete"], "read")
    ///     .implies("note", "write", &["read"]);
    /// ```
    #[must_use]
    pub fn implies(mut self, kind: &str, action: &str, implied: &[&str]) -> Description {
        self.implied.push(Implication {
            kind: kind.to_owned(),
            action: action.to_owned(),
            implied: implied.iter().map(|&action| action.to_owned()).collect(),
        });
        self
    }

    /// Declares a feature that a mount can turn on or off, its default, and a line about it.
    #[must_use]
    pub fn feature(mut self, name: &str, enabled: bool, summary: &str) -> Description {
        self.features.push(Feature { name: name.to_owned(), enabled, summary: summary.to_owned() });
        self
    }

    /// Requests a right, e.g. `login`, and gives the operator the reason.
    #[must_use]
    pub fn wish(mut self, name: &str, reason: &str) -> Description {
        self.wishes.push(Wish { name: name.to_owned(), reason: reason.to_owned() });
        self
    }

    /// Requests a path at the root of the host that clients insist on, e.g. `/v2`. It is served only if
    /// the mount's `grants` list it.
    #[must_use]
    pub fn root_alias(mut self, path: &str) -> Description {
        self.root_aliases.push(path.to_owned());
        self
    }

    /// Lines that users paste into the configuration of their client, with `{base_url}`, or with `{host}`
    /// for clients that accept no path. A line that begins with `{if NAME}` is shown only if the mount's
    /// `grants` list `NAME`. A line with `{host}` is not shown for a mount that has none of the plugin's
    /// root aliases.
    #[must_use]
    pub fn setup(mut self, text: &str) -> Description {
        self.setup = Some(text.to_owned());
        self
    }

    /// The form of errors that the host sends in place of the plugin. The host replaces `{status}` and
    /// `{message}` in `body`, and escapes the message as `content_type` requires. The default is plain text.
    #[must_use]
    pub fn failure_shape(mut self, content_type: &str, body: &str) -> Description {
        self.failure_shape =
            Some(FailureShape { content_type: content_type.to_owned(), body: body.to_owned() });
        self
    }
}
