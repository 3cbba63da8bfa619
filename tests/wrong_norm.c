// Preloaded, it makes a device that computes wrongly: each norm of a model has another epsilon than the model's.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>

struct ggml_context;
struct ggml_tensor;

struct ggml_tensor* ggml_rms_norm(struct ggml_context* context, struct ggml_tensor* a, float eps);

struct ggml_tensor* ggml_rms_norm(struct ggml_context* context, struct ggml_tensor* a, float eps) {
  struct ggml_tensor* (*right)(struct ggml_context*, struct ggml_tensor*, float);
  *(void**)&right = dlsym(RTLD_NEXT, "ggml_rms_norm");
  return right(context, a, eps + 10);
}
