import CExogpu

private final class Waiting {
    let continuation: CheckedContinuation<Void, any Error>

    init(_ continuation: CheckedContinuation<Void, any Error>) { self.continuation = continuation }
}

/// Waits until the operation of this ticket is done, takes its result, and frees it. A task that is cancelled cancels the
/// operation, and then waits for its end too, since it may still use the caller's memory.
func done<T>(_ ticket: exogpu_ticket, result: (exogpu_ticket) throws -> T) async throws -> T {
    defer { _ = exogpu_ticket_free(ticket) }
    do {
        try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { notify(ticket, $0) }
        } onCancel: {
            _ = exogpu_ticket_cancel(ticket)
        }
    } catch let error as ExogpuError where error.code == .cancelled && Task.isCancelled {
        throw CancellationError()
    }
    return try result(ticket)
}

func done(_ ticket: exogpu_ticket) async throws { try await done(ticket) { _ in } }

private func notify(_ ticket: exogpu_ticket, _ continuation: CheckedContinuation<Void, any Error>) {
    let waiting = Unmanaged.passRetained(Waiting(continuation))
    let code = exogpu_ticket_notify(ticket, { user, code, message in
        let continuation = Unmanaged<Waiting>.fromOpaque(user!).takeRetainedValue().continuation
        if code == exogpu_code(EXOGPU_OK) {
            continuation.resume()
        } else {
            continuation.resume(throwing: ExogpuError(code, String(cString: message!)))
        }
    }, waiting.toOpaque())
    guard code != exogpu_code(EXOGPU_OK) else { return }
    waiting.release()
    continuation.resume(throwing: ExogpuError(code, String(cString: exogpu_last_error())))
}
