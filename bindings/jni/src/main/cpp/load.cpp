// What the JVM calls when it loads the library: the native methods are registered by name, so nothing else is exported.
#include "jni_support.h"

extern "C" JNIEXPORT jint JNICALL JNI_OnLoad(JavaVM* vm, void*) {
  void* env = nullptr;
  if (vm->GetEnv(&env, JNI_VERSION_1_8) != JNI_OK) return JNI_ERR;
  auto* const of_thread = static_cast<JNIEnv*>(env);
  using namespace exogpu::jvm;
  if (!load_support(vm, of_thread) || !register_vulkan_gpu(of_thread) || !register_calls(of_thread)) return JNI_ERR;
  return JNI_VERSION_1_8;
}
