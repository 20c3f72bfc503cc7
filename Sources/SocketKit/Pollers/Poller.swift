// What the loop needs of the system's readiness notification, so small that two very different mechanisms fit behind it.
// Readiness is level-triggered: whatever stays ready is reported again by the next wait, while it is of interest.

/// Which mechanism tells a loop that sockets are ready.
public enum PollerBackend: String, Sendable, CaseIterable {
    /// epoll(7), level-triggered; only on Linux.
    case epoll
    /// Dispatch sources; everywhere, at more than twice the cost a request.
    case dispatch

    /// The best that this system has.
    public static var platformDefault: PollerBackend {
        #if os(Linux)
            .epoll
        #else
            .dispatch
        #endif
    }
}

/// Which conditions of a descriptor are of interest.
struct Interest: OptionSet, Sendable {
    let rawValue: UInt8
    /// It has something to read, or its stream ended.
    static let read = Interest(rawValue: 1)
    /// It has room to write.
    static let write = Interest(rawValue: 2)
}

/// What a descriptor is ready for.
struct Readiness: Sendable {
    /// The conditions.
    struct Conditions: OptionSet, Sendable {
        let rawValue: UInt8
        /// A read will not block.
        static let read = Conditions(rawValue: 1)
        /// A write will not block.
        static let write = Conditions(rawValue: 2)
        /// Both directions are shut. Reported even without interest.
        static let hangup = Conditions(rawValue: 4)
        /// The socket has an error stored. Reported even without interest.
        static let error = Conditions(rawValue: 8)
    }

    /// Whatever the descriptor was registered with.
    var token: UInt64
    var conditions: Conditions
}

/// Readiness notification for one loop; used from its thread only.
protocol Poller: AnyObject {
    /// Starts watching.
    func watch(_ descriptor: Int32, _ interest: Interest, token: UInt64) throws(SocketError)
    /// Changes what a watched descriptor is watched for. Empty is allowed and leaves only hangups and errors, if those.
    func change(_ descriptor: Int32, _ interest: Interest, token: UInt64) throws(SocketError)
    /// Stops watching; the descriptor stays open and may be watched again.
    func forget(_ descriptor: Int32)
    /// Stops watching and closes, at once or as soon as it is safe; the number must not be used any more.
    func close(_ descriptor: Int32)
    /// Stops watching and gives up the descriptor: another poller may watch the one returned. Negative if there is none left.
    func release(_ descriptor: Int32) -> Int32
    /// Appends what is ready to `ready`, waiting at most so many nanoseconds for something (nil: for ever). May return early.
    func wait(nanoseconds: UInt64?, into ready: inout [Readiness]) throws(SocketError)
}

extension PollerBackend {
    /// A poller of this kind; fails where the system has none.
    func makePoller() throws(SocketError) -> any Poller {
        switch self {
        case .epoll: try makeEpollPoller()
        case .dispatch: DispatchPoller()
        }
    }
}
