// Certificates that are made here are read back; those of others say what OpenSSL says of them; and damaged ones are refused
// without a trap.

import TestSupport
import Testing
import X509

/// A certificate that `openssl req -x509` made: an RSA key, two organisations' names, names of all kinds.
private let foreign = """
    -----BEGIN CERTIFICATE-----
    MIIDzzCCAregAwIBAgIULuidZqO+7XshDS8RBJKYtbxrhn4wDQYJKoZIhvcNAQELBQAwUjELMAkGA1UEBhMCQ0gxFzAVBgNVBAoMDkJlaXNwaWVsLCBJ
    bmMuMRQwEgYDVQQLDAtSZWNobmVycmF1bTEUMBIGA1UEAwwLWsO8cmljaCA9IHgwHhcNMjYxMTI3MTYxMjEzWhcNMjYxMjA3MTYxMjEzWjBSMQswCQYD
    VQQGEwJDSDEXMBUGA1UECgwOQmVpc3BpZWwsIEluYy4xFDASBgNVBAsMC1JlY2huZXJyYXVtMRQwEgYDVQQDDAtaw7xyaWNoID0geDCCASIwDQYJKoZI
    hvcNAQEBBQADggEPADCCAQoCggEBAJ7/xYheboFkZ5Uxd9QZ0oQlfCfwNHamvEP1ItM+TWk/op/sy6t/GKdi+xtdcxa5h9/J8BHTUqMuu5FPXtP31dp7
    J778VneolzzjOM00+Sm9r5yrYlIysZcU57OBNgxqAau9kypKG0vq5nklU3Is4fQIe1K1+jiqLyeeoiw0DMCtJqrcddKtEYpwgCMw/mwfV+3OIWSlcdwl
    xJeeAioyQ/viM84WHFSklEEQACGoHiPqt69+xrLdBKt7KNfImWgxnZ9VIU/Z1ALLTx1YstB2oyseQrL9kOpEFd7hEccw6Ga0nvI9CeHfN8Atn6zeioSc
    Z8xi5eDrndOhDgG3zqPHYNECAwEAAaOBnDCBmTAdBgNVHQ4EFgQUNvXZY+69Z7u6+G8jdPSUgjY26z4wHwYDVR0jBBgwFoAUNvXZY+69Z7u6+G8jdPSU
    gjY26z4wDwYDVR0TAQH/BAUwAwEB/zBGBgNVHREEPzA9gg1BLmV4YW1wbGUuY29tgg8qLmIuZXhhbXBsZS5jb22HBAoAAAGHEP6AAAAAAAAAAAAAAAAA
    AAGBA3hAeTANBgkqhkiG9w0BAQsFAAOCAQEASWC6DfQrRl0ETmU4kCxGgLN9S5x8DQK9G6uQ8+3t6cqyoH1F6zHzObHTmJsDlRbRo35rL2D7UJghsFwS
    W4oJPmrlj3mKYeHgrzpqVqLvbg11LBFQm6ooKdKSEO5X1NVLOMk5wYHVMGtbpmvZHyNxROOK6kTytSYdyxeiOSO1GYJpTIUnB7WIjJrTfLvfFcdVdLKQ
    oN+z32wceuoalMTwUUSo9mE9kbDyYPVIqpsaBC3zhtkq9pNb4boTlWtSIcd+2hUkzLWT9wMbkb/j/WhtIoH2Gv93JyU0/yqJYylh9m4BAcny3WIm34mR
    DKbhWP9rrPPQQkdd4hPkjht6O0s4cA==
    -----END CERTIFICATE-----
    """

@Suite("Certificates")
struct CertificateTests {
    /// Nobody checks signatures here.
    private func made(_ template: CertificateTemplate, issuer: CertificateTemplate? = nil) -> [UInt8] {
        template.certificate(point: [UInt8](repeating: 7, count: 64), issuer: issuer) { _ in [0x30, 0] }
    }

    @Test func whatIsMadeIsReadBack() throws {
        var template = CertificateTemplate(
            commonName: "gw", names: ["gw.example.com", "*.gw.example.com", "192.0.2.7", "2001:db8::7"],
            notBefore: 1_577_836_800, notAfter: 4_102_444_799)
        let certificate = try #require(Certificate(der: made(template)))
        #expect(certificate.subject == "CN=gw" && certificate.issuer == "CN=gw" && certificate.isSelfIssued)
        #expect(certificate.names == template.names)
        #expect(certificate.notBefore == template.notBefore && certificate.notAfter == template.notAfter)
        #expect(!certificate.isAuthority && certificate.serialNumber.count == 16)
        #expect(certificate.publicKey.count == 91 && certificate.publicPoint == [UInt8](repeating: 7, count: 64))
        template.commonName = ""
        template.purposes = [.authority]
        let issuer = CertificateTemplate(commonName: "CA", names: [], notBefore: 0, notAfter: 1)
        let authority = try #require(Certificate(der: made(template, issuer: issuer)))
        #expect(authority.subject.isEmpty && authority.issuer == "CN=CA" && !authority.isSelfIssued && authority.isAuthority)
    }

    @Test func timesBefore2050AndAfterAreRead() throws {
        for (start, end) in [(0, 2_524_607_999), (2_524_608_000, 253_402_300_799), (-3_600, 1)] as [(Int64, Int64)] {
            let der = made(CertificateTemplate(names: [], notBefore: start, notAfter: end))
            let certificate = try #require(Certificate(der: der))
            #expect(certificate.notBefore == max(0, start) && certificate.notAfter == end)
        }
    }

    @Test func aCertificateOfAnotherProgramIsRead() throws {
        let block = try #require(try PEMBlock.all(in: foreign.utf8).first)
        let certificate = try #require(Certificate(der: block.bytes))
        #expect(certificate.subject == "CN=Zürich ? x, OU=Rechnerraum, O=Beispiel? Inc., C=CH")
        #expect(certificate.issuer == certificate.subject)
        #expect(certificate.names == ["a.example.com", "*.b.example.com", "10.0.0.1", "fe80::1"])
        #expect(certificate.isAuthority && certificate.subjectKeyIdentifier?.count == 20)
        #expect(certificate.notAfter - certificate.notBefore == 10 * 86_400)
        #expect(certificate.publicKey.count == 294 && certificate.publicPoint == nil)
    }

    @Test func damagedCertificatesNeverTrap() throws {
        let whole = try #require(try PEMBlock.all(in: foreign.utf8).first).bytes
        for count in 0..<whole.count { #expect(Certificate(der: Array(whole.prefix(count))) == nil) }
        #expect(Certificate(der: whole + [0]) == nil)
        var generator = SplitMix(seed: 11)
        for _ in 0..<3000 {
            var bytes = whole
            for _ in 0..<Int.random(in: 1...4, using: &generator) {
                bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            }
            _ = Certificate(der: bytes)
        }
    }

    @Test func aRequestHoldsTheNames() throws {
        let template = CertificateTemplate(names: ["gw.example.com", "192.0.2.7"], notBefore: 0, notAfter: 0)
        let request = template.request(point: [UInt8](repeating: 7, count: 64)) { _ in [0x30, 0] }
        let name = DER.value(.implicit(2), Array("gw.example.com".utf8)) + DER.value(.implicit(7), [192, 0, 2, 7])
        #expect(request.indices.contains { request[$0...].starts(with: name) })
    }
}

@Suite("PEM")
struct PEMTests {
    @Test func blocksAreReadBackWhateverStandsBetween() throws {
        let blocks = [
            PEMBlock(label: "CERTIFICATE", bytes: (0..<100).map { UInt8($0) }), PEMBlock(label: "PRIVATE KEY", bytes: [1]),
        ]
        let text = "subject=x\n" + blocks[0].text + "\r\nbetween\r\n" + blocks[1].text.replacing("\n", with: "  \r\n") + "end"
        #expect(try PEMBlock.all(in: text.utf8) == blocks)
        #expect(blocks[0].text.split(separator: "\n")[1].count == 64)
        #expect(try PEMBlock.all(in: "".utf8).isEmpty)
    }

    @Test func anEncryptedKeyIsToldByItsHeader() throws {
        let text =
            "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES\n\nAAAA\n-----END RSA PRIVATE KEY-----\n"
        #expect(try PEMBlock.all(in: text.utf8).first?.isEncrypted == true)
    }

    @Test func whatHasNoEndOrIsNotBase64IsRefused() {
        for text in [
            "-----BEGIN X-----\nAAAA\n", "-----BEGIN X-----\nAAAA\n-----BEGIN Y-----\nAAAA\n-----END Y-----\n",
            "-----BEGIN X-----\nA*AA\n-----END X-----\n", "-----BEGIN X-----\nAAA\n-----END X-----\n",
            "-----BEGIN X-----\nAAAA\n-----END Y-----\n",
        ] {
            #expect(throws: PEMError.self) { try PEMBlock.all(in: text.utf8) }
        }
    }
}

extension String {
    fileprivate func replacing(_ part: Character, with other: String) -> String {
        split(separator: part, omittingEmptySubsequences: false).joined(separator: other)
    }
}
