// Reads the files that AgentKit decides to serve. A file is open from the head of its response to the last byte or the
// visitor's leave, and each piece is read when the tunnel has room for it, so memory does not depend on how large files are.
//
// The reads are the loop's own: a file comes out of the page cache or off a local disk in less than it takes to ask a thread. A
// folder on a network that hangs would hold up the agent; serve such a one through a web server of its own.

import AgentKit
import SocketKit

/// Responds to calls with files.
final class FolderServer {
    /// Bytes that are read at once.
    private static let pieceBytes = 64 * 1024

    private final class Sending {
        let file: FolderFile
        /// `next < end`
        var next: Int64
        let end: Int64

        init(_ file: FolderFile, _ bytes: Range<Int64>) {
            self.file = file
            next = bytes.lowerBound
            end = bytes.upperBound
        }
    }

    private var sendings: [HandlerCall: Sending] = [:]
    /// Called for each file that cannot be opened because no descriptor is left.
    var onShortage: (DescriptorShortage) -> Void = { _ in }

    /// Begins the response. Pieces follow, one for each `next`.
    func begin(_ call: HandlerCall, _ head: HandlerHead) -> AgentMessage {
        guard let folder = head.folder else { return .fail(call, reason: "there is no handler here") }
        switch StaticFiles.lookUp(head, in: folder) {
        case .response(let response): return .respond(call, response)
        case .open(let names):
            do throws(FileError) {
                let file = try FolderFile(names, beneath: folder.path)
                return begin(call, StaticFiles.plan(head, names: names, facts: FileFacts(file)), file)
            } catch {
                guard error.reason == .tooManyOpen else { return .respond(call, StaticFiles.notFound) }
                onShortage(DescriptorShortage("open files", isOfMachine: false))
                return .respond(call, StaticFiles.unavailable)
            }
        }
    }

    private func begin(_ call: HandlerCall, _ plan: StaticFiles.Plan, _ file: FolderFile) -> AgentMessage {
        switch plan {
        case .response(let response): return .respond(call, response)
        case .send(let head, let bytes):
            if !bytes.isEmpty { sendings[call] = Sending(file, bytes) }
            return .head(call, head)
        }
    }

    /// The next piece; nil if nothing of the file is left to send.
    func next(_ call: HandlerCall) -> AgentMessage? {
        guard let sending = sendings[call] else { return nil }
        let count = Int(min(Int64(Self.pieceBytes), sending.end - sending.next))
        guard let piece = try? sending.file.read(at: sending.next, count: count), !piece.isEmpty else {
            sendings[call] = nil
            return .fail(call, reason: "the file cannot be read any more, or has become shorter")
        }
        sending.next += Int64(piece.count)
        let isLast = sending.next == sending.end
        if isLast { sendings[call] = nil }
        return .body(call, piece, end: isLast)
    }

    /// Closes the file of a cancelled call.
    func cancel(_ call: HandlerCall) { sendings[call] = nil }

    /// Why the folder at `path` cannot be served, for people; nil if it can.
    static func problem(_ path: String) -> String? {
        do throws(FileError) {
            return try FolderFile([], beneath: path).kind == .folder ? nil : "is not a folder"
        } catch {
            switch error.reason {
            case .notFound: return "is not a folder that exists"
            case .notPermitted: return "names a folder that may not be read"
            case .isDirectory, .tooLarge, .badName, .tooManyOpen, .system: return "names a folder that cannot be read: \(error)"
            }
        }
    }
}

extension FileFacts {
    fileprivate init(_ file: FolderFile) {
        let kind: Kind =
            switch file.kind {
            case .file: .file
            case .folder: .folder
            case .other: .other
            }
        self.init(
            kind: kind, size: file.size, modifiedSeconds: file.modified.seconds,
            modifiedNanoseconds: file.modified.nanoseconds)
    }
}
