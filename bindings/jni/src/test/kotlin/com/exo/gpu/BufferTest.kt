package com.exo.gpu

import java.nio.ByteBuffer
import kotlin.random.Random
import kotlinx.coroutines.async
import kotlinx.coroutines.awaitAll
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

class BufferTest {
    @Test
    fun `devices are found and described`() {
        Context.open(cpuOnly = true).use { context ->
            val cpu = context.devices.single()
            assertTrue(cpu.json.contains("\"id\":\"cpu\""), cpu.json)
            assertTrue(cpu.memory.total > 0)
            assertEquals(0, cpu.memory.buffers)
            assertTrue(cpu.readSensors().memoryUsedBytes > 0)
            val error = assertThrows(ExogpuException::class.java) { context.device("toaster") }
            assertEquals(ErrorCode.NOT_FOUND, error.code)
            assertTrue(error.message!!.contains("toaster"), error.message)
        }
        assertTrue(Context.version.matches(Regex("""\d+\.\d+\.\d+.*""")), Context.version)
    }

    @Test
    fun `bytes come back, with and without waiting`() = runBlocking {
        Context.open(cpuOnly = true).use { context ->
            val device = context.device("cpu")
            val data = Random(7).nextBytes(100_000)
            device.allocate(data.size.toLong()).use { buffer ->
                assertEquals(data.size.toLong(), buffer.size)
                buffer.upload(data, size = 50_000)
                buffer.upload(data, offset = 50_000, at = 50_000)
                val back = ByteArray(data.size)
                buffer.download(back)
                assertArrayEquals(data, back)

                val other = device.allocateAsync(buffer.size)
                buffer.copyTo(other, buffer.size)
                val direct = ByteBuffer.allocateDirect(data.size)
                other.download(direct)
                assertArrayEquals(data, ByteArray(data.size).also { direct.get(it) })
                direct.clear()
                other.upload(direct)
                device.synchronize()
                other.downloadNow(direct)
                assertEquals(ByteBuffer.wrap(data), direct)
                assertEquals(2, device.memory.buffers)
                other.close()
            }
            assertEquals(0, device.memory.buffers)
        }
    }

    @Test
    fun `ranges outside are refused before anything is copied`() = runBlocking {
        Context.open(cpuOnly = true).use { context ->
            val buffer = context.device("cpu").allocate(16)
            val calls = listOf<suspend () -> Unit>(
                { buffer.upload(ByteArray(17)) },
                { buffer.upload(ByteArray(4), offset = -1) },
                { buffer.upload(ByteArray(4), at = 2, size = 3) },
                { buffer.upload(ByteArray(4), at = -1, size = 3) },
                { buffer.download(ByteArray(4), offset = 13) },
                { buffer.upload(ByteBuffer.allocate(4)) },
                { buffer.copyTo(buffer, 8, 0, 4) },
                { buffer.copyTo(buffer, -8) },
            )
            for ((i, call) in calls.withIndex()) {
                val error = assertThrows(ExogpuException::class.java, { runBlocking { call() } }, "call $i")
                assertEquals(ErrorCode.INVALID_ARGUMENT, error.code, "call $i: $error")
            }
        }
    }

    @Test
    fun `many operations at once end, cancelled ones too`() = runBlocking {
        Context.open(cpuOnly = true).use { context ->
            val device = context.device("cpu")
            val data = ByteBuffer.allocateDirect(1 shl 20)
            val buffers = (1..8).map { device.allocate(1 shl 20) }
            (1..200).map { async(Dispatchers.Default) { buffers[it % 8].upload(data) } }.awaitAll()
            repeat(50) { launch(Dispatchers.Default) { buffers[it % 8].upload(data) }.cancelAndJoin() }
            device.synchronize()
        }
    }

    @Test
    fun `closing a context frees all, and closing again is no error`() {
        val context = Context.open(cpuOnly = true)
        val buffer = context.device("cpu").allocate(8)
        context.close()
        val error = assertThrows(ExogpuException::class.java) { buffer.size }
        assertEquals(ErrorCode.FAILED_PRECONDITION, error.code, error.message)
        buffer.close()
        context.close()
    }

    @Test
    fun `what nobody refers to is freed`() {
        Context.open(cpuOnly = true).use { context ->
            val device = context.device("cpu")
            repeat(100) { device.allocate(1000) }
            val end = System.nanoTime() + 30_000_000_000
            while (device.memory.buffers > 0 && System.nanoTime() < end) {
                System.gc()
                Thread.sleep(10)
            }
            assertEquals(0, device.memory.buffers)
        }
    }
}
