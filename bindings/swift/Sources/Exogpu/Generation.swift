import CExogpu

/// How an answer is written. What is nil is as with `exogpu run`.
public struct GenerateOptions: Sendable {
    /// A JSON object of further variables for the model's template: `{"enable_thinking": false}`.
    public var variables: String?
    /// Texts that end the answer.
    public var stops: [String] = []
    /// 0: until the context is full.
    public var maxTokens: UInt32
    /// Goes on where the model would end.
    public var ignoreEnd: Bool
    public var temperature, topP, minP, repeatPenalty, presencePenalty, frequencyPenalty: Float?
    public var topK: UInt32?
    /// The same seed gives the same text.
    public var seed: UInt64?

    public init(maxTokens: UInt32 = 0, ignoreEnd: Bool = false, temperature: Float? = nil, seed: UInt64? = nil) {
        self.maxTokens = maxTokens
        self.ignoreEnd = ignoreEnd
        self.temperature = temperature
        self.seed = seed
    }
}

public struct GenerationStats: Sendable, Hashable {
    public enum Finish: UInt32, Sendable {
        /// The model ended its answer.
        case end
        /// One of `stops` came.
        case stop
        /// `maxTokens`.
        case length
        /// The context is full.
        case context
        case cancelled
    }

    public let finish: Finish
    /// Of a cluster's model 0 where its API does not say.
    public let promptTokens: Int
    /// Of these, already in the cache.
    public let promptReused: Int
    public let answerTokens: Int
    /// Until the first token.
    public let promptSeconds: Double
    /// From then on.
    public let answerSeconds: Double
}

/// An answer that is being written, in pieces of whole characters. One task reads it, once.
///
/// A task that is cancelled while it reads ends the answer, and reading throws `CancellationError`. So does an answer that
/// nothing refers to any more. A model of a file writes one answer at a time; others wait in the order of their calls.
public final class Generation: AsyncSequence, Sendable {
    public typealias Element = String

    // Callbacks of the core come until the generation is freed, so that this must outlive it.
    private final class Sink: Sendable {
        let continuation: AsyncThrowingStream<String, any Error>.Continuation

        init(_ continuation: AsyncThrowingStream<String, any Error>.Continuation) { self.continuation = continuation }

        func take(_ piece: exogpu_piece) {
            if piece.length > 0 {
                continuation.yield(String(decoding: UnsafeRawBufferPointer(start: piece.text, count: piece.length), as: UTF8.self))
            }
            guard piece.end != 0 else { return }
            let failed = piece.code != exogpu_code(EXOGPU_OK)
            continuation.finish(throwing: failed ? ExogpuError(piece.code, String(cString: exogpu_last_error())) : nil)
        }
    }

    private let model: Model
    private let sink: Sink
    private let pieces: AsyncThrowingStream<String, any Error>
    let handle: exogpu_generation

    init(_ model: Model, messages: String?, prompt: String?, _ options: GenerateOptions) throws {
        let (pieces, continuation) = AsyncThrowingStream<String, any Error>.makeStream()
        let sink = Sink(continuation)
        let texts = CTexts()
        var given = exogpu_generate_options()
        exogpu_generate_options_init(&given, MemoryLayout.size(ofValue: given))
        given.messages = try texts.add(messages)
        given.prompt = try texts.add(prompt)
        given.variables = try texts.add(options.variables)
        given.stops = try texts.add(options.stops)
        given.stop_count = options.stops.count
        given.max_tokens = options.maxTokens
        given.ignore_end = options.ignoreEnd ? 1 : 0
        given.temperature = options.temperature ?? given.temperature
        given.top_p = options.topP ?? given.top_p
        given.min_p = options.minP ?? given.min_p
        given.repeat_penalty = options.repeatPenalty ?? given.repeat_penalty
        given.presence_penalty = options.presencePenalty ?? given.presence_penalty
        given.frequency_penalty = options.frequencyPenalty ?? given.frequency_penalty
        given.top_k = options.topK ?? given.top_k
        given.seed = options.seed ?? given.seed
        given.on_piece = { user, piece in Unmanaged<Sink>.fromOpaque(user!).takeUnretainedValue().take(piece!.pointee) }
        given.user = Unmanaged.passUnretained(sink).toOpaque()
        var handle = exogpu_generation()
        try withExtendedLifetime((sink, texts)) { try check(exogpu_model_generate(model.handle, &given, &handle)) }
        let begun = handle
        continuation.onTermination = { if case .cancelled = $0 { _ = exogpu_generation_cancel(begun) } }
        self.model = model
        self.sink = sink
        self.pieces = pieces
        self.handle = begun
    }

    deinit { _ = exogpu_generation_free(handle) }

    public struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate let generation: Generation
        fileprivate var pieces: AsyncThrowingStream<String, any Error>.Iterator

        /// Throws what ended the answer: any error of the core, or `CancellationError`.
        public mutating func next() async throws -> String? {
            if let piece = try await pieces.next() { return piece }
            try Task.checkCancellation()
            return nil
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(generation: self, pieces: pieces.makeAsyncIterator())
    }

    /// The whole answer.
    public var text: String { get async throws { try await reduce(into: "") { $0 += $1 } } }

    /// Asks the answer to end; what was written stands.
    public func cancel() throws { try check(exogpu_generation_cancel(handle)) }

    /// Throws `failedPrecondition` until the answer has ended, and when it failed.
    public var stats: GenerationStats {
        get throws {
            var stats = exogpu_generation_stats()
            stats.struct_size = MemoryLayout.size(ofValue: stats)
            try check(exogpu_generation_stats_of(handle, &stats))
            return GenerationStats(
                finish: GenerationStats.Finish(rawValue: stats.finish) ?? .end, promptTokens: Int(stats.prompt_tokens),
                promptReused: Int(stats.prompt_reused), answerTokens: Int(stats.answer_tokens),
                promptSeconds: stats.prompt_s, answerSeconds: stats.answer_s)
        }
    }
}
