/* What a call of libexogpu.so costs: nanoseconds of each, the fastest of ten runs.
 *
 * usage: library_calls
 */
#include <exogpu/exogpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { CALLS = 200000, RUNS = 10 };

static exogpu_context context;
static exogpu_device cpu;
static exogpu_buffer buffer;
static unsigned char byte;

static double now_ns(void) {
  struct timespec time;
  timespec_get(&time, TIME_UTC);
  return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

static void require(exogpu_code code) {
  if (code == EXOGPU_OK) return;
  fprintf(stderr, "%s\n", exogpu_last_error());
  exit(1);
}

static void describe(void) {
  exogpu_buffer_info info = {0};
  info.struct_size = sizeof info;
  require(exogpu_buffer_describe(buffer, &info));
}
static void upload(void) { require(exogpu_buffer_upload(buffer, 0, &byte, 1)); }
static void download(void) { require(exogpu_buffer_download(buffer, 0, &byte, 1)); }
static void refused(void) {
  if (exogpu_buffer_upload(buffer, 100, &byte, 1) == EXOGPU_OK) exit(1);
}

static void measure(const char *name, void (*call)(void)) {
  double best = 1e18;
  for (int run = 0; run < RUNS; ++run) {
    const double begun = now_ns();
    for (int i = 0; i < CALLS; ++i) call();
    const double each = (now_ns() - begun) / CALLS;
    if (each < best) best = each;
  }
  printf("%-24s %8.0f ns\n", name, best);
}

int main(void) {
  exogpu_context_options options = {0};
  options.struct_size = sizeof options;
  options.cpu_only = 1;
  require(exogpu_context_open(&options, &context));
  require(exogpu_device_find(context, "cpu", &cpu));
  require(exogpu_buffer_allocate(cpu, 64, &buffer));
  measure("describe a buffer", describe);
  measure("upload a byte", upload);
  measure("download a byte", download);
  measure("an error", refused);
  require(exogpu_context_close(context));
  return 0;
}
