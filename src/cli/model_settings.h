// The settings of one model, as the configuration file has them.
#pragma once

#include <string>
#include <string_view>

#include "api/generation/sampling_fields.h"
#include "base/result.h"
#include "node/served_model.h"

namespace exogpu::cli {

struct ModelSettings {
  std::string model;  // as requests name it
  node::ServeSettings serve;
  api::SamplingDefaults sampling;
};

// Reads "NAME context=8192 kv-type=q8_0 temperature=0.6": what is not named is as in `base`. Errors: invalid_argument,
// naming the word and what is possible.
Result<ModelSettings> parse_model_settings(std::string_view text, node::ServeSettings base);

}  // namespace exogpu::cli
