import Exogpu
import Foundation
import XCTest

final class ModelTests: DeviceTest {
    func testAnAnswerComesPieceByPieceAndSaysWhatItTook() async throws {
        let model = try await openModel()
        let answer = try model.chat(conversation, options: GenerateOptions(maxTokens: 24, ignoreEnd: true, seed: 5))
        var pieces: [String] = []
        for try await piece in answer { pieces.append(piece) }
        XCTAssertGreaterThan(pieces.count, 1)
        let stats = try answer.stats
        XCTAssertEqual(stats.answerTokens, 24)
        XCTAssertEqual(stats.finish, .length)
        XCTAssertGreaterThan(stats.promptTokens, 0)
        let again = try await model.chat(conversation, options: GenerateOptions(maxTokens: 24, ignoreEnd: true, seed: 5)).text
        XCTAssertEqual(again, pieces.joined(), "the seed decides")

        var options = GenerateOptions(maxTokens: 200, ignoreEnd: true, temperature: 0)
        let whole = try await model.complete("Once", options: options).text
        let stop = String(whole.dropFirst(3).prefix(2))
        options.stops = [stop]
        let stopped = try model.complete("Once", options: options)
        let text = try await stopped.text
        XCTAssertFalse(text.contains(stop))
        XCTAssertEqual(try stopped.stats.finish, .stop)
    }

    func testACancelledTaskEndsItsAnswer() async throws {
        let model = try await openModel()
        let answer = try model.complete("Once upon a time", options: GenerateOptions(ignoreEnd: true))
        let (begun, begin) = AsyncStream<Void>.makeStream()
        let task = Task {
            for try await _ in answer { begin.yield() }
        }
        for await _ in begun { break }
        refused(.failedPrecondition, "not ended") { try answer.stats }
        task.cancel()
        do {
            try await task.value
            XCTFail("the answer ended by itself")
        } catch is CancellationError {}
        // The model writes one answer at a time, so this one waits for the end of the cancelled one.
        let next = try await model.complete("One", options: GenerateOptions(maxTokens: 2, ignoreEnd: true)).text
        XCTAssertFalse(next.isEmpty)
        XCTAssertEqual(try answer.stats.finish, .cancelled)
    }

    func testAnAnswerIsEndedByACallAndByNobodyReadingIt() async throws {
        let model = try await openModel()
        let answer = try model.complete("Once", options: GenerateOptions(ignoreEnd: true))
        var pieces = 0
        for try await _ in answer {
            pieces += 1
            if pieces == 2 { try answer.cancel() }
        }
        XCTAssertEqual(try answer.stats.finish, .cancelled)
        for try await _ in try model.complete("Once", options: GenerateOptions(ignoreEnd: true)) { break }
        let next = try await model.complete("One", options: GenerateOptions(maxTokens: 2, ignoreEnd: true)).text
        XCTAssertFalse(next.isEmpty)
    }

    func testClosingAModelEndsItsAnswers() async throws {
        let model = try await openModel()
        let answer = try model.complete("Once", options: GenerateOptions(ignoreEnd: true))
        try model.close()
        _ = try? await answer.text
        refused(.invalidArgument, "closed") { try model.json }
        refused(.invalidArgument, "closed") { try model.close() }
    }

    func testTextsTokensAndTemplates() async throws {
        let model = try Model(modelPath, context: context, options: ModelOptions(device: "cpu", contextTokens: 512, threads: 1))
        for text in ["", "Hello, world", "Grüße, 世界 😀", String(repeating: "many words ", count: 2000)] {
            XCTAssertEqual(try model.detokenize(model.tokenize(text)), text)
        }
        XCTAssertLessThan(
            try model.tokenize("<|im_end|>", parseSpecial: true).count, try model.tokenize("<|im_end|>").count)
        XCTAssert(try model.template(conversation).contains("capital of France"))
        XCTAssert(try model.json.contains(#""context_tokens":512"#))
        refused(.invalidArgument, "") { try model.detokenize([Int32.max]) }
        refused(.invalidArgument, "") { try model.template("{") }
        refused(.invalidArgument, "zero byte") { try model.template("[\0]") }
        await refusedLater(.invalidArgument, "embeddings") { try await model.embed("a") }
    }

    func testErrorsOfSettingsEndTheAnswer() async throws {
        let model = try await openModel()
        var options = GenerateOptions(maxTokens: 2)
        options.topP = 7
        await refusedLater(.invalidArgument, "top_p") { try await model.complete("a", options: options).text }
        await refusedLater(.invalidArgument, "") { try await model.chat("{").text }
        options = GenerateOptions(maxTokens: 2)
        options.variables = "["
        await refusedLater(.invalidArgument, "") { try await model.chat(conversation, options: options).text }
        let failed = try? model.chat("{")
        _ = try? await failed?.text
        if let failed { refused(.failedPrecondition, "failed") { try failed.stats } }
    }

    func testFilesThatAreNoModels() async throws {
        await refusedLater(.notFound, "no-such.gguf") { try await Model.open("no-such.gguf", context: context) }
        refused(.notFound, "no-such.gguf") { try Model("no-such.gguf", context: context) }
        refused(.unsupported, "not a GGUF file") { try Model("/etc/passwd", context: context) }
        let half = folder.appendingPathComponent("half.gguf")
        try Data(contentsOf: URL(fileURLWithPath: modelPath)).prefix(100_000).write(to: half)
        refused(.corrupt, "half.gguf") { try Model(half.path, context: context) }
        refused(.notFound, "toaster") { try Model(modelPath, context: context, options: ModelOptions(device: "toaster")) }
        let task = Task { [context = context!, modelPath] in try await Model.open(modelPath, context: context) }
        task.cancel()
        do { _ = try await task.value } catch is CancellationError {}
    }
}
