/* How devices become members of a node's cluster: tokens and codes. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>

#include "contract.h"

static void shown(exogpu_node node, char *code) {
  char *text = NULL;
  OK(exogpu_node_pair(node, &text));
  CHECK(text != NULL && strlen(text) == 6);
  snprintf(code, 7, "%s", text == NULL ? "" : text);
  exogpu_free(text);
}

/* A folder has the place of this file. */
static void block(const char *state, const char *file) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", state, file);
  CHECK(remove(path) == 0 && mkdir(path, 0700) == 0);
}

static void unblock(const char *state, const char *file) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", state, file);
  CHECK(remove(path) == 0);
}

static void tokens(exogpu_node desk, const char *state) {
  char path[4096], *token = NULL;
  FILE *file;
  OK(exogpu_node_token(desk, 1, 600, &token));
  CHECK(token != NULL && strlen(token) > 20);
  exogpu_free(token);
  token = NULL;
  FAILS(EXOGPU_INVALID_ARGUMENT, "", exogpu_node_token(desk, 0, 600, &token));
  FAILS(EXOGPU_INVALID_ARGUMENT, "", exogpu_node_token(desk, 1, 0, &token));
  /* A thousand that are still valid. */
  snprintf(path, sizeof path, "%s/tokens.json", state);
  file = fopen(path, "w");
  CHECK(file != NULL);
  fprintf(file, "{\"tokens\": [");
  for (int i = 0; i < 1000; ++i) {
    fprintf(file, "%s{\"sha256\": \"%064x\", \"expires\": %lld, \"uses_remaining\": 1}", i == 0 ? "" : ", ", (unsigned)i,
            (long long)time(NULL) + 3600);
  }
  fprintf(file, "]}\n");
  CHECK(fclose(file) == 0);
  FAILS(EXOGPU_RESOURCE_EXHAUSTED, "1000 tokens", exogpu_node_token(desk, 1, 600, &token));
  write_file(path, "nothing of exogpu\n");
  FAILS(EXOGPU_CORRUPT, "tokens.json", exogpu_node_token(desk, 1, 600, &token));
  CHECK(chmod(path, 0644) == 0);
  FAILS(EXOGPU_PERMISSION_DENIED, "chmod 600", exogpu_node_token(desk, 1, 600, &token));
  CHECK(remove(path) == 0);
  block(state, "tokens.lock");
  FAILS(EXOGPU_IO_ERROR, "tokens.lock", exogpu_node_token(desk, 1, 600, &token));
  unblock(state, "tokens.lock");
  CHECK(token == NULL);
}

/* A device that joined through an older exogpu has no key of the cluster's authority. */
static void without_authority(exogpu_node desk, const char *state) {
  char key[4096], aside[4096], *text = NULL;
  snprintf(key, sizeof key, "%s/identity/authority.key", state);
  snprintf(aside, sizeof aside, "%s/authority.key", state);
  CHECK(rename(key, aside) == 0);
  FAILS(EXOGPU_FAILED_PRECONDITION, "", exogpu_node_token(desk, 1, 600, &text));
  FAILS(EXOGPU_FAILED_PRECONDITION, "", exogpu_node_pair(desk, &text));
  FAILS(EXOGPU_FAILED_PRECONDITION, "", exogpu_node_approve(desk, "123456"));
  CHECK(rename(aside, key) == 0 && text == NULL);
}

static void codes(exogpu_node desk, const exogpu_node_options *running, const places *at, const char *address) {
  char *state = path_in(at, "phone-state"), *all = path_in(at, "for-all-state"), *below = path_in(at, "file/state");
  char code[7];
  FAILS(EXOGPU_INVALID_ARGUMENT, "", exogpu_join(state, "12", address));
  FAILS(EXOGPU_INVALID_ARGUMENT, "not an address", exogpu_join(state, "123456", "a:b:c"));
  FAILS(EXOGPU_UNAVAILABLE, "127.0.0.1", exogpu_join(state, "123456", "127.0.0.1:1"));
  FAILS(EXOGPU_FAILED_PRECONDITION, "shows no pairing code", exogpu_join(state, "123456", address));
  FAILS(EXOGPU_FAILED_PRECONDITION, "a node runs", exogpu_join(running->state, "123456", address));
  shown(desk, code);
  OK(exogpu_join(state, code, address));
  shown(desk, code);
  FAILS(EXOGPU_IO_ERROR, "file/state", exogpu_join(below, code, address));
  CHECK(mkdir(all, 0777) == 0 && chmod(all, 0777) == 0);
  shown(desk, code);
  FAILS(EXOGPU_PERMISSION_DENIED, "chmod 700", exogpu_join(all, code, address));
  free(state), free(all), free(below);
}

/* Five within ten minutes: somebody may be guessing. */
static void wrong_codes(exogpu_node desk, const places *at, const char *address) {
  char *state = path_in(at, "guesses-state"), code[7], *text = NULL;
  for (int i = 0; i < 5; ++i) {
    shown(desk, code);
    code[5] = code[5] == '9' ? '0' : (char)(code[5] + 1);
    FAILS(EXOGPU_UNAUTHENTICATED, "the code is wrong", exogpu_join(state, code, address));
  }
  FAILS(EXOGPU_RESOURCE_EXHAUSTED, "wrong codes", exogpu_node_pair(desk, &text));
  FAILS(EXOGPU_RESOURCE_EXHAUSTED, "wrong codes", exogpu_node_approve(desk, "123456"));
  CHECK(text == NULL);
  free(state);
}

static void damaged_codes(exogpu_node desk, const char *state) {
  char path[4096], *text = NULL;
  snprintf(path, sizeof path, "%s/pairing.json", state);
  write_file(path, "nothing of exogpu\n");
  FAILS(EXOGPU_CORRUPT, "pairing.json", exogpu_node_pair(desk, &text));
  FAILS(EXOGPU_CORRUPT, "pairing.json", exogpu_node_approve(desk, "123456"));
  CHECK(chmod(path, 0644) == 0);
  FAILS(EXOGPU_PERMISSION_DENIED, "chmod 600", exogpu_node_pair(desk, &text));
  FAILS(EXOGPU_PERMISSION_DENIED, "chmod 600", exogpu_node_approve(desk, "123456"));
  CHECK(remove(path) == 0);
  block(state, "pairing.lock");
  FAILS(EXOGPU_IO_ERROR, "pairing.lock", exogpu_node_pair(desk, &text));
  FAILS(EXOGPU_IO_ERROR, "pairing.lock", exogpu_node_approve(desk, "123456"));
  unblock(state, "pairing.lock");
  CHECK(text == NULL);
}

void joining(exogpu_node desk, const exogpu_node_options *running, const places *at, const char *address) {
  tokens(desk, running->state);
  without_authority(desk, running->state);
  codes(desk, running, at, address);
  OK(exogpu_node_approve(desk, "123 456"));
  FAILS(EXOGPU_INVALID_ARGUMENT, "", exogpu_node_approve(desk, "12"));
  wrong_codes(desk, at, address);
  damaged_codes(desk, running->state);
}
