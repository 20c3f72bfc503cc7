// JSON-RPC 2.0, sections 4 to 6: from JSON to messages. Refused: a version other than exactly "2.0", an id that is
// neither string, number nor null, a method that is not a string, params that are neither array nor object, a reply
// without an id, one with both result and error or with neither. Members that the specification does not name are
// ignored. Each element of a batch is judged for itself.

extension RPCCodec {
    /// The message, or the batch of messages, that `text` is.
    ///
    /// Throws `.parse` if the text is not JSON, and `.invalidRequest` if it is an empty array or a batch of more than
    /// `maximumBatchCount`: in these cases one failure is the whole answer. Everything else that is wrong is wrong with
    /// one message, and stands in its place.
    public static func decodeEnvelopes(
        _ text: ArraySlice<UInt8>, limits: JSONLimits = .init(), maximumBatchCount: Int = RPCCodec.defaultMaximumBatchCount
    ) throws(RPCDecodeError) -> RPCBatch {
        let root: JSONNode
        do throws(JSONError) {
            root = try JSONDocument(text, limits: limits).root
        } catch {
            throw .parse(error)
        }
        guard root.kind == .array else { return RPCBatch(isBatch: false, envelopes: [envelope(root)]) }
        guard root.count > 0 else { throw .invalidRequest(id: .null, reason: "the batch is empty") }
        guard root.count <= maximumBatchCount else {
            throw .invalidRequest(id: .null, reason: "the batch has more than \(maximumBatchCount) messages")
        }
        return RPCBatch(isBatch: true, envelopes: root.elements.map(envelope))
    }

    /// The same, with every payload as a tree.
    public static func decode(
        _ text: ArraySlice<UInt8>, limits: JSONLimits = .init()
    ) throws(RPCDecodeError) -> [Result<RPCMessage, RPCDecodeError>] {
        try decodeEnvelopes(text, limits: limits).envelopes.map { $0.map(\.message) }
    }

    /// The most messages of one batch unless said otherwise: 128. Each may ask for a reply longer than itself.
    public static let defaultMaximumBatchCount = 128

    private static func envelope(_ node: JSONNode) -> Result<RPCEnvelope, RPCDecodeError> {
        guard node.kind == .object else { return invalid("a message is an object") }
        let members = RPCMembers(of: node)
        var id = RPCID.null
        if let given = members.id {
            guard let known = RPCID(given) else { return invalid("id is neither string, number nor null") }
            id = known
        }
        guard members.version?.stringEquals("2.0") == true else { return invalid("jsonrpc is not \"2.0\"", id: id) }
        return members.method == nil ? reply(members, id: id) : call(members, id: id)
    }

    private static func call(_ members: RPCMembers, id: RPCID) -> Result<RPCEnvelope, RPCDecodeError> {
        guard let method = members.method?.string else { return invalid("method is not a string", id: id) }
        guard members.result == nil, members.error == nil else {
            return invalid("method stands beside result or error", id: id)
        }
        if let params = members.params, params.kind != .object, params.kind != .array {
            return invalid("params is neither array nor object", id: id)
        }
        let kind = members.id == nil ? RPCEnvelope.Kind.notification : .request
        return .success(RPCEnvelope(kind: kind, id: id, method: method, payload: members.params))
    }

    private static func reply(_ members: RPCMembers, id: RPCID) -> Result<RPCEnvelope, RPCDecodeError> {
        switch (members.result, members.error) {
        case (nil, nil): return invalid("neither method nor result nor error", id: id)
        case (_?, _?): return invalid("both result and error", id: id)
        case (let payload?, nil):
            guard members.id != nil else { return invalid("a reply without id") }
            return .success(RPCEnvelope(kind: .result, id: id, method: "", payload: payload))
        case (nil, let payload?):
            guard members.id != nil else { return invalid("a reply without id") }
            guard RPCFailure.matches(payload) else { return invalid("error without integer code and string message", id: id) }
            return .success(RPCEnvelope(kind: .failure, id: id, method: "", payload: payload))
        }
    }

    private static func invalid(_ reason: String, id: RPCID = .null) -> Result<RPCEnvelope, RPCDecodeError> {
        .failure(.invalidRequest(id: id, reason: reason))
    }
}

/// The members that the specification names, found in one walk over the object.
private struct RPCMembers {
    let tape: JSONTape
    /// Where in the tape each member's value is; 0, the root's own place, for those that are absent.
    private var places = (version: 0, id: 0, method: 0, params: 0, result: 0, error: 0)

    var version: JSONNode? { node(places.version) }
    var id: JSONNode? { node(places.id) }
    var method: JSONNode? { node(places.method) }
    var params: JSONNode? { node(places.params) }
    var result: JSONNode? { node(places.result) }
    var error: JSONNode? { node(places.error) }

    private func node(_ place: Int) -> JSONNode? { place == 0 ? nil : JSONNode(tape: tape, index: place) }

    init(of object: JSONNode) {
        let tape = object.tape
        self.tape = tape
        places = tape.text.withUnsafeBufferPointer { text in
            var places = (version: 0, id: 0, method: 0, params: 0, result: 0, error: 0)
            var at = object.index + 1
            let end = Int(tape.nodes[object.index].next)
            while at < end {
                let name = tape.nodes[at]
                if name.holds("jsonrpc", in: text) {
                    places.version = at + 1
                } else if name.holds("id", in: text) {
                    places.id = at + 1
                } else if name.holds("method", in: text) {
                    places.method = at + 1
                } else if name.holds("params", in: text) {
                    places.params = at + 1
                } else if name.holds("result", in: text) {
                    places.result = at + 1
                } else if name.holds("error", in: text) {
                    places.error = at + 1
                }
                at = Int(tape.nodes[at + 1].next)
            }
            return places
        }
    }
}
