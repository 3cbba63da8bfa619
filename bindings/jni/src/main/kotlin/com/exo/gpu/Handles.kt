package com.exo.gpu

import java.lang.ref.Cleaner
import java.util.concurrent.atomic.AtomicBoolean
import kotlin.coroutines.resume
import kotlin.coroutines.resumeWithException
import kotlinx.coroutines.CancellationException
import kotlinx.coroutines.suspendCancellableCoroutine

private val cleaner: Cleaner = Cleaner.create()

/** What has to be freed in the core: by [close], or once nobody refers to the object any more. */
public abstract class Handle internal constructor(internal val id: Long, free: (Long) -> Unit) : AutoCloseable {
    // It must not refer to the object, which would never be unreachable then.
    private class Free(private val id: Long, private val free: (Long) -> Unit) : Runnable {
        val done = AtomicBoolean()

        override fun run() {
            if (!done.compareAndSet(false, true)) return
            try {
                free(id)
            } catch (gone: ExogpuException) {
                // With its context it was freed already.
                if (gone.code != ErrorCode.INVALID_ARGUMENT && gone.code != ErrorCode.FAILED_PRECONDITION) throw gone
            }
        }
    }

    private val freeing = Free(id, free)
    private val cleanable = cleaner.register(this, freeing)

    /** Frees it. Again is no error. */
    override fun close() {
        cleanable.clean()
    }
}

/**
 * Waits until the operation of this ticket is done, and frees it. A cancelled coroutine cancels the operation and waits
 * for its end, since it may still use the caller's memory.
 */
internal suspend fun <T> await(ticket: Long, result: (Long) -> T): T {
    try {
        suspendCancellableCoroutine { continuation ->
            continuation.invokeOnCancellation { Native.ticketCancel(ticket) }
            Native.ticketNotify(ticket) { code, message ->
                if (code == 0) continuation.resume(Unit) else continuation.resumeWithException(ExogpuException(code, message))
            }
        }
        return result(ticket)
    } catch (cancelled: CancellationException) {
        runCatching { Native.ticketWait(ticket, -1) }
        throw cancelled
    } finally {
        Native.ticketFree(ticket)
    }
}
