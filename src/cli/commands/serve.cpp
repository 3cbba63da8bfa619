// exogpu serve: runs a node of a cluster, with the OpenAI-compatible API.
#include <memory>

#include "api/server.h"
#include "base/host_port.h"
#include "cli/alert_hook.h"
#include "cli/api_addresses.h"
#include "cli/api_protection.h"
#include "cli/arguments/checks.h"
#include "cli/audit_syslog.h"
#include "cli/command.h"
#include "cli/folders.h"
#include "cli/heat_options.h"
#include "cli/hub_settings.h"
#include "cli/layout_book.h"
#include "cli/log_options.h"
#include "cli/model_options.h"
#include "cli/model_settings.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "cli/setting_options.h"
#include "cli/state_options.h"
#include "cli/stop_signals.h"
#include "node/doctor/doctor.h"
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
  std::string api_host;
  std::optional<uint16_t> api_port;
  bool no_api = false;
  bool no_discovery = false;
  bool own_certificate = false;
  StateOptions identity;
  std::string cache, models, chat_template, on_alert, audit_syslog;
  std::vector<std::string> model_settings;
  LogOptions log;
  node::NodeOptions node;
  api::ServerOptions server;
};

// Time for computations that end once their clients are gone.
constexpr std::chrono::milliseconds kStopTime{800};

Result<node::NodeOptions> node_options(const Options& options) {
  node::NodeOptions node = options.node;
  node.layouts = layout_book();
  if (!options.model.empty()) {
    EXO_TRY(const model::Gguf file, open_model(options.model));
    node.model = file.path();
  }
  EXO_TRY(node.state, state_folder(options.identity.state));
  EXO_TRY(node.key_passphrase, key_passphrase(options.identity));
  EXO_TRY(node.cache, cache_folder(options.cache));
  if (const auto library = models_folder(options.models)) node.models = library->folder();
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
      return fail(ErrorCode::invalid_argument, "--token also needs a node of the cluster: add --join HOST:PORT");
    }
    EXO_TRY(node.token, security::JoinToken::parse(options.token));
  }
  for (const std::string& text : options.model_settings) {
    EXO_TRY(ModelSettings settings, parse_model_settings(text, node.serve_settings("")));
    node.model_settings.insert_or_assign(settings.model, std::move(settings.serve));
  }
  node.pull = pull_for_clients(options.models);
  node.examine = [state = node.state, passphrase = node.key_passphrase](uint16_t port) {
    return node::diagnose({.state = state, .key_passphrase = passphrase, .link_port = port});
  };
  node.pull_bytes = pull_bytes_for_clients(options.models);
  node.on_note = [](const std::string& text) { log::warning("node", "{}", text); };
  return node;
}

Result<api::ServerOptions> server_options(const Options& options) {
  api::ServerOptions server = options.server;
  EXO_TRY(HostPort at, parse_host_port(options.api, kApiPort, "--api"));
  if (!options.api_host.empty()) at.host = options.api_host;
  server.address = at.host.empty() ? "::" : at.host;
  server.port = options.api_port.value_or(at.port);
  for (const std::string& text : options.model_settings) {
    EXO_TRY(ModelSettings settings, parse_model_settings(text, options.node.serve_settings("")));
    server.model_sampling.insert_or_assign(settings.model, std::move(settings.sampling));
  }
  return server;
}

// Prints the node's addresses. A service continues if they cannot be written.
void announce(const node::Node& node, const api::ServerOptions& settings, const std::optional<api::Server>& server) {
  std::string api;
  if (server) {
    const std::string at = api_addresses(settings.address, server->port(), own_addresses(settings.address == "::"),
                                         settings.tls_certificate.empty() ? "http" : "https");
    api = "; the API is at " + at;
  }
  println_out("node {} listens on port {}{}", node.name(), node.port(), api);
  if (const auto written = flush_out(); !written) {
    println_err("exogpu: {}; the node continues", written.error().message);
    forget_out_failure();
  }
}

Result<void> serve(const Options& options) {
  EXO_CHECK(
      start_log(options.log, log::Level::info, options.node.name.empty() ? node::host_name() : options.node.name));
  StopSignals signals;
  EXO_TRY(node::NodeOptions node_settings, node_options(options));
  std::unique_ptr<AlertHook> alert_hook;  // outlives the node
  if (!options.on_alert.empty()) {
    EXO_TRY(alert_hook, AlertHook::create(options.on_alert));
    node_settings.on_alert = [&hook = *alert_hook](const wire::Alert& alert, bool begun) { hook.tell(alert, begun); };
  }
  std::unique_ptr<AuditSyslog> audit_syslog;  // likewise
  if (!options.audit_syslog.empty()) {
    EXO_TRY(audit_syslog, AuditSyslog::create(options.audit_syslog));
    node_settings.on_audit = [&to = *audit_syslog](std::string_view line) { to.tell(line); };
  }
  node_settings.on_fatal = [&signals](const Error& why) { signals.stop_for(why); };
  const security::IdentityStore identity = node_settings.identity_store();
  const std::filesystem::path state = node_settings.state;
  EXO_TRY(api::ServerOptions server_settings, server_options(options));
  EXO_TRY(std::unique_ptr<node::Node> node, node::Node::start(std::move(node_settings)));
  std::optional<api::Server> server;
  if (!options.no_api) {
    if (options.own_certificate) EXO_CHECK(use_own_certificate(state, identity, server_settings));
    warn_of_plain_http(server_settings);
    EXO_CHECK(make_first_key(server_settings, *node));
    EXO_TRY(api::Server started, api::Server::start(server_settings, *node));
    server.emplace(std::move(started));
    const std::string& host = server_settings.address;
    node->set_api(host == "::" || host == "0.0.0.0" ? "" : host, server->port(),
                  server_settings.tls_certificate.empty() ? "http" : "https");
  }
  signals.ready();
  announce(*node, server_settings, server);
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
      app.add_subcommand("serve", "Serve models over the OpenAI-compatible API, alone or with other devices");
  command->footer(
      "Examples:\n"
      "  exogpu serve model.gguf                           on this machine; other devices may join\n"
      "  exogpu serve                                      likewise; models of the models folder are loaded when asked "
      "for\n"
      "  exogpu join                                       on another device: shows a code; here: exogpu approve CODE\n"
      "  exogpu serve                                      there, from then on: finds the cluster by itself\n"
      "  exogpu token                                      a token, for scripts and other networks\n"
      "  exogpu serve --join desk --token TOKEN            on that device: joins, and gets its part of the models\n"
      "  exogpu serve other.gguf --join desk --token TOKEN    likewise, and has this model served beside the others\n"
      "  exogpu serve model.gguf --layers desk/cpu:0-11,laptop/vulkan0:12-27    layers assigned by hand");
  auto& node = options->node;
  add_model_argument(*command, options->model)
      ->description(
          "A GGUF file or a model's name, which stays loaded; without it, models are loaded when requests name them");
  const char* cluster = "Cluster";
  command->add_option("--join", options->join, "A node of the cluster; may be repeated (one reachable node is enough)")
      ->type_name("HOST[:PORT]")
      ->delimiter(',')
      ->group(cluster);
  command
      ->add_flag("--no-discovery", options->no_discovery,
                 "Do not announce this node on the local network, and do not search there for others of its cluster")
      ->group(cluster);
  command
      ->add_option("--token", options->token,
                   "The join token from `exogpu token` on a node of the cluster; needed only to join")
      ->group(cluster);
  command->add_option("--name", node.name, "The name of this node (default: the machine's)")->group(cluster);
  command->add_option("--listen", options->listen, "The address where other nodes connect; port 0 is any free port")
      ->type_name("[HOST]:PORT")
      ->capture_default_str()
      ->group(cluster);
  command
      ->add_option("--advertise", options->advertise,
                   "The address at which other nodes reach this one, if it is not an address of this machine")
      ->type_name("HOST[:PORT]")
      ->group(cluster);
  add_state_options(*command, options->identity, cluster);
  command->add_option("--cache", options->cache, "The folder for weights received from other nodes")
      ->type_name("DIR")
      ->group(cluster);
  command
      ->add_option("--models", options->models,
                   "The folder of the models that are loaded when requests name them (default: as of `exogpu models`)")
      ->type_name("DIR")
      ->group(cluster);
  command
      ->add_option_function<double>(
          "--keep-loaded",
          [options](double m) { options->node.keep_loaded = std::chrono::seconds(static_cast<int64_t>(m * 60)); },
          "Minutes without a request after which a model that was loaded for one goes; 0: never")
      ->check(between(0, 1'000'000))
      ->default_str("30")
      ->group(cluster);
  command
      ->add_flag(
          "--only-groups", node.only_groups,
          "This node's devices are members of other nodes' groups (there: --device cpu+NAME/cpu), and nothing else")
      ->group(cluster);
  command
      ->add_flag("!--no-spare", node.spare,
                 "Store only the weights that this node computes with, no spare weights for when other nodes are lost")
      ->group(cluster);
  add_audit_syslog(*command, options->audit_syslog, cluster);
  command
      ->add_option("--on-alert", options->on_alert,
                   "Run this shell command when an alert begins or ends, with the alert in its environment "
                   "(EXOGPU_ALERT_NAME, ...), or post it as JSON to http://HOST:PORT/PATH")
      ->type_name("COMMAND")
      ->group(cluster);
  // For tests: sensors are read below this folder.
  command->add_option("--sensors", node.sensor_root)->group("");
  const char* api = "API";
  command
      ->add_option("--api", options->api,
                   "The address where the API listens; :PORT means all addresses of this machine")
      ->type_name("[HOST]:PORT")
      ->capture_default_str()
      ->group(api);
  // Other servers use these names.
  command->add_option("--host", options->api_host)->excludes("--api")->group("");
  command->add_option("--port", options->api_port)->check(between(0, 65535))->excludes("--api")->group("");
  command->add_flag("--no-api", options->no_api, "Do not serve the API on this node")->group(api);
  command
      ->add_option("--api-key", options->server.api_keys,
                   "A key that clients must send to this node, also those of this machine; may be repeated: requests "
                   "that wait are served fairly between keys. `exogpu keys` makes keys for all nodes")
      ->group(api);
  command
      ->add_flag("--no-auth", options->server.no_auth, "Let all programs of other machines use the API without a key")
      ->group(api);
  add_tls_options(*command, options->server, options->own_certificate, api);
  command
      ->add_option("--origin", options->server.origins,
                   "Allow web pages of this origin to use the API; may be repeated")
      ->group(api);
  command
      ->add_option_function<double>(
          "--wait",
          [options](double s) { options->node.wait = std::chrono::milliseconds(static_cast<int64_t>(s * 1000)); },
          "Seconds that requests wait while the devices online cannot serve the model")
      ->check(between(0, 3600))
      ->default_str("5")
      ->group(api);
  command
      ->add_option_function<double>(
          "--linger",
          [options](double s) { options->server.linger = std::chrono::milliseconds(static_cast<int64_t>(s * 1000)); },
          "Seconds that a streamed answer goes on, and can be taken up again, after its client's connection was lost")
      ->check(between(0, 3600))
      ->default_str("0")
      ->group(api);
  command
      ->add_flag_callback(
          "--truncate", [options] { options->server.truncate = true; },
          "Leave out the oldest turns of a conversation that is longer than the context, and say how many messages "
          "went")
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
      ->add_option(
          "-d,--device", node.devices,
          "Use only this device of the machine, for example cpu or vulkan0, or several that compute each layer "
          "together, for example cuda0+cuda1; may be repeated")
      ->delimiter(',')
      ->type_name("DEVICE")
      ->group(devices);
  command->add_option("-t,--threads", node.threads, "CPU threads (default: as many as find free cores)")
      ->group(devices);
  command
      ->add_option("--memory", node.limits.memory_max,
                   "Use at most so much memory of each device for models, for example 8GiB (default: what is free)")
      ->transform(byte_size())
      ->type_name("SIZE")
      ->group(devices);
  command
      ->add_option_function<Bytes>(
          "--memory-max",
          [&node](const Bytes& most) {
            node.limits.memory_max = most;
            node.streams = true;
          },
          "As --memory; and where no device has room for all layers of the model that is given here, the others are "
          "read from the disk again for each step, ahead of their turn")
      ->transform(byte_size())
      ->type_name("SIZE")
      ->excludes("--memory")
      ->group(devices);
  add_heat_options(*command, node, devices);
  const char* plan = "Model and plan (on the node that is given the model)";
  add_context(*command, node.serving.context)
      ->description(
          "Tokens of the longest conversation, prompt and answers together (default: the length that the model was "
          "trained for, as far as the pool has room; 4096 with --parallel)")
      ->group(plan);
  command
      ->add_option("--devices-min", node.devices_min,
                   "Use at least so many devices if there are as many, even where fewer are faster")
      ->check(between(1, 4096))
      ->capture_default_str()
      ->group(plan);
  node.serving.sequences = 0;
  command
      ->add_option("--parallel,--sequences", node.serving.sequences,
                   "Sequences computed at once; others wait (default: 16; 4 with --context). With --context or "
                   "--parallel, and without --pool, each has room for a whole context of its own")
      ->check(between(1, 4096))
      ->group(plan);
  add_pool(*command, node.serving.pool_tokens)->group(plan);
  command
      ->add_flag("--private-prefixes", node.serving.private_prefixes,
                 "Never take a prompt's beginning from the KV cache of another client (API key or address), who could "
                 "tell by the time that it takes")
      ->group(plan);
  command
      ->add_option("--verify", node.verify,
                   "Compute so many of the answers whose first stage is here once more on the processor, and name the "
                   "devices whose results differ, for example 1%")
      ->transform(percent())
      ->type_name("PERCENT")
      ->group(plan);
  command
      ->add_option("-b,--batch,--batch-size", node.serving.batch_tokens,
                   "Prompt tokens computed together (default: 512; up to 2048 by one GPU alone)")
      ->each([&serving = node.serving](const std::string&) { serving.batch_fixed = true; })
      ->group(plan);
  add_kv_type(*command, node.serving.kv_type)->group(plan);
  add_flash_attention(*command, node.serving.flash_attention)->group(plan);
  command->add_option("--layers", node.layers, "Assign the layers by hand, in order: NODE/DEVICE:FIRST-LAST,...")
      ->group(plan);
  command->add_option("--without", node.without, "Do not use this device; may be repeated")
      ->type_name("DEVICE")
      ->group(plan);
  command
      ->add_option("--model-settings", options->model_settings,
                   "Settings of one model, in place of those of all: NAME context=8192 parallel=2 pool=16384 "
                   "kv-type=q8_0 keep-loaded=60 temperature=0.6 top-p=0.9 ...; may be repeated")
      ->type_name("\"NAME KEY=VALUE ...\"")
      ->group(plan);
  add_objective(*command, node.serving.objective)->group(plan);
  add_activations(*command, node.serving.activations)->group(plan);
  command->callback([options, &action] { action = [options] { return serve(*options); }; });
}

}  // namespace exogpu::cli
