import CExogpu

/// How a model of a file is loaded; what is nil or 0 is the default.
public struct ModelOptions: Sendable {
    /// As for `Context.device`; nil: the best that is no software renderer.
    public var device: String?
    /// Of prompt and answer together.
    public var contextTokens: UInt32
    /// Of the CPU.
    public var threads: UInt32
    /// Of a prompt, computed together.
    public var batchTokens: UInt32
    /// The path of a Jinja file to use instead of the model's own.
    public var chatTemplate: String?

    public init(
        device: String? = nil, contextTokens: UInt32 = 0, threads: UInt32 = 0, batchTokens: UInt32 = 0,
        chatTemplate: String? = nil
    ) {
        self.device = device
        self.contextTokens = contextTokens
        self.threads = threads
        self.batchTokens = batchTokens
        self.chatTemplate = chatTemplate
    }

    fileprivate func withC<T>(_ body: (UnsafePointer<exogpu_model_options>) throws -> T) throws -> T {
        let texts = CTexts()
        var options = exogpu_model_options()
        options.struct_size = MemoryLayout.size(ofValue: options)
        options.device = try texts.add(device)
        options.context_tokens = contextTokens
        options.threads = threads
        options.batch_tokens = batchTokens
        options.chat_template = try texts.add(chatTemplate)
        return try withExtendedLifetime(texts) { try body(&options) }
    }
}

/// A model of a file, of a cluster, or of a node: tokenizes, renders conversations, embeds texts, and writes answers.
/// Texts and conversations of a cluster's model are read by the cluster, so that these calls wait for it.
public final class Model: Sendable {
    public let context: Context
    let handle: exogpu_model

    init(context: Context, handle: exogpu_model) {
        self.context = context
        self.handle = handle
    }

    /// Loads a GGUF file (any part of a split one). Waits until it is loaded. Throws `notFound`, `permissionDenied`,
    /// `ioError`, `corrupt`, `unsupported`, `outOfMemory`, `unavailable`.
    public convenience init(_ path: String, context: Context, options: ModelOptions = ModelOptions()) throws {
        let texts = CTexts()
        let path = try texts.add(path)
        var model = exogpu_model()
        try withExtendedLifetime(texts) {
            try options.withC { try check(exogpu_model_open(context.handle, path, $0, &model)) }
        }
        self.init(context: context, handle: model)
    }

    /// The same without waiting. A task that is cancelled ends the loading.
    public static func open(_ path: String, context: Context, options: ModelOptions = ModelOptions()) async throws -> Model {
        let handle = try await done(begin(path, context, options)) { ticket in
            var model = exogpu_model()
            try check(exogpu_ticket_model(ticket, &model))
            return model
        }
        return Model(context: context, handle: handle)
    }

    private static func begin(_ path: String, _ context: Context, _ options: ModelOptions) throws -> exogpu_ticket {
        let texts = CTexts()
        let path = try texts.add(path)
        var ticket = exogpu_ticket()
        try withExtendedLifetime(texts) {
            try options.withC { try check(exogpu_model_open_async(context.handle, path, $0, &ticket)) }
        }
        return ticket
    }

    deinit { _ = exogpu_model_close(handle) }

    /// Cancels its answers, waits for them, and frees the model.
    public func close() throws { try check(exogpu_model_close(handle)) }

    /// A JSON object: `name`, `architecture`, `context_tokens`, `embeddings`, and what else is known.
    public var json: String { get throws { try taken { exogpu_model_json(handle, $0) } } }

    /// - Parameters:
    ///   - addSpecial: With the tokens that the model puts around a text.
    ///   - parseSpecial: A text such as "<|im_end|>" becomes that one token.
    public func tokenize(_ text: String, addSpecial: Bool = false, parseSpecial: Bool = false) throws -> [Int32] {
        let flags = UInt32((addSpecial ? EXOGPU_TOKENIZE_ADD_SPECIAL : 0) | (parseSpecial ? EXOGPU_TOKENIZE_PARSE_SPECIAL : 0))
        return try filled { values, capacity, count in
            withBytes(of: text) { exogpu_model_tokenize(handle, $0, $1, flags, values, capacity, &count) }
        }
    }

    /// Throws `invalidArgument` for a token outside the vocabulary.
    public func detokenize(_ tokens: [Int32]) throws -> String {
        var text: UnsafeMutablePointer<CChar>?
        var length = 0
        // An array without elements may have no address.
        try check((tokens + [0]).withUnsafeBufferPointer {
            exogpu_model_detokenize(handle, $0.baseAddress, tokens.count, &text, &length)
        })
        defer { exogpu_free(text) }
        return String(decoding: UnsafeRawBufferPointer(start: text, count: length), as: UTF8.self)
    }

    /// A conversation, a JSON array as OpenAI's API has it, as the model's template writes it. Throws `invalidArgument`.
    public func template(_ messages: String) throws -> String {
        let texts = CTexts()
        let messages = try texts.add(messages)
        return try withExtendedLifetime(texts) { try taken { exogpu_model_template(handle, messages, $0) } }
    }

    /// Throws `invalidArgument` (the model gives no embeddings), `resourceExhausted` (the text is too long).
    public func embed(_ text: String) async throws -> [Float] {
        try await apart { [self] in
            try filled { values, capacity, count in
                withBytes(of: text) { exogpu_model_embed(handle, $0, $1, values, capacity, &count) }
            }
        }
    }

    /// Begins the answer to a conversation: a JSON array as OpenAI's API has it.
    public func chat(_ messages: String, options: GenerateOptions = GenerateOptions()) throws -> Generation {
        try Generation(self, messages: messages, prompt: nil, options)
    }

    /// Begins a text that continues `prompt`.
    public func complete(_ prompt: String, options: GenerateOptions = GenerateOptions()) throws -> Generation {
        try Generation(self, messages: nil, prompt: prompt, options)
    }
}

private func withBytes<T>(of text: String, _ body: (UnsafePointer<CChar>, Int) -> T) -> T {
    text.withCString { body($0, text.utf8.count) }
}

/// Asks for as many values as fit, and again if there are more.
private func filled<T: AdditiveArithmetic>(
    _ call: (UnsafeMutablePointer<T>, Int, inout Int) -> exogpu_code
) throws -> [T] {
    var values = [T](repeating: .zero, count: 1024)
    while true {
        var count = 0
        try check(values.withUnsafeMutableBufferPointer { call($0.baseAddress!, $0.count, &count) })
        if count <= values.count { return Array(values.prefix(count)) }
        values = [T](repeating: .zero, count: count)
    }
}
