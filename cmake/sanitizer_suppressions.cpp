// Linked into every test that runs under a sanitizer: what happens inside ggml's libraries, which come without
// instrumentation, is left out of the reports. Our own code is looked at.

// Its threads are kept apart by OpenMP's barriers and atomics of its own, none of which ThreadSanitizer sees: what they
// hand each other looks like a race to it.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:libggml\n"
         "race:libgomp\n";
}

// Its Vulkan devices are made once, and nothing points to them any more when the process ends.
extern "C" const char* __lsan_default_suppressions();
extern "C" const char* __lsan_default_suppressions() { return "leak:libggml-vulkan\n"; }
