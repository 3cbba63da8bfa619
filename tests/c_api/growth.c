/* Allocates buffers, opens and closes models, starts and stops nodes, many of each in one process, and prints after each
 * kind what the process holds: before, after the first tenth, and at the end.
 *
 *   growth MODEL FOLDER BUFFERS MODELS NODES
 *
 * Ends with 1 if the end holds more files or threads than the first tenth did, or more than a quarter of a megabyte of heap
 * that grows on. What is loaded once, such as ggml's backends, and caches that fill up to a limit, fall into that tenth.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <exogpu/exogpu.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEAP_MAX = 256 << 10 };

typedef struct held {
  size_t heap, resident; /* bytes */
  int files, threads;
} held;

static exogpu_context context;
static exogpu_device cpu;
static const char *model_path;
static char state[4096], cache[4096];

static void require(exogpu_code code) {
  if (code == EXOGPU_OK) return;
  fprintf(stderr, "%s\n", exogpu_last_error());
  exit(1);
}

static int entries(const char *folder) {
  int count = 0;
  DIR *open = opendir(folder);
  if (open == NULL) exit(1);
  while (readdir(open) != NULL) ++count;
  closedir(open);
  return count;
}

static held now(void) {
  held found;
  size_t pages = 0;
  FILE *file;
  malloc_trim(0);
  found.heap = mallinfo2().uordblks + mallinfo2().hblkhd;
  found.files = entries("/proc/self/fd");
  found.threads = entries("/proc/self/task");
  file = fopen("/proc/self/statm", "r");
  if (file == NULL || fscanf(file, "%*s %zu", &pages) != 1) exit(1);
  fclose(file);
  found.resident = pages * (size_t)sysconf(_SC_PAGESIZE);
  return found;
}

static void print(const char *when, held held) {
  printf("  %-18s %9.2f MB heap, %8.1f MB resident, %4d files, %4d threads\n", when, (double)held.heap / 1e6,
         (double)held.resident / 1e6, held.files - 3, held.threads - 2);
  fflush(stdout);
}

static void one_buffer(int i) {
  exogpu_buffer buffer;
  unsigned char byte = (unsigned char)i;
  require(exogpu_buffer_allocate(cpu, (uint64_t)(i % 4096) * 64 + 1, &buffer));
  require(exogpu_buffer_upload(buffer, 0, &byte, 1));
  require(exogpu_buffer_free(buffer));
}

static void one_model(int i) {
  exogpu_model model;
  exogpu_generation answer;
  exogpu_generate_options options;
  exogpu_model_options given = {sizeof given, "cpu", 128, 1, 0, NULL};
  exogpu_piece piece = {sizeof piece, NULL, 0, 0, EXOGPU_OK};
  require(exogpu_model_open(context, model_path, &given, &model));
  exogpu_generate_options_init(&options, sizeof options);
  options.prompt = "Once";
  options.max_tokens = 2;
  require(exogpu_model_generate(model, &options, &answer));
  while (i % 2 == 0 && !piece.end) require(exogpu_generation_next(answer, -1, &piece));
  if (i % 4 < 2) require(exogpu_generation_free(answer)); /* else it ends with its model */
  require(exogpu_model_close(model));
  if (i % 4 >= 2) require(exogpu_generation_free(answer));
}

static void one_node(int i) {
  static const char *const devices[] = {"cpu"};
  exogpu_node_options options;
  exogpu_node node;
  uint64_t version = 0;
  char *json = NULL;
  int serves = 0;
  memset(&options, 0, sizeof options);
  options.struct_size = sizeof options;
  options.state = state;
  options.cache = cache;
  options.model = model_path;
  options.listen = options.api = "127.0.0.1:0";
  options.devices = devices;
  options.device_count = 1;
  options.threads = 1;
  options.context_tokens = 128;
  require(exogpu_node_start(context, &options, &node));
  while (i % 2 == 0 && !serves) { /* the others are stopped while they start */
    require(exogpu_node_wait(node, version, 60000, &version));
    require(exogpu_node_json(node, &json));
    serves = strstr(json, "\"serving\":true") != NULL;
    exogpu_free(json);
  }
  require(exogpu_node_stop(node));
}

/* Whether the process holds no more at the end than after a tenth. */
static int holds_no_more(const char *name, int count, void (*one)(int)) {
  held tenth, end;
  int i = 0;
  if (count == 0) return 1;
  printf("%d %s\n", count, name);
  print("before", now());
  for (; i < count / 10; ++i) one(i);
  print("after a tenth", tenth = now());
  for (; i < count; ++i) one(i);
  print("at the end", end = now());
  return end.files <= tenth.files && end.threads <= tenth.threads && end.heap <= tenth.heap + HEAP_MAX;
}

int main(int argc, char **argv) {
  exogpu_context_options options = {sizeof options, NULL, 0, 1, NULL, NULL};
  int good = 1;
  if (argc < 6) return 2;
  model_path = argv[1];
  snprintf(state, sizeof state, "%s/state", argv[2]);
  snprintf(cache, sizeof cache, "%s/cache", argv[2]);
  require(exogpu_context_open(&options, &context));
  require(exogpu_device_find(context, "cpu", &cpu));
  good &= holds_no_more("buffers allocated and freed", atoi(argv[3]), one_buffer);
  good &= holds_no_more("models opened and closed", atoi(argv[4]), one_model);
  good &= holds_no_more("nodes started and stopped", atoi(argv[5]), one_node);
  require(exogpu_context_close(context));
  printf("all closed\n");
  print("at the end", now());
  return good ? 0 : 1;
}
