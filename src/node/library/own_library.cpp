#include "node/library/own_library.h"

#include <algorithm>
#include <format>
#include <utility>

#include "base/utf8.h"
#include "engine/families/architecture.h"
#include "model/gguf.h"
#include "model/library.h"
#include "model/model_name.h"
#include "model/summary.h"
#include "node/library/model_shape.h"
#include "weights/catalogue.h"

namespace exogpu::node {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::seconds kRacy{2};

// Changes where the file does; the parts of a split model are written together.
std::string stamp_of(const fs::path& path) {
  std::error_code error;
  const auto bytes = fs::file_size(path, error);
  if (error) return {};
  const auto changed = fs::last_write_time(path, error);
  if (error) return {};
  return std::format("{} {}", bytes, changed.time_since_epoch().count());
}

uint64_t changed_s(const fs::path& path) {
  std::error_code error;
  const auto changed = fs::last_write_time(path, error);
  if (error) return 0;
  const auto since = std::chrono::file_clock::to_sys(changed).time_since_epoch();
  return static_cast<uint64_t>(std::max<int64_t>(0, std::chrono::floor<std::chrono::seconds>(since).count()));
}

wire::ModelAbilities abilities_of(const model::Gguf& file, bool embeds) {
  const std::string text = file.get_string_or("tokenizer.chat_template", "").value_or("");
  return {.chat = !text.empty() && !embeds,
          .tools = text.contains("tools"),
          .thinking = text.contains("enable_thinking") || text.contains("<think>"),
          .embeddings = embeds,
          .infill = file.find("tokenizer.ggml.fim_pre_token_id") != nullptr ||
                    file.find("tokenizer.ggml.prefix_token_id") != nullptr};
}

// Nothing where no model can be served from this file.
std::optional<OwnModel> read_model(const fs::path& path, const fs::path& manifests, std::string content) {
  const auto file = model::Gguf::open(path);
  if (!file) return std::nullopt;
  const auto architecture = engine::read_architecture(*file);
  if (!architecture) return std::nullopt;
  const model::ModelSummary summary = model::summarize(*file);
  if (content.empty()) {
    if (const auto known = weights::Catalogue(manifests).content_of(*file)) content = known->text();
  }
  return OwnModel{.facts = {.model = model_name_of(path),
                            .content = std::move(content),
                            .bytes = summary.weight_bytes,
                            .architecture = summary.architecture,
                            .quantisation = summary.file_type,
                            .layers = static_cast<uint32_t>(summary.layers.size()),
                            .parameters = summary.parameters,
                            .context = summary.context_length.value_or(0),
                            .changed_s = changed_s(path),
                            .abilities = abilities_of(*file, architecture->gives_embeddings()),
                            .work = work_of_file(*file, *architecture)},
                  .path = path};
}

}  // namespace

std::string model_name_of(const fs::path& file) {
  const std::string name = file.filename().string();
  const model::FileName parsed = model::parse_file_name(name);
  return printable(parsed.stem.empty() ? file.stem().string() : parsed.stem);
}

const std::optional<OwnModel>& LibraryScanner::read(const fs::path& path, const std::string& content) {
  Known& known = known_[path];
  const std::string stamp = stamp_of(path);
  if (stamp.empty() || known.stamp != stamp) {
    known = {.stamp = stamp, .model = read_model(path, options_.manifests, content)};
  } else if (manifests_changed_ && known.model && known.model->facts.content.empty()) {
    known.model = read_model(path, options_.manifests, content);
  }
  return known.model;
}

void LibraryScanner::add(std::vector<OwnModel>& models, const fs::path& path, const std::string& longer_name) {
  if (models.size() == wire::kLibraryModelsMax || std::ranges::contains(models, path, &OwnModel::path)) return;
  std::optional<OwnModel> model = read(path);
  if (!model) return;
  const auto same_name = [&](const OwnModel& each) { return each.facts.model == model->facts.model; };
  if (std::ranges::any_of(models, same_name)) model->facts.model = longer_name;
  if (std::ranges::none_of(models, same_name)) models.push_back(*std::move(model));
}

void LibraryScanner::add_cached(std::vector<OwnModel>& models, const weights::CacheEntry& entry) {
  if (models.size() == wire::kLibraryModelsMax || entry.file.empty()) return;
  const std::string name = printable(entry.name), content = entry.content.text();
  const auto is_known = [&](const OwnModel& each) { return each.facts.model == name || each.facts.content == content; };
  if (std::ranges::any_of(models, is_known)) return;
  std::optional<OwnModel> model = read(entry.file, content);
  if (!model) return;
  model->facts.model = name;
  model->cached = true;
  models.push_back(*std::move(model));
}

std::vector<OwnModel> LibraryScanner::scan() {
  std::vector<OwnModel> models;
  std::error_code error;
  const fs::file_time_type manifests = fs::last_write_time(options_.manifests, error);
  // One that was stored just now may share its time with the next.
  manifests_changed_ = !error && (std::exchange(manifests_, manifests) != manifests ||
                                  fs::file_time_type::clock::now() - manifests < kRacy);
  if (!options_.given.empty()) {
    const fs::path given = fs::canonical(options_.given, error);
    if (!error) add(models, given, printable(given.string()));
  }
  if (!options_.folder.empty()) {
    const auto entries = model::Library(options_.folder).list();
    for (const model::LibraryEntry& entry : entries ? *entries : std::vector<model::LibraryEntry>()) {
      if (!entry.complete()) continue;
      const fs::path path = fs::canonical(entry.files.front(), error);
      if (!error) add(models, path, printable(entry.name));
    }
  }
  if (options_.cache) {
    for (const weights::CacheEntry& entry : options_.cache->entries()) add_cached(models, entry);
  }
  std::erase_if(known_, [&](const auto& each) { return !fs::exists(each.first, error); });
  std::ranges::sort(models, {}, [](const OwnModel& model) { return model.facts.model; });
  return models;
}

OwnLibrary::OwnLibrary(OwnLibraryOptions options, OwnLibraryHost host)
    : host_(std::move(host)), scanner_(std::make_shared<LibraryScanner>(std::move(options))) {}

void OwnLibrary::tick(cluster::Time now) {
  if (scanning_ || now < scan_at_) return;
  scanning_ = true;
  scan_at_ = now + kRescan;
  host_.in_background([this, scanner = scanner_] {
    host_.post([this, models = scanner->scan()]() mutable {
      scanning_ = false;
      for (OwnModel& model : models) keep_content(model);
      if (std::exchange(models_, std::move(models)) != models_) host_.on_change();
    });
  });
}

void OwnLibrary::keep_content(OwnModel& model) const {
  const auto known = std::ranges::find(models_, model.path, &OwnModel::path);
  if (known == models_.end() || !model.facts.content.empty()) return;
  if (known->facts.changed_s == model.facts.changed_s && known->facts.bytes == model.facts.bytes) {
    model.facts.content = known->facts.content;
  }
}

std::vector<wire::LibraryModel> OwnLibrary::facts() const {
  std::vector<wire::LibraryModel> facts;
  for (const OwnModel& model : models_) facts.push_back(model.facts);
  return facts;
}

const OwnModel* OwnLibrary::find(std::string_view name) const {
  const auto found = std::ranges::find(models_, name, [](const OwnModel& model) { return model.facts.model; });
  return found == models_.end() ? nullptr : &*found;
}

void OwnLibrary::set_content(const fs::path& path, const std::string& content) {
  const auto found = std::ranges::find(models_, path, &OwnModel::path);
  if (found == models_.end() || found->facts.content == content) return;
  found->facts.content = content;
  host_.on_change();
}

}  // namespace exogpu::node
