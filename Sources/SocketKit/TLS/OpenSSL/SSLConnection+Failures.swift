// From OpenSSL's reasons to ours.

extension SSLConnection {
    /// Why the last step failed. A callback that refused something knows best.
    func reasonOfFailure(inHandshake: Bool) -> TLSError {
        let error = takeError()
        if let refusal { return refusal }
        if let alert = error.alert { return failure(of: alert) }
        guard inHandshake else { return .invalidRecord(error.text) }
        guard error.isOfTLS else { return .handshake(error.text) }
        switch error.reason {
        case SSLReason.unsupportedProtocol, SSLReason.versionTooLow, SSLReason.wrongVersionNumber, SSLReason.wrongSSLVersion,
            SSLReason.unknownProtocol, SSLReason.noProtocolsAvailable:
            return .protocolTooOld
        case SSLReason.peerDidNotReturnCertificate: return .noClientCertificate
        case SSLReason.noSharedCipher: return .handshake("there is no cipher in common")
        case SSLReason.noApplicationProtocol: return .handshake("there is no application protocol in common")
        default: return .handshake(error.text)
        }
    }

    /// What the peer means by an alert.
    private func failure(of alert: Int) -> TLSError {
        switch alert {
        case 70: .protocolTooOld
        case 116: .certificateRequired
        default: .refusedByPeer(alert: alert)
        }
    }
}
