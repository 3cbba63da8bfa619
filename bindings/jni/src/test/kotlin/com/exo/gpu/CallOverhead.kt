package com.exo.gpu

import java.nio.ByteBuffer
import kotlin.system.exitProcess
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.runBlocking

/** Measures what a call costs from the JVM: `scripts/jvm --bench`, which measures the same calls from C beside it. */
object CallOverhead {
    private inline fun nanosecondsPerCall(rounds: Int, call: () -> Unit): Double {
        repeat(rounds) { call() }
        return (1..5).minOf {
            val begun = System.nanoTime()
            repeat(rounds) { call() }
            (System.nanoTime() - begun).toDouble() / rounds
        }
    }

    @JvmStatic
    fun main(arguments: Array<String>) {
        Context.open(cpuOnly = true).use { context ->
            val device = context.device("cpu")
            val buffer = device.allocate(4096)
            val bytes = ByteBuffer.allocateDirect(64)
            println("describe %.0f ns".format(nanosecondsPerCall(200_000) { buffer.size }))
            println("upload 64 bytes %.0f ns".format(nanosecondsPerCall(200_000) { buffer.uploadNow(bytes) }))
            println("allocate and free %.0f ns".format(nanosecondsPerCall(20_000) { device.allocate(64).close() }))
            if (arguments.isNotEmpty()) runBlocking {
                val model = Model.open(context, arguments[0], contextTokens = 2048)
                val rates = (1..5).map {
                    var rate = 0.0
                    val options = GenerateOptions(maxTokens = 128, ignoreEnd = true, onStats = { rate = it.answerTokens / it.answerSeconds })
                    model.complete("Once upon a time", options).collect { }
                    rate
                }
                println("stream %.1f tokens/s".format(rates.sorted()[2]))
            }
        }
        exitProcess(0)
    }
}
