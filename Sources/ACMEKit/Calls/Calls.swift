// Requests on their way: a nonce for each that is signed, another one when the CA refuses it, a time limit. None leaves before
// what was to be stored is stored, so that whatever a CA has been told of is on disk here, too.

import HTTPCodec
import MachineCore

/// What is asked of a CA.
struct ACMECall: Sendable {
    enum Content: Sendable {
        /// A GET without a signature: the directory and renewal information (RFC 8555 §7.1.1, RFC 9773 §4.1).
        case plain
        /// A POST; without a payload it is a POST-as-GET (RFC 8555 §6.3).
        case signed(payload: [UInt8]?)
    }

    var url: ACMEURL
    var content: Content
    /// The media type that is wanted.
    var accept = "application/json"
}

/// Whose call it is.
enum CallOwner: Sendable, Hashable {
    case directory
    case account
    case order(ACMENames)
    case renewalInfo(ACMENames)
}

/// What became of a call.
enum CallResult: Sendable {
    /// A status below 300.
    case response(ACMEResponse)
    /// The CA refused.
    case problem(ACMEProblem)
    /// No response, or none that makes sense. For people.
    case unreachable(String)
}

struct Calls: Sendable {
    fileprivate enum Stage: Sendable {
        /// Asks for a nonce.
        case nonce
        /// Awaits the response.
        case response
    }

    fileprivate struct Call: Sendable {
        let call: ACMECall
        let owner: CallOwner
        let signer: Signer?
        let newNonce: ACMEURL?
        var stage = Stage.response
        /// The nonce to use; nil: one that is kept, or a new one.
        var nonce: String?
        var retries = 0
    }

    private let limits: ACMELimits
    private let crypto: any ACMECrypto
    private var nonces = Nonces()
    private var lastID: UInt64 = 0
    /// Begun and not yet sent, in order.
    private var unsent: [Call] = []
    private var open: [UInt64: Call] = [:]
    private var deadlines = Deadlines<UInt64>()

    init(_ limits: ACMELimits, crypto: any ACMECrypto) {
        self.limits = limits
        self.crypto = crypto
    }

    var nextDeadline: Moment? { deadlines.next }
    var count: Int { open.count + unsent.count }

    func isUnderWay(_ owner: CallOwner) -> Bool {
        unsent.contains { $0.owner == owner } || open.values.contains { $0.owner == owner }
    }

    /// Begins a call without a signature.
    mutating func begin(_ call: ACMECall, for owner: CallOwner) {
        unsent.append(Call(call: call, owner: owner, signer: nil, newNonce: nil))
    }

    /// Begins a call that `signer` signs, with a nonce from `newNonce` if none is kept.
    mutating func begin(_ call: ACMECall, for owner: CallOwner, signer: Signer, newNonce: ACMEURL) {
        unsent.append(Call(call: call, owner: owner, signer: signer, newNonce: newNonce))
    }

    /// Gives up all calls of `owner`.
    mutating func cancel(_ owner: CallOwner, _ turn: inout Turn<ACMENote>) {
        unsent.removeAll { $0.owner == owner }
        for id in open.filter({ $0.value.owner == owner }).map(\.key).sorted() {
            open[id] = nil
            deadlines.cancel(id)
            turn.emit(.cancel(ACMERequestID(rawValue: id)))
        }
    }

    /// Sends what was begun. The results are of calls that could not be: their owners hear of them at once.
    mutating func send(_ turn: inout Turn<ACMENote>) -> [(CallOwner, CallResult)] {
        var failures: [(CallOwner, CallResult)] = []
        for call in unsent.take() {
            do throws(ACMECryptoError) {
                try send(call, &turn)
            } catch {
                failures.append((call.owner, .unreachable("the request cannot be signed: \(error)")))
            }
        }
        return failures
    }

    private mutating func send(_ call: Call, _ turn: inout Turn<ACMENote>) throws(ACMECryptoError) {
        var call = call
        let request: ACMERequest
        switch call.content(nonce: call.nonce ?? (call.signer == nil ? nil : nonces.take(turn.now))) {
        case .plain: request = makeRequest("GET", call.call.url, accept: call.call.accept)
        case .needsNonce(let url):
            call.stage = .nonce
            request = makeRequest("HEAD", url, accept: nil)
        case .signed(let signer, let payload, let nonce):
            call.stage = .response
            call.nonce = nil
            let body = try signer.body(payload, url: call.call.url, nonce: nonce, crypto: crypto)
            request = makeRequest("POST", call.call.url, accept: call.call.accept, body: body)
        }
        open[request.id.rawValue] = call
        deadlines.set(request.id.rawValue, at: turn.now.advanced(by: limits.request))
        turn.emit(.request(request))
    }

    private mutating func makeRequest(
        _ method: String, _ url: ACMEURL, accept: String?, body: [UInt8] = []
    ) -> ACMERequest {
        lastID += 1
        var fields = HTTPFields()
        fields.add("User-Agent", "miagent/" + ProgramVersion.text)
        if let accept {
            fields.add("Accept", accept)
            fields.add("Accept-Language", "en")
        }
        if !body.isEmpty { fields.add("Content-Type", "application/jose+json") }
        return ACMERequest(
            id: ACMERequestID(rawValue: lastID), method: method, url: url, fields: fields, body: body,
            maximumResponseBytes: limits.responseBytes)
    }

    // MARK: What comes back

    /// Takes a response; nil if nobody waits for it, or if the call goes on.
    mutating func received(
        _ id: ACMERequestID, _ response: ACMEResponse, unixSeconds: Int64, _ turn: inout Turn<ACMENote>
    ) -> (CallOwner, CallResult)? {
        guard var call = take(id) else { return nil }
        let nonce = Nonces.nonce(in: response)
        guard response.body.count <= limits.responseBytes else {
            return (call.owner, .unreachable("a response of more than \(limits.responseBytes) bytes"))
        }
        switch call.stage {
        case .nonce where response.status < 300:
            guard let nonce else { return (call.owner, .unreachable("a response without a Replay-Nonce")) }
            call.nonce = nonce
            unsent.append(call)
            return nil
        case .nonce, .response: break
        }
        if response.status < 200 || (300..<400).contains(response.status) {
            return (call.owner, .unreachable("an unexpected response: HTTP \(response.status)"))
        }
        guard response.status >= 400 else {
            if let nonce { nonces.keep(nonce, turn.now) }
            return (call.owner, .response(response))
        }
        let problem = ACMEProblem(response, limits: limits, unixSeconds: unixSeconds)
        if problem.kind == .badNonce, call.stage == .response, call.retries < limits.nonceRetries {
            call.retries += 1
            call.nonce = nonce
            unsent.append(call)
            return nil
        }
        if let nonce { nonces.keep(nonce, turn.now) }
        return (call.owner, .problem(problem))
    }

    /// There is no response.
    mutating func failed(_ id: ACMERequestID, reason: String) -> (CallOwner, CallResult)? {
        take(id).map { ($0.owner, .unreachable(VisibleText.make(reason, maximumCount: 300))) }
    }

    /// A call whose time is over.
    mutating func popExpired(_ turn: inout Turn<ACMENote>) -> (CallOwner, CallResult)? {
        guard let id = deadlines.popExpired(at: turn.now), let call = open.removeValue(forKey: id) else { return nil }
        turn.emit(.cancel(ACMERequestID(rawValue: id)))
        return (call.owner, .unreachable("no response within \(limits.request.wholeMilliseconds / 1_000) s"))
    }

    private mutating func take(_ id: ACMERequestID) -> Call? {
        deadlines.cancel(id.rawValue)
        return open.removeValue(forKey: id.rawValue)
    }
}

extension Calls.Call {
    fileprivate enum Form {
        case plain
        case needsNonce(ACMEURL)
        case signed(Signer, payload: [UInt8]?, nonce: String)
    }

    /// What is to be sent, given that nonce or none.
    fileprivate func content(nonce: String?) -> Form {
        guard case .signed(let payload) = call.content, let signer, let newNonce else { return .plain }
        guard let nonce else { return .needsNonce(newNonce) }
        return .signed(signer, payload: payload, nonce: nonce)
    }
}

extension HTTPFields {
    /// Appends a field that the program itself makes; one that cannot be written is left out.
    mutating func add(_ name: HTTPFieldName, _ value: String) {
        do { try append(name, value) } catch {}
    }
}

extension Array {
    /// The elements; none are left.
    mutating func take() -> [Element] {
        var taken: [Element] = []
        swap(&self, &taken)
        return taken
    }
}
