#include "cli/model_options.h"

#include "cli/find_device.h"
#include "cli/open_model.h"
#include "cli/progress_bar.h"

namespace exogpu::cli {

void add_model_options(CLI::App& command, ModelOptions& o) {
  command.add_option("model", o.path, "GGUF file, of a split model any part; or a model's name")
      ->required()
      ->type_name("MODEL");
  command.add_option("-d,--device", o.device,
                     "Device to run on, as `exogpu devices` lists it (cpu, vulkan0, ...); the best one if left out");
  command.add_option("-c,--context", o.shard.context, "Tokens of prompt and answer together")->capture_default_str();
  command.add_option("-t,--threads", o.shard.threads, "CPU threads; one for each core that may be used if left out");
  command.add_option("-b,--batch", o.shard.batch_tokens, "Prompt tokens computed at once")->capture_default_str();
  command.add_option("--kv-type", o.kv_type, "Number type of the KV cache: f16, q8_0 (half the memory) or f32")
      ->capture_default_str();
  command.add_option("--flash-attention", o.flash_attention, "auto, on, or off: attention in separate steps")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->capture_default_str();
  command.add_option("--cut", o.cuts, "Run as several shards, cut before these layers, for example 5,11")
      ->delimiter(',');
}

Result<LoadedModel> load_model(const ModelOptions& options) {
  EXO_TRY(model::Gguf file, open_model(options.path));
  return load_model(std::move(file), options);
}

Result<LoadedModel> load_model(model::Gguf file, const ModelOptions& options) {
  engine::ShardOptions shard = options.shard;
  EXO_TRY(shard.kv_type, engine::parse_kv_type(options.kv_type));
  shard.flash_attention = options.flash_attention == "on"    ? engine::FlashAttention::on
                          : options.flash_attention == "off" ? engine::FlashAttention::off
                                                             : engine::FlashAttention::automatic;

  LoadedModel loaded;
  loaded.file = std::make_unique<model::Gguf>(std::move(file));
  EXO_TRY(FoundDevice found, find_device(options.device));
  loaded.machine = std::move(found.machine);
  loaded.device = found.device;
  ProgressBar bar("loading");
  EXO_TRY(engine::Chain chain, engine::Chain::load(*loaded.file, options.cuts, *loaded.device, shard,
                                                   [&](Bytes done, Bytes total) { bar.update(done, total); }));
  loaded.chain = std::make_unique<engine::Chain>(std::move(chain));
  return loaded;
}

}  // namespace exogpu::cli
