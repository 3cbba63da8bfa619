package com.exo.gpu

import kotlin.system.exitProcess
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.runBlocking

/** Prints the tokens per second of a stream behind its first token, the median of five; see `bench/streams.py`. */
object StreamRate {
    @JvmStatic
    fun main(arguments: Array<String>): Unit = runBlocking {
        val tokens = arguments[1].toInt()
        Context.open(cpuOnly = true).use { context ->
            Model.open(context, arguments[0], contextTokens = 256, threads = 1).use { model ->
                val rates = (0..9).map {
                    var rate = 0.0
                    val options = GenerateOptions(
                        maxTokens = tokens + 1, ignoreEnd = true, temperature = 0f,
                        onStats = { rate = (it.answerTokens - 1) / it.answerSeconds },
                    )
                    model.complete("a", options).collect { }
                    rate
                }
                // The first five are for the just-in-time compiler.
                println(rates.drop(5).sorted()[2])
            }
        }
        exitProcess(0)
    }
}
