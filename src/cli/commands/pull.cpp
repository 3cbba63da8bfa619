// exogpu pull: fetches a model from a hub, or from an address, into the models folder.
#include "hub/pull.h"

#include <unistd.h>

#include <memory>

#include "base/utf8.h"
#include "cli/api_options.h"
#include "cli/arguments/checks.h"
#include "cli/cluster_pull.h"
#include "cli/command.h"
#include "cli/hub_settings.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "cli/progress_bar.h"

namespace exogpu::cli {
namespace {

struct Options {
  std::string model, folder, hub;
  uint32_t retries = 5;
  double timeout_s = 30;
  bool cluster = false;
  ApiOptions api;
};

Result<void> pull_there(const Options& options) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  EXO_TRY(const std::string name, pull_in_cluster(at, options.model));
  println_out("{} is in the library of the cluster.\nTalk to it: exogpu run {}", printable(name), printable(name));
  return {};
}

Result<void> pull(const Options& options) {
  EXO_TRY(const hub::Reference reference, hub::parse_reference(options.model));
  EXO_TRY(const model::Library library, models_folder(options.folder));
  hub::PullOptions pull_options = {.folder = library.folder(), .hub = {}, .http = {}, .retry = {}, .progress = {}};
  EXO_TRY(pull_options.hub, hub_of(options.hub));
  pull_options.http.silence = pull_options.http.connect =
      std::chrono::milliseconds(static_cast<int64_t>(options.timeout_s * 1000));
  pull_options.retry.attempts_max = options.retries;
  auto bar = std::make_unique<ProgressBar>("fetching");
  size_t shown = 0;
  pull_options.progress = [&](size_t index, size_t count, Bytes done, Bytes total) {
    if (index != shown) bar = std::make_unique<ProgressBar>(std::format("fetching {} of {}", index + 1, count));
    shown = index;
    bar->update(done, total);
  };
  pull_options.retry.note = [&](const std::string& line) {
    print_err("{}{}\n", isatty(STDERR_FILENO) != 0 ? "\r\033[K" : "", line);
  };
  auto pulled = hub::pull(reference, pull_options);
  bar.reset();
  if (!pulled) return std::unexpected(std::move(pulled).error());
  println_out("{}: {}{}{}", printable(pulled->name), format_bytes(pulled->bytes),
              pulled->already_present ? ", was here already" : "",
              pulled->verified ? ", its checksum is right" : "; the hub states no checksum");
  println_out("Talk to it: exogpu run {}", printable(pulled->name));
  return {};
}

}  // namespace

void add_pull(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand("pull", "Fetch a model from a hub into the models folder");
  command->footer(
      "Examples:\n"
      "  exogpu pull ORG/REPO                    the only GGUF file there, or that in Q4_K_M\n"
      "  exogpu pull ORG/REPO:Q8_0               the one in this quantisation\n"
      "  exogpu pull ORG/REPO:FILE.gguf          this file, and the other parts of a split one\n"
      "  exogpu pull https://example.org/x.gguf  from an address\n"
      "An interrupted fetch continues where it stopped when it is started again. The hub is that of --hub, else\n"
      "$HF_ENDPOINT, else huggingface.co; $HF_TOKEN is sent to it and to no other host. More: docs/models.md");
  command->add_option("model", options->model, "The model to fetch, as in the examples")
      ->required()
      ->type_name("SOURCE");
  command->add_option("--models", options->folder, "The models folder")->type_name("DIR");
  command->add_option("--hub", options->hub, "The hub's address")->type_name("URL");
  command->add_option("--retries", options->retries, "Attempts in a row without progress, after the first")
      ->check(between(0, 1000))
      ->capture_default_str();
  command->add_option("--timeout", options->timeout_s, "Seconds without a byte after which a connection counts as lost")
      ->check(between(0.1, 3600))
      ->capture_default_str();
  command->add_flag("--cluster", options->cluster,
                    "Have the cluster of a running node pull it, at the node with room for it");
  add_api_options(*command, options->api);
  command->callback(
      [options, &action] { action = [options] { return options->cluster ? pull_there(*options) : pull(*options); }; });
}

}  // namespace exogpu::cli
