/* Errors and versions, contexts, devices, buffers and tickets. */
#include <math.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "contract.h"

void errors_and_versions(void) {
  exogpu_context none = {0};
  REACHES(exogpu_version(), exogpu_version()[0] != '\0');
  REACHES(exogpu_last_error(), strcmp(exogpu_last_error(), "") == 0);
  REACHES(exogpu_code_name(EXOGPU_OK), strcmp(exogpu_code_name(EXOGPU_OUT_OF_MEMORY), "out_of_memory") == 0);
  CHECK(strcmp(exogpu_code_name(16), "unknown") == 0 && strcmp(exogpu_code_name(-1), "unknown") == 0);
  FAILS(EXOGPU_INVALID_ARGUMENT, "context handle", exogpu_context_close(none));
  REACHES(exogpu_free(NULL), 1);
  exogpu_free(NULL);
}

/* In a child that opens the first context of its process. */
static void in_a_child(void (*test)(void)) {
  pid_t child = fork();
  int status = 1;
  CHECK(child >= 0);
  if (child == 0) {
    test();
    _exit(contract_failures() == 0 ? 0 : 1);
  }
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void without_backends(void) {
  exogpu_context_options options;
  exogpu_context context = {0};
  CLEAR(options);
  options.backends = "/var/empty";
  options.cpu_only = 1;
  FAILS(EXOGPU_UNAVAILABLE, "found no CPU backend", exogpu_context_open(&options, &context));
}

void contexts(void) {
  exogpu_context_options options;
  exogpu_context context = {0};
  exogpu_device cpu = {0}, found = {0}, all[4];
  size_t count = 0;
  in_a_child(without_backends);
  CLEAR(options);
  options.cpu_only = 1;
  options.backend = "abacus";
  FAILS(EXOGPU_NOT_FOUND, "CPU", exogpu_context_open(&options, &context));
  CHECK(context.id == 0);
  context = open_cpu(&cpu);
  OK(exogpu_device_list(context, NULL, 0, &count));
  CHECK(count == 1);
  OK(exogpu_device_list(context, all, 4, &count));
  CHECK(count == 1 && all[0].id == cpu.id);
  OK(exogpu_device_find(context, "c", &found));
  CHECK(found.id == cpu.id);
  FAILS(EXOGPU_NOT_FOUND, "toaster", exogpu_device_find(context, "toaster", &found));
  FAILS(EXOGPU_NOT_FOUND, "no GPU", exogpu_device_find(context, "gpu", &found));
  OK(exogpu_context_close(context));
}

void devices(void) {
  exogpu_device cpu = {0};
  exogpu_context context = open_cpu(&cpu);
  exogpu_device_info info;
  exogpu_memory_info memory;
  exogpu_readings readings;
  exogpu_ticket event = {0};
  double suitability = 0;
  char *json = NULL;
  CLEAR(info), CLEAR(memory), CLEAR(readings);
  OK(exogpu_device_describe(cpu, &info));
  CHECK(strcmp(info.id, "cpu") == 0 && info.kind == EXOGPU_DEVICE_CPU && info.compute_units > 0);
  OK(exogpu_device_json(cpu, &json));
  CHECK(json != NULL && strstr(json, "\"id\":\"cpu\"") != NULL);
  exogpu_free(json);
  OK(exogpu_device_memory(cpu, &memory));
  CHECK(memory.total_bytes >= memory.free_bytes && memory.free_bytes > 0 && memory.buffers == 0);
  OK(exogpu_device_read_sensors(cpu, &readings));
  CHECK(readings.memory_used_bytes > 0);
  CLEAR(readings);
  readings.utilization = 0.5;
  readings.memory_used_bytes = 50;
  readings.temperature_c = NAN;
  OK(exogpu_device_suitability(&readings, 100, &suitability));
  CHECK(fabs(suitability - (0.6 * 0.5 + 0.4 * 0.5)) < 1e-9);
  FAILS(EXOGPU_INVALID_ARGUMENT, "without memory", exogpu_device_suitability(&readings, 0, &suitability));
  readings.memory_used_bytes = NAN;
  FAILS(EXOGPU_INVALID_ARGUMENT, "memory_used_bytes", exogpu_device_suitability(&readings, 100, &suitability));
  OK(exogpu_device_record(cpu, &event));
  OK(exogpu_device_synchronize(cpu));
  OK(exogpu_ticket_wait(event, 0));
  OK(exogpu_ticket_free(event));
  OK(exogpu_context_close(context));
}

static void ranges(exogpu_buffer a, exogpu_buffer foreign) {
  static const char outside[] = "reach outside a buffer of 16 bytes", overlaps[] = "overlaps itself";
  unsigned char bytes[32] = {0};
  exogpu_ticket ticket = {0};
  FAILS(EXOGPU_INVALID_ARGUMENT, outside, exogpu_buffer_upload(a, 1, bytes, 16));
  FAILS(EXOGPU_INVALID_ARGUMENT, outside, exogpu_buffer_upload(a, UINT64_MAX, bytes, 1));
  FAILS(EXOGPU_INVALID_ARGUMENT, outside, exogpu_buffer_download(a, 17, bytes, 0));
  FAILS(EXOGPU_INVALID_ARGUMENT, outside, exogpu_buffer_copy(a, 0, a, 9, 8));
  FAILS(EXOGPU_INVALID_ARGUMENT, overlaps, exogpu_buffer_copy(a, 0, a, 4, 8));
  FAILS(EXOGPU_INVALID_ARGUMENT, outside, exogpu_buffer_upload_async(a, 1, bytes, 16, &ticket));
  FAILS(EXOGPU_INVALID_ARGUMENT, outside, exogpu_buffer_download_async(a, 9, bytes, 8, &ticket));
  FAILS(EXOGPU_INVALID_ARGUMENT, overlaps, exogpu_buffer_copy_async(a, 4, a, 0, 8, &ticket));
  FAILS(EXOGPU_INVALID_ARGUMENT, "of context", exogpu_buffer_copy(a, 0, foreign, 0, 1));
  FAILS(EXOGPU_INVALID_ARGUMENT, "of context", exogpu_buffer_copy_async(a, 0, foreign, 0, 1, &ticket));
  CHECK(ticket.id == 0);
  OK(exogpu_buffer_upload(a, 16, NULL, 0));
  OK(exogpu_buffer_copy(a, 0, a, 8, 8));
}

static void there_and_back(exogpu_buffer a, exogpu_buffer b) {
  unsigned char bytes[16], back[16] = {0};
  exogpu_ticket tickets[3];
  for (int i = 0; i < 16; ++i) bytes[i] = (unsigned char)(i * 31);
  OK(exogpu_buffer_upload(a, 0, bytes, 16));
  OK(exogpu_buffer_copy(a, 0, b, 0, 16));
  OK(exogpu_buffer_download(b, 0, back, 16));
  CHECK(memcmp(bytes, back, 16) == 0);
  for (int i = 0; i < 16; ++i) bytes[i] = (unsigned char)(i * 7);
  OK(exogpu_buffer_upload_async(a, 0, bytes, 16, &tickets[0]));
  OK(exogpu_buffer_copy_async(a, 0, b, 0, 16, &tickets[1]));
  OK(exogpu_buffer_download_async(b, 0, back, 16, &tickets[2]));
  for (int i = 0; i < 3; ++i) {
    OK(exogpu_ticket_wait(tickets[i], -1));
    OK(exogpu_ticket_free(tickets[i]));
  }
  CHECK(memcmp(bytes, back, 16) == 0);
}

void buffers(void) {
  exogpu_device cpu = {0}, other_cpu = {0};
  exogpu_context context = open_cpu(&cpu), other = open_cpu(&other_cpu);
  exogpu_buffer a = {0}, b = {0}, foreign = {0};
  exogpu_buffer_info info;
  exogpu_ticket ticket = {0};
  CLEAR(info);
  OK(exogpu_buffer_allocate(cpu, 16, &a));
  OK(exogpu_buffer_allocate_async(cpu, 16, &ticket));
  OK(exogpu_ticket_wait(ticket, -1));
  OK(exogpu_ticket_buffer(ticket, &b));
  OK(exogpu_ticket_free(ticket));
  OK(exogpu_buffer_allocate(other_cpu, 16, &foreign));
  there_and_back(a, b);
  ranges(a, foreign);
  OK(exogpu_buffer_describe(b, &info));
  CHECK(info.size == 16 && info.device.id == cpu.id && info.host_address != NULL);
  FAILS(EXOGPU_INVALID_ARGUMENT, "0 bytes", exogpu_buffer_allocate(cpu, 0, &b));
  FAILS(EXOGPU_OUT_OF_MEMORY, "do not fit", exogpu_buffer_allocate(cpu, UINT64_MAX, &b));
  OK(exogpu_buffer_allocate_async(cpu, UINT64_MAX, &ticket));
  FAILS(EXOGPU_OUT_OF_MEMORY, "do not fit", exogpu_ticket_wait(ticket, -1));
  OK(exogpu_ticket_free(ticket));
  OK(exogpu_buffer_free(a));
  FAILS(EXOGPU_INVALID_ARGUMENT, "was freed or closed before", exogpu_buffer_free(a));
  OK(exogpu_context_close(other));
  OK(exogpu_context_close(context));
}

/* A callback that holds the thread of a device's queue until it may go on. */
typedef struct gate {
  pthread_t opener;
  pthread_mutex_t mutex;
  pthread_cond_t changes;
  int calls, held, open;
} gate;

static void hold(void *user, exogpu_code code, const char *message) {
  gate *self = (gate *)user;
  CHECK(code == EXOGPU_OK && message[0] == '\0');
  pthread_mutex_lock(&self->mutex);
  ++self->calls;
  self->held = !pthread_equal(self->opener, pthread_self());
  pthread_cond_broadcast(&self->changes);
  while (self->held && !self->open) pthread_cond_wait(&self->changes, &self->mutex);
  pthread_mutex_unlock(&self->mutex);
}

/* What is begun on the device from now on is not done before the gate is opened. */
static void close_gate(gate *self, exogpu_device device) {
  self->opener = pthread_self();
  pthread_mutex_init(&self->mutex, NULL);
  pthread_cond_init(&self->changes, NULL);
  self->held = self->open = 0;
  while (!self->held) {
    exogpu_ticket event = {0};
    self->calls = 0;
    OK(exogpu_device_record(device, &event));
    OK(exogpu_ticket_notify(event, hold, self));
    /* An event that was done already calls back from this thread, once, and holds nothing. */
    pthread_mutex_lock(&self->mutex);
    while (self->calls == 0) pthread_cond_wait(&self->changes, &self->mutex);
    pthread_mutex_unlock(&self->mutex);
  }
}

static void open_gate(gate *self) {
  pthread_mutex_lock(&self->mutex);
  self->open = 1;
  pthread_cond_broadcast(&self->changes);
  pthread_mutex_unlock(&self->mutex);
}

static int readable(int32_t fd) {
  struct pollfd each;
  each.fd = fd;
  each.events = POLLIN;
  return poll(&each, 1, 0) == 1;
}

/* No file may be opened any more, for the time of one call. */
static void without_files(exogpu_ticket ticket) {
  struct rlimit before, none;
  int32_t fd = -1;
  CHECK(getrlimit(RLIMIT_NOFILE, &before) == 0);
  none = before;
  none.rlim_cur = 0;
  CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
  FAILS(EXOGPU_RESOURCE_EXHAUSTED, "", exogpu_ticket_fd(ticket, &fd));
  CHECK(setrlimit(RLIMIT_NOFILE, &before) == 0 && fd == -1);
}

/* What waits for the thread that runs callbacks is refused there. */
typedef struct waits {
  exogpu_ticket other;
  exogpu_device device;
  exogpu_context context;
  int calls;
} waits;

static void wait_in_callback(void *user, exogpu_code code, const char *message) {
  waits *self = (waits *)user;
  (void)code, (void)message;
  FAILS(EXOGPU_FAILED_PRECONDITION, "call it from another thread", exogpu_ticket_wait(self->other, -1));
  FAILS(EXOGPU_FAILED_PRECONDITION, "call it from another thread", exogpu_device_synchronize(self->device));
  FAILS(EXOGPU_FAILED_PRECONDITION, "call it from another thread", exogpu_context_close(self->context));
  ++self->calls;
}

static void count_call(void *user, exogpu_code code, const char *message) {
  CHECK(code == EXOGPU_INVALID_ARGUMENT && strstr(message, "0 bytes") != NULL);
  ++*(int *)user;
}

static void in_flight(exogpu_device cpu) {
  gate gate;
  exogpu_ticket waiting = {0}, cancelled = {0};
  exogpu_buffer buffer = {0};
  exogpu_model model = {0};
  int32_t done = 77, fd = -1, again = -1;
  close_gate(&gate, cpu);
  OK(exogpu_buffer_allocate_async(cpu, 8, &waiting));
  OK(exogpu_buffer_allocate_async(cpu, 8, &cancelled));
  OK(exogpu_ticket_poll(waiting, &done));
  CHECK(done == 0);
  FAILS(EXOGPU_DEADLINE_EXCEEDED, "is not done after 0 ms", exogpu_ticket_wait(waiting, 0));
  FAILS(EXOGPU_FAILED_PRECONDITION, "not done", exogpu_ticket_buffer(waiting, &buffer));
  FAILS(EXOGPU_FAILED_PRECONDITION, "not done", exogpu_ticket_model(waiting, &model));
  FAILS(EXOGPU_FAILED_PRECONDITION, "wait for it first", exogpu_ticket_free(waiting));
  without_files(waiting);
  OK(exogpu_ticket_fd(waiting, &fd));
  CHECK(!readable(fd));
  OK(exogpu_ticket_cancel(cancelled));
  open_gate(&gate);
  OK(exogpu_ticket_wait(waiting, -1));
  CHECK(readable(fd));
  OK(exogpu_ticket_fd(waiting, &again));
  CHECK(again == fd);
  OK(exogpu_ticket_poll(waiting, &done));
  CHECK(done == 1);
  OK(exogpu_ticket_buffer(waiting, &buffer));
  FAILS(EXOGPU_FAILED_PRECONDITION, "made a buffer, and no model", exogpu_ticket_model(waiting, &model));
  FAILS(EXOGPU_CANCELLED, "before it began", exogpu_ticket_wait(cancelled, -1));
  FAILS(EXOGPU_FAILED_PRECONDITION, "failed", exogpu_ticket_buffer(cancelled, &buffer));
  OK(exogpu_ticket_free(waiting));
  OK(exogpu_ticket_free(cancelled));
  CHECK(gate.calls == 1);
  pthread_mutex_destroy(&gate.mutex);
  pthread_cond_destroy(&gate.changes);
}

void tickets(const places *at) {
  waits waits;
  exogpu_ticket event = {0}, failed = {0}, opened = {0};
  exogpu_buffer buffer = {0};
  exogpu_model model = {0};
  int calls = 0;
  waits.context = open_cpu(&waits.device);
  waits.calls = 0;
  OK(exogpu_device_record(waits.device, &waits.other));
  in_flight(waits.device);
  OK(exogpu_device_record(waits.device, &event));
  OK(exogpu_ticket_notify(event, wait_in_callback, &waits));
  FAILS(EXOGPU_ALREADY_EXISTS, "has a callback", exogpu_ticket_notify(event, wait_in_callback, &waits));
  OK(exogpu_device_synchronize(waits.device));
  CHECK(waits.calls == 1);
  FAILS(EXOGPU_FAILED_PRECONDITION, "makes no object", exogpu_ticket_buffer(event, &buffer));
  OK(exogpu_buffer_allocate_async(waits.device, 0, &failed));
  FAILS(EXOGPU_INVALID_ARGUMENT, "0 bytes", exogpu_ticket_wait(failed, -1));
  OK(exogpu_ticket_notify(failed, count_call, &calls));
  CHECK(calls == 1);
  OK(exogpu_model_open_async(waits.context, at->model, NULL, &opened));
  OK(exogpu_ticket_wait(opened, -1));
  OK(exogpu_ticket_model(opened, &model));
  FAILS(EXOGPU_FAILED_PRECONDITION, "made a model, and no buffer", exogpu_ticket_buffer(opened, &buffer));
  OK(exogpu_ticket_free(opened));
  FAILS(EXOGPU_INVALID_ARGUMENT, "was freed or closed before", exogpu_ticket_free(opened));
  CHECK(buffer.id == 0);
  OK(exogpu_context_close(waits.context));
}

/* What one buffer of a device holds at most is less than its memory only where the driver says so. */
static void largest_buffers(exogpu_context context, exogpu_device device) {
  exogpu_memory_info memory;
  exogpu_buffer buffer = {0};
  exogpu_ticket ticket = {0};
  CLEAR(memory);
  (void)context;
  OK(exogpu_device_memory(device, &memory));
  FAILS(EXOGPU_RESOURCE_EXHAUSTED, "are too many for one buffer",
        exogpu_buffer_allocate(device, memory.free_bytes - (64U << 20), &buffer));
  OK(exogpu_buffer_allocate_async(device, memory.free_bytes - (64U << 20), &ticket));
  FAILS(EXOGPU_RESOURCE_EXHAUSTED, "are too many for one buffer", exogpu_ticket_wait(ticket, -1));
}

static void with_renderer(void) {
  exogpu_context_options options;
  exogpu_context context = {0};
  exogpu_device devices[16];
  size_t count = 0;
  CLEAR(options);
  options.software = 1;
  OK(exogpu_context_open(&options, &context));
  OK(exogpu_device_list(context, devices, 16, &count));
  for (size_t i = 0; i < count; ++i) {
    exogpu_device_info info;
    CLEAR(info);
    OK(exogpu_device_describe(devices[i], &info));
    if (info.software) largest_buffers(context, devices[i]);
  }
  OK(exogpu_context_close(context));
}

/* A process that looked for devices without renderers cannot show them later. */
static void renderer_too_late(void) {
  exogpu_context_options options;
  exogpu_device cpu = {0};
  exogpu_context first = open_cpu(&cpu), context = {0};
  CLEAR(options);
  options.software = 1;
  FAILS(EXOGPU_FAILED_PRECONDITION, "ask for them the first time", exogpu_context_open(&options, &context));
  OK(exogpu_context_close(first));
}

void rendered_devices(void) {
  in_a_child(with_renderer);
  in_a_child(renderer_too_late);
}

/* 65,535 contexts, one after the other. */
void too_many_contexts(void) {
  exogpu_context_options options;
  exogpu_context context = {0};
  exogpu_code code = EXOGPU_OK;
  int opened = 0;
  CLEAR(options);
  options.cpu_only = 1;
  while (opened < 65535 && code == EXOGPU_OK) {
    code = exogpu_context_open(&options, &context);
    if (code == EXOGPU_OK) code = exogpu_context_close(context);
    ++opened;
  }
  CHECK(opened == 65535 && code == EXOGPU_OK);
  FAILS(EXOGPU_RESOURCE_EXHAUSTED, "65535 contexts", exogpu_context_open(&options, &context));
}
