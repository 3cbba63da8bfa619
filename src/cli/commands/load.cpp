// exogpu load: the cluster loads a model of its library.
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "base/utf8.h"
#include "cli/api_options.h"
#include "cli/arguments/checks.h"
#include "cli/cluster_pull.h"
#include "cli/command.h"
#include "cli/output.h"

namespace exogpu::cli {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::milliseconds kPoll{200};
constexpr std::chrono::seconds kReply{5};

struct Options {
  ApiOptions api;
  std::string model;
  bool pin = false;
  bool no_wait = false;
  std::optional<uint32_t> context, parallel;
  std::optional<double> keep_loaded_min;
};

Json request_of(const Options& options) {
  Json body{{"model", options.model}};
  if (options.pin) body["pinned"] = true;
  if (options.context) body["context"] = *options.context;
  if (options.parallel) body["parallel"] = *options.parallel;
  if (options.keep_loaded_min) body["keep_loaded_s"] = static_cast<uint32_t>(*options.keep_loaded_min * 60);
  return body;
}

// The model's status in the list of models: {"value": "loaded"}.
Result<Json> status_of(const api::ApiAddress& at, const std::string& name) {
  EXO_TRY(const std::string body, body_of(api::get(at, "/v1/models", kReply)));
  const Json list = Json::parse(body, nullptr, false);
  for (const Json& model : list.value("data", Json::array())) {
    if (model.value("id", "") == name) return model.value("status", Json::object());
  }
  return fail(ErrorCode::not_found, "the model {} is gone", printable(name));
}

Result<void> wait_until_loaded(const api::ApiAddress& at, const std::string& name) {
  std::string shown;
  while (true) {
    EXO_TRY(const Json status, status_of(at, name));
    const std::string reason = printable(status.value("reason", ""));
    if (status.value("value", "") == "loaded") return {};
    if (status.value("failed", false)) return fail(ErrorCode::failed_precondition, "{}: {}", printable(name), reason);
    if (!reason.empty() && reason != shown) println_err("{}", reason);
    shown = reason;
    std::this_thread::sleep_for(kPoll);
  }
}

// Whether it names a model of a hub, or an address, instead of one of the library.
bool is_source(const std::string& model) { return model.starts_with("hf:") || model.contains("://"); }

Result<void> load(Options options) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  if (is_source(options.model)) {
    EXO_TRY(options.model, pull_in_cluster(at, options.model));
  }
  EXO_CHECK(post_json(at, "/v1/models/load", request_of(options), kReply));
  if (options.no_wait) return {};
  EXO_CHECK(wait_until_loaded(at, options.model));
  println_out("{} is loaded.", printable(options.model));
  return {};
}

}  // namespace

void add_load(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("load", "Load a model of the cluster's library, beside the others");
  command->footer(
      "A request that names a model loads it, too. Where there is no room, the models go that nobody used for "
      "longest,\n"
      "but none that is pinned or answers. `exogpu models --cluster` lists the library.\n"
      "hf:ORG/REPO:Q4_K_M, or an address, has the node with room for it fetch the model first, into its models "
      "folder;\n"
      "others get their layers. `exogpu status` at any node shows how far it is.");
  command
      ->add_option("model", options->model,
                   "The model's name, as `exogpu models --cluster` shows it, or hf:ORG/REPO:QUANTISATION")
      ->required()
      ->type_name("MODEL");
  command->add_flag("--pin", options->pin,
                    "Keep it loaded until it is unloaded, and never let it make room for others");
  command->add_option("-c,--context", options->context, "Tokens of a conversation")->check(between(1, 100'000'000));
  command->add_option("--parallel,--sequences", options->parallel, "Sequences computed at once")
      ->check(between(1, 4096));
  command
      ->add_option("--keep-loaded", options->keep_loaded_min,
                   "Minutes without a request after which it goes; 0: never (default: as its node serves)")
      ->check(between(0, 1'000'000));
  command->add_flag("--no-wait", options->no_wait, "Do not wait until it is loaded");
  add_api_options(*command, options->api);
  command->callback([options, &action] { action = [options] { return load(*options); }; });
}

}  // namespace exogpu::cli
