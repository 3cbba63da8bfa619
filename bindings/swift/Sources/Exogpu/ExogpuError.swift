import CExogpu

/// A call of the core failed. The message names the thing and, where there is one, the remedy.
public struct ExogpuError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The kinds of errors, by the core's numbers (`exogpu_code`).
    public enum Code: Int32, Sendable, CaseIterable, CustomStringConvertible {
        case invalidArgument = 1
        case notFound
        case alreadyExists
        case corrupt
        case unsupported
        case outOfMemory
        case resourceExhausted
        case failedPrecondition
        case permissionDenied
        case unauthenticated
        case unavailable
        case deadlineExceeded
        case cancelled
        case ioError
        case `internal`

        /// As in the API: "out_of_memory".
        public var description: String { String(cString: exogpu_code_name(rawValue)) }
    }

    public let code: Code
    public let message: String

    /// A code of a later library counts as `internal`.
    init(_ code: exogpu_code, _ message: String) {
        self.code = Code(rawValue: code) ?? .internal
        self.message = message
    }

    public var description: String { "\(code): \(message)" }
}

/// Throws what the calling thread's last call returned. Nothing may be awaited between both.
func check(_ code: exogpu_code) throws {
    if code != exogpu_code(EXOGPU_OK) { throw ExogpuError(code, String(cString: exogpu_last_error())) }
}
