// Notifies a service manager of the daemon's state: systemd's notification protocol (sd_notify(3)), without libsystemd.
// A message is a datagram of `NAME=value` lines to the Unix socket named in NOTIFY_SOCKET, a path or `@` and an abstract
// name. Without that variable every call does nothing. A manager that does not read delays a call by at most a second.
// Other kinds of address (`vsock:`) are refused: they are for managers outside a virtual machine.

import MachineCore

#if canImport(CLinux)
    import CLinux  // its header claims sys/socket.h
#endif
#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The way to the service manager, if there is one.
public struct ServiceNotifier: Sendable, Hashable {
    /// The bytes of `sun_path`: an abstract name begins with a zero. Empty: there is no manager.
    private let address: [UInt8]

    /// The notifier that `environment` describes by NOTIFY_SOCKET.
    public init(environment: [String: String] = environmentVariables()) {
        address = notifyAddress(environment["NOTIFY_SOCKET"] ?? "")
    }

    /// Whether a service manager listens.
    public var isActive: Bool { !address.isEmpty }

    /// The daemon serves from now on; also after a reload. Each of these calls returns whether the manager was told.
    @discardableResult
    public func ready(status: String? = nil) -> Bool {
        send(["READY=1"] + statusLine(status))
    }

    /// The daemon has begun to stop.
    @discardableResult
    public func stopping(status: String? = nil) -> Bool {
        send(["STOPPING=1"] + statusLine(status))
    }

    /// The daemon reads its settings again, and will say `ready` when it has (Type=notify-reload wants the time with it).
    @discardableResult
    public func reloading() -> Bool {
        let now = currentTime(CLOCK_MONOTONIC)
        return send(["RELOADING=1", "MONOTONIC_USEC=\(Int64(now.tv_sec) * 1_000_000 + Int64(now.tv_nsec) / 1000)"])
    }

    /// A sentence for whoever asks the manager.
    @discardableResult
    public func status(_ text: String) -> Bool {
        send(statusLine(text))
    }

    private func statusLine(_ text: String?) -> [String] {
        // A line feed would start an assignment of its own.
        text.map { ["STATUS=" + String($0.map { $0.isNewline || $0 == "\0" ? " " : $0 })] } ?? []
    }

    private func send(_ lines: [String]) -> Bool {
        guard isActive else { return false }
        return sendDatagram(Array(lines.joined(separator: "\n").utf8), to: address)
    }
}

/// The bytes of `sun_path` for a value of NOTIFY_SOCKET; empty if it is absent, of another kind, or too long.
private func notifyAddress(_ value: String) -> [UInt8] {
    var bytes = Array(value.utf8)
    let capacity = MemoryLayout.size(ofValue: sockaddr_un().sun_path)
    guard let first = bytes.first, bytes.count < capacity, !bytes.contains(0) else { return [] }
    if first == UInt8(ascii: "@") {
        bytes[0] = 0
        return bytes.count > 1 ? bytes : []
    }
    return first == UInt8(ascii: "/") ? bytes : []
}
