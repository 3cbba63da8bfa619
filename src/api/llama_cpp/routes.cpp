#include "api/llama_cpp/routes.h"

#include "api/llama_cpp/completion.h"
#include "api/llama_cpp/embedding.h"
#include "api/llama_cpp/text_routes.h"

namespace exogpu::api::llama_cpp {

namespace {

constexpr Route kRoutes[] = {
    {.path = "/tokenize", .method = "POST", .handle = tokenize, .scope = wire::Scope::chat},
    {.path = "/detokenize", .method = "POST", .handle = detokenize, .scope = wire::Scope::chat},
    {.path = "/tokenizer_info", .method = "GET", .handle = tokenizer_info, .scope = {}},
    {.path = "/apply-template", .method = "POST", .handle = apply_template, .scope = wire::Scope::chat},
    {.path = "/props", .method = "GET", .handle = props, .scope = {}},
    {.path = "/completion", .method = "POST", .handle = completion, .scope = wire::Scope::chat},
    {.path = "/embedding", .method = "POST", .handle = embedding, .scope = wire::Scope::embeddings},
    {.path = "/embeddings", .method = "POST", .handle = embedding, .scope = wire::Scope::embeddings},
    {.path = "/infill", .method = "POST", .handle = infill, .scope = wire::Scope::chat},
};

}  // namespace

Surface surface() { return {.error = to_json, .routes = kRoutes}; }

}  // namespace exogpu::api::llama_cpp
