// The orders under way: never two for one name, a time limit for each, and their files. What the actions of an order come to is
// done here, but for its end, which the client is told.

import MachineCore

/// An order that is over.
struct EndedOrder: Sendable {
    let order: Order
    let end: OrderEnd
}

struct Orders: Sendable {
    private enum Timer: Sendable, Hashable {
        /// The order goes on.
        case resume(ACMENames)
        /// The order has taken too long.
        case limit(ACMENames)
    }

    private struct Entry: Sendable {
        var order: Order
        var context: OrderContext
    }

    private var orders: [ACMENames: Entry] = [:]
    /// From the disk, not begun again yet.
    private var restored: [ACMENames: Order] = [:]
    private var deadlines = Deadlines<Timer>()
    private var lastChallengeID: UInt64 = 0
    private var ended: [EndedOrder] = []

    var nextDeadline: Moment? { deadlines.next }
    var count: Int { orders.count }
    /// Those that will count against the quota and do not yet.
    var reserved: Int { orders.values.count { $0.order.isNew && !$0.order.isCounted } }

    func isUnderWay(_ names: ACMENames) -> Bool { orders[names] != nil }

    /// Whether an order for one of these names is under way.
    func overlaps(_ names: ACMENames) -> Bool { orders.keys.contains { $0.overlaps(names) } }

    /// What an order is doing, for people.
    func step(of names: ACMENames) -> String? { orders[names].map { $0.order.stepText } }

    /// Whether an order, under way or from the disk, counts against the quota already.
    func isCounted(_ names: ACMENames) -> Bool { (restored[names] ?? orders[names]?.order)?.isCounted ?? false }

    // MARK: Beginnings

    /// An order from the disk, which goes on when its names are wanted.
    mutating func restore(_ order: Order) { restored[order.names] = order }

    func isRestored(_ names: ACMENames) -> Bool { restored[names] != nil }

    /// Takes an order from the disk out, to begin it again.
    mutating func takeRestored(_ names: ACMENames) -> Order? { restored.removeValue(forKey: names) }

    mutating func begin(
        _ order: Order, _ context: OrderContext, _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) {
        let names = order.names
        orders[names] = Entry(order: order, context: context)
        deadlines.set(.limit(names), at: turn.now.advanced(by: services.limits.order))
        turn.log(.info, "acme.order", [.init("names", names.description), .init("step", order.url == nil ? "new" : "resumed")])
        update(names, &services, &turn) { order, context in order.begin(&context) }
    }

    // MARK: What happens to one

    mutating func received(
        _ result: CallResult, for names: ACMENames, _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) {
        update(names, &services, &turn) { order, context in order.received(result, &context) }
    }

    mutating func presented(
        _ id: ACMEChallengeID, _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) {
        guard let names = owner(of: id) else { return }
        update(names, &services, &turn) { order, context in order.presented(id, &context) }
    }

    mutating func notPresented(
        _ id: ACMEChallengeID, _ reason: String, _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) {
        guard let names = owner(of: id) else { return }
        turn.log(.warning, "acme.not-presented", [.init("names", names.description), .init("reason", reason)])
        update(names, &services, &turn) { order, context in order.notPresented(id, reason, &context) }
    }

    private func owner(of id: ACMEChallengeID) -> ACMENames? {
        orders.first { $0.value.order.challenge?.proof.id == id }?.key
    }

    mutating func fireTimers(_ services: inout Services, _ turn: inout Turn<ACMENote>) {
        while let timer = deadlines.popExpired(at: turn.now) {
            switch timer {
            case .resume(let names): update(names, &services, &turn) { order, context in order.resume(&context) }
            case .limit(let names):
                let seconds = services.limits.order.wholeSeconds
                update(names, &services, &turn) { order, _ in
                    let last = order.lastFailure.map { "; " + $0 } ?? ""
                    return order.fail(.refused, "no certificate within \(seconds) s (\(order.stepText))\(last)")
                }
            }
        }
    }

    /// Gives an order up, one from the disk too, without a word to the CA.
    mutating func cancel(_ names: ACMENames, _ services: inout Services, _ turn: inout Turn<ACMENote>) {
        let isOnDisk = restored.removeValue(forKey: names) != nil || orders[names] != nil
        if let order = orders[names]?.order {
            if let proof = order.challenge?.proof { turn.emit(.withdraw(proof)) }
            finish(names, &services, &turn)
        }
        if isOnDisk { forget(names, &services, &turn) }
    }

    /// Takes the file of an order that is over away.
    func forget(_ names: ACMENames, _ services: inout Services, _ turn: inout Turn<ACMENote>) {
        services.storage.remove(StoredObject.name(.order, names.fileKey, directory: services.directory), &turn)
    }

    /// Whether an order has ended since the last call of `takeEnded`.
    var haveEnded: Bool { !ended.isEmpty }

    /// The orders that have ended since the last call.
    mutating func takeEnded() -> [EndedOrder] { ended.take() }

    // MARK: Actions

    private mutating func update(
        _ names: ACMENames, _ services: inout Services, _ turn: inout Turn<ACMENote>,
        _ body: (inout Order, inout OrderContext) -> [OrderAction]
    ) {
        guard var entry = orders[names] else { return }
        entry.context.lastChallengeID = lastChallengeID
        entry.context.unixSeconds = services.unixSeconds(turn)
        let actions = body(&entry.order, &entry.context)
        lastChallengeID = entry.context.lastChallengeID
        orders[names] = entry
        for action in actions { perform(action, entry, &services, &turn) }
    }

    private mutating func perform(
        _ action: OrderAction, _ entry: Entry, _ services: inout Services, _ turn: inout Turn<ACMENote>
    ) {
        let (order, context, names) = (entry.order, entry.context, entry.order.names)
        switch action {
        case .call(let call):
            deadlines.cancel(.resume(names))
            services.calls.begin(call, for: .order(names), signer: context.signer, newNonce: context.directory.newNonce)
        case .wait(let duration): deadlines.set(.resume(names), at: turn.now.advanced(by: duration))
        case .store: services.storage.store(order.file(services.directory), &turn)
        case .count: services.count(order, &turn)
        case .present(let proof):
            turn.log(.info, "acme.challenge", [.init("name", proof.identifier.text), .init("kind", proof.kind.rawValue)])
            turn.emit(.present(proof))
        case .withdraw(let proof): turn.emit(.withdraw(proof))
        case .end(let end):
            ended.append(EndedOrder(order: order, end: end))
            finish(names, &services, &turn)
        }
    }

    private mutating func finish(_ names: ACMENames, _ services: inout Services, _ turn: inout Turn<ACMENote>) {
        orders[names] = nil
        deadlines.cancel(.resume(names))
        deadlines.cancel(.limit(names))
        services.calls.cancel(.order(names), &turn)
    }
}
