package com.exo.gpu

import com.sun.net.httpserver.HttpServer
import java.net.InetAddress
import java.net.InetSocketAddress
import java.nio.ByteBuffer
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.attribute.PosixFilePermissions
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.CountDownLatch
import kotlin.concurrent.thread
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/**
 * Each call of the C interface: with handles that name nothing or belong to a closed context, and with the errors that
 * exogpu.h documents. `tests/contract_test.py --check kotlin` compares what these tests reach with the header.
 */
class ContractTest {
    private val path = System.getenv("EXOGPU_TEST_MODEL") ?: error("EXOGPU_TEST_MODEL names no model; use scripts/jvm")
    private val numbers = FloatArray(6) { Float.NaN }.also { it[0] = 0f }
    private val direct = ByteBuffer.allocateDirect(8)

    private fun refused(code: ErrorCode, words: String, call: () -> Unit) {
        val error = assertThrows(ExogpuException::class.java, call)
        assertEquals(code, error.code, error.message)
        assertTrue(error.message!!.contains(words), error.message)
    }

    private fun withContext(test: (Long) -> Unit) {
        val context = Native.contextOpen(null, false, true, null, NativeLibrary.backends)
        try {
            test(context)
        } finally {
            runCatching { Native.contextClose(context) } // the test may have done so
        }
    }

    private fun generate(model: Long, maxTokens: Int = 2): Long =
        Native.generate(model, null, "Once", null, emptyArray(), maxTokens, true, numbers, -1, 0)

    private fun openLater(context: Long, file: String = "no-such.gguf", contextTokens: Int = 0): Long =
        Native.modelOpenAsync(context, file, null, contextTokens, 1, 0, null)

    private fun start(context: Long, state: String, model: String?, listen: String = "127.0.0.1:0", token: String? = null,
                      connect: Array<String> = emptyArray(), models: String? = null): Long =
        Native.nodeStart(
            context, arrayOf(state, "$state-cache", models, model, "node", listen, null, null, null, token), connect,
            arrayOf("cpu"), false, 1, 256, 0,
        )

    private class Handles(val all: Map<String, Long>) {
        operator fun get(kind: String): Long = all.getValue(kind)
    }

    private fun calls(h: Handles): List<() -> Unit> = listOf(
        { Native.deviceList(h["context"]) },
        { Native.deviceFind(h["context"], "cpu") },
        { Native.modelOpen(h["context"], "no-such.gguf", null, 0, 0, 0, null) },
        { openLater(h["context"]) },
        { Native.clusterOpen(h["context"], "127.0.0.1:1", null) },
        { start(h["context"], "no-such-state", null) },
        { Native.contextClose(h["context"]) },
        { Native.deviceJson(h["device"]) },
        { Native.deviceTexts(h["device"]) },
        { Native.deviceNumbers(h["device"]) },
        { Native.deviceMemory(h["device"]) },
        { Native.deviceSensors(h["device"]) },
        { Native.deviceSynchronize(h["device"]) },
        { Native.deviceRecord(h["device"]) },
        { Native.bufferAllocate(h["device"], 1) },
        { Native.bufferAllocateAsync(h["device"], 1) },
        { Native.bufferSize(h["buffer"]) },
        { Native.bufferUpload(h["buffer"], 0, ByteArray(1), 0, 1) },
        { Native.bufferDownload(h["buffer"], 0, ByteArray(1), 0, 1) },
        { Native.bufferUploadDirect(h["buffer"], 0, direct, 0, 1) },
        { Native.bufferDownloadDirect(h["buffer"], 0, direct, 0, 1) },
        { Native.bufferCopy(h["buffer"], 0, h["buffer"], 1, 1) },
        { Native.bufferUploadAsync(h["buffer"], 0, direct, 0, 1) },
        { Native.bufferDownloadAsync(h["buffer"], 0, direct, 0, 1) },
        { Native.bufferCopyAsync(h["buffer"], 0, h["buffer"], 1, 1) },
        { Native.bufferFree(h["buffer"]) },
        { Native.ticketWait(h["ticket"], -1) },
        { Native.ticketNotify(h["ticket"]) { _, _ -> } },
        { Native.ticketBuffer(h["ticket"]) },
        { Native.ticketModel(h["ticket"]) },
        { Native.ticketCancel(h["ticket"]) },
        { Native.ticketFree(h["ticket"]) },
        *texts(h["model"]).toTypedArray(),
        { generate(h["model"]) },
        { Native.modelClose(h["model"]) },
        { Native.generationNext(h["generation"], -1) },
        { Native.generationStats(h["generation"]) },
        { Native.generationFree(h["generation"]) },
        { Native.clusterModels(h["cluster"]) },
        { Native.clusterJson(h["cluster"]) },
        { Native.clusterModel(h["cluster"], "a") },
        { Native.clusterClose(h["cluster"]) },
        { Native.nodePorts(h["node"]) },
        { Native.nodeJson(h["node"]) },
        { Native.nodeWait(h["node"], 0, -1) },
        { Native.nodeModel(h["node"], "a") },
        { Native.nodeToken(h["node"], 1, 60) },
        { Native.nodePair(h["node"]) },
        { Native.nodeApprove(h["node"], "123456") },
        { Native.nodeAddPeer(h["node"], "127.0.0.1:1") },
        { Native.nodeReportSensors(h["node"], 0.5, -1, -1, 0.0, 0.0) },
        { Native.nodeStop(h["node"]) },
        { Native.nodeLeave(h["node"]) },
    )

    private fun texts(model: Long): List<() -> Unit> = listOf(
        { Native.modelJson(model) },
        { Native.modelTokenize(model, "a", false, false) },
        { Native.modelDetokenize(model, intArrayOf(1)) },
        { Native.modelTemplate(model, "[]") },
        { Native.modelEmbed(model, "a") },
    )

    private val kinds = listOf("context", "device", "buffer", "ticket", "model", "generation", "cluster", "node")

    @Test
    fun `handles that name nothing are refused`() = withContext { context ->
        for (call in calls(Handles(kinds.associateWith { 0L }))) refused(ErrorCode.INVALID_ARGUMENT, "is 0, which names nothing", call)
        val never = Handles(kinds.associateWith { context + (1L shl 30) })
        for (call in calls(never)) refused(ErrorCode.INVALID_ARGUMENT, "was never given out", call)
    }

    @Test
    fun `what belongs to a closed context is refused`(@TempDir folder: Path) = withContext { context ->
        val device = Native.deviceFind(context, "cpu")
        val model = Native.modelOpen(context, path, "cpu", 512, 1, 0, null)
        val handles = mapOf(
            "context" to context, "device" to device, "buffer" to Native.bufferAllocate(device, 8),
            "ticket" to Native.deviceRecord(device), "model" to model, "generation" to generate(model),
            "cluster" to Native.clusterOpen(context, "127.0.0.1:1", null), "node" to start(context, "$folder/state", path),
        )
        Native.contextClose(context)
        for (call in calls(Handles(handles))) refused(ErrorCode.FAILED_PRECONDITION, "which was closed", call)
    }

    @Test
    fun `devices are described and weighed`() = withContext { context ->
        refused(ErrorCode.NOT_FOUND, "CPU") { Native.contextOpen("abacus", false, true, null, null) }
        Context.open(cpuOnly = true).use { open ->
            val cpu = open.device("cpu")
            assertEquals(DeviceKind.CPU, cpu.info.kind)
            assertEquals("cpu", cpu.info.id)
            assertTrue(cpu.info.memoryBytes > 0 && cpu.info.computeUnits > 0)
            cpu.synchronizeNow()
        }
        val readings = Readings(0.5, Double.NaN, Double.NaN, Double.NaN, Double.NaN, 50.0, null)
        assertEquals(0.6 * 0.5 + 0.4 * 0.5, readings.suitability(100), 1e-9)
        refused(ErrorCode.INVALID_ARGUMENT, "without memory") { readings.suitability(0) }
        refused(ErrorCode.INVALID_ARGUMENT, "-1") { readings.suitability(-1) }
        refused(ErrorCode.OUT_OF_MEMORY, "do not fit") { Native.bufferAllocate(Native.deviceFind(context, "cpu"), 1L shl 60) }
    }

    @Test
    fun `what is copied at once comes back`() = Context.open(cpuOnly = true).use { context ->
        val device = context.device("cpu")
        val from = device.allocate(4)
        val to = device.allocate(4)
        from.upload(byteArrayOf(1, 2, 3, 4))
        from.copyToNow(to, 4)
        val back = ByteArray(4)
        to.download(back)
        assertEquals(listOf<Byte>(1, 2, 3, 4), back.toList())
    }

    @Test
    fun `operations in flight have no result`() = withContext { context ->
        val first = openLater(context, path)
        val second = openLater(context, path)
        // Models are loaded one after the other, so the second is not done.
        assertFalse(Native.ticketWait(second, 0))
        for (call in listOf<(Long) -> Any>(Native::ticketModel, Native::ticketBuffer, Native::ticketFree)) {
            refused(ErrorCode.FAILED_PRECONDITION, "not done") { call(second) }
        }
        Native.ticketNotify(second) { _, _ -> }
        refused(ErrorCode.ALREADY_EXISTS, "has a callback") { Native.ticketNotify(second) { _, _ -> } }
        Native.ticketCancel(second)
        assertTrue(Native.ticketWait(first, -1))
        refused(ErrorCode.CANCELLED, "cancelled") { Native.ticketWait(second, -1) }
        refused(ErrorCode.FAILED_PRECONDITION, "made a model, and no buffer") { Native.ticketBuffer(first) }
        for (ticket in listOf(first, second)) Native.ticketFree(ticket)
    }

    @Test
    fun `files that are no models are refused`(@TempDir folder: Path) = withContext { context ->
        val text = Files.writeString(folder.resolve("text.gguf"), "This is no model.\n")
        val part = Files.write(folder.resolve("part.gguf"), Files.readAllBytes(Path.of(path)).copyOf(4096))
        for ((file, code) in listOf(
            "no-such.gguf" to ErrorCode.NOT_FOUND, "$text" to ErrorCode.UNSUPPORTED, "$part" to ErrorCode.CORRUPT,
            "$folder/${"a".repeat(300)}" to ErrorCode.IO_ERROR,
        )) {
            refused(code, "") { Native.modelOpen(context, file, null, 0, 1, 0, null) }
        }
        refused(ErrorCode.OUT_OF_MEMORY, "bytes are missing") {
            Native.modelOpen(context, path, null, Int.MAX_VALUE, 1, 0, null)
        }
        Model.openNow(Context.open(cpuOnly = true), path, contextTokens = 128).use { assertTrue(it.tokenize("Hello").isNotEmpty()) }
    }

    @Test
    fun `answers wait for their turn`() = withContext { context ->
        val model = Native.modelOpen(context, path, "cpu", 512, 1, 0, null)
        val first = generate(model, 0)
        val second = generate(model)
        assertTrue(Native.generationNext(first, -1)!!.isNotEmpty())
        assertEquals("", Native.generationNext(second, 0))
        refused(ErrorCode.FAILED_PRECONDITION, "has not ended") { Native.generationStats(second) }
        Native.generationFree(first)
        while (Native.generationNext(second, -1) != null) Unit
        assertEquals(2.0, Native.generationStats(second)[3])
        refused(ErrorCode.INVALID_ARGUMENT, "either") {
            Native.generate(model, "[]", "a", null, emptyArray(), 2, true, numbers, -1, 0)
        }
        refused(ErrorCode.INVALID_ARGUMENT, "") { Native.modelDetokenize(model, intArrayOf(1 shl 30)) }
        refused(ErrorCode.INVALID_ARGUMENT, "") { Native.modelTemplate(model, "{") }
        refused(ErrorCode.INVALID_ARGUMENT, "not made for embeddings") { Native.modelEmbed(model, "a") }
        Native.modelClose(model)
    }

    @Test
    fun `embeddings are given`() = withContext { context ->
        val file = System.getenv("EXOGPU_TEST_EMBEDDINGS") ?: return@withContext
        val model = Native.modelOpen(context, file, "cpu", 0, 1, 0, null)
        assertTrue(Native.modelEmbed(model, "one two").isNotEmpty())
        refused(ErrorCode.RESOURCE_EXHAUSTED, "") { Native.modelEmbed(model, "a".repeat(20_000)) }
    }

    @Test
    fun `answers of an API are errors`() = withContext { context ->
        var status = 200
        var body = "nothing"
        val server = HttpServer.create(InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0)
        server.createContext("/") { exchange ->
            exchange.requestBody.readAllBytes()
            exchange.sendResponseHeaders(status, body.length.toLong())
            exchange.responseBody.use { it.write(body.toByteArray()) }
        }
        server.start()
        val cluster = Native.clusterOpen(context, "127.0.0.1:${server.address.port}", "key")
        val model = Native.clusterModel(cluster, "any")
        val asks = listOf<() -> Unit>({ Native.clusterModels(cluster) }, { Native.clusterJson(cluster) }) + texts(model)
        assertEquals(body, Native.clusterModels(cluster))
        assertEquals(body, Native.clusterJson(cluster))
        for (ask in texts(model)) refused(ErrorCode.CORRUPT, "the API answered", ask)
        body = """{"error": {"message": "this is why"}}"""
        for ((answered, code) in mapOf(
            401 to ErrorCode.UNAUTHENTICATED, 403 to ErrorCode.PERMISSION_DENIED, 404 to ErrorCode.NOT_FOUND,
            504 to ErrorCode.DEADLINE_EXCEEDED,
        )) {
            status = answered
            for (ask in asks) refused(code, "this is why", ask)
        }
        server.stop(0)
        for (ask in asks) refused(ErrorCode.UNAVAILABLE, "127.0.0.1", ask)
        refused(ErrorCode.INVALID_ARGUMENT, "not an address") { Native.clusterOpen(context, "a:b:c", null) }
        Native.clusterClose(cluster)
    }

    @Test
    fun `nodes that cannot start say why`(@TempDir folder: Path) = withContext { context ->
        val node = start(context, "$folder/running", path)
        val at = "127.0.0.1:${Native.nodePorts(node)[0]}"
        refused(ErrorCode.FAILED_PRECONDITION, "runs a node with this state") { start(context, "$folder/running", path) }
        refused(ErrorCode.ALREADY_EXISTS, at) { start(context, "$folder/taken", path, at) }
        refused(ErrorCode.NOT_FOUND, "no-such.gguf") { start(context, "$folder/missing", "no-such.gguf") }
        openToAll(folder.resolve("shared"))
        refused(ErrorCode.PERMISSION_DENIED, "chmod 700") { start(context, "$folder/shared", path) }
        Files.writeString(folder.resolve("file"), "a file\n")
        refused(ErrorCode.IO_ERROR, "file/state") { start(context, "$folder/file/state", path) }
        val token = Native.nodeToken(node, 1, 600)
        refused(ErrorCode.UNAVAILABLE, "127.0.0.1:1") {
            start(context, "$folder/joins", null, token = token, connect = arrayOf("127.0.0.1:1"))
        }
        Native.nodeLeave(start(context, "$folder/joins", null, token = token, connect = arrayOf(at)))
        assertTrue(Files.isDirectory(folder.resolve("joins/identity.before-1")))
        refused(ErrorCode.UNAUTHENTICATED, "used up") {
            start(context, "$folder/joins", null, token = token, connect = arrayOf(at))
        }
        Native.nodeStop(node)
        Files.writeString(folder.resolve("running/identity/node.crt"), "nothing of exogpu\n")
        refused(ErrorCode.CORRUPT, "running") { start(context, "$folder/running", path) }
    }

    private fun openToAll(folder: Path) {
        Files.createDirectory(folder)
        Files.setPosixFilePermissions(folder, PosixFilePermissions.fromString("rwxrwxrwx"))
    }

    @Test
    fun `a node answers each call`(@TempDir folder: Path) = withContext { context ->
        Files.createDirectory(folder.resolve("models"))
        Files.createSymbolicLink(folder.resolve("models/other.gguf"), Path.of(path).toAbsolutePath())
        val state = folder.resolve("desk")
        val node = start(context, "$state", path, models = "$folder/models")
        Native.nodeAddPeer(node, "127.0.0.1:1")
        refused(ErrorCode.INVALID_ARGUMENT, "not an address") { Native.nodeAddPeer(node, "a:b:c") }
        refused(ErrorCode.INVALID_ARGUMENT, "charge is 2") { Native.nodeReportSensors(node, 2.0, -1, -1, 0.0, 0.0) }
        var version = Native.nodeWait(node, 0, -1)
        assertEquals(-1, Native.nodeWait(node, version + 1_000_000, 1))
        while (!Native.nodeJson(node).contains("\"serving\":true")) version = Native.nodeWait(node, version, 60_000)
        for (text in texts(Native.nodeModel(node, "no-such"))) refused(ErrorCode.NOT_FOUND, "no-such", text)
        for (text in texts(Native.nodeModel(node, "other")).subList(1, 4)) refused(ErrorCode.UNAVAILABLE, "is not loaded", text)
        tokensAndCodes(node, state)
        joinByCode(node, folder, state)
        endWhileOthersWait(node)
    }

    /** Eight threads, each of which waits nearly all the time, so that some do when the node ends. */
    private fun endWhileOthersWait(node: Long) {
        val ends = ConcurrentLinkedQueue<ErrorCode>()
        val begun = CountDownLatch(8)
        val waiting = (1..8).map {
            thread {
                try {
                    while (true) {
                        Native.nodeWait(node, Long.MAX_VALUE, 50)
                        begun.countDown()
                    }
                } catch (end: ExogpuException) {
                    ends.add(end.code)
                }
            }
        }
        begun.await()
        Native.nodeStop(node)
        waiting.forEach { it.join() }
        assertEquals(8, ends.size)
        assertTrue(ErrorCode.CANCELLED in ends, ends.toString())
    }

    private fun tokensAndCodes(node: Long, state: Path) {
        val calls = listOf<Pair<String, () -> Unit>>(
            "tokens" to { Native.nodeToken(node, 1, 60) }, "pairing" to { Native.nodePair(node) },
            "pairing" to { Native.nodeApprove(node, "123456") },
        )
        for ((name, call) in calls) {
            call()
            val file = state.resolve("$name.json")
            val lock = state.resolve("$name.lock")
            Files.writeString(file, "nothing of exogpu\n")
            refused(ErrorCode.CORRUPT, "$name.json", call)
            Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rw-r--r--"))
            refused(ErrorCode.PERMISSION_DENIED, "chmod 600", call)
            Files.delete(file)
            Files.delete(lock)
            Files.createDirectory(lock)
            refused(ErrorCode.IO_ERROR, "$name.lock", call)
            Files.delete(lock)
            val key = state.resolve("identity/authority.key")
            Files.move(key, state.resolve("authority.key"))
            refused(ErrorCode.FAILED_PRECONDITION, "", call)
            Files.move(state.resolve("authority.key"), key)
        }
        refused(ErrorCode.INVALID_ARGUMENT, "") { Native.nodeToken(node, 0, 60) }
        refused(ErrorCode.INVALID_ARGUMENT, "") { Native.nodeApprove(node, "12") }
        Native.nodeToken(node, 1, 60) // makes the file
        val tokens = (0 until 1000).joinToString { """{"sha256": "%064x", "expires": 4000000000, "uses_remaining": 1}""".format(it) }
        Files.writeString(state.resolve("tokens.json"), """{"tokens": [$tokens]}""")
        refused(ErrorCode.RESOURCE_EXHAUSTED, "1000 tokens") { Native.nodeToken(node, 1, 60) }
    }

    private fun joinByCode(node: Long, folder: Path, state: Path) {
        val at = "127.0.0.1:${Native.nodePorts(node)[0]}"
        val phone = "$folder/phone"
        refused(ErrorCode.INVALID_ARGUMENT, "") { Native.join(phone, "12", at) }
        refused(ErrorCode.UNAVAILABLE, "127.0.0.1") { Native.join(phone, "123456", "127.0.0.1:1") }
        refused(ErrorCode.FAILED_PRECONDITION, "a node runs") { Native.join("$state", "123456", at) }
        Native.join(phone, Native.nodePair(node), at)
        Files.writeString(folder.resolve("file"), "a file\n")
        refused(ErrorCode.IO_ERROR, "file") { Native.join("$folder/file/state", Native.nodePair(node), at) }
        openToAll(folder.resolve("shared"))
        refused(ErrorCode.PERMISSION_DENIED, "chmod 700") { Native.join("$folder/shared", Native.nodePair(node), at) }
        repeat(5) {
            val code = Native.nodePair(node)
            val wrong = code.dropLast(1) + (code.last().digitToInt() + 1) % 10
            refused(ErrorCode.UNAUTHENTICATED, "the code is wrong") { Native.join(phone, wrong, at) }
        }
        refused(ErrorCode.RESOURCE_EXHAUSTED, "wrong codes") { Native.nodePair(node) }
        refused(ErrorCode.RESOURCE_EXHAUSTED, "wrong codes") { Native.nodeApprove(node, "123456") }
    }
}
