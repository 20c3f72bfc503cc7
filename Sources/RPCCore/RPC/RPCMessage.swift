// JSON-RPC 2.0, sections 4 and 5: the four things a peer can say, and the reply when it says none of them.

/// One message.
public enum RPCMessage: Sendable, Hashable {
    /// A call that wants a reply (section 4).
    case request(id: RPCID, method: String, params: JSONValue?)
    /// A call that gets none (section 4.1).
    case notification(method: String, params: JSONValue?)
    /// A reply: the call succeeded (section 5).
    case result(id: RPCID, JSONValue)
    /// A reply: it did not (section 5.1).
    case failure(id: RPCID, RPCFailure)
}

/// Why a text, or one element of a batch, is not a message.
public enum RPCDecodeError: Error, Sendable, Hashable {
    /// The text is not JSON, or is past a limit.
    case parse(JSONError)
    /// JSON, but not a message; `id` is what it bears as id, `.null` if that is none. `reason` is for the log.
    case invalidRequest(id: RPCID, reason: String)

    /// The failure to send back, with the code that section 5.1 gives it.
    public var reply: RPCMessage {
        switch self {
        case .parse: .failure(id: .null, .parseError)
        case .invalidRequest(let id, _): .failure(id: id, .invalidRequest)
        }
    }
}

/// One message as a view on its text: nothing of params, result or error has been decoded yet.
public struct RPCEnvelope: Sendable {
    /// Which of the four messages it is.
    public enum Kind: Sendable, Hashable {
        /// A call that wants a reply.
        case request
        /// A call that gets none.
        case notification
        /// A reply that bears a result.
        case result
        /// A reply that bears an error.
        case failure
    }

    /// Which of the four messages it is.
    public var kind: Kind
    /// Of a request or reply; `.null` for a notification.
    public var id: RPCID
    /// Of a request or notification; empty for a reply.
    public var method: String
    /// The params (an array or object; nil if absent), the result, or the error object (its code an integer, its message a
    /// string).
    public var payload: JSONNode?

    /// The message with its payload as a tree.
    public var message: RPCMessage {
        switch kind {
        case .request: .request(id: id, method: method, params: payload?.value)
        case .notification: .notification(method: method, params: payload?.value)
        case .result: .result(id: id, payload?.value ?? .null)
        case .failure: .failure(id: id, failure ?? .internalError)
        }
    }

    /// The error object of a failure; nil for any other message.
    public var failure: RPCFailure? {
        guard kind == .failure, let payload else { return nil }
        return RPCFailure(payload)
    }
}

/// What one text held.
public struct RPCBatch: Sendable {
    /// Whether it was an array of messages (section 6), so that the replies must be one array too.
    public var isBatch: Bool
    /// The messages in order, each good or bad for itself; exactly one unless `isBatch`.
    public var envelopes: [Result<RPCEnvelope, RPCDecodeError>]
}
