// The store of exchanges: numbers, limits, order, and the bytes that it counts.

import HTTPCodec
import Testing

@testable import Inspection

@Suite struct InspectorStoreTests {
    private func exchange(_ target: String = "/", agent: String = "pi", method: String = "GET") -> CapturedExchange {
        CapturedExchange(
            agentID: agent, method: method, target: Array(target.utf8), requestFields: HTTPFields(), startedAtMilliseconds: 0)
    }

    private func numbers(_ store: InspectorStore, _ query: String = "", agent: String? = nil) -> [UInt64] {
        var filter = ExchangeFilter(query: Array(query.utf8)[...])
        filter.agentID = agent
        return store.exchanges(matching: filter).map(\.number)
    }

    @Test func numbersCountUpAndTheNewestComesFirst() {
        var store = InspectorStore(maximumBytes: 1 << 20, maximumBodyBytes: 100)
        #expect((1...3).map { store.add(exchange("/\($0)")) } == [1, 2, 3])
        #expect(numbers(store) == [3, 2, 1])
        #expect(store[2]?.target == Array("/2".utf8))
        #expect(store[4] == nil)
    }

    @Test func aBusyAgentDoesNotPushOutAQuietOne() {
        var store = InspectorStore(maximumExchanges: 2, maximumBytes: 1 << 20, maximumBodyBytes: 100)
        let quiet = store.add(exchange(agent: "quiet"))
        for index in 0..<1000 { _ = store.add(exchange("/\(index)", agent: "busy")) }
        #expect(numbers(store) == [1001, 1000, quiet])
        #expect(numbers(store, agent: "quiet") == [quiet])
        #expect(numbers(store, agent: "busy") == [1001, 1000])
        #expect(numbers(store, agent: "nobody") == [])
    }

    @Test func theOldestAreDroppedWhenTheBytesAreUsedUp() {
        var store = InspectorStore(maximumBytes: 20_000, maximumBodyBytes: 4096)
        for _ in 0..<20 {
            let number = store.add(exchange())
            store.appendResponseBody([UInt8](repeating: 1, count: 4096)[...], to: number)
            #expect(store.heldBytes <= 20_000)
        }
        let held = numbers(store)
        #expect(held.first == 20)
        #expect((2...4).contains(held.count))
        #expect(held == Array((21 - UInt64(held.count)...20).reversed()))
    }

    @Test func heldBytesAreCounted() {
        var store = InspectorStore(maximumBytes: 1 << 20, maximumBodyBytes: 1000)
        let number = store.add(exchange())
        let bare = store.heldBytes
        store.appendRequestBody([UInt8](repeating: 1, count: 600)[...], to: number)
        #expect(store.heldBytes >= bare + 600)
        let kept = store.heldBytes
        store.appendRequestBody([UInt8](repeating: 1, count: 10_000)[...], to: number)
        #expect(store.heldBytes - kept < 2000)
        #expect(store[number]?.requestBody.prefix.count == 1000)
        #expect(store[number]?.requestBody.count == 10_600)
        #expect(store[number]?.requestBody.isWhole == false)
        store.removeAll(of: "pi")
        #expect(store.heldBytes == 0)
        #expect(store.count == 0)
    }

    @Test func droppedExchangesStayDropped() throws {
        var store = InspectorStore(maximumExchanges: 1, maximumBytes: 1 << 20, maximumBodyBytes: 100)
        let first = store.add(exchange("/old"))
        var old = try #require(store[first])
        let second = store.add(exchange("/new"))
        old.status = 200
        store.update(old)
        store.appendRequestBody([1], to: first)
        store.modify(first) { $0.outcome = "done" }
        #expect(store[first] == nil)
        #expect(numbers(store) == [second])
        #expect(store[second]?.status == nil)
    }

    @Test func updatingKeepsNumberAndAgent() throws {
        var store = InspectorStore(maximumBytes: 1 << 20, maximumBodyBytes: 100)
        let number = store.add(exchange())
        var changed = try #require(store[number])
        changed.agentID = "other"
        changed.status = 204
        store.update(changed)
        #expect(store[number]?.status == 204)
        #expect(store[number]?.agentID == "pi")
        #expect(numbers(store, agent: "pi") == [number])
    }

    @Test func smallerLimitsHoldAtOnce() {
        var store = InspectorStore(maximumBytes: 1 << 20, maximumBodyBytes: 100)
        for _ in 0..<50 { _ = store.add(exchange()) }
        store.setLimits(maximumBytes: store.heldBytes / 2, maximumBodyBytes: 10)
        #expect((24...25).contains(store.count))
        #expect(numbers(store).first == 50)
        store.setLimits(maximumBytes: 0, maximumBodyBytes: -1)
        #expect(store.count == 0)
    }

    @Test func manyExchangesCostNoMoreThanTheLimit() {
        var store = InspectorStore(maximumExchanges: 200, maximumBytes: 100_000, maximumBodyBytes: 100)
        for index in 0..<5000 { _ = store.add(exchange(agent: "agent-\(index)")) }
        #expect(store.heldBytes <= 100_000)
        #expect(store.count == numbers(store).count)
        #expect(store[1] == nil)
        #expect(store[5000] != nil)
    }

    @Test(
        arguments: [
            ("", [4, 3, 2, 1]), ("method=get", [3, 1]), ("status=2xx", [1]), ("status=404", [2]), ("status=failed", [3]),
            ("text=API", [2, 1]), ("text=%2Fapi%2Fb", [2]), ("method=POST&text=ap", [2]), ("limit=2", [4, 3]), ("limit=0", []),
            ("status=nonsense&unknown=1&&limit=x", [4, 3, 2, 1]), ("method=&text=", [4, 3, 2, 1]), ("text=%zz", []),
        ])
    func filters(_ query: String, _ expected: [UInt64]) {
        var store = InspectorStore(maximumBytes: 1 << 20, maximumBodyBytes: 100)
        let lines: [(String, String, Int?, String)] = [
            ("GET", "/api/a", 200, "done"), ("POST", "/Api/b", 404, "done"), ("GET", "/other", nil, "service-timed-out"),
            ("POST", "/under/way", nil, ""),
        ]
        for (method, target, status, outcome) in lines {
            var exchange = exchange(target, method: method)
            exchange.status = status
            exchange.outcome = outcome
            _ = store.add(exchange)
        }
        #expect(numbers(store, query) == expected)
    }
}
