package com.exo.gpu

/** The kinds of errors of the core, by its numbers (`exogpu_code`). */
public enum class ErrorCode(internal val number: Int) {
    INVALID_ARGUMENT(1),
    NOT_FOUND(2),
    ALREADY_EXISTS(3),
    CORRUPT(4),
    UNSUPPORTED(5),
    OUT_OF_MEMORY(6),
    RESOURCE_EXHAUSTED(7),
    FAILED_PRECONDITION(8),
    PERMISSION_DENIED(9),
    UNAUTHENTICATED(10),
    UNAVAILABLE(11),
    DEADLINE_EXCEEDED(12),
    CANCELLED(13),
    IO_ERROR(14),
    INTERNAL(15),
    ;

    internal companion object {
        fun of(number: Int): ErrorCode = entries.firstOrNull { it.number == number } ?: INTERNAL
    }
}

/** A call failed. The message names the thing and, where there is one, the remedy. */
public class ExogpuException internal constructor(number: Int, message: String) : RuntimeException(message) {
    public val code: ErrorCode = ErrorCode.of(number)

    override fun toString(): String = "ExogpuException: ${code.name.lowercase()}: $message"
}
