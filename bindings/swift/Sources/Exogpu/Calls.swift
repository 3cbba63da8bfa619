import CExogpu
import Dispatch

/// Texts as C has them, for the time of a call.
final class CTexts {
    private var copies: [UnsafeMutablePointer<CChar>] = []
    private var lists: [UnsafeMutablePointer<UnsafePointer<CChar>?>] = []

    /// A zero byte would end the text early, so it is refused.
    func add(_ text: String?) throws -> UnsafePointer<CChar>? {
        guard let text else { return nil }
        let bytes = text.utf8CString
        guard bytes.firstIndex(of: 0) == bytes.count - 1 else {
            throw ExogpuError(exogpu_code(EXOGPU_INVALID_ARGUMENT), "a text contains a zero byte: \(text.debugDescription)")
        }
        let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
        bytes.withUnsafeBufferPointer { copy.initialize(from: $0.baseAddress!, count: bytes.count) }
        copies.append(copy)
        return UnsafePointer(copy)
    }

    func add(_ texts: [String]) throws -> UnsafePointer<UnsafePointer<CChar>?>? {
        if texts.isEmpty { return nil }
        let list = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: texts.count)
        lists.append(list)
        for (i, text) in texts.enumerated() { (list + i).initialize(to: try add(text)) }
        return UnsafePointer(list)
    }

    deinit {
        for copy in copies { copy.deallocate() }
        for list in lists { list.deallocate() }
    }
}

/// Takes over a text that a call returns.
func taken(_ call: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> exogpu_code) throws -> String {
    var text: UnsafeMutablePointer<CChar>?
    try check(call(&text))
    defer { exogpu_free(text) }
    return String(cString: text!)
}

/// The text in an array of C.
func text<T>(of array: T) -> String {
    withUnsafeBytes(of: array) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
}

/// The number of a flag that the core can be told, or that it decides: -1.
func number(of flag: Bool?) -> Int32 { flag.map { $0 ? 1 : 0 } ?? -1 }
/// -1: not known.
func flag(of number: Int32) -> Bool? { number < 0 ? nil : number != 0 }

/// Makes a call that waits without keeping a thread from the other tasks.
func apart<T: Sendable>(_ call: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        DispatchQueue.global().async { continuation.resume(with: Result(catching: call)) }
    }
}
