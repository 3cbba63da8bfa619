// Linked into every program that is built with a sanitizer: what happens inside libraries, which come without
// instrumentation, is left out of the reports. Our own code is looked at.

// ggml's threads are kept apart by OpenMP's barriers and atomics of its own, none of which ThreadSanitizer sees: what
// they hand each other looks like a race to it. OpenSSL reads its tables without a lock, by atomics that are not seen
// either; only what it does itself is left out, so a race of ours beside a call of it is still found.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:libggml\n"
         "race:libgomp\n"
         "called_from_lib:libcrypto.so.3\n";
}

// ggml's Vulkan devices are made once, and nothing points to them any more when the process ends; nor to what Mesa's
// processor driver keeps of the shaders that it compiled.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libggml-vulkan\n"
         "leak:libvulkan_lvp\n";
}
