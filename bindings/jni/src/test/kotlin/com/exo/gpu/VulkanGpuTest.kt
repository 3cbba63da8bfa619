package com.exo.gpu

import java.lang.reflect.InvocationTargetException
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.CyclicBarrier
import java.util.concurrent.Executors
import kotlin.random.Random
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test

/** On a Vulkan device: at least Mesa's software renderer must be installed. */
class VulkanGpuTest {
    @AfterEach
    fun end() = VulkanGpu.shutdown()

    private fun refused(code: ErrorCode, words: String, call: () -> Unit) {
        val error = assertThrows(ExogpuException::class.java, call)
        assertEquals(code, error.code, error.message)
        assertTrue(error.message!!.contains(words), error.message)
    }

    private fun begin() = assertTrue(VulkanGpu.initializeVulkan(), "there is no Vulkan device: install mesa-vulkan-drivers")

    @Test
    fun `devices are described`() {
        begin()
        val json = VulkanGpu.enumerateDevices()
        assertTrue(json.startsWith("[{\"device_id\":\"vulkan0\","), json)
        for (field in listOf("name", "vendor", "memory_bytes", "compute_units")) assertTrue(json.contains("\"$field\":"), json)
        assertTrue(json.contains(VulkanGpu.getDeviceName(0)))
        assertTrue(VulkanGpu.getDeviceMemory(0) > 0)
        assertTrue(VulkanGpu.getComputeUnits(0) >= 0)
        for (index in listOf(-1, 1000)) refused(ErrorCode.NOT_FOUND, "no device $index") { VulkanGpu.getDeviceName(index) }
    }

    @Test
    fun `what is copied comes back`() {
        begin()
        for (size in listOf(1, 3, 4096, 1_000_003, 16 shl 20)) {
            val data = Random(size).nextBytes(size)
            val handle = VulkanGpu.allocateMemory(0, size.toLong())
            assertTrue(VulkanGpu.copyToDevice(handle, data))
            assertArrayEquals(data, VulkanGpu.copyFromDevice(handle, size.toLong()))
            assertArrayEquals(data.copyOf(1), VulkanGpu.copyFromDevice(handle, 1))
            assertTrue(VulkanGpu.freeMemory(handle))
            assertFalse(VulkanGpu.freeMemory(handle), "it is free already")
        }
    }

    @Test
    fun `what is wrong is refused with its reason`() {
        begin()
        for (size in listOf(0L, -1L, Long.MIN_VALUE)) refused(ErrorCode.INVALID_ARGUMENT, "$size bytes") { VulkanGpu.allocateMemory(0, size) }
        val tooMuch = assertThrows(ExogpuException::class.java) { VulkanGpu.allocateMemory(0, Long.MAX_VALUE) }
        assertTrue(tooMuch.code in listOf(ErrorCode.OUT_OF_MEMORY, ErrorCode.RESOURCE_EXHAUSTED), tooMuch.toString())
        val handle = VulkanGpu.allocateMemory(0, 8)
        refused(ErrorCode.INVALID_ARGUMENT, "9") { VulkanGpu.copyToDevice(handle, ByteArray(9)) }
        refused(ErrorCode.INVALID_ARGUMENT, "9 bytes from a buffer of 8") { VulkanGpu.copyFromDevice(handle, 9) }
        refused(ErrorCode.INVALID_ARGUMENT, "-1 bytes") { VulkanGpu.copyFromDevice(handle, -1) }
        for (id in listOf("", "x", "-1", " 1", "1x", "999999999999999999999999")) {
            assertThrows(ExogpuException::class.java, { VulkanGpu.copyFromDevice(id, 1) }, id)
        }
        val copy = VulkanGpu::class.java.getMethod("copyToDevice", String::class.java, ByteArray::class.java)
        for (arguments in listOf(arrayOf(handle, null), arrayOf(null, ByteArray(1)))) {
            val error = assertThrows(InvocationTargetException::class.java) { copy.invoke(VulkanGpu, *arguments) }
            assertEquals(ErrorCode.INVALID_ARGUMENT, (error.cause as ExogpuException).code)
        }
    }

    @Test
    fun `nothing works before or after`() {
        refused(ErrorCode.FAILED_PRECONDITION, "initializeVulkan") { VulkanGpu.enumerateDevices() }
        begin()
        val handle = VulkanGpu.allocateMemory(0, 8)
        VulkanGpu.shutdown()
        VulkanGpu.shutdown()
        refused(ErrorCode.FAILED_PRECONDITION, "initializeVulkan") { VulkanGpu.getDeviceMemory(0) }
        assertThrows(ExogpuException::class.java) { VulkanGpu.copyFromDevice(handle, 1) }
        begin()
        assertThrows(ExogpuException::class.java) { VulkanGpu.copyFromDevice(handle, 1) }
    }

    @Test
    fun `sixteen threads make one context`() {
        val threads = 16
        val together = CyclicBarrier(threads)
        val pool = Executors.newFixedThreadPool(threads)
        val handles = (1..threads).map {
            pool.submit<String> {
                together.await()
                begin()
                VulkanGpu.allocateMemory(0, 64)
            }
        }.map { it.get() }
        pool.shutdown()
        assertEquals(threads, handles.toSet().size)
        // What belonged to another context would outlive this one.
        VulkanGpu.shutdown()
        for (handle in handles) assertThrows(ExogpuException::class.java) { VulkanGpu.copyFromDevice(handle, 1) }
    }

    @Test
    fun `ten thousand buffers leave nothing behind`() {
        begin()
        val data = ByteArray(512) { it.toByte() }
        fun round(count: Int) = repeat(count) {
            val handle = VulkanGpu.allocateMemory(0, data.size.toLong())
            VulkanGpu.copyToDevice(handle, data)
            assertArrayEquals(data, VulkanGpu.copyFromDevice(handle, data.size.toLong()))
            VulkanGpu.freeMemory(handle)
        }
        round(1000)
        System.gc()
        val before = residentBytes()
        round(9000)
        System.gc()
        val grown = residentBytes() - before
        assertTrue(grown < 48 shl 20, "$grown bytes more after 9,000 buffers")
    }

    /** The JVM's own heap grows, too, within its limit; the limit of this test is far below 9,000 of anything that leaks. */
    private fun residentBytes(): Long =
        Files.readAllLines(Path.of("/proc/self/statm"))[0].split(" ").let { it[1].toLong() - it[2].toLong() } * 4096
}
