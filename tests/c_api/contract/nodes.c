/* This process as a node of a cluster. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "contract.h"

exogpu_node_options node_options(const places *at, const char *name) {
  static const char *const cpu[] = {"cpu"};
  char folder[64];
  exogpu_node_options options;
  CLEAR(options);
  snprintf(folder, sizeof folder, "%s-state", name);
  options.state = path_in(at, folder);
  snprintf(folder, sizeof folder, "%s-cache", name);
  options.cache = path_in(at, folder);
  options.name = name;
  options.listen = "127.0.0.1:0";
  options.devices = cpu;
  options.device_count = 1;
  options.threads = 1;
  options.context_tokens = 256;
  return options;
}

void await_snapshot(exogpu_node node, const char *words) {
  uint64_t version = 0;
  for (;;) {
    char *json = NULL;
    int found;
    OK(exogpu_node_json(node, &json));
    found = json != NULL && strstr(json, words) != NULL;
    exogpu_free(json);
    if (found) return;
    if (exogpu_node_wait(node, version, 60000, &version) != EXOGPU_OK) break;
  }
  CHECK(!"the snapshot has the words");
  fprintf(stderr, "without %s\n", words);
}

static void damage(const exogpu_node_options *options, const char *file) {
  char path[4096];
  snprintf(path, sizeof path, "%s/identity/%s", options->state, file);
  write_file(path, "nothing of exogpu\n");
}

/* A node that runs has `running`'s state, and listens at `port`. */
static void what_cannot_start(exogpu_context context, const places *at, const exogpu_node_options *running,
                              uint16_t port) {
  exogpu_node_options options = node_options(at, "other");
  exogpu_node node = {0};
  char address[32];
  char *file = path_in(at, "file"), *below = path_in(at, "file/state");
  const char *connect[] = {"127.0.0.1:1"};
  FAILS(EXOGPU_INVALID_ARGUMENT, "model", exogpu_node_start(context, &options, &node));
  options.model = "no-such.gguf";
  FAILS(EXOGPU_NOT_FOUND, "no-such.gguf", exogpu_node_start(context, &options, &node));
  options.model = at->model;
  options.listen = "a:b:c";
  FAILS(EXOGPU_INVALID_ARGUMENT, "not an address", exogpu_node_start(context, &options, &node));
  snprintf(address, sizeof address, "127.0.0.1:%d", port);
  options.listen = address;
  FAILS(EXOGPU_ALREADY_EXISTS, address, exogpu_node_start(context, &options, &node));
  options = *running;
  FAILS(EXOGPU_FAILED_PRECONDITION, "runs a node with this state", exogpu_node_start(context, &options, &node));
  options = node_options(at, "open-to-all");
  options.model = at->model;
  CHECK(mkdir(options.state, 0777) == 0 && chmod(options.state, 0777) == 0);
  FAILS(EXOGPU_PERMISSION_DENIED, "chmod 700", exogpu_node_start(context, &options, &node));
  write_file(file, "a file\n");
  options.state = below;
  FAILS(EXOGPU_IO_ERROR, "file/state", exogpu_node_start(context, &options, &node));
  options = node_options(at, "damaged");
  options.model = at->model;
  OK(exogpu_node_start(context, &options, &node));
  OK(exogpu_node_stop(node));
  damage(&options, "node.crt");
  memset(&node, 0, sizeof node);
  FAILS(EXOGPU_CORRUPT, "damaged-state", exogpu_node_start(context, &options, &node));
  options = node_options(at, "joins");
  options.connect = connect;
  options.connect_count = 1;
  options.token = "no token";
  FAILS(EXOGPU_INVALID_ARGUMENT, "token", exogpu_node_start(context, &options, &node));
  CHECK(node.id == 0);
  free(file), free(below);
}

/* A token of a cluster whose secret is another. */
static void wrong_tokens(exogpu_context context, exogpu_node desk, const places *at, const char *address) {
  exogpu_node_options options = node_options(at, "stranger");
  exogpu_node node = {0};
  const char *connect[] = {"127.0.0.1:1"};
  char *token = NULL;
  options.connect = connect;
  options.connect_count = 1;
  OK(exogpu_node_token(desk, 1, 600, &token));
  options.token = token;
  FAILS(EXOGPU_UNAVAILABLE, "127.0.0.1:1", exogpu_node_start(context, &options, &node));
  /* One that another device has used up. */
  connect[0] = address;
  OK(exogpu_node_start(context, &options, &node));
  OK(exogpu_node_stop(node));
  options = node_options(at, "late");
  options.connect = connect;
  options.connect_count = 1;
  options.token = token;
  FAILS(EXOGPU_UNAUTHENTICATED, "used up", exogpu_node_start(context, &options, &node));
  exogpu_free(token);
}

typedef struct stopping {
  pthread_mutex_t mutex;
  pthread_cond_t changes;
  exogpu_node node;
  int ended;
} stopping;

static void stop_in_callback(void *user, const exogpu_piece *piece) {
  static const char words[] = "call it from another thread";
  stopping *self = (stopping *)user;
  uint64_t version = 0;
  if (!piece->end) return;
  FAILS(EXOGPU_FAILED_PRECONDITION, words, exogpu_node_stop(self->node));
  FAILS(EXOGPU_FAILED_PRECONDITION, words, exogpu_node_leave(self->node));
  FAILS(EXOGPU_FAILED_PRECONDITION, words, exogpu_node_wait(self->node, 0, 0, &version));
  pthread_mutex_lock(&self->mutex);
  self->ended = 1;
  pthread_cond_broadcast(&self->changes);
  pthread_mutex_unlock(&self->mutex);
}

static void callbacks_of(exogpu_node node, exogpu_model model) {
  exogpu_generate_options options;
  exogpu_generation generation = {0};
  stopping stopping;
  memset(&stopping, 0, sizeof stopping);
  pthread_mutex_init(&stopping.mutex, NULL);
  pthread_cond_init(&stopping.changes, NULL);
  stopping.node = node;
  exogpu_generate_options_init(&options, sizeof options);
  options.prompt = "Once";
  options.max_tokens = 2;
  options.on_piece = stop_in_callback;
  options.user = &stopping;
  OK(exogpu_model_generate(model, &options, &generation));
  pthread_mutex_lock(&stopping.mutex);
  while (!stopping.ended) pthread_cond_wait(&stopping.changes, &stopping.mutex);
  pthread_mutex_unlock(&stopping.mutex);
  OK(exogpu_generation_free(generation));
  pthread_mutex_destroy(&stopping.mutex);
  pthread_cond_destroy(&stopping.changes);
}

static void models_of(exogpu_node node, const char *name) {
  exogpu_model model = {0}, none = {0}, other = {0};
  exogpu_generation generation = {0};
  exogpu_generate_options options;
  exogpu_piece piece;
  int32_t tokens[16];
  float value = 0;
  size_t count = 0;
  char *text = NULL;
  CLEAR(piece);
  OK(exogpu_node_model(node, name, &model));
  OK(exogpu_model_tokenize(model, "Hello", 5, 0, tokens, 16, &count));
  OK(exogpu_model_detokenize(model, tokens, count, &text, NULL));
  CHECK(strcmp(text, "Hello") == 0);
  exogpu_free(text);
  OK(exogpu_model_json(model, &text));
  exogpu_free(text);
  text = NULL;
  callbacks_of(node, model);
  OK(exogpu_node_model(node, "no-such", &none));
  FAILS(EXOGPU_NOT_FOUND, "no-such", exogpu_model_json(none, &text));
  FAILS(EXOGPU_NOT_FOUND, "no-such", exogpu_model_tokenize(none, "a", 1, 0, tokens, 16, &count));
  FAILS(EXOGPU_NOT_FOUND, "no-such", exogpu_model_detokenize(none, tokens, 1, &text, NULL));
  FAILS(EXOGPU_NOT_FOUND, "no-such", exogpu_model_template(none, "[]", &text));
  FAILS(EXOGPU_NOT_FOUND, "no-such", exogpu_model_embed(none, "a", 1, &value, 1, &count));
  exogpu_generate_options_init(&options, sizeof options);
  options.prompt = "a";
  OK(exogpu_model_generate(none, &options, &generation));
  FAILS(EXOGPU_NOT_FOUND, "no-such", exogpu_generation_next(generation, -1, &piece));
  /* In the node's folder, and not loaded. */
  OK(exogpu_node_model(node, "other", &other));
  FAILS(EXOGPU_UNAVAILABLE, "is not loaded", exogpu_model_tokenize(other, "a", 1, 0, tokens, 16, &count));
  FAILS(EXOGPU_UNAVAILABLE, "is not loaded", exogpu_model_detokenize(other, tokens, 1, &text, NULL));
  FAILS(EXOGPU_UNAVAILABLE, "is not loaded", exogpu_model_template(other, "[]", &text));
  CHECK(text == NULL);
}

typedef struct waiter {
  exogpu_node node;
  pthread_mutex_t mutex;
  pthread_cond_t changes;
  long thread; /* of the system; 0: it has not begun */
} waiter;

static void *wait_until_it_ends(void *user) {
  waiter *self = (waiter *)user;
  uint64_t version = 0;
  pthread_mutex_lock(&self->mutex);
  self->thread = syscall(SYS_gettid);
  pthread_cond_broadcast(&self->changes);
  pthread_mutex_unlock(&self->mutex);
  FAILS(EXOGPU_CANCELLED, "the node ends", exogpu_node_wait(self->node, UINT64_MAX, -1, &version));
  return NULL;
}

/* 'S' for a thread that sleeps. */
static char state_of(long thread) {
  char path[64], state = 0;
  FILE *file;
  snprintf(path, sizeof path, "/proc/self/task/%ld/stat", thread);
  file = fopen(path, "r");
  if (file == NULL) return 0;
  CHECK(fscanf(file, "%*d (%*[^)]) %c", &state) == 1);
  fclose(file);
  return state;
}

/* Ends the node while another thread waits for a change of it. */
static void stop_with_waiter(exogpu_node node) {
  waiter waiter;
  pthread_t thread;
  memset(&waiter, 0, sizeof waiter);
  waiter.node = node;
  pthread_mutex_init(&waiter.mutex, NULL);
  pthread_cond_init(&waiter.changes, NULL);
  CHECK(pthread_create(&thread, NULL, wait_until_it_ends, &waiter) == 0);
  pthread_mutex_lock(&waiter.mutex);
  while (waiter.thread == 0) pthread_cond_wait(&waiter.changes, &waiter.mutex);
  pthread_mutex_unlock(&waiter.mutex);
  while (state_of(waiter.thread) != 'S') sched_yield();
  OK(exogpu_node_stop(node));
  CHECK(pthread_join(thread, NULL) == 0);
  pthread_mutex_destroy(&waiter.mutex);
  pthread_cond_destroy(&waiter.changes);
}

static void readings_and_peers(exogpu_node node) {
  exogpu_sensor_input input;
  uint64_t version = 0;
  CLEAR(input);
  input.charge = 0.05;
  input.on_battery = 1;
  input.throttled = -1;
  OK(exogpu_node_report_sensors(node, &input));
  await_snapshot(node, "\"charge_percent\":5");
  input.charge = 2;
  FAILS(EXOGPU_INVALID_ARGUMENT, "charge is 2", exogpu_node_report_sensors(node, &input));
  OK(exogpu_node_add_peer(node, "127.0.0.1:1"));
  FAILS(EXOGPU_INVALID_ARGUMENT, "not an address", exogpu_node_add_peer(node, "a:b:c"));
  OK(exogpu_node_wait(node, 0, 0, &version));
  FAILS(EXOGPU_DEADLINE_EXCEEDED, "within 1 ms", exogpu_node_wait(node, version + 1000000, 1, &version));
}

/* Its identity cannot be set aside in a folder that it must not write to. */
static void leaving(exogpu_context context, const places *at) {
  exogpu_node_options options = node_options(at, "leaves");
  exogpu_node node = {0};
  struct stat retired;
  char path[4096];
  int root = geteuid() == 0;
  options.model = at->model;
  OK(exogpu_node_start(context, &options, &node));
  OK(exogpu_node_leave(node));
  FAILS(EXOGPU_INVALID_ARGUMENT, "was freed or closed before", exogpu_node_leave(node));
  snprintf(path, sizeof path, "%s/identity.before-1", options.state);
  CHECK(stat(path, &retired) == 0);
  OK(exogpu_node_start(context, &options, &node));
  CHECK(chmod(at->folder, 0711) == 0 && chmod(options.state, 0555) == 0);
  if (root) CHECK(seteuid(65534) == 0);
  FAILS(EXOGPU_IO_ERROR, "cannot rename", exogpu_node_leave(node));
  if (root) CHECK(seteuid(0) == 0);
  CHECK(chmod(options.state, 0700) == 0);
  FAILS(EXOGPU_INVALID_ARGUMENT, "was freed or closed before", exogpu_node_stop(node));
}

void nodes(const places *at) {
  exogpu_device cpu = {0};
  exogpu_context context = open_cpu(&cpu);
  exogpu_node_options options = node_options(at, "desk");
  exogpu_node desk = {0};
  uint16_t link = 0, api = 1;
  char address[32], *models = path_in(at, "models"), *other = path_in(at, "models/other.gguf");
  const char *name = strrchr(at->model, '/') + 1;
  char stem[64];
  snprintf(stem, sizeof stem, "%.*s", (int)strcspn(name, "."), name);
  CHECK(mkdir(models, 0700) == 0 && symlink(at->model, other) == 0);
  options.model = at->model;
  options.models = models;
  OK(exogpu_node_start(context, &options, &desk));
  OK(exogpu_node_ports(desk, &link, &api));
  CHECK(link != 0 && api == 0);
  snprintf(address, sizeof address, "127.0.0.1:%d", link);
  await_snapshot(desk, "\"serving\":true");
  models_of(desk, stem);
  readings_and_peers(desk);
  what_cannot_start(context, at, &options, link);
  wrong_tokens(context, desk, at, address);
  joining(desk, &options, at, address);
  leaving(context, at);
  stop_with_waiter(desk);
  FAILS(EXOGPU_INVALID_ARGUMENT, "was freed or closed before", exogpu_node_stop(desk));
  OK(exogpu_context_close(context));
  free(models), free(other);
}
