//! Outside sources of identity: each one answers who a caller is.
