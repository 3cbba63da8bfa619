/* Uses libexogpu.so as a C program does: devices, copies between them, a model, a node's absence. Prints what it found.
 *
 *   program MODEL
 */
#include <exogpu/exogpu.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(what)                                                                                       \
  do {                                                                                                      \
    if (!(what)) {                                                                                          \
      fprintf(stderr, "%s:%d: not true: %s (%s)\n", __FILE__, __LINE__, #what, exogpu_last_error());        \
      exit(1);                                                                                              \
    }                                                                                                       \
  } while (0)

enum { SIZE = 1 << 20 };

static void fill(unsigned char *bytes, unsigned seed) {
  for (size_t i = 0; i < SIZE; ++i) bytes[i] = (unsigned char)(i * 31 + seed);
}

/* Up to one device, across to the other and down, with and without tickets. */
static void copy_across(exogpu_device from, exogpu_device to, unsigned seed) {
  unsigned char *bytes = malloc(SIZE), *back = calloc(SIZE, 1);
  exogpu_buffer a, b;
  exogpu_ticket across, down;
  REQUIRE(bytes != NULL && back != NULL);
  fill(bytes, seed);
  REQUIRE(exogpu_buffer_allocate(from, SIZE, &a) == EXOGPU_OK);
  REQUIRE(exogpu_buffer_allocate(to, SIZE, &b) == EXOGPU_OK);
  REQUIRE(exogpu_buffer_upload(a, 0, bytes, SIZE) == EXOGPU_OK);
  REQUIRE(exogpu_buffer_copy_async(a, 0, b, 0, SIZE, &across) == EXOGPU_OK);
  REQUIRE(exogpu_buffer_download_async(b, 0, back, SIZE, &down) == EXOGPU_OK);
  REQUIRE(exogpu_ticket_wait(down, -1) == EXOGPU_OK);
  REQUIRE(exogpu_ticket_wait(across, -1) == EXOGPU_OK);
  REQUIRE(memcmp(bytes, back, SIZE) == 0);
  REQUIRE(exogpu_ticket_free(across) == EXOGPU_OK && exogpu_ticket_free(down) == EXOGPU_OK);
  REQUIRE(exogpu_buffer_free(a) == EXOGPU_OK && exogpu_buffer_free(b) == EXOGPU_OK);
  REQUIRE(exogpu_buffer_free(a) == EXOGPU_INVALID_ARGUMENT);
  free(bytes);
  free(back);
}

static void answer(exogpu_context context, const char *path) {
  exogpu_model model;
  exogpu_generation generation;
  exogpu_generate_options options;
  exogpu_piece piece = {0};
  size_t bytes = 0;
  piece.struct_size = sizeof piece;
  exogpu_generate_options_init(&options, sizeof options);
  options.prompt = "Once upon a time";
  options.max_tokens = 16;
  REQUIRE(exogpu_model_open(context, path, NULL, &model) == EXOGPU_OK);
  REQUIRE(exogpu_model_generate(model, &options, &generation) == EXOGPU_OK);
  do {
    REQUIRE(exogpu_generation_next(generation, -1, &piece) == EXOGPU_OK);
    bytes += piece.length;
  } while (piece.end == 0);
  REQUIRE(bytes > 0);
  REQUIRE(exogpu_generation_free(generation) == EXOGPU_OK);
  REQUIRE(exogpu_model_close(model) == EXOGPU_OK);
}

int main(int argc, char **argv) {
  exogpu_context_options options = {0};
  exogpu_context context;
  exogpu_device devices[16];
  size_t count = 0;
  REQUIRE(argc == 2);
  options.struct_size = sizeof options;
  options.software = 1;
  REQUIRE(exogpu_context_open(&options, &context) == EXOGPU_OK);
  REQUIRE(exogpu_device_list(context, devices, 16, &count) == EXOGPU_OK && count > 0);
  for (size_t i = 0; i < count; ++i) {
    exogpu_device_info info = {0};
    exogpu_readings readings = {0};
    info.struct_size = sizeof info;
    readings.struct_size = sizeof readings;
    REQUIRE(exogpu_device_describe(devices[i], &info) == EXOGPU_OK);
    REQUIRE(exogpu_device_read_sensors(devices[i], &readings) == EXOGPU_OK);
    REQUIRE(isnan(readings.temperature_c) || readings.temperature_c > -60);
    for (size_t j = 0; j < count; ++j) copy_across(devices[i], devices[j], (unsigned)(i * count + j));
    printf("%s: %s\n", info.id, info.name);
  }
  answer(context, argv[1]);
  REQUIRE(exogpu_context_close(context) == EXOGPU_OK);
  REQUIRE(exogpu_device_list(context, devices, 16, &count) == EXOGPU_FAILED_PRECONDITION);
  return 0;
}
