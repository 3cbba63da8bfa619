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

node::PullModel pull_for_clients(std::string folder) {
  return [folder = std::move(folder)](const std::string& source,
                                      const std::function<void(const node::PullProgress&)>& progress,
                                      const std::stop_token& stop) -> Result<std::string> {
    EXO_TRY(const hub::Reference reference, hub::parse_reference(source));
    EXO_TRY(const model::Library library, models_folder(folder));
    hub::PullOptions options = {.folder = library.folder(), .hub = {}, .http = {}, .retry = {}, .progress = {}};
    EXO_TRY(options.hub, hub_of(""));
    options.progress = [&](size_t index, size_t count, Bytes done, Bytes total) {
      progress({.file = index, .files = count, .done = done, .total = total});
    };
    options.retry.note = [](const std::string& line) { log::info("hub", "{}", line); };
    options.stop = stop;
    EXO_TRY(const hub::Pulled pulled, hub::pull(reference, options));
    return pulled.name;
  };
}

}  // namespace exogpu::cli
