package com.exo.gpu

import java.io.IOException
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardCopyOption
import java.util.Comparator

/**
 * Loads the native library once: from the folder that the system property `exogpu.native` names, else from the jar, which
 * carries one folder for each ABI, else from where the system looks.
 */
internal object NativeLibrary {
    private const val LIBRARY = "libexogpu_jni.so"

    /** The folder of ggml's backends beside the library; null: where ggml looks itself. */
    val backends: String?

    init {
        val named = System.getProperty("exogpu.native")
        val folder = if (named != null) Path.of(named) else unpacked()
        if (folder == null) {
            System.loadLibrary("exogpu_jni")
        } else {
            System.load(folder.resolve(LIBRARY).toAbsolutePath().toString())
        }
        backends = folder?.takeIf { has(it, "libggml-cpu") }?.toAbsolutePath()?.toString()
    }

    /** Has the library loaded. */
    fun load(): Unit = Unit

    private fun has(folder: Path, prefix: String): Boolean =
        Files.list(folder).use { files -> files.anyMatch { it.fileName.toString().startsWith(prefix) } }

    private fun abi(): String {
        val architecture = when (val name = System.getProperty("os.arch")) {
            "amd64", "x86_64" -> "x86_64"
            "aarch64", "arm64" -> "aarch64"
            else -> name
        }
        return "${System.getProperty("os.name").lowercase()}-$architecture"
    }

    /** The files of this ABI, in a folder of their own that goes with the process; null: the jar has none. */
    private fun unpacked(): Path? {
        val place = "/native/${abi()}"
        val index = javaClass.getResourceAsStream("$place/files") ?: return null
        val names = index.use { it.readBytes().decodeToString().lines().filter(String::isNotBlank) }
        val folder = Files.createTempDirectory("exogpu-")
        for (name in names) {
            val file = javaClass.getResourceAsStream("$place/$name") ?: throw IOException("the jar has no $place/$name")
            file.use { Files.copy(it, folder.resolve(name), StandardCopyOption.REPLACE_EXISTING) }
        }
        Runtime.getRuntime().addShutdownHook(
            Thread { Files.walk(folder).use { it.sorted(Comparator.reverseOrder()).forEach(Files::deleteIfExists) } },
        )
        return folder
    }
}
