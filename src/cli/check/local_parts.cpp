#include "cli/check/local_parts.h"

#include <algorithm>
#include <vector>

#include "cli/layout_book.h"
#include "cli/open_model.h"
#include "cli/progress_bar.h"
#include "placement/by_name.h"

namespace exogpu::cli {
namespace {

// With nothing but names: enough to say which device is meant.
wire::ClusterView names_of(const gpu::Machine& machine) {
  wire::ClusterView view;
  for (const gpu::Device& device : machine.devices()) {
    wire::DeviceProfile profile;
    profile.id.device = device.info().id;
    view.devices.push_back(std::move(profile));
  }
  return view;
}

}  // namespace

Result<LoadedModel> load_parts(std::string_view layers, const ModelOptions& options) {
  EXO_CHECK(placement::check_layers(layers));
  LoadedModel loaded;
  EXO_TRY(model::Gguf file, open_model(options.path));
  loaded.file = std::make_unique<model::Gguf>(std::move(file));
  EXO_TRY(gpu::Machine machine, gpu::Machine::discover({.backend = {}, .software = true, .layouts = layout_book()}));
  loaded.machine = std::make_unique<gpu::Machine>(std::move(machine));
  EXO_TRY(const std::vector<placement::AssignedLayers> assigned,
          placement::parse_layers(names_of(*loaded.machine), layers));
  std::vector<engine::ChainPart> parts;
  for (const placement::AssignedLayers& each : assigned) {
    EXO_TRY(const gpu::Device* device, loaded.machine->find(each.device.device));
    if (loaded.device == nullptr) loaded.device = device;
    parts.push_back({.layers = each.layers, .group = {.devices = {device}, .shares = {}}});
    loaded.devices += std::format("{}{} {}-{}", loaded.devices.empty() ? "" : ", ", device->info().id,
                                  each.layers.begin, each.layers.end - 1);
  }
  ProgressBar bar("loading");
  EXO_TRY(engine::Chain chain, engine::Chain::load(*loaded.file, parts, options.shard,
                                                   [&](Bytes done, Bytes total) { bar.update(done, total); }));
  loaded.chain = std::make_unique<engine::Chain>(std::move(chain));
  return loaded;
}

}  // namespace exogpu::cli
