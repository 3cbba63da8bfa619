// A model file as the cluster is asked to serve it: its shape, measured on this machine's devices, and its settings.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "gpu/device.h"
#include "model/gguf.h"
#include "wire/cluster_log.h"

namespace exogpu::node {

struct ServeSettings {
  wire::ServingSettings serving;  // see engine::complete_settings() for zeros
  std::string layers{};           // assigned by hand; empty: planned
  std::vector<std::string> without{};
  uint32_t devices_min = 1;
  bool pinned = false;
  uint32_t keep_loaded_s = 0;
};

// Without the id of its content. `note` gets a warning about the settings, if there is one; any thread. Errors: what is
// wrong with the file.
Result<wire::ServedModel> served_model(const model::Gguf& file, std::span<const gpu::Device> devices,
                                       const ServeSettings& settings,
                                       const std::function<void(const std::string&)>& note);

}  // namespace exogpu::node
