// exogpu plan: shows which device would compute which layers of a model, how fast, and why.
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>

#include "cli/arguments/checks.h"
#include "cli/command.h"
#include "cli/layout_book.h"
#include "cli/model_options.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "cli/plan/cluster_file.h"
#include "cli/plan/report.h"
#include "cli/setting_options.h"
#include "engine/default_settings.h"
#include "node/library/model_shape.h"
#include "node/own_devices.h"
#include "placement/by_name.h"
#include "placement/precision.h"

namespace exogpu::cli {
namespace {

constexpr size_t kFileMax = 64 * MiB;
// A person waits for a proof longer than a leader may: some seconds.
constexpr size_t kLabelsOfACommand = 2'000'000;

struct Options {
  std::string model;
  std::vector<std::string> own;  // devices of this machine; empty: all
  std::string devices;           // file name; empty: this machine
  std::string layers;
  std::vector<std::string> without;
  std::vector<std::string> together;
  std::string why;  // a device
  std::optional<Bytes> memory_max;
  placement::PlacementRequest request;
  bool json = false;
};

Result<std::string> read_text(const std::string& path) {
  std::string text;
  auto take = [&](std::istream& in) {
    char block[4096];
    while (text.size() <= kFileMax && (in.read(block, sizeof(block)), in.gcount() > 0))
      text.append(block, static_cast<size_t>(in.gcount()));
  };
  if (path == "-") {
    take(std::cin);
  } else {
    std::ifstream in(path, std::ios::binary);
    if (!in) return fail(ErrorCode::not_found, "{}: cannot open the file; does it exist?", path);
    take(in);
    if (in.bad() || (text.empty() && !in.eof())) return fail(ErrorCode::io_error, "{}: cannot be read", path);
  }
  if (text.size() > kFileMax) return fail(ErrorCode::corrupt, "{}: is larger than {}", path, format_bytes(kFileMax));
  return text;
}

Result<DescribedCluster> cluster_for(const Options& options, const gpu::Machine& machine, const model::Gguf& file) {
  if (options.devices.empty()) {
    EXO_TRY(node::OwnDevices own,
            node::own_devices(machine, options.own,
                              {.memory_max = options.memory_max, .streamed = options.memory_max ? &file : nullptr}));
    return DescribedCluster{.view = {.devices = std::move(own.profiles), .links = {}}, .rules = {}};
  }
  EXO_TRY(const std::string text, read_text(options.devices));
  return parse_cluster(text, options.devices == "-" ? "standard input" : options.devices);
}

Result<void> plan(const Options& options) {
  EXO_TRY(const model::Gguf file, open_model(options.model));
  // For devices of a file, the model is measured on the CPU.
  gpu::DiscoverOptions discovery = node::discovery_for(options.own, layout_book());
  discovery.cpu_only = discovery.cpu_only || !options.devices.empty();
  EXO_TRY(const gpu::Machine machine, gpu::Machine::discover(discovery));
  EXO_TRY(DescribedCluster cluster, cluster_for(options, machine, file));
  wire::ClusterView& view = cluster.view;

  placement::PlacementRequest request = options.request;
  request.labels_max = kLabelsOfACommand;
  request.streams = true;
  request.rules = std::move(cluster.rules);
  EXO_TRY(const engine::Architecture architecture, engine::read_architecture(file));
  if (request.serving.context == 0) request.serving = engine::complete_settings(request.serving, architecture);
  request.serving.batch_tokens =
      engine::serving_batch(architecture, request.serving.context, request.serving.batch_tokens);
  EXO_TRY(const wire::ModelShape shape,
          node::shape_of(file, machine.devices(), engine::ShardOptions::serving(request.serving, architecture)));
  view = placement::with_conversions(std::move(view), shape);
  for (const std::string& name : options.without) {
    EXO_TRY(wire::DeviceRef device, placement::find_device(view, name));
    request.excluded.push_back(std::move(device));
  }
  if (!options.layers.empty()) {
    EXO_TRY(request.fixed_layers, placement::parse_layers(view, options.layers));
  }
  for (const std::string& range : options.together) {
    EXO_TRY(request.together.emplace_back(), placement::parse_together(range));
  }
  EXO_TRY(const placement::PlacementResult answer, placement::assign_layers(view, shape, request));
  PlanReport report = {.view = view, .shape = shape, .request = request, .answer = answer};
  if (!options.why.empty()) {
    EXO_TRY(report.why, placement::find_device(view, options.why));
    EXO_TRY(report.verdicts, placement::why(view, shape, request, answer, *report.why));
  }
  write_out(options.json ? as_json(report) : as_text(report));
  return {};
}

}  // namespace

void add_plan(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("plan", "Show which devices would run a model, how fast, and why");
  command->footer(
      "Examples:\n"
      "  exogpu plan model.gguf                                  on the devices of this machine\n"
      "  exogpu plan model.gguf --parallel 8 --for throughput    for eight users at once\n"
      "  exogpu plan model.gguf --layers vulkan0:0-19,cpu:20-27  cut by hand\n"
      "  exogpu plan model.gguf --device cuda0+cuda1             of devices that compute each layer together\n"
      "  exogpu plan model.gguf --devices cluster.json           on devices described in a file (docs/placement.md)");
  add_model_argument(*command, options->model)->required();
  add_objective(*command, options->request.serving.objective);
  add_context(*command, options->request.serving.context);
  command
      ->add_option("--devices-min", options->request.devices_min,
                   "Use at least so many devices if there are as many, even where fewer are faster")
      ->check(between(1, 4096))
      ->capture_default_str();
  command->add_option("--parallel,--sequences", options->request.serving.sequences, "Sequences computed at once")
      ->capture_default_str();
  add_pool(*command, options->request.serving.pool_tokens);
  command->add_option(
      "--mean-context", options->request.context_mean,
      "Tokens in a sequence for which to predict the speed (default: half of the context, with --pool at most "
      "2048)");
  command->add_option("--prompt-tokens,--prompt", options->request.prompt,
                      "Tokens of the prompt for which to predict the time to the first token (default: 512)");
  add_kv_type(*command, options->request.serving.kv_type);
  command->add_option("--layers", options->layers,
                      "Assign the layers by hand, in order: DEVICE:FIRST-LAST,DEVICE:FIRST-LAST,...");
  auto* own = command
                  ->add_option("-d,--device", options->own,
                               "Use only this device of the machine, or several that compute each layer together, for "
                               "example cuda0+cuda1; may be repeated")
                  ->delimiter(',')
                  ->type_name("DEVICE");
  command
      ->add_option(
          "--memory-max", options->memory_max,
          "Use at most so much memory of each device, for example 8GiB; layers for which none has room are read "
          "from the disk again for each step")
      ->transform(byte_size())
      ->type_name("SIZE");
  command->add_option("--without", options->without, "Do not use this device; may be repeated")->type_name("DEVICE");
  command
      ->add_option("--together", options->together,
                   "Keep these layers on one device, for example 0-11; may be repeated")
      ->type_name("FIRST-LAST");
  command->add_option("--why", options->why, "Say of this device what each constraint and preference makes of it")
      ->type_name("DEVICE");
  command
      ->add_option("--devices", options->devices,
                   "Read devices and links from this file instead of using this machine's; - is standard input")
      ->type_name("FILE")
      ->excludes(own);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &action] { action = [options] { return plan(*options); }; });
}

}  // namespace exogpu::cli
