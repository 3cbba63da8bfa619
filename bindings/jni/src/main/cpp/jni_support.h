// What the native halves of the JVM binding share: errors as exceptions of com.exo.gpu, texts, bytes, and threads of
// the library that call into the JVM.
//
// No C++ exception crosses the boundary: each native method runs inside guarded().
#pragma once

#include <exogpu/exogpu.h>
#include <jni.h>

#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace exogpu::jvm {

// A failed call of the core, on its way to Java.
struct Failure {
  exogpu_code code;
  std::string message;
};
// An exception is pending in the JVM already.
struct Pending {};

inline void check(exogpu_code code) {
  if (code != EXOGPU_OK) throw Failure{code, exogpu_last_error()};
}
[[noreturn]] void refuse(std::string message);  // invalid_argument

// Has com.exo.gpu.ExogpuException thrown.
void throw_failure(JNIEnv* env, const Failure& failure);
void throw_out_of_memory(JNIEnv* env);

template <typename Call>
auto guarded(JNIEnv* env, Call call) -> decltype(call()) {
  using Value = decltype(call());
  try {
    return call();
  } catch (const Failure& failure) {
    throw_failure(env, failure);
  } catch (const Pending&) {
  } catch (const std::bad_alloc&) {
    throw_out_of_memory(env);
  }
  if constexpr (!std::is_void_v<Value>) return Value{};
}

// UTF-8 of a Java text; what is no pair of surrogates becomes U+FFFD. Errors: Failure for null.
std::string text_of(JNIEnv* env, jstring text, const char* name);
std::optional<std::string> optional_text_of(JNIEnv* env, jstring text);
std::vector<std::string> texts_of(JNIEnv* env, jobjectArray texts, const char* name);
// A Java text of UTF-8; what is none becomes U+FFFD.
jstring java_text(JNIEnv* env, std::string_view utf8);
inline const char* or_null(const std::optional<std::string>& text) { return text ? text->c_str() : nullptr; }

// The result of a call that returns a text, which it frees.
template <typename Call>
jstring java_text_of(JNIEnv* env, Call call) {
  char* text = nullptr;
  check(call(&text));
  struct Freed {
    char* text;
    ~Freed() { exogpu_free(text); }
  } const freed{text};
  return java_text(env, text);
}

jobjectArray java_texts(JNIEnv* env, const std::vector<std::string_view>& texts);
jlongArray java_longs(JNIEnv* env, const std::vector<jlong>& values);
jdoubleArray java_doubles(JNIEnv* env, const std::vector<jdouble>& values);

// Bytes [at, at + size) of an array, as a copy. Errors: Failure (null, outside).
std::vector<jbyte> bytes_of(JNIEnv* env, jbyteArray array, jint at, jint size);
// Bytes [at, at + size) of a direct buffer's memory. Errors: Failure (null, not direct, outside).
char* direct_bytes(JNIEnv* env, jobject buffer, jlong at, jlong size);

// A handle of Java, as the core has it.
template <typename Handle>
Handle handle(jlong id) {
  return Handle{static_cast<uint64_t>(id)};
}
template <typename Handle>
jlong java_handle(Handle handle) {
  return static_cast<jlong>(handle.id);
}

// The environment of this thread; a thread of the library becomes one of the JVM's daemons until it ends. Null: the JVM
// ends.
JNIEnv* env_of_this_thread();

// By JNI_OnLoad; the classes' methods are registered.
bool register_vulkan_gpu(JNIEnv* env);
bool register_calls(JNIEnv* env);
bool load_support(JavaVM* vm, JNIEnv* env);

// The tables of com.exo.gpu.Native's methods, one for each source.
std::vector<JNINativeMethod> device_methods();
std::vector<JNINativeMethod> model_methods();
std::vector<JNINativeMethod> node_methods();

// A row of a table of native methods. The JVM takes char pointers that it does not write to.
template <typename Function>
JNINativeMethod method(const char* name, const char* signature, Function function) {
  return {const_cast<char*>(name), const_cast<char*>(signature), reinterpret_cast<void*>(function)};
}

}  // namespace exogpu::jvm
