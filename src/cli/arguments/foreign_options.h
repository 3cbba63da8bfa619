// Options of other programs for language models, and what to write here instead.
#pragma once

#include <optional>
#include <string_view>

namespace exogpu::cli {

// What to do instead of the option `name` ("-ngl", "--n-gpu-layers"); nothing when it is not one of these.
std::optional<std::string_view> advice_for_foreign_option(std::string_view name);

}  // namespace exogpu::cli
