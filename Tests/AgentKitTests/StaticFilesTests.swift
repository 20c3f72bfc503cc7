// Static files without a disk: which names a path stands for, and which response they get.

import HTTPCodec
import TestSupport
import Testing

@testable import AgentKit

@Suite struct StaticFilesTests {
    private let facts = FileFacts(kind: .file, size: 1000, modifiedSeconds: 784_111_777, modifiedNanoseconds: 255)
    private let tag = "\"2ebc98a1.ff-3e8\""
    private let date = "Sun, 06 Nov 1994 08:49:37 GMT"

    private func head(_ method: String = "GET", _ path: String = "/a.txt", _ fields: [(HTTPFieldName, String)] = [])
        -> HandlerHead
    {
        var head = HandlerHead(method: method, path: path)
        for (name, value) in fields { try? head.fields.append(name, value) }
        return head
    }

    private func names(_ path: String, dotFiles: Bool = false) -> [String]? {
        let folder = StaticFolder(path: "d", servesDotFiles: dotFiles)
        guard case .open(let names) = StaticFiles.lookUp(head("GET", path), in: folder) else { return nil }
        return names.map { String(decoding: $0, as: UTF8.self) }
    }

    private func refusal(_ path: String, _ method: String = "GET") -> HandlerResponse? {
        guard case .response(let response) = StaticFiles.lookUp(head(method, path), in: StaticFolder(path: "d"))
        else { return nil }
        return response
    }

    /// Status and fields of the response for the file, and how many bytes of it are sent from where.
    private func plan(_ head: HandlerHead, _ facts: FileFacts? = nil) -> (status: Int, fields: HTTPFields, bytes: Range<Int64>?)
    {
        switch StaticFiles.plan(head, names: [Array("a.txt".utf8)], facts: facts ?? self.facts) {
        case .send(let head, let bytes): (head.status, head.fields, bytes)
        case .response(let response): (response.status, response.fields, nil)
        }
    }

    private func plan(_ fields: [(HTTPFieldName, String)], _ method: String = "GET") -> (
        status: Int, fields: HTTPFields, bytes: Range<Int64>?
    ) { plan(head(method, "/a.txt", fields)) }

    // MARK: Names

    @Test(
        arguments: [
            ("/", ["index.html"]), ("/a", ["a"]), ("/a/", ["a", "index.html"]), ("/a/b.c", ["a", "b.c"]),
            ("/a%20b%C3%A4/+", ["a bä", "+"]), ("/a..b/...c", nil), ("/..a", nil), ("/%2525", ["%25"]),
            ("/\u{c3}\u{a4}", ["ä"]), ("/a.", ["a."]), ("/a~b;c=d,e", ["a~b;c=d,e"]),
        ] as [(String, [String]?)])
    func aPathStandsForNames(path: String, expected: [String]?) {
        #expect(names(path) == expected)
    }

    @Test(arguments: [
        "", "a", "*", "/../a", "/a/../b", "/a/..", "/..", "/.", "/./a", "/%2e%2e/a", "/%2E./a", "/.%2e", "/%2e", "/a%2fb",
        "/a%2Fb", "/%2e%2e%2fa", "/a\\b", "/a%5cb", "/..%5c..%5ca", "/a%00", "/%00", "/a%", "/a%4", "/a%zz", "/%%30",
        "/a\u{100}",
        "/.%00./x",
    ])
    func aPathThatCannotNameAFileIsMalformed(path: String) {
        #expect(refusal(path)?.status == 400)
    }

    @Test(arguments: ["/.git/config", "/a/.env", "/%2egit/", "/.well-known/x", "/...", "//", "//evil.example/", "/a//b"])
    func whatIsHiddenIsNotFound(path: String) {
        #expect(refusal(path) == StaticFiles.notFound)
    }

    @Test func dotFilesAreServedWhenAskedFor() {
        #expect(names("/.well-known/x", dotFiles: true) == [".well-known", "x"])
        #expect(names("/...", dotFiles: true) == ["..."])
        #expect(names("/../x", dotFiles: true) == nil)
        #expect(names("//x", dotFiles: true) == nil)
    }

    @Test(arguments: ["POST", "PUT", "DELETE", "OPTIONS", "get", "PROPFIND"])
    func otherMethodsAreNotAllowed(method: String) {
        let response = refusal("/a", method)
        #expect(response?.status == 405)
        #expect(response?.fields[.allow] == "GET, HEAD")
        #expect(response?.fields["X-Content-Type-Options"] == "nosniff")
    }

    // MARK: Whole files

    @Test func aFileIsSentWhole() {
        let plan = plan(head())
        #expect(plan.status == 200)
        #expect(plan.bytes == 0..<1000)
        let expected: [(HTTPFieldName, String)] = [
            (.contentLength, "1000"), (.contentType, "text/plain; charset=utf-8"), (.etag, tag), (.lastModified, date),
            (.acceptRanges, "bytes"), ("X-Content-Type-Options", "nosniff"),
        ]
        for (name, value) in expected { #expect(plan.fields[name] == value) }
        #expect(plan.fields.count == expected.count)
    }

    @Test func headHasTheFieldsAlone() {
        let plan = plan(head("HEAD", "/a.txt", [(.range, "bytes=0-1")]))
        #expect(plan.status == 200)
        #expect(plan.bytes?.isEmpty == true)
        #expect(plan.fields[.contentLength] == "1000")
    }

    @Test(arguments: [
        ("a.html", "text/html; charset=utf-8"), ("A.HTML", "text/html; charset=utf-8"),
        ("a.min.js", "text/javascript; charset=utf-8"),
        ("a.svg", "image/svg+xml"), ("a.wasm", "application/wasm"), ("a.tar.gz", "application/gzip"),
        ("a.webmanifest", "application/manifest+json"), ("a", "application/octet-stream"), ("a.", "application/octet-stream"),
        ("html", "application/octet-stream"), ("a.html.php", "application/octet-stream"),
        ("a.averyveryverylongone", "application/octet-stream"),
    ])
    func theNameSaysTheType(name: String, type: String) {
        #expect(MediaType.type(ofName: Array(name.utf8)) == type)
    }

    @Test func aFolderGetsItsSlash() {
        let folder = FileFacts(kind: .folder, size: 4096, modifiedSeconds: 0)
        var request = head("GET", "/a%20b/c:d")
        #expect(plan(request, folder).status == 308)
        #expect(plan(request, folder).fields[.location] == "./c:d/")
        request.query = "x=/y"
        #expect(plan(request, folder).fields[.location] == "./c:d/?x=/y")
        #expect(plan(head("GET", "/a/"), folder).status == 404)  // index.html is a folder
    }

    @Test func whatIsNeitherAFileNorAFolderIsNotFound() {
        #expect(plan(head(), FileFacts(kind: .other, size: 0, modifiedSeconds: 0)).status == 404)
    }

    // MARK: Conditions

    @Test func aCopyThatIsStillGoodIsNotSentAgain() {
        let good: [[(HTTPFieldName, String)]] = [
            [(.ifNoneMatch, tag)], [(.ifNoneMatch, "W/\(tag)")], [(.ifNoneMatch, "\"x\" ,\t\(tag)")], [(.ifNoneMatch, "*")],
            [(.ifNoneMatch, "\"x\""), (.ifNoneMatch, tag)], [(.ifModifiedSince, date)],
            [(.ifModifiedSince, "Mon, 07 Nov 1994 08:49:37 GMT")], [(.ifNoneMatch, tag), (.ifModifiedSince, "nonsense")],
            [(.ifNoneMatch, tag), (.range, "bytes=0-1")],
        ]
        for fields in good {
            for method in ["GET", "HEAD"] {
                let plan = plan(fields, method)
                #expect(plan.status == 304, "\(fields)")
                #expect(plan.fields[.etag] == tag)
                #expect(plan.fields[.lastModified] == date)
                #expect(!plan.fields.contains(.contentLength) && !plan.fields.contains(.contentType))
            }
        }
        let stale: [[(HTTPFieldName, String)]] = [
            [(.ifNoneMatch, "\"x\"")], [(.ifNoneMatch, "")], [(.ifNoneMatch, "\"x\""), (.ifModifiedSince, date)],
            [(.ifModifiedSince, "Sun, 06 Nov 1994 08:49:36 GMT")], [(.ifModifiedSince, "tomorrow")],
        ]
        for fields in stale { #expect(plan(fields).status == 200, "\(fields)") }
    }

    @Test func preconditionsThatFailAreSaid() {
        let failing: [[(HTTPFieldName, String)]] = [
            [(.ifMatch, "\"x\"")], [(.ifMatch, "W/\(tag)")], [("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT")],
        ]
        for fields in failing { #expect(plan(fields).status == 412, "\(fields)") }
        let holding: [[(HTTPFieldName, String)]] = [
            [(.ifMatch, tag)], [(.ifMatch, "*")], [("If-Unmodified-Since", date)],
            [(.ifMatch, tag), ("If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT")],
        ]
        for fields in holding { #expect(plan(fields).status == 200, "\(fields)") }
    }

    @Test func everyChangeIsAnotherTag() {
        var tags: Set<String> = []
        for size in [999, 1000] as [Int64] {
            for seconds in [-1, 0, 784_111_777] as [Int64] {
                for nanoseconds in [0, 1] as [Int64] {
                    let facts = FileFacts(
                        kind: .file, size: size, modifiedSeconds: seconds, modifiedNanoseconds: nanoseconds)
                    tags.insert(plan(head(), facts).fields[.etag] ?? "")
                }
            }
        }
        #expect(tags.count == 12)
    }

    // MARK: Ranges

    @Test(
        arguments: [
            ("bytes=0-0", 0..<1), ("bytes=0-999", 0..<1000), ("bytes=10-19", 10..<20), ("bytes=990-", 990..<1000),
            ("bytes=990-5000", 990..<1000), ("bytes=-1", 999..<1000), ("bytes=-5000", 0..<1000), ("BYTES= 5-6 ", 5..<7),
            ("bytes=0-99999999999999999999999", 0..<1000), ("bytes=-99999999999999999999999", 0..<1000),
            ("bytes=0-9223372036854775807", 0..<1000),
        ] as [(String, Range<Int64>)])
    func aRangeIsServed(text: String, range: Range<Int64>) {
        let plan = plan([(.range, text)])
        #expect(plan.status == 206)
        #expect(plan.bytes == range)
        #expect(plan.fields[.contentRange] == "bytes \(range.lowerBound)-\(range.upperBound - 1)/1000")
        #expect(plan.fields[.contentLength] == "\(range.count)")
        #expect(plan.fields[.etag] == tag)
    }

    @Test(arguments: ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=99999999999999999999999-"])
    func aRangeBeyondTheEndCannotBeSatisfied(text: String) {
        let plan = plan([(.range, text)])
        #expect(plan.status == 416)
        #expect(plan.fields[.contentRange] == "bytes */1000")
    }

    @Test(arguments: [
        "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=5-4", "bytes=1-2,4-5", "bytes=-1,-2", "lines=1-2", "bytes=+1-2",
        "bytes=1--2", "bytes=0x1-2", "bytes 1-2", "bytes=1 - 2", "byte",
    ])
    func aRangeThatMakesNoSenseIsIgnored(text: String) {
        #expect(plan([(.range, text)]).status == 200)
        #expect(plan([(.range, text)]).bytes == 0..<1000)
    }

    @Test func twoRangeFieldsAreIgnored() {
        #expect(plan([(.range, "bytes=0-1"), (.range, "bytes=0-1")]).status == 200)
    }

    @Test func anEmptyFileHasNoRange() {
        let empty = FileFacts(kind: .file, size: 0, modifiedSeconds: 0)
        #expect(plan(head(), empty).bytes == 0..<0)
        #expect(plan(head("GET", "/a.txt", [(.range, "bytes=0-")]), empty).status == 416)
        #expect(plan(head("GET", "/a.txt", [(.range, "bytes=-1")]), empty).status == 416)
    }

    @Test(arguments: [(true, 206), (false, 200)]) func aRangeOfAnotherVersionIsNotServed(isSame: Bool, status: Int) {
        #expect(plan([(.range, "bytes=0-1"), ("If-Range", isSame ? tag : "\"x\"")]).status == status)
    }

    @Test func weakTagsAndDatesDoNotMatchInIfRange() {
        for value in ["W/\(tag)", date, "*"] { #expect(plan([(.range, "bytes=0-1"), ("If-Range", value)]).status == 200) }
    }

    @Test func nonsenseNeverTraps() {
        var random = SplitMix(seed: 7)
        for _ in 0..<20_000 {
            let path = "/" + random.text(from: "./%\\25eE0ac\u{0}é", upTo: 12)
            guard let names = names(path, dotFiles: true) else { continue }
            #expect(!names.isEmpty)
            #expect(names.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && !$0.contains("/") && !$0.contains("\\") })
        }
        for _ in 0..<20_000 {
            let plan = plan([(.range, "bytes=" + random.text(from: "0123456789-, ", upTo: 24))])
            if let bytes = plan.bytes { #expect(bytes.lowerBound >= 0 && bytes.upperBound <= 1000 && !bytes.isEmpty) }
        }
    }
}

extension SplitMix {
    /// Text drawn from an alphabet.
    fileprivate mutating func text(from alphabet: String, upTo count: Int) -> String {
        let letters = Array(alphabet)
        return String((0..<Int.random(in: 0...count, using: &self)).compactMap { _ in letters.randomElement(using: &self) })
    }
}
