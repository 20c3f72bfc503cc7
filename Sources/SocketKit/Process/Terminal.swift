// A terminal to draw on: how large it is, and a way to write to it that never holds up the loop. A person may stop it (Ctrl-S)
// or be at the end of a slow line; what it does not take now is kept, and whoever draws waits until it is gone.

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The terminal behind a descriptor of this process.
public final class Terminal {
    private let descriptor: Int32
    /// Accepted, and not yet taken by the terminal.
    private var rest: ArraySlice<UInt8> = []

    /// Nil if `descriptor` is no terminal that can be steered, by what `TERM` among `environment` says of it.
    public init?(descriptor shared: Int32 = 1, environment: [String: String]) {
        guard isTerminal(shared), let kind = environment["TERM"], !kind.isEmpty, kind != "dumb" else { return nil }
        // Opened anew, because not to block is a property of the open file, which is shared with the shell.
        let own = openDescriptor(terminalPath(shared) ?? "", O_WRONLY | O_NONBLOCK | O_NOCTTY)
        guard own >= 0 else { return nil }
        descriptor = own
    }

    deinit { close(descriptor) }

    /// Whether it awaits the terminal: what is written now comes later.
    public var isBusy: Bool { !flush() }

    /// Its size now; 80 × 24 if it does not say.
    public var size: (columns: Int, rows: Int) {
        guard let size = windowSize(descriptor), size.ws_col > 0, size.ws_row > 0 else { return (80, 24) }
        return (Int(size.ws_col), Int(size.ws_row))
    }

    /// Writes after what was written before. To be called when it is not busy, or what it holds grows.
    public func write(_ bytes: [UInt8]) {
        rest = rest.isEmpty ? bytes[...] : rest + bytes
        _ = flush()
    }

    /// Waits until all is written, but not for long: a person who stopped the terminal does not stop the program.
    public func finish() {
        for _ in 0..<Self.maximumWaits where !flush() {
            _ = waitUntilWritable(descriptor, milliseconds: Self.waitMs)
        }
    }

    private static let maximumWaits = 10
    private static let waitMs: Int32 = 20

    /// Whether all is written. A terminal that is gone takes everything: no one can see it.
    private func flush() -> Bool {
        while !rest.isEmpty {
            switch CallOutcome(retrying { writeBytes(descriptor, rest) }) {
            case .moved(0), .wouldBlock: return false
            case .moved(let count): rest = rest.dropFirst(count)
            case .failed: rest = []
            }
        }
        return true
    }
}

/// The signal that says that the terminal has another size, the same number on Linux and Darwin.
public let terminalSizeSignal: Int32 = SIGWINCH
/// The signal that says that the program goes on after it was stopped (Ctrl-Z and `fg`).
public let continueSignal: Int32 = SIGCONT
