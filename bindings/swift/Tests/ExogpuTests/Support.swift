import Exogpu
import Foundation
import XCTest

let conversation = #"[{"role": "user", "content": "What is the capital of France?"}]"#

/// A test with the CPU of a context of its own, and the model that EXOGPU_TEST_MODEL names.
class DeviceTest: XCTestCase {
    var context: Context!
    var cpu: Device!
    var folder: URL!
    var modelPath: String { ProcessInfo.processInfo.environment["EXOGPU_TEST_MODEL"]! }

    override func setUpWithError() throws {
        XCTAssertNotNil(ProcessInfo.processInfo.environment["EXOGPU_TEST_MODEL"], "names no model; use scripts/swift")
        context = try Context(cpuOnly: true)
        cpu = try context.device("cpu")
        folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    }

    override func tearDownWithError() throws {
        try? context?.close()  // a test may have done so
        if let folder { try FileManager.default.removeItem(at: folder) }
    }

    func openModel() async throws -> Model {
        try await Model.open(modelPath, context: context, options: ModelOptions(contextTokens: 512))
    }

    /// Fails unless the call throws this error, with these words in its message.
    func refused<T>(
        _ code: ExogpuError.Code, _ words: String, line: UInt = #line, file: StaticString = #filePath, _ call: () throws -> T
    ) {
        XCTAssertThrowsError(try call(), file: file, line: line) { expect($0, code, words, file, line) }
    }

    func refusedLater<T>(
        _ code: ExogpuError.Code, _ words: String, line: UInt = #line, file: StaticString = #filePath,
        _ call: () async throws -> T
    ) async {
        do {
            _ = try await call()
            XCTFail("nothing was thrown", file: file, line: line)
        } catch {
            expect(error, code, words, file, line)
        }
    }

    private func expect(_ error: any Error, _ code: ExogpuError.Code, _ words: String, _ file: StaticString, _ line: UInt) {
        guard let error = error as? ExogpuError else { return XCTFail("\(error)", file: file, line: line) }
        XCTAssertEqual(error.code, code, "\(error)", file: file, line: line)
        XCTAssert(words.isEmpty || error.message.contains(words), "\(error)", file: file, line: line)
    }
}
