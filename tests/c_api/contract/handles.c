/* Handles that name nothing, or something else: every call refuses them. */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

static void quiet_ticket(void *user, exogpu_code code, const char *message) {
  (void)user, (void)code, (void)message;
}

static void contexts_and_devices(const handles *h, exogpu_code code, const char *words) {
  exogpu_device device = {0};
  exogpu_ticket ticket = {0};
  exogpu_device_info info;
  exogpu_memory_info memory;
  exogpu_readings readings;
  size_t count = 77;
  char *text = NULL;
  CLEAR(info), CLEAR(memory), CLEAR(readings);
  FAILS(code, words, exogpu_context_close(h->context));
  FAILS(code, words, exogpu_device_list(h->context, &device, 1, &count));
  FAILS(code, words, exogpu_device_find(h->context, "cpu", &device));
  FAILS(code, words, exogpu_device_describe(h->device, &info));
  FAILS(code, words, exogpu_device_json(h->device, &text));
  FAILS(code, words, exogpu_device_memory(h->device, &memory));
  FAILS(code, words, exogpu_device_read_sensors(h->device, &readings));
  FAILS(code, words, exogpu_device_synchronize(h->device));
  FAILS(code, words, exogpu_device_record(h->device, &ticket));
  CHECK(count == 77 && device.id == 0 && ticket.id == 0 && text == NULL);
  CHECK(info.memory_bytes == 0 && memory.total_bytes == 0 && readings.memory_used_bytes == 0);
}

static void buffers_and_tickets(const handles *h, exogpu_code code, const char *words) {
  exogpu_buffer buffer = {0};
  exogpu_model model = {0};
  exogpu_ticket ticket = {0};
  exogpu_buffer_info info;
  unsigned char byte = 77;
  int32_t number = 77;
  CLEAR(info);
  FAILS(code, words, exogpu_buffer_allocate(h->device, 1, &buffer));
  FAILS(code, words, exogpu_buffer_allocate_async(h->device, 1, &ticket));
  FAILS(code, words, exogpu_buffer_describe(h->buffer, &info));
  FAILS(code, words, exogpu_buffer_upload(h->buffer, 0, &byte, 1));
  FAILS(code, words, exogpu_buffer_download(h->buffer, 0, &byte, 1));
  FAILS(code, words, exogpu_buffer_copy(h->buffer, 0, h->buffer, 0, 1));
  FAILS(code, words, exogpu_buffer_upload_async(h->buffer, 0, &byte, 1, &ticket));
  FAILS(code, words, exogpu_buffer_download_async(h->buffer, 0, &byte, 1, &ticket));
  FAILS(code, words, exogpu_buffer_copy_async(h->buffer, 0, h->buffer, 0, 1, &ticket));
  FAILS(code, words, exogpu_buffer_free(h->buffer));
  FAILS(code, words, exogpu_ticket_wait(h->ticket, -1));
  FAILS(code, words, exogpu_ticket_poll(h->ticket, &number));
  FAILS(code, words, exogpu_ticket_notify(h->ticket, quiet_ticket, NULL));
  FAILS(code, words, exogpu_ticket_fd(h->ticket, &number));
  FAILS(code, words, exogpu_ticket_buffer(h->ticket, &buffer));
  FAILS(code, words, exogpu_ticket_model(h->ticket, &model));
  FAILS(code, words, exogpu_ticket_cancel(h->ticket));
  FAILS(code, words, exogpu_ticket_free(h->ticket));
  CHECK(buffer.id == 0 && model.id == 0 && ticket.id == 0 && info.size == 0 && byte == 77 && number == 77);
}

static void models_and_generations(const handles *h, exogpu_code code, const char *words) {
  exogpu_model model = {0};
  exogpu_ticket ticket = {0};
  exogpu_generation generation = {0};
  exogpu_generate_options options;
  exogpu_generation_stats stats;
  exogpu_piece piece;
  size_t count = 77;
  int32_t number = 77;
  float value = 77;
  char *text = NULL;
  exogpu_generate_options_init(&options, sizeof options);
  options.prompt = "a";
  CLEAR(stats), CLEAR(piece);
  FAILS(code, words, exogpu_model_open(h->context, "no-such.gguf", NULL, &model));
  FAILS(code, words, exogpu_model_open_async(h->context, "no-such.gguf", NULL, &ticket));
  FAILS(code, words, exogpu_model_json(h->model, &text));
  FAILS(code, words, exogpu_model_tokenize(h->model, "a", 1, 0, &number, 1, &count));
  FAILS(code, words, exogpu_model_detokenize(h->model, &number, 1, &text, &count));
  FAILS(code, words, exogpu_model_template(h->model, "[]", &text));
  FAILS(code, words, exogpu_model_embed(h->model, "a", 1, &value, 1, &count));
  FAILS(code, words, exogpu_model_generate(h->model, &options, &generation));
  FAILS(code, words, exogpu_model_close(h->model));
  FAILS(code, words, exogpu_generation_next(h->generation, -1, &piece));
  FAILS(code, words, exogpu_generation_fd(h->generation, &number));
  FAILS(code, words, exogpu_generation_cancel(h->generation));
  FAILS(code, words, exogpu_generation_stats_of(h->generation, &stats));
  FAILS(code, words, exogpu_generation_free(h->generation));
  CHECK(model.id == 0 && ticket.id == 0 && generation.id == 0 && text == NULL);
  CHECK(count == 77 && number == 77 && value == 77 && piece.end == 0 && stats.answer_tokens == 0);
}

static void clusters_and_nodes(const handles *h, exogpu_code code, const char *words) {
  exogpu_cluster cluster = {0};
  exogpu_model model = {0};
  exogpu_node node = {0};
  exogpu_node_options options;
  exogpu_sensor_input input;
  uint16_t link = 77, api = 77;
  uint64_t version = 77;
  char *text = NULL;
  CLEAR(options), CLEAR(input);
  options.state = "no-such-state";
  options.cache = "no-such-cache";
  FAILS(code, words, exogpu_cluster_open(h->context, "127.0.0.1:1", NULL, &cluster));
  FAILS(code, words, exogpu_cluster_models(h->cluster, &text));
  FAILS(code, words, exogpu_cluster_json(h->cluster, &text));
  FAILS(code, words, exogpu_cluster_model(h->cluster, "a", &model));
  FAILS(code, words, exogpu_cluster_close(h->cluster));
  FAILS(code, words, exogpu_node_start(h->context, &options, &node));
  FAILS(code, words, exogpu_node_ports(h->node, &link, &api));
  FAILS(code, words, exogpu_node_json(h->node, &text));
  FAILS(code, words, exogpu_node_wait(h->node, 0, -1, &version));
  FAILS(code, words, exogpu_node_model(h->node, "a", &model));
  FAILS(code, words, exogpu_node_token(h->node, 1, 60, &text));
  FAILS(code, words, exogpu_node_pair(h->node, &text));
  FAILS(code, words, exogpu_node_approve(h->node, "123456"));
  FAILS(code, words, exogpu_node_add_peer(h->node, "127.0.0.1:1"));
  FAILS(code, words, exogpu_node_report_sensors(h->node, &input));
  FAILS(code, words, exogpu_node_stop(h->node));
  FAILS(code, words, exogpu_node_leave(h->node));
  CHECK(cluster.id == 0 && model.id == 0 && node.id == 0 && text == NULL);
  CHECK(link == 77 && api == 77 && version == 77);
}

void every_call_fails(const handles *wrong, exogpu_code code, const char *words) {
  contexts_and_devices(wrong, code, words);
  buffers_and_tickets(wrong, code, words);
  models_and_generations(wrong, code, words);
  clusters_and_nodes(wrong, code, words);
}

/* All objects that a context can have, a node among them. */
static handles one_of_each(const places *at) {
  handles h;
  exogpu_generate_options options;
  exogpu_node_options node = node_options(at, "handles");
  memset(&h, 0, sizeof h);
  h.context = open_cpu(&h.device);
  OK(exogpu_buffer_allocate(h.device, 64, &h.buffer));
  OK(exogpu_device_record(h.device, &h.ticket));
  OK(exogpu_model_open(h.context, at->model, NULL, &h.model));
  exogpu_generate_options_init(&options, sizeof options);
  options.prompt = "Once";
  options.max_tokens = 2;
  OK(exogpu_model_generate(h.model, &options, &h.generation));
  OK(exogpu_cluster_open(h.context, "127.0.0.1:1", "key", &h.cluster));
  node.model = at->model;
  OK(exogpu_node_start(h.context, &node, &h.node));
  return h;
}

/* The child of a process that has opened a context can call nothing, and says so. */
static void after_a_fork(const handles *good) {
  pid_t child = fork();
  int status = 1;
  CHECK(child >= 0);
  if (child == 0) {
    /* What fails prints why, and is counted here alone. */
    every_call_fails(good, EXOGPU_FAILED_PRECONDITION, "fork");
    FAILS(EXOGPU_FAILED_PRECONDITION, "fork", exogpu_join("no-such-state", "123456", NULL));
    _exit(contract_failures() == 0 ? 0 : 1);
  }
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

void wrong_handles(const places *at) {
  handles none, never, shifted, good = one_of_each(at);
  memset(&none, 0, sizeof none);
  every_call_fails(&none, EXOGPU_INVALID_ARGUMENT, "is 0, which names nothing");
  never = good;
  for (uint64_t *id = (uint64_t *)&never; id != (uint64_t *)(&never + 1); ++id) *id += 1000000;
  every_call_fails(&never, EXOGPU_INVALID_ARGUMENT, "was never given out");
  /* Each names an object of the next kind. */
  shifted.context.id = good.device.id;
  shifted.device.id = good.buffer.id;
  shifted.buffer.id = good.ticket.id;
  shifted.ticket.id = good.model.id;
  shifted.model.id = good.generation.id;
  shifted.generation.id = good.cluster.id;
  shifted.cluster.id = good.node.id;
  shifted.node.id = good.context.id;
  every_call_fails(&shifted, EXOGPU_INVALID_ARGUMENT, " names a ");
  pointers_and_sizes(&good, at);
  after_a_fork(&good);
  OK(exogpu_context_close(good.context));
  every_call_fails(&good, EXOGPU_FAILED_PRECONDITION, "which was closed");
}
