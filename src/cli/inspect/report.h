// The output of `exogpu inspect` for one file, as text and as JSON.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/inspect/fit.h"
#include "model/gguf.h"
#include "model/summary.h"
#include "model/value_scan.h"

namespace exogpu::cli {

struct BadTensor {
  const model::TensorInfo* tensor = nullptr;
  model::NonFinite values;
};

struct CheckResult {
  std::vector<BadTensor> bad_tensors;       // tensors with NaN or infinity
  std::vector<std::string> contradictions;  // between metadata and shapes
  bool sound() const { return bad_tensors.empty() && contradictions.empty(); }
};

struct Report {
  const model::Gguf& file;
  model::ModelSummary summary;
  std::vector<DeviceMemory> devices;  // to fit the model into; none for a file without weights
  bool list_tensors = false;
  bool list_metadata = false;          // JSON always lists it
  const CheckResult* check = nullptr;  // null if nothing was checked
  std::string template_fault{};        // why the chat template does not parse; empty if it does
};

std::string as_text(const Report& report);

// One object. Released keys do not change; new ones may be added. Unknown values are null.
std::string as_json(const Report& report);

// "tensor blk.3.ffn_up.weight: 2 of 4,096 values are NaN or infinite, the first at index 17"
std::string describe(const BadTensor& bad);

}  // namespace exogpu::cli
