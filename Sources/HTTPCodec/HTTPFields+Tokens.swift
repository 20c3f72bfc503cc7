// Fields that are comma-separated lists of tokens (RFC 9110 §5.6.1): Connection, Upgrade, TE, Trailer, Expect. Members are
// compared without regard to case, empty members are skipped, and several fields of one name count as one list.
//
// Quoted strings are not understood: none of these fields has them where a comma could hide.

extension HTTPFields {
    /// Whether a list member of a field called `name` equals `token`.
    public func containsToken(_ token: String, in name: HTTPFieldName) -> Bool {
        guard var found = index(of: name, from: 0) else { return false }
        var token = token
        return token.withUTF8 { wanted in
            guard let wantedBase = UnsafeRawPointer(wanted.baseAddress), wanted.count > 0 else { return false }
            while true {
                let isMember = anyMember(of: slots[found]) { base, member in
                    member.count == wanted.count && Scan.equalIgnoringCase(base + member.lowerBound, wantedBase, wanted.count)
                }
                if isMember { return true }
                guard let next = index(of: name, from: found + 1) else { return false }
                found = next
            }
        }
    }

    /// The list members of all fields called `name`, in small letters, in order.
    public func tokens(_ name: HTTPFieldName) -> [String] {
        var tokens: [String] = []
        var start = 0
        while let found = index(of: name, from: start) {
            _ = anyMember(of: slots[found]) { base, member in
                let bytes = UnsafeRawBufferPointer(start: base + member.lowerBound, count: member.count)
                tokens.append(String(decoding: bytes.lazy.map(Octet.lowercased), as: UTF8.self))
                return false
            }
            start = found + 1
        }
        return tokens
    }

    /// Drops what belongs to one connection and must not be forwarded (RFC 9110 §7.6.1): `Connection` and the fields that it
    /// names, `Keep-Alive`, `Proxy-Connection`, `TE`, `Trailer`, `Transfer-Encoding` and `Upgrade`. Proxy credentials
    /// (`Proxy-Authenticate`, `Proxy-Authorization`) go too, and `others`. What is in `kept` stays even if `Connection` names
    /// it: to let a client drop `Content-Length` or `Host` would let it change the framing or the addressee behind a proxy's
    /// back.
    public mutating func removeHopByHop(
        keeping kept: HTTPFieldSet = .framingAndAddress, andRemoving others: HTTPFieldSet = .none
    ) {
        remove(hopByHop(keeping: kept, and: others))
    }

    /// The fields that `removeHopByHop` removes.
    public func hopByHop(keeping kept: HTTPFieldSet = .framingAndAddress, and others: HTTPFieldSet = .none) -> HTTPFieldMask {
        var dropped = HTTPFieldSet.hopByHop.known
        dropped.formUnion(others.known)
        guard dropped.intersects(buffer.names) else { return HTTPFieldMask() }
        guard contains(.connection) else { return mask { Self.isDropped($1, $0, dropped, others) } }
        let named = connectionOptions()
        return mask {
            Self.isDropped($1, $0, dropped, others) || named.contains($1, $0) && !kept.contains($1, $0)
        }
    }

    /// Whether the field is of `dropped`, which has those of `others` too.
    @inline(__always)
    private static func isDropped(
        _ slot: Slot, _ storage: UnsafeRawPointer, _ dropped: KnownNameSet, _ others: HTTPFieldSet
    ) -> Bool {
        dropped.contains(slot.number) && (slot.number != 0 || others.contains(slot, storage))
    }

    /// What `Connection` names: names that are known, and of others hashes apart from names, since a hostile list of thousands
    /// of names is then only a run of integers to each field.
    private struct ConnectionOptions {
        var known = KnownNameSet()
        var hashes: [UInt32] = []
        var names: [Range<Int>] = []

        /// Whether the field's name is one of them.
        @inline(__always)
        func contains(_ slot: Slot, _ storage: UnsafeRawPointer) -> Bool {
            if slot.number != 0 { return known.contains(slot.number) }
            return !hashes.isEmpty && HTTPFields.isNamed(slot, storage, hashes, names)
        }
    }

    private func connectionOptions() -> ConnectionOptions {
        var options = ConnectionOptions()
        var start = 0
        while let found = index(of: .connection, from: start) {
            _ = anyMember(of: slots[found]) { base, member in
                let (name, count) = (base + member.lowerBound, member.count)
                let hash = Scan.nameHash(name, count)
                let isToken = Scan.endOfToken(name, 0, count) == count
                let number = isToken ? KnownNames.number(name, count, hash) : 0
                if number != 0 {
                    options.known.insert(number)
                } else {
                    options.hashes.append(hash)
                    options.names.append(member)
                }
                return false
            }
            start = found + 1
        }
        return options
    }

    /// Whether one of the ranges `names` of the storage, whose hashes are given too, holds this field's name.
    private static func isNamed(_ slot: Slot, _ storage: UnsafeRawPointer, _ hashes: [UInt32], _ names: [Range<Int>]) -> Bool {
        guard hashes.contains(slot.hash) else { return false }
        let count = Int(slot.nameEnd - slot.nameStart)
        return zip(hashes, names).contains { hash, name in
            hash == slot.hash && name.count == count
                && Scan.equalIgnoringCase(storage + Int(slot.nameStart), storage + name.lowerBound, count)
        }
    }

    /// Whether `test` holds for a member of the list in this field's value, given as a range of the storage, without whitespace
    /// around it. Stops at the first.
    private func anyMember(of slot: Slot, _ test: (UnsafeRawPointer, Range<Int>) -> Bool) -> Bool {
        return buffer.bytes.withUnsafeBytes { raw in
            guard let base = raw.baseAddress else { return false }
            var start = Int(slot.valueStart)
            let end = Int(slot.valueEnd)
            while start < end {
                var comma = start
                while comma < end, raw[comma] != Octet.comma { comma &+= 1 }
                var last = comma
                while start < last, Octet.isWhitespace(raw[start]) { start &+= 1 }
                while last > start, Octet.isWhitespace(raw[last &- 1]) { last &-= 1 }
                if start < last, test(base, start..<last) { return true }
                start = comma &+ 1
            }
            return false
        }
    }
}
