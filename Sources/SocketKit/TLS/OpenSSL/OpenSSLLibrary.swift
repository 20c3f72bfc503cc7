// Where OpenSSL is looked for, and how its functions are found in it. The build needs no header and no library: a machine
// without OpenSSL runs everything but TLS, and is told what to install where TLS is asked for.
//
// Unsafe here: `dlopen` and `dlsym`, and that what is found has the type that the caller names, which no one can check but that
// it is of the size of a pointer. The handle is never closed.

#if canImport(Darwin)
    import Darwin
#elseif canImport(Musl)
    import Musl
#else
    import Glibc
#endif

/// A loaded libssl, and with it the libcrypto that it was linked with. It stays loaded as long as the process runs.
@safe struct OpenSSLLibrary {
    /// The name or path it was loaded by.
    let path: String
    private let handle: UnsafeMutableRawPointer

    /// The environment variable that overrides the search: `none`, or the path of a libssl.
    static let variable = "MIAGENT_OPENSSL"

    #if canImport(Darwin)
        static let candidates = [
            "/opt/homebrew/opt/openssl@3/lib/libssl.3.dylib", "/usr/local/opt/openssl@3/lib/libssl.3.dylib",
            "/opt/local/libexec/openssl3/lib/libssl.3.dylib", "/opt/local/lib/libssl.3.dylib",
            "/opt/homebrew/opt/openssl@1.1/lib/libssl.1.1.dylib", "/usr/local/opt/openssl@1.1/lib/libssl.1.1.dylib",
        ]
        static let advice = "install it with `brew install openssl@3`"
    #else
        static let candidates = ["libssl.so.3", "libssl.so.1.1"]
        static let advice = "install the package libssl3 (Debian, Ubuntu, Alpine) or openssl-libs (Fedora, RHEL)"
    #endif

    /// Loads the first OpenSSL that there is.
    init() throws(TLSError) {
        let setting = unsafe getenv(Self.variable).map { unsafe String(cString: $0) } ?? ""
        if setting == "none" { throw .unavailable("\(Self.variable) is `none`: OpenSSL is not loaded, and there is no TLS") }
        let candidates = setting.isEmpty ? Self.candidates : [setting]
        for candidate in candidates {
            guard let handle = unsafe dlopen(candidate, RTLD_NOW | RTLD_LOCAL) else { continue }
            unsafe self.handle = handle
            path = candidate
            return
        }
        let tried = candidates.joined(separator: ", ")
        if setting.isEmpty {
            throw .unavailable("TLS needs OpenSSL 3 or 1.1.1, and there is none to load (tried \(tried)): \(Self.advice)")
        }
        let reason = unsafe dlerror().map { unsafe String(cString: $0) } ?? "no reason given"
        throw .unavailable("TLS needs OpenSSL, and what \(Self.variable) names cannot be loaded: \(reason)")
    }

    /// The function `name`, which has the C type that `type` describes.
    func function<Function>(_ name: String, as type: Function.Type = Function.self) throws(TLSError) -> Function {
        guard let function: Function = optionalFunction(name) else {
            throw .unavailable("\(path) has no \(name): TLS needs OpenSSL 3 or 1.1.1; \(Self.advice)")
        }
        return function
    }

    /// The function `name` if this version of OpenSSL has it.
    func optionalFunction<Function>(_ name: String, as type: Function.Type = Function.self) -> Function? {
        guard MemoryLayout<Function>.size == MemoryLayout<UInt>.size else { return nil }
        return unsafe dlsym(handle, name).map { unsafe unsafeBitCast($0, to: Function.self) }
    }
}
