#include "weights/catalogue.h"

#include <sys/stat.h>

#include <algorithm>

#include "security/files.h"

namespace exogpu::weights {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".manifest";
constexpr Bytes kEntryBytesMax = wire::kManifestBytesMax + 64 * KiB;
constexpr auto kProgressStep = 64 * MiB;

// Empty when a part is no longer there.
std::optional<std::string> key_of(std::span<const fs::path> parts) {
  std::string text;
  for (const fs::path& part : parts) {
    std::error_code error;
    const fs::path canonical = fs::canonical(part, error);
    struct stat status{};
    if (error || ::stat(canonical.c_str(), &status) != 0) return std::nullopt;
    text += std::format("{}\n{} {}.{:09} {} {}\n", canonical.string(), status.st_size, status.st_mtim.tv_sec,
                        status.st_mtim.tv_nsec, status.st_ino, status.st_dev);
  }
  return security::to_hex(security::sha256(std::as_bytes(std::span(text))));
}

struct CachedManifest {
  ContentId content;
  fs::path path;
  ModelManifest manifest;
};

std::optional<CachedManifest> read_kept(const fs::path& file) {
  const auto text = security::read_file(file, kEntryBytesMax);
  if (!text) return std::nullopt;
  const size_t id_end = text->find('\n');
  const size_t path_end = id_end == std::string::npos ? id_end : text->find('\n', id_end + 1);
  if (path_end == std::string::npos) return std::nullopt;
  const auto content = ContentId::parse(std::string_view(*text).substr(0, id_end));
  const auto encoded = std::as_bytes(std::span(*text)).subspan(path_end + 1);
  if (!content || content_id(encoded) != *content) return std::nullopt;
  auto manifest = decode_manifest(encoded);
  if (!manifest) return std::nullopt;
  return CachedManifest{
      .content = *content, .path = text->substr(id_end + 1, path_end - id_end - 1), .manifest = *std::move(manifest)};
}

void keep(const fs::path& file, const fs::path& model, const ModelManifest& manifest) {
  std::error_code error;
  const std::string path = fs::canonical(model, error).string();
  if (error || path.contains('\n')) return;
  const auto encoded = encode(manifest);
  std::string text = content_id(encoded).text() + "\n" + path + "\n";
  text.append(reinterpret_cast<const char*>(encoded.data()), encoded.size());
  fs::create_directories(file.parent_path(), error);
  (void)security::write_secret(file, text);  // whole or not at all
}

// Whether this may be the model, by what is quick to see.
bool looks_alike(const model::Gguf& file, const ModelManifest& wanted) {
  if (!check_headers(wanted, file)) return false;
  for (uint32_t i = 0; i < wanted.parts.size(); ++i) {
    const auto header = file.part_bytes(i).first(wanted.parts[i].header_bytes);
    if (security::sha256(header) != wanted.parts[i].header_sha256) return false;
  }
  return true;
}

}  // namespace

Result<ModelManifest> Catalogue::manifest_of(const model::Gguf& file, const Progress& progress,
                                             const std::stop_token& stop) const {
  const auto key = key_of(file.parts());
  const fs::path entry = folder_ / (key.value_or("") + std::string(kEnding));
  if (key) {
    if (auto kept = read_kept(entry); kept && check_headers(kept->manifest, file)) return std::move(kept->manifest);
  }
  EXO_TRY(ModelManifest manifest, weights::manifest_of(file, 1, progress, stop));
  // One that changed while it was read is not what was read.
  if (key && key_of(file.parts()) == key) keep(entry, file.parts().front(), manifest);
  return manifest;
}

std::optional<fs::path> Catalogue::known(const ContentId& content) const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() != kEnding) continue;
    const auto kept = read_kept(entry.path());
    if (!kept || kept->content != content) continue;
    const auto file = model::Gguf::open(kept->path);
    if (file && key_of(file->parts()) == entry.path().stem().string()) return kept->path;
  }
  return std::nullopt;
}

Result<std::optional<fs::path>> Catalogue::find(const ModelManifest& wanted, std::span<const fs::path> folders,
                                                const std::stop_token& stop) const {
  for (const fs::path& folder : folders) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().extension() != ".gguf") continue;
      if (entry.file_size(error) != wanted.parts.front().file_bytes || error) continue;
      const auto file = model::Gguf::open(entry.path());
      if (!file || !looks_alike(*file, wanted)) continue;
      const auto manifest = manifest_of(*file, {}, stop);
      if (stop.stop_requested()) return fail(ErrorCode::cancelled, "looking for a model was cancelled");
      if (manifest && *manifest == wanted) return entry.path();
    }
  }
  return std::nullopt;
}

Measuring::Measuring(Catalogue catalogue, std::shared_ptr<const model::Gguf> file,
                     std::function<void(std::move_only_function<void()>)> post, Calls calls)
    : calls_(std::make_shared<Calls>(std::move(calls))),
      thread_([catalogue = std::move(catalogue), file = std::move(file), post = std::move(post),
               weak = std::weak_ptr(calls_)](const std::stop_token& stop) {
        Bytes told = 0;
        auto progress = [&](Bytes done, Bytes total) {
          if (done - told < kProgressStep && done < total) return;
          told = done;
          post([weak, done, total] {
            if (const auto alive = weak.lock(); alive && alive->on_progress) alive->on_progress(done, total);
          });
        };
        auto content = [&]() -> Result<std::shared_ptr<const Content>> {
          EXO_TRY(ModelManifest manifest, catalogue.manifest_of(*file, progress, stop));
          return Content::of_file(file, std::move(manifest));
        }();
        post([weak, content = std::move(content)]() mutable {
          if (const auto alive = weak.lock(); alive && alive->on_done) alive->on_done(std::move(content));
        });
      }) {}

}  // namespace exogpu::weights
