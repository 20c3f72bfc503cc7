// The functions of libssl, by what they act on.
//
// Unsafe here: that each type is the prototype of the function whose name stands beside it; the tests call all of them.
// Function pointers do not change, so any thread may have them.

/// Functions of libssl. `OpaquePointer` is an `SSL_CTX *`, `SSL *`, `SSL_SESSION *` or an object of libcrypto, as its name
/// says.
@safe struct SSLFunctions: @unchecked Sendable {
    typealias Pointer = OpaquePointer?
    typealias Bytes = UnsafePointer<UInt8>?
    typealias MutableBytes = UnsafeMutablePointer<UInt8>?
    typealias Context = UnsafeMutableRawPointer?

    /// Chooses one of the protocols that the client offers.
    typealias ProtocolChoice =
        @convention(c) (
            Pointer, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, MutableBytes, Bytes, UInt32, Context
        ) -> Int32
    /// Sees the client's hello before anything is decided.
    typealias HelloReader = @convention(c) (Pointer, UnsafeMutablePointer<Int32>?, Context) -> Int32
    /// Sets the certificate of a connection.
    typealias CertificateChoice = @convention(c) (Pointer, Context) -> Int32
    /// Verifies the peer's chain.
    typealias Verifier = @convention(c) (Pointer, Context) -> Int32
    /// Gets a session that can be resumed.
    typealias SessionReceiver = @convention(c) (Pointer, Pointer) -> Int32
    /// Seals and opens tickets: name (16 bytes), initialisation vector (16), cipher, MAC, 1 to seal.
    typealias TicketSealer = @convention(c) (Pointer, MutableBytes, MutableBytes, Pointer, Pointer, Int32) -> Int32

    // Contexts
    let method: @convention(c) () -> Pointer
    let newContext: @convention(c) (Pointer) -> Pointer
    let freeContext: @convention(c) (Pointer) -> Void
    let controlContext: @convention(c) (Pointer, Int32, Int, Context) -> Int
    let setLegacyTicketSealer: @convention(c) (Pointer, Int32, TicketSealer?) -> Int
    let setTicketSealer: (@convention(c) (Pointer, TicketSealer?) -> Int32)?
    let setOptions: @convention(c) (Pointer, UInt) -> UInt
    let setCipherList: @convention(c) (Pointer, UnsafePointer<CChar>?) -> Int32
    let setProtocolChoice: @convention(c) (Pointer, ProtocolChoice?, Context) -> Void
    let setProtocols: @convention(c) (Pointer, Bytes, UInt32) -> Int32
    let setVerification: @convention(c) (Pointer, Int32, (@convention(c) (Int32, Pointer) -> Int32)?) -> Void
    let setVerifier: @convention(c) (Pointer, Verifier?, Context) -> Void
    let setCertificateChoice: @convention(c) (Pointer, CertificateChoice?, Context) -> Void
    let setHelloReader: @convention(c) (Pointer, HelloReader?, Context) -> Void
    let setSessionReceiver: @convention(c) (Pointer, SessionReceiver?) -> Void
    let setSessionIDContext: @convention(c) (Pointer, Bytes, UInt32) -> Int32
    let certificateStore: @convention(c) (Pointer) -> Pointer
    let contextParameters: @convention(c) (Pointer) -> Pointer
    let useSystemAuthorities: @convention(c) (Pointer) -> Int32
    let loadAuthorities: @convention(c) (Pointer, UnsafePointer<CChar>?, UnsafePointer<CChar>?) -> Int32
    let announceAuthority: @convention(c) (Pointer, Pointer) -> Int32
    let useCertificateInContext: @convention(c) (Pointer, Pointer, Pointer, Pointer, Int32) -> Int32

    // Connections
    let newConnection: @convention(c) (Pointer) -> Pointer
    let freeConnection: @convention(c) (Pointer) -> Void
    let control: @convention(c) (Pointer, Int32, Int, Context) -> Int
    let setTransport: @convention(c) (Pointer, Pointer, Pointer) -> Void
    let beServer: @convention(c) (Pointer) -> Void
    let beClient: @convention(c) (Pointer) -> Void
    let handshake: @convention(c) (Pointer) -> Int32
    let read: @convention(c) (Pointer, UnsafeMutableRawPointer?, Int32) -> Int32
    let write: @convention(c) (Pointer, UnsafeRawPointer?, Int32) -> Int32
    let shutdown: @convention(c) (Pointer) -> Int32
    let setShutdown: @convention(c) (Pointer, Int32) -> Void
    let result: @convention(c) (Pointer, Int32) -> Int32
    let setData: @convention(c) (Pointer, Int32, Context) -> Int32
    let data: @convention(c) (Pointer, Int32) -> Context
    let dataOfVerification: @convention(c) () -> Int32
    let setHost: @convention(c) (Pointer, UnsafePointer<CChar>?) -> Int32
    let setHostFlags: @convention(c) (Pointer, UInt32) -> Void
    let verificationParameters: @convention(c) (Pointer) -> Pointer
    let helloExtension:
        @convention(c) (Pointer, UInt32, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<Int>?) -> Int32
    let clearCertificates: @convention(c) (Pointer) -> Void
    let useCertificate: @convention(c) (Pointer, Pointer, Pointer, Pointer, Int32) -> Int32

    // What a handshake came to
    let chosenProtocol:
        @convention(c) (Pointer, UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<UInt32>?) -> Void
    let version: @convention(c) (Pointer) -> Int32
    let versionName: @convention(c) (Pointer) -> UnsafePointer<CChar>?
    let cipher: @convention(c) (Pointer) -> Pointer
    let cipherName: @convention(c) (Pointer) -> UnsafePointer<CChar>?
    let wasResumed: @convention(c) (Pointer) -> Int32
    let peerCertificate: @convention(c) (Pointer) -> Pointer
    let setSession: @convention(c) (Pointer, Pointer) -> Int32
    let sessionVersion: @convention(c) (Pointer) -> Int32
    let freeSession: @convention(c) (Pointer) -> Void
}

extension SSLFunctions {
    init(_ library: OpenSSLLibrary) throws(TLSError) {
        unsafe method = try library.function("TLS_method")
        unsafe newContext = try library.function("SSL_CTX_new")
        unsafe freeContext = try library.function("SSL_CTX_free")
        unsafe controlContext = try library.function("SSL_CTX_ctrl")
        unsafe setLegacyTicketSealer = try library.function("SSL_CTX_callback_ctrl")
        unsafe setTicketSealer = library.optionalFunction("SSL_CTX_set_tlsext_ticket_key_evp_cb")
        unsafe setOptions = try library.function("SSL_CTX_set_options")
        unsafe setCipherList = try library.function("SSL_CTX_set_cipher_list")
        unsafe setProtocolChoice = try library.function("SSL_CTX_set_alpn_select_cb")
        unsafe setProtocols = try library.function("SSL_CTX_set_alpn_protos")
        unsafe setVerification = try library.function("SSL_CTX_set_verify")
        unsafe setVerifier = try library.function("SSL_CTX_set_cert_verify_callback")
        unsafe setCertificateChoice = try library.function("SSL_CTX_set_cert_cb")
        unsafe setHelloReader = try library.function("SSL_CTX_set_client_hello_cb")
        unsafe setSessionReceiver = try library.function("SSL_CTX_sess_set_new_cb")
        unsafe setSessionIDContext = try library.function("SSL_CTX_set_session_id_context")
        unsafe certificateStore = try library.function("SSL_CTX_get_cert_store")
        unsafe contextParameters = try library.function("SSL_CTX_get0_param")
        unsafe useSystemAuthorities = try library.function("SSL_CTX_set_default_verify_paths")
        unsafe loadAuthorities = try library.function("SSL_CTX_load_verify_locations")
        unsafe announceAuthority = try library.function("SSL_CTX_add_client_CA")
        unsafe useCertificateInContext = try library.function("SSL_CTX_use_cert_and_key")
        unsafe newConnection = try library.function("SSL_new")
        unsafe freeConnection = try library.function("SSL_free")
        unsafe control = try library.function("SSL_ctrl")
        unsafe setTransport = try library.function("SSL_set_bio")
        unsafe beServer = try library.function("SSL_set_accept_state")
        unsafe beClient = try library.function("SSL_set_connect_state")
        unsafe handshake = try library.function("SSL_do_handshake")
        unsafe read = try library.function("SSL_read")
        unsafe write = try library.function("SSL_write")
        unsafe shutdown = try library.function("SSL_shutdown")
        unsafe setShutdown = try library.function("SSL_set_shutdown")
        unsafe result = try library.function("SSL_get_error")
        unsafe setData = try library.function("SSL_set_ex_data")
        unsafe data = try library.function("SSL_get_ex_data")
        dataOfVerification = try library.function("SSL_get_ex_data_X509_STORE_CTX_idx")
        unsafe setHost = try library.function("SSL_set1_host")
        unsafe setHostFlags = try library.function("SSL_set_hostflags")
        unsafe verificationParameters = try library.function("SSL_get0_param")
        unsafe helloExtension = try library.function("SSL_client_hello_get0_ext")
        unsafe clearCertificates = try library.function("SSL_certs_clear")
        unsafe useCertificate = try library.function("SSL_use_cert_and_key")
        unsafe chosenProtocol = try library.function("SSL_get0_alpn_selected")
        unsafe version = try library.function("SSL_version")
        unsafe versionName = try library.function("SSL_get_version")
        unsafe cipher = try library.function("SSL_get_current_cipher")
        unsafe cipherName = try library.function("SSL_CIPHER_get_name")
        unsafe wasResumed = try library.function("SSL_session_reused")
        // Renamed in OpenSSL 3; the old name is gone from its binary.
        if let current: @convention(c) (Pointer) -> Pointer = unsafe library.optionalFunction("SSL_get1_peer_certificate") {
            unsafe peerCertificate = current
        } else {
            unsafe peerCertificate = try library.function("SSL_get_peer_certificate")
        }
        unsafe setSession = try library.function("SSL_set_session")
        unsafe sessionVersion = try library.function("SSL_SESSION_get_protocol_version")
        unsafe freeSession = try library.function("SSL_SESSION_free")
    }
}
