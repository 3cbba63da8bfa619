package com.exo.gpu

/**
 * Vulkan devices by ten calls, for programs that need no more: one context for the process, devices by their number from
 * 0, and buffers by a handle that is a text. Any thread may call anything. [Context] offers all that the library has.
 *
 * A call that fails throws [ExogpuException]; before [initializeVulkan] and after [shutdown] that is
 * [ErrorCode.FAILED_PRECONDITION].
 */
public object VulkanGpu {
    init {
        NativeLibrary.load()
    }

    /** Finds the devices, the first time. False: there is none. Software renderers count, behind the hardware. */
    public external fun initializeVulkan(): Boolean

    /** A JSON array: of each device `device_id`, `name`, `vendor`, `memory_bytes`, `compute_units`, and what else is known. */
    public external fun enumerateDevices(): String

    /** The name of the device with this index. */
    public external fun getDeviceName(deviceIndex: Int): String

    /** In bytes. */
    public external fun getDeviceMemory(deviceIndex: Int): Long

    /** How many compute units it has; 0: not known. */
    public external fun getComputeUnits(deviceIndex: Int): Int

    /** [sizeBytes] > 0 of undefined content; the handle is for the calls below. */
    public external fun allocateMemory(deviceIndex: Int, sizeBytes: Long): String

    /** False: there is no such buffer (any more). */
    public external fun freeMemory(handleId: String): Boolean

    /** Copies all of [data] to the beginning of the buffer. */
    public external fun copyToDevice(handleId: String, data: ByteArray): Boolean

    /** The first [sizeBytes] of the buffer. */
    public external fun copyFromDevice(handleId: String, sizeBytes: Long): ByteArray

    /** Frees all buffers. [initializeVulkan] begins again. */
    public external fun shutdown()
}
