// A head written piece by piece (RFC 9112 §3, §4): the start line, fields of messages that came, fields of one's own, the empty
// line. Each name and value is checked where it was not already, so that nothing can end a line that was not meant to end.

/// Writes one head.
public struct HTTPHeadWriter: Sendable {
    /// What was written.
    private var bytes: [UInt8]

    /// Begins a request: `method SP target SP HTTP-version`. Room is made for `byteCount` bytes of fields. Throws `.method` or
    /// `.target`.
    public init(
        method: String, target: ArraySlice<UInt8>, minorVersion: Int = 1, byteCount: Int
    ) throws(HTTPFieldError) {
        guard !target.isEmpty, Scan.isTarget(target) else { throw HTTPFieldError(.target) }
        bytes = []
        bytes.reserveCapacity(target.count + max(0, byteCount) + 64)
        guard Self.append(method, to: &bytes) else { throw HTTPFieldError(.method) }
        bytes.append(addingCapacity: target.count + 12) { output in
            output.withUnsafeMutableBufferPointer { line, count in
                guard let line = UnsafeMutableRawPointer(line.baseAddress) else { return }
                line.storeBytes(of: Octet.space, as: UInt8.self)
                target.withUnsafeBytes { target in
                    if let text = target.baseAddress { (line + 1).copyMemory(from: text, byteCount: target.count) }
                }
                count = 1 + target.count
                Self.put(minorVersion == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n", to: line, &count)
            }
        }
    }

    @inline(__always)
    private static func put(_ text: StaticString, to line: UnsafeMutableRawPointer, _ count: inout Int) {
        (line + count).copyMemory(from: text.utf8Start, byteCount: text.utf8CodeUnitCount)
        count &+= text.utf8CodeUnitCount
    }

    /// Begins a response with the usual phrase of its status, `HTTP-version SP status-code SP reason-phrase`, behind `before`,
    /// which it takes. Room is made for `byteCount` bytes of fields. Throws `.status`, and then takes nothing.
    public init(status: Int, byteCount: Int, behind before: inout [UInt8]) throws(HTTPFieldError) {
        guard (100...999).contains(status) else { throw HTTPFieldError(.status) }
        bytes = []
        swap(&bytes, &before)
        let needed = bytes.count + max(0, byteCount) + 64
        if bytes.capacity < needed { bytes.reserveCapacity(needed) }
        var reason = HTTPStatus.reason(for: status)
        reason.withUTF8 { reason in
            bytes.append(addingCapacity: reason.count + 16) { output in
                output.withUnsafeMutableBufferPointer { line, count in
                    guard let line = UnsafeMutableRawPointer(line.baseAddress) else { return }
                    Self.put("HTTP/1.1 ", to: line, &count)
                    line.storeBytes(of: Octet.zero + UInt8(status / 100), toByteOffset: count, as: UInt8.self)
                    line.storeBytes(of: Octet.zero + UInt8(status / 10 % 10), toByteOffset: count + 1, as: UInt8.self)
                    line.storeBytes(of: Octet.zero + UInt8(status % 10), toByteOffset: count + 2, as: UInt8.self)
                    line.storeBytes(of: Octet.space, toByteOffset: count + 3, as: UInt8.self)
                    count += 4
                    if let text = reason.baseAddress { (line + count).copyMemory(from: text, byteCount: reason.count) }
                    count += reason.count
                    Self.put("\r\n", to: line, &count)
                }
            }
        }
    }

    /// Writes fields, in order, but for those of `mask`.
    public mutating func fields(_ fields: HTTPFields, without mask: HTTPFieldMask = HTTPFieldMask()) {
        fields.encode(into: &bytes, without: mask)
    }

    /// Writes a field; whitespace around the value is dropped. Throws `.name` or `.value`, and then writes nothing.
    public mutating func field(_ name: HTTPFieldName, _ value: String) throws(HTTPFieldError) {
        var value = value
        let isPlain = value.withUTF8 { text in
            name.isToken && name.withBytes { line($0, text) }
        }
        guard !isPlain else { return }
        var fields = HTTPFields()
        try fields.append(name, value)
        fields.encode(into: &bytes)
    }

    /// Writes `name: value CRLF`; false, and nothing is written, if the value is not ASCII, has a control character, or
    /// whitespace at its edges.
    @inline(__always)
    private mutating func line(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let text = value.baseAddress, let nameText = name.baseAddress else { return false }
        guard Scan.firstControl(text, 0, value.count) == value.count, Scan.isASCII(value) else { return false }
        guard value.first.map(Octet.isWhitespace) != true, value.last.map(Octet.isWhitespace) != true else { return false }
        bytes.append(addingCapacity: name.count + value.count + 4) { output in
            output.withUnsafeMutableBufferPointer { line, count in
                guard let line = UnsafeMutableRawPointer(line.baseAddress) else { return }
                line.copyMemory(from: nameText, byteCount: name.count)
                count = name.count
                Self.put(": ", to: line, &count)
                (line + count).copyMemory(from: text, byteCount: value.count)
                count &+= value.count
                Self.put("\r\n", to: line, &count)
            }
        }
        return true
    }

    /// Writes the empty line; the head is whole.
    public consuming func end() -> [UInt8] {
        bytes.append(literal: "\r\n")
        return bytes
    }

    /// Appends a method; false, and nothing is appended, if it is no token.
    static func append(_ method: String, to bytes: inout [UInt8]) -> Bool {
        var method = method
        return method.withUTF8 { method in
            guard let base = UnsafeRawPointer(method.baseAddress), method.count > 0,
                Scan.endOfToken(base, 0, method.count) == method.count
            else { return false }
            bytes.append(contentsOf: method)
            return true
        }
    }
}
