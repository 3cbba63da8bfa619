// What is known of layouts, as JSON:
//
//   {"version": 1, "devices": {KEY: {"verdicts": {"AMX/q4_K/matrix": {"state": "right", "reason": ""}},
//                                    "rates": {"AMX/q4_K": {"matvec_bytes_per_s": 1, "matmul_flops_per_s": 1}}}}}
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "gpu/layouts/book.h"

namespace exogpu::gpu {

nlohmann::ordered_json to_json(const LayoutKnowledge& known);
// Verdicts that are `unknown` are left out.
nlohmann::ordered_json to_json(const std::map<std::string, LayoutKnowledge>& devices);

// Nothing is known where the version is another. Errors: corrupt.
Result<std::map<std::string, LayoutKnowledge>> knowledge_from_json(const nlohmann::ordered_json& json);

}  // namespace exogpu::gpu
