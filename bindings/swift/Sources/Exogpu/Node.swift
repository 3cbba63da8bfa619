import CExogpu

/// As `exogpu_node_options`; what is nil, 0 or empty is the default.
public struct NodeOptions: Sendable {
    /// The folder of the node's identity.
    public var state: String
    /// The folder of weights from other nodes.
    public var cache: String
    /// The folder of models that requests may name.
    public var models: String?
    /// A GGUF file that the cluster is to serve.
    public var model: String?
    public var name: String?
    /// "[HOST]:PORT" where other nodes connect; port 0: any free one.
    public var listen: String?
    /// "HOST:PORT" at which others reach it, if that is elsewhere.
    public var advertise: String?
    /// "[HOST]:PORT" of the API for clients; nil: no API.
    public var api: String?
    public var apiKey: String?
    /// Nodes of the cluster: "HOST[:PORT]".
    public var connect: [String] = []
    /// To join the cluster of `connect` first.
    public var token: String?
    public var devices: [String] = []
    /// Finds nodes of its cluster on the local network, and shows itself there.
    public var discover = false
    /// Of the CPU.
    public var threads: UInt32 = 0
    /// Of the longest conversation with `model`.
    public var contextTokens: UInt32 = 0
    /// Of each device.
    public var memoryBytesMax: UInt64 = 0

    public init(state: String, cache: String) {
        self.state = state
        self.cache = cache
    }

    fileprivate func withC<T>(_ body: (UnsafePointer<exogpu_node_options>) throws -> T) throws -> T {
        let texts = CTexts()
        var options = exogpu_node_options()
        options.struct_size = MemoryLayout.size(ofValue: options)
        options.state = try texts.add(state)
        options.cache = try texts.add(cache)
        options.models = try texts.add(models)
        options.model = try texts.add(model)
        options.name = try texts.add(name)
        options.listen = try texts.add(listen)
        options.advertise = try texts.add(advertise)
        options.api = try texts.add(api)
        options.api_key = try texts.add(apiKey)
        options.connect = try texts.add(connect)
        options.connect_count = connect.count
        options.token = try texts.add(token)
        options.devices = try texts.add(devices)
        options.device_count = devices.count
        options.discover = discover ? 1 : 0
        options.threads = threads
        options.context_tokens = contextTokens
        options.memory_bytes_max = memoryBytesMax
        return try withExtendedLifetime(texts) { try body(&options) }
    }
}

/// Readings of sensors that the library cannot read, such as those of a phone; NaN and nil: as the library reads them.
public struct SensorInput: Sendable {
    /// 0...1 of the battery.
    public var charge = Double.nan
    public var onBattery: Bool?
    /// The devices slow down to cool.
    public var throttled: Bool?
    public var temperatureC = Double.nan
    public var temperatureLimitC = Double.nan

    public init() {}
}

/// This process as a part of a cluster.
public final class Node: Sendable {
    public let context: Context
    let handle: exogpu_node

    init(context: Context, handle: exogpu_node) {
        self.context = context
        self.handle = handle
    }

    /// Returns when the node listens, and with a token when it has joined. Throws `alreadyExists`, `unauthenticated`,
    /// `notFound`, `permissionDenied`, `corrupt`, `ioError`, `unavailable`.
    public static func start(_ options: NodeOptions, context: Context) async throws -> Node {
        try await apart {
            var node = exogpu_node()
            try options.withC { try check(exogpu_node_start(context.handle, $0, &node)) }
            return Node(context: context, handle: node)
        }
    }

    /// Makes `state` that of a member of a cluster, by the code that a device of it shows. No node may run with it.
    /// Throws `invalidArgument`, `notFound`, `failedPrecondition`, `unauthenticated`, `unavailable`.
    ///
    /// - Parameter address: "HOST[:PORT]" of that device; nil: looks for it on the local network.
    public static func join(state: String, code: String, address: String? = nil) async throws {
        try await apart {
            let texts = CTexts()
            let (state, code, address) = (try texts.add(state), try texts.add(code), try texts.add(address))
            try withExtendedLifetime(texts) { try check(exogpu_join(state, code, address)) }
        }
    }

    deinit { _ = exogpu_node_stop(handle) }

    /// Ends the node; its identity remains.
    public func stop() async throws { try await apart { [self] in try check(exogpu_node_stop(handle)) } }

    /// Has plans no longer use its devices, ends the node and retires its identity. Throws `ioError`.
    public func leave() async throws { try await apart { [self] in try check(exogpu_node_leave(handle)) } }

    /// Where other nodes connect, and where clients do (0: nowhere).
    public var ports: (link: UInt16, api: UInt16) {
        get throws {
            var ports: (link: UInt16, api: UInt16) = (0, 0)
            try check(exogpu_node_ports(handle, &ports.link, &ports.api))
            return ports
        }
    }

    /// The cluster as the node knows it: what `GET /v1/cluster` answers.
    public var json: String { get throws { try taken { exogpu_node_json(handle, $0) } } }

    /// Returns the version of a snapshot that is newer than `version` (0: any). Throws `deadlineExceeded`, and `cancelled`
    /// when the node ends.
    ///
    /// - Parameter timeoutMs: Negative: without limit.
    public func wait(newerThan version: UInt64, timeoutMs: Int64 = -1) async throws -> UInt64 {
        try await apart { [self] in
            var newer: UInt64 = 0
            try check(exogpu_node_wait(handle, version, timeoutMs, &newer))
            return newer
        }
    }

    /// The cluster now, and again whenever it has changed, until the node ends.
    public var changes: AsyncThrowingStream<String, any Error> {
        let version = Version()
        return AsyncThrowingStream { [self] in
            while !Task.isCancelled {
                do {
                    version.value = try await wait(newerThan: version.value, timeoutMs: lookMs)
                    return try json
                } catch let error as ExogpuError where error.code == .deadlineExceeded {
                    continue
                } catch let error as ExogpuError where error.code == .cancelled || error.code == .invalidArgument {
                    return nil  // it ended during the wait, or before
                }
            }
            throw CancellationError()
        }
    }

    /// A model that the cluster serves, or loads when it is asked for.
    public func model(_ name: String) throws -> Model {
        let texts = CTexts()
        let name = try texts.add(name)
        var model = exogpu_model()
        try withExtendedLifetime(texts) { try check(exogpu_node_model(handle, name, &model)) }
        return Model(context: context, handle: model)
    }

    /// A token with which `uses` devices may join within a time. Throws `invalidArgument`, `failedPrecondition`,
    /// `resourceExhausted`.
    public func token(uses: UInt32 = 1, lifetimeSeconds: UInt32 = 3600) throws -> String {
        try taken { exogpu_node_token(handle, uses, lifetimeSeconds, $0) }
    }

    /// A code of six digits, valid for two minutes, with which one device may join. Throws as `token`.
    public func pair() throws -> String { try taken { exogpu_node_pair(handle, $0) } }

    /// Lets the device in that shows this code.
    public func approve(_ code: String) throws {
        let texts = CTexts()
        let code = try texts.add(code)
        try withExtendedLifetime(texts) { try check(exogpu_node_approve(handle, code)) }
    }

    /// Connects to a node that was found by other means (Bonjour): "HOST:PORT".
    public func addPeer(_ address: String) throws {
        let texts = CTexts()
        let address = try texts.add(address)
        try withExtendedLifetime(texts) { try check(exogpu_node_add_peer(handle, address)) }
    }

    /// Takes the place of the library's own readings until the next call.
    public func report(_ sensors: SensorInput) throws {
        var input = exogpu_sensor_input()
        input.struct_size = MemoryLayout.size(ofValue: input)
        input.charge = sensors.charge
        input.on_battery = number(of: sensors.onBattery)
        input.throttled = number(of: sensors.throttled)
        input.temperature_c = sensors.temperatureC
        input.temperature_limit_c = sensors.temperatureLimitC
        try check(exogpu_node_report_sensors(handle, &input))
    }
}

/// Between two looks whether the task was cancelled; changes come at once.
private let lookMs: Int64 = 100

/// Used by one task at a time, that which iterates.
private final class Version: @unchecked Sendable {
    var value: UInt64 = 0
}
