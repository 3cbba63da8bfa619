import CExogpu

/// Models of other machines, by the API of a node.
public final class Cluster: Sendable {
    public let context: Context
    let handle: exogpu_cluster

    init(context: Context, handle: exogpu_cluster) {
        self.context = context
        self.handle = handle
    }

    /// - Parameters:
    ///   - address: "HOST[:PORT]" of a node's API. Each call connects, this one does not.
    ///   - key: The API key.
    public convenience init(_ address: String, key: String? = nil, context: Context) throws {
        let texts = CTexts()
        let (address, key) = (try texts.add(address), try texts.add(key))
        var handle = exogpu_cluster()
        try withExtendedLifetime(texts) { try check(exogpu_cluster_open(context.handle, address, key, &handle)) }
        self.init(context: context, handle: handle)
    }

    deinit { _ = exogpu_cluster_close(handle) }

    public func close() throws { try check(exogpu_cluster_close(handle)) }

    /// What `GET /v1/models` answers. Throws `unavailable`, `deadlineExceeded`, `unauthenticated`.
    public var models: String {
        get async throws { try await apart { [self] in try taken { exogpu_cluster_models(handle, $0) } } }
    }

    /// What `GET /v1/cluster` answers. Throws as `models`.
    public var json: String {
        get async throws { try await apart { [self] in try taken { exogpu_cluster_json(handle, $0) } } }
    }

    /// Stays usable when the cluster is closed. Each use checks the name.
    public func model(_ name: String) throws -> Model {
        let texts = CTexts()
        let name = try texts.add(name)
        var model = exogpu_model()
        try withExtendedLifetime(texts) { try check(exogpu_cluster_model(handle, name, &model)) }
        return Model(context: context, handle: model)
    }
}
