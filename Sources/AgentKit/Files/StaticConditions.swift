// Validators, preconditions and ranges of a file (RFC 9110 §8.8, §13, §14), without a clock.
//
// The entity tag is made of size and time of change, and is a strong one: a file that changes within a nanosecond and keeps its
// size is not told apart. One range is served; several, or one that makes no sense, are ignored, as §14.2 allows. A date in
// If-Range never matches: who knows the entity tag must send that (§13.1.5), and everybody gets one.

import HTTPCodec

/// A field of a response, by name and value.
typealias StaticField = (HTTPFieldName, String)

/// A file as its validators see it.
struct FileState {
    enum Precondition: Hashable { case holds, notModified, failed }

    enum Selection: Hashable {
        case whole
        /// Not empty, and within the file.
        case part(Range<Int64>)
        case unsatisfiable
    }

    let size: Int64
    let modifiedSeconds: Int64
    let tag: String

    init(_ facts: FileFacts) {
        size = max(0, facts.size)
        modifiedSeconds = facts.modifiedSeconds
        let seconds = String(facts.modifiedSeconds, radix: 16)
        let nanoseconds = String(facts.modifiedNanoseconds, radix: 16)
        tag = "\"\(seconds).\(nanoseconds)-\(String(size, radix: 16))\""
    }

    var validators: [StaticField] {
        [(.etag, tag), (.lastModified, HTTPDate.format(unixSeconds: modifiedSeconds))]
    }

    // MARK: Preconditions

    /// In the order of RFC 9110 §13.2.2.
    func precondition(of head: HandlerHead) -> Precondition {
        let fields = head.fields
        if fields.contains(.ifMatch) {
            if !names(fields.all(.ifMatch), weakly: false) { return .failed }
        } else if let date = fields["If-Unmodified-Since"].flatMap(HTTPDate.parse), modifiedSeconds > date {
            return .failed
        }
        if fields.contains(.ifNoneMatch) { return names(fields.all(.ifNoneMatch), weakly: true) ? .notModified : .holds }
        if let date = fields[.ifModifiedSince].flatMap(HTTPDate.parse), modifiedSeconds <= date { return .notModified }
        return .holds
    }

    /// Whether `*` or our tag is in the lists. Weak comparison disregards `W/` (§8.8.3.2); no tag of ours has a comma in it.
    private func names(_ lists: [ArraySlice<UInt8>], weakly: Bool) -> Bool {
        lists.contains { list in
            list.split(separator: UInt8(ascii: ",")).contains { member in
                var member = trimmed(member)
                if member.elementsEqual("*".utf8) { return true }
                if weakly, member.starts(with: "W/".utf8) { member = member.dropFirst(2) }
                return member.elementsEqual(tag.utf8)
            }
        }
    }

    // MARK: Range

    /// Which bytes are asked for; only GET may ask for less than all (§14.2).
    func range(of head: HandlerHead) -> Selection {
        guard head.method == "GET", head.fields.count(of: .range) == 1, let text = head.fields.first(.range) else {
            return .whole
        }
        if let condition = head.fields.first("If-Range"), !condition.elementsEqual(tag.utf8) { return .whole }
        return range(trimmed(text))
    }

    /// ranges-specifier = range-unit "=" range-set; int-range = first-pos "-" [ last-pos ]; suffix-range = "-" suffix-length
    private func range(_ text: ArraySlice<UInt8>) -> Selection {
        let unit = "bytes="
        guard text.prefix(unit.utf8.count).lazy.map({ $0 | 0x20 }).elementsEqual(unit.utf8.lazy.map { $0 | 0x20 }) else {
            return .whole
        }
        let spec = trimmed(text.dropFirst(unit.utf8.count))
        guard let dash = spec.firstIndex(of: UInt8(ascii: "-")) else { return .whole }
        let (first, last) = (spec[..<dash], spec[(dash + 1)...])
        if first.isEmpty {
            guard let count = number(last) else { return .whole }
            return count == 0 || size == 0 ? .unsatisfiable : .part(max(0, size - count)..<size)
        }
        guard let start = number(first) else { return .whole }
        guard last.isEmpty || number(last) != nil else { return .whole }
        let end = number(last) ?? .max
        if end < start { return .whole }
        return start < size ? .part(start..<min(size - 1, end) + 1) : .unsatisfiable
    }

    /// A decimal number; one that is too large for us counts as the largest. Nil: none.
    private func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard !digits.isEmpty else { return nil }
        var number: Int64 = 0
        for byte in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            let (product, isTooLarge) = number.multipliedReportingOverflow(by: 10)
            let (sum, isStillTooLarge) = product.addingReportingOverflow(Int64(byte - UInt8(ascii: "0")))
            number = isTooLarge || isStillTooLarge ? .max : sum
        }
        return number
    }

    private func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
        func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
        var rest = bytes.drop(while: isBlank)
        while let last = rest.last, isBlank(last) { rest.removeLast() }
        return rest
    }
}
