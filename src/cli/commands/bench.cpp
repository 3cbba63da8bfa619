// exogpu bench: prompt and generation speed of a model on one device.
#include <chrono>
#include <cstdlib>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/find_device.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/served_speed.h"
#include "engine/speed.h"
#include "engine/streaming.h"
#include "gpu/layouts/profile_options.h"
#include "gpu/profile/cache.h"

namespace exogpu::cli {
namespace {

using engine::SpeedSamples;

struct Options {
  ModelOptions model;
  uint32_t prompt = 512;
  uint32_t generate = 128;
  uint32_t repetitions = 5;
  bool json = false;
  bool cluster = false;
  ApiOptions api;
};

struct Measured {
  std::optional<SpeedSamples> prompt;
  std::optional<SpeedSamples> generation;
  std::chrono::duration<double> load_time{};
  Bytes weights_per_token = 0;
  engine::Streaming streaming;
  double weights_per_s = 0;  // bandwidth of reading weights while generating
  // Two limits of this device: what single products of the model's kernels read, and what its memory itself reads. The
  // first shows the cost of the rest of a step, the second that of the kernels as well.
  std::optional<gpu::CachedProfile> device;
};

// Weight bytes read for each generated token: all except the embedding's rows and the experts that are not chosen.
Bytes bytes_per_token(const model::Gguf& file, const engine::Architecture& a) {
  Bytes total = 0;
  bool tied = file.find_tensor("output.weight") == nullptr;
  for (const model::TensorInfo& t : file.tensors()) {
    if ((t.name == "token_embd.weight" && !tied) || t.name == "per_layer_token_embd.weight") continue;
    bool expert = t.name.contains("_exps.");
    total += expert ? t.bytes * a.experts.used / std::max(1U, a.experts.count) : t.bytes;
  }
  return total;
}

// Stored earlier, or measured now in a second or two. Empty if that fails: the model's speeds are still reported.
std::optional<gpu::CachedProfile> profile_of(const gpu::Device& device, uint32_t threads, bool fresh) {
  gpu::ProfileCache cache;
  cache.file = gpu::profile_cache_file(std::getenv("XDG_CACHE_HOME"), std::getenv("HOME"));
  auto profile = gpu::cached_profile(device, gpu::profile_options(device, threads), cache, fresh);
  if (!profile) return std::nullopt;
  return *std::move(profile);
}

nlohmann::json to_json(const SpeedSamples& s, uint32_t tokens) {
  return {{"tokens", tokens},
          {"median", s.median()},
          {"mean", s.mean()},
          {"deviation", s.deviation()},
          {"samples", s.tokens_per_s}};
}

void print_json(const Options& o, const LoadedModel& m, const Measured& r) {
  nlohmann::json out = {{"model", o.model.path},
                        {"architecture", m.chain->architecture().name},
                        {"device", m.device->info().id},
                        {"device_name", m.devices},
                        {"members", m.chain->shards().front().members()},
                        {"threads", m.chain->options().threads},
                        {"computing_threads", m.chain->shards().front().computing_threads()},
                        {"threads_reason", m.chain->shards().front().threads_reason()},
                        {"kv_type", to_string(m.chain->options().kv_type)},
                        {"flash_attention", m.chain->shards().front().flash_attention()},
                        {"shards", m.chain->shards().size()},
                        {"load_s", r.load_time.count()},
                        {"bytes_per_token", r.weights_per_token}};
  if (r.prompt) out["prompt"] = to_json(*r.prompt, o.prompt);
  if (r.generation) {
    out["generation"] = to_json(*r.generation, o.generate);
    out["generation"]["bytes_per_s"] = r.weights_per_s;
    if (r.device) {
      out["generation"]["bandwidth_bytes_per_s"] = r.device->profile.bandwidth_bytes_per_s;
      out["generation"]["bandwidth_share"] = r.weights_per_s / r.device->profile.bandwidth_bytes_per_s;
      if (const double memory = r.device->profile.memory_bytes_per_s(); memory > 0) {
        out["generation"]["memory_bytes_per_s"] = memory;
        out["generation"]["memory_share"] = r.weights_per_s / memory;
      }
    }
  }
  if (r.streaming.layers > 0)
    out["streaming"] = {{"layers", r.streaming.layers},
                        {"bytes_per_step", r.streaming.bytes},
                        {"bytes_per_s", r.streaming.bytes_per_s},
                        {"steps_per_s_bound", r.streaming.bytes_per_s / static_cast<double>(r.streaming.bytes)},
                        {"waited_s", r.streaming.waited_s}};
  println_out("{}", out.dump(2));
}

// "4 threads", or "3 threads at the end (other processes use 1 of 4 cores)".
std::string threads_used(const engine::ShardGroup& shard) {
  const uint32_t threads = shard.computing_threads() > 0 ? shard.computing_threads() : shard.options().threads;
  const std::string reason = shard.threads_reason();
  return std::format("{} {}{}{}", threads, threads == 1 ? "thread" : "threads", shard.members() > 1 ? " each" : "",
                     reason.empty() ? "" : std::format(" at the end ({})", reason));
}

// ", 90 % of the 40 GiB/s that single products of the same kernels read here, 70 % of the 51 GiB/s that its memory
// moves".
std::string shares(double weights_per_s, const gpu::Profile& profile) {
  const auto share = [&](double limit) {
    return std::format(", {:.0f} % of the {}/s that ", 100 * weights_per_s / limit,
                       format_bytes(static_cast<Bytes>(limit)));
  };
  std::string text = share(profile.bandwidth_bytes_per_s) + "single products of the same kernels read here";
  if (const double memory = profile.memory_bytes_per_s(); memory > 0) text += share(memory) + "its memory moves";
  return text;
}

// What bounds the speed where layers stream: a step reads each of them once.
void print_streaming(const Options& o, const engine::Streaming& s) {
  const double steps = s.bytes_per_s / static_cast<double>(s.bytes);
  println_out("         {} layers stream: {} for each step, read at {}/s: at most {:.2f} t/s{}", s.layers,
              format_bytes(s.bytes), format_bytes(static_cast<Bytes>(s.bytes_per_s)), steps,
              o.prompt > 0 ? std::format(", and {:.0f} of a prompt in one chunk", steps * o.prompt) : "");
}

void print_table(const Options& o, const LoadedModel& m, const Measured& r) {
  println_out("{} on {}, {}, loaded in {:.2f} s", o.model.path, m.devices, threads_used(m.chain->shards().front()),
              r.load_time.count());
  auto line = [](const std::string& name, const SpeedSamples& s) {
    println_out("{:<8} {:>10.2f} t/s  median of {}; mean {:.2f} +- {:.2f}", name, s.median(), s.tokens_per_s.size(),
                s.mean(), s.deviation());
  };
  if (r.prompt) line(std::format("pp{}", o.prompt), *r.prompt);
  if (r.generation) {
    line(std::format("tg{}", o.generate), *r.generation);
    println_out("         {} of weights per token: {}/s{}", format_bytes(r.weights_per_token),
                format_bytes(static_cast<Bytes>(r.weights_per_s)),
                r.device ? shares(r.weights_per_s, r.device->profile) : "");
  }
  if (r.streaming.layers > 0) print_streaming(o, r.streaming);
}

Result<void> bench(Options o) {
  if (o.cluster)
    return bench_in_cluster({.api = o.api,
                             .model = o.model.path,
                             .prompt = o.prompt,
                             .generate = o.generate,
                             .repetitions = o.repetitions,
                             .json = o.json});
  if (o.prompt == 0 && o.generate == 0)
    return fail(ErrorCode::invalid_argument, "nothing to measure: give --prompt or --generate a number above 0");
  if (o.repetitions == 0) return fail(ErrorCode::invalid_argument, "--repetitions must be at least 1");
  o.model.shard.context = std::max(o.prompt, o.generate);
  Measured measured;
  if (o.generate > 0) {
    // Before loading the model, whose memory would be counted too.
    EXO_TRY(const FoundDevices found, find_devices(o.model.device));
    measured.device = profile_of(*found.devices.front(), o.model.shard.threads, false);
  }
  auto started = std::chrono::steady_clock::now();
  EXO_TRY(LoadedModel loaded, load_model(o.model));
  measured.load_time = std::chrono::steady_clock::now() - started;
  if (o.prompt > 0) {
    EXO_TRY(measured.prompt, engine::measure_prompt(*loaded.chain, o.prompt, o.repetitions));
  }
  if (o.generate > 0) {
    EXO_TRY(measured.generation, engine::measure_generation(*loaded.chain, o.generate, o.repetitions));
    measured.weights_per_token = bytes_per_token(*loaded.file, loaded.chain->architecture());
    measured.weights_per_s = static_cast<double>(measured.weights_per_token) * measured.generation->median();
    // A model cannot read faster than the device: then the device was busy when it was measured.
    if (measured.device && measured.weights_per_s > measured.device->profile.bandwidth_bytes_per_s)
      measured.device = profile_of(*loaded.device, o.model.shard.threads, true);
  }
  measured.streaming = engine::streaming_of(*loaded.chain);
  o.json ? print_json(o, loaded, measured) : print_table(o, loaded, measured);
  return {};
}

}  // namespace

void add_bench(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("bench", "Measure how fast a model reads prompts and writes answers");
  command->footer(
      "pp is a prompt of N tokens, tg is N tokens one after another, each from an empty cache, as llama-bench\n"
      "measures them.\n"
      "Examples:\n"
      "  exogpu bench model.gguf --prompt-tokens 256 --generate 32 --threads 2\n"
      "  exogpu bench model --cluster      as the cluster serves it, beside what its plan predicts");
  add_model_options(*command, options->model);
  command->add_option("-p,--prompt-tokens,--prompt", options->prompt, "Length of the prompt; 0 leaves it out")
      ->capture_default_str();
  command->add_option("-n,--generate", options->generate, "Tokens to generate; 0 leaves it out")->capture_default_str();
  command->add_option("-r,--repetitions", options->repetitions, "Measurements, after one run to warm up")
      ->capture_default_str();
  command->add_flag("--cluster", options->cluster,
                    "Measure the model of this name as the cluster serves it, beside what its plan predicts");
  add_api_options(*command, options->api);
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &action] { action = [options] { return bench(*options); }; });
}

}  // namespace exogpu::cli
