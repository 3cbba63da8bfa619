package com.exo.gpu

import java.nio.file.Path
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.flow.take
import kotlinx.coroutines.flow.toList
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir

/** With the model that EXOGPU_TEST_MODEL names. */
class ModelTest {
    private val path = System.getenv("EXOGPU_TEST_MODEL") ?: error("EXOGPU_TEST_MODEL names no model; use scripts/jvm")
    private val question = """[{"role": "user", "content": "Tell a story."}]"""

    private fun withModel(test: suspend (Model) -> Unit) = runBlocking {
        Context.open(cpuOnly = true).use { context -> Model.open(context, path, contextTokens = 512).use { test(it) } }
    }

    @Test
    fun `an answer comes piece by piece and says what it took`() = withModel { model ->
        var stats: GenerationStats? = null
        val options = GenerateOptions(maxTokens = 24, ignoreEnd = true, seed = 5, onStats = { stats = it })
        val pieces = model.chat(question, options).toList()
        assertTrue(pieces.size > 1, pieces.toString())
        assertEquals(24, stats!!.answerTokens)
        assertEquals(Finish.LENGTH, stats!!.finish)
        assertEquals(pieces.joinToString(""), model.chat(question, options).toList().joinToString(""), "the seed decides")
        assertTrue(model.complete("Once", GenerateOptions(maxTokens = 4)).toList().isNotEmpty())
    }

    @Test
    fun `a collector that has enough ends the answer`() = withModel { model ->
        assertEquals(2, model.chat(question, GenerateOptions(maxTokens = 400, ignoreEnd = true)).take(2).toList().size)
        // The model writes one answer at a time: this one would wait for hundreds of tokens.
        withTimeout(60_000) { model.chat(question, GenerateOptions(maxTokens = 2)).first() }
    }

    @Test
    fun `texts survive tokens and templates`() = withModel { model ->
        for (text in listOf("", "Hello", "Grüße, 世界 😀", "\u0000zero")) {
            assertEquals(text.replace("\u0000", ""), model.detokenize(model.tokenize(text.replace("\u0000", ""))))
        }
        assertArrayEquals(intArrayOf(), model.tokenize(""))
        assertTrue(model.template(question).contains("Tell a story."))
        assertTrue(model.json.contains("\"architecture\""), model.json)
        assertEquals(ErrorCode.INVALID_ARGUMENT, assertThrows(ExogpuException::class.java) { model.template("{") }.code)
        assertThrows(ExogpuException::class.java) { runBlocking { model.complete("x", GenerateOptions(maxTokens = -1)).toList() } }
        assertThrows(ExogpuException::class.java) { model.embed("x") }
    }

    @Test
    fun `a file that is none is refused`() = runBlocking<Unit> {
        Context.open(cpuOnly = true).use { context ->
            for (file in listOf("/nowhere.gguf", "/etc/passwd")) {
                assertThrows(ExogpuException::class.java, { runBlocking { Model.open(context, file) } }, file)
            }
        }
    }

    @Test
    fun `this process is a node, and a client of it`(@TempDir folder: Path) = runBlocking {
        Context.open(cpuOnly = true).use { context ->
            val options = NodeOptions(
                state = "$folder/state", cache = "$folder/cache", model = path, name = "jvm", listen = "127.0.0.1:0",
                api = "127.0.0.1:0", contextTokens = 512,
            )
            Node.start(context, options).use { node ->
                assertTrue(node.linkPort > 0 && node.apiPort > 0)
                withTimeout(120_000) { node.changes.first { it.contains("\"serving\":true") } }
                node.report(SensorInput(charge = 0.5, onBattery = true))
                withTimeout(60_000) { node.changes.first { it.contains("\"charge_percent\":50") } }
                assertTrue(node.pair().matches(Regex("[0-9]{6}")))
                Cluster.open(context, "127.0.0.1:${node.apiPort}").use { cluster ->
                    val name = Regex("\"id\":\"([^\"]+)\"").find(cluster.models)!!.groupValues[1]
                    val answer = cluster.model(name).use { it.chat(question, GenerateOptions(maxTokens = 4)).toList() }
                    assertTrue(answer.isNotEmpty())
                    assertTrue(node.model(name).use { it.chat(question, GenerateOptions(maxTokens = 4)).toList() }.isNotEmpty())
                }
                node.leave()
            }
        }
    }
}
