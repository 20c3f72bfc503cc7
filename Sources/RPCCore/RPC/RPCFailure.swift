// JSON-RPC 2.0, section 5.1: the error object, and the codes that the specification reserves (-32768 to -32000).

/// The error object of a reply.
public struct RPCFailure: Error, Sendable, Hashable {
    /// What kind of error it is.
    public var code: Int
    /// One short sentence.
    public var message: String
    /// Whatever else the server tells; nil if the member is absent.
    public var data: JSONValue?

    /// An error object.
    public init(code: Int, message: String, data: JSONValue? = nil) {
        self.code = code
        self.message = message
        self.data = data
    }

    /// -32700: the text is not JSON.
    public static var parseError: RPCFailure { RPCFailure(code: -32700, message: "Parse error") }

    /// -32600: JSON, but not a request.
    public static var invalidRequest: RPCFailure { RPCFailure(code: -32600, message: "Invalid Request") }

    /// -32601: there is no such method.
    public static var methodNotFound: RPCFailure { RPCFailure(code: -32601, message: "Method not found") }

    /// -32602: the method does not take such parameters.
    public static var invalidParams: RPCFailure { RPCFailure(code: -32602, message: "Invalid params") }

    /// -32603: the server failed at its own part.
    public static var internalError: RPCFailure { RPCFailure(code: -32603, message: "Internal error") }

    /// The error object that `node` is; nil unless it is an object with an integer code and a string as message.
    init?(_ node: JSONNode) {
        guard let code = node["code"]?.int64, let code = Int(exactly: code), let message = node["message"]?.string else {
            return nil
        }
        self.init(code: code, message: message, data: node["data"]?.value)
    }

    /// Whether `node` is an error object, without building one.
    static func matches(_ node: JSONNode) -> Bool {
        node["code"]?.int64 != nil && node["message"]?.kind == .string
    }
}
