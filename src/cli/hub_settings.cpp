#include "cli/hub_settings.h"

#include <cstdlib>
#include <format>
#include <string_view>
#include <utility>

#include "base/log.h"
#include "cli/open_model.h"

namespace exogpu::cli {
namespace {

constexpr std::string_view kUsualHub = "https://huggingface.co";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

}  // namespace

Result<hub::Hub> hub_of(std::string base) {
  if (base.empty()) base = environment("HF_ENDPOINT");
  if (base.empty()) base = kUsualHub;
  EXO_TRY(hub::Url url, hub::Url::parse(base));
  std::string token = environment("HF_TOKEN");
  for (const char c : token) {
    if (c > ' ' && c < 0x7f) continue;
    return fail(ErrorCode::invalid_argument, "HF_TOKEN holds a character that no token has; set it again");
  }
  return hub::Hub{.base = std::move(url), .token = std::move(token)};
}

namespace {

struct ClientPull {
  hub::Reference reference;
  hub::PullOptions options;
};

Result<ClientPull> client_pull(const std::string& folder, const std::string& source, const std::stop_token& stop) {
  EXO_TRY(hub::Reference reference, hub::parse_reference(source));
  EXO_TRY(const model::Library library, models_folder(folder));
  ClientPull pull{.reference = std::move(reference),
                  .options = {.folder = library.folder(), .hub = {}, .http = {}, .retry = {}, .progress = {}}};
  EXO_TRY(pull.options.hub, hub_of(""));
  pull.options.retry.note = [](const std::string& line) { log::info("hub", "{}", line); };
  pull.options.stop = stop;
  return pull;
}

}  // namespace

node::PullModel pull_for_clients(std::string folder) {
  return [folder = std::move(folder)](const std::string& source,
                                      const std::function<void(const node::PullProgress&)>& progress,
                                      const std::stop_token& stop) -> Result<std::string> {
    EXO_TRY(ClientPull pull, client_pull(folder, source, stop));
    pull.options.progress = [&](size_t index, size_t count, Bytes done, Bytes total) {
      progress({.file = index, .files = count, .done = done, .total = total});
    };
    EXO_TRY(const hub::Pulled pulled, hub::pull(pull.reference, pull.options));
    return pulled.name;
  };
}

node::PullBytes pull_bytes_for_clients(std::string folder) {
  return [folder = std::move(folder)](const std::string& source, const std::stop_token& stop) -> Result<Bytes> {
    EXO_TRY(const ClientPull pull, client_pull(folder, source, stop));
    return hub::bytes_to_pull(pull.reference, pull.options);
  };
}

}  // namespace exogpu::cli
