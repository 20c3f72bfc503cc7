// The repository as these tests see it: text files under a root that is found from this file's own path.
// Folders are listed by hand rather than by an enumerator, which would not enter a symbolic link.

import Foundation

/// A Swift file of Sources, read once for all tests.
struct SourceFile: Sendable {
    /// The folder directly under Sources.
    let module: String
    /// From the root of the repository.
    let path: String
    let text: String
    let tokens: [Token]

    init(module: String, path: String, text: String) {
        self.module = module
        self.path = path
        self.text = text
        self.tokens = swiftTokens(of: text)
    }

    var lines: [Substring] { text.split(separator: "\n", omittingEmptySubsequences: false) }
}

/// What a check found, and where.
struct Finding: Equatable, CustomStringConvertible {
    let path: String
    /// Counted from 1.
    let line: Int
    let what: String

    var description: String { "\(path):\(line): \(what)" }
}

enum Repository {
    static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    /// The Swift files of all modules, in order of path.
    static let sources: [SourceFile] = moduleNames.flatMap { module in
        files(under: "Sources/\(module)", suffix: ".swift").compactMap { path in
            text(of: path).map { SourceFile(module: module, path: path, text: $0) }
        }
    }

    /// The folders of Sources.
    static let moduleNames: [String] = names(in: "Sources").filter { isFolder("Sources/\($0)") }

    static func text(of path: String) -> String? {
        try? String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).path)
    }

    /// The paths from the root of all files in `folder` and below whose names end with `suffix`.
    static func files(under folder: String, suffix: String) -> [String] {
        names(in: folder).flatMap { name in
            let path = "\(folder)/\(name)"
            if isFolder(path) { return files(under: path, suffix: suffix) }
            return name.hasSuffix(suffix) ? [path] : []
        }
    }

    private static func names(in folder: String) -> [String] {
        let all = try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)
        return (all ?? []).filter { !$0.hasPrefix(".") }.sorted()
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: root.appending(path: path).path, isDirectory: &isFolder)
            && isFolder.boolValue
    }
}
