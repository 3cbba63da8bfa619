package com.exo.gpu

/** The kinds of errors of the core, by its numbers (`exogpu_code`). */
public enum class ErrorCode(internal val number: Int) {
    /** The caller's input is wrong, independent of the system's state. */
    INVALID_ARGUMENT(1),
    /** A named thing does not exist. */
    NOT_FOUND(2),
    /** A named thing exists and must not. */
    ALREADY_EXISTS(3),
    /** Data violates its format. */
    CORRUPT(4),
    /** Well-formed, but not supported here. */
    UNSUPPORTED(5),
    /** A device or the host lacks the bytes. */
    OUT_OF_MEMORY(6),
    /** A limit other than memory is reached. */
    RESOURCE_EXHAUSTED(7),
    /** The system's state does not allow the call. */
    FAILED_PRECONDITION(8),
    /** The system does not let this process do it. */
    PERMISSION_DENIED(9),
    /** A key, a token or a code is wrong. */
    UNAUTHENTICATED(10),
    /** May work later: a node is offline, a device is lost. */
    UNAVAILABLE(11),
    /** What was waited for did not happen in time. */
    DEADLINE_EXCEEDED(12),
    /** The operation was cancelled. */
    CANCELLED(13),
    /** A file or a connection failed. */
    IO_ERROR(14),
    /** A bug of the library. */
    INTERNAL(15),
    ;

    internal companion object {
        fun of(number: Int): ErrorCode = entries.firstOrNull { it.number == number } ?: INTERNAL
    }
}

/** A call failed. The message names the thing and, where there is one, the remedy. */
public class ExogpuException internal constructor(number: Int, message: String) : RuntimeException(message) {
    /** The kind of the error. */
    public val code: ErrorCode = ErrorCode.of(number)

    /** The kind as in the API, and the message. */
    override fun toString(): String = "ExogpuException: ${code.name.lowercase()}: $message"
}
