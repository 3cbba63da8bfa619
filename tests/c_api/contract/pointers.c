/* Null pointers where a value is needed, structs of a wrong size, and structs of a newer library. */
#include "contract.h"

static void contexts_and_devices(const handles *h) {
  exogpu_context_options options;
  exogpu_context context = {0};
  exogpu_device device = {0};
  exogpu_device_info info;
  exogpu_memory_info memory;
  exogpu_readings readings;
  double suitability = 77;
  size_t count = 0;
  CLEAR(options);
  options.struct_size = info.struct_size = memory.struct_size = readings.struct_size = 4;
  FAILS(EXOGPU_INVALID_ARGUMENT, "context is a null pointer", exogpu_context_open(NULL, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "struct_size is 4", exogpu_context_open(&options, &context));
  FAILS(EXOGPU_INVALID_ARGUMENT, "devices is a null pointer", exogpu_device_list(h->context, NULL, 1, &count));
  FAILS(EXOGPU_INVALID_ARGUMENT, "count is a null pointer", exogpu_device_list(h->context, NULL, 0, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "id is a null pointer", exogpu_device_find(h->context, NULL, &device));
  FAILS(EXOGPU_INVALID_ARGUMENT, "device is a null pointer", exogpu_device_find(h->context, "cpu", NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "null pointer", exogpu_device_describe(h->device, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "struct_size is 4", exogpu_device_describe(h->device, &info));
  FAILS(EXOGPU_INVALID_ARGUMENT, "json is a null pointer", exogpu_device_json(h->device, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "null pointer", exogpu_device_memory(h->device, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "struct_size is 4", exogpu_device_memory(h->device, &memory));
  FAILS(EXOGPU_INVALID_ARGUMENT, "null pointer", exogpu_device_read_sensors(h->device, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "struct_size is 4", exogpu_device_read_sensors(h->device, &readings));
  FAILS(EXOGPU_INVALID_ARGUMENT, "null pointer", exogpu_device_suitability(NULL, 1, &suitability));
  FAILS(EXOGPU_INVALID_ARGUMENT, "struct_size is 4", exogpu_device_suitability(&readings, 1, &suitability));
  FAILS(EXOGPU_INVALID_ARGUMENT, "ticket is a null pointer", exogpu_device_record(h->device, NULL));
  CLEAR(readings);
  FAILS(EXOGPU_INVALID_ARGUMENT, "suitability", exogpu_device_suitability(&readings, 1, NULL));
  CHECK(context.id == 0 && device.id == 0 && suitability == 77);
}

static void buffers_and_tickets(const handles *h) {
  exogpu_buffer_info info;
  unsigned char byte = 0;
  info.struct_size = 4;
  FAILS(EXOGPU_INVALID_ARGUMENT, "buffer is a null pointer", exogpu_buffer_allocate(h->device, 1, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "ticket is a null pointer", exogpu_buffer_allocate_async(h->device, 1, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "null pointer", exogpu_buffer_describe(h->buffer, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "struct_size is 4", exogpu_buffer_describe(h->buffer, &info));
  FAILS(EXOGPU_INVALID_ARGUMENT, "from is a null pointer", exogpu_buffer_upload(h->buffer, 0, NULL, 1));
  FAILS(EXOGPU_INVALID_ARGUMENT, "to is a null pointer", exogpu_buffer_download(h->buffer, 0, NULL, 1));
  FAILS(EXOGPU_INVALID_ARGUMENT, "from is a null pointer", exogpu_buffer_upload_async(h->buffer, 0, NULL, 1, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "ticket is a null pointer", exogpu_buffer_upload_async(h->buffer, 0, &byte, 1, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "to is a null pointer", exogpu_buffer_download_async(h->buffer, 0, NULL, 1, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "ticket is a null pointer",
        exogpu_buffer_download_async(h->buffer, 0, &byte, 1, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "ticket is a null pointer",
        exogpu_buffer_copy_async(h->buffer, 0, h->buffer, 1, 1, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "done is a null pointer", exogpu_ticket_poll(h->ticket, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "callback is a null pointer", exogpu_ticket_notify(h->ticket, NULL, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "fd is a null pointer", exogpu_ticket_fd(h->ticket, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "buffer is a null pointer", exogpu_ticket_buffer(h->ticket, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "model is a null pointer", exogpu_ticket_model(h->ticket, NULL));
}

static void models_and_generations(const handles *h, const places *at) {
  exogpu_model_options options;
  exogpu_generate_options generate;
  exogpu_generation_stats stats;
  exogpu_piece piece;
  exogpu_model model = {0};
  exogpu_generation generation = {0};
  int32_t token = 0;
  float value = 0;
  size_t count = 0;
  char *text = NULL;
  CLEAR(options);
  options.struct_size = stats.struct_size = piece.struct_size = 4;
  exogpu_generate_options_init(&generate, sizeof generate);
  FAILS(EXOGPU_INVALID_ARGUMENT, "path is a null pointer", exogpu_model_open(h->context, NULL, NULL, &model));
  FAILS(EXOGPU_INVALID_ARGUMENT, "model is a null pointer", exogpu_model_open(h->context, at->model, NULL, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "struct_size is 4", exogpu_model_open(h->context, at->model, &options, &model));
  FAILS(EXOGPU_INVALID_ARGUMENT, "path is a null pointer", exogpu_model_open_async(h->context, NULL, NULL, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "ticket is a null pointer",
        exogpu_model_open_async(h->context, at->model, NULL, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "struct_size is 4",
        exogpu_model_open_async(h->context, at->model, &options, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "json is a null pointer", exogpu_model_json(h->model, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "text is a null pointer",
        exogpu_model_tokenize(h->model, NULL, 1, 0, NULL, 0, &count));
  FAILS(EXOGPU_INVALID_ARGUMENT, "null pointer", exogpu_model_tokenize(h->model, "a", 1, 0, NULL, 1, &count));
  FAILS(EXOGPU_INVALID_ARGUMENT, "count is a null pointer",
        exogpu_model_tokenize(h->model, "a", 1, 0, &token, 1, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "tokens is a null pointer",
        exogpu_model_detokenize(h->model, NULL, 1, &text, &count));
  FAILS(EXOGPU_INVALID_ARGUMENT, "text is a null pointer",
        exogpu_model_detokenize(h->model, &token, 1, NULL, &count));
  FAILS(EXOGPU_INVALID_ARGUMENT, "messages is a null pointer", exogpu_model_template(h->model, NULL, &text));
  FAILS(EXOGPU_INVALID_ARGUMENT, "text is a null pointer", exogpu_model_template(h->model, "[]", NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "text is a null pointer",
        exogpu_model_embed(h->model, NULL, 1, &value, 1, &count));
  FAILS(EXOGPU_INVALID_ARGUMENT, "null pointer", exogpu_model_embed(h->model, "a", 1, NULL, 1, &count));
  FAILS(EXOGPU_INVALID_ARGUMENT, "count is a null pointer",
        exogpu_model_embed(h->model, "a", 1, &value, 1, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "null pointer", exogpu_model_generate(h->model, NULL, &generation));
  FAILS(EXOGPU_INVALID_ARGUMENT, "generation is a null pointer", exogpu_model_generate(h->model, &generate, NULL));
  generate.prompt = "a";
  generate.stop_count = 1;
  FAILS(EXOGPU_INVALID_ARGUMENT, "stops is a null pointer", exogpu_model_generate(h->model, &generate, &generation));
  generate.struct_size = 4;
  FAILS(EXOGPU_INVALID_ARGUMENT, "struct_size is 4", exogpu_model_generate(h->model, &generate, &generation));
  FAILS(EXOGPU_INVALID_ARGUMENT, "null pointer", exogpu_generation_next(h->generation, 0, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "struct_size is 4", exogpu_generation_next(h->generation, 0, &piece));
  FAILS(EXOGPU_INVALID_ARGUMENT, "fd is a null pointer", exogpu_generation_fd(h->generation, NULL));
  CHECK(pull(h->generation) == EXOGPU_OK);
  FAILS(EXOGPU_INVALID_ARGUMENT, "null pointer", exogpu_generation_stats_of(h->generation, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "struct_size is 4", exogpu_generation_stats_of(h->generation, &stats));
  CHECK(model.id == 0 && generation.id == 0 && text == NULL && count == 0);
  /* Which do nothing with one. */
  REACHES(exogpu_generate_options_init(NULL, 0), 1);
  exogpu_generate_options_init(NULL, 0);
}

static void clusters_and_nodes(const handles *h) {
  exogpu_node_options options;
  exogpu_sensor_input input;
  exogpu_cluster cluster = {0};
  exogpu_model model = {0};
  exogpu_node node = {0};
  CLEAR(options), CLEAR(input);
  FAILS(EXOGPU_INVALID_ARGUMENT, "address is a null pointer", exogpu_cluster_open(h->context, NULL, NULL, &cluster));
  FAILS(EXOGPU_INVALID_ARGUMENT, "cluster is a null pointer", exogpu_cluster_open(h->context, "a", NULL, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "json is a null pointer", exogpu_cluster_models(h->cluster, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "json is a null pointer", exogpu_cluster_json(h->cluster, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "name is a null pointer", exogpu_cluster_model(h->cluster, NULL, &model));
  FAILS(EXOGPU_INVALID_ARGUMENT, "model is a null pointer", exogpu_cluster_model(h->cluster, "a", NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "null pointer", exogpu_node_start(h->context, NULL, &node));
  FAILS(EXOGPU_INVALID_ARGUMENT, "node is a null pointer", exogpu_node_start(h->context, &options, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "state is a null pointer", exogpu_node_start(h->context, &options, &node));
  options.state = "state";
  FAILS(EXOGPU_INVALID_ARGUMENT, "cache is a null pointer", exogpu_node_start(h->context, &options, &node));
  options.cache = "cache";
  options.connect_count = 1;
  FAILS(EXOGPU_INVALID_ARGUMENT, "connect is a null pointer", exogpu_node_start(h->context, &options, &node));
  options.connect_count = 0;
  options.device_count = 1;
  FAILS(EXOGPU_INVALID_ARGUMENT, "devices is a null pointer", exogpu_node_start(h->context, &options, &node));
  options.struct_size = input.struct_size = 4;
  FAILS(EXOGPU_INVALID_ARGUMENT, "struct_size is 4", exogpu_node_start(h->context, &options, &node));
  OK(exogpu_node_ports(h->node, NULL, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "json is a null pointer", exogpu_node_json(h->node, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "newer is a null pointer", exogpu_node_wait(h->node, 0, 0, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "name is a null pointer", exogpu_node_model(h->node, NULL, &model));
  FAILS(EXOGPU_INVALID_ARGUMENT, "model is a null pointer", exogpu_node_model(h->node, "a", NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "token is a null pointer", exogpu_node_token(h->node, 1, 60, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "code is a null pointer", exogpu_node_pair(h->node, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "code is a null pointer", exogpu_node_approve(h->node, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "address is a null pointer", exogpu_node_add_peer(h->node, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "null pointer", exogpu_node_report_sensors(h->node, NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "struct_size is 4", exogpu_node_report_sensors(h->node, &input));
  FAILS(EXOGPU_INVALID_ARGUMENT, "state is a null pointer", exogpu_join(NULL, "123456", NULL));
  FAILS(EXOGPU_INVALID_ARGUMENT, "code is a null pointer", exogpu_join("state", NULL, NULL));
  CHECK(cluster.id == 0 && model.id == 0 && node.id == 0);
}

/* A struct of a later version, which has a field more. */
#define NEWER(type)      \
  struct {               \
    type known;          \
    uint64_t unknown;    \
  }
#define SET_UNKNOWN(newer) \
  (memset(&(newer), 0, sizeof(newer)), (newer).known.struct_size = sizeof(newer), (newer).unknown = 1)

static void newer_structs(const handles *h, const places *at) {
  static const char words[] = "a field of a newer exogpu";
  NEWER(exogpu_context_options) context_options;
  NEWER(exogpu_readings) readings;
  NEWER(exogpu_model_options) model_options;
  NEWER(exogpu_generate_options) generate_options;
  NEWER(exogpu_node_options) options;
  NEWER(exogpu_sensor_input) input;
  NEWER(exogpu_memory_info) memory;
  exogpu_context context = {0};
  exogpu_model model = {0};
  exogpu_ticket ticket = {0};
  exogpu_generation generation = {0};
  exogpu_node node = {0};
  double suitability = 0;
  SET_UNKNOWN(context_options), SET_UNKNOWN(readings), SET_UNKNOWN(model_options), SET_UNKNOWN(generate_options);
  SET_UNKNOWN(options), SET_UNKNOWN(input), SET_UNKNOWN(memory);
  FAILS(EXOGPU_UNSUPPORTED, words, exogpu_context_open(&context_options.known, &context));
  FAILS(EXOGPU_UNSUPPORTED, words, exogpu_device_suitability(&readings.known, 1, &suitability));
  FAILS(EXOGPU_UNSUPPORTED, words, exogpu_model_open(h->context, at->model, &model_options.known, &model));
  FAILS(EXOGPU_UNSUPPORTED, words, exogpu_model_open_async(h->context, at->model, &model_options.known, &ticket));
  FAILS(EXOGPU_UNSUPPORTED, words, exogpu_model_generate(h->model, &generate_options.known, &generation));
  FAILS(EXOGPU_UNSUPPORTED, words, exogpu_node_start(h->context, &options.known, &node));
  FAILS(EXOGPU_UNSUPPORTED, words, exogpu_node_report_sensors(h->node, &input.known));
  CHECK(context.id == 0 && model.id == 0 && ticket.id == 0 && generation.id == 0 && node.id == 0);
  /* One that is written keeps what the library does not know. */
  OK(exogpu_device_memory(h->device, &memory.known));
  CHECK(memory.known.struct_size == sizeof memory && memory.known.total_bytes > 0 && memory.unknown == 1);
}

void pointers_and_sizes(const handles *good, const places *at) {
  contexts_and_devices(good);
  buffers_and_tickets(good);
  models_and_generations(good, at);
  clusters_and_nodes(good);
  newer_structs(good, at);
}
