// exogpu serve: this machine as a node of a cluster, with the OpenAI-compatible API.
#include <memory>

#include "api/server.h"
#include "cli/address.h"
#include "cli/command.h"
#include "cli/folders.h"
#include "cli/log_options.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "cli/setting_options.h"
#include "cli/stop_signals.h"
#include "node/host_name.h"
#include "node/node.h"

namespace exogpu::cli {
namespace {

constexpr uint16_t kLinkPort = 7766;
constexpr uint16_t kApiPort = 8080;

struct Options {
  std::string model;
  std::vector<std::string> join;
  std::string token;
  std::string listen = ":7766";
  std::string advertise;
  std::string api = "127.0.0.1:8080";
  bool no_api = false;
  bool no_discovery = false;
  std::string state, cache, chat_template;
  LogOptions log;
  node::NodeOptions node;
  api::ServerOptions server;
};

// For what was told to stop when all clients are gone.
constexpr std::chrono::milliseconds kStopTime{800};

Result<node::NodeOptions> node_options(const Options& options) {
  node::NodeOptions node = options.node;
  if (!options.model.empty()) {
    EXO_TRY(const model::Gguf file, open_model(options.model));
    node.model = file.path();
  }
  EXO_TRY(node.state, state_folder(options.state));
  EXO_TRY(node.cache, cache_folder(options.cache));
  EXO_TRY(const HostPort listen, parse_host_port(options.listen, kLinkPort, "--listen"));
  node.listen = {.host = listen.host, .port = listen.port};
  if (!options.advertise.empty()) {
    EXO_TRY(const HostPort at, parse_host_port(options.advertise, kLinkPort, "--advertise"));
    node.advertise = node::Address{.host = at.host, .port = at.port};
  }
  for (const std::string& join : options.join) {
    EXO_TRY(const HostPort at, parse_host_port(join, kLinkPort, "--join"));
    node.connect.push_back({.host = at.host, .port = at.port});
  }
  node.discover = !options.no_discovery;
  if (!options.chat_template.empty()) {
    EXO_TRY(node.chat_template, model::read_template(options.chat_template));
  }
  if (!options.token.empty()) {
    if (options.join.empty()) {
      return fail(ErrorCode::invalid_argument, "--token: name a node of the cluster as well, with --join HOST:PORT");
    }
    EXO_TRY(node.token, security::JoinToken::parse(options.token));
  }
  node.on_note = [](const std::string& text) { log::info("node", "{}", text); };
  return node;
}

Result<void> serve(const Options& options) {
  EXO_CHECK(
      start_log(options.log, log::Level::info, options.node.name.empty() ? node::host_name() : options.node.name));
  StopSignals signals;
  EXO_TRY(node::NodeOptions node_settings, node_options(options));
  node_settings.on_fatal = [&signals](const Error& why) { signals.stop_for(why); };
  api::ServerOptions server_settings = options.server;
  if (!options.no_api) {
    EXO_TRY(const HostPort at, parse_host_port(options.api, kApiPort, "--api"));
    server_settings.address = at.host.empty() ? "::" : at.host;
    server_settings.port = at.port;
  }
  EXO_TRY(std::unique_ptr<node::Node> node, node::Node::start(std::move(node_settings)));
  std::optional<api::Server> server;
  if (!options.no_api) {
    EXO_TRY(api::Server started, api::Server::start(server_settings, *node));
    server.emplace(std::move(started));
    const std::string& host = server_settings.address;
    node->set_api(host == "::" || host == "0.0.0.0" ? "" : host, server->port());
  }
  signals.ready();
  println_out("node {} listens on port {}{}", node->name(), node->port(),
              server ? std::format("; the API is at {}/v1", server->url()) : "");
  if (const auto written = flush_out(); !written) {
    println_err("exogpu: {}; the node works on", written.error().message);
    forget_out_failure();
  }
  auto ended = signals.wait();
  log::info("cli", "stopping");
  if (server) server->shutdown(std::chrono::seconds(2));
  signals.end_within(kStopTime);
  return ended;
}

}  // namespace

void add_serve(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("serve", "Serves a model over the OpenAI-compatible API, alone or with other devices");
  command->footer(
      "Examples:\n"
      "  exogpu serve model.gguf                           on this machine; others may join\n"
      "  exogpu join                                       on another device: shows a code; here: exogpu approve CODE\n"
      "  exogpu serve                                      there, from then on: finds the cluster by itself\n"
      "  exogpu token                                      a token, for scripts and other networks\n"
      "  exogpu serve --join desk --token TOKEN            on that device: joins, and gets its part of the model\n"
      "  exogpu serve model.gguf --layers desk/cpu:0-11,laptop/vulkan0:12-27    cut by hand");
  auto& node = options->node;
  command
      ->add_option("model", options->model,
                   "GGUF file, or the name of a model that `exogpu models` lists; not needed on a device that has "
                   "joined a cluster")
      ->type_name("MODEL");
  const char* cluster = "Cluster";
  command
      ->add_option("--join", options->join,
                   "A node of the cluster to be part of; may be repeated, and any that is there will do")
      ->type_name("HOST[:PORT]")
      ->delimiter(',')
      ->group(cluster);
  command
      ->add_flag("--no-discovery", options->no_discovery,
                 "Neither shows this node on the local network nor looks for the others of its cluster there")
      ->group(cluster);
  command->add_option("--token", options->token, "From `exogpu token` there; needed once")->group(cluster);
  command->add_option("--name", node.name, "What to call this node; the machine's name if left out")->group(cluster);
  command->add_option("--listen", options->listen, "Where other nodes connect; port 0 is any free one")
      ->type_name("[HOST]:PORT")
      ->capture_default_str()
      ->group(cluster);
  command
      ->add_option("--advertise", options->advertise,
                   "Where other nodes reach this one, when its own addresses are not it")
      ->type_name("HOST[:PORT]")
      ->group(cluster);
  command->add_option("--state", options->state, "Folder of this node's identity")->type_name("DIR")->group(cluster);
  command->add_option("--cache", options->cache, "Folder for weights that other nodes send")
      ->type_name("DIR")
      ->group(cluster);
  command
      ->add_flag("!--no-spare", node.spare,
                 "Keeps only the weights of this node's part, not all of the model for when others are gone")
      ->group(cluster);
  const char* api = "API";
  command->add_option("--api", options->api, "Where the API listens; :PORT is every address")
      ->type_name("[HOST]:PORT")
      ->capture_default_str()
      ->group(api);
  command->add_flag("--no-api", options->no_api, "Serve no API on this node")->group(api);
  command->add_option("--api-key", options->server.api_key, "Clients must bring this key")->group(api);
  command
      ->add_option("--origin", options->server.origins,
                   "Pages of this origin may use the API from a browser; may be repeated")
      ->group(api);
  command
      ->add_option_function<double>(
          "--wait",
          [options](double s) { options->node.wait = std::chrono::milliseconds(static_cast<int64_t>(s * 1000)); },
          "How long requests wait when what is left of the cluster cannot hold the model, in seconds")
      ->check(CLI::Range(0.0, 3600.0))
      ->default_str("5")
      ->group(api);
  command
      ->add_option("--chat-template", options->chat_template,
                   "A file with a chat template (Jinja) to use in place of the model's own, for conversations that "
                   "this node is asked for; give it to every node that is asked")
      ->type_name("FILE")
      ->group(api);
  add_log_options(*command, options->log, log::Level::info);
  const char* devices = "Devices";
  command
      ->add_option("-d,--device", node.devices,
                   "Use only these of this machine, for example cpu or vulkan0; may be repeated")
      ->delimiter(',')
      ->group(devices);
  command->add_option("-t,--threads", node.threads, "CPU threads; one for each core if left out")->group(devices);
  const char* plan = "Model and plan (of the node that is given the model)";
  node.serving.context = 0;
  command
      ->add_option("-c,--context", node.serving.context,
                   "Tokens of a conversation; 4096 if left out, or what the model was trained for where that is less")
      ->check(CLI::PositiveNumber)
      ->group(plan);
  command
      ->add_option("--devices-min", node.devices_min,
                   "Cut over at least so many devices where there are as many, even if fewer are faster")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str()
      ->group(plan);
  command->add_option("--parallel", node.serving.sequences, "Conversations computed at once; more wait their turn")
      ->check(CLI::Range(1, 4096))
      ->default_val(4)
      ->group(plan);
  command->add_option("-b,--batch", node.serving.batch_tokens, "Prompt tokens computed at once")
      ->capture_default_str()
      ->group(plan);
  add_kv_type(*command, node.serving.kv_type)->group(plan);
  add_flash_attention(*command, node.serving.flash_attention)->group(plan);
  command->add_option("--layers", node.layers, "By hand, in order: NODE/DEVICE:FIRST-LAST,...")->group(plan);
  command->add_option("--without", node.without, "Leaves a device out; may be repeated")
      ->type_name("DEVICE")
      ->group(plan);
  add_objective(*command, node.serving.objective)->group(plan);
  add_activations(*command, node.serving.activations)->group(plan);
  command->callback([options, &action] { action = [options] { return serve(*options); }; });
}

}  // namespace exogpu::cli
