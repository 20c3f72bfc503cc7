// The exchange table: dialogues, and a walk over everything that can be reached.

import HTTPCodec
import TestSupport
import Testing

@Suite struct ExchangeTests {
    /// Takes steps that must be legal.
    private func walk(_ exchange: inout HTTPExchange, _ steps: [(HTTPExchange.Step, HTTPExchange.Party)]) {
        for (step, party) in steps {
            let isLegal = exchange.apply(step, by: party)
            #expect(isLegal, "\(step) by \(party)")
        }
    }

    /// Takes a step that must not be legal.
    private func refuse(_ exchange: inout HTTPExchange, _ step: HTTPExchange.Step, _ party: HTTPExchange.Party) {
        let isLegal = exchange.apply(step, by: party)
        #expect(!isLegal, "\(step) by \(party)")
    }

    /// Tries to begin the next exchange.
    private func begin(_ exchange: inout HTTPExchange, _ expected: Bool) {
        let begins = exchange.startNextExchange()
        #expect(begins == expected)
    }

    @Test func anExchangeMayBeFollowedByAnother() {
        var exchange = HTTPExchange()
        walk(&exchange, [(.request, .client), (.data, .client), (.informational, .server), (.end, .client)])
        #expect(exchange[.client] == .done && exchange[.server] == .sendResponse)
        begin(&exchange, false)
        walk(&exchange, [(.response, .server), (.data, .server), (.data, .server), (.end, .server)])
        #expect(exchange[.client] == .done && exchange[.server] == .done)
        begin(&exchange, true)
        #expect(exchange == HTTPExchange())
    }

    @Test func aResponseMayOvertakeItsRequest() {
        var exchange = HTTPExchange()
        walk(&exchange, [(.request, .client), (.response, .server), (.end, .server)])
        #expect(exchange[.client] == .sendBody && exchange[.server] == .done)
        begin(&exchange, false)
        walk(&exchange, [(.data, .client), (.end, .client)])
        begin(&exchange, true)
    }

    @Test func withoutPersistenceBothMustClose() {
        var exchange = HTTPExchange()
        walk(&exchange, [(.request, .client)])
        exchange.disableKeepAlive()
        walk(&exchange, [(.end, .client), (.response, .server), (.end, .server)])
        #expect(exchange[.client] == .mustClose && exchange[.server] == .mustClose)
        begin(&exchange, false)
        refuse(&exchange, .request, .client)
        #expect(exchange[.client] == .error)
    }

    @Test func aClientMayEndItsHalfAndStillBeAnswered() {
        var exchange = HTTPExchange()
        walk(
            &exchange,
            [(.request, .client), (.end, .client), (.eof, .client), (.response, .server), (.data, .server), (.end, .server)])
        #expect(exchange[.client] == .closed && exchange[.server] == .mustClose)
        walk(&exchange, [(.eof, .server), (.eof, .client)])
    }

    @Test func anUpgradeSwitchesBoth() {
        var exchange = HTTPExchange()
        walk(&exchange, [(.request, .client)])
        exchange.proposeSwitch()
        walk(&exchange, [(.end, .client)])
        #expect(exchange[.client] == .mightSwitch)
        walk(&exchange, [(.switching, .server)])
        #expect(exchange[.client] == .switched && exchange[.server] == .switched)
        begin(&exchange, false)
    }

    @Test func aRefusedUpgradeIsAnOrdinaryExchange() {
        var exchange = HTTPExchange()
        walk(&exchange, [(.request, .client)])
        exchange.proposeSwitch()
        walk(&exchange, [(.end, .client), (.informational, .server), (.response, .server)])
        #expect(exchange[.client] == .done && !exchange.proposesSwitch)
        walk(&exchange, [(.end, .server)])
        begin(&exchange, true)
    }

    @Test func aSwitchThatNobodyAskedForIsTheServersFault() {
        var exchange = HTTPExchange()
        walk(&exchange, [(.request, .client), (.end, .client)])
        refuse(&exchange, .switching, .server)
        #expect(exchange[.server] == .error && exchange[.client] == .mustClose)
    }

    @Test func anUnreadableRequestCanBeAnswered() {
        var exchange = HTTPExchange()
        exchange.fail(.client)
        walk(&exchange, [(.response, .server), (.end, .server)])
        #expect(exchange[.client] == .error && exchange[.server] == .mustClose)
    }

    @Test func anEndWithinAMessageIsAnError() {
        var exchange = HTTPExchange()
        walk(&exchange, [(.request, .client)])
        refuse(&exchange, .eof, .client)
        #expect(exchange[.client] == .error)
        exchange = HTTPExchange()
        walk(&exchange, [(.request, .client), (.end, .client), (.response, .server)])
        refuse(&exchange, .eof, .server)
        #expect(exchange[.server] == .error && exchange[.client] == .mustClose)
    }

    @Test func anIdleEndLeavesTheOtherOnlyToClose() {
        var exchange = HTTPExchange()
        walk(&exchange, [(.eof, .server)])
        #expect(exchange[.client] == .mustClose)
        refuse(&exchange, .request, .client)
        exchange = HTTPExchange()
        walk(&exchange, [(.eof, .client)])
        #expect(exchange[.server] == .mustClose)
    }

    /// What either party may do in each state, written down a second time; `request` also moves an idle server.
    private func isLegal(_ step: HTTPExchange.Step, _ party: HTTPExchange.Party, _ exchange: HTTPExchange) -> Bool {
        switch (exchange[party], step) {
        case (.idle, .request): party == .client
        case (.idle, .response): party == .server
        case (.sendResponse, .informational), (.sendResponse, .response): true
        case (.sendResponse, .switching): exchange.proposesSwitch
        case (.sendBody, .data), (.sendBody, .end): true
        case (.idle, .eof), (.done, .eof), (.mustClose, .eof), (.closed, .eof): true
        default: false
        }
    }

    @Test func everyReachableStateObeysTheRules() {
        var known: Set<HTTPExchange> = [HTTPExchange()]
        var frontier = [HTTPExchange()]
        while let exchange = frontier.popLast() {
            var successors: [HTTPExchange] = []
            for party in HTTPExchange.Party.allCases {
                for step in HTTPExchange.Step.allCases {
                    var next = exchange
                    let legal = next.apply(step, by: party)
                    #expect(legal == isLegal(step, party, exchange), "\(step) by \(party) in \(exchange)")
                    if !legal { #expect(next[party] == .error) }
                    successors.append(next)
                }
            }
            var changed = exchange
            changed.disableKeepAlive()
            successors.append(changed)
            if exchange[.client] == .sendBody, exchange[.server] == .sendResponse {
                changed = exchange
                changed.proposeSwitch()
                successors.append(changed)
            }
            changed = exchange
            if changed.startNextExchange() { successors.append(changed) }
            for next in successors where known.insert(next).inserted { frontier.append(next) }
        }
        #expect(known.count > 60 && known.count < 400)
        for exchange in known {
            if exchange[.client] == .switched { #expect([.switched, .error].contains(exchange[.server])) }
            if exchange[.server] == .switched { #expect([.switched, .error, .sendBody].contains(exchange[.client])) }
            #expect(exchange[.client] != .sendResponse)
            if !exchange.keepsAlive { #expect(exchange[.client] != .done && exchange[.server] != .done) }
        }
    }
}
