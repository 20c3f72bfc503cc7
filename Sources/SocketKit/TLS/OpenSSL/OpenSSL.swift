// OpenSSL's functions, found once and then called like any other. Each is declared with the type of its prototype: pointers to
// OpenSSL's own objects are opaque, what may be NULL is optional.
//
// Unsafe here: three prototypes, and that the object goes from thread to thread, which nothing changes once it is made.

/// The functions of libssl and libcrypto that we use. Nothing in it changes after the search, so it may be used from any
/// thread.
final class OpenSSL: @unchecked Sendable {
    /// About contexts and connections.
    let ssl: SSLFunctions
    /// About certificates, and their verification.
    let x509: X509Functions
    /// About keys, digests, PEM and the stack of errors.
    let crypto: CryptoFunctions
    /// How bytes get in and out of a connection.
    let transport: ByteTransport

    /// `OpenSSL 3.0.19 27 Jan 2026`, for logs.
    let version: String
    /// Whether it is OpenSSL 3 or later, whose errors are numbered otherwise.
    let isVersion3: Bool

    /// The one of this process, loaded at the first use, or why there is none.
    static let loaded: Result<OpenSSL, TLSError> = {
        do throws(TLSError) { return .success(try OpenSSL(OpenSSLLibrary())) } catch { return .failure(error) }
    }()

    private init(_ library: OpenSSLLibrary) throws(TLSError) {
        let number: @convention(c) () -> UInt = try library.function("OpenSSL_version_num")
        let text: @convention(c) (Int32) -> UnsafePointer<CChar>? = try unsafe library.function("OpenSSL_version")
        let initialise: @convention(c) (UInt64, UnsafeRawPointer?) -> Int32 = try unsafe library.function("OPENSSL_init_ssl")
        // Without its handler at the end of the process, which would free what other threads still use.
        guard initialise(OpenSSLStart.options, nil) == 1 else {
            throw .unavailable("\(library.path) cannot be initialised")
        }
        isVersion3 = number() >= 0x3000_0000
        version = unsafe text(0).map { unsafe String(cString: $0) } ?? library.path
        ssl = try SSLFunctions(library)
        x509 = try X509Functions(library)
        crypto = try CryptoFunctions(library)
        transport = try ByteTransport(library)
    }
}

/// OpenSSL as this process found it.
public enum TLSLibrary {
    /// `OpenSSL 3.0.19 27 Jan 2026`; nil if there is none.
    public static var version: String? { try? OpenSSL.loaded.get().version }
    /// Why there is no TLS on this machine and what to install; nil if there is TLS.
    public static var problem: String? {
        if case .failure(let error) = OpenSSL.loaded { return error.description }
        return nil
    }
}
