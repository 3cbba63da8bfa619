#include "api/surface/models.h"

#include <algorithm>

#include "api/surface/exchange.h"

namespace exogpu::api {

namespace {

ApiError unknown_model(std::string_view name, const std::vector<node::ModelEntry>& models) {
  std::string known;
  for (const auto& model : models) known += (known.empty() ? "" : ", ") + model.id;
  return {.status = 404,
          .message = std::format("there is no model {}; there is {}", dump(name.substr(0, 200)),
                                 known.empty() ? "none at present" : known),
          .param = "model",
          .code = "model_not_found"};
}

}  // namespace

Parsed<node::ModelEntry> find_model(const node::Service& service, std::string_view name) {
  constexpr std::string_view kLatest = ":latest";
  const auto models = service.models();
  if (models.empty()) {
    if (const auto ready = service.ready(); !ready) return std::unexpected(to_api_error(ready.error()));
  } else if (name.empty()) {
    return models.front();
  }
  auto found = std::ranges::find(models, name, &node::ModelEntry::id);
  if (found == models.end() && name.ends_with(kLatest)) {
    found = std::ranges::find(models, name.substr(0, name.size() - kLatest.size()), &node::ModelEntry::id);
  }
  if (found == models.end()) return std::unexpected(unknown_model(name, models));
  return *found;
}

std::string_view name_of(node::ModelState state) {
  switch (state) {
    case node::ModelState::unloaded: return "unloaded";
    case node::ModelState::loading: return "loading";
    case node::ModelState::loaded: return "loaded";
  }
  return "unloaded";
}

Parsed<std::shared_ptr<node::ModelText>> find_text(const node::Service& service, std::string_view name) {
  EXO_TRY(const node::ModelEntry model, find_model(service, name));
  auto text = service.text(model.id);
  if (!text) return std::unexpected(to_api_error(text.error()));
  return *std::move(text);
}

ApiError not_supported(std::string_view what, std::string_view remedy) {
  return {.status = 501, .message = std::format("{} is not supported; {}", what, remedy), .code = "unsupported"};
}

}  // namespace exogpu::api
