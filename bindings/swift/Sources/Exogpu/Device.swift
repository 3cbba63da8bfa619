import CExogpu

/// What is known of a device; what is not known is empty, 0 or nil.
public struct DeviceInfo: Sendable, Hashable {
    public enum Kind: UInt32, Sendable { case discrete, integrated, cpu }

    public let kind: Kind
    /// A GPU that the CPU renders.
    public let software: Bool
    /// Of a GPU; cores of a CPU.
    public let computeUnits: Int
    public let f16, bf16, int8Dot, matrixCores: Bool?
    /// Has a queue of its own for copies.
    public let asynchronous: Bool
    public let memoryBytes: UInt64
    /// Stable on this machine: "cpu", "vulkan0".
    public let id: String
    public let name, vendor, architecture, backend, driver, pciAddress, uuid: String

    init(_ info: exogpu_device_info) {
        kind = Kind(rawValue: info.kind) ?? .discrete
        software = info.software != 0
        computeUnits = Int(info.compute_units)
        f16 = flag(of: info.f16)
        bf16 = flag(of: info.bf16)
        int8Dot = flag(of: info.int8_dot)
        matrixCores = flag(of: info.matrix_cores)
        asynchronous = info.asynchronous != 0
        memoryBytes = info.memory_bytes
        id = text(of: info.id)
        name = text(of: info.name)
        vendor = text(of: info.vendor)
        architecture = text(of: info.architecture)
        backend = text(of: info.backend)
        driver = text(of: info.driver)
        pciAddress = text(of: info.pci_address)
        uuid = text(of: info.uuid)
    }
}

public struct DeviceMemory: Sendable, Hashable {
    /// Now, as the driver says.
    public let totalBytes, freeBytes: UInt64
    /// By buffers of this context.
    public let allocatedBytes: UInt64
    /// Of this context.
    public let buffers: Int
}

/// What sensors read; NaN and nil: there is no such sensor.
public struct Readings: Sendable {
    /// 0...1, since the reading before.
    public var utilization = Double.nan
    public var temperatureC = Double.nan
    /// At which the hardware protects itself.
    public var temperatureLimitC = Double.nan
    public var powerW = Double.nan
    /// The present clock divided by the highest.
    public var clockShare = Double.nan
    /// By all processes.
    public var memoryUsedBytes = Double.nan
    /// Slowed down to cool.
    public var throttled: Bool?

    public init() {}

    /// How well a device with these readings, perhaps of another machine, could take more work: 0...1, by the rule of
    /// `exogpu_device_suitability`. Throws `invalidArgument` without `memoryUsedBytes`, or for 0 bytes of memory.
    public func suitability(memoryTotalBytes: UInt64) throws -> Double {
        var given = exogpu_readings()
        given.struct_size = MemoryLayout.size(ofValue: given)
        given.utilization = utilization
        given.temperature_c = temperatureC
        given.temperature_limit_c = temperatureLimitC
        given.power_w = powerW
        given.clock_share = clockShare
        given.memory_used_bytes = memoryUsedBytes
        given.throttled = number(of: throttled)
        var result = 0.0
        try check(exogpu_device_suitability(&given, memoryTotalBytes, &result))
        return result
    }
}

/// A device of a context.
public final class Device: Sendable {
    public let context: Context
    let handle: exogpu_device

    init(context: Context, handle: exogpu_device) {
        self.context = context
        self.handle = handle
    }

    public var info: DeviceInfo {
        get throws {
            var info = exogpu_device_info()
            info.struct_size = MemoryLayout.size(ofValue: info)
            try check(exogpu_device_describe(handle, &info))
            return DeviceInfo(info)
        }
    }

    /// All that is known of it, as a JSON object.
    public var json: String { get throws { try taken { exogpu_device_json(handle, $0) } } }

    /// Throws `unavailable`.
    public var memory: DeviceMemory {
        get throws {
            var info = exogpu_memory_info()
            info.struct_size = MemoryLayout.size(ofValue: info)
            try check(exogpu_device_memory(handle, &info))
            return DeviceMemory(
                totalBytes: info.total_bytes, freeBytes: info.free_bytes, allocatedBytes: info.allocated_bytes,
                buffers: Int(info.buffers))
        }
    }

    /// May take milliseconds.
    public func readSensors() throws -> Readings {
        var read = exogpu_readings()
        read.struct_size = MemoryLayout.size(ofValue: read)
        try check(exogpu_device_read_sensors(handle, &read))
        var readings = Readings()
        readings.utilization = read.utilization
        readings.temperatureC = read.temperature_c
        readings.temperatureLimitC = read.temperature_limit_c
        readings.powerW = read.power_w
        readings.clockShare = read.clock_share
        readings.memoryUsedBytes = read.memory_used_bytes
        readings.throttled = flag(of: read.throttled)
        return readings
    }

    /// Waits for all copies that were begun before. Throws `unavailable`.
    public func synchronize() throws { try check(exogpu_device_synchronize(handle)) }

    public func synchronize() async throws {
        var ticket = exogpu_ticket()
        try check(exogpu_device_record(handle, &ticket))
        try await done(ticket)
    }

    /// `size` bytes of undefined content. Throws `outOfMemory`, `resourceExhausted`, `unavailable`.
    public func allocate(_ size: UInt64) throws -> Buffer {
        var buffer = exogpu_buffer()
        try check(exogpu_buffer_allocate(handle, size, &buffer))
        return Buffer(device: self, handle: buffer)
    }

    public func allocate(_ size: UInt64) async throws -> Buffer {
        var ticket = exogpu_ticket()
        try check(exogpu_buffer_allocate_async(handle, size, &ticket))
        let buffer = try await done(ticket) { ticket in
            var buffer = exogpu_buffer()
            try check(exogpu_ticket_buffer(ticket, &buffer))
            return buffer
        }
        return Buffer(device: self, handle: buffer)
    }
}
