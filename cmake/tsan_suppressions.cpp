// Linked into every test that runs under ThreadSanitizer.
//
// ggml's libraries come without instrumentation and keep their threads apart with OpenMP's barriers and atomics of their
// own, none of which the sanitizer sees: what their threads hand each other looks like a race to it. Only reports with
// a frame inside those libraries are left out; our own threads are checked.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:libggml\n"
         "race:libgomp\n";
}
