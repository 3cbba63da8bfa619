#include "node/served_model.h"

#include "engine/default_settings.h"
#include "node/library/model_shape.h"
#include "node/library/own_library.h"

namespace exogpu::node {

Result<wire::ServedModel> served_model(const model::Gguf& file, std::span<const gpu::Device> devices,
                                       const ServeSettings& settings,
                                       const std::function<void(const std::string&)>& note) {
  EXO_TRY(const engine::Architecture architecture, engine::read_architecture(file));
  wire::ServingSettings serving = engine::complete_settings(settings.serving, architecture);
  const std::string warning = engine::context_warning(architecture, serving.context);
  if (!warning.empty() && note) note(warning);
  serving.batch_tokens = engine::serving_batch(architecture, serving.context, serving.batch_tokens);
  const uint32_t context_most = engine::context_most(settings.serving, architecture);
  EXO_TRY(wire::ModelShape shape,
          shape_of(file, devices, engine::ShardOptions::serving(serving, architecture), context_most));
  return wire::ServedModel{.model = model_name_of(file.path()),
                           .content = {},
                           .shape = std::move(shape),
                           .settings = serving,
                           .layers = settings.layers,
                           .without = settings.without,
                           .devices_min = settings.devices_min,
                           .pinned = settings.pinned,
                           .keep_loaded_s = settings.keep_loaded_s,
                           .context_most = context_most};
}

}  // namespace exogpu::node
