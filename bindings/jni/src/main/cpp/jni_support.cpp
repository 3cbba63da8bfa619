#include "jni_support.h"

#include <algorithm>
#include <utility>

namespace exogpu::jvm {
namespace {

JavaVM* vm = nullptr;
jclass exception_class = nullptr;
jmethodID exception_constructor = nullptr;

constexpr jchar kReplacement = 0xFFFD;

void append_utf8(std::string& out, char32_t c) {
  const auto byte = [&](char32_t value) { out.push_back(static_cast<char>(value)); };
  if (c < 0x80) {
    byte(c);
  } else if (c < 0x800) {
    byte(0xC0 | (c >> 6));
    byte(0x80 | (c & 0x3F));
  } else if (c < 0x10000) {
    byte(0xE0 | (c >> 12));
    byte(0x80 | ((c >> 6) & 0x3F));
    byte(0x80 | (c & 0x3F));
  } else {
    byte(0xF0 | (c >> 18));
    byte(0x80 | ((c >> 12) & 0x3F));
    byte(0x80 | ((c >> 6) & 0x3F));
    byte(0x80 | (c & 0x3F));
  }
}

bool is_high(jchar c) { return c >= 0xD800 && c < 0xDC00; }
bool is_low(jchar c) { return c >= 0xDC00 && c < 0xE000; }

std::string utf8_of(const std::vector<jchar>& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (is_high(text[i]) && i + 1 < text.size() && is_low(text[i + 1])) {
      append_utf8(out, 0x10000 + ((char32_t{text[i]} - 0xD800) << 10) + (text[i + 1] - 0xDC00));
      ++i;
    } else {
      append_utf8(out, is_high(text[i]) || is_low(text[i]) ? kReplacement : text[i]);
    }
  }
  return out;
}

// The character at the beginning of `text`, which is not empty, and its length; of what is none, U+FFFD and 1.
std::pair<char32_t, size_t> first_of(std::string_view text) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  if (at(0) < 0x80) return {at(0), 1};
  const size_t length = at(0) >= 0xF0 ? 4 : at(0) >= 0xE0 ? 3 : 2;
  constexpr char32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  if (at(0) < 0xC2 || at(0) > 0xF4 || text.size() < length) return {kReplacement, 1};
  char32_t c = at(0) & (0x7F >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return {kReplacement, 1};
    c = (c << 6) | (at(i) & 0x3F);
  }
  if (c < kLeast[length] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return {kReplacement, 1};
  return {c, length};
}

std::vector<jchar> utf16_of(std::string_view text) {
  std::vector<jchar> out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [c, length] = first_of(text);
    if (c >= 0x10000) {
      out.push_back(static_cast<jchar>(0xD800 + ((c - 0x10000) >> 10)));
      out.push_back(static_cast<jchar>(0xDC00 + ((c - 0x10000) & 0x3FF)));
    } else {
      out.push_back(static_cast<jchar>(c));
    }
    text.remove_prefix(length);
  }
  return out;
}

template <typename Made>
Made or_pending(Made made) {
  if (made == nullptr) throw Pending{};
  return made;
}

}  // namespace

bool load_support(JavaVM* machine, JNIEnv* env) {
  vm = machine;
  const jclass found = env->FindClass("com/exo/gpu/ExogpuException");
  if (found == nullptr) return false;
  exception_class = static_cast<jclass>(env->NewGlobalRef(found));
  env->DeleteLocalRef(found);
  exception_constructor = env->GetMethodID(exception_class, "<init>", "(ILjava/lang/String;)V");
  return exception_constructor != nullptr;
}

void refuse(std::string message) { throw Failure{EXOGPU_INVALID_ARGUMENT, std::move(message)}; }

void throw_failure(JNIEnv* env, const Failure& failure) {
  guarded(env, [&] {
    const jstring message = java_text(env, failure.message);
    const jobject error = env->NewObject(exception_class, exception_constructor, jint{failure.code}, message);
    env->DeleteLocalRef(message);
    if (error == nullptr) return;
    env->Throw(static_cast<jthrowable>(error));
    env->DeleteLocalRef(error);
  });
}

void throw_out_of_memory(JNIEnv* env) {
  const jclass type = env->FindClass("java/lang/OutOfMemoryError");
  if (type == nullptr) return;
  env->ThrowNew(type, "the native heap has no more memory");
  env->DeleteLocalRef(type);
}

std::string text_of(JNIEnv* env, jstring text, const char* name) {
  if (text == nullptr) refuse(std::string(name) + " is null");
  std::vector<jchar> characters(static_cast<size_t>(env->GetStringLength(text)));
  env->GetStringRegion(text, 0, static_cast<jsize>(characters.size()), characters.data());
  if (env->ExceptionCheck()) throw Pending{};
  return utf8_of(characters);
}

std::optional<std::string> optional_text_of(JNIEnv* env, jstring text) {
  if (text == nullptr) return std::nullopt;
  return text_of(env, text, "");
}

std::vector<std::string> texts_of(JNIEnv* env, jobjectArray texts, const char* name) {
  if (texts == nullptr) refuse(std::string(name) + " is null");
  std::vector<std::string> all;
  const jsize count = env->GetArrayLength(texts);
  for (jsize i = 0; i < count; ++i) {
    const auto each = static_cast<jstring>(env->GetObjectArrayElement(texts, i));
    if (env->ExceptionCheck()) throw Pending{};
    all.push_back(text_of(env, each, name));
    env->DeleteLocalRef(each);
  }
  return all;
}

jstring java_text(JNIEnv* env, std::string_view utf8) {
  const std::vector<jchar> characters = utf16_of(utf8);
  const jchar* const data = characters.empty() ? &kReplacement : characters.data();  // not null
  return or_pending(env->NewString(data, static_cast<jsize>(characters.size())));
}

jobjectArray java_texts(JNIEnv* env, const std::vector<std::string_view>& texts) {
  const jclass type = or_pending(env->FindClass("java/lang/String"));
  const jobjectArray array = or_pending(env->NewObjectArray(static_cast<jsize>(texts.size()), type, nullptr));
  for (size_t i = 0; i < texts.size(); ++i) {
    const jstring text = java_text(env, texts[i]);
    env->SetObjectArrayElement(array, static_cast<jsize>(i), text);
    env->DeleteLocalRef(text);
  }
  env->DeleteLocalRef(type);
  return array;
}

jlongArray java_longs(JNIEnv* env, const std::vector<jlong>& values) {
  const jlongArray array = or_pending(env->NewLongArray(static_cast<jsize>(values.size())));
  env->SetLongArrayRegion(array, 0, static_cast<jsize>(values.size()), values.data());
  return array;
}

jdoubleArray java_doubles(JNIEnv* env, const std::vector<jdouble>& values) {
  const jdoubleArray array = or_pending(env->NewDoubleArray(static_cast<jsize>(values.size())));
  env->SetDoubleArrayRegion(array, 0, static_cast<jsize>(values.size()), values.data());
  return array;
}

std::vector<jbyte> bytes_of(JNIEnv* env, jbyteArray array, jint at, jint size) {
  if (array == nullptr) refuse("the array is null");
  const jsize length = env->GetArrayLength(array);
  if (at < 0 || size < 0 || size > length - at) {
    refuse("bytes " + std::to_string(at) + " to " + std::to_string(int64_t{at} + size) + " of an array of " +
           std::to_string(length));
  }
  std::vector<jbyte> bytes(static_cast<size_t>(size));
  env->GetByteArrayRegion(array, at, size, bytes.data());
  return bytes;
}

char* direct_bytes(JNIEnv* env, jobject buffer, jlong at, jlong size) {
  if (buffer == nullptr) refuse("the buffer is null");
  auto* const address = static_cast<char*>(env->GetDirectBufferAddress(buffer));
  const jlong capacity = env->GetDirectBufferCapacity(buffer);
  if (address == nullptr || capacity < 0) refuse("the buffer is not direct: make it with ByteBuffer.allocateDirect()");
  if (at < 0 || size < 0 || at > capacity || size > capacity - at) {
    refuse("bytes " + std::to_string(at) + " and " + std::to_string(size) + " more of a buffer of " +
           std::to_string(capacity));
  }
  return address + at;
}

JNIEnv* env_of_this_thread() {
  void* env = nullptr;
  if (vm->GetEnv(&env, JNI_VERSION_1_8) == JNI_OK) return static_cast<JNIEnv*>(env);
  JavaVMAttachArgs arguments{JNI_VERSION_1_8, const_cast<char*>("exogpu"), nullptr};
  if (vm->AttachCurrentThreadAsDaemon(&env, &arguments) != JNI_OK) return nullptr;
  struct Attached {
    ~Attached() { vm->DetachCurrentThread(); }
  };
  thread_local const Attached attached;
  (void)attached;
  return static_cast<JNIEnv*>(env);
}

}  // namespace exogpu::jvm
