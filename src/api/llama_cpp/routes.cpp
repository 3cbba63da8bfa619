#include "api/llama_cpp/routes.h"

#include "api/llama_cpp/completion.h"
#include "api/llama_cpp/text_routes.h"

namespace exogpu::api::llama_cpp {

namespace {

constexpr Route kRoutes[] = {
    {.path = "/tokenize", .method = "POST", .handle = tokenize},
    {.path = "/detokenize", .method = "POST", .handle = detokenize},
    {.path = "/apply-template", .method = "POST", .handle = apply_template},
    {.path = "/props", .method = "GET", .handle = props},
    {.path = "/completion", .method = "POST", .handle = completion},
    {.path = "/infill", .method = "POST", .handle = infill},
};

}  // namespace

Surface surface() { return {.error = to_json, .routes = kRoutes}; }

}  // namespace exogpu::api::llama_cpp
