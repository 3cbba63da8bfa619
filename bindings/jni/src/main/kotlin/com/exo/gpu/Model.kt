package com.exo.gpu

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.currentCoroutineContext
import kotlinx.coroutines.ensureActive
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.flowOn

/** What ends an answer. */
public enum class Finish {
    /** The model ended its answer. */
    END,

    /** One of the stops came. */
    STOP,

    /** As many tokens as were asked for. */
    LENGTH,

    /** The context is full. */
    CONTEXT,

    /** It was cancelled. */
    CANCELLED,
}

/** What an answer took. */
public data class GenerationStats(
    /** What ended it. */
    val finish: Finish,
    /** Of a cluster's model 0 where its API does not say. */
    val promptTokens: Int,
    /** Of these, already in the cache. */
    val promptReused: Int,
    /** Of the answer. */
    val answerTokens: Int,
    /** Until the first token. */
    val promptSeconds: Double,
    /** From then on. */
    val answerSeconds: Double,
)

/** How an answer is written. What is NaN, null or 0 is as with `exogpu run`. */
public data class GenerateOptions(
    /** A JSON object of further variables for the model's template: `{"enable_thinking": false}`. */
    val variables: String? = null,
    /** Texts that end the answer. */
    val stops: List<String> = emptyList(),
    /** 0: until the context is full. */
    val maxTokens: Int = 0,
    /** Goes on where the model would end. */
    val ignoreEnd: Boolean = false,
    /** 0: always the likeliest token. */
    val temperature: Float = Float.NaN,
    /** The likeliest tokens that together have this probability. */
    val topP: Float = Float.NaN,
    /** Tokens with at least this share of the likeliest one's probability. */
    val minP: Float = Float.NaN,
    /** Divides the score of tokens that came lately. */
    val repeatPenalty: Float = Float.NaN,
    /** Taken from the score of tokens that came. */
    val presencePenalty: Float = Float.NaN,
    /** Taken from the score of tokens as often as they came. */
    val frequencyPenalty: Float = Float.NaN,
    /** The likeliest tokens, this many; 0: all. */
    val topK: Int? = null,
    /** The same seed gives the same text. */
    val seed: Long = 0,
    /** Gets what the answer took, once it has ended. */
    val onStats: ((GenerationStats) -> Unit)? = null,
)

/** A model of a file, of a cluster, or of a node: tokenizes, renders conversations, embeds texts, and writes answers. */
public class Model internal constructor(id: Long) : Handle(id, Native::modelClose) {
    /** A JSON object: `name`, `architecture`, `context_tokens`, `embeddings`, and what else is known. */
    public val json: String
        get() = Native.modelJson(id)

    /**
     * The tokens of [text]: with those that the model puts around a text if [addSpecial]; a text such as "<|im_end|>" is
     * that one token if [parseSpecial].
     */
    public fun tokenize(text: String, addSpecial: Boolean = false, parseSpecial: Boolean = false): IntArray =
        Native.modelTokenize(id, text, addSpecial, parseSpecial)

    /** The text of [tokens]. */
    public fun detokenize(tokens: IntArray): String = Native.modelDetokenize(id, tokens)

    /** A conversation, a JSON array as OpenAI's API has it, as the model's template writes it. */
    public fun template(messages: String): String = Native.modelTemplate(id, messages)

    /** Waits for the device. */
    public fun embed(text: String): FloatArray = Native.modelEmbed(id, text)

    /** The answer to a conversation (a JSON array as OpenAI's API has it), piece by piece. */
    public fun chat(messages: String, options: GenerateOptions = GenerateOptions()): Flow<String> =
        answer(messages, null, options)

    /** A text that continues [prompt], piece by piece. */
    public fun complete(prompt: String, options: GenerateOptions = GenerateOptions()): Flow<String> =
        answer(null, prompt, options)

    // Each collection is an answer of its own. One that is cancelled ends its answer.
    private fun answer(messages: String?, prompt: String?, options: GenerateOptions): Flow<String> = flow {
        val numbers = with(options) { floatArrayOf(temperature, topP, minP, repeatPenalty, presencePenalty, frequencyPenalty) }
        val generation = Native.generate(
            id, messages, prompt, options.variables, options.stops.toTypedArray(), options.maxTokens, options.ignoreEnd,
            numbers, options.topK ?: -1, options.seed,
        )
        try {
            while (true) {
                val piece = Native.generationNext(generation, LOOK_MS) ?: break
                currentCoroutineContext().ensureActive()
                if (piece.isNotEmpty()) emit(piece)
            }
            options.onStats?.invoke(statsOf(Native.generationStats(generation)))
        } finally {
            Native.generationFree(generation)
        }
    }.flowOn(Dispatchers.IO)

    private fun statsOf(values: DoubleArray) = GenerationStats(
        Finish.entries[values[0].toInt()], values[1].toInt(), values[2].toInt(), values[3].toInt(), values[4], values[5],
    )

    /** Opens models. */
    public companion object {
        /** Between two looks whether the coroutine was cancelled; pieces come at once. */
        private const val LOOK_MS = 50L

        /** Loads a GGUF file to a device of the context: [device] as for [Context.device]; 0: the defaults. */
        public suspend fun open(
            context: Context,
            path: String,
            device: String? = null,
            contextTokens: Int = 0,
            threads: Int = 0,
            batchTokens: Int = 0,
            chatTemplate: String? = null,
        ): Model {
            val ticket = Native.modelOpenAsync(context.id, path, device, contextTokens, threads, batchTokens, chatTemplate)
            return Model(await(ticket) { Native.ticketModel(it) })
        }

        /** As [open]; the caller waits. */
        public fun openNow(
            context: Context,
            path: String,
            device: String? = null,
            contextTokens: Int = 0,
            threads: Int = 0,
            batchTokens: Int = 0,
            chatTemplate: String? = null,
        ): Model =
            Model(Native.modelOpen(context.id, path, device, contextTokens, threads, batchTokens, chatTemplate))
    }
}
