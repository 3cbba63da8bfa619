import Exogpu
import Foundation
import XCTest

final class NodeTests: DeviceTest {
    private func options(_ name: String) -> NodeOptions {
        var options = NodeOptions(
            state: folder.appendingPathComponent("\(name)-state").path,
            cache: folder.appendingPathComponent("\(name)-cache").path)
        options.name = name
        options.listen = "127.0.0.1:0"
        options.devices = ["cpu"]
        options.contextTokens = 256
        return options
    }

    private func snapshot(of node: Node, with words: String) async throws -> String {
        for try await json in node.changes where json.contains(words) { return json }
        XCTFail("the node ended without \(words)")
        return ""
    }

    /// The whole life of a small cluster in one process: a node is what takes most time here.
    func testANodeServesThisProcessAndOthers() async throws {
        var given = options("desk")
        given.model = modelPath
        given.api = "127.0.0.1:0"
        given.apiKey = "secret"
        let desk = try await Node.start(given, context: context)
        let ports = try desk.ports
        XCTAssert(ports.link > 0 && ports.api > 0)
        await refusedLater(.failedPrecondition, given.state) { [given] in try await Node.start(given, context: context) }
        var second = options("second")
        second.model = modelPath
        second.listen = "127.0.0.1:\(ports.link)"
        await refusedLater(.alreadyExists, "\(ports.link)") { [second] in try await Node.start(second, context: context) }
        _ = try await snapshot(of: desk, with: #""serving":true"#)

        let cluster = try Cluster("127.0.0.1:\(ports.api)", key: "secret", context: context)
        let models = try await cluster.models
        let name = String(try XCTUnwrap(models.firstMatch(of: /"id":"([^"]+)"/)).output.1)
        let json = try await cluster.json
        XCTAssert(json.contains("desk"))
        let few = GenerateOptions(maxTokens: 4, temperature: 0)
        let remote = try cluster.model(name)
        try cluster.close()
        refused(.invalidArgument, "closed") { try cluster.close() }
        let (own, other) = (try await desk.model(name).chat(conversation, options: few).text,
                            try await remote.chat(conversation, options: few).text)
        XCTAssertFalse(own.isEmpty)
        XCTAssertEqual(own, other)
        XCTAssertEqual(try remote.detokenize(remote.tokenize("Hello")), "Hello")
        await refusedLater(.notFound, "no-such") { try await desk.model("no-such").chat(conversation).text }
        let stranger = try Cluster("127.0.0.1:\(ports.api)", key: "wrong", context: context)
        await refusedLater(.unauthenticated, "") { try await stranger.models }

        try await self.join(desk)
        let changes = Task { for try await _ in desk.changes {} }
        try await desk.stop()
        try await changes.value
        await refusedLater(.invalidArgument, "closed") { try await desk.stop() }
        await refusedLater(.unavailable, "") { try await remote.chat(conversation).text }
    }

    private func join(_ desk: Node) async throws {
        let address = "127.0.0.1:\(try desk.ports.link)"
        var given = options("phone")
        given.connect = [address]
        given.token = try desk.token(uses: 1, lifetimeSeconds: 600)
        let phone = try await Node.start(given, context: context)
        _ = try await snapshot(of: desk, with: #""name":"phone""#)
        var input = SensorInput()
        input.charge = 0.05
        input.onBattery = true
        try phone.report(input)
        _ = try await snapshot(of: desk, with: #""charge_percent":5"#)
        input.charge = 2
        refused(.invalidArgument, "charge is 2") { try phone.report(input) }

        try phone.addPeer(address)
        refused(.invalidArgument, "not an address") { try phone.addPeer("a:b:c") }
        XCTAssertNotNil(try desk.pair().wholeMatch(of: /[0-9]{6}/))
        try desk.approve("123 456")
        refused(.invalidArgument, "") { try desk.approve("12") }
        refused(.invalidArgument, "") { try desk.token(uses: 0) }
        let version = try await desk.wait(newerThan: 0)
        await refusedLater(.deadlineExceeded, "1 ms") { try await desk.wait(newerThan: version + 1_000_000, timeoutMs: 1) }
        try await phone.leave()
        XCTAssertFalse(FileManager.default.fileExists(atPath: given.state + "/identity"))
        await refusedLater(.invalidArgument, "closed") { try await phone.leave() }

        given.state += "-2"
        given.cache += "-2"  // the token has been used
        await refusedLater(.unauthenticated, "") { [given] in try await Node.start(given, context: context) }
    }

    func testWhatCannotStartSaysWhy() async throws {
        var given = options("desk")
        given.model = "no-such.gguf"
        await refusedLater(.notFound, "no-such.gguf") { [given] in try await Node.start(given, context: context) }
        given.listen = "a:b:c"
        await refusedLater(.invalidArgument, "not an address") { [given] in try await Node.start(given, context: context) }
        given.token = "t"
        await refusedLater(.invalidArgument, "") { [given] in try await Node.start(given, context: context) }
        await refusedLater(.invalidArgument, "") { try await Node.join(state: given.state, code: "12") }
        await refusedLater(.unavailable, "127.0.0.1") {
            try await Node.join(state: given.state, code: "123456", address: "127.0.0.1:1")
        }
        refused(.invalidArgument, "not an address") { try Cluster("a:b:c", context: context) }
        let nobody = try Cluster("127.0.0.1:1", context: context)
        await refusedLater(.unavailable, "127.0.0.1:1") { try await nobody.models }
        await refusedLater(.unavailable, "127.0.0.1:1") { try await nobody.json }
        refused(.unavailable, "") { try nobody.model("any").tokenize("a") }
    }
}
