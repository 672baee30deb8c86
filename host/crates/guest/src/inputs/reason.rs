//! Why a reply cannot be remembered.

use std::fmt;

/// The plugin used something that has no lasting value, or had an effect that a remembered reply
/// would not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// `clock.now`. `clock.passed` only limits how long the reply is valid.
    Clock,
    /// `storage.now`.
    StoreClock,
    Random,
    /// Clocks and timers of WASI.
    WasiClock,
    /// Randomness of WASI, without the seed of hash maps, which is the same for all instances.
    WasiRandom,
    /// The account of the caller.
    Caller,
    /// Whether the client sent valid credentials.
    Credentials,
    /// The credentials of this caller were rejected, or did not allow what was checked.
    Rejection,
    /// Credentials in the body of the request.
    SignIn,
    /// Tokens were signed, issued, listed or revoked.
    Tokens,
    /// Users were looked up.
    Users,
    /// The body of the request.
    Body,
    /// The plugin could change the store, or it tried to.
    Change,
    /// A line of the level `warn` or `error`. Operators must see it as often as the problem occurs.
    /// Lines of other levels describe how the reply was made, and a remembered reply was not made
    /// again.
    Warning,
    /// A function of the host returned an error. It may succeed the next time.
    Failed,
    /// An input had two values during the request.
    Changed,
    /// More inputs than are recorded.
    TooMany,
    /// The program that embeds the host offers functions beside the contract. The host does not know
    /// what they return.
    Offered,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Clock => "clock",
            Self::StoreClock => "store-clock",
            Self::Random => "random",
            Self::WasiClock => "wasi-clock",
            Self::WasiRandom => "wasi-random",
            Self::Caller => "caller",
            Self::Credentials => "credentials",
            Self::Rejection => "rejection",
            Self::SignIn => "sign-in",
            Self::Tokens => "tokens",
            Self::Users => "users",
            Self::Body => "body",
            Self::Change => "change",
            Self::Warning => "warning",
            Self::Failed => "failed",
            Self::Changed => "changed",
            Self::TooMany => "too-many",
            Self::Offered => "offered",
        })
    }
}
