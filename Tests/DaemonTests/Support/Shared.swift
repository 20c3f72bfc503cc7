// A value that several threads use: the test's own, and those of its services. Nothing else is shared between them but bells
// and sockets, so that the compiler checks the rest. There is no way to wait for a change here: see Waiting.swift. Reading
// it is a copy.

import Synchronization

/// A value behind a lock.
final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) { mutex = Mutex(value) }

    var value: Value { mutex.withLock { $0 } }

    @discardableResult
    func change<Result: Sendable>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        try mutex.withLock { value in try body(&value) }
    }

    /// Puts `new` in the place of what was there, and gives that back.
    func exchange(_ new: Value) -> Value {
        change { value in
            defer { value = new }
            return value
        }
    }
}
