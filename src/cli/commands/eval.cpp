// exogpu eval: writes the logits of a fixed token sequence, to compare engines, devices and cuts.
#include <cstdio>
#include <memory>

#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/output.h"

namespace exogpu::cli {
namespace {

struct Options {
  ModelOptions model;
  uint32_t tokens = 96;
  std::string logits;
};

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Token number i of the sequence.
model::TokenId token_at(uint64_t i, uint32_t n_vocab) { return static_cast<model::TokenId>((i * 7919 + 13) % n_vocab); }

Result<void> write_logits(engine::Chain& chain, uint32_t n_tokens, const std::string& path) {
  std::unique_ptr<std::FILE, CloseFile> out(std::fopen(path.c_str(), "wb"));
  if (out == nullptr) return fail(ErrorCode::io_error, "{}: cannot write", path);
  std::vector<model::TokenId> tokens;
  for (uint32_t at = 0; at < n_tokens; at += static_cast<uint32_t>(tokens.size())) {
    uint32_t count = std::min(n_tokens - at, chain.options().batch_tokens);
    tokens.clear();
    for (uint32_t i = 0; i < count; ++i) tokens.push_back(token_at(at + i, chain.architecture().n_vocab));
    engine::SequenceTokens next = {wire::SeqId(0), at, count, count};
    EXO_TRY(std::span<const float> logits, chain.forward({{&next, 1}, tokens, {}}));
    if (std::fwrite(logits.data(), sizeof(float), logits.size(), out.get()) != logits.size())
      return fail(ErrorCode::io_error, "{}: writing failed; is the disk full?", path);
  }
  if (std::fclose(out.release()) != 0) return fail(ErrorCode::io_error, "{}: writing failed; is the disk full?", path);
  return {};
}

Result<void> evaluate(Options options) {
  if (options.tokens == 0) return fail(ErrorCode::invalid_argument, "--tokens must be at least 1");
  options.model.shard.context = options.tokens;
  const uint32_t usual = engine::ShardOptions().batch_tokens;
  uint32_t& batch = options.model.shard.batch_tokens;
  batch = std::min(batch == 0 ? usual : batch, options.tokens);
  options.model.shard.outputs = batch;
  EXO_TRY(LoadedModel loaded, load_model(options.model));
  EXO_CHECK(write_logits(*loaded.chain, options.tokens, options.logits));
  println_out("{}: logits [{}, {}] f32, {} shard(s) on {}", options.logits, options.tokens,
              loaded.chain->architecture().n_vocab, loaded.chain->shards().size(), loaded.devices);
  return {};
}

}  // namespace

void add_eval(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  options->model.shard.kv_type = wire::KvType::f32;
  auto* command = app.add_subcommand("eval", "Write the logits of a fixed token sequence, to compare engines");
  command->footer(
      "The tokens are (i * 7919 + 13) mod n_vocab. The file is [tokens, n_vocab] float32, row-major.\n"
      "Example: exogpu eval model.gguf --tokens 96 --logits out.f32 --cut 5,11 --device cpu");
  add_model_options(*command, options->model);
  command->add_option("-n,--tokens", options->tokens, "Length of the sequence")->capture_default_str();
  command->add_option("-o,--logits", options->logits, "The file to write")->required()->type_name("FILE");
  command->callback([options, &action] { action = [options] { return evaluate(*options); }; });
}

}  // namespace exogpu::cli
