import CExogpu

/// The devices of this machine, and all that is opened with them.
///
/// What is opened keeps its context. Like a context, it ends when nothing refers to it any more, or earlier by a call, which
/// is an error when it comes twice.
public final class Context: Sendable {
    let handle: exogpu_context

    init(handle: exogpu_context) { self.handle = handle }

    /// The library's version.
    public static var version: String { String(cString: exogpu_version()) }

    /// Finds the devices. Throws `notFound`, `unavailable`, `resourceExhausted`.
    ///
    /// - Parameters:
    ///   - backend: Only devices of this one: "vulkan", "cuda", "cpu".
    ///   - software: Also GPUs that the CPU renders.
    ///   - cpuOnly: Looks for no GPU at all, which saves the time and memory of drivers.
    ///   - program: The path of `exogpu`, which then checks the devices' kernels before they compute.
    ///   - backends: The folder of ggml's backends; counts for the first context alone. nil: where ggml looks.
    public convenience init(
        backend: String? = nil, software: Bool = false, cpuOnly: Bool = false, program: String? = nil, backends: String? = nil
    ) throws {
        let texts = CTexts()
        var options = exogpu_context_options()
        options.struct_size = MemoryLayout.size(ofValue: options)
        options.backend = try texts.add(backend)
        options.software = software ? 1 : 0
        options.cpu_only = cpuOnly ? 1 : 0
        options.program = try texts.add(program)
        options.backends = try texts.add(backends)
        var handle = exogpu_context()
        try withExtendedLifetime(texts) { try check(exogpu_context_open(&options, &handle)) }
        self.init(handle: handle)
    }

    deinit { _ = exogpu_context_close(handle) }

    /// Ends all work and frees all that was opened with the context.
    public func close() throws { try check(exogpu_context_close(handle)) }

    /// Best first; the CPU is the last.
    public var devices: [Device] {
        get throws {
            var count = 0
            try check(exogpu_device_list(handle, nil, 0, &count))
            var found = [exogpu_device](repeating: exogpu_device(), count: count)
            try check(exogpu_device_list(handle, &found, found.count, &count))
            return found.prefix(count).map { Device(context: self, handle: $0) }
        }
    }

    /// By id ("vulkan0"), by an unambiguous beginning of one, or "gpu" for the best. Throws `notFound`.
    public func device(_ id: String) throws -> Device {
        let texts = CTexts()
        var found = exogpu_device()
        let id = try texts.add(id)
        try withExtendedLifetime(texts) { try check(exogpu_device_find(handle, id, &found)) }
        return Device(context: self, handle: found)
    }
}
