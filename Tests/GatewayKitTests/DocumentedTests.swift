// Docs/Protocol.md lists the errors of the gateway's own and its addresses: they are those of the code, and each error has a
// text in every language.

import Foundation
import HTTPCodec
import Testing
import WebConsole

@testable import GatewayKit

@Suite struct DocumentedTests {
    @Test func thePageListsEachErrorWithItsStatusAndNoOther() throws {
        let rows = try errorRows()
        for error in Self.errors {
            let row = rows.filter { $0.codes.contains(error.code) }
            #expect(row.contains { $0.statuses.contains(error.status) }, "\(error.status) \(error.code)")
        }
        let codes = Set(Self.errors.map(\.code))
        for row in rows {
            for code in row.codes { #expect(codes.contains(code), "the page has \(code)") }
            let known = Set(Self.errors.filter { row.codes.contains($0.code) }.map(\.status))
            #expect(Set(row.statuses) == known, "\(row.codes)")
        }
    }

    @Test func eachErrorIsExplainedInEveryLanguage() {
        for error in Self.errors { #expect(ErrorPage.explains(error.code), "\(error.code)") }
    }

    /// A case that is missing among the examples does not compile in `place`, or leaves a gap here.
    @Test func theExamplesAreAllCases() {
        #expect(Set(Self.errors.map(place)) == Set(0...32))
    }

    @Test func thePageNamesEachAddressOfTheGatewaysOwn() throws {
        let page = try Self.page()
        for path in OwnRoute.paths {
            #expect(page.contains("\(path)`") || page.contains("\(path) `"), "\(path)")
            #expect(OwnRoute.at(Array(path.utf8)[...]) != nil)
        }
    }

    // MARK: The page

    private static func page() throws -> String {
        let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("../../Docs/Protocol.md")
        return try String(contentsOf: path, encoding: .utf8)
    }

    private func errorRows() throws -> [(statuses: [Int], codes: [String])] {
        let page = try Self.page()
        let start = try #require(page.range(of: "| status | `x-miagent-error` | when |\n|---|---|---|\n"))
        let rows = page[start.upperBound...].split(separator: "\n\n", maxSplits: 1)[0]
        return rows.split(separator: "\n").map { row in
            let cells = row.split(separator: "|").map { $0.trimmingCharacters(in: .whitespaces) }
            let codes = cells[1].split(separator: ",").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: " `")) }
            return (cells[0].split(separator: ",").compactMap { Int($0.trimmingCharacters(in: .whitespaces)) }, codes)
        }
    }

    // MARK: All errors

    private static let errors: [GatewayError] = [
        .malformed(.badVersion), .malformed(.badFraming("")), .malformed(.tooLarge(.startLine)),
        .malformed(.tooLarge(.fieldCount)), .malformed(.unsupportedTransferCoding), .methodNotAllowed(allow: "GET"), .notFound,
        .webServiceOff, .unknownAgent("a"),
        .noWebService("a"), .agentOffline("a"), .unauthorized, .forbidden, .crossSite, .tooManyAttempts(seconds: 1),
        .tooManyRequests(seconds: 1), .bodyTooLarge(limit: 1), .tooManyStreams("a"), .buffersFull("a"), .overloaded,
        .serviceUnreachable(""), .serviceBroken(""), .agentLost("a"), .serviceTimedOut(seconds: 1), .requestTimedOut,
        .upgradeRequired, .upgradeDropped, .duplicateAgent("a"), .nameTaken("a", by: "A"), .reservedName("a"), .badAgentID,
        .inspectorOff("a"), .notInspected("a"), .unknownExchange, .badReplay(""), .replayOff, .replayCut,
    ]

    private func place(_ error: GatewayError) -> Int {
        switch error {
        case .malformed: 0
        case .methodNotAllowed: 1
        case .notFound: 2
        case .webServiceOff: 3
        case .unknownAgent: 4
        case .noWebService: 5
        case .agentOffline: 6
        case .unauthorized: 7
        case .forbidden: 8
        case .crossSite: 9
        case .tooManyAttempts: 10
        case .tooManyRequests: 11
        case .bodyTooLarge: 12
        case .tooManyStreams: 13
        case .buffersFull: 14
        case .overloaded: 15
        case .serviceUnreachable: 16
        case .serviceBroken: 17
        case .agentLost: 18
        case .serviceTimedOut: 19
        case .requestTimedOut: 20
        case .upgradeRequired: 21
        case .upgradeDropped: 22
        case .duplicateAgent: 23
        case .nameTaken: 24
        case .reservedName: 25
        case .badAgentID: 26
        case .inspectorOff: 27
        case .notInspected: 28
        case .unknownExchange: 29
        case .badReplay: 30
        case .replayOff: 31
        case .replayCut: 32
        }
    }
}
