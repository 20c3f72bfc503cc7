// Session tickets (RFC 5077 §4, RFC 8446 §4.6.1) by keys of ours, so that every loop resumes what another began, and the
// daemon decides when keys change.
//
// Unsafe here: OpenSSL's room for a ticket's name and vector, of 16 bytes each by its manual; and its list of parameters, laid
// out by hand as `OSSL_PARAM` has it, five words for each, which lives until the call with it has returned.

/// Seals a ticket (`isSealing` 1) by the first key, or finds the key to open one. 0: by none of ours; 1: go on; 2: go on, and
/// hand out a new ticket, because the key is an older one, or because from TLS 1.3 on each is used once (RFC 8446 appendix
/// C.4).
func sealTicket(
    _ pointer: OpaquePointer?, _ name: UnsafeMutablePointer<UInt8>?, _ vector: UnsafeMutablePointer<UInt8>?,
    _ cipher: OpaquePointer?, _ authentication: OpaquePointer?, _ isSealing: Int32
) -> Int32 {
    guard case .success(let library) = OpenSSL.loaded, let connection = unsafe SSLConnection.of(pointer, library),
        let name = unsafe name, let vector = unsafe vector
    else { return -1 }
    let keys = connection.context.ticketKeys
    let nameBytes = unsafe UnsafeMutableBufferPointer(start: name, count: 16)
    if isSealing == 1 {
        guard let key = keys.first else { return -1 }
        var generator = SystemRandomNumberGenerator()
        for index in 0..<16 { unsafe vector[index] = UInt8.random(in: .min ... .max, using: &generator) }
        _ = unsafe nameBytes.update(fromContentsOf: key.name)
        let isReady = unsafe prepare(key, vector, cipher, library.crypto.prepareEncryption, library)
        guard isReady, unsafe authenticate(key, authentication, library) else { return -1 }
        return 1
    }
    guard let index = keys.firstIndex(where: { unsafe $0.name.elementsEqual(nameBytes) }) else { return 0 }
    let isReady = unsafe prepare(keys[index], vector, cipher, library.crypto.prepareDecryption, library)
    guard isReady, unsafe authenticate(keys[index], authentication, library) else { return -1 }
    return unsafe index > 0 || library.ssl.version(pointer) > SSLVersion.tls12 ? 2 : 1
}

/// Gives the cipher its key.
private func prepare(
    _ key: TLSTicketKey, _ vector: UnsafeMutablePointer<UInt8>, _ cipher: OpaquePointer?,
    _ initialise: CryptoCipherPreparation, _ library: OpenSSL
) -> Bool {
    unsafe key.cipherKey.withUnsafeBufferPointer {
        unsafe initialise(cipher, library.crypto.aes256(), nil, $0.baseAddress, UnsafePointer(vector)) == 1
    }
}

typealias CryptoCipherPreparation =
    @convention(c) (OpaquePointer?, OpaquePointer?, OpaquePointer?, UnsafePointer<UInt8>?, UnsafePointer<UInt8>?) -> Int32

/// Gives the MAC its key: HMAC with SHA-256, by OpenSSL 3's interface or the one before.
private func authenticate(_ key: TLSTicketKey, _ authentication: OpaquePointer?, _ library: OpenSSL) -> Bool {
    unsafe key.authenticationKey.withUnsafeBytes { secret in
        if unsafe library.ssl.setTicketSealer == nil {
            guard let prepare = unsafe library.crypto.prepareLegacyMAC else { return false }
            return unsafe prepare(authentication, secret.baseAddress, Int32(secret.count), library.crypto.sha256(), nil) == 1
        }
        guard let setParameters = unsafe library.crypto.setMACParameters else { return false }
        return unsafe withMACParameters(secret) { unsafe setParameters(authentication, $0) == 1 }
    }
}

/// The array of `OSSL_PARAM` { key: secret, digest: "SHA256" } and its end. An entry is five words: name, kind, bytes, their
/// count, and a count that OpenSSL writes.
private func withMACParameters(_ secret: UnsafeRawBufferPointer, _ body: (UnsafeRawPointer?) -> Bool) -> Bool {
    unsafe "key".withCString { keyName in
        unsafe "digest".withCString { digestName in
            unsafe "SHA256".withCString { digest in
                unsafe withUnsafeTemporaryAllocation(byteCount: 15 * 8, alignment: 8) { memory in
                    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
                    unsafe store(UnsafeRawPointer(keyName), OSSLParameter.octets, secret.baseAddress, secret.count, 0, memory)
                    unsafe store(UnsafeRawPointer(digestName), OSSLParameter.text, UnsafeRawPointer(digest), 6, 1, memory)
                    return unsafe body(UnsafeRawPointer(memory.baseAddress))
                }
            }
        }
    }
}

private func store(
    _ name: UnsafeRawPointer, _ kind: UInt32, _ bytes: UnsafeRawPointer?, _ count: Int, _ entry: Int,
    _ memory: UnsafeMutableRawBufferPointer
) {
    let word = MemoryLayout<Int>.size
    let start = entry * 5 * word
    unsafe memory.storeBytes(of: UInt(bitPattern: name), toByteOffset: start, as: UInt.self)
    unsafe memory.storeBytes(of: kind, toByteOffset: start + word, as: UInt32.self)
    unsafe memory.storeBytes(of: UInt(bitPattern: bytes), toByteOffset: start + 2 * word, as: UInt.self)
    unsafe memory.storeBytes(of: count, toByteOffset: start + 3 * word, as: Int.self)
    unsafe memory.storeBytes(of: UInt.max, toByteOffset: start + 4 * word, as: UInt.self)
}
