// What addresses used on this loop since the last broadcast to the other loops.

/// How much of something an address used.
package struct AddressUse: Sendable, Hashable {
    let address: NetworkAddress
    var count = 0
}

/// What addresses used here since the last broadcast to the other loops.
struct UnreportedUse: Sendable {
    private var uses: [NetworkAddress: AddressUse] = [:]

    var count: Int { uses.count }

    mutating func add(_ address: NetworkAddress) { uses[address, default: AddressUse(address: address)].count += 1 }

    mutating func take() -> [AddressUse] {
        guard !uses.isEmpty else { return [] }
        defer { uses = [:] }
        return Array(uses.values)
    }
}
