/* exogpu: the devices of this machine, models, clusters and nodes, for programs in any language.
 *
 * A contract of all calls:
 *
 * Handles    name objects of the library. Their numbers are never reused in a process, so a handle that was closed, that
 *            names another kind of object, or that was never given out is an error that says so, and never undefined
 *            behaviour. The handle with id 0 names nothing.
 * Threads    Any thread may call anything at any time, unless a call says otherwise. A call that waits says so; all
 *            others return within microseconds, or within the time that a driver takes.
 * Errors     A call returns EXOGPU_OK (0) or an error code. exogpu_last_error() has the message of the calling thread's
 *            last call that failed; it names the thing and, where there is one, the remedy. A call that fails changes
 *            nothing and writes no result, unless it says otherwise. No exception leaves the library, and it never ends
 *            the process. Every call with a handle may return
 *              EXOGPU_INVALID_ARGUMENT    a wrong handle, a null pointer where a value is needed, a wrong struct_size
 *              EXOGPU_FAILED_PRECONDITION the context was closed; or this process is a fork (see below)
 *              EXOGPU_OUT_OF_MEMORY, EXOGPU_INTERNAL
 *            and its comment names the others. Those of an operation that is begun here and done later are its ticket's.
 * Ownership  Pointers that are given to a call need to be valid only until it returns, unless it says otherwise. A text
 *            that a call returns as `char **` belongs to the caller, who frees it with exogpu_free(). Texts are UTF-8.
 * Structs    begin with struct_size = sizeof of the struct as the caller was compiled with. Later versions add fields at
 *            the end: the library neither reads nor writes beyond the caller's size, and what a caller's newer struct has
 *            beyond the library's must be zero, else the call returns EXOGPU_UNSUPPORTED.
 * Callbacks  run on a thread of the library, one at a time for each object, and must return soon. They must not close
 *            contexts, models, clusters or nodes, nor wait for a ticket or a generation.
 * Forks      do not carry the library's threads and devices along. In the child of a process that has opened a context,
 *            every call returns EXOGPU_FAILED_PRECONDITION; start a new program (exec) instead. A process that forks
 *            before it opens a context may use the library in both.
 *
 * The library needs nothing to be freed at the end of the process, but exogpu_context_close() stops its threads and must
 * be called before the process unloads the library.
 */
#ifndef EXOGPU_EXOGPU_H
#define EXOGPU_EXOGPU_H
#pragma once

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EXOGPU_API
#else
#define EXOGPU_API __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* --- versions and errors ------------------------------------------------------------------------------------------ */

/* "0.1.0". The text is the library's. */
EXOGPU_API const char *exogpu_version(void);

typedef int32_t exogpu_code;
enum {
  EXOGPU_OK = 0,
  EXOGPU_INVALID_ARGUMENT = 1,    /* the caller's input is wrong, independent of the system's state */
  EXOGPU_NOT_FOUND = 2,           /* a named thing does not exist */
  EXOGPU_ALREADY_EXISTS = 3,      /* a named thing exists and must not */
  EXOGPU_CORRUPT = 4,             /* data violates its format */
  EXOGPU_UNSUPPORTED = 5,         /* well-formed, but not supported here */
  EXOGPU_OUT_OF_MEMORY = 6,       /* a device or the host lacks the bytes */
  EXOGPU_RESOURCE_EXHAUSTED = 7,  /* a limit other than memory is reached */
  EXOGPU_FAILED_PRECONDITION = 8, /* the system's state does not allow the call */
  EXOGPU_PERMISSION_DENIED = 9,
  EXOGPU_UNAUTHENTICATED = 10,
  EXOGPU_UNAVAILABLE = 11,        /* may work later: a node is offline, a device is lost */
  EXOGPU_DEADLINE_EXCEEDED = 12,  /* what was waited for did not happen in time */
  EXOGPU_CANCELLED = 13,
  EXOGPU_IO_ERROR = 14,
  EXOGPU_INTERNAL = 15            /* a bug of the library */
};

/* "out_of_memory"; "unknown" for what is no code. The text is the library's. */
EXOGPU_API const char *exogpu_code_name(exogpu_code code);

/* The message of the calling thread's last call that failed, at most 2,047 bytes; "" before the first. The text is valid
 * until this thread's next call that fails. */
EXOGPU_API const char *exogpu_last_error(void);

/* Frees a text that a call returned. Null is allowed. */
EXOGPU_API void exogpu_free(void *text);

/* --- handles ------------------------------------------------------------------------------------------------------ */

typedef struct exogpu_context { uint64_t id; } exogpu_context;
typedef struct exogpu_device { uint64_t id; } exogpu_device;
typedef struct exogpu_buffer { uint64_t id; } exogpu_buffer;
typedef struct exogpu_ticket { uint64_t id; } exogpu_ticket;
typedef struct exogpu_model { uint64_t id; } exogpu_model;
typedef struct exogpu_generation { uint64_t id; } exogpu_generation;
typedef struct exogpu_cluster { uint64_t id; } exogpu_cluster;
typedef struct exogpu_node { uint64_t id; } exogpu_node;

/* --- contexts ----------------------------------------------------------------------------------------------------- */

typedef struct exogpu_context_options {
  size_t struct_size;
  const char *backend;  /* only devices of this one: "vulkan", "cuda", "cpu", ...; null: all */
  uint32_t software;    /* not 0: also GPUs that the CPU renders, such as llvmpipe */
  uint32_t cpu_only;    /* not 0: looks for no GPU at all, which saves the time and memory of drivers */
  const char *program;  /* the path of the program `exogpu`, which then checks the devices' kernels in processes of its
                         * own before they compute; null: kernels are taken in ggml's order, unchecked */
  const char *backends; /* the folder of ggml's backends; null: where ggml looks. Counts for the first context alone */
} exogpu_context_options;

/* Finds the devices of this machine. `options` may be null. Contexts are independent of each other: what belongs to one
 * is unknown to the others. The backends of ggml are loaded with the first one and stay loaded.
 * Errors: not_found (no device of this backend; names the others), unavailable (ggml is not installed completely),
 * resource_exhausted (65,535 contexts were opened), failed_precondition (`software`, in a process whose first context was
 * opened without it). */
EXOGPU_API exogpu_code exogpu_context_open(const exogpu_context_options *options, exogpu_context *context);

/* Cancels and ends all work of the context and frees all that belongs to it: buffers, tickets, models, generations,
 * clusters, nodes. Waits for calls of theirs that are running on the library's threads.
 * Errors: failed_precondition (called from a callback). */
EXOGPU_API exogpu_code exogpu_context_close(exogpu_context context);

/* --- devices ------------------------------------------------------------------------------------------------------ */

enum { EXOGPU_DEVICE_DISCRETE = 0, EXOGPU_DEVICE_INTEGRATED = 1, EXOGPU_DEVICE_CPU = 2 };

/* Texts that do not fit are cut; exogpu_device_json() has them whole. What is not known is empty or 0. */
typedef struct exogpu_device_info {
  size_t struct_size;
  uint32_t kind;          /* EXOGPU_DEVICE_... */
  uint32_t software;      /* 1: a GPU that the CPU renders */
  uint32_t compute_units; /* of a GPU; cores of a CPU */
  int32_t f16, bf16, int8_dot, matrix_cores; /* whether it computes with them: 1, 0, or -1: not known */
  uint32_t asynchronous;  /* 1: has a queue of its own for copies */
  uint64_t memory_bytes;
  char id[32];            /* stable on this machine: "cpu", "vulkan0" */
  char name[128];         /* the model: "NVIDIA H200" */
  char vendor[64];
  char architecture[64];  /* of a CPU: "x86_64", and the kernels in use: "x86_64 zen4" */
  char backend[32];       /* "CPU", "Vulkan", "CUDA" */
  char driver[64];        /* version */
  char pci_address[32];   /* "0000:65:00.0" */
  char uuid[64];
} exogpu_device_info;

typedef struct exogpu_memory_info {
  size_t struct_size;
  uint64_t total_bytes;
  uint64_t free_bytes;      /* now, as the driver says */
  uint64_t allocated_bytes; /* by buffers of this context */
  uint64_t buffers;         /* of this context */
} exogpu_memory_info;

/* A value without a sensor, or that cannot be read, is NaN. */
typedef struct exogpu_readings {
  size_t struct_size;
  double utilization;       /* 0..1, since the reading before; NaN the first time */
  double temperature_c;
  double temperature_limit_c; /* at which the hardware protects itself */
  double power_w;
  double clock_share;       /* 0..1: the present clock divided by the highest */
  double memory_used_bytes; /* by all processes */
  int32_t throttled;        /* 1: slowed down to cool; 0: not; -1: not known */
} exogpu_readings;

/* Writes up to `capacity` devices to `devices`, best first and the CPU last, and their full number to `count`.
 * `devices` may be null if `capacity` is 0. */
EXOGPU_API exogpu_code exogpu_device_list(exogpu_context context, exogpu_device *devices, size_t capacity,
                                          size_t *count);
/* By id, by the start of one that is unambiguous, or "gpu" for the best. Errors: not_found. */
EXOGPU_API exogpu_code exogpu_device_find(exogpu_context context, const char *id, exogpu_device *device);
/* What is known of the device, in a struct. Errors: unavailable (the device cannot be opened). */
EXOGPU_API exogpu_code exogpu_device_describe(exogpu_device device, exogpu_device_info *info);
/* All that is known of the device, as a JSON object: the fields of exogpu_device_info and "precisions". */
EXOGPU_API exogpu_code exogpu_device_json(exogpu_device device, char **json);
/* Errors: unavailable (the device cannot be opened). */
EXOGPU_API exogpu_code exogpu_device_memory(exogpu_device device, exogpu_memory_info *info);
/* May take milliseconds. */
EXOGPU_API exogpu_code exogpu_device_read_sensors(exogpu_device device, exogpu_readings *readings);
/* How well a device with these readings could take more work, from 0 to 1: 60 % the free share of its memory, 40 % the free
 * share of its compute, less 0.05 for each degree above 80 degrees Celsius. Without a utilization it counts as free, without
 * a temperature as cool. The readings may be those of another machine. Errors: invalid_argument (no memory_used_bytes, or
 * 0 bytes of memory). */
EXOGPU_API exogpu_code exogpu_device_suitability(const exogpu_readings *readings, uint64_t memory_total_bytes,
                                                 double *suitability);
/* Waits until the copies of this device that were begun before, those of tickets too, are done. Errors: unavailable (the
 * device was lost). */
EXOGPU_API exogpu_code exogpu_device_synchronize(exogpu_device device);
/* An event: its ticket is done when all that was begun before on the device is. Errors: unavailable (the device cannot be
 * opened). */
EXOGPU_API exogpu_code exogpu_device_record(exogpu_device device, exogpu_ticket *ticket);

/* --- buffers ------------------------------------------------------------------------------------------------------ */

typedef struct exogpu_buffer_info {
  size_t struct_size;
  uint64_t size;        /* bytes */
  exogpu_device device;
  void *host_address;   /* of its bytes, on a device in the host's memory, until it is freed; null: elsewhere */
} exogpu_buffer_info;

/* `size` > 0 bytes of undefined content. Errors: out_of_memory (names what is free), resource_exhausted (more than one
 * buffer of this device holds), unavailable. */
EXOGPU_API exogpu_code exogpu_buffer_allocate(exogpu_device device, uint64_t size, exogpu_buffer *buffer);
/* The handle is invalid at once; the memory is given back when copies that were begun before are done. */
EXOGPU_API exogpu_code exogpu_buffer_free(exogpu_buffer buffer);
/* Its size, its device, and where its bytes are. */
EXOGPU_API exogpu_code exogpu_buffer_describe(exogpu_buffer buffer, exogpu_buffer_info *info);

/* Copies wait until they are done. A range outside the buffer, and a copy of a range of one buffer to one that overlaps
 * it, are invalid_argument and name the sizes. Buffers of two devices are copied directly where the drivers can; those of
 * two contexts are refused. Errors: unavailable (the device failed; the destination is then undefined). */
EXOGPU_API exogpu_code exogpu_buffer_upload(exogpu_buffer to, uint64_t offset, const void *from, uint64_t size);
EXOGPU_API exogpu_code exogpu_buffer_download(exogpu_buffer from, uint64_t offset, void *to, uint64_t size);
EXOGPU_API exogpu_code exogpu_buffer_copy(exogpu_buffer from, uint64_t from_offset, exogpu_buffer to,
                                          uint64_t to_offset, uint64_t size);

/* The same, begun here and done when the ticket is. The operations of one device are done in the order in which they were
 * begun; calls without a ticket do not wait for them. Memory of the host must stay valid, and what is uploaded
 * unchanged, until the ticket is done. */
EXOGPU_API exogpu_code exogpu_buffer_allocate_async(exogpu_device device, uint64_t size, exogpu_ticket *ticket);
EXOGPU_API exogpu_code exogpu_buffer_upload_async(exogpu_buffer to, uint64_t offset, const void *from, uint64_t size,
                                                  exogpu_ticket *ticket);
EXOGPU_API exogpu_code exogpu_buffer_download_async(exogpu_buffer from, uint64_t offset, void *to, uint64_t size,
                                                    exogpu_ticket *ticket);
EXOGPU_API exogpu_code exogpu_buffer_copy_async(exogpu_buffer from, uint64_t from_offset, exogpu_buffer to,
                                                uint64_t to_offset, uint64_t size, exogpu_ticket *ticket);

/* --- tickets: operations that are in flight ----------------------------------------------------------------------- */

/* Waits until the operation is done, at most `timeout_ms` (negative: without limit). Returns the operation's own code, and
 * its message as that of this call; deadline_exceeded, while poll says that it is not done: not in time. */
EXOGPU_API exogpu_code exogpu_ticket_wait(exogpu_ticket ticket, int64_t timeout_ms);
/* Whether the operation is done: 1 or 0. */
EXOGPU_API exogpu_code exogpu_ticket_poll(exogpu_ticket ticket, int32_t *done);
/* `code` and `message` (valid during the call) are the operation's. */
typedef void (*exogpu_ticket_callback)(void *user, exogpu_code code, const char *message);
/* Calls back once when the operation is done: from the calling thread before this returns, if it is done already.
 * Errors: already_exists (the ticket has a callback). */
EXOGPU_API exogpu_code exogpu_ticket_notify(exogpu_ticket ticket, exogpu_ticket_callback callback, void *user);
/* An eventfd that becomes readable when the operation is done, and stays so. It is the ticket's: do not read or close it.
 * Errors: unsupported (not on this system), resource_exhausted (no more files may be open). */
EXOGPU_API exogpu_code exogpu_ticket_fd(exogpu_ticket ticket, int32_t *fd);
/* What the operation made: a buffer or a model. Errors: failed_precondition (not done, or failed, or it made none). */
EXOGPU_API exogpu_code exogpu_ticket_buffer(exogpu_ticket ticket, exogpu_buffer *buffer);
EXOGPU_API exogpu_code exogpu_ticket_model(exogpu_ticket ticket, exogpu_model *model);
/* Asks the operation to end early. One that has not begun ends as `cancelled`, as does the loading of a model; a copy that
 * has begun goes on. */
EXOGPU_API exogpu_code exogpu_ticket_cancel(exogpu_ticket ticket);
/* Errors: failed_precondition (it is not done: wait for it, since it may still use the caller's memory). */
EXOGPU_API exogpu_code exogpu_ticket_free(exogpu_ticket ticket);

/* --- models ------------------------------------------------------------------------------------------------------- */

typedef struct exogpu_model_options {
  size_t struct_size;
  const char *device;        /* as for exogpu_device_find(); null: the best that is no software renderer */
  uint32_t context_tokens;   /* of prompt and answer together; 0: 4096, or those of the model's training if fewer */
  uint32_t threads;          /* of the CPU; 0: as many as find free cores */
  uint32_t batch_tokens;     /* of a prompt, computed together; 0: 512, or 2048 on a GPU */
  const char *chat_template; /* the path of a Jinja file to use instead of the model's own; null: the model's */
} exogpu_model_options;

/* Loads a GGUF file (any part of a split one) to a device of the context. Waits until it is loaded. `options` may be null.
 * Errors: not_found, permission_denied, io_error, corrupt, unsupported, out_of_memory, unavailable. */
EXOGPU_API exogpu_code exogpu_model_open(exogpu_context context, const char *path, const exogpu_model_options *options,
                                         exogpu_model *model);
EXOGPU_API exogpu_code exogpu_model_open_async(exogpu_context context, const char *path,
                                               const exogpu_model_options *options, exogpu_ticket *ticket);
/* Cancels its generations, waits for them, and frees the model. Errors: failed_precondition (called from a callback). */
EXOGPU_API exogpu_code exogpu_model_close(exogpu_model model);
/* A JSON object: "name", "architecture", "context_tokens", "embeddings" (it gives embeddings and writes no text), and
 * what else is known. Errors: for a model of a cluster those of exogpu_cluster_models(), and corrupt (the address answers
 * otherwise than a node's API); for one of a cluster or a node not_found. */
EXOGPU_API exogpu_code exogpu_model_json(exogpu_model model, char **json);

enum {
  EXOGPU_TOKENIZE_ADD_SPECIAL = 1,  /* with the tokens that the model puts around a text */
  EXOGPU_TOKENIZE_PARSE_SPECIAL = 2 /* a text such as "<|im_end|>" becomes that one token */
};
/* Writes up to `capacity` tokens and their full number to `count`. `tokens` may be null if `capacity` is 0.
 * Errors: those of exogpu_model_json(); for a model of a node unavailable (it is not loaded). */
EXOGPU_API exogpu_code exogpu_model_tokenize(exogpu_model model, const char *text, size_t length, uint32_t flags,
                                             int32_t *tokens, size_t capacity, size_t *count);
/* The text, which may contain zero bytes, and its length in bytes, which may be null. Errors: invalid_argument (a token
 * outside the vocabulary), those of exogpu_model_tokenize(). */
EXOGPU_API exogpu_code exogpu_model_detokenize(exogpu_model model, const int32_t *tokens, size_t count, char **text,
                                               size_t *length);
/* A conversation as the model's template writes it. `messages`: a JSON array as OpenAI's API has it. Errors:
 * invalid_argument (no such JSON, or the template refuses it), those of exogpu_model_tokenize(). */
EXOGPU_API exogpu_code exogpu_model_template(exogpu_model model, const char *messages, char **text);
/* Writes up to `capacity` values of the text's embedding and their full number to `count`. Waits. Errors:
 * invalid_argument (the model gives no embeddings), resource_exhausted (the text is too long), those of
 * exogpu_model_json(). */
EXOGPU_API exogpu_code exogpu_model_embed(exogpu_model model, const char *text, size_t length, float *values,
                                          size_t capacity, size_t *count);

/* --- generations -------------------------------------------------------------------------------------------------- */

enum {
  EXOGPU_FINISH_END = 0,     /* the model ended its answer */
  EXOGPU_FINISH_STOP = 1,    /* one of `stops` came */
  EXOGPU_FINISH_LENGTH = 2,  /* max_tokens */
  EXOGPU_FINISH_CONTEXT = 3, /* the context is full */
  EXOGPU_FINISH_CANCELLED = 4
};

/* A part of an answer: whole characters. */
typedef struct exogpu_piece {
  size_t struct_size;
  const char *text; /* not ended by a zero byte; valid during the callback, or until the generation's next call */
  size_t length;    /* bytes; 0 with `end` */
  int32_t end;      /* 1: the answer has ended, and no piece follows */
  exogpu_code code; /* with `end`: how it ended, EXOGPU_OK also when it was cancelled; exogpu_last_error() of the thread
                     * that gets the piece has the message */
} exogpu_piece;
typedef void (*exogpu_piece_callback)(void *user, const exogpu_piece *piece);

typedef struct exogpu_generate_options {
  size_t struct_size;
  const char *messages;  /* a conversation: a JSON array as OpenAI's API has it; or null */
  const char *prompt;    /* a text to continue; or null. Exactly one of both */
  const char *variables; /* a JSON object of further variables for the template, or null: {"enable_thinking": false} */
  const char *const *stops; /* texts that end the answer */
  size_t stop_count;
  uint32_t max_tokens;   /* of the answer; 0: until the context is full */
  uint32_t ignore_end;   /* not 0: continues where the model would end */
  float temperature, top_p, min_p, repeat_penalty, presence_penalty, frequency_penalty;
  uint32_t top_k;
  uint64_t seed;         /* the same seed gives the same text */
  exogpu_piece_callback on_piece; /* receives the answer; null: exogpu_generation_next() gives it */
  void *user;
} exogpu_generate_options;

/* Fills in the defaults: those of `exogpu run`. Pass sizeof(exogpu_generate_options). */
EXOGPU_API void exogpu_generate_options_init(exogpu_generate_options *options, size_t struct_size);

typedef struct exogpu_generation_stats {
  size_t struct_size;
  uint32_t finish;        /* EXOGPU_FINISH_... */
  uint32_t prompt_tokens; /* of a cluster's model 0 where its API does not say */
  uint32_t prompt_reused; /* of these, already in the cache */
  uint32_t answer_tokens;
  double prompt_s;        /* until the first token */
  double answer_s;        /* from then on */
} exogpu_generation_stats;

/* Begins an answer. A model in this process writes one at a time, others wait in the order of their calls; a model of a
 * cluster or node writes as many as that allows. Errors of the settings are this call's, or end the answer. */
EXOGPU_API exogpu_code exogpu_model_generate(exogpu_model model, const exogpu_generate_options *options,
                                             exogpu_generation *generation);
/* Waits for the next piece, at most `timeout_ms` (negative: without limit; 0: not at all). At the end `piece->end` is 1,
 * and the call returns how it ended: EXOGPU_OK, or the error. deadline_exceeded with `end` 0: nothing came in time.
 * One thread at a time. Errors: failed_precondition (the generation has a callback). */
EXOGPU_API exogpu_code exogpu_generation_next(exogpu_generation generation, int64_t timeout_ms, exogpu_piece *piece);
/* An eventfd that is readable while exogpu_generation_next() would not wait. It is the generation's: do not read or close
 * it. Errors: those of exogpu_ticket_fd(); failed_precondition (the generation has a callback). */
EXOGPU_API exogpu_code exogpu_generation_fd(exogpu_generation generation, int32_t *fd);
/* Asks the answer to end; what was written stands. */
EXOGPU_API exogpu_code exogpu_generation_cancel(exogpu_generation generation);
/* Errors: failed_precondition (it has not ended, or it failed). */
EXOGPU_API exogpu_code exogpu_generation_stats_of(exogpu_generation generation, exogpu_generation_stats *stats);
/* Cancels it, and waits until it has ended: no callback comes afterwards. Errors: failed_precondition (called from a
 * callback). */
EXOGPU_API exogpu_code exogpu_generation_free(exogpu_generation generation);

/* --- clusters: models of other machines, by the API of a node ----------------------------------------------------- */

/* `address`: "HOST[:PORT]" of a node's API (port 8080 by default); `key`: its API key, or null. Connects with each call,
 * not here. */
EXOGPU_API exogpu_code exogpu_cluster_open(exogpu_context context, const char *address, const char *key,
                                           exogpu_cluster *cluster);
/* Its models stay usable. */
EXOGPU_API exogpu_code exogpu_cluster_close(exogpu_cluster cluster);
/* What GET /v1/models and GET /v1/cluster answer; see docs/api.md. Wait. Errors: unavailable, deadline_exceeded,
 * unauthenticated (the key is wrong), permission_denied (the key may not), not_found (the address is that of something
 * else). */
EXOGPU_API exogpu_code exogpu_cluster_models(exogpu_cluster cluster, char **json);
EXOGPU_API exogpu_code exogpu_cluster_json(exogpu_cluster cluster, char **json);
/* A model of the cluster. Stays usable when the cluster is closed. The name is checked by each use. */
EXOGPU_API exogpu_code exogpu_cluster_model(exogpu_cluster cluster, const char *name, exogpu_model *model);

/* --- nodes: this process as a part of a cluster ------------------------------------------------------------------- */

typedef struct exogpu_node_options {
  size_t struct_size;
  const char *state;   /* the folder of its identity; needed */
  const char *cache;   /* the folder of weights from other nodes; needed */
  const char *models;  /* the folder of models that requests may name; null: none */
  const char *model;   /* a GGUF file that the cluster is to serve; null: none */
  const char *name;    /* for people; null: the machine's */
  const char *listen;  /* "[HOST]:PORT" where other nodes connect; null: ":7766"; port 0: any free port */
  const char *advertise; /* "HOST:PORT" at which others reach it, if that is elsewhere; null: at `listen` */
  const char *api;     /* "[HOST]:PORT" of the API for clients; null: no API */
  const char *api_key; /* that clients must send; null: those of other machines need a key of the cluster */
  const char *const *connect; /* nodes of the cluster, "HOST[:PORT]" */
  size_t connect_count;
  const char *token;   /* to join the cluster of `connect` first; null: founds a cluster at the first start */
  const char *const *devices; /* by id; none: all but software renderers */
  size_t device_count;
  uint32_t discover;   /* not 0: finds nodes of its cluster on the local network, and shows itself there */
  uint32_t threads;    /* of the CPU; 0: as many as find free cores */
  uint32_t context_tokens; /* of the longest conversation with `model`; 0: as the model was trained for */
  uint32_t reserved;   /* 0 */
  uint64_t memory_bytes_max; /* of each device; 0: what is free */
} exogpu_node_options;

/* Starts a node. Waits until it listens, and with `token` until it has joined or was refused.
 * Errors: failed_precondition (a node runs with this state), already_exists (the port is in use), unauthenticated (the
 * token), not_found, permission_denied, corrupt, io_error, unavailable. */
EXOGPU_API exogpu_code exogpu_node_start(exogpu_context context, const exogpu_node_options *options, exogpu_node *node);
/* Ends the node; its identity remains. Waits. Errors: failed_precondition (called from a callback). */
EXOGPU_API exogpu_code exogpu_node_stop(exogpu_node node);
/* Has plans no longer use its devices, ends the node and retires its identity: the folder `identity` of its state is
 * renamed. The next start founds or joins another cluster. Waits. Errors: those of exogpu_node_stop(), io_error. */
EXOGPU_API exogpu_code exogpu_node_leave(exogpu_node node);
/* The ports where it listens for nodes, and for clients (0: it does not). Either pointer may be null. */
EXOGPU_API exogpu_code exogpu_node_ports(exogpu_node node, uint16_t *link, uint16_t *api);
/* The cluster as the node knows it: what GET /v1/cluster answers; see docs/api.md. */
EXOGPU_API exogpu_code exogpu_node_json(exogpu_node node, char **json);
/* Events: waits until the snapshot is newer than `version` (0: any), at most `timeout_ms` (negative: without limit), and
 * writes its version. Errors: deadline_exceeded, cancelled (the node ends). */
EXOGPU_API exogpu_code exogpu_node_wait(exogpu_node node, uint64_t version, int64_t timeout_ms, uint64_t *newer);
/* A model that the node's cluster serves, or loads when it is asked for. */
EXOGPU_API exogpu_code exogpu_node_model(exogpu_node node, const char *name, exogpu_model *model);
/* A token with which `uses` devices may join within `lifetime_s`. Errors: invalid_argument, failed_precondition (the node
 * joined through an older exogpu and cannot admit others), resource_exhausted (it has 1,000 tokens), and those of the file
 * in `state`: corrupt, permission_denied, io_error. */
EXOGPU_API exogpu_code exogpu_node_token(exogpu_node node, uint32_t uses, uint32_t lifetime_s, char **token);
/* Shows a code of six digits, valid for two minutes, with which one device may join. Errors: resource_exhausted (too many
 * wrong codes lately), failed_precondition, corrupt, permission_denied, io_error as above. */
EXOGPU_API exogpu_code exogpu_node_pair(exogpu_node node, char **code);
/* Lets the device in that shows this code. Errors: invalid_argument (no code), those of exogpu_node_pair(). */
EXOGPU_API exogpu_code exogpu_node_approve(exogpu_node node, const char *code);
/* Connects to a node that was found by other means (NSD, Bonjour): "HOST:PORT". */
EXOGPU_API exogpu_code exogpu_node_add_peer(exogpu_node node, const char *address);

/* Readings of sensors that the library cannot read itself: a phone's battery and thermal state. They replace its own
 * until the next call. */
typedef struct exogpu_sensor_input {
  size_t struct_size;
  double charge;      /* 0..1 of the battery; NaN: none */
  int32_t on_battery; /* 1 or 0; -1: as the library reads it */
  int32_t throttled;  /* 1: the devices slow down to cool; 0: not; -1: as the library reads it */
  double temperature_c, temperature_limit_c; /* of the devices; NaN: as the library reads them */
} exogpu_sensor_input;
EXOGPU_API exogpu_code exogpu_node_report_sensors(exogpu_node node, const exogpu_sensor_input *input);

/* Makes `state` that of a member of a cluster, by the code that a device of it shows. No node may run with it. `address`:
 * "HOST[:PORT]" of that device; null: looks for it on the local network. Waits, a few seconds at most. Errors:
 * invalid_argument, not_found (no device there shows a code), failed_precondition (the one at `address` shows none, or a
 * node runs with `state`), unauthenticated (the code is wrong), unavailable, permission_denied, io_error. */
EXOGPU_API exogpu_code exogpu_join(const char *state, const char *code, const char *address);

#ifdef __cplusplus
}
#endif

#endif
