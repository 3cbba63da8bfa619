// The output of `exogpu models`, as text and as JSON.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/library.h"

namespace exogpu::cli {

// Facts from the header of a model's file.
struct ModelFacts {
  std::string architecture, quantisation;  // empty: not stated
  std::optional<uint64_t> layers, context;
};

struct ListedModel {
  model::LibraryEntry entry;
  Result<ModelFacts> facts;  // an error for a file that is unusable or incomplete
};

struct ModelsReport {
  std::filesystem::path folder;
  std::vector<ListedModel> models;
  std::chrono::system_clock::time_point now;
};

ListedModel describe_model(model::LibraryEntry entry);

std::string as_text(const ModelsReport& report);

// One object. Released keys do not change; new ones may be added. Unknown values are null.
std::string as_json(const ModelsReport& report);

// Examples: "just now", "5 minutes ago", "3 days ago".
std::string age_words(std::chrono::system_clock::duration age);

}  // namespace exogpu::cli
