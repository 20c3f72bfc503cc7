// An ACME client with the way to its CA: one machine for one loop, whose host sees to files, challenges and certificates.

import ACMEKit
import MachineCore

struct CertificateMachine: Machine {
    typealias Message = ACMEMessage
    typealias Note = ACMENote

    private var client: ACMEClient
    private var transport = ACMETransport()

    init(_ client: ACMEClient) { self.client = client }

    mutating func handle(
        _ input: MachineInput<ACMEMessage>, now: Moment, into outputs: inout [MachineOutput<ACMENote>]
    ) {
        var turn = Turn(now: now, taking: &outputs)
        switch input {
        case .transport(let event):
            if let reply = transport.receive(event, &turn) { give(.message(reply), &turn) }
        case .message, .tick: give(input, &turn)
        }
        turn.end(into: &outputs)
    }

    mutating func finishTurn(now: Moment, into outputs: inout [MachineOutput<ACMENote>]) {}

    var nextDeadline: Moment? { client.nextDeadline }

    /// What there is to see at `now`.
    func status(now: Moment) -> ACMEStatus { client.status(now: now) }

    /// Gives the client an input, and what comes back at once of its requests.
    private mutating func give(_ input: MachineInput<ACMEMessage>, _ turn: inout Turn<ACMENote>) {
        var inputs = [input]
        while !inputs.isEmpty {
            var outputs: [MachineOutput<ACMENote>] = []
            client.handle(inputs.removeFirst(), now: turn.now, into: &outputs)
            for case .note(let note) in outputs {
                switch note {
                case .request(let request):
                    if let reply = transport.send(request, &turn) { inputs.append(.message(reply)) }
                case .cancel(let id): transport.cancel(id, &turn)
                case .log, .store, .remove, .present, .withdraw, .certificate, .failed, .refused: turn.emit(note)
                }
            }
        }
    }
}
