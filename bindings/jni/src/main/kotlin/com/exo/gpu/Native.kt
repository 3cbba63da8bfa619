package com.exo.gpu

import java.nio.ByteBuffer

/** Hears once how an operation ended; on a thread of the library, which must not be kept waiting. */
internal fun interface TicketListener {
    fun done(code: Int, message: String)
}

/** The calls of exogpu.h; its comments are the contract. Handles are numbers; a call that fails throws [ExogpuException]. */
internal object Native {
    init {
        NativeLibrary.load()
    }

    @JvmStatic external fun version(): String

    @JvmStatic external fun contextOpen(backend: String?, software: Boolean, cpuOnly: Boolean, program: String?, backends: String?): Long
    @JvmStatic external fun contextClose(context: Long)
    @JvmStatic external fun deviceList(context: Long): LongArray
    @JvmStatic external fun deviceFind(context: Long, id: String): Long
    @JvmStatic external fun deviceJson(device: Long): String
    @JvmStatic external fun deviceTexts(device: Long): Array<String>
    @JvmStatic external fun deviceNumbers(device: Long): LongArray
    @JvmStatic external fun deviceSuitability(utilization: Double, temperatureC: Double, memoryUsedBytes: Double, memoryTotalBytes: Long): Double
    @JvmStatic external fun deviceMemory(device: Long): LongArray
    @JvmStatic external fun deviceSensors(device: Long): DoubleArray
    @JvmStatic external fun deviceSynchronize(device: Long)
    @JvmStatic external fun deviceRecord(device: Long): Long

    @JvmStatic external fun bufferAllocate(device: Long, size: Long): Long
    @JvmStatic external fun bufferAllocateAsync(device: Long, size: Long): Long
    @JvmStatic external fun bufferFree(buffer: Long)
    @JvmStatic external fun bufferSize(buffer: Long): Long
    @JvmStatic external fun bufferUpload(buffer: Long, offset: Long, data: ByteArray, at: Int, size: Int)
    @JvmStatic external fun bufferDownload(buffer: Long, offset: Long, data: ByteArray, at: Int, size: Int)
    @JvmStatic external fun bufferUploadDirect(buffer: Long, offset: Long, data: ByteBuffer, at: Long, size: Long)
    @JvmStatic external fun bufferDownloadDirect(buffer: Long, offset: Long, data: ByteBuffer, at: Long, size: Long)
    @JvmStatic external fun bufferUploadAsync(buffer: Long, offset: Long, data: ByteBuffer, at: Long, size: Long): Long
    @JvmStatic external fun bufferDownloadAsync(buffer: Long, offset: Long, data: ByteBuffer, at: Long, size: Long): Long
    @JvmStatic external fun bufferCopy(from: Long, fromOffset: Long, to: Long, toOffset: Long, size: Long)
    @JvmStatic external fun bufferCopyAsync(from: Long, fromOffset: Long, to: Long, toOffset: Long, size: Long): Long

    @JvmStatic external fun ticketNotify(ticket: Long, listener: TicketListener)
    @JvmStatic external fun ticketWait(ticket: Long, timeoutMs: Long): Boolean
    @JvmStatic external fun ticketBuffer(ticket: Long): Long
    @JvmStatic external fun ticketModel(ticket: Long): Long
    @JvmStatic external fun ticketCancel(ticket: Long)
    @JvmStatic external fun ticketFree(ticket: Long)

    @JvmStatic external fun modelOpen(context: Long, path: String, device: String?, contextTokens: Int, threads: Int, batchTokens: Int, chatTemplate: String?): Long
    @JvmStatic external fun modelOpenAsync(context: Long, path: String, device: String?, contextTokens: Int, threads: Int, batchTokens: Int, chatTemplate: String?): Long
    @JvmStatic external fun modelClose(model: Long)
    @JvmStatic external fun modelJson(model: Long): String
    @JvmStatic external fun modelTokenize(model: Long, text: String, addSpecial: Boolean, parseSpecial: Boolean): IntArray
    @JvmStatic external fun modelDetokenize(model: Long, tokens: IntArray): String
    @JvmStatic external fun modelTemplate(model: Long, messages: String): String
    @JvmStatic external fun modelEmbed(model: Long, text: String): FloatArray
    @JvmStatic external fun generate(model: Long, messages: String?, prompt: String?, variables: String?, stops: Array<String>, maxTokens: Int, ignoreEnd: Boolean, numbers: FloatArray, topK: Int, seed: Long): Long
    @JvmStatic external fun generationNext(generation: Long, timeoutMs: Long): String?
    @JvmStatic external fun generationStats(generation: Long): DoubleArray
    @JvmStatic external fun generationFree(generation: Long)

    @JvmStatic external fun clusterOpen(context: Long, address: String, key: String?): Long
    @JvmStatic external fun clusterClose(cluster: Long)
    @JvmStatic external fun clusterModels(cluster: Long): String
    @JvmStatic external fun clusterJson(cluster: Long): String
    @JvmStatic external fun clusterModel(cluster: Long, name: String): Long

    @JvmStatic external fun nodeStart(context: Long, texts: Array<String?>, connect: Array<String>, devices: Array<String>, discover: Boolean, threads: Int, contextTokens: Int, memoryBytesMax: Long): Long
    @JvmStatic external fun nodeStop(node: Long)
    @JvmStatic external fun nodeLeave(node: Long)
    @JvmStatic external fun nodePorts(node: Long): LongArray
    @JvmStatic external fun nodeJson(node: Long): String
    @JvmStatic external fun nodeWait(node: Long, version: Long, timeoutMs: Long): Long
    @JvmStatic external fun nodeModel(node: Long, name: String): Long
    @JvmStatic external fun nodeToken(node: Long, uses: Int, lifetimeS: Int): String
    @JvmStatic external fun nodePair(node: Long): String
    @JvmStatic external fun nodeApprove(node: Long, code: String)
    @JvmStatic external fun nodeAddPeer(node: Long, address: String)
    @JvmStatic external fun nodeReportSensors(node: Long, charge: Double, onBattery: Int, throttled: Int, temperatureC: Double, temperatureLimitC: Double)
    @JvmStatic external fun join(state: String, code: String, address: String?)
}
