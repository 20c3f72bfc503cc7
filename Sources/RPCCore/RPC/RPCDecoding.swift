// JSON-RPC 2.0, sections 4 to 6: from JSON to messages. Refused: a version other than exactly "2.0", an id that is
// neither string, number nor null, a method that is not a string, params that are neither array nor object, a reply
// without an id, one with both result and error or with neither. Members that the specification does not name are
// ignored. Each element of a batch is judged for itself.

extension RPCCodec {
    /// The message, or the batch of messages, that `text` is.
    ///
    /// Throws `.parse` if the text is not JSON, and `.invalidRequest` if it is an empty array or a batch of more than
    /// `maximumBatchCount`: in these cases one failure is the whole response. Everything else that is wrong is wrong with
    /// one message, and stands in its place.
    public static func decodeEnvelopes(
        _ text: ArraySlice<UInt8>, limits: JSONLimits = .init(), maximumBatchCount: Int = RPCCodec.defaultMaximumBatchCount
    ) throws(RPCDecodeError) -> RPCBatch {
        var envelopes: [Result<RPCEnvelope, RPCDecodeError>] = []
        let isBatch = try forEachEnvelope(text, limits: limits, maximumBatchCount: maximumBatchCount) { envelopes.append($0) }
        return RPCBatch(isBatch: isBatch, envelopes: envelopes)
    }

    /// Runs `body` on each message in order; whether they are a batch. Throws as `decodeEnvelopes`, and then runs nothing.
    @discardableResult
    public static func forEachEnvelope(
        _ text: ArraySlice<UInt8>, limits: JSONLimits = .init(), maximumBatchCount: Int = RPCCodec.defaultMaximumBatchCount,
        _ body: (Result<RPCEnvelope, RPCDecodeError>) -> Void
    ) throws(RPCDecodeError) -> Bool {
        let root: JSONNode
        do throws(JSONError) {
            root = try JSONDocument(text, limits: limits).root
        } catch {
            throw .parse(error)
        }
        guard root.kind == .array else {
            body(envelope(root))
            return false
        }
        guard root.count > 0 else { throw .invalidRequest(id: .null, reason: "the batch is empty") }
        guard root.count <= maximumBatchCount else {
            throw .invalidRequest(id: .null, reason: "the batch has more than \(maximumBatchCount) messages")
        }
        for element in root.elements { body(envelope(element)) }
        return true
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
        let places = RPCMembers(of: node)
        var id = RPCID.null
        if let given = node.value(at: places.id) {
            guard let known = RPCID(given) else { return invalid("id is neither string, number nor null") }
            id = known
        }
        guard node.value(at: places.version)?.stringEquals("2.0") == true else {
            return invalid("jsonrpc is not \"2.0\"", id: id)
        }
        return places.method == 0 ? reply(node, places, id: id) : call(node, places, id: id)
    }

    private static func call(_ node: JSONNode, _ places: RPCMembers, id: RPCID) -> Result<RPCEnvelope, RPCDecodeError> {
        guard let method = node.value(at: places.method)?.string else { return invalid("method is not a string", id: id) }
        guard places.result == 0, places.error == 0 else {
            return invalid("method stands beside result or error", id: id)
        }
        let params = node.value(at: places.params)
        if let kind = params?.kind, kind != .object, kind != .array {
            return invalid("params is neither array nor object", id: id)
        }
        let kind = places.id == 0 ? RPCEnvelope.Kind.notification : .request
        return .success(RPCEnvelope(kind: kind, id: id, method: method, payload: params))
    }

    private static func reply(_ node: JSONNode, _ places: RPCMembers, id: RPCID) -> Result<RPCEnvelope, RPCDecodeError> {
        guard places.result != 0 || places.error != 0 else {
            return invalid("neither method nor result nor error", id: id)
        }
        guard places.result == 0 || places.error == 0 else { return invalid("both result and error", id: id) }
        guard places.id != 0 else { return invalid("a reply without id") }
        if let payload = node.value(at: places.result) {
            return .success(RPCEnvelope(kind: .result, id: id, method: "", payload: payload))
        }
        let payload = node.value(at: places.error)
        guard payload.map(RPCFailure.matches) == true else {
            return invalid("error without integer code and string message", id: id)
        }
        return .success(RPCEnvelope(kind: .failure, id: id, method: "", payload: payload))
    }

    private static func invalid(_ reason: String, id: RPCID = .null) -> Result<RPCEnvelope, RPCDecodeError> {
        .failure(.invalidRequest(id: id, reason: reason))
    }
}

/// Where in the tape the values of the members are that the specification names, found in one walk over the object; 0, the
/// place of the outermost value, for those that are absent.
private struct RPCMembers {
    var version = 0
    var id = 0
    var method = 0
    var params = 0
    var result = 0
    var error = 0

    init(of object: JSONNode) {
        let nodes = object.tape.nodes
        ByteView.lend(object.tape.text) { text in
            var at = object.index + 1
            let end = Int(nodes[object.index].next)
            while at < end {
                note(nodes[at], at + 1, in: text)
                at = Int(nodes[at + 1].next)
            }
        }
    }

    @inline(__always)
    private mutating func note(_ name: JSONTapeNode, _ place: Int, in text: ByteView) {
        if name.holds(ByteView("jsonrpc"), in: text) {
            version = place
        } else if name.holds(ByteView("id"), in: text) {
            id = place
        } else if name.holds(ByteView("method"), in: text) {
            method = place
        } else if name.holds(ByteView("params"), in: text) {
            params = place
        } else if name.holds(ByteView("result"), in: text) {
            result = place
        } else if name.holds(ByteView("error"), in: text) {
            error = place
        }
    }
}

extension JSONNode {
    /// The value at a place that `RPCMembers` found; nil for 0.
    fileprivate func value(at place: Int) -> JSONNode? { place == 0 ? nil : JSONNode(tape: tape, index: place) }
}
