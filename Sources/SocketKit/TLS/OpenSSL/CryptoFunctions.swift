// The functions of libcrypto: certificates, keys, digests, PEM, and the stack of errors.
//
// Unsafe here: that each type is the prototype of the function whose name stands beside it; the tests call all of them.
// Function pointers do not change, so any thread may have them.

/// Functions about certificates (`X509 *`), stores of them and their verification (`X509_STORE_CTX *`).
@safe struct X509Functions: @unchecked Sendable {
    typealias Pointer = OpaquePointer?

    let decode: @convention(c) (UnsafeMutablePointer<Pointer>?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, Int) -> Pointer
    let encode: @convention(c) (Pointer, UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32
    let free: @convention(c) (Pointer) -> Void
    let matchesKey: @convention(c) (Pointer, Pointer) -> Int32
    let addToStore: @convention(c) (Pointer, Pointer) -> Int32
    let verify: @convention(c) (Pointer) -> Int32
    let verifiedLeaf: @convention(c) (Pointer) -> Pointer
    let failedCertificate: @convention(c) (Pointer) -> Pointer
    let verificationResult: @convention(c) (Pointer) -> Int32
    let setVerificationResult: @convention(c) (Pointer, Int32) -> Void
    let verificationData: @convention(c) (Pointer, Int32) -> UnsafeMutableRawPointer?
    let resultText: @convention(c) (Int) -> UnsafePointer<CChar>?
    let setFlags: @convention(c) (Pointer, UInt) -> Int32
    let setAddress: @convention(c) (Pointer, UnsafePointer<CChar>?) -> Int32
    let defaultFile: @convention(c) () -> UnsafePointer<CChar>
    let defaultFolder: @convention(c) () -> UnsafePointer<CChar>
    let newStack: @convention(c) () -> Pointer
    let push: @convention(c) (Pointer, UnsafeRawPointer?) -> Int32
    let freeStack: @convention(c) (Pointer) -> Void

    init(_ library: OpenSSLLibrary) throws(TLSError) {
        unsafe decode = try library.function("d2i_X509")
        unsafe encode = try library.function("i2d_X509")
        unsafe free = try library.function("X509_free")
        unsafe matchesKey = try library.function("X509_check_private_key")
        unsafe addToStore = try library.function("X509_STORE_add_cert")
        unsafe verify = try library.function("X509_verify_cert")
        unsafe verifiedLeaf = try library.function("X509_STORE_CTX_get0_cert")
        unsafe failedCertificate = try library.function("X509_STORE_CTX_get_current_cert")
        unsafe verificationResult = try library.function("X509_STORE_CTX_get_error")
        unsafe setVerificationResult = try library.function("X509_STORE_CTX_set_error")
        unsafe verificationData = try library.function("X509_STORE_CTX_get_ex_data")
        unsafe resultText = try library.function("X509_verify_cert_error_string")
        unsafe setFlags = try library.function("X509_VERIFY_PARAM_set_flags")
        unsafe setAddress = try library.function("X509_VERIFY_PARAM_set1_ip_asc")
        unsafe defaultFile = try library.function("X509_get_default_cert_file")
        unsafe defaultFolder = try library.function("X509_get_default_cert_dir")
        unsafe newStack = try library.function("OPENSSL_sk_new_null")
        unsafe push = try library.function("OPENSSL_sk_push")
        unsafe freeStack = try library.function("OPENSSL_sk_free")
    }
}

/// Functions about keys (`EVP_PKEY *`), digests, ciphers, bytes in memory (a `BIO *`) and errors.
@safe struct CryptoFunctions: @unchecked Sendable {
    typealias Pointer = OpaquePointer?
    typealias Bytes = UnsafePointer<UInt8>?
    typealias MutableBytes = UnsafeMutablePointer<UInt8>?

    // Errors
    let clearErrors: @convention(c) () -> Void
    let firstError: @convention(c) () -> UInt
    let errorReason: @convention(c) (UInt) -> UnsafePointer<CChar>?

    // Keys
    let decodeKey: @convention(c) (UnsafeMutablePointer<Pointer>?, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, Int) -> Pointer
    let encodePublicKey: @convention(c) (Pointer, UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32
    let freeKey: @convention(c) (Pointer) -> Void
    let newKeyContext: @convention(c) (Int32, Pointer) -> Pointer
    let freeKeyContext: @convention(c) (Pointer) -> Void
    let prepareGeneration: @convention(c) (Pointer) -> Int32
    let controlKeyContext: @convention(c) (Pointer, Int32, Int32, Int32, Int32, UnsafeMutableRawPointer?) -> Int32
    let generateKey: @convention(c) (Pointer, UnsafeMutablePointer<Pointer>?) -> Int32
    let writePrivateKey:
        @convention(c) (Pointer, Pointer, Pointer, UnsafePointer<CChar>?, Int32, UnsafeRawPointer?, UnsafeMutableRawPointer?) ->
            Int32
    let newDigest: @convention(c) () -> Pointer
    let freeDigest: @convention(c) (Pointer) -> Void
    let prepareSignature: @convention(c) (Pointer, UnsafeMutablePointer<Pointer>?, Pointer, Pointer, Pointer) -> Int32
    let sign: @convention(c) (Pointer, MutableBytes, UnsafeMutablePointer<Int>?, Bytes, Int) -> Int32

    // Digests and ciphers
    let sha256: @convention(c) () -> Pointer
    let aes256: @convention(c) () -> Pointer
    let prepareEncryption: @convention(c) (Pointer, Pointer, Pointer, Bytes, Bytes) -> Int32
    let prepareDecryption: @convention(c) (Pointer, Pointer, Pointer, Bytes, Bytes) -> Int32
    /// Of OpenSSL 1.1.1.
    let prepareLegacyMAC: (@convention(c) (Pointer, UnsafeRawPointer?, Int32, Pointer, Pointer) -> Int32)?
    /// Of OpenSSL 3: `EVP_MAC_CTX *` and an array of `OSSL_PARAM`.
    let setMACParameters: (@convention(c) (Pointer, UnsafeRawPointer?) -> Int32)?

    // Bytes in memory, and PEM
    let newWriter: @convention(c) (Pointer) -> Pointer
    let memory: @convention(c) () -> Pointer
    let freeTransport: @convention(c) (Pointer) -> Int32
    let controlTransport: @convention(c) (Pointer, Int32, Int, UnsafeMutableRawPointer?) -> Int
    let freeMemory: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<CChar>?, Int32) -> Void
}

extension CryptoFunctions {
    init(_ library: OpenSSLLibrary) throws(TLSError) {
        clearErrors = try library.function("ERR_clear_error")
        firstError = try library.function("ERR_peek_error")
        unsafe errorReason = try library.function("ERR_reason_error_string")
        unsafe decodeKey = try library.function("d2i_AutoPrivateKey")
        unsafe encodePublicKey = try library.function("i2d_PUBKEY")
        unsafe freeKey = try library.function("EVP_PKEY_free")
        unsafe newKeyContext = try library.function("EVP_PKEY_CTX_new_id")
        unsafe freeKeyContext = try library.function("EVP_PKEY_CTX_free")
        unsafe prepareGeneration = try library.function("EVP_PKEY_keygen_init")
        unsafe controlKeyContext = try library.function("EVP_PKEY_CTX_ctrl")
        unsafe generateKey = try library.function("EVP_PKEY_keygen")
        unsafe writePrivateKey = try library.function("PEM_write_bio_PKCS8PrivateKey")
        unsafe newDigest = try library.function("EVP_MD_CTX_new")
        unsafe freeDigest = try library.function("EVP_MD_CTX_free")
        unsafe prepareSignature = try library.function("EVP_DigestSignInit")
        unsafe sign = try library.function("EVP_DigestSign")
        unsafe sha256 = try library.function("EVP_sha256")
        unsafe aes256 = try library.function("EVP_aes_256_cbc")
        unsafe prepareEncryption = try library.function("EVP_EncryptInit_ex")
        unsafe prepareDecryption = try library.function("EVP_DecryptInit_ex")
        unsafe prepareLegacyMAC = library.optionalFunction("HMAC_Init_ex")
        unsafe setMACParameters = library.optionalFunction("EVP_MAC_CTX_set_params")
        unsafe newWriter = try library.function("BIO_new")
        unsafe memory = try library.function("BIO_s_mem")
        unsafe freeTransport = try library.function("BIO_free")
        unsafe controlTransport = try library.function("BIO_ctrl")
        unsafe freeMemory = try library.function("CRYPTO_free")
    }
}
