#include "cli/models/report.h"

#include <format>
#include <nlohmann/json.hpp>

#include "base/utf8.h"
#include "cli/table.h"
#include "model/summary.h"

namespace exogpu::cli {
namespace {

using Json = nlohmann::ordered_json;
using std::chrono::system_clock;

Json or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }
Json or_null(const std::optional<uint64_t>& value) { return value ? Json(*value) : Json(nullptr); }
std::string cell(const std::optional<uint64_t>& value) { return value ? format_count(*value) : ""; }

std::string utc(system_clock::time_point time) {
  return std::format("{:%FT%TZ}", std::chrono::floor<std::chrono::seconds>(time));
}

// The error of a model, without the path that begins messages about files.
std::string trouble(const ListedModel& model) {
  const std::string& message = model.facts.error().message;
  const std::string file = model.entry.files.empty() ? "" : model.entry.files.front().string() + ": ";
  return printable(!file.empty() && message.starts_with(file) ? message.substr(file.size()) : message);
}

}  // namespace

ListedModel describe_model(model::LibraryEntry entry) {
  if (!entry.complete()) {
    const std::string there = entry.parts == 1 ? "" : std::format("{} of {} files; ", entry.files.size(), entry.parts);
    auto error = fail(ErrorCode::failed_precondition, "download incomplete: {}`exogpu pull` continues it", there);
    return {.entry = std::move(entry), .facts = std::move(error)};
  }
  auto file = model::Gguf::open(entry.files.front());
  if (!file) return {.entry = std::move(entry), .facts = std::unexpected(std::move(file).error())};
  model::ModelSummary summary = model::summarize(*file);
  ModelFacts facts = {.architecture = std::move(summary.architecture),
                      .quantisation = std::move(summary.file_type),
                      .layers = {},
                      .context = summary.context_length};
  if (facts.quantisation.empty() && !summary.types.empty()) {
    facts.quantisation = model::tensor_type_name(summary.types[0].type);
  }
  if (!summary.layers.empty()) facts.layers = summary.layers.size();
  return {.entry = std::move(entry), .facts = std::move(facts)};
}

std::string age_words(system_clock::duration age) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(age).count();
  const auto words = [](int64_t count, std::string_view unit) {
    return std::format("{} {}{} ago", count, unit, count == 1 ? "" : "s");
  };
  if (seconds < 60) return "just now";
  if (seconds < 3600) return words(seconds / 60, "minute");
  if (seconds < 86400) return words(seconds / 3600, "hour");
  if (seconds < 60 * 86400) return words(seconds / 86400, "day");
  return words(seconds / (30 * 86400), "month");
}

std::string as_text(const ModelsReport& report) {
  if (report.models.empty()) {
    return std::format("No models in {}; `exogpu pull ORG/REPO` downloads one.\n", report.folder.string());
  }
  Rows rows = {{"NAME", "SIZE", "ARCHITECTURE", "TYPE", "LAYERS", "CONTEXT", "USED", "CHANGED", "REMARK"}};
  Bytes all = 0;
  for (const ListedModel& model : report.models) {
    const model::LibraryEntry& entry = model.entry;
    const ModelFacts facts = model.facts.value_or(ModelFacts{});
    all += entry.bytes;
    rows.push_back({printable(entry.name), format_bytes(entry.bytes), printable(facts.architecture),
                    printable(facts.quantisation), cell(facts.layers), cell(facts.context),
                    age_words(report.now - entry.used), age_words(report.now - entry.changed),
                    model.facts ? "" : trouble(model)});
  }
  return format_table(rows) + std::format("\n{} in {}\n", format_bytes(all), report.folder.string());
}

std::string as_json(const ModelsReport& report) {
  Json models = Json::array();
  for (const ListedModel& model : report.models) {
    const model::LibraryEntry& entry = model.entry;
    const ModelFacts facts = model.facts.value_or(ModelFacts{});
    Json files = Json::array();
    for (const auto& file : entry.files) files.push_back(file.string());
    models.push_back({{"name", entry.name},
                      {"files", std::move(files)},
                      {"files_expected", entry.parts},
                      {"complete", entry.complete()},
                      {"size_bytes", entry.bytes},
                      {"architecture", or_null(facts.architecture)},
                      {"type", or_null(facts.quantisation)},
                      {"layers", or_null(facts.layers)},
                      {"context_tokens", or_null(facts.context)},
                      {"used", utc(entry.used)},
                      {"changed", utc(entry.changed)},
                      {"error", model.facts ? Json(nullptr) : Json(model.facts.error().message)}});
  }
  const Json json = {{"folder", report.folder.string()}, {"models", std::move(models)}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace exogpu::cli
