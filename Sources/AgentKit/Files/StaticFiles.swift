// Which response a request for a file gets (RFC 9110), as decisions without a disk: first from the path to the names that are
// to be opened one beneath the other, then from what is there to a head and a range of bytes.
//
// Serves files to GET and HEAD, and nothing else: no listings, no dot-files unless they are asked for, no devices or pipes.
// What is not there and what is not shown look the same. That no symbolic link is followed is for whoever opens the names.

import HTTPCodec

/// The decisions about static files. First `lookUp`, then, if something has been opened, `plan`.
public enum StaticFiles {
    /// What a path asks for.
    public enum Lookup: Sendable, Hashable {
        /// Open these names, each beneath the one before and the first beneath the folder, following no symbolic link. No name
        /// is empty, `.` or `..`, or holds a slash or a zero byte. None at all: the folder itself.
        case open([[UInt8]])
        /// Nothing can be opened.
        case response(HandlerResponse)
    }

    /// The response.
    public enum Plan: Sendable, Hashable {
        /// This head, then these bytes of the file; none for HEAD, or if the file is empty.
        case send(HandlerResponseHead, bytes: Range<Int64>)
        /// This, and nothing of the file.
        case response(HandlerResponse)
    }

    /// Nothing is there, or nothing that is shown.
    public static var notFound: HandlerResponse { refusal(404, "Not found.\n") }

    /// The file cannot be read at this moment.
    public static var unavailable: HandlerResponse { refusal(503, "Busy; try again.\n", (.retryAfter, "1")) }

    /// What to open for the request. A path that ends with a slash stands for the folder's `index.html`.
    public static func lookUp(_ head: HandlerHead, in folder: StaticFolder) -> Lookup {
        guard head.method == "GET" || head.method == "HEAD" else {
            return .response(refusal(405, "Only GET and HEAD are served here.\n", (.allow, "GET, HEAD")))
        }
        do throws(StaticPathError) {
            return .open(try StaticPath.names(in: head.path, withDotFiles: folder.servesDotFiles))
        } catch {
            switch error {
            case .malformed: return .response(refusal(400, "This path cannot name a file.\n"))
            case .hidden: return .response(notFound)
            }
        }
    }

    /// The response, now that the last of `names` is open. Its `facts` are those of what is open, not of what the name may
    /// stand for by now.
    public static func plan(_ head: HandlerHead, names: [[UInt8]], facts: FileFacts) -> Plan {
        switch facts.kind {
        case .file: return plan(head, MediaType.type(ofName: names.last ?? []), facts)
        case .folder:
            // `lookUp` turned a slash at the end into a name, so there is none.
            return head.path.utf8.last == UInt8(ascii: "/") ? .response(notFound) : .response(slashAdded(to: head))
        case .other: return .response(notFound)
        }
    }

    private static func plan(_ head: HandlerHead, _ type: String, _ facts: FileFacts) -> Plan {
        let state = FileState(facts)
        switch state.precondition(of: head) {
        case .failed: return .response(refusal(412, "The file has changed.\n"))
        case .notModified: return .response(HandlerResponse(status: 304, fields: fields(state.validators)))
        case .holds: break
        }
        let common = state.validators + [(.acceptRanges, "bytes"), (.contentType, type)]
        switch state.range(of: head) {
        case .whole: return send(200, common, 0..<facts.size, of: head)
        case .part(let range):
            let field = "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(facts.size)"
            return send(206, common + [(.contentRange, field)], range, of: head)
        case .unsatisfiable:
            return .response(refusal(416, "No such bytes.\n", (.contentRange, "bytes */\(facts.size)")))
        }
    }

    private static func send(_ status: Int, _ list: [StaticField], _ bytes: Range<Int64>, of head: HandlerHead) -> Plan {
        let responseHead = HandlerResponseHead(
            status: status, fields: fields(list + [(.contentLength, "\(bytes.upperBound - bytes.lowerBound)")]))
        return .send(responseHead, bytes: head.method == "HEAD" ? 0..<0 : bytes)
    }

    /// The same with a slash, so that relative links in `index.html` lead beneath the folder. The reference is relative to the
    /// path that the visitor knows (RFC 3986 §5.2), whatever prefix the gateway has put before it.
    private static func slashAdded(to head: HandlerHead) -> HandlerResponse {
        let name = head.path.split(separator: "/").last ?? ""
        let query = head.query.map { "?" + $0 } ?? ""
        return refusal(308, "It is a folder: put a slash at the end.\n", (.location, "./\(name)/\(query)"))
    }

    // MARK: Fields

    private static func refusal(_ status: Int, _ text: String, _ more: StaticField...) -> HandlerResponse {
        let list: [StaticField] = [(.contentType, "text/plain; charset=utf-8")] + more
        return HandlerResponse(status: status, fields: fields(list), body: Array(text.utf8))
    }

    /// `nosniff` is on everything: what a file is called decides what it is, not what it looks like.
    private static func fields(_ list: [StaticField]) -> HTTPFields {
        var fields = HTTPFields()
        for (name, value) in list { try? fields.append(name, value) }  // a value that is illegal came in with the path
        try? fields.append("X-Content-Type-Options", "nosniff")
        return fields
    }
}
