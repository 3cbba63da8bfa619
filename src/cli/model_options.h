// The options of every command with a model: device, context, threads.
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
  std::string device;         // empty: the best device; a group's with + between them
  std::string chat_template;  // a file; empty: the model's own template
  std::vector<uint32_t> cuts;
  uint32_t tensor_parallel = 0;  // members of a group; 0: as many as `device` names
  std::vector<double> shares;    // of the members; empty: equal ones
  // A context of 0 means engine::default_context(); a batch of 0, engine::usual_batch().
  engine::ShardOptions shard{.context = 0, .batch_tokens = 0};
};

// Adds the argument MODEL to a command; `path` must live until the command has run.
CLI::Option* add_model_argument(CLI::App& command, std::string& path);

// Adds --pool. Without the option, `tokens` becomes 0.
CLI::Option* add_pool(CLI::App& command, uint32_t& tokens);

// Adds --context. Without the option, `tokens` becomes 0, which means engine::default_context().
CLI::Option* add_context(CLI::App& command, uint32_t& tokens);

// Adds MODEL and the options to a command; `options` must live until the command has run.
void add_model_options(CLI::App& command, ModelOptions& options);

// A model on a device, with everything that it borrows.
struct LoadedModel {
  std::unique_ptr<model::Gguf> file;
  std::unique_ptr<gpu::Machine> machine;
  const gpu::Device* device = nullptr;  // of the first member, where it is a group
  std::string devices;                  // named for a person
  std::unique_ptr<engine::Chain> chain;
};

// Opens the file (or takes an open one), finds the device and loads, with a progress bar if standard error is a
// terminal.
Result<LoadedModel> load_model(const ModelOptions& options);
Result<LoadedModel> load_model(model::Gguf file, const ModelOptions& options);

}  // namespace exogpu::cli
