// exogpu keys: makes, lists and revokes the keys of the API.
#include <charconv>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "cli/api_options.h"
#include "cli/arguments/quantity.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/table.h"

namespace exogpu::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::chrono::seconds kReply{5};

struct Options {
  ApiOptions api;
  std::string name;
  std::string scopes = "chat,embeddings";
  std::vector<std::string> models, devices;
  std::string expires, rate, tokens;
  bool json = false, all = false;
};

Result<Json> post(const Options& options, const char* path, const Json& body) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  EXO_TRY(const std::string reply, post_json(at, path, body, kReply));
  Json out = Json::parse(reply, nullptr, false);
  if (!out.is_object()) return fail(ErrorCode::corrupt, "the API sent a key that is no JSON");
  return out;
}

Result<void> show_made(const Options& options, const char* path, const Json& body) {
  EXO_TRY(const Json made, post(options, path, body));
  println_out("{}", made.value("key", ""));
  println_err(
      "This is the only time that the key is shown. Programs send it as their API key; `exogpu keys revoke {}` "
      "ends it.",
      printable(made.value("name", "")));
  return {};
}

Result<void> add(const Options& options) {
  Json body{{"name", options.name}, {"scopes", options.scopes}};
  if (!options.models.empty()) body["models"] = options.models;
  if (!options.devices.empty()) body["devices"] = options.devices;
  if (!options.expires.empty()) {
    EXO_TRY(const auto lifetime, parse_duration(options.expires, "--expires"));
    body["expires_in_s"] = lifetime.count();
  }
  if (!options.rate.empty()) {
    EXO_TRY(body["requests_per_minute"], parse_per(options.rate, "min", "--rate"));
  }
  if (!options.tokens.empty()) {
    EXO_TRY(body["tokens_per_day"], parse_per(options.tokens, "day", "--tokens"));
  }
  return show_made(options, "/v1/keys", body);
}

std::string day_of(int64_t seconds) {
  return std::format("{:%F}",
                     std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(std::chrono::seconds(seconds))));
}

std::string patterns_of(const Json& key, const char* field) {
  std::string all;
  for (const Json& pattern : key.value(field, Json::array())) {
    all += std::format("{}{}", all.empty() ? "" : ",", printable(pattern.get<std::string>()));
  }
  return all.empty() ? "all" : all;
}

std::string limits_of(const Json& key) {
  std::string limits;
  if (const auto rate = key.value("requests_per_minute", uint64_t{0})) limits = std::format("{}/min", rate);
  if (const auto tokens = key.value("tokens_per_day", uint64_t{0})) {
    limits += std::format("{}{} tokens/day", limits.empty() ? "" : ", ", tokens);
  }
  return limits;
}

std::string state_of(const Json& key) {
  const auto now =
      std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch());
  const int64_t expires = key.value("expires", int64_t{0});
  if (key.value("revoked", false)) return "revoked";
  return expires != 0 && expires <= now.count() ? "expired" : "valid";
}

Result<void> list(const Options& options) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  EXO_TRY(const std::string reply, body_of(api::get(at, "/v1/keys", kReply)));
  const Json all = Json::parse(reply, nullptr, false);
  if (!all.is_object() || !all["keys"].is_array())
    return fail(ErrorCode::corrupt, "the API sent keys that are no JSON");
  if (options.json) {
    println_out("{}", all["keys"].dump(2));
    return {};
  }
  Rows rows{{"NAME", "ID", "SCOPES", "MODELS", "DEVICES", "LIMITS", "MADE", "EXPIRES", "STATE"}};
  for (const Json& key : all["keys"]) {
    if (key.value("revoked", false) && !options.all) continue;
    const int64_t expires = key.value("expires", int64_t{0});
    rows.push_back({printable(key.value("name", "")), key.value("id", ""), key.value("scopes", ""),
                    patterns_of(key, "models"), patterns_of(key, "devices"), limits_of(key),
                    day_of(key.value("created", int64_t{0})), expires != 0 ? day_of(expires) : "never", state_of(key)});
  }
  if (rows.size() == 1) {
    println_out("There are no keys. Programs of this machine need none; `exogpu keys add NAME` makes one for others.");
    return {};
  }
  write_out(format_table(rows));
  return {};
}

Result<void> revoke(const Options& options) {
  EXO_TRY(const Json revoked, post(options, "/v1/keys/revoke", {{"key", options.name}}));
  println_out("The key {} is revoked.", printable(revoked.value("name", "")));
  return {};
}

Result<void> rotate(const Options& options) { return show_made(options, "/v1/keys/rotate", {{"key", options.name}}); }

void add_add(CLI::App& keys, const std::shared_ptr<Options>& options, Action& action) {
  auto* command = keys.add_subcommand("add", "Make a key and show it, this once");
  command->add_option("name", options->name, "Whose key it is, or what for")->required()->type_name("NAME");
  command
      ->add_option("--scope,--scopes", options->scopes,
                   "What it may do, with commas between: chat, embeddings, models, cluster:read, cluster:write, admin")
      ->type_name("SCOPES")
      ->capture_default_str();
  command->add_option("--models", options->models, "The models that it may use: names, or patterns such as 'qwen*'")
      ->delimiter(',')
      ->type_name("PATTERN")
      ->default_str("all");
  command
      ->add_option("--devices", options->devices,
                   "The devices that it may use: NODE/DEVICE, or patterns such as 'desk/*'. It gets answers of models "
                   "that run on these alone, and loads models onto these alone")
      ->delimiter(',')
      ->type_name("PATTERN")
      ->default_str("all");
  command->add_option("--expires", options->expires, "How long it is valid: 12h, 90d")
      ->type_name("TIME")
      ->default_str("for ever");
  command->add_option("--rate", options->rate, "At most so many requests: 60/min, at each node that is asked")
      ->type_name("N/min");
  command
      ->add_option("--tokens", options->tokens,
                   "At most so many tokens, prompts and answers: 1M/day, at each node that "
                   "is asked")
      ->type_name("N/day");
  add_api_options(*command, options->api);
  command->callback([options, &action] { action = [options] { return add(*options); }; });
}

void add_one(CLI::App& keys, const char* name, const char* text, Result<void> (*run)(const Options&),
             const std::shared_ptr<Options>& options, Action& action) {
  auto* command = keys.add_subcommand(name, text);
  command->add_option("key", options->name, "The name or the id of a key")->required()->type_name("KEY");
  add_api_options(*command, options->api);
  command->callback([options, run, &action] { action = [options, run] { return run(*options); }; });
}

}  // namespace

void add_keys(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("keys", "Make, list and revoke the keys with which programs use the API");
  command->require_subcommand(1);
  command->footer(
      "Keys are known to all nodes of the cluster. Programs of this machine need none, unless the node was started "
      "with\n"
      "--api-key; programs of other machines do.\n"
      "Example: exogpu keys add laptop --scope chat,embeddings --models 'qwen*' --expires 90d --rate 60/min");
  add_add(*command, options, action);
  auto* listed = command->add_subcommand("list", "List the keys; what is secret of them is not kept anywhere");
  listed->add_flag("--json", options->json, "Print JSON");
  listed->add_flag("--all", options->all, "Also those that were revoked");
  add_api_options(*listed, options->api);
  listed->callback([options, &action] { action = [options] { return list(*options); }; });
  add_one(*command, "revoke", "End a key, and the answers that are being written for it, on all nodes", revoke, options,
          action);
  add_one(*command, "rotate", "Give a key a new secret; the old one ends", rotate, options, action);
}

}  // namespace exogpu::cli
