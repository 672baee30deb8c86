//! The lines that answer the router and the host, unless the protocol has its own.
//! [`Report::descriptor`](super::Report::descriptor) says which line answers what.

crate::descriptors! {
    NO_ROUTE 404 "no_route" "nothing is served at this path"
    NOT_FOUND 404 "not_found" "this is not in this registry"
    METHOD 405 "method_not_allowed" "this path does not answer this method"
    FEATURE_OFF 405 "feature_off" "this is turned off on this registry"
    BAD_PATH 400 "bad_path" "a part of this path is not allowed"
    /// Also of JSON that does not fit, of a wrong digest, and of a body that ends too early.
    BAD_BODY 400 "bad_body" "the body cannot be read"
    TOO_LARGE 413 "too_large" "this is larger than the registry takes"
    SIGN_IN 401 "sign_in" "sign in first"
    FORBIDDEN 403 "forbidden" "this account lacks a permission"
    TOO_MANY 429 "too_many" "this client has reached a limit; try again later"
    CONFLICT 409 "conflict" "somebody else changed it at the same time; try again"
    /// If the host says 503 or 507, the answer has that status.
    INTERNAL 500 "internal" "the registry met an internal error"
}
