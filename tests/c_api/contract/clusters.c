/* Models of other machines: a server that answers as the test says stands for a node's API. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "contract.h"

typedef struct server {
  pthread_t thread;
  int socket;
  uint16_t port;
  pthread_mutex_t mutex;
  const char *status, *body;
  char request[8192]; /* the latest, as far as it was read */
} server;

/* Reads a request: its head, and as much of the body as the head announces. */
static void read_request(server *self, int connection) {
  size_t length = 0, wanted = sizeof self->request - 1;
  while (length < wanted) {
    ssize_t got = recv(connection, self->request + length, wanted - length, 0);
    const char *end, *body;
    if (got <= 0) break;
    length += (size_t)got;
    self->request[length] = '\0';
    end = strstr(self->request, "\r\n\r\n");
    body = strstr(self->request, "Content-Length: ");
    if (end != NULL) {
      size_t whole = (size_t)(end - self->request) + 4 + (body != NULL && body < end ? strtoul(body + 16, NULL, 10) : 0);
      if (whole < wanted) wanted = whole;
    }
  }
}

static void *serve(void *user) {
  server *self = (server *)user;
  for (;;) {
    char reply[512];
    int connection = accept(self->socket, NULL, NULL);
    if (connection < 0) return NULL;
    pthread_mutex_lock(&self->mutex);
    read_request(self, connection);
    snprintf(reply, sizeof reply,
             "HTTP/1.1 %s\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n%s",
             self->status, strlen(self->body), self->body);
    pthread_mutex_unlock(&self->mutex);
    CHECK(send(connection, reply, strlen(reply), MSG_NOSIGNAL) == (ssize_t)strlen(reply));
    close(connection);
  }
}

static void listen_on_loopback(server *self) {
  struct sockaddr_in at;
  socklen_t size = sizeof at;
  memset(self, 0, sizeof *self);
  pthread_mutex_init(&self->mutex, NULL);
  memset(&at, 0, sizeof at);
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  self->socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(self->socket >= 0 && bind(self->socket, (struct sockaddr *)&at, sizeof at) == 0 && listen(self->socket, 8) == 0);
  CHECK(getsockname(self->socket, (struct sockaddr *)&at, &size) == 0);
  self->port = ntohs(at.sin_port);
}

static void answer_with(server *self, const char *status, const char *body) {
  pthread_mutex_lock(&self->mutex);
  self->status = status;
  self->body = body;
  pthread_mutex_unlock(&self->mutex);
}

static int was_sent(server *self, const char *words) {
  int found;
  pthread_mutex_lock(&self->mutex);
  found = strstr(self->request, words) != NULL;
  pthread_mutex_unlock(&self->mutex);
  return found;
}

static void text_calls_fail(exogpu_model model, exogpu_code code, const char *words) {
  int32_t token = 1;
  float value = 0;
  size_t count = 77;
  char *text = NULL;
  FAILS(code, words, exogpu_model_tokenize(model, "a", 1, 0, &token, 1, &count));
  FAILS(code, words, exogpu_model_detokenize(model, &token, 1, &text, &count));
  FAILS(code, words, exogpu_model_template(model, "[]", &text));
  FAILS(code, words, exogpu_model_embed(model, "a", 1, &value, 1, &count));
  FAILS(code, words, exogpu_model_json(model, &text));
  CHECK(count == 77 && text == NULL);
}

static void every_call_asks_and_fails(exogpu_cluster cluster, exogpu_model model, exogpu_code code, const char *words) {
  char *json = NULL;
  exogpu_generate_options options;
  exogpu_generation generation = {0};
  exogpu_piece piece;
  CLEAR(piece);
  FAILS(code, words, exogpu_cluster_models(cluster, &json));
  FAILS(code, words, exogpu_cluster_json(cluster, &json));
  CHECK(json == NULL);
  text_calls_fail(model, code, words);
  exogpu_generate_options_init(&options, sizeof options);
  options.prompt = "a";
  OK(exogpu_model_generate(model, &options, &generation));
  FAILS(code, words, exogpu_generation_next(generation, -1, &piece));
  OK(exogpu_generation_free(generation));
}

void clusters(void) {
  server server;
  exogpu_device cpu = {0};
  exogpu_context context = open_cpu(&cpu);
  exogpu_cluster cluster = {0};
  exogpu_model model = {0};
  char address[32];
  char *json = NULL;
  listen_on_loopback(&server);
  snprintf(address, sizeof address, "127.0.0.1:%d", server.port);
  FAILS(EXOGPU_INVALID_ARGUMENT, "not an address", exogpu_cluster_open(context, "a:b:c", NULL, &cluster));
  OK(exogpu_cluster_open(context, address, "secret", &cluster));
  OK(exogpu_cluster_model(cluster, "any", &model));
  answer_with(&server, "200 OK", "{\"data\": []}");
  CHECK(pthread_create(&server.thread, NULL, serve, &server) == 0);
  OK(exogpu_cluster_models(cluster, &json));
  CHECK(strcmp(json, "{\"data\": []}") == 0 && was_sent(&server, "Bearer secret"));
  exogpu_free(json);
  OK(exogpu_cluster_json(cluster, &json));
  exogpu_free(json);
  json = NULL;
  FAILS(EXOGPU_NOT_FOUND, "no model \"any\"", exogpu_model_json(model, &json));
  answer_with(&server, "200 OK", "nothing");
  text_calls_fail(model, EXOGPU_CORRUPT, "the API answered");
  answer_with(&server, "401 Unauthorized", "{\"error\": {\"message\": \"another key\"}}");
  every_call_asks_and_fails(cluster, model, EXOGPU_UNAUTHENTICATED, "another key");
  answer_with(&server, "504 Gateway Timeout", "{\"error\": {\"message\": \"too late\"}}");
  every_call_asks_and_fails(cluster, model, EXOGPU_DEADLINE_EXCEEDED, "too late");
  answer_with(&server, "403 Forbidden", "{\"error\": {\"message\": \"not yours\"}}");
  every_call_asks_and_fails(cluster, model, EXOGPU_PERMISSION_DENIED, "not yours");
  answer_with(&server, "404 Not Found", "{\"error\": {\"message\": \"no such model\"}}");
  every_call_asks_and_fails(cluster, model, EXOGPU_NOT_FOUND, "no such model");
  shutdown(server.socket, SHUT_RDWR);
  CHECK(pthread_join(server.thread, NULL) == 0);
  close(server.socket);
  every_call_asks_and_fails(cluster, model, EXOGPU_UNAVAILABLE, address);
  OK(exogpu_cluster_close(cluster));
  FAILS(EXOGPU_INVALID_ARGUMENT, "was freed or closed before", exogpu_cluster_close(cluster));
  OK(exogpu_context_close(context));
}

/* A node that takes connections and never answers. */
void silent_cluster(void) {
  server server;
  exogpu_device cpu = {0};
  exogpu_context context = open_cpu(&cpu);
  exogpu_cluster cluster = {0};
  char address[32];
  char *json = NULL;
  listen_on_loopback(&server);
  snprintf(address, sizeof address, "127.0.0.1:%d", server.port);
  OK(exogpu_cluster_open(context, address, NULL, &cluster));
  FAILS(EXOGPU_DEADLINE_EXCEEDED, address, exogpu_cluster_models(cluster, &json));
  close(server.socket);
  OK(exogpu_context_close(context));
}
