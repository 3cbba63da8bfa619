import com.exo.gpu.Context
import com.exo.gpu.GenerateOptions
import com.exo.gpu.Model
import kotlinx.coroutines.runBlocking

fun main(arguments: Array<String>): Unit = runBlocking {
    Context.open().use { context ->
        Model.open(context, arguments[0]).use { model ->
            model.chat(arguments[1], GenerateOptions(maxTokens = 32)).collect { print(it) }
        }
    }
}
