#include "cluster/what_fits.h"

#include <algorithm>
#include <cmath>
#include <format>
#include <set>
#include <utility>
#include <vector>

#include "base/units.h"
#include "cluster/make_room.h"
#include "cluster/prediction.h"
#include "wire/region.h"

namespace exogpu::cluster {

using namespace wire;

namespace {

constexpr uint32_t kContextLeast = 512;    // tokens; a model with fewer is of no use
constexpr size_t kQuantisationsTried = 8;  // each is planned once
constexpr size_t kQuantisationsNamed = 2;
constexpr double kSameParameters = 0.02;  // files of one model differ in few tensors

bool fits_with_context(const ReplicatedState& state, ServedModel model, uint32_t context) {
  model.settings.context = context;
  model.settings.sequences = 1;
  model.settings.pool_tokens = 0;
  return too_large_reason(state, model).empty();
}

// The longest context of one sequence with which the model fits; 0: none that is of use.
uint32_t context_that_fits(const ReplicatedState& state, const ServedModel& model) {
  if (model.settings.context <= kContextLeast || !fits_with_context(state, model, kContextLeast)) return 0;
  uint32_t fits = kContextLeast / kRegionStep, too_long = (model.settings.context + kRegionStep - 1) / kRegionStep + 1;
  while (fits + 1 < too_long) {
    const uint32_t middle = fits + (too_long - fits) / 2;
    (fits_with_context(state, model, std::min(middle * kRegionStep, model.settings.context)) ? fits : too_long) =
        middle;
  }
  return std::min(fits * kRegionStep, model.settings.context);
}

bool is_file_of(const LibraryModel& file, const ServedModel& model) {
  return file.content.empty() ? file.model == model.model : file.content == model.content;
}

bool of_same_model(const LibraryModel& a, const LibraryModel& b) {
  const auto parameters = static_cast<double>(a.parameters), others = static_cast<double>(b.parameters);
  return a.architecture == b.architecture && a.layers == b.layers && a.context == b.context &&
         std::abs(parameters - others) <= kSameParameters * std::max(parameters, others);
}

// Files of the same model with fewer bytes, the largest first.
std::vector<LibraryModel> smaller_files(const ReplicatedState& state, const ServedModel& model) {
  std::vector<LibraryModel> files;
  const LibraryModel* own = nullptr;
  for (const auto& [id, node] : state.nodes) {
    const auto found = std::ranges::find_if(node.library, [&](const auto& file) { return is_file_of(file, model); });
    if (found != node.library.end()) own = &*found;
  }
  if (own == nullptr) return files;
  std::set<std::string> names;
  for (const auto& [id, node] : state.nodes) {
    for (const LibraryModel& file : node.library) {
      const bool smaller = node.online && file.bytes < own->bytes && of_same_model(file, *own);
      if (smaller && names.insert(file.model).second) files.push_back(file);
    }
  }
  std::ranges::sort(files, std::greater(), &LibraryModel::bytes);
  return files;
}

std::string smaller_files_that_fit(const ReplicatedState& state, const ServedModel& model) {
  std::string names;
  size_t named = 0, tried = 0;
  for (const LibraryModel& file : smaller_files(state, model)) {
    if (named == kQuantisationsNamed || tried++ == kQuantisationsTried) break;
    if (!predict(state, file, model.settings).reason.empty()) continue;
    names += std::format("{}{}", named++ == 0 ? "" : " or ", file.model);
  }
  return names;
}

// Of the pinned models, those without which the model fits.
std::string pinned_in_the_way(const ReplicatedState& state, const ServedModel& model) {
  const ReplicatedState others = beside_pinned(state, model);
  std::vector<std::pair<Bytes, std::string>> by_size;
  for (const auto& [content, record] : others.models) {
    if (content == model.content || !record.plan) continue;
    Bytes sum = 0;
    for (const Bytes bytes : record.plan->made.stage_bytes) sum += bytes;
    by_size.emplace_back(sum, content);
  }
  std::ranges::sort(by_size, std::greater());
  std::vector<Yielding> removable;
  for (auto& [bytes, content] : by_size) removable.push_back({.content = std::move(content)});
  std::string names;
  for (const Yielding& each : models_in_the_way(others, model.content, removable)) {
    names += std::format("{}{}", names.empty() ? "" : ", ", others.models.at(each.content).served.model);
  }
  return names;
}

}  // namespace

std::string what_would_fit(const ReplicatedState& state, const ServedModel& model) {
  std::vector<std::string> ways;
  if (const uint32_t context = context_that_fits(state, model); context > 0) {
    ways.push_back(std::format("with a context of {} tokens for one sequence (--context {} --parallel 1)",
                               format_count(context), context));
  }
  if (const std::string files = smaller_files_that_fit(state, model); !files.empty()) {
    ways.push_back("in another quantisation: " + files);
  }
  if (const std::string pinned = pinned_in_the_way(state, model); !pinned.empty()) {
    ways.push_back("if these pinned models were unloaded: " + pinned);
  }
  if (ways.empty()) return {};
  std::string text = "It would fit ";
  for (size_t i = 0; i < ways.size(); ++i) text += (i == 0 ? "" : "; or ") + ways[i];
  return text;
}

}  // namespace exogpu::cluster
