/* What calls of the C interface cost; scripts/jvm --bench measures the same calls from the JVM beside it.
 *
 * usage: call_overhead [MODEL]     EXOGPU_BACKENDS: the folder of ggml's backends */
#define _POSIX_C_SOURCE 200809L
#include <exogpu/exogpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void check(exogpu_code code) {
  if (code == EXOGPU_OK) return;
  fprintf(stderr, "%s\n", exogpu_last_error());
  exit(1);
}

static exogpu_device device;
static exogpu_buffer buffer;
static char bytes[64];

static void describe(void) {
  exogpu_buffer_info info = {sizeof info, 0, {0}, NULL};
  check(exogpu_buffer_describe(buffer, &info));
}
static void upload(void) { check(exogpu_buffer_upload(buffer, 0, bytes, sizeof bytes)); }
static void allocate(void) {
  exogpu_buffer made;
  check(exogpu_buffer_allocate(device, sizeof bytes, &made));
  check(exogpu_buffer_free(made));
}

/* The least of five rounds, in nanoseconds for each call. */
static double per_call(int calls, void (*call)(void)) {
  double least = 1e18;
  for (int round = 0; round < 5; ++round) {
    const double begun = now_ns();
    for (int i = 0; i < calls; ++i) call();
    const double each = (now_ns() - begun) / calls;
    if (each < least) least = each;
  }
  return least;
}

static int by_size(const void *a, const void *b) {
  const double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* The median of five answers, in tokens for each second behind the first. */
static double stream_rate(exogpu_context context, const char *path) {
  exogpu_model_options model_options = {sizeof model_options, NULL, 2048, 0, 0, NULL};
  exogpu_model model;
  double rates[5];
  check(exogpu_model_open(context, path, &model_options, &model));
  for (int i = 0; i < 5; ++i) {
    exogpu_generate_options options;
    exogpu_generation answer;
    exogpu_piece piece = {sizeof piece, NULL, 0, 0, EXOGPU_OK};
    exogpu_generation_stats stats = {sizeof stats, 0, 0, 0, 0, 0, 0};
    exogpu_generate_options_init(&options, sizeof options);
    options.prompt = "Once upon a time";
    options.max_tokens = 128;
    options.ignore_end = 1;
    options.seed = 0;
    check(exogpu_model_generate(model, &options, &answer));
    while (!piece.end) check(exogpu_generation_next(answer, -1, &piece));
    check(exogpu_generation_stats_of(answer, &stats));
    rates[i] = stats.answer_tokens / stats.answer_s;
    check(exogpu_generation_free(answer));
  }
  qsort(rates, 5, sizeof *rates, by_size);
  return rates[2];
}

int main(int argc, char **argv) {
  exogpu_context context;
  const exogpu_context_options options = {sizeof options, NULL, 0, 1, NULL, getenv("EXOGPU_BACKENDS")};
  check(exogpu_context_open(&options, &context));
  check(exogpu_device_find(context, "cpu", &device));
  check(exogpu_buffer_allocate(device, 4096, &buffer));
  printf("describe %.0f ns\n", per_call(200000, describe));
  printf("upload 64 bytes %.0f ns\n", per_call(200000, upload));
  printf("allocate and free %.0f ns\n", per_call(20000, allocate));
  if (argc > 1) printf("stream %.1f tokens/s\n", stream_rate(context, argv[1]));
  check(exogpu_context_close(context));
  return 0;
}
