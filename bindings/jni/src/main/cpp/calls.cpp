// com.exo.gpu.Native: the calls of exogpu.h, call by call.
#include "jni_support.h"

namespace exogpu::jvm {

bool register_calls(JNIEnv* env) {
  const jclass type = env->FindClass("com/exo/gpu/Native");
  if (type == nullptr) return false;
  bool registered = true;
  for (const auto& table : {device_methods(), model_methods(), node_methods()}) {
    registered = registered && env->RegisterNatives(type, table.data(), static_cast<jint>(table.size())) == JNI_OK;
  }
  env->DeleteLocalRef(type);
  return registered;
}

}  // namespace exogpu::jvm
