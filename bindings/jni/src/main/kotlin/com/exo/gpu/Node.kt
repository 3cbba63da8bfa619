package com.exo.gpu

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOn

/** As `exogpu_node_options`; what is null, 0 or empty is the default. */
public data class NodeOptions(
    /** The folder of the node's identity. */
    val state: String,
    /** The folder of weights from other nodes. */
    val cache: String,
    /** The folder of models that requests may name. */
    val models: String? = null,
    /** A GGUF file that the cluster is to serve. */
    val model: String? = null,
    /** For people. */
    val name: String? = null,
    /** "[HOST]:PORT" where other nodes connect; port 0: any free one. */
    val listen: String? = null,
    /** "HOST:PORT" at which others reach it, if that is elsewhere. */
    val advertise: String? = null,
    /** "[HOST]:PORT" of the API for clients; null: no API. */
    val api: String? = null,
    /** That clients must send. */
    val apiKey: String? = null,
    /** To join the cluster of [connect] first. */
    val token: String? = null,
    /** Nodes of the cluster: "HOST[:PORT]". */
    val connect: List<String> = emptyList(),
    /** By id; none: all but software renderers. */
    val devices: List<String> = emptyList(),
    /** Finds nodes of its cluster on the local network, and shows itself there. */
    val discover: Boolean = false,
    /** Of the CPU. */
    val threads: Int = 0,
    /** Of the longest conversation with [model]. */
    val contextTokens: Int = 0,
    /** Of each device. */
    val memoryBytesMax: Long = 0,
)

/** Readings of sensors that the library cannot read, such as those of a phone; NaN and null: as the library reads them. */
public data class SensorInput(
    /** 0 to 1 of the battery. */
    val charge: Double = Double.NaN,
    /** Whether the device runs on its battery. */
    val onBattery: Boolean? = null,
    /** Whether the devices slow down to cool. */
    val throttled: Boolean? = null,
    /** Of the devices, in degrees Celsius. */
    val temperatureC: Double = Double.NaN,
    /** At which the devices protect themselves. */
    val temperatureLimitC: Double = Double.NaN,
)

/** This process as a part of a cluster. */
public class Node private constructor(id: Long) : Handle(id, Native::nodeStop) {
    /** Where other nodes connect. */
    public val linkPort: Int
        get() = Native.nodePorts(id)[0].toInt()

    /** Where clients connect; 0: nowhere. */
    public val apiPort: Int
        get() = Native.nodePorts(id)[1].toInt()

    /** The cluster as the node knows it: what `GET /v1/cluster` answers. */
    public val json: String
        get() = Native.nodeJson(id)

    /** The cluster now, and again whenever it has changed. */
    public val changes: Flow<String> = flow {
        var version = 0L
        while (true) {
            val newer = Native.nodeWait(id, version, LOOK_MS)
            currentCoroutineContext().ensureActive()
            if (newer < 0) continue
            version = newer
            emit(json)
        }
    }.flowOn(Dispatchers.IO)

    /** A model that the cluster serves, or loads when it is asked for. */
    public fun model(name: String): Model = Model(Native.nodeModel(id, name))

    /** A token with which [uses] devices may join within [lifetimeS] seconds. */
    public fun token(uses: Int = 1, lifetimeS: Int = 3600): String = Native.nodeToken(id, uses, lifetimeS)

    /** A code of six digits with which one device may join within two minutes. */
    public fun pair(): String = Native.nodePair(id)

    /** Lets the device in that shows this code. */
    public fun approve(code: String): Unit = Native.nodeApprove(id, code)

    /** Connects to a node that the system's own discovery found: "HOST:PORT". */
    public fun addPeer(address: String): Unit = Native.nodeAddPeer(id, address)

    /** Takes the place of the library's own readings until the next call. */
    public fun report(sensors: SensorInput): Unit = with(sensors) {
        Native.nodeReportSensors(id, charge, numberOf(onBattery), numberOf(throttled), temperatureC, temperatureLimitC)
    }

    private fun numberOf(value: Boolean?): Int = if (value == null) -1 else if (value) 1 else 0

    /** Has plans do without its devices, ends the node and retires its identity. */
    public fun leave() {
        Native.nodeLeave(id)
        close()
    }

    /** Starts nodes. */
    public companion object {
        private const val LOOK_MS = 100L

        /** Waits until the node listens, and with a token until it has joined. */
        public fun start(context: Context, options: NodeOptions): Node = with(options) {
            val texts = arrayOf(state, cache, models, model, name, listen, advertise, api, apiKey, token)
            Node(
                Native.nodeStart(
                    context.id, texts, connect.toTypedArray(), devices.toTypedArray(), discover, threads, contextTokens,
                    memoryBytesMax,
                ),
            )
        }

        /** Makes [state] that of a member of a cluster, by the code that a device of it shows; see `exogpu_join`. */
        public fun join(state: String, code: String, address: String? = null): Unit = Native.join(state, code, address)
    }
}
