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

std::optional<CachedManifest> read_cached(const fs::path& file) {
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

void store(const fs::path& file, const fs::path& model, const ModelManifest& manifest) {
  std::error_code error;
  const std::string path = fs::canonical(model, error).string();
  if (error || path.contains('\n')) return;
  const auto encoded = encode(manifest);
  std::string text = content_id(encoded).text() + "\n" + path + "\n";
  text.append(reinterpret_cast<const char*>(encoded.data()), encoded.size());
  fs::create_directories(file.parent_path(), error);
  (void)security::write_secret(file, text);  // whole or not at all
}

// Whether this may be the model, by what is quick to check.
bool looks_alike(const model::Gguf& file, const ModelManifest& expected) {
  if (!check_headers(expected, file)) return false;
  for (uint32_t i = 0; i < expected.parts.size(); ++i) {
    const auto header = file.part_bytes(i).first(expected.parts[i].header_bytes);
    if (security::sha256(header) != expected.parts[i].header_sha256) return false;
  }
  return true;
}

}  // namespace

Result<ModelManifest> Catalogue::manifest_of(const model::Gguf& file, const Progress& progress,
                                             const std::stop_token& stop) const {
  const auto key = key_of(file.parts());
  const fs::path entry = folder_ / (key.value_or("") + std::string(kEnding));
  if (key) {
    if (auto cached = read_cached(entry); cached && check_headers(cached->manifest, file))
      return std::move(cached->manifest);
  }
  EXO_TRY(ModelManifest manifest, weights::manifest_of(file, 1, progress, stop));
  // A file that changed while it was read does not have this manifest.
  if (key && key_of(file.parts()) == key) store(entry, file.parts().front(), manifest);
  return manifest;
}

std::optional<ContentId> Catalogue::content_of(const model::Gguf& file) const {
  const auto key = key_of(file.parts());
  if (!key) return std::nullopt;
  const auto cached = read_cached(folder_ / (*key + std::string(kEnding)));
  if (!cached || !check_headers(cached->manifest, file)) return std::nullopt;
  return cached->content;
}

std::optional<fs::path> Catalogue::known(const ContentId& content) const {
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(folder_, error)) {
    if (entry.path().extension() != kEnding) continue;
    const auto cached = read_cached(entry.path());
    if (!cached || cached->content != content) continue;
    const auto file = model::Gguf::open(cached->path);
    if (file && key_of(file->parts()) == entry.path().stem().string()) return cached->path;
  }
  return std::nullopt;
}

Result<std::optional<fs::path>> Catalogue::find(const ModelManifest& expected, std::span<const fs::path> folders,
                                                const std::stop_token& stop) const {
  for (const fs::path& folder : folders) {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
      if (entry.path().extension() != ".gguf") continue;
      if (entry.file_size(error) != expected.parts.front().file_bytes || error) continue;
      const auto file = model::Gguf::open(entry.path());
      if (!file || !looks_alike(*file, expected)) continue;
      const auto manifest = manifest_of(*file, {}, stop);
      if (stop.stop_requested()) return fail(ErrorCode::cancelled, "looking for a model was cancelled");
      if (manifest && *manifest == expected) return entry.path();
    }
  }
  return std::nullopt;
}

Measuring::Measuring(Catalogue catalogue, std::shared_ptr<const model::Gguf> file,
                     std::function<void(std::move_only_function<void()>)> post, Calls calls)
    : calls_(std::make_shared<Calls>(std::move(calls))),
      thread_([catalogue = std::move(catalogue), file = std::move(file), post = std::move(post),
               weak = std::weak_ptr(calls_)](const std::stop_token& stop) {
        Bytes reported = 0;
        auto progress = [&](Bytes done, Bytes total) {
          if (done - reported < kProgressStep && done < total) return;
          reported = done;
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
