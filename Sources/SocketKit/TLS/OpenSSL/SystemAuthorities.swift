// Where a system has its certificate authorities. OpenSSL knows places of its own, which are empty where it did not come with
// the system, or where the system is a container without ca-certificates: then a person should hear that, and not of an
// authority.
//
// Unsafe here: C's texts, which end with a zero and are copied; and a folder that is opened, read and closed in one function.

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// The places in which authorities are.
struct SystemAuthorities {
    /// Whether there are authorities where OpenSSL looks: in one file, or in a folder of files that are named by hashes.
    let areOpenSSLs: Bool
    /// The first file that has the authorities of a system.
    let bundle: String?

    /// Whether there are any.
    var exist: Bool { areOpenSSLs || bundle != nil }

    init(_ library: OpenSSL) {
        let file = unsafe Self.variable("SSL_CERT_FILE") ?? String(cString: library.x509.defaultFile())
        let folders = unsafe Self.variable("SSL_CERT_DIR") ?? String(cString: library.x509.defaultFolder())
        areOpenSSLs = Self.isReadable(file) || folders.split(separator: ":").contains { Self.hasHashes(String($0)) }
        bundle = Self.bundles.first(where: Self.isReadable)
    }

    /// Debian and Alpine, Red Hat, SUSE, others; Homebrew.
    private static let bundles = [
        "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem",
        "/opt/homebrew/etc/ca-certificates/cert.pem", "/usr/local/etc/ca-certificates/cert.pem",
    ]

    private static func variable(_ name: String) -> String? { unsafe getenv(name).map { unsafe String(cString: $0) } }

    private static func isReadable(_ path: String) -> Bool { unsafe access(path, R_OK) == 0 }

    /// Whether a folder has a file such as `5ad8a5d6.0`.
    private static func hasHashes(_ path: String) -> Bool {
        guard let folder = unsafe opendir(path) else { return false }
        defer { _ = unsafe closedir(folder) }
        while let entry = unsafe readdir(folder) {
            let isHash = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { name in
                unsafe name.prefix { $0 != 0 }.suffix(2).elementsEqual([UInt8(ascii: "."), UInt8(ascii: "0")])
            }
            if isHash { return true }
        }
        return false
    }
}
