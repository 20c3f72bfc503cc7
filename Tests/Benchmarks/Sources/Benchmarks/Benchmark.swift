// What a benchmark is: something that can be done any number of times. Set-up happens once, in `prepare`, so that the
// difference between two runs of different length is the operations alone.

/// One line of the table.
struct Benchmark {
    /// `area.what`, as on the command line and in the baseline.
    let name: String
    /// Bytes that one operation deals with, for bytes per second; 0 where that means nothing.
    let bytes: Int
    /// Operations in one round, which is the least that can be run.
    let batch: Int
    /// Sets up, and returns what runs one round.
    let prepare: () throws -> () throws -> Void

    init(_ name: String, bytes: Int = 0, batch: Int = 1, prepare: @escaping () throws -> () throws -> Void) {
        self.name = name
        self.bytes = bytes
        self.batch = batch
        self.prepare = prepare
    }
}

/// The program under measurement did not do what it should, so its figures would mean nothing.
struct WrongResult: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Keeps a result alive, so that the optimiser cannot leave its computation out.
@_optimize(none) func consume<T>(_ value: T) {}

func require(_ condition: Bool, _ message: @autoclosure () -> String) throws(WrongResult) {
    if !condition { throw WrongResult(message()) }
}
