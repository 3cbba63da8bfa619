// The options that every command with a model shares: which device, how much context, how many threads.
#pragma once

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/chain.h"
#include "engine/shard.h"
#include "gpu/device.h"
#include "model/gguf.h"

namespace exogpu::cli {

struct ModelOptions {
  std::string path;
  std::string device;         // empty: the best
  std::string chat_template;  // a file; empty: the model's own
  std::vector<uint32_t> cuts;
  engine::ShardOptions shard{.context = 0};  // a context of 0: engine::default_context()
};

// Adds the argument MODEL to a command; `path` must live until the command has run.
CLI::Option* add_model_argument(CLI::App& command, std::string& path);

// Adds --context; `tokens` becomes 0, which stands for engine::default_context(), where it is left out.
CLI::Option* add_context(CLI::App& command, uint32_t& tokens);

// Adds MODEL and the options to a command; `options` must live until the command has run.
void add_model_options(CLI::App& command, ModelOptions& options);

// A model on a device, with everything it borrows.
struct LoadedModel {
  std::unique_ptr<model::Gguf> file;
  std::unique_ptr<gpu::Machine> machine;
  const gpu::Device* device = nullptr;
  std::unique_ptr<engine::Chain> chain;
};

// Opens the file (or takes it opened), finds the device and loads, with a progress bar where someone is watching.
Result<LoadedModel> load_model(const ModelOptions& options);
Result<LoadedModel> load_model(model::Gguf file, const ModelOptions& options);

}  // namespace exogpu::cli
