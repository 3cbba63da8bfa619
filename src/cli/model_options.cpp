#include "cli/model_options.h"

#include <algorithm>
#include <limits>
#include <ranges>
#include <set>

#include "cli/arguments/checks.h"
#include "cli/find_device.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/setting_options.h"
#include "engine/default_settings.h"
#include "engine/streaming.h"

namespace exogpu::cli {

CLI::Option* add_model_argument(CLI::App& command, std::string& path) {
  return command.add_option("model", path, "A GGUF file (any part of a split one), or a model's name")
      ->type_name("MODEL");
}

CLI::Option* add_context(CLI::App& command, uint32_t& tokens) {
  tokens = 0;
  return command
      .add_option("-c,--context,--ctx-size,--num-ctx", tokens,
                  "Tokens of a sequence, prompt and answers together (default: 4096, or the length that the model was "
                  "trained for if that is less)")
      ->check(between(1, std::numeric_limits<uint32_t>::max()));
}

CLI::Option* add_pool(CLI::App& command, uint32_t& tokens) {
  tokens = 0;
  return command
      .add_option("--pool", tokens,
                  "Tokens of all sequences together, which share the KV cache: long and short conversations side by "
                  "side (default of `serve`: 16384, or more as far as memory allows, up to the length that the model "
                  "was trained for)")
      ->type_name("TOKENS")
      ->check(between(256, 1 << 30));
}

void add_model_options(CLI::App& command, ModelOptions& o) {
  add_model_argument(command, o.path)->required();
  command
      .add_option("-d,--device", o.device,
                  "The device to run on, as `exogpu devices` lists it (cpu, vulkan0, ...), or gpu (default: the best); "
                  "several, as cuda0+cuda1, compute each layer together")
      ->type_name("DEVICE");
  add_context(command, o.shard.context);
  command.add_option("-t,--threads", o.shard.threads,
                     "CPU threads (default: as many as find free cores, decided before each step)");
  o.shard.batch_tokens = 0;
  command
      .add_option("-b,--batch,--batch-size", o.shard.batch_tokens,
                  "Prompt tokens computed together (default: 512, of a GPU with room for it 2048)")
      ->check(between(1, 65536));
  add_kv_type(command, o.shard.kv_type);
  add_flash_attention(command, o.shard.flash_attention);
  command
      .add_option(
          "--memory-max", o.shard.weight_budget,
          "Memory for weights, for example 4GiB: layers for which there is no room are read from the file again "
          "for each step, ahead of their turn (default: all weights are in memory)")
      ->transform(byte_size())
      ->type_name("SIZE");
  command.add_option("--cut", o.cuts, "Run several shards that begin at these layers, for example 5,11")
      ->delimiter(',');
  command
      .add_option("--tensor-parallel", o.tensor_parallel,
                  "Members that compute each layer together, each with a part of the heads and of the feed-forward "
                  "(default: as many as --device names)")
      ->type_name("MEMBERS")
      ->check(between(1, engine::kMembersMax));
  command
      .add_option("--shares", o.shares, "How much of each layer each member computes, for example 3,1 (default: equal)")
      ->delimiter(',');
}

namespace {

// The device of each member. Errors: invalid_argument, where it is not clear which.
Result<engine::GroupDevices> group_of(const FoundDevices& found, const ModelOptions& options) {
  engine::GroupDevices group{.devices = found.devices, .shares = options.shares};
  const size_t members = options.tensor_parallel > 0 ? options.tensor_parallel : found.devices.size();
  if (found.devices.size() == 1) {
    group.devices.assign(members, found.devices.front());
  } else if (found.devices.size() != members) {
    return fail(ErrorCode::invalid_argument, "{} devices for {} members; name one for each (--device) or one for all",
                found.devices.size(), members);
  }
  return group;
}

std::string names_of(const engine::GroupDevices& group) {
  const std::string first = group.devices.front()->info().name;
  if (group.devices.size() == 1) return first;
  const bool same = std::ranges::all_of(group.devices, [&](const auto* d) { return d == group.devices.front(); });
  if (same) return std::format("a group of {} on {}", group.devices.size(), first);
  std::string text = "a group of " + first;
  for (const gpu::Device* device : group.devices | std::views::drop(1)) text += " and " + device->info().name;
  return text;
}

void say_what_is_converted(const engine::Chain& chain) {
  std::set<std::string> said;
  for (const engine::ShardGroup& shard : chain.shards())
    for (const engine::ConvertedWeights& of : shard.first().converted())
      if (said.insert(of.type).second)
        println_err("exogpu: the device does not compute with {} weights and holds them as {}: {}", of.type, of.held_as,
                    of.how);
}

}  // namespace

Result<LoadedModel> load_model(const ModelOptions& options) {
  EXO_TRY(model::Gguf file, open_model(options.path));
  return load_model(std::move(file), options);
}

Result<LoadedModel> load_model(model::Gguf file, const ModelOptions& options) {
  engine::ShardOptions shard = options.shard;
  EXO_TRY(const engine::Architecture architecture, engine::read_architecture(file));
  if (shard.context == 0) shard.context = engine::default_context(architecture);
  if (const std::string warning = engine::context_warning(architecture, shard.context); !warning.empty()) {
    println_err("exogpu: {}", warning);
  }
  LoadedModel loaded;
  loaded.file = std::make_unique<model::Gguf>(std::move(file));
  EXO_TRY(FoundDevices found, find_devices(options.device));
  EXO_TRY(const engine::GroupDevices group, group_of(found, options));
  loaded.machine = std::move(found.machine);
  loaded.device = group.devices.front();
  loaded.devices = names_of(group);
  if (shard.batch_tokens == 0) shard.batch_tokens = engine::usual_batch(*loaded.file, *loaded.device, shard);
  ProgressBar bar("loading");
  EXO_TRY(engine::Chain chain, engine::Chain::load(*loaded.file, options.cuts, group, shard,
                                                   [&](Bytes done, Bytes total) { bar.update(done, total); }));
  loaded.chain = std::make_unique<engine::Chain>(std::move(chain));
  say_what_is_converted(*loaded.chain);
  if (const engine::Streaming streaming = engine::streaming_of(*loaded.chain); streaming.layers > 0)
    println_err(
        "exogpu: {} of {} layers stream from the file, {} for each step, since there is {} of memory for weights",
        streaming.layers, architecture.n_layers, format_bytes(streaming.bytes), format_bytes(shard.weight_budget));
  return loaded;
}

}  // namespace exogpu::cli
