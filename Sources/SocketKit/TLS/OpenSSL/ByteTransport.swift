// A BIO of our own, through which a connection reads from bytes that are lent for one call and writes behind an array. Against
// two memory BIOs it saves a copy of everything that comes, and the two buffers that those would keep for each connection.
//
// Unsafe here: C's table of callbacks, and a connection behind a `void *`. The connection makes its BIO and frees it with its
// `SSL *`, so it is there whenever a callback is; what a callback reads or writes is as long as OpenSSL says.

/// The BIO_METHOD of this process, and the functions that its callbacks call.
@safe struct ByteTransport: @unchecked Sendable {
    private let method: OpaquePointer
    private let new: @convention(c) (OpaquePointer?) -> OpaquePointer?
    private let free: @convention(c) (OpaquePointer?) -> Int32
    private let setInitialised: @convention(c) (OpaquePointer?, Int32) -> Void
    private let setData: @convention(c) (OpaquePointer?, UnsafeMutableRawPointer?) -> Void
    fileprivate let data: @convention(c) (OpaquePointer?) -> UnsafeMutableRawPointer?
    fileprivate let setFlags: @convention(c) (OpaquePointer?, Int32) -> Void
    fileprivate let clearFlags: @convention(c) (OpaquePointer?, Int32) -> Void

    init(_ library: OpenSSLLibrary) throws(TLSError) {
        typealias Read = @convention(c) (OpaquePointer?, UnsafeMutablePointer<CChar>?, Int32) -> Int32
        typealias Write = @convention(c) (OpaquePointer?, UnsafePointer<CChar>?, Int32) -> Int32
        typealias Control = @convention(c) (OpaquePointer?, Int32, Int, UnsafeMutableRawPointer?) -> Int
        unsafe new = try library.function("BIO_new")
        unsafe free = try library.function("BIO_free")
        unsafe setInitialised = try library.function("BIO_set_init")
        unsafe setData = try library.function("BIO_set_data")
        unsafe data = try library.function("BIO_get_data")
        unsafe setFlags = try library.function("BIO_set_flags")
        unsafe clearFlags = try library.function("BIO_clear_flags")
        let newIndex: @convention(c) () -> Int32 = try library.function("BIO_get_new_index")
        let newMethod: @convention(c) (Int32, UnsafePointer<CChar>?) -> OpaquePointer? =
            try unsafe library.function("BIO_meth_new")
        let setRead: @convention(c) (OpaquePointer?, Read?) -> Int32 = try unsafe library.function("BIO_meth_set_read")
        let setWrite: @convention(c) (OpaquePointer?, Write?) -> Int32 = try unsafe library.function("BIO_meth_set_write")
        let setControl: @convention(c) (OpaquePointer?, Control?) -> Int32 = try unsafe library.function("BIO_meth_set_ctrl")
        guard let method = unsafe newMethod(newIndex() | BIOControl.typeSourceSink, "lent bytes"),
            unsafe setRead(method, { unsafe readLentBytes($0, $1, $2) }) == 1,
            unsafe setWrite(method, { unsafe writeBytes($0, $1, $2) }) == 1,
            // Nothing is kept back, so there is nothing to flush; all other commands are unknown.
            unsafe setControl(method, { _, command, _, _ in command == BIOControl.flush ? 1 : 0 }) == 1
        else { throw .unavailable("\(library.path) refuses a BIO of our own") }
        unsafe self.method = unsafe method
    }

    /// A BIO for `connection`, which must outlive it.
    func make(for connection: SSLConnection) -> OpaquePointer? {
        guard let transport = unsafe new(method) else { return nil }
        unsafe setData(transport, Unmanaged.passUnretained(connection).toOpaque())
        unsafe setInitialised(transport, 1)
        return unsafe transport
    }
}

/// The connection that a BIO belongs to.
private func connection(_ transport: OpaquePointer?, _ functions: ByteTransport) -> SSLConnection? {
    unsafe functions.data(transport).map { unsafe Unmanaged<SSLConnection>.fromOpaque($0).takeUnretainedValue() }
}

/// Hands out what is lent; -1 and "try again" when there is no more.
private func readLentBytes(_ transport: OpaquePointer?, _ memory: UnsafeMutablePointer<CChar>?, _ room: Int32) -> Int32 {
    guard case .success(let library) = OpenSSL.loaded else { return -1 }
    unsafe library.transport.clearFlags(transport, BIOControl.flagsOfRetry)
    guard room > 0, let memory = unsafe memory, let connection = unsafe connection(transport, library.transport) else {
        return -1
    }
    let count = min(Int(room), connection.lentCount)
    if count == 0 {
        unsafe library.transport.setFlags(transport, BIOControl.flagRead | BIOControl.flagShouldRetry)
        return -1
    }
    unsafe connection.takeLent(UnsafeMutableRawBufferPointer(start: memory, count: count))
    return Int32(truncatingIfNeeded: count)
}

/// Takes all that is written.
private func writeBytes(_ transport: OpaquePointer?, _ memory: UnsafePointer<CChar>?, _ count: Int32) -> Int32 {
    guard case .success(let library) = OpenSSL.loaded else { return -1 }
    unsafe library.transport.clearFlags(transport, BIOControl.flagsOfRetry)
    guard count > 0, let memory = unsafe memory, let connection = unsafe connection(transport, library.transport) else {
        return -1
    }
    unsafe connection.output.append(contentsOf: UnsafeRawBufferPointer(start: memory, count: Int(count)))
    return count
}
