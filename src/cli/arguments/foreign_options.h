// Options of other programs for language models, and their equivalents here.
#pragma once

#include <optional>
#include <string_view>

namespace exogpu::cli {

// Advice for the option `name` ("-ngl", "--n-gpu-layers"); empty if it is not one of these.
std::optional<std::string_view> advice_for_foreign_option(std::string_view name);

}  // namespace exogpu::cli
