/* Models of files, and the answers that they write. */
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "contract.h"

static const char messages[] = "[{\"role\": \"user\", \"content\": \"Hello\"}]";

/* As a user who is not root, whom access rights do not bind. */
static void without_rights(exogpu_context context, const char *path) {
  exogpu_model model = {0};
  exogpu_ticket ticket = {0};
  int root = geteuid() == 0;
  CHECK(chmod(path, 0) == 0);
  if (root) CHECK(seteuid(65534) == 0);
  FAILS(EXOGPU_PERMISSION_DENIED, "no permission", exogpu_model_open(context, path, NULL, &model));
  OK(exogpu_model_open_async(context, path, NULL, &ticket));
  FAILS(EXOGPU_PERMISSION_DENIED, "no permission", exogpu_ticket_wait(ticket, -1));
  if (root) CHECK(seteuid(0) == 0);
  OK(exogpu_ticket_free(ticket));
}

/* The beginning of a file: its first `size` bytes. */
static char *part_of(const char *path, const places *at, size_t size) {
  char *part = path_in(at, "part.gguf");
  char *bytes = (char *)malloc(size);
  FILE *from = fopen(path, "rb"), *to = fopen(part, "wb");
  CHECK(bytes != NULL && from != NULL && to != NULL);
  CHECK(fread(bytes, 1, size, from) == size && fwrite(bytes, 1, size, to) == size);
  CHECK(fclose(from) == 0 && fclose(to) == 0);
  free(bytes);
  return part;
}

static void files_that_are_none(exogpu_context context, const places *at) {
  exogpu_model model = {0};
  exogpu_model_options options;
  char *text_file = path_in(at, "text.gguf"), *part = part_of(at->model, at, 4096), *long_name;
  char name[300];
  memset(name, 'a', sizeof name);
  name[sizeof name - 1] = '\0';
  long_name = path_in(at, name);
  write_file(text_file, "This is no model.\n");
  CLEAR(options);
  FAILS(EXOGPU_NOT_FOUND, "no-such.gguf", exogpu_model_open(context, "no-such.gguf", NULL, &model));
  FAILS(EXOGPU_INVALID_ARGUMENT, "is a folder", exogpu_model_open(context, at->folder, NULL, &model));
  FAILS(EXOGPU_UNSUPPORTED, "not a GGUF file", exogpu_model_open(context, text_file, NULL, &model));
  FAILS(EXOGPU_CORRUPT, "part.gguf", exogpu_model_open(context, part, NULL, &model));
  FAILS(EXOGPU_IO_ERROR, "name too long", exogpu_model_open(context, long_name, NULL, &model));
  options.device = "toaster";
  FAILS(EXOGPU_NOT_FOUND, "toaster", exogpu_model_open(context, at->model, &options, &model));
  options.device = NULL;
  options.chat_template = "no-such.jinja";
  FAILS(EXOGPU_NOT_FOUND, "no-such.jinja", exogpu_model_open(context, at->model, &options, &model));
  options.chat_template = NULL;
  options.context_tokens = 4000000000U;
  FAILS(EXOGPU_OUT_OF_MEMORY, "bytes are missing", exogpu_model_open(context, at->model, &options, &model));
  without_rights(context, text_file);
  CHECK(model.id == 0);
  free(text_file), free(part), free(long_name);
}

/* As above, by a ticket, which has the error. */
static void opened_later(exogpu_context context, const char *path, const exogpu_model_options *options,
                         exogpu_code code, const char *words) {
  exogpu_ticket ticket = {0};
  exogpu_model model = {0};
  OK(exogpu_model_open_async(context, path, options, &ticket));
  FAILS(code, words, exogpu_ticket_wait(ticket, -1));
  FAILS(EXOGPU_FAILED_PRECONDITION, "failed", exogpu_ticket_model(ticket, &model));
  OK(exogpu_ticket_free(ticket));
}

static void texts_and_tokens(exogpu_model model) {
  static const char text[] = "Hello, world";
  int32_t tokens[64], wrong = 1 << 30;
  size_t count = 0, all = 0, length = 0;
  char *back = NULL;
  OK(exogpu_model_tokenize(model, text, strlen(text), 0, tokens, 64, &count));
  OK(exogpu_model_tokenize(model, text, strlen(text), 0, NULL, 0, &all));
  CHECK(count > 0 && count == all);
  OK(exogpu_model_detokenize(model, tokens, count, &back, &length));
  CHECK(length == strlen(text) && strcmp(back, text) == 0);
  exogpu_free(back);
  FAILS(EXOGPU_INVALID_ARGUMENT, "1073741824", exogpu_model_detokenize(model, &wrong, 1, &back, NULL));
  OK(exogpu_model_template(model, messages, &back));
  CHECK(strstr(back, "Hello") != NULL);
  exogpu_free(back);
  FAILS(EXOGPU_INVALID_ARGUMENT, "", exogpu_model_template(model, "{", &back));
  OK(exogpu_model_json(model, &back));
  CHECK(strstr(back, "\"architecture\"") != NULL);
  exogpu_free(back);
}

static void embeddings(exogpu_context context, const places *at, exogpu_model writes) {
  exogpu_model model = {0};
  float values[4096];
  size_t count = 0;
  char longer[20000];
  memset(longer, 'a', sizeof longer);
  OK(exogpu_model_open(context, at->embeddings, NULL, &model));
  OK(exogpu_model_embed(model, "one two", 7, values, 4096, &count));
  CHECK(count > 0 && count <= 4096 && isfinite(values[0]));
  FAILS(EXOGPU_RESOURCE_EXHAUSTED, "", exogpu_model_embed(model, longer, sizeof longer, values, 4096, &count));
  FAILS(EXOGPU_INVALID_ARGUMENT, "not made for embeddings", exogpu_model_embed(writes, "a", 1, values, 4096, &count));
  OK(exogpu_model_close(model));
}

void models(const places *at) {
  exogpu_device cpu = {0};
  exogpu_context context = open_cpu(&cpu);
  exogpu_model model = {0};
  exogpu_model_options options;
  exogpu_ticket ticket = {0};
  CLEAR(options);
  files_that_are_none(context, at);
  opened_later(context, "no-such.gguf", NULL, EXOGPU_NOT_FOUND, "no-such.gguf");
  options.context_tokens = 4000000000U;
  opened_later(context, at->model, &options, EXOGPU_OUT_OF_MEMORY, "bytes are missing");
  OK(exogpu_model_open_async(context, at->model, NULL, &ticket));
  OK(exogpu_ticket_wait(ticket, -1));
  OK(exogpu_ticket_model(ticket, &model));
  OK(exogpu_ticket_free(ticket));
  OK(exogpu_model_close(model));
  FAILS(EXOGPU_INVALID_ARGUMENT, "was freed or closed before", exogpu_model_close(model));
  options.context_tokens = 512;
  options.threads = 1;
  OK(exogpu_model_open(context, at->model, &options, &model));
  texts_and_tokens(model);
  embeddings(context, at, model);
  OK(exogpu_context_close(context));
}

/* What a callback gets, and the calls that it must not make. */
typedef struct pushed {
  pthread_mutex_t mutex;
  pthread_cond_t changes;
  exogpu_context context;
  exogpu_model model;
  exogpu_generation other;
  size_t bytes;
  int ended;
} pushed;

static void on_piece(void *user, const exogpu_piece *piece) {
  static const char words[] = "call it from another thread";
  pushed *self = (pushed *)user;
  exogpu_piece next;
  CLEAR(next);
  if (piece->end) {
    FAILS(EXOGPU_FAILED_PRECONDITION, words, exogpu_generation_next(self->other, -1, &next));
    FAILS(EXOGPU_FAILED_PRECONDITION, words, exogpu_generation_free(self->other));
    FAILS(EXOGPU_FAILED_PRECONDITION, words, exogpu_model_close(self->model));
    FAILS(EXOGPU_FAILED_PRECONDITION, words, exogpu_context_close(self->context));
  }
  pthread_mutex_lock(&self->mutex);
  self->bytes += piece->length;
  if (piece->end) self->ended = 1;
  pthread_cond_broadcast(&self->changes);
  pthread_mutex_unlock(&self->mutex);
}

static exogpu_generate_options settings(const char *prompt, uint32_t max_tokens) {
  exogpu_generate_options options;
  exogpu_generate_options_init(&options, sizeof options);
  options.prompt = prompt;
  options.max_tokens = max_tokens;
  options.ignore_end = 1;
  options.temperature = 0;
  return options;
}

static void pushed_answer(exogpu_context context, exogpu_model model, exogpu_generation other) {
  exogpu_generate_options options = settings("Once", 4);
  exogpu_generation generation = {0};
  exogpu_piece piece;
  pushed pushed;
  int32_t fd = -1;
  CLEAR(piece);
  memset(&pushed, 0, sizeof pushed);
  pthread_mutex_init(&pushed.mutex, NULL);
  pthread_cond_init(&pushed.changes, NULL);
  pushed.context = context;
  pushed.model = model;
  pushed.other = other;
  options.on_piece = on_piece;
  options.user = &pushed;
  OK(exogpu_model_generate(model, &options, &generation));
  FAILS(EXOGPU_FAILED_PRECONDITION, "to its callback", exogpu_generation_next(generation, -1, &piece));
  FAILS(EXOGPU_FAILED_PRECONDITION, "to its callback", exogpu_generation_fd(generation, &fd));
  pthread_mutex_lock(&pushed.mutex);
  while (!pushed.ended) pthread_cond_wait(&pushed.changes, &pushed.mutex);
  pthread_mutex_unlock(&pushed.mutex);
  CHECK(pushed.bytes > 0);
  OK(exogpu_generation_free(generation));
  pthread_mutex_destroy(&pushed.mutex);
  pthread_cond_destroy(&pushed.changes);
}

/* The model writes one answer at a time, so the second writes nothing while the first is not at its end. */
static void waiting_answers(exogpu_model model) {
  exogpu_generate_options options = settings("Once upon a time", 0);
  exogpu_generation first = {0}, second = {0};
  exogpu_generation_stats stats;
  exogpu_piece piece;
  struct rlimit before, none;
  struct pollfd ready;
  int32_t fd = -1;
  CLEAR(stats), CLEAR(piece);
  OK(exogpu_model_generate(model, &options, &first));
  OK(exogpu_generation_next(first, -1, &piece));
  CHECK(piece.length > 0 && !piece.end);
  options.max_tokens = 2;
  OK(exogpu_model_generate(model, &options, &second));
  FAILS(EXOGPU_DEADLINE_EXCEEDED, "within 0 ms", exogpu_generation_next(second, 0, &piece));
  CHECK(piece.length == 0 && !piece.end);
  FAILS(EXOGPU_FAILED_PRECONDITION, "has not ended", exogpu_generation_stats_of(second, &stats));
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  none = before;
  none.rlim_cur = 0;
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  FAILS(EXOGPU_RESOURCE_EXHAUSTED, "", exogpu_generation_fd(second, &fd));
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0);
  OK(exogpu_generation_fd(second, &fd));
  OK(exogpu_generation_cancel(first));
  CHECK(pull(first) == EXOGPU_OK);
  OK(exogpu_generation_stats_of(first, &stats));
  CHECK(stats.finish == EXOGPU_FINISH_CANCELLED);
  ready.fd = fd;
  ready.events = POLLIN;
  CHECK(poll(&ready, 1, 60000) == 1);
  CHECK(pull(second) == EXOGPU_OK);
  OK(exogpu_generation_stats_of(second, &stats));
  CHECK(stats.finish == EXOGPU_FINISH_LENGTH && stats.answer_tokens == 2);
  OK(exogpu_generation_free(first));
  OK(exogpu_generation_free(second));
  FAILS(EXOGPU_INVALID_ARGUMENT, "was freed or closed before", exogpu_generation_free(second));
}

static void wrong_settings(exogpu_model model) {
  exogpu_generate_options options = settings("a", 2);
  exogpu_generation generation = {0};
  exogpu_generation_stats stats;
  exogpu_piece piece;
  CLEAR(stats), CLEAR(piece);
  options.messages = messages;
  FAILS(EXOGPU_INVALID_ARGUMENT, "either", exogpu_model_generate(model, &options, &generation));
  options.messages = options.prompt = NULL;
  FAILS(EXOGPU_INVALID_ARGUMENT, "either", exogpu_model_generate(model, &options, &generation));
  CHECK(generation.id == 0);
  /* What only the model's thread finds ends the answer. */
  options.prompt = "a";
  options.top_p = 7;
  OK(exogpu_model_generate(model, &options, &generation));
  FAILS(EXOGPU_INVALID_ARGUMENT, "top_p", exogpu_generation_next(generation, -1, &piece));
  CHECK(piece.end && piece.code == EXOGPU_INVALID_ARGUMENT);
  FAILS(EXOGPU_FAILED_PRECONDITION, "the answer failed", exogpu_generation_stats_of(generation, &stats));
  OK(exogpu_generation_free(generation));
}

void generations(const places *at) {
  exogpu_device cpu = {0};
  exogpu_context context = open_cpu(&cpu);
  exogpu_model_options model_options;
  exogpu_model model = {0};
  exogpu_generate_options options = settings(NULL, 4);
  exogpu_generation generation = {0};
  CLEAR(model_options);
  model_options.threads = 1;
  OK(exogpu_model_open(context, at->model, &model_options, &model));
  options.messages = messages;
  OK(exogpu_model_generate(model, &options, &generation));
  CHECK(pull(generation) == EXOGPU_OK);
  pushed_answer(context, model, generation);
  OK(exogpu_generation_free(generation));
  waiting_answers(model);
  wrong_settings(model);
  OK(exogpu_model_generate(model, &options, &generation));
  OK(exogpu_model_close(model));
  CHECK(pull(generation) == EXOGPU_OK);
  OK(exogpu_context_close(context));
}
