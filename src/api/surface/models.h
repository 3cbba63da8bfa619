// The models of the node, as requests name them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/json/api_error.h"
#include "node/service.h"

namespace exogpu::api {

// The model of this name, also with ":latest" behind it, as Ollama's clients write; the first one if `name` is empty.
// Errors: 404, naming those that there are; where there are none, the node's reason.
Parsed<node::ModelEntry> find_model(const node::Service& service, std::string_view name);

// "loaded", "loading", "unloaded"
std::string_view name_of(node::ModelState state);

// Errors: those of find_model(), and that the model is not ready.
Parsed<std::shared_ptr<node::ModelText>> find_text(const node::Service& service, std::string_view name);

}  // namespace exogpu::api
