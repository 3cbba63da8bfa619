#include "api/ollama/routes.h"

#include "api/ollama/calls.h"
#include "api/ollama/model_list.h"
#include "wire/version.h"

namespace exogpu::api::ollama {

namespace {

// {"error": MESSAGE}
std::string error_body(const ApiError& error) { return dump({{"error", error.message}}); }

Parsed<Action> version(const Exchange&) { return Reply{.body = dump({{"version", wire::own_versions().program}})}; }

Parsed<Action> fixed_models(const Exchange&) {
  return std::unexpected(not_supported("changing models through the API",
                                       "models are files: see `exogpu models` and `exogpu pull` on a node"));
}

constexpr Route kRoutes[] = {
    {.path = "/api/chat", .method = "POST", .handle = chat, .scope = wire::Scope::chat},
    {.path = "/api/generate", .method = "POST", .handle = generate, .scope = wire::Scope::chat},
    {.path = "/api/tags", .method = "GET", .handle = tags, .scope = {}},
    {.path = "/api/ps", .method = "GET", .handle = loaded, .scope = {}},
    {.path = "/api/show", .method = "POST", .handle = show, .scope = {}},
    {.path = "/api/version", .method = "GET", .handle = version, .scope = {}},
    {.path = "/api/pull", .method = "POST", .handle = pull, .scope = wire::Scope::models},
    {.path = "/api/push", .method = "POST", .handle = fixed_models, .scope = wire::Scope::models},
    {.path = "/api/create", .method = "POST", .handle = fixed_models, .scope = wire::Scope::models},
    {.path = "/api/copy", .method = "POST", .handle = fixed_models, .scope = wire::Scope::models},
    {.path = "/api/delete", .method = "DELETE", .handle = fixed_models, .scope = wire::Scope::models},
    {.path = "/api/embed", .method = "POST", .handle = embed, .scope = wire::Scope::embeddings},
    {.path = "/api/embeddings", .method = "POST", .handle = embeddings, .scope = wire::Scope::embeddings},
};

}  // namespace

Surface surface() { return {.error = error_body, .routes = kRoutes, .prefix = "/api/"}; }

}  // namespace exogpu::api::ollama
