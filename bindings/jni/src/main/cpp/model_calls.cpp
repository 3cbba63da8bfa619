// com.exo.gpu.Native: models and generations.
#include "jni_support.h"

namespace exogpu::jvm {
namespace {

struct ModelOptions {
  std::optional<std::string> device, chat_template;
  exogpu_model_options options{};
  ModelOptions(JNIEnv* env, jstring on, jint context_tokens, jint threads, jint batch_tokens, jstring template_path)
      : device(optional_text_of(env, on)), chat_template(optional_text_of(env, template_path)) {
    if (context_tokens < 0 || threads < 0 || batch_tokens < 0) refuse("a number of tokens or threads is negative");
    options.struct_size = sizeof options;
    options.device = or_null(device);
    options.context_tokens = static_cast<uint32_t>(context_tokens);
    options.threads = static_cast<uint32_t>(threads);
    options.batch_tokens = static_cast<uint32_t>(batch_tokens);
    options.chat_template = or_null(chat_template);
  }
};

jlong model_open(JNIEnv* env, jclass, jlong context, jstring path, jstring device, jint context_tokens, jint threads,
                 jint batch_tokens, jstring chat_template) {
  return guarded(env, [&] {
    const ModelOptions own(env, device, context_tokens, threads, batch_tokens, chat_template);
    exogpu_model model{};
    check(exogpu_model_open(handle<exogpu_context>(context), text_of(env, path, "the path").c_str(), &own.options,
                            &model));
    return java_handle(model);
  });
}

jlong model_open_async(JNIEnv* env, jclass, jlong context, jstring path, jstring device, jint context_tokens,
                       jint threads, jint batch_tokens, jstring chat_template) {
  return guarded(env, [&] {
    const ModelOptions own(env, device, context_tokens, threads, batch_tokens, chat_template);
    exogpu_ticket ticket{};
    check(exogpu_model_open_async(handle<exogpu_context>(context), text_of(env, path, "the path").c_str(), &own.options,
                                  &ticket));
    return java_handle(ticket);
  });
}

void model_close(JNIEnv* env, jclass, jlong model) {
  guarded(env, [&] { check(exogpu_model_close(handle<exogpu_model>(model))); });
}

jstring model_json(JNIEnv* env, jclass, jlong model) {
  return guarded(env, [&] {
    return java_text_of(env, [&](char** text) { return exogpu_model_json(handle<exogpu_model>(model), text); });
  });
}

jintArray model_tokenize(JNIEnv* env, jclass, jlong model, jstring text, jboolean add_special, jboolean parse_special) {
  return guarded(env, [&] {
    const std::string own = text_of(env, text, "the text");
    const uint32_t flags =
        (add_special ? EXOGPU_TOKENIZE_ADD_SPECIAL : 0) | (parse_special ? EXOGPU_TOKENIZE_PARSE_SPECIAL : 0);
    // A token has a byte at least; special ones come in addition.
    std::vector<int32_t> tokens(own.size() + 8);
    size_t count = 0;
    const auto ask = [&] {
      check(exogpu_model_tokenize(handle<exogpu_model>(model), own.data(), own.size(), flags, tokens.data(),
                                  tokens.size(), &count));
    };
    ask();
    if (count > tokens.size()) {
      tokens.resize(count);
      ask();
    }
    const jintArray array = env->NewIntArray(static_cast<jsize>(count));
    if (array == nullptr) throw Pending{};
    env->SetIntArrayRegion(array, 0, static_cast<jsize>(count), tokens.data());
    return array;
  });
}

jstring model_detokenize(JNIEnv* env, jclass, jlong model, jintArray tokens) {
  return guarded(env, [&] {
    if (tokens == nullptr) refuse("the tokens are null");
    std::vector<jint> own(static_cast<size_t>(env->GetArrayLength(tokens)));
    env->GetIntArrayRegion(tokens, 0, static_cast<jsize>(own.size()), own.data());
    char* text = nullptr;
    size_t length = 0;
    check(exogpu_model_detokenize(handle<exogpu_model>(model), own.data(), own.size(), &text, &length));
    const std::string copy(text, length);
    exogpu_free(text);
    return java_text(env, copy);
  });
}

jstring model_template(JNIEnv* env, jclass, jlong model, jstring messages) {
  return guarded(env, [&] {
    const std::string own = text_of(env, messages, "the messages");
    return java_text_of(
        env, [&](char** text) { return exogpu_model_template(handle<exogpu_model>(model), own.c_str(), text); });
  });
}

jfloatArray model_embed(JNIEnv* env, jclass, jlong model, jstring text) {
  return guarded(env, [&] {
    const std::string own = text_of(env, text, "the text");
    std::vector<float> values(4096);
    size_t count = 0;
    const auto ask = [&] {
      check(exogpu_model_embed(handle<exogpu_model>(model), own.data(), own.size(), values.data(), values.size(),
                               &count));
    };
    ask();
    if (count > values.size()) {
      values.resize(count);
      ask();
    }
    const jfloatArray array = env->NewFloatArray(static_cast<jsize>(count));
    if (array == nullptr) throw Pending{};
    env->SetFloatArrayRegion(array, 0, static_cast<jsize>(count), values.data());
    return array;
  });
}

// `numbers`: temperature, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty; NaN: the default.
void set_numbers(JNIEnv* env, jfloatArray numbers, exogpu_generate_options& options) {
  float* const fields[] = {
      &options.temperature,      &options.top_p, &options.min_p, &options.repeat_penalty, &options.presence_penalty,
      &options.frequency_penalty};
  if (numbers == nullptr || env->GetArrayLength(numbers) != static_cast<jsize>(std::size(fields))) {
    refuse("six numbers are needed");
  }
  float values[std::size(fields)];
  env->GetFloatArrayRegion(numbers, 0, static_cast<jsize>(std::size(fields)), values);
  for (size_t i = 0; i < std::size(fields); ++i) {
    if (values[i] == values[i]) *fields[i] = values[i];
  }
}

jlong generate(JNIEnv* env, jclass, jlong model, jstring messages, jstring prompt, jstring variables,
               jobjectArray stops, jint max_tokens, jboolean ignore_end, jfloatArray numbers, jint top_k, jlong seed) {
  return guarded(env, [&] {
    const auto own_messages = optional_text_of(env, messages), own_prompt = optional_text_of(env, prompt),
               own_variables = optional_text_of(env, variables);
    const std::vector<std::string> own_stops = texts_of(env, stops, "a stop text");
    std::vector<const char*> stop_list;
    for (const std::string& stop : own_stops) stop_list.push_back(stop.c_str());
    if (max_tokens < 0) refuse("max_tokens is " + std::to_string(max_tokens));
    exogpu_generate_options options;
    exogpu_generate_options_init(&options, sizeof options);
    options.messages = or_null(own_messages);
    options.prompt = or_null(own_prompt);
    options.variables = or_null(own_variables);
    options.stops = stop_list.data();
    options.stop_count = stop_list.size();
    options.max_tokens = static_cast<uint32_t>(max_tokens);
    options.ignore_end = ignore_end;
    set_numbers(env, numbers, options);
    if (top_k >= 0) options.top_k = static_cast<uint32_t>(top_k);
    options.seed = static_cast<uint64_t>(seed);
    exogpu_generation generation{};
    check(exogpu_model_generate(handle<exogpu_model>(model), &options, &generation));
    return java_handle(generation);
  });
}

// A piece of the answer; an empty text: none came in time; null: the answer has ended.
jstring generation_next(JNIEnv* env, jclass, jlong generation, jlong timeout_ms) {
  return guarded(env, [&]() -> jstring {
    exogpu_piece piece{};
    piece.struct_size = sizeof piece;
    const exogpu_code code = exogpu_generation_next(handle<exogpu_generation>(generation), timeout_ms, &piece);
    if (code == EXOGPU_DEADLINE_EXCEEDED && piece.end == 0) return java_text(env, "");
    check(code);
    return piece.end != 0 ? nullptr : java_text(env, {piece.text, piece.length});
  });
}

// In the order of exogpu_generation_stats.
jdoubleArray generation_stats(JNIEnv* env, jclass, jlong generation) {
  return guarded(env, [&] {
    exogpu_generation_stats s{};
    s.struct_size = sizeof s;
    check(exogpu_generation_stats_of(handle<exogpu_generation>(generation), &s));
    return java_doubles(
        env, {static_cast<jdouble>(s.finish), static_cast<jdouble>(s.prompt_tokens),
              static_cast<jdouble>(s.prompt_reused), static_cast<jdouble>(s.answer_tokens), s.prompt_s, s.answer_s});
  });
}

void generation_free(JNIEnv* env, jclass, jlong generation) {
  guarded(env, [&] { check(exogpu_generation_free(handle<exogpu_generation>(generation))); });
}

}  // namespace

std::vector<JNINativeMethod> model_methods() {
  return {
      method("modelOpen", "(JLjava/lang/String;Ljava/lang/String;IIILjava/lang/String;)J", model_open),
      method("modelOpenAsync", "(JLjava/lang/String;Ljava/lang/String;IIILjava/lang/String;)J", model_open_async),
      method("modelClose", "(J)V", model_close),
      method("modelJson", "(J)Ljava/lang/String;", model_json),
      method("modelTokenize", "(JLjava/lang/String;ZZ)[I", model_tokenize),
      method("modelDetokenize", "(J[I)Ljava/lang/String;", model_detokenize),
      method("modelTemplate", "(JLjava/lang/String;)Ljava/lang/String;", model_template),
      method("modelEmbed", "(JLjava/lang/String;)[F", model_embed),
      method("generate", "(JLjava/lang/String;Ljava/lang/String;Ljava/lang/String;[Ljava/lang/String;IZ[FIJ)J",
             generate),
      method("generationNext", "(JJ)Ljava/lang/String;", generation_next),
      method("generationStats", "(J)[D", generation_stats),
      method("generationFree", "(J)V", generation_free),
  };
}

}  // namespace exogpu::jvm
