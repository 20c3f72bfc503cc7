// A certificate as it is kept: chain and key, by which challenge it was won, and when it is to be renewed.

import RPCCore
import X509

struct StoredCertificate: Sendable {
    let names: ACMENames
    let credential: TLSCredential
    let facts: Certificate
    /// By what its names were proven: tried first the next time.
    let challenge: ACMEChallengeKind?
    var plan: RenewalPlan

    init(
        _ names: ACMENames, _ credential: TLSCredential, _ facts: Certificate, challenge: ACMEChallengeKind?,
        jitter: inout Jitter
    ) {
        self.names = names
        self.credential = credential
        self.facts = facts
        self.challenge = challenge
        plan = RenewalPlan(notBefore: facts.notBefore, notAfter: facts.notAfter, jitter: &jitter)
    }

    /// As the host gets it.
    var certificate: ACMECertificate {
        ACMECertificate(names: names, credential: credential, notBefore: facts.notBefore, notAfter: facts.notAfter)
    }

    func file(_ directory: ACMEURL) -> ACMEFile {
        let renewal = plan.window.map { window -> JSONValue in
            ["start": .integer(window.start), "end": .integer(window.end), "at": .integer(plan.renewAt)]
        }
        return StoredObject.file(
            .certificate, names.fileKey, directory: directory,
            [
                JSONMember("names", names.json), JSONMember("chain", .string(credential.chainPEM)),
                JSONMember("key", .string(credential.keyPEM)), challenge.map { JSONMember("challenge", .string($0.rawValue)) },
                renewal.map { JSONMember("renewal", $0) },
            ])
    }

    /// What a file holds. A key that does not belong to the certificate is refused.
    init(
        _ file: ACMEFile, directory: ACMEURL, crypto: some ACMECrypto, jitter: inout Jitter
    ) throws(StoredFileError) {
        let root = try StoredObject.read(file, .certificate, directory: directory)
        let credential = TLSCredential(chainPEM: try root.text("chain", in: file), keyPEM: try root.text("key", in: file))
        guard let facts = Certificate(chainPEM: credential.chainPEM) else {
            throw StoredFileError(description: "\(file.name) is damaged: its certificate cannot be read")
        }
        let point: [UInt8]
        do throws(ACMECryptoError) { point = try crypto.publicPoint(ofKey: credential.keyPEM) } catch {
            throw StoredFileError(description: "\(file.name) is damaged: its key cannot be read: \(error)")
        }
        guard facts.publicPoint == point else {
            throw StoredFileError(description: "\(file.name) is damaged: its key is not that of its certificate")
        }
        let challenge = root["challenge"]?.string.flatMap(ACMEChallengeKind.init)
        self.init(try root.names(in: file), credential, facts, challenge: challenge, jitter: &jitter)
        if let renewal = root["renewal"], let start = renewal["start"]?.int64, let end = renewal["end"]?.int64,
            let renewAt = renewal["at"]?.int64
        {
            plan.restore(window: RenewalWindow(start: start, end: end), renewAt: renewAt)
        }
    }
}

extension ACMECertificate {
    /// The certificate in a file that a client of this CA has kept; nil: it holds none, or one that cannot be used. For a host
    /// that shows certificates which are no longer looked after.
    public init?(_ file: ACMEFile, directory: ACMEURL, crypto: some ACMECrypto) {
        var jitter = Jitter(seed: [])
        guard StoredObject.kind(of: file.name, directory: directory) == .certificate,
            let stored = try? StoredCertificate(file, directory: directory, crypto: crypto, jitter: &jitter)
        else { return nil }
        self = stored.certificate
    }
}
