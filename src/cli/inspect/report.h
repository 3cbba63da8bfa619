// What `exogpu inspect` says about one file, as a page for a person and as JSON for a program.
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
  std::vector<BadTensor> bad_tensors;       // hold NaN or infinity
  std::vector<std::string> contradictions;  // of metadata and shapes
  bool sound() const { return bad_tensors.empty() && contradictions.empty(); }
};

struct Report {
  const model::Gguf& file;
  model::ModelSummary summary;
  std::vector<DeviceMemory> devices;  // to fit the model into; none for a file without weights
  bool list_tensors = false;
  bool list_metadata = false;          // JSON lists it always
  const CheckResult* check = nullptr;  // absent when nothing was checked
  std::string template_fault{};        // why the chat template does not parse; empty when it does
};

std::string as_text(const Report& report);

// One object. The keys stay as they are once released; new ones may join them. What is unknown is null.
std::string as_json(const Report& report);

// "tensor blk.3.ffn_up.weight: 2 of 4,096 values are NaN or infinite, the first at index 17"
std::string describe(const BadTensor& bad);

}  // namespace exogpu::cli
