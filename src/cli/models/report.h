// What `exogpu models` says about the models folder, as a page for a person and as JSON for a program.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/library.h"

namespace exogpu::cli {

// What the header of a model's file says.
struct ModelFacts {
  std::string architecture, quantisation;  // empty: not said
  std::optional<uint64_t> layers, context;
};

struct ListedModel {
  model::LibraryEntry entry;
  Result<ModelFacts> facts;  // an error for a file that cannot be used, or that is not all there
};

struct ModelsReport {
  std::filesystem::path folder;
  std::vector<ListedModel> models;
  std::chrono::system_clock::time_point now;
};

ListedModel describe_model(model::LibraryEntry entry);

std::string as_text(const ModelsReport& report);

// One object. The keys stay as they are once released; new ones may join them. What is unknown is null.
std::string as_json(const ModelsReport& report);

// "just now", "5 minutes ago", "3 days ago".
std::string age_words(std::chrono::system_clock::duration age);

}  // namespace exogpu::cli
