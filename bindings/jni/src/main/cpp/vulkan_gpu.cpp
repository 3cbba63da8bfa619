// com.exo.gpu.VulkanGpu: ten methods over one context of the process.
#include <cstdlib>
#include <limits>
#include <mutex>

#include "jni_support.h"

namespace exogpu::jvm {
namespace {

struct Gpu {
  std::mutex mutex;
  exogpu_context context{};  // 0: not initialized
  std::vector<exogpu_device> devices;
};

Gpu& gpu() {
  static Gpu only;
  return only;
}

exogpu_device device_at(jint index) {
  Gpu& own = gpu();
  const std::lock_guard lock(own.mutex);
  if (own.context.id == 0) throw Failure{EXOGPU_FAILED_PRECONDITION, "call initializeVulkan() first"};
  if (index < 0 || static_cast<size_t>(index) >= own.devices.size()) {
    throw Failure{EXOGPU_NOT_FOUND, "there is no device " + std::to_string(index) + "; there are " +
                                        std::to_string(own.devices.size()) + ", counted from 0"};
  }
  return own.devices[static_cast<size_t>(index)];
}

exogpu_device_info info_of(exogpu_device device) {
  exogpu_device_info info{};
  info.struct_size = sizeof info;
  check(exogpu_device_describe(device, &info));
  return info;
}

// The number of a buffer's handle, as a text.
exogpu_buffer buffer_of(JNIEnv* env, jstring id) {
  const std::string text = text_of(env, id, "the handle");
  char* end = nullptr;
  const unsigned long long number = std::strtoull(text.c_str(), &end, 10);
  if (text.empty() || text[0] < '0' || text[0] > '9' || *end != '\0') {
    refuse("\"" + text.substr(0, 40) + "\" is no handle of allocateMemory()");
  }
  return {number};
}

std::vector<exogpu_device> devices_of(exogpu_context context) {
  size_t count = 0;
  check(exogpu_device_list(context, nullptr, 0, &count));
  std::vector<exogpu_device> devices(count);
  check(exogpu_device_list(context, devices.data(), count, &count));
  return devices;
}

// --- the methods

// False where there is no Vulkan device; software renderers count, behind the hardware.
jboolean initialize(JNIEnv* env, jobject) {
  return guarded(env, [&]() -> jboolean {
    Gpu& own = gpu();
    const std::lock_guard lock(own.mutex);
    if (own.context.id != 0) return JNI_TRUE;
    exogpu_context_options options{};
    options.struct_size = sizeof options;
    options.backend = "vulkan";
    options.software = 1;
    options.backends = std::getenv("EXOGPU_BACKENDS");
    exogpu_context context{};
    const exogpu_code code = exogpu_context_open(&options, &context);
    if (code == EXOGPU_NOT_FOUND || code == EXOGPU_UNAVAILABLE) return JNI_FALSE;
    check(code);
    own.devices = devices_of(context);
    own.context = context;
    return JNI_TRUE;
  });
}

// [{"device_id": "vulkan0", ...}, ...]
jstring enumerate(JNIEnv* env, jobject) {
  return guarded(env, [&] {
    Gpu& own = gpu();
    std::vector<exogpu_device> devices;
    {
      const std::lock_guard lock(own.mutex);
      if (own.context.id == 0) throw Failure{EXOGPU_FAILED_PRECONDITION, "call initializeVulkan() first"};
      devices = own.devices;
    }
    std::string all = "[";
    for (const exogpu_device& device : devices) {
      char* text = nullptr;
      check(exogpu_device_json(device, &text));
      const std::string object = text;
      exogpu_free(text);
      all += (all.size() > 1 ? "," : "") + ("{\"device_id\":\"" + std::string(info_of(device).id)) + "\"," +
             object.substr(1);
    }
    return java_text(env, all + "]");
  });
}

jstring name(JNIEnv* env, jobject, jint index) {
  return guarded(env, [&] { return java_text(env, info_of(device_at(index)).name); });
}

jlong memory(JNIEnv* env, jobject, jint index) {
  return guarded(env, [&] { return static_cast<jlong>(info_of(device_at(index)).memory_bytes); });
}

jint compute_units(JNIEnv* env, jobject, jint index) {
  return guarded(env, [&] { return static_cast<jint>(info_of(device_at(index)).compute_units); });
}

jstring allocate(JNIEnv* env, jobject, jint index, jlong size) {
  return guarded(env, [&] {
    const exogpu_device device = device_at(index);
    if (size <= 0) refuse("cannot allocate " + std::to_string(size) + " bytes");
    exogpu_buffer buffer{};
    check(exogpu_buffer_allocate(device, static_cast<uint64_t>(size), &buffer));
    return java_text(env, std::to_string(buffer.id));
  });
}

// False: there is no such buffer.
jboolean release(JNIEnv* env, jobject, jstring id) {
  return guarded(env, [&]() -> jboolean {
    const exogpu_code code = exogpu_buffer_free(buffer_of(env, id));
    if (code == EXOGPU_INVALID_ARGUMENT) return JNI_FALSE;
    check(code);
    return JNI_TRUE;
  });
}

jboolean to_device(JNIEnv* env, jobject, jstring id, jbyteArray data) {
  return guarded(env, [&]() -> jboolean {
    const exogpu_buffer buffer = buffer_of(env, id);
    if (data == nullptr) refuse("the data is null");
    const std::vector<jbyte> bytes = bytes_of(env, data, 0, env->GetArrayLength(data));
    check(exogpu_buffer_upload(buffer, 0, bytes.data(), bytes.size()));
    return JNI_TRUE;
  });
}

jbyteArray from_device(JNIEnv* env, jobject, jstring id, jlong size) {
  return guarded(env, [&] {
    const exogpu_buffer buffer = buffer_of(env, id);
    exogpu_buffer_info info{};
    info.struct_size = sizeof info;
    check(exogpu_buffer_describe(buffer, &info));
    if (size < 0 || static_cast<uint64_t>(size) > info.size || size > std::numeric_limits<jsize>::max()) {
      refuse("cannot copy " + std::to_string(size) + " bytes from a buffer of " + std::to_string(info.size));
    }
    std::vector<jbyte> bytes(static_cast<size_t>(size));
    check(exogpu_buffer_download(buffer, 0, bytes.data(), bytes.size()));
    const jbyteArray array = env->NewByteArray(static_cast<jsize>(size));
    if (array == nullptr) throw Pending{};
    env->SetByteArrayRegion(array, 0, static_cast<jsize>(size), bytes.data());
    return array;
  });
}

// All that was allocated is freed. Calls that are running end first.
void shutdown(JNIEnv* env, jobject) {
  guarded(env, [&] {
    Gpu& own = gpu();
    const std::lock_guard lock(own.mutex);
    if (own.context.id == 0) return;
    check(exogpu_context_close(own.context));
    own.context = {};
    own.devices.clear();
  });
}

}  // namespace

bool register_vulkan_gpu(JNIEnv* env) {
  const jclass type = env->FindClass("com/exo/gpu/VulkanGpu");
  if (type == nullptr) return false;
  const JNINativeMethod methods[] = {
      method("initializeVulkan", "()Z", initialize),
      method("enumerateDevices", "()Ljava/lang/String;", enumerate),
      method("getDeviceName", "(I)Ljava/lang/String;", name),
      method("getDeviceMemory", "(I)J", memory),
      method("getComputeUnits", "(I)I", compute_units),
      method("allocateMemory", "(IJ)Ljava/lang/String;", allocate),
      method("freeMemory", "(Ljava/lang/String;)Z", release),
      method("copyToDevice", "(Ljava/lang/String;[B)Z", to_device),
      method("copyFromDevice", "(Ljava/lang/String;J)[B", from_device),
      method("shutdown", "()V", shutdown),
  };
  const bool registered = env->RegisterNatives(type, methods, std::size(methods)) == JNI_OK;
  env->DeleteLocalRef(type);
  return registered;
}

}  // namespace exogpu::jvm
