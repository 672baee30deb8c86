//! What a plugin answers when it is asked what an account owns.

/// One page of a plugin's answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// Kind and name of each.
    pub things: Vec<(String, String)>,
    /// Where the next page begins; none at the end.
    pub next: Option<String>,
}
