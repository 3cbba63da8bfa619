// Rates for people.
#pragma once

#include <string>
#include <string_view>

namespace exogpu::cli {

// "12.3 GB/s": rates use powers of ten, as in data sheets.
std::string rate_text(double per_s, std::string_view unit);

}  // namespace exogpu::cli
