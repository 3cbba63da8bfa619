// exogpu demo: three nodes on this machine share a model and answer a question.
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "api/ask.h"
#include "cli/command.h"
#include "cli/demo/child.h"
#include "cli/demo/child_stop.h"
#include "cli/demo/scratch.h"
#include "cli/model_options.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "cli/stop_signals.h"
#include "cli/table.h"
#include "gpu/device.h"

namespace exogpu::cli {
namespace {

using std::chrono::milliseconds;
using Json = nlohmann::json;

constexpr uint32_t kNodes = 3;

struct Options {
  std::string model;
  std::string question = "What is exogpu?";
  uint32_t tokens = 128;
};

// The number after the last `before` of a line: "… listens on port 7766; …".
uint16_t number_after(std::string_view line, std::string_view before) {
  uint16_t number = 0;
  const size_t at = line.rfind(before);
  if (at != std::string_view::npos)
    std::from_chars(line.data() + at + before.size(), line.data() + line.size(), number);
  return number;
}

// The devices of the nodes: a GPU for the middle one if there is any.
std::vector<std::string> devices_of_nodes(const gpu::Machine& machine) {
  std::vector<std::string> devices(kNodes, "cpu");
  for (const gpu::Device& device : machine.devices()) {
    if (device.info().backend == "CPU") continue;
    devices[1] = device.info().id;
    break;
  }
  return devices;
}

std::string run_of_layers(uint32_t node, uint32_t layers, const std::vector<std::string>& devices) {
  return std::format("{}node{}/{}:{}-{}", node == 0 ? "" : ",", node + 1, devices[node], node * layers / kNodes,
                     (node + 1) * layers / kNodes - 1);
}

Result<Child> start_node(uint32_t node, const Scratch& scratch, const std::string& device,
                         std::vector<std::string> arguments, ChildStop& stop) {
  const std::string name = std::format("node{}", node + 1);
  const std::filesystem::path folder = scratch.path() / name;
  arguments.insert(arguments.begin(), "serve");
  for (const std::string& more : {std::string("--name"), name, std::string("--state"), folder.string(),
                                  std::string("--cache"), (folder / "cache").string(), std::string("--listen"),
                                  std::string("127.0.0.1:0"), std::string("--device"), device}) {
    arguments.push_back(more);
  }
  return Child::start(arguments, scratch.path() / (name + ".log"), stop);
}

Result<Json> wait_until_served(uint16_t api, const ChildStop& stop) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(2);
  std::string reason;
  while (std::chrono::steady_clock::now() < until && stop.signal() == 0) {
    if (auto health = api::get({.port = api}, "/health", milliseconds(5000)); health && health->status == 200) {
      EXO_TRY(const api::ServerReply reply, api::get({.port = api}, "/v1/cluster", milliseconds(5000)));
      return Json::parse(reply.body, nullptr, false);
    } else {
      reason = health ? health->body : health.error().message;
    }
    std::this_thread::sleep_for(milliseconds(100));
  }
  return fail(ErrorCode::deadline_exceeded, "the model is not served after two minutes ({}); see `exogpu doctor`",
              reason);
}

void print_map(const Json& cluster) {
  Rows rows = {{"NODE", "DEVICE", "LAYERS", "MEMORY"}};
  for (const Json& stage : cluster["plan"]["stages"]) {
    rows.push_back({stage.value("node", ""), stage.value("device", ""),
                    std::format("{}-{}", stage.value("layer_begin", 0), stage.value("layer_end", 1) - 1),
                    format_bytes(stage.value("memory_bytes", Bytes{0}))});
  }
  write_out(format_table(rows));
}

Result<void> run_demo(const Options& options, ChildStop& stop) {
  EXO_TRY(const model::Gguf file, open_model(options.model));
  EXO_TRY(const uint64_t layers, file.get_uint(file.get_string("general.architecture").value_or("") + ".block_count"));
  if (layers < kNodes) {
    return fail(ErrorCode::invalid_argument, "{}: {} layers are too few for {} nodes", options.model, layers, kNodes);
  }
  EXO_TRY(const gpu::Machine machine, gpu::Machine::discover());
  const std::vector<std::string> devices = devices_of_nodes(machine);
  EXO_TRY(const Scratch scratch, Scratch::make());
  std::string cut;
  for (uint32_t i = 0; i < kNodes; ++i) cut += run_of_layers(i, static_cast<uint32_t>(layers), devices);

  println_out("Starting three nodes on this machine; each loads a part of {}.", file.path().filename().string());
  std::vector<Child> nodes;
  EXO_TRY(Child first,
          start_node(0, scratch, devices[0], {file.path().string(), "--layers", cut, "--api", "127.0.0.1:0"}, stop));
  nodes.push_back(std::move(first));
  EXO_TRY(const std::string line, nodes.front().first_line());
  const uint16_t link = number_after(line, "on port ");
  const uint16_t api = number_after(line, "127.0.0.1:");
  EXO_TRY(Child token, Child::start({"token", "--state", (scratch.path() / "node1").string(), "--uses", "2"},
                                    scratch.path() / "token.log", stop));
  EXO_TRY(const std::string secret, token.first_line());
  for (uint32_t i = 1; i < kNodes; ++i) {
    EXO_TRY(Child node, start_node(i, scratch, devices[i],
                                   {"--join", std::format("127.0.0.1:{}", link), "--token", secret, "--no-api"}, stop));
    nodes.push_back(std::move(node));
  }
  for (uint32_t i = 1; i < kNodes; ++i) EXO_CHECK(nodes[i].first_line());
  EXO_TRY(const Json cluster, wait_until_served(api, stop));
  print_map(cluster);

  println_out("\n> {}", options.question);
  EXO_TRY(const api::AskStats stats,
          api::ask({.port = api}, options.question, options.tokens, milliseconds(60'000), [](std::string_view text) {
            write_out(text);
            (void)flush_out();  // run_program() reports a failure
          }));
  const double rest = (stats.whole - stats.first).count();
  println_out("\n\nFirst token after {:.0f} ms, then {:.0f} tokens/s, through the API of node1 and all three nodes.",
              1000 * stats.first.count(), stats.pieces > 1 && rest > 0 ? (stats.pieces - 1) / rest : 0.0);
  return {};
}

// A stop signal ends the nodes first, then this program as if it had not been caught.
Result<void> demo(const Options& options) {
  Result<void> done;
  int signal = 0;
  {
    ChildStop stop;
    done = run_demo(options, stop);
    signal = stop.signal();
  }
  if (signal != 0) end_by_default(signal);
  return done;
}

}  // namespace

void add_demo(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command =
      app.add_subcommand("demo", "Let three nodes on this machine share a model and answer; leaves no files behind");
  add_model_argument(*command, options->model)->required();
  command->add_option("-p,--prompt", options->question, "The question to answer")->capture_default_str();
  command->add_option("-n,--max-tokens,--tokens", options->tokens, "The longest answer in tokens")
      ->capture_default_str();
  command->callback([options, &action] { action = [options] { return demo(*options); }; });
}

}  // namespace exogpu::cli
