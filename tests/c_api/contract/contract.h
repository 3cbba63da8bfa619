// What the parts of the contract test share. Its sources are C11 and C++ at once: both languages use the header, and
// each is tested with the same calls.
#ifndef CONTRACT_H
#define CONTRACT_H
#pragma once

#include <exogpu/exogpu.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

// The call returns this code, and then the thread's message has these words. What is expected is recorded by the call's
// name, so `call` must begin with it.
void contract_expect(const char* call, exogpu_code got, exogpu_code wanted, const char* words, const char* file,
                     int line);
void contract_check(int good, const char* what, const char* file, int line);
#define FAILS(code, words, call) contract_expect(#call, call, code, words, __FILE__, __LINE__)
#define OK(call) FAILS(EXOGPU_OK, "", call)
#define CHECK(what) contract_check((what) ? 1 : 0, #what, __FILE__, __LINE__)
// Calls that return no code.
#define REACHES(call, what) (contract_expect(#call, EXOGPU_OK, EXOGPU_OK, "", __FILE__, __LINE__), CHECK(what))

// A struct of the library with nothing set.
#define CLEAR(object) (memset(&(object), 0, sizeof(object)), (object).struct_size = sizeof(object))

// One of each kind.
typedef struct handles {
  exogpu_context context;
  exogpu_device device;
  exogpu_buffer buffer;
  exogpu_ticket ticket;
  exogpu_model model;
  exogpu_generation generation;
  exogpu_cluster cluster;
  exogpu_node node;
} handles;

// Where files are: a model that writes text, one that gives embeddings, and an empty folder.
typedef struct places {
  const char *model, *embeddings, *folder;
} places;

exogpu_context open_cpu(exogpu_device* cpu);
// Of this name in the folder; the text is the caller's.
char* path_in(const places* at, const char* name);
void write_file(const char* path, const char* text);
// How many expectations of this process were not met.
int contract_failures(void);
// Options of a node on loopback with any free ports, whose texts are never freed. Its state and cache are named after
// it.
exogpu_node_options node_options(const places* at, const char* name);
// Waits until the node's snapshot has these words.
void await_snapshot(exogpu_node node, const char* words);
// Pulls an answer to its end, which this call reports.
exogpu_code pull(exogpu_generation generation);

// Every call that takes a handle, with these, returns `code` with these words, and writes no result. Those that wait
// for nothing with a wrong handle do so at once.
void every_call_fails(const handles* wrong, exogpu_code code, const char* words);
// Pointers and sizes of structs that are not the caller's to leave out. The handles are good.
void pointers_and_sizes(const handles* good, const places* at);

void errors_and_versions(void);
void contexts(void);
void devices(void);
void buffers(void);
void tickets(const places* at);
void models(const places* at);
void generations(const places* at);
void clusters(void);
void nodes(const places* at);
// With a node of these options that others reach there.
void joining(exogpu_node desk, const exogpu_node_options* running, const places* at, const char* address);
void wrong_handles(const places* at);
// In a process of its own each: where the CPU renders Vulkan devices; and what takes half a minute.
void rendered_devices(void);
void too_many_contexts(void);
void silent_cluster(void);

#ifdef __cplusplus
}
#endif

#endif
