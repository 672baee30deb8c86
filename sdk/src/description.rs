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

/// Something beyond the mount's own prefix that counts where the mount grants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub name: String,
    pub reason: String,
}

/// How a failure that the host answers for the plugin looks to its clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailureShape {
    pub content_type: String,
    pub body: String,
}

impl Description {
    /// `protocol`, e.g. `npm`: also the first segment of scopes, and with `/` before it
    /// the default base path. Lower-case letters, digits and `-`.
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

    /// A kind of scope and its actions; `read_action` is what GET needs. Name all actions:
    /// when [`crate::auth`] is asked about another one, the host ends the request.
    #[must_use]
    pub fn scope(mut self, kind: &str, actions: &[&str], read_action: &str) -> Description {
        self.scopes.push(ScopeKind {
            kind: kind.to_owned(),
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
            read_action: read_action.to_owned(),
        });
        self
    }

    /// A permission for `action` on this kind includes the `implied` actions, and what those imply. An
    /// action that no [`Description::scope`] of this kind names ends the loading.
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

    /// A switch of the mount's `features`, its default, and a line about it.
    #[must_use]
    pub fn feature(mut self, name: &str, enabled: bool, summary: &str) -> Description {
        self.features.push(Feature { name: name.to_owned(), enabled, summary: summary.to_owned() });
        self
    }

    /// Something to be granted, e.g. `login`, and why.
    #[must_use]
    pub fn wish(mut self, name: &str, reason: &str) -> Description {
        self.wishes.push(Wish { name: name.to_owned(), reason: reason.to_owned() });
        self
    }

    /// A path at the root of the host that clients insist on, e.g. `/v2`. A wish too.
    #[must_use]
    pub fn root_alias(mut self, path: &str) -> Description {
        self.root_aliases.push(path.to_owned());
        self
    }

    /// Lines for people to paste into their client, with `{base_url}`, or `{host}` for
    /// clients that take no path. A line that begins with `{if NAME}` is shown only if the
    /// mount's `grants` list `NAME`.
    #[must_use]
    pub fn setup(mut self, text: &str) -> Description {
        self.setup = Some(text.to_owned());
        self
    }

    /// `{status}` and `{message}` are replaced in `body`, the message escaped as
    /// `content_type` wants it. Plain text unless set.
    #[must_use]
    pub fn failure_shape(mut self, content_type: &str, body: &str) -> Description {
        self.failure_shape =
            Some(FailureShape { content_type: content_type.to_owned(), body: body.to_owned() });
        self
    }
}
