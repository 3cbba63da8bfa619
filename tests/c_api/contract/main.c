/* Success and every documented error of each call of exogpu.h, as a C program, or a C++ one, uses them.
 *
 *   contract MODEL EMBEDDINGS FOLDER RECORD [rendered | long]
 *
 * MODEL writes text, EMBEDDINGS gives embeddings, FOLDER is empty. Appends a line to RECORD for each call and code that it
 * expected and got: "exogpu_device_list 0". Ends with 1 if anything was not as expected; all that was not is printed. With
 * `rendered` it tests only what needs a Vulkan device that the CPU renders, with `long` only what takes half a minute.
 */
#include "contract.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static FILE *record;
static int failures;

static void fail(const char *file, int line, const char *what, const char *why) {
  ++failures;
  fprintf(stderr, "%s:%d: %s: %s\n", file, line, what, why);
}

void contract_expect(const char *call, exogpu_code got, exogpu_code wanted, const char *words, const char *file,
                     int line) {
  const char *message = exogpu_last_error();
  pthread_mutex_lock(&mutex);
  if (got != wanted) {
    fprintf(stderr, "%s instead of %s; the last message: %s\n", exogpu_code_name(got), exogpu_code_name(wanted), message);
    fail(file, line, call, "another code");
  } else if (got != EXOGPU_OK && strstr(message, words) == NULL) {
    fprintf(stderr, "\"%s\" without \"%s\"\n", message, words);
    fail(file, line, call, "another message");
  } else {
    fprintf(record, "%.*s %d\n", (int)strcspn(call, "("), call, (int)got);
  }
  pthread_mutex_unlock(&mutex);
}

int contract_failures(void) { return failures; }

void contract_check(int good, const char *what, const char *file, int line) {
  if (good) return;
  pthread_mutex_lock(&mutex);
  fail(file, line, what, "not true");
  pthread_mutex_unlock(&mutex);
}

exogpu_context open_cpu(exogpu_device *cpu) {
  exogpu_context_options options;
  exogpu_context context = {0};
  CLEAR(options);
  options.cpu_only = 1;
  OK(exogpu_context_open(&options, &context));
  OK(exogpu_device_find(context, "cpu", cpu));
  return context;
}

char *path_in(const places *at, const char *name) {
  size_t size = strlen(at->folder) + strlen(name) + 2;
  char *path = (char *)malloc(size);
  if (path == NULL) abort();
  snprintf(path, size, "%s/%s", at->folder, name);
  return path;
}

void write_file(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  CHECK(file != NULL);
  if (file == NULL) return;
  CHECK(fputs(text, file) >= 0);
  CHECK(fclose(file) == 0);
}

exogpu_code pull(exogpu_generation generation) {
  exogpu_piece piece;
  exogpu_code code = EXOGPU_OK;
  CLEAR(piece);
  while (code == EXOGPU_OK && !piece.end) code = exogpu_generation_next(generation, -1, &piece);
  return code;
}

int main(int argc, char **argv) {
  places at;
  const char *part = argc > 5 ? argv[5] : "";
  if (argc < 5) return 2;
  at.model = argv[1];
  at.embeddings = argv[2];
  at.folder = argv[3];
  record = fopen(argv[4], "a");
  if (record == NULL) return 2;
  /* So that a child of fork() has nothing to write that is its parent's. */
  setvbuf(record, NULL, _IOLBF, 0);
  if (strcmp(part, "rendered") == 0) {
    rendered_devices();
  } else if (strcmp(part, "long") == 0) {
    silent_cluster();
    too_many_contexts();
  } else {
    errors_and_versions();
    contexts();
    devices();
    buffers();
    tickets(&at);
    models(&at);
    generations(&at);
    wrong_handles(&at);
    clusters();
    nodes(&at);
  }
  if (fclose(record) != 0) return 2;
  if (failures > 0) fprintf(stderr, "%d expectations were not met\n", failures);
  return failures > 0;
}
