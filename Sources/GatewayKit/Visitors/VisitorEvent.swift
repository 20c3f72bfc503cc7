// The events of a visitor's connection.

import HTTPCodec

/// What came on a visitor's connection.
enum VisitorEvent {
    /// The head of a request. Its body comes as further events, if the request is given to an agent.
    case request(VisitorRequest)
    /// Bytes of the body, or, after an upgrade, of the other protocol.
    case body(ArraySlice<UInt8>)
    /// The request is whole.
    case end(HTTPFields)
    /// A request to the gateway itself, with its body.
    case collected(CollectedRequest)
    /// What came is no request, or one that is not accepted.
    case refused(GatewayError, VisitorRequest?)
}

/// A request to one of the gateway's own addresses, and its body: small, held whole.
struct CollectedRequest: Sendable {
    var request: VisitorRequest
    let route: OwnRoute
    var body: [UInt8] = []
}

/// A visitor's connection as it goes from one loop to another, between two requests.
struct VisitorState: Sendable {
    let peer: String
    let decoder: HTTPRequestDecoder
    let queuedBytes: Int
    let isReading: Bool
    let security: ConnectionSecurity?
}
