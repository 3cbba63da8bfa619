import CExogpu

/// Memory of a device. A range outside it is `invalidArgument`, and nothing is copied.
///
/// Each copy has two forms: one that waits, and an `async` one, which is begun at once; those of a device are done in the
/// order in which they were begun. A task that is cancelled ends a copy that has not begun with `CancellationError`.
public final class Buffer: Sendable {
    public let device: Device
    let handle: exogpu_buffer

    init(device: Device, handle: exogpu_buffer) {
        self.device = device
        self.handle = handle
    }

    deinit { _ = exogpu_buffer_free(handle) }

    /// The memory is given back when copies that were begun before are done.
    public func free() throws { try check(exogpu_buffer_free(handle)) }

    /// Bytes.
    public var size: UInt64 { get throws { try describe().size } }

    /// Calls `body` with the bytes themselves, where the device computes in the host's memory; with nil elsewhere.
    public func withHostMemory<T>(_ body: (UnsafeMutableRawBufferPointer?) throws -> T) throws -> T {
        let info = try describe()
        return try withExtendedLifetime(self) {
            try body(info.host_address.map { UnsafeMutableRawBufferPointer(start: $0, count: Int(info.size)) })
        }
    }

    private func describe() throws -> exogpu_buffer_info {
        var info = exogpu_buffer_info()
        info.struct_size = MemoryLayout.size(ofValue: info)
        try check(exogpu_buffer_describe(handle, &info))
        return info
    }

    // MARK: Copies that wait

    /// Throws `unavailable`, after which the bytes are undefined.
    public func upload(_ bytes: [UInt8], at offset: UInt64 = 0) throws {
        try bytes.withUnsafeBytes { try upload($0, at: offset) }
    }

    public func upload(_ bytes: UnsafeRawBufferPointer, at offset: UInt64 = 0) throws {
        try check(exogpu_buffer_upload(handle, offset, start(of: bytes), UInt64(bytes.count)))
    }

    public func download(_ count: Int, at offset: UInt64 = 0) throws -> [UInt8] {
        try checkCount(count, at: offset)
        return try [UInt8](unsafeUninitializedCapacity: count) { bytes, written in
            try download(into: UnsafeMutableRawBufferPointer(bytes), at: offset)
            written = count
        }
    }

    public func download(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64 = 0) throws {
        try check(exogpu_buffer_download(handle, offset, start(of: bytes), UInt64(bytes.count)))
    }

    /// Copies `size` bytes to another buffer of the context, on any device.
    public func copy(to target: Buffer, size: UInt64, from offset: UInt64 = 0, at targetOffset: UInt64 = 0) throws {
        try check(exogpu_buffer_copy(handle, offset, target.handle, targetOffset, size))
    }

    // MARK: Copies that do not wait

    public func upload(_ bytes: [UInt8], at offset: UInt64 = 0) async throws {
        let copied = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 64)
        defer { copied.deallocate() }
        copied.copyBytes(from: bytes)
        try await done(beginUpload(UnsafeRawBufferPointer(copied), at: offset))
    }

    /// Without a copy on the host: the bytes must stay valid and unchanged until this returns.
    public func upload(_ bytes: UnsafeRawBufferPointer, at offset: UInt64 = 0) async throws {
        try await done(beginUpload(bytes, at: offset))
    }

    public func download(_ count: Int, at offset: UInt64 = 0) async throws -> [UInt8] {
        try checkCount(count, at: offset)
        let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 64)
        defer { bytes.deallocate() }
        try await done(beginDownload(into: bytes, at: offset))
        return [UInt8](bytes)
    }

    /// Without a copy on the host: the bytes must stay valid until this returns.
    public func download(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64 = 0) async throws {
        try await done(beginDownload(into: bytes, at: offset))
    }

    public func copy(to target: Buffer, size: UInt64, from offset: UInt64 = 0, at targetOffset: UInt64 = 0) async throws {
        var ticket = exogpu_ticket()
        try check(exogpu_buffer_copy_async(handle, offset, target.handle, targetOffset, size, &ticket))
        try await done(ticket)
    }

    private func beginUpload(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws -> exogpu_ticket {
        var ticket = exogpu_ticket()
        try check(exogpu_buffer_upload_async(handle, offset, start(of: bytes), UInt64(bytes.count), &ticket))
        return ticket
    }

    private func beginDownload(into bytes: UnsafeMutableRawBufferPointer, at offset: UInt64) throws -> exogpu_ticket {
        var ticket = exogpu_ticket()
        try check(exogpu_buffer_download_async(handle, offset, start(of: bytes), UInt64(bytes.count), &ticket))
        return ticket
    }

    /// Before memory is taken for the answer.
    private func checkCount(_ count: Int, at offset: UInt64) throws {
        let size = try size
        guard count >= 0, offset <= size, UInt64(count) <= size - offset else {
            throw ExogpuError(
                exogpu_code(EXOGPU_INVALID_ARGUMENT),
                "\(count) bytes from byte \(offset) on reach outside a buffer of \(size) bytes")
        }
    }
}

/// No bytes may have no address, which the core refuses.
private func start(of bytes: UnsafeRawBufferPointer) -> UnsafeRawPointer {
    bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1)!
}
private func start(of bytes: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawPointer {
    bytes.baseAddress ?? UnsafeMutableRawPointer(bitPattern: 1)!
}
