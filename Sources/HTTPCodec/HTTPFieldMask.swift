// Fields that a recipient leaves out when it passes a message on: chosen by their places, so that nothing is copied or moved
// before the message is written in its new form.

/// A choice of fields of one field section, by index.
public struct HTTPFieldMask: Sendable, Hashable {
    /// Bit i: field i, for the first 64.
    private var first: UInt64 = 0
    /// Those beyond, 64 to a word.
    private var rest: [UInt64] = []

    /// No field.
    public init() {}

    /// Whether no field is chosen.
    @inline(__always)
    public var isEmpty: Bool { first == 0 && rest.isEmpty }

    /// Whether the field at `index` is chosen.
    @inline(__always)
    public func contains(_ index: Int) -> Bool {
        if index < 64 { return first &>> UInt64(truncatingIfNeeded: index) & 1 == 1 }
        let word = index / 64 - 1
        return word < rest.count && rest[word] >> UInt64(index % 64) & 1 == 1
    }

    /// Chooses the field at `index`.
    @inline(__always)
    public mutating func insert(_ index: Int) {
        guard index >= 64 else { return first |= 1 &<< UInt64(truncatingIfNeeded: max(0, index)) }
        while rest.count < index / 64 { rest.append(0) }
        rest[index / 64 - 1] |= 1 << UInt64(index % 64)
    }

    /// Chooses all fields of `fields` that have this name.
    public mutating func insert(_ name: HTTPFieldName, of fields: HTTPFields) {
        var start = 0
        while let found = fields.index(of: name, from: start) {
            insert(found)
            start = found + 1
        }
    }
}

extension HTTPFields {
    /// The fields that `removeUnderscored` removes.
    public func underscored(spelling names: HTTPFieldSet, orBeginningWith prefix: HTTPFieldName) -> HTTPFieldMask {
        guard buffer.hasUnderscores else { return HTTPFieldMask() }
        return mask { $1.number == 0 && Self.isUnderscored($1, $0, spelling: names, orBeginningWith: prefix) }
    }

    /// The fields that `removeAll(beginningWith:)` removes. `known`: all names of `HTTPFieldName` that begin so.
    public func beginning(with prefix: HTTPFieldName, known: HTTPFieldSet? = nil) -> HTTPFieldMask {
        guard let known else { return mask { Self.begins($1, $0, with: prefix) } }
        guard buffer.names.contains(0) || buffer.names.intersects(known.known) else { return HTTPFieldMask() }
        return mask { $1.number == 0 ? Self.begins($1, $0, with: prefix) : known.known.contains($1.number) }
    }

    /// The value of the first field of this name that is not in `mask`.
    public func first(_ name: HTTPFieldName, without mask: HTTPFieldMask) -> ArraySlice<UInt8>? {
        var start = 0
        while let found = index(of: name, from: start) {
            if !mask.contains(found) { return value(at: found) }
            start = found + 1
        }
        return nil
    }

    /// The same fields without those of `mask`.
    public func without(_ mask: HTTPFieldMask) -> HTTPFields {
        var fields = self
        fields.remove(mask)
        return fields
    }

    /// Removes the fields of `mask`, and keeps the order of the others.
    public mutating func remove(_ mask: HTTPFieldMask) {
        guard !mask.isEmpty else { return }
        var index = -1
        removeSlots { _, _ in
            index += 1
            return mask.contains(index)
        }
    }

    /// The fields for whose slots `isChosen` holds; it is asked once for each, in order, with the storage's beginning.
    @inline(__always)
    func mask(_ isChosen: (UnsafeRawPointer, Slot) -> Bool) -> HTTPFieldMask {
        buffer.bytes.withUnsafeBytes { storage in
            var mask = HTTPFieldMask()
            guard let base = storage.baseAddress else { return mask }
            buffer.slots.withUnsafeBufferPointer { slots in
                for index in slots.indices where isChosen(base, slots[index]) { mask.insert(index) }
            }
            return mask
        }
    }
}

extension HTTPFieldMask {
    /// Chooses the fields of `other` too.
    public static func |= (mask: inout HTTPFieldMask, other: HTTPFieldMask) {
        mask.first |= other.first
        for (word, bits) in other.rest.enumerated() {
            if word < mask.rest.count { mask.rest[word] |= bits } else { mask.rest.append(bits) }
        }
    }
}
