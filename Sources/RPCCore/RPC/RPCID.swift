// JSON-RPC 2.0, section 4: "An identifier established by the Client that MUST contain a String, Number, or NULL value".
// Whatever number or string a peer chose comes back to it as the same value, also one that no integer type holds.

/// What ties a reply to its request.
public enum RPCID: Sendable, Hashable {
    /// In a reply: the request's id could not be found. The specification advises against it in requests.
    case null
    /// An integer within Int64; `1.0` is the same id as `1`.
    case integer(Int64)
    /// A string.
    case string(String)
    /// A number with a fraction, or beyond Int64, as written.
    case number(String)

    /// The id that `node` holds; nil if it is a boolean, an array or an object.
    init?(_ node: JSONNode) {
        switch node.kind {
        case .null: self = .null
        case .string: self = .string(node.string ?? "")
        case .number:
            if let integer = node.int64 {
                self = .integer(integer)
            } else {
                self = .number(node.tape.withText(of: node.index) { text, _ in String(decoding: text, as: UTF8.self) })
            }
        case .bool, .array, .object: return nil
        }
    }
}

extension JSONWriter {
    /// Writes an id as the value that it is.
    mutating func id(_ id: RPCID) {
        switch id {
        case .null: null()
        case .integer(let value): integer(value)
        case .string(let value): string(value)
        case .number(let text): number(text)
        }
    }
}
