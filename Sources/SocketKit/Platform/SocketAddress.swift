// Addresses as values: literal IPv4, IPv6 (with zone) and Unix paths, to the kernel's form and back to text.
// It resolves no names. IPv4 peers that arrive on an IPv6 listener (::ffff:a.b.c.d, RFC 4291 §2.5.5.2) are printed as IPv4.
//
// Unsafe here: one `sockaddr_storage`, which is as large and as aligned as every form of an address, read and written as each
// of them. A form is read only when the family says so, and a copy is never longer than the storage.

import MachineCore

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A socket address in the kernel's form.
struct SocketAddress: Sendable {
    private var storage = sockaddr_storage()
    private var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    /// An address yet to be filled in.
    init() {}

    /// What a resolver found; nil if it is too long to be an address.
    init?(copying address: UnsafePointer<sockaddr>, length: socklen_t) {
        guard Int(length) <= MemoryLayout<sockaddr_storage>.size else { return nil }
        self.length = length
        unsafe withUnsafeMutableBytes(of: &storage) {
            unsafe $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(length)))
        }
    }

    /// The literal address `host`, IPv4 or IPv6 without brackets; nil if it is none.
    init?(literal host: String, port: UInt16) {
        var four = sockaddr_in()
        var six = sockaddr_in6()
        if unsafe inet_pton(AF_INET, host, &four.sin_addr) == 1 {
            four.sin_family = sa_family_t(AF_INET)
            four.sin_port = port.bigEndian
            store(four)
        } else if let zoneless = Self.parseSix(host, into: &six) {
            six.sin6_family = sa_family_t(AF_INET6)
            six.sin6_port = port.bigEndian
            six.sin6_scope_id = zoneless
            store(six)
        } else {
            return nil
        }
    }

    /// The address of a Unix socket; nil if the path is empty, too long for the kernel (107 bytes on Linux) or holds a NUL.
    init?(path: String) {
        var address = sockaddr_un()
        let bytes = Array(path.utf8)
        let room = MemoryLayout.size(ofValue: address.sun_path)
        guard !bytes.isEmpty, bytes.count < room, !bytes.contains(0) else { return nil }
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
        store(address)
    }

    /// The address family.
    var family: Int32 { Int32(storage.ss_family) }

    /// Whether it is the machine itself, over TCP.
    var isLoopback: Bool {
        switch family {
        case AF_INET: fourBytes.first == 127
        case AF_INET6: sixBytes.dropLast().allSatisfy { $0 == 0 } && sixBytes.last == 1
        default: false
        }
    }

    /// The port, or 0 for a Unix socket.
    var port: UInt16 {
        switch family {
        case AF_INET: UInt16(bigEndian: load(sockaddr_in.self).sin_port)
        case AF_INET6: UInt16(bigEndian: load(sockaddr_in6.self).sin6_port)
        default: 0
        }
    }

    /// The literal address without port, or "unix".
    var hostText: String {
        switch family {
        case AF_INET: return dotted(fourBytes)
        case AF_INET6:
            let bytes = sixBytes
            let isMapped = bytes[..<10].allSatisfy { $0 == 0 } && bytes[10] == 0xff && bytes[11] == 0xff
            return isMapped ? dotted(Array(bytes[12...])) : sixText
        default: return "unix"
        }
    }

    /// Where it is, for people: `127.0.0.1:80`, `[::1]:80`, `unix:/run/x.sock`.
    var text: String { endpoint.text }

    /// Where it is.
    var endpoint: Endpoint {
        guard family == AF_UNIX else { return .tcp(host: hostText, port: port) }
        let path = load(sockaddr_un.self).sun_path
        return unsafe .unix(path: withUnsafeBytes(of: path) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) })
    }

    /// Whether both are the same address and port.
    func isSame(as other: SocketAddress) -> Bool {
        unsafe length == other.length
            && withBytes { mine in unsafe other.withBytes { theirs in unsafe mine.elementsEqual(theirs) } }
    }

    /// Lends the kernel's form to a call that reads it.
    func lend<Result>(_ call: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        unsafe withUnsafePointer(to: storage) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call($0, length) }
        }
    }

    /// Lends the memory to a call that fills it in.
    mutating func fill<Result>(_ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Result) -> Result {
        length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return unsafe withUnsafeMutablePointer(to: &storage) {
            unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe call($0, &length) }
        }
    }

    /// The address that a socket is bound to; nil if the system does not say.
    static func local(of descriptor: Int32) -> SocketAddress? {
        var address = SocketAddress()
        return unsafe address.fill { unsafe getsockname(descriptor, $0, $1) } == 0 ? address : nil
    }

    /// The address that a socket is connected to; nil if it is not.
    static func peer(of descriptor: Int32) -> SocketAddress? {
        var address = SocketAddress()
        return unsafe address.fill { unsafe getpeername(descriptor, $0, $1) } == 0 ? address : nil
    }

    // MARK: Forms

    private var fourBytes: [UInt8] {
        unsafe withUnsafeBytes(of: load(sockaddr_in.self).sin_addr) { unsafe Array($0) }
    }

    private var sixBytes: [UInt8] {
        unsafe withUnsafeBytes(of: load(sockaddr_in6.self).sin6_addr) { unsafe Array($0) }
    }

    /// IPv6 in the form of RFC 5952, with the zone's number if it has one.
    private var sixText: String {
        let address = load(sockaddr_in6.self)
        var six = address.sin6_addr
        var characters = [UInt8](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let isPrinted = unsafe characters.withUnsafeMutableBytes { buffer in
            unsafe inet_ntop(
                AF_INET6, &six, buffer.assumingMemoryBound(to: CChar.self).baseAddress, socklen_t(INET6_ADDRSTRLEN))
                != nil
        }
        guard isPrinted else { return "?" }
        let text = String(decoding: characters.prefix { $0 != 0 }, as: UTF8.self)
        return address.sin6_scope_id == 0 ? text : "\(text)%\(address.sin6_scope_id)"
    }

    /// At most 15 bytes, so the string lives without an allocation: this runs for every accepted connection.
    private func dotted(_ bytes: [UInt8]) -> String {
        var characters: [UInt8] = []
        characters.reserveCapacity(15)
        for (index, byte) in bytes.enumerated() {
            if index > 0 { characters.append(UInt8(ascii: ".")) }
            if byte >= 100 { characters.append(UInt8(ascii: "0") + byte / 100) }
            if byte >= 10 { characters.append(UInt8(ascii: "0") + byte / 10 % 10) }
            characters.append(UInt8(ascii: "0") + byte % 10)
        }
        return String(decoding: characters, as: UTF8.self)
    }

    /// Parses `address` or `address%zone` and returns the zone's index (0 without one); nil if it is no IPv6 address.
    private static func parseSix(_ host: String, into six: inout sockaddr_in6) -> UInt32? {
        let parts = host.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, unsafe inet_pton(AF_INET6, String(first), &six.sin6_addr) == 1 else { return nil }
        guard parts.count == 2 else { return 0 }
        let index = unsafe UInt32(parts[1]) ?? if_nametoindex(String(parts[1]))
        return index == 0 ? nil : index
    }

    // MARK: Memory

    private mutating func store<Form>(_ form: Form) {
        length = socklen_t(MemoryLayout<Form>.size)
        unsafe withUnsafeBytes(of: form) { source in
            unsafe withUnsafeMutableBytes(of: &storage) { unsafe $0.copyMemory(from: source) }
        }
    }

    private func load<Form>(_ form: Form.Type) -> Form {
        unsafe withUnsafeBytes(of: storage) { unsafe $0.loadUnaligned(as: form) }
    }

    private func withBytes<Result>(_ body: (UnsafeRawBufferPointer.SubSequence) -> Result) -> Result {
        unsafe withUnsafeBytes(of: storage) { unsafe body($0.prefix(Int(length))) }
    }
}

extension Endpoint {
    /// Where it is, for people: `example.com:80`, `[::1]:80`, `unix:/run/x.sock`.
    var text: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// Whether `host` is a literal address, IPv4 or IPv6 without brackets, that can be listened on and connected to.
public func isLiteralAddress(_ host: String) -> Bool { SocketAddress(literal: host, port: 0) != nil }
