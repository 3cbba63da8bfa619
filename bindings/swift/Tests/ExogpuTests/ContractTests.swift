import CExogpu
import Foundation
import XCTest

@testable import Exogpu

/// Each call of the C interface: with handles that name nothing or belong to a closed context, and with the errors that
/// exogpu.h documents. `tests/contract_test.py --check swift` compares what these tests reach with the header.
final class ContractTests: DeviceTest {
    private struct Objects {
        let context: Context, device: Device, buffer: Buffer, model: Model, cluster: Cluster, node: Node
    }

    private let few = GenerateOptions(maxTokens: 2, ignoreEnd: true, temperature: 0)

    private func options(_ name: String) -> NodeOptions {
        var options = NodeOptions(
            state: folder.appendingPathComponent("\(name)-state").path,
            cache: folder.appendingPathComponent("\(name)-cache").path)
        options.name = name
        options.model = modelPath
        options.listen = "127.0.0.1:0"
        options.devices = ["cpu"]
        options.threads = 1
        options.contextTokens = 256
        return options
    }

    private func texts(_ model: Model) -> [() async throws -> Any] {
        [
            { try model.json }, { try model.tokenize("a") }, { try model.detokenize([1]) }, { try model.template("[]") },
            { try await model.embed("a") },
        ]
    }

    private func calls(_ it: Objects) -> [() async throws -> Any] {
        let byte: [UInt8] = [1]
        let synchronous: [() throws -> Any] = [
            { try it.context.devices }, { try it.context.device("cpu") },
            { try Model("no-such.gguf", context: it.context) },
            { try Cluster("127.0.0.1:1", context: it.context) },
            { try it.context.close() },
            { try it.device.info }, { try it.device.json }, { try it.device.memory }, { try it.device.readSensors() },
            { try it.device.synchronize() }, { try it.device.allocate(1) },
            { try it.buffer.size }, { try it.buffer.upload(byte) },
            { try byte.withUnsafeBytes { try it.buffer.download(into: .init(mutating: $0)) } },
            { try it.buffer.copy(to: it.buffer, size: 1, at: 1) }, { try it.buffer.free() },
            { try it.model.complete("a") }, { try it.cluster.model("a") }, { try it.node.ports }, { try it.node.json },
            { try it.node.model("a") }, { try it.node.token() }, { try it.node.pair() }, { try it.node.approve("123456") },
            { try it.node.addPeer("127.0.0.1:1") }, { try it.node.report(SensorInput()) },
        ]
        let asynchronous: [() async throws -> Any] = [
            { try await Model.open("no-such.gguf", context: it.context) },
            { try await Node.start(self.options("none"), context: it.context) },
            { try await it.device.synchronize() }, { try await it.device.allocate(1) },
            { try await it.buffer.upload(byte) },
            { try await it.buffer.download(into: UnsafeMutableRawBufferPointer(start: nil, count: 0)) },
            { try await it.buffer.copy(to: it.buffer, size: 1, at: 1) },
            { try await it.cluster.models }, { try await it.cluster.json }, { try await it.node.wait(newerThan: 0) },
        ]
        let closing: [() async throws -> Any] = [
            { try it.model.close() }, { try it.cluster.close() }, { try await it.node.stop() }, { try await it.node.leave() },
        ]
        let waiting: [() async throws -> Any] = synchronous.map { call in { try call() } }
        return waiting + asynchronous + texts(it.model) + closing
    }

    private func ticketCalls(_ ticket: exogpu_ticket) -> [(exogpu_code, String)] {
        var buffer = exogpu_buffer()
        var model = exogpu_model()
        let results = [
            exogpu_ticket_notify(ticket, { _, _, _ in }, nil), exogpu_ticket_buffer(ticket, &buffer),
            exogpu_ticket_model(ticket, &model), exogpu_ticket_cancel(ticket), exogpu_ticket_free(ticket),
        ]
        return results.map { ($0, String(cString: exogpu_last_error())) }
    }

    func testHandlesThatNameNothing() async throws {
        let none = Context(handle: exogpu_context(id: 0))
        let device = Device(context: none, handle: exogpu_device(id: 0))
        let objects = Objects(
            context: none, device: device, buffer: Buffer(device: device, handle: exogpu_buffer(id: 0)),
            model: Model(context: none, handle: exogpu_model(id: 0)),
            cluster: Cluster(context: none, handle: exogpu_cluster(id: 0)), node: Node(context: none, handle: exogpu_node(id: 0)))
        for call in calls(objects) { await refusedLater(.invalidArgument, "is 0, which names nothing") { try await call() } }
        for (code, message) in ticketCalls(exogpu_ticket(id: 0)) {
            XCTAssertEqual(code, exogpu_code(EXOGPU_INVALID_ARGUMENT), message)
        }
    }

    func testWhatBelongsToAClosedContext() async throws {
        let model = try await openModel()
        let answer = try model.complete("Once", options: few)
        _ = try await answer.text
        var ticket = exogpu_ticket()
        try check(exogpu_device_record(cpu.handle, &ticket))
        let objects = Objects(
            context: context, device: cpu, buffer: try cpu.allocate(8), model: model,
            cluster: try Cluster("127.0.0.1:1", context: context),
            node: try await Node.start(options("closed"), context: context))
        try context.close()
        for call in calls(objects) { await refusedLater(.failedPrecondition, "which was closed") { try await call() } }
        refused(.failedPrecondition, "which was closed") { try answer.cancel() }
        refused(.failedPrecondition, "which was closed") { try answer.stats }
        for (code, message) in ticketCalls(ticket) {
            XCTAssertEqual(code, exogpu_code(EXOGPU_FAILED_PRECONDITION), message)
        }
    }

    func testOperationsInFlight() async throws {
        let path = modelPath, context = self.context!
        var (first, second) = (exogpu_ticket(), exogpu_ticket())
        try check(exogpu_model_open_async(context.handle, path, nil, &first))
        try check(exogpu_model_open_async(context.handle, path, nil, &second))
        // Models are loaded one after the other, so the second is not done.
        var model = exogpu_model()
        var buffer = exogpu_buffer()
        XCTAssertEqual(exogpu_ticket_model(second, &model), exogpu_code(EXOGPU_FAILED_PRECONDITION))
        XCTAssertEqual(exogpu_ticket_buffer(second, &buffer), exogpu_code(EXOGPU_FAILED_PRECONDITION))
        XCTAssertEqual(exogpu_ticket_free(second), exogpu_code(EXOGPU_FAILED_PRECONDITION))
        XCTAssertEqual(exogpu_ticket_cancel(second), exogpu_code(EXOGPU_OK))
        let code: exogpu_code = try await done(first) { ticket in
            // It is done, and has a callback: that of `done`.
            exogpu_ticket_notify(ticket, { _, _, _ in }, nil)
        }
        XCTAssertEqual(code, exogpu_code(EXOGPU_ALREADY_EXISTS))
        await refusedLater(.cancelled, "cancelled") { [second] in try await done(second) }
    }

    func testFilesThatAreNoModels() throws {
        let long = folder.appendingPathComponent(String(repeating: "a", count: 300)).path
        refused(.ioError, "name too long") { try Model(long, context: context) }
        refused(.outOfMemory, "bytes are missing") {
            try Model(modelPath, context: context, options: ModelOptions(contextTokens: 4_000_000_000))
        }
        let model = try Model(modelPath, context: context, options: ModelOptions(contextTokens: 256))
        try model.close()
        guard let path = ProcessInfo.processInfo.environment["EXOGPU_TEST_EMBEDDINGS"] else { return }
        XCTAssertNotNil(try Model(path, context: context))
    }

    func testEmbeddings() async throws {
        guard let path = ProcessInfo.processInfo.environment["EXOGPU_TEST_EMBEDDINGS"] else { throw XCTSkip("no model") }
        let model = try await Model.open(path, context: context)
        let values = try await model.embed("one two")
        XCTAssertFalse(values.isEmpty)
        await refusedLater(.resourceExhausted, "") { try await model.embed(String(repeating: "a", count: 20_000)) }
    }

    func testAnswersOfAnApi() async throws {
        let api = Api()
        let serving = Thread { api.serve() }
        api.answer("200 OK", "nothing")
        serving.start()
        let cluster = try Cluster("127.0.0.1:\(api.port)", key: "key", context: context)
        let model = try cluster.model("any")
        let whole = try await (cluster.models, cluster.json)
        XCTAssertEqual(whole.0, "nothing")
        XCTAssertEqual(whole.1, "nothing")
        for text in texts(model) { await refusedLater(.corrupt, "the API answered") { try await text() } }
        var asks = texts(model)
        asks.append { try await cluster.models }
        asks.append { try await cluster.json }
        let answers: [(String, ExogpuError.Code)] = [
            ("401 Unauthorized", .unauthenticated), ("403 Forbidden", .permissionDenied), ("404 Not Found", .notFound),
            ("504 Gateway Timeout", .deadlineExceeded),
        ]
        for (status, code) in answers {
            api.answer(status, #"{"error": {"message": "this is why"}}"#)
            for ask in asks { await refusedLater(code, "this is why") { try await ask() } }
        }
        api.stop()
        for ask in asks { await refusedLater(.unavailable, "127.0.0.1") { try await ask() } }
    }

    func testNodesThatCannotStart() async throws {
        var given = options("running")
        let node = try await Node.start(given, context: context)
        let address = "127.0.0.1:\(try node.ports.link)"
        var shared = options("shared")
        try FileManager.default.createDirectory(
            atPath: shared.state, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o777])
        try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: shared.state)
        await refusedLater(.permissionDenied, "chmod 700") { [shared] in try await Node.start(shared, context: context) }
        try write("a file", to: folder.appendingPathComponent("file").path)
        shared.state = folder.appendingPathComponent("file/state").path
        await refusedLater(.ioError, "file/state") { [shared] in try await Node.start(shared, context: context) }
        var joins = options("joins")
        joins.model = nil
        joins.token = try node.token()
        joins.connect = ["127.0.0.1:1"]
        await refusedLater(.unavailable, "127.0.0.1:1") { [joins] in try await Node.start(joins, context: context) }
        try await joinByCode(node, address, given.state)
        try await node.stop()
        try write("nothing of exogpu", to: given.state + "/identity/node.crt")
        await refusedLater(.corrupt, "running-state") { [given] in try await Node.start(given, context: context) }
        given.model = "no-such.gguf"
        await refusedLater(.notFound, "no-such.gguf") { [given] in try await Node.start(given, context: context) }
    }

    private func write(_ text: String, to path: String) throws {
        try text.write(toFile: path, atomically: false, encoding: .utf8)
    }

    private func joinByCode(_ node: Node, _ address: String, _ state: String) async throws {
        let phone = folder.appendingPathComponent("phone").path
        await refusedLater(.failedPrecondition, "a node runs") {
            try await Node.join(state: state, code: "123456", address: address)
        }
        try await Node.join(state: phone, code: node.pair(), address: address)
        let below = folder.appendingPathComponent("file/state").path
        await refusedLater(.ioError, "file") { try await Node.join(state: below, code: node.pair(), address: address) }
        let shared = folder.appendingPathComponent("shared-state").path
        await refusedLater(.permissionDenied, "chmod 700") {
            try await Node.join(state: shared, code: node.pair(), address: address)
        }
        for _ in 0..<5 {
            let code = try node.pair()
            let wrong = code.dropLast() + String((code.last!.wholeNumberValue! + 1) % 10)
            await refusedLater(.unauthenticated, "the code is wrong") {
                try await Node.join(state: phone, code: String(wrong), address: address)
            }
        }
        refused(.resourceExhausted, "wrong codes") { try node.pair() }
        refused(.resourceExhausted, "wrong codes") { try node.approve("123456") }
    }

    func testCallsOfANode() async throws {
        let models = folder.appendingPathComponent("models").path
        try FileManager.default.createDirectory(atPath: models, withIntermediateDirectories: false)
        try FileManager.default.createSymbolicLink(atPath: models + "/other.gguf", withDestinationPath: modelPath)
        var given = options("desk")
        given.models = models
        let node = try await Node.start(given, context: context)
        for try await json in node.changes where json.contains(#""serving":true"#) { break }
        for text in try texts(node.model("no-such")) { await refusedLater(.notFound, "no-such") { try await text() } }
        for text in try texts(node.model("other"))[1..<4] {
            await refusedLater(.unavailable, "is not loaded") { try await text() }
        }
        try tokensAndCodes(node, given.state)
        let ends = try await stopWhileOthersWait(node)
        XCTAssertEqual(ends.count, 8)
        XCTAssert(ends.contains(.cancelled), "\(ends)")
    }

    /// Eight tasks, each of which waits nearly all the time, so that some do when the node ends.
    private func stopWhileOthersWait(_ node: Node) async throws -> [ExogpuError.Code] {
        let (looks, looked) = AsyncStream<Void>.makeStream()
        return try await withThrowingTaskGroup(of: ExogpuError.Code.self, returning: [ExogpuError.Code].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var waits = 0
                    while true {
                        do { _ = try await node.wait(newerThan: .max, timeoutMs: 50) } catch let error as ExogpuError {
                            if error.code != .deadlineExceeded { return error.code }
                        }
                        waits += 1
                        if waits == 1 { looked.yield() }
                    }
                }
            }
            var begun = 0
            for await _ in looks {
                begun += 1
                if begun == 8 { break }
            }
            try await node.stop()
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func tokensAndCodes(_ node: Node, _ state: String) throws {
        let files = FileManager.default
        let calls: [(String, () throws -> Any)] = [
            ("tokens", { try node.token() }), ("pairing", { try node.pair() }), ("pairing", { try node.approve("123456") }),
        ]
        for (name, call) in calls {
            let (file, lock) = ("\(state)/\(name).json", "\(state)/\(name).lock")
            let (key, aside) = ("\(state)/identity/authority.key", "\(state)/authority.key")
            _ = try call()
            try write("nothing of exogpu", to: file)
            refused(.corrupt, "\(name).json") { try call() }
            try files.setAttributes([.posixPermissions: 0o644], ofItemAtPath: file)
            refused(.permissionDenied, "chmod 600") { try call() }
            try files.removeItem(atPath: file)
            try files.removeItem(atPath: lock)
            try files.createDirectory(atPath: lock, withIntermediateDirectories: false)
            refused(.ioError, "\(name).lock") { try call() }
            try files.removeItem(atPath: lock)
            try files.moveItem(atPath: key, toPath: aside)
            refused(.failedPrecondition, "") { try call() }
            try files.moveItem(atPath: aside, toPath: key)
        }
        _ = try node.token()  // makes the file
        let tokens = (0..<1000).map {
            let hash = String(repeating: "0", count: 60) + String(format: "%04x", $0)
            return #"{"sha256": "\#(hash)", "expires": 4000000000, "uses_remaining": 1}"#
        }
        try write(#"{"tokens": [\#(tokens.joined(separator: ", "))]}"#, to: state + "/tokens.json")
        refused(.resourceExhausted, "1000 tokens") { try node.token() }
    }
}
