// What is known of a request once it may pass.

/// What of a request was for us and is to go no further.
struct Grant: Sendable, Hashable {
    /// `Authorization` is ours.
    var removesAuthorization = false
    /// `token` in the query is ours.
    var removesToken = false
    /// It was let through without a token because it is a CORS preflight, and is to be nothing else.
    var isPreflight = false
}
