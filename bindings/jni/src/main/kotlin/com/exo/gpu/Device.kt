package com.exo.gpu

import java.nio.ByteBuffer

/** In bytes: the whole, what is free now, what buffers of the context take; and the number of these. */
public data class DeviceMemory(
    /** Of the device. */
    val total: Long,
    /** Now, as the driver says. */
    val free: Long,
    /** By buffers of the context. */
    val allocated: Long,
    /** Of the context. */
    val buffers: Long,
)

/** What a device is. */
public enum class DeviceKind {
    /** A GPU with memory of its own. */
    DISCRETE,

    /** A GPU in the host's memory. */
    INTEGRATED,

    /** The processor. */
    CPU,
}

/** What is known of a device; what is not known is empty, 0 or null. */
public data class DeviceInfo(
    /** What it is. */
    val kind: DeviceKind,
    /** A GPU that the CPU renders. */
    val software: Boolean,
    /** Of a GPU; cores of a CPU. */
    val computeUnits: Int,
    /** Whether it computes in half precision. */
    val f16: Boolean?,
    /** Whether it computes with bfloat16. */
    val bf16: Boolean?,
    /** Whether it has products of 8-bit integers. */
    val int8Dot: Boolean?,
    /** Whether it has units for matrices. */
    val matrixCores: Boolean?,
    /** Has a queue of its own for copies. */
    val asynchronous: Boolean,
    /** Of the device. */
    val memoryBytes: Long,
    /** Stable on this machine: "cpu", "vulkan0". */
    val id: String,
    /** The model: "NVIDIA H200". */
    val name: String,
    /** Who made it. */
    val vendor: String,
    /** Of a CPU: "x86_64", and the kernels in use. */
    val architecture: String,
    /** "CPU", "Vulkan", "CUDA". */
    val backend: String,
    /** Its version. */
    val driver: String,
    /** "0000:65:00.0". */
    val pciAddress: String,
    /** As the driver has it. */
    val uuid: String,
)

/** What sensors read; NaN and null: there is no such sensor. */
public data class Readings(
    /** 0 to 1, since the reading before. */
    val utilization: Double,
    /** In degrees Celsius. */
    val temperatureC: Double,
    /** At which the hardware protects itself. */
    val temperatureLimitC: Double,
    /** In watts. */
    val powerW: Double,
    /** The present clock divided by the highest. */
    val clockShare: Double,
    /** By all processes. */
    val memoryUsedBytes: Double,
    /** Slowed down to cool. */
    val throttled: Boolean?,
) {
    /**
     * How well a device with these readings, perhaps of another machine, could take more work: 0 to 1, by the rule of
     * `exogpu_device_suitability`. Without [memoryUsedBytes], or for 0 bytes of memory, an error.
     */
    public fun suitability(memoryTotalBytes: Long): Double =
        Native.deviceSuitability(utilization, temperatureC, memoryUsedBytes, memoryTotalBytes)
}

/** A device of a [Context]. */
public class Device internal constructor(internal val context: Context, internal val id: Long) {
    /** All that is known of it, as a JSON object. */
    public val json: String
        get() = Native.deviceJson(id)

    /** What is known of it. */
    public val info: DeviceInfo
        get() {
            val texts = Native.deviceTexts(id)
            val numbers = Native.deviceNumbers(id)
            fun flag(at: Int): Boolean? = if (numbers[at] < 0) null else numbers[at] != 0L
            return DeviceInfo(
                DeviceKind.entries.getOrElse(numbers[0].toInt()) { DeviceKind.DISCRETE }, numbers[1] != 0L,
                numbers[2].toInt(), flag(3), flag(4), flag(5), flag(6), numbers[7] != 0L, numbers[8], texts[0], texts[1],
                texts[2], texts[3], texts[4], texts[5], texts[6], texts[7],
            )
        }

    /** What is free now, and what buffers take. */
    public val memory: DeviceMemory
        get() = Native.deviceMemory(id).let { DeviceMemory(it[0], it[1], it[2], it[3]) }

    /** May take milliseconds. */
    public fun readSensors(): Readings = Native.deviceSensors(id).let {
        Readings(it[0], it[1], it[2], it[3], it[4], it[5], if (it[6] < 0) null else it[6] > 0)
    }

    /** [size] bytes of undefined content. */
    public fun allocate(size: Long): Buffer = Buffer(this, Native.bufferAllocate(id, size))

    /** As [allocate], without waiting. */
    public suspend fun allocateAsync(size: Long): Buffer =
        Buffer(this, await(Native.bufferAllocateAsync(id, size)) { Native.ticketBuffer(it) })

    /** Waits for all copies that were begun before. */
    public suspend fun synchronize(): Unit = await(Native.deviceRecord(id)) { }

    /** As [synchronize]; the caller waits. */
    public fun synchronizeNow(): Unit = Native.deviceSynchronize(id)
}

/** Memory of a device. A range outside it is an error that names the sizes. */
public class Buffer internal constructor(
    /** Where it is. */
    public val device: Device,
    id: Long,
) : Handle(id, Native::bufferFree) {
    /** In bytes. */
    public val size: Long
        get() = Native.bufferSize(id)

    /** Copies [size] bytes of [data] from [at] on to the bytes from [offset] on. */
    public fun upload(data: ByteArray, offset: Long = 0, at: Int = 0, size: Int = data.size - at): Unit =
        Native.bufferUpload(id, offset, data, at, size)

    /** Copies [size] of the bytes from [offset] on to [data] from [at] on. */
    public fun download(data: ByteArray, offset: Long = 0, at: Int = 0, size: Int = data.size - at): Unit =
        Native.bufferDownload(id, offset, data, at, size)

    /** The bytes between the position and the limit of a direct buffer, without a copy of them; the position stays. */
    public suspend fun upload(data: ByteBuffer, offset: Long = 0): Unit =
        await(Native.bufferUploadAsync(id, offset, data, data.position().toLong(), data.remaining().toLong())) { }

    /** Fills what is between the position and the limit of a direct buffer; the position stays. */
    public suspend fun download(data: ByteBuffer, offset: Long = 0): Unit =
        await(Native.bufferDownloadAsync(id, offset, data, data.position().toLong(), data.remaining().toLong())) { }

    /** As [upload] of a direct buffer; the caller waits. */
    public fun uploadNow(data: ByteBuffer, offset: Long = 0): Unit =
        Native.bufferUploadDirect(id, offset, data, data.position().toLong(), data.remaining().toLong())

    /** As [download] to a direct buffer; the caller waits. */
    public fun downloadNow(data: ByteBuffer, offset: Long = 0): Unit =
        Native.bufferDownloadDirect(id, offset, data, data.position().toLong(), data.remaining().toLong())

    /** Copies [size] bytes to another buffer of the context, on any device. */
    public suspend fun copyTo(to: Buffer, size: Long, offset: Long = 0, toOffset: Long = 0): Unit =
        await(Native.bufferCopyAsync(id, offset, to.id, toOffset, size)) { }

    /** As [copyTo]; the caller waits. */
    public fun copyToNow(to: Buffer, size: Long, offset: Long = 0, toOffset: Long = 0): Unit =
        Native.bufferCopy(id, offset, to.id, toOffset, size)
}
