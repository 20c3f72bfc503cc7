// Where the fuzz seeds lie, and which body each kind belongs to.
// The folder is found from this file's own path, so the tests need no working directory; nothing here writes to it.

import Foundation
import FuzzBodies

/// The kinds of input that are fuzzed; the raw value names the folder of Tests/Fuzz/Seeds.
enum SeedKind: String, CaseIterable, Codable, Sendable {
    case json
    case rpc
    case websocket
    case httpRequest = "http-request"
    case httpResponse = "http-response"
    case chunked
    case inspector
    case heads
    case tls
    case certificate
    case acme

    /// Feeds `bytes` to the body of this kind, which traps if its invariant does not hold.
    func run(_ bytes: [UInt8]) {
        switch self {
        case .json: fuzzJSON(bytes)
        case .rpc: fuzzRPC(bytes)
        case .websocket: fuzzWebSocket(bytes)
        case .httpRequest: fuzzHTTPRequest(bytes)
        case .httpResponse: fuzzHTTPResponse(bytes)
        case .chunked: fuzzChunked(bytes)
        case .inspector: fuzzInspector(bytes)
        case .heads: fuzzHeads(bytes)
        case .tls: fuzzTLS(bytes)
        case .certificate: fuzzCertificate(bytes)
        case .acme: fuzzACME(bytes)
        }
    }
}

/// One file of the folder.
struct Seed {
    let name: String
    let bytes: [UInt8]
}

/// The folder Tests/Fuzz/Seeds.
enum SeedFolder {
    static let url = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Fuzz/Seeds")

    /// What lies directly inside: one folder a kind, in order of name. Files that begin with a dot do not count.
    static func entries() throws -> [String] { try visibleNames(in: url) }

    /// The seeds of `kind` in order of name.
    static func seeds(of kind: SeedKind) throws -> [Seed] {
        let folder = url.appending(path: kind.rawValue)
        return try visibleNames(in: folder).map { name in
            Seed(name: name, bytes: Array(try Data(contentsOf: folder.appending(path: name))))
        }
    }

    private static func visibleNames(in folder: URL) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { !$0.hasPrefix(".") }.sorted()
    }
}
