// Folders for secrets: who may use them, what a write leaves behind however it ends, and which names lead nowhere else.

import Foundation
import Testing

@testable import SocketKit

@Suite struct PrivateFolderTests {
    /// Calls `body` with the path of a folder that is not there yet, in one that is gone afterwards.
    private func withPlace(_ body: (String) throws -> Void) throws {
        let place = FileManager.default.temporaryDirectory.appendingPathComponent("miagent-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: place, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: place) }
        try body(place.path + "/a/b")
    }

    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    private func failure(_ body: () throws(PrivateFolderError) -> Void) -> String {
        do throws(PrivateFolderError) {
            try body()
            return ""
        } catch {
            return error.description
        }
    }

    private func names(_ path: String) throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }

    // MARK: The folder

    @Test func itIsMadeWithTheFoldersAboveItForThisUserAlone() throws {
        try withPlace { path in
            let folder = try PrivateFolder(path)
            try folder.write([1, 2, 3], to: "key")
            #expect(try mode(path) == 0o700)
            #expect(try mode(path + "/..") == 0o700)
            #expect(try mode(path + "/key") == 0o600)
        }
    }

    @Test(arguments: [0o755, 0o750, 0o770, 0o701, 0o720]) func oneThatOthersMayUseIsRefused(_ mode: Int) throws {
        try withPlace { path in
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: mode])
            try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
            let text = failure { () throws(PrivateFolderError) in _ = try PrivateFolder(path) }
            #expect(text.hasPrefix("\(path): others may use it (mode \(String(mode, radix: 8)))"))
            #expect(text.hasSuffix("chmod 700") && !text.contains("\n"))
        }
    }

    @Test(.enabled(if: isSuperuser())) func oneOfAnotherUserIsRefused() throws {
        try withPlace { path in
            _ = try PrivateFolder(path)
            try FileManager.default.setAttributes([.ownerAccountID: 12_345], ofItemAtPath: path)
            #expect(failure { () throws(PrivateFolderError) in _ = try PrivateFolder(path) }.contains("belongs to user 12345"))
        }
    }

    @Test func aFileInItsPlaceIsNoFolder() throws {
        try withPlace { path in
            try FileManager.default.createDirectory(
                at: URL(fileURLWithPath: path).deletingLastPathComponent(), withIntermediateDirectories: true)
            #expect(FileManager.default.createFile(atPath: path, contents: nil))
            #expect(failure { () throws(PrivateFolderError) in _ = try PrivateFolder(path) }.contains("cannot be opened"))
            #expect(failure { () throws(PrivateFolderError) in _ = try PrivateFolder(path + "/c") }.contains("cannot be made"))
            #expect(failure { () throws(PrivateFolderError) in _ = try PrivateFolder("") } != "")
        }
    }

    /// Two open files of one folder are to the lock what two processes are.
    @Test func oneTakesItAndLetsGoOfIt() throws {
        try withPlace { path in
            var first: PrivateFolder? = try PrivateFolder(path)
            let second = try PrivateFolder(path)
            try first?.claim()
            #expect(failure(second.claim).contains("is in use by another process"))
            first = nil
            try second.claim()
        }
    }

    // MARK: Files

    @Test func aFileIsReplacedWholeAndNothingElseIsLeft() throws {
        try withPlace { path in
            let folder = try PrivateFolder(path)
            for size in [0, 1, 100_000, 7] {
                let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0) }
                try folder.write(bytes, to: "file.json")
                #expect(try folder.read("file.json") == bytes)
            }
            #expect(try names(path) == ["file.json"])
        }
    }

    /// As a power cut leaves it: what was being written beside is no file, is in nobody's way, and goes with the next write.
    @Test func aDraftThatWasNeverFinishedCountsForNothing() throws {
        try withPlace { path in
            let folder = try PrivateFolder(path)
            try folder.write([1], to: "file.json")
            #expect(FileManager.default.createFile(atPath: path + "/.file.json.new", contents: Data([9, 9])))
            #expect(try folder.names() == ["file.json"])
            #expect(try folder.read("file.json") == [1])
            try folder.write([2], to: "file.json")
            #expect(try folder.read("file.json") == [2])
            #expect(try names(path) == ["file.json"])
        }
    }

    /// A draft cannot be put in the place of a folder: the write fails, and leaves what was there.
    @Test func aWriteThatFailsLeavesWhatWasThere() throws {
        try withPlace { path in
            let folder = try PrivateFolder(path)
            try FileManager.default.createDirectory(atPath: path + "/taken", withIntermediateDirectories: false)
            let text = failure { () throws(PrivateFolderError) in try folder.write([1], to: "taken") }
            #expect(text.hasPrefix("\(path)/taken: cannot be put in place: "))
            #expect(try names(path) == ["taken"])
        }
    }

    @Test func whatIsNotThereIsNil() throws {
        try withPlace { path in
            let folder = try PrivateFolder(path)
            #expect(try folder.read("file") == nil)
            try folder.remove("file")
            try folder.write([1], to: "file")
            try folder.remove("file")
            #expect(try folder.read("file") == nil)
        }
    }

    @Test func linksFoldersAndLongFilesAreRefused() throws {
        try withPlace { path in
            let folder = try PrivateFolder(path)
            #expect(FileManager.default.createFile(atPath: path + "/../secret", contents: Data("secret".utf8)))
            try FileManager.default.createSymbolicLink(atPath: path + "/link", withDestinationPath: "../secret")
            try FileManager.default.createDirectory(atPath: path + "/folder", withIntermediateDirectories: false)
            try folder.write([1, 2, 3], to: "long")
            #expect(failure { () throws(PrivateFolderError) in _ = try folder.read("link") }.contains("cannot be opened"))
            #expect(failure { () throws(PrivateFolderError) in _ = try folder.read("folder") }.contains("not a regular file"))
            #expect(
                failure { () throws(PrivateFolderError) in _ = try folder.read("long", limit: 2) }
                    .hasSuffix("is larger than 2 bytes"))
            // A link in the place of a file is replaced, not followed.
            try folder.write([1], to: "link")
            #expect(FileManager.default.contents(atPath: path + "/../secret") == Data("secret".utf8))
        }
    }

    @Test(arguments: ["", ".", "..", ".hidden", "../x", "a/b", "/etc/passwd", "a\0b"])
    func aNameThatLeadsElsewhereIsRefused(_ name: String) throws {
        try withPlace { path in
            let folder = try PrivateFolder(path)
            #expect(failure { () throws(PrivateFolderError) in _ = try folder.read(name) } != "")
            #expect(failure { () throws(PrivateFolderError) in try folder.write([1], to: name) } != "")
            #expect(failure { () throws(PrivateFolderError) in try folder.remove(name) } != "")
            #expect(try names(path).isEmpty)
        }
    }
}
