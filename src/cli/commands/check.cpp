// exogpu check: what a plan of several devices and precisions costs in exactness.
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>

#include "cli/api_options.h"
#include "cli/arguments/checks.h"
#include "cli/check/local_parts.h"
#include "cli/check/report.h"
#include "cli/check/served_scores.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "engine/divergence.h"
#include "model/model_name.h"
#include "model/tokenizer/tokenizer.h"

namespace exogpu::cli {
namespace {

constexpr std::string_view kText =
    "The first ships that crossed the ocean carried maps that were mostly wrong. Sailors knew the height of the sun at "
    "noon, and from it how far north they were, but not how far they had come. So a voyage of 30 days could end 400 "
    "miles from the harbour. The answer was a clock: when it shows the time of the place that one has left, the "
    "difference to noon gives the distance. \"It must not lose three seconds a day,\" they said, and for a century "
    "nobody could build it. Then a carpenter from Yorkshire, John Harrison, did. He needed five attempts and 31 years; "
    "the last clock was no larger than a saucer. def degrees(seconds): return seconds * 360 / 86400";

struct Options {
  ModelOptions model;
  ApiOptions api;
  std::string layers;     // of devices of this machine; empty: as `model` says
  std::string served_as;  // the model's name in the cluster; empty: the file's
  std::string reference = "cpu";
  std::string text_file;
  uint32_t tokens = 128;
  bool local = false;  // the plan is one of this machine
  bool json = false;
};

using Tokens = std::vector<model::TokenId>;

// The logits after each token but the last, row by row, with the token that follows.
using OnRow = std::function<void(size_t position, std::span<const float> logits)>;

Result<void> each_row(engine::Chain& chain, const Tokens& tokens, const OnRow& on_row) {
  const size_t n_vocab = chain.architecture().n_vocab;
  for (uint32_t at = 0; at + 1 < tokens.size();) {
    const auto count = std::min(static_cast<uint32_t>(tokens.size()) - 1 - at, chain.options().batch_tokens);
    const engine::SequenceTokens next = {wire::SeqId(0), at, count, count};
    EXO_TRY(const std::span<const float> logits, chain.forward({{&next, 1}, std::span(tokens).subspan(at, count), {}}));
    for (uint32_t i = 0; i < count; ++i) on_row(at + i, logits.subspan(i * n_vocab, n_vocab));
    at += count;
  }
  return {};
}

// Of a chain that computes nothing but this text, all of whose logits are wanted.
ModelOptions for_text(ModelOptions options, const Tokens& tokens) {
  const auto count = static_cast<uint32_t>(tokens.size());
  const uint32_t usual = engine::ShardOptions().batch_tokens;
  options.shard.context = count;
  options.shard.batch_tokens = std::min(options.shard.batch_tokens == 0 ? usual : options.shard.batch_tokens, count);
  options.shard.outputs = options.shard.batch_tokens;
  return options;
}

Result<LoadedModel> load_reference(const Options& options, const Tokens& tokens) {
  ModelOptions alone;
  alone.path = options.model.path;
  alone.device = options.reference;
  alone.shard.threads = options.model.shard.threads;
  alone.shard.kv_type = wire::KvType::f32;
  return load_model(for_text(std::move(alone), tokens));
}

Result<Tokens> read_tokens(const Options& options) {
  std::string text(kText);
  if (!options.text_file.empty()) {
    std::ifstream in(options.text_file, std::ios::binary);
    if (!in) return fail(ErrorCode::not_found, "{}: cannot open the file; does it exist?", options.text_file);
    text.assign(std::istreambuf_iterator<char>(in), {});
  }
  EXO_TRY(const model::Gguf file, open_model(options.model.path));
  EXO_TRY(const model::Tokenizer tokenizer, model::Tokenizer::load(file));
  Tokens tokens = tokenizer.encode(text, {.add_special = true, .parse_special = false});
  if (tokens.size() > options.tokens) tokens.resize(options.tokens);
  if (tokens.size() < 2)
    return fail(ErrorCode::invalid_argument, "the text has {} tokens, and a check needs two at least", tokens.size());
  return tokens;
}

// Adds what the reference makes of the text; `of_plan` gives the divergence and the likeliest token of the plan, and
// adds to its loss.
using OfPlan = std::function<void(size_t position, std::span<const float> reference, CheckReport& report)>;

Result<void> compare(const Options& options, const Tokens& tokens, const OfPlan& of_plan, CheckReport& report) {
  EXO_TRY(LoadedModel reference, load_reference(options, tokens));
  report.reference = reference.device->info().id;
  EXO_CHECK(each_row(*reference.chain, tokens, [&](size_t position, std::span<const float> logits) {
    report.loss_of_reference -= engine::log_probability(logits, tokens[position + 1]);
    of_plan(position, logits, report);
  }));
  report.loss_of_reference /= report.agreement.positions;
  report.loss_of_plan /= report.agreement.positions;
  return {};
}

// One model after the other, so that the memory need not hold both.
Result<void> check_local(const Options& options, const Tokens& tokens, CheckReport& report) {
  std::vector<float> rows;
  {
    const ModelOptions wanted = for_text(options.model, tokens);
    EXO_TRY(LoadedModel plan, options.layers.empty() ? load_model(wanted) : load_parts(options.layers, wanted));
    report.plan = plan.devices;
    for (const engine::ShardGroup& shard : plan.chain->shards())
      for (engine::ConvertedWeights& of : shard.first().converted()) report.converted.push_back(std::move(of));
    EXO_CHECK(each_row(*plan.chain, tokens, [&](size_t, std::span<const float> logits) {
      rows.insert(rows.end(), logits.begin(), logits.end());
    }));
  }
  const auto of_plan = [&](size_t position, std::span<const float> exact, CheckReport& r) {
    const auto own = std::span(rows).subspan(position * exact.size(), exact.size());
    r.loss_of_plan -= engine::log_probability(own, tokens[position + 1]);
    r.agreement.add(engine::likeliest(own) == engine::likeliest(exact), engine::kl_divergence(exact, own));
  };
  return compare(options, tokens, of_plan, report);
}

Result<void> check_served(const Options& options, const Tokens& tokens, CheckReport& report) {
  EXO_TRY(const api::ApiAddress at, api_address(options.api));
  EXO_TRY(const model::Gguf file, open_model(options.model.path));
  const std::string stem = model::parse_file_name(file.path().filename().string()).stem;
  const std::string& name = options.served_as.empty() ? stem : options.served_as;
  EXO_TRY(const engine::Architecture architecture, engine::read_architecture(file));
  EXO_TRY(const std::vector<ScoredToken> scores, score_by_plan(at, name, tokens, architecture.n_vocab));
  EXO_TRY(report.plan, plan_of(at, name));
  report.at_least = true;
  const auto of_plan = [&](size_t position, std::span<const float> exact, CheckReport& r) {
    const ScoredToken& own = scores[position];
    r.loss_of_plan -= own.logprob;
    r.agreement.add(own.known.front().token == engine::likeliest(exact),
                    engine::kl_divergence_at_least(exact, own.known));
  };
  return compare(options, tokens, of_plan, report);
}

Result<void> check(const Options& options) {
  EXO_TRY(const Tokens tokens, read_tokens(options));
  CheckReport report;
  report.model = options.model.path;
  report.tokens = static_cast<uint32_t>(tokens.size());
  EXO_CHECK(options.local ? check_local(options, tokens, report) : check_served(options, tokens, report));
  write_out(options.json ? as_json(report) : as_text(report));
  return {};
}

}  // namespace

void add_check(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  auto* command = app.add_subcommand("check", "Show what a plan's mixed precision costs: compare it with one device");
  command->footer(
      "Runs a short text through a plan and through one device, and prints how often both expect the same token and\n"
      "the divergence of what they expect (docs/placement.md). Without devices, the plan is that of the cluster at\n"
      "--api; MODEL is a copy of its file here.\n"
      "Examples:\n"
      "  exogpu check model.gguf                                the plan of the running cluster\n"
      "  exogpu check model.gguf --device cuda0                 this device\n"
      "  exogpu check model.gguf --layers cpu:0-5,vulkan0:6-11  these devices of this machine");
  add_model_options(*command, options->model);
  command->add_option("--layers", options->layers,
                      "Devices of this machine, with the layers of each in order: DEVICE:FIRST-LAST,...");
  command->add_option("--reference", options->reference, "The device to compare with, with an F32 KV cache")
      ->type_name("DEVICE")
      ->capture_default_str();
  command->add_option("--text", options->text_file, "A file with the text (default: a short one in English)")
      ->type_name("FILE");
  command->add_option("-n,--tokens", options->tokens, "Use so many tokens of the text")
      ->check(between(2, 65536))
      ->capture_default_str();
  command->add_option("--served-as", options->served_as, "The model's name in the cluster (default: that of the file)")
      ->type_name("NAME");
  command->add_flag("--json", options->json, "Print JSON");
  add_api_options(*command, options->api);
  command->callback([options, command, &action] {
    for (const char* name : {"--layers", "--device", "--cut", "--tensor-parallel"})
      options->local = options->local || command->count(name) > 0;
    action = [options] { return check(*options); };
  });
}

}  // namespace exogpu::cli
