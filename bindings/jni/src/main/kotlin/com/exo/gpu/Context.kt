package com.exo.gpu

/** The devices of this machine, and all that is opened with them. Closing it frees everything. */
public class Context private constructor(id: Long) : Handle(id, Native::contextClose) {
    /** Best first; the CPU is the last. */
    public val devices: List<Device>
        get() = Native.deviceList(id).map { Device(this, it) }

    /** By id ("vulkan0"), by an unambiguous beginning of one, or "gpu" for the best. */
    public fun device(id: String): Device = Device(this, Native.deviceFind(this.id, id))

    /** Opens contexts. */
    public companion object {
        /** The library's version. */
        public val version: String
            get() = Native.version()

        /**
         * Finds the devices: only those of [backend] ("vulkan", "cuda", "cpu") if it is not null, with those that the CPU
         * renders if [software]; none but the CPU, and quickly, if [cpuOnly]. [program]: the path of `exogpu`, which then
         * checks the devices' kernels before they compute.
         */
        public fun open(
            backend: String? = null,
            software: Boolean = false,
            cpuOnly: Boolean = false,
            program: String? = null,
        ): Context = Context(Native.contextOpen(backend, software, cpuOnly, program, NativeLibrary.backends))
    }
}
