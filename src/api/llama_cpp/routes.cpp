#include "api/llama_cpp/routes.h"

#include "api/llama_cpp/completion.h"
#include "api/llama_cpp/embedding.h"
#include "api/llama_cpp/text_routes.h"

namespace exogpu::api::llama_cpp {

namespace {

constexpr Route kRoutes[] = {
    {.path = "/tokenize", .method = "POST", .handle = tokenize},
    {.path = "/detokenize", .method = "POST", .handle = detokenize},
    {.path = "/tokenizer_info", .method = "GET", .handle = tokenizer_info},
    {.path = "/apply-template", .method = "POST", .handle = apply_template},
    {.path = "/props", .method = "GET", .handle = props},
    {.path = "/completion", .method = "POST", .handle = completion},
    {.path = "/embedding", .method = "POST", .handle = embedding},
    {.path = "/embeddings", .method = "POST", .handle = embedding},
    {.path = "/infill", .method = "POST", .handle = infill},
};

}  // namespace

Surface surface() { return {.error = to_json, .routes = kRoutes}; }

}  // namespace exogpu::api::llama_cpp
