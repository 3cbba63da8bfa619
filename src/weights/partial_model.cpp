#include "weights/partial_model.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <thread>

#include "security/files.h"

namespace exogpu::weights {
namespace {

using std::filesystem::path;

constexpr auto kLockMax = std::chrono::seconds(2);  // an owner that has let go may still be closing its files

path part_path(const path& folder, size_t part, size_t parts) {
  return folder / (parts == 1 ? std::string("model.gguf") : std::format("model-{:05}-of-{:05}.gguf", part + 1, parts));
}

Result<PosixFile> lock_folder(const path& folder) {
  EXO_TRY(PosixFile lock, PosixFile::open(folder / "lock", PosixFile::Mode::read_write));
  const auto until = std::chrono::steady_clock::now() + kLockMax;
  while (true) {
    EXO_TRY(const bool locked, lock.try_lock());
    if (locked && lock.is_at_path()) break;
    if (locked) {
      return fail(ErrorCode::not_found, "{}: another process has just removed it", folder.string());
    }
    if (std::chrono::steady_clock::now() > until) {
      return fail(ErrorCode::failed_precondition,
                  "{}: another process uses this model's cache; end it, or give each node a cache folder of its own",
                  folder.string());
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  lock.touch();
  return lock;
}

Result<std::vector<PosixFile>> open_parts(const path& folder, const ModelManifest& manifest) {
  std::vector<PosixFile> parts;
  for (size_t i = 0; i < manifest.parts.size(); ++i) {
    const path file = part_path(folder, i, manifest.parts.size());
    std::error_code error;
    if (std::filesystem::file_size(file, error) != manifest.parts[i].file_bytes || error) {
      return fail(ErrorCode::corrupt, "{}: is missing or of the wrong size", file.string());
    }
    EXO_TRY(PosixFile part, PosixFile::open(file, PosixFile::Mode::read_write));
    parts.push_back(std::move(part));
  }
  return parts;
}

// All files of the folder but the lock.
Result<void> fill_folder(const path& folder, std::span<const std::byte> encoded, const ModelManifest& manifest) {
  EXO_TRY(const PosixFile file, PosixFile::open(folder / "manifest", PosixFile::Mode::read_write));
  EXO_CHECK(file.write_at(0, encoded));
  EXO_CHECK(file.sync());
  for (size_t i = 0; i < manifest.parts.size(); ++i) {
    EXO_TRY(const PosixFile part,
            PosixFile::open(part_path(folder, i, manifest.parts.size()), PosixFile::Mode::read_write));
    EXO_CHECK(part.resize(manifest.parts[i].file_bytes));
    EXO_CHECK(part.sync());
  }
  EXO_TRY(const PosixFile journal, PosixFile::open(folder / "journal", PosixFile::Mode::append));
  return journal.sync();
}

}  // namespace

PartialModel::PartialModel(path folder, ContentId content, ModelManifest manifest, wire::ByteVector encoded,
                           PosixFile lock, Journal journal, std::vector<PosixFile> parts)
    : folder_(std::move(folder)),
      content_(content),
      manifest_(std::move(manifest)),
      encoded_(std::move(encoded)),
      lock_(std::move(lock)),
      parts_(std::move(parts)),
      journal_(std::move(journal)) {}

PartialModel::~PartialModel() { lock_.touch(); }

Result<std::shared_ptr<PartialModel>> PartialModel::create(const path& folder,
                                                           std::span<const std::byte> encoded_manifest) {
  EXO_TRY(ModelManifest manifest, decode_manifest(encoded_manifest));
  const ContentId content = content_id(encoded_manifest);
  std::array<std::byte, 8> random;
  EXO_CHECK(security::random_bytes(random));
  const path temporary = folder.parent_path() / (".new-" + security::to_hex(random));
  std::error_code error;
  std::filesystem::create_directories(temporary, error);
  if (error) return file_error(temporary, "create this folder", error.value());
  EXO_TRY(PosixFile lock, lock_folder(temporary));
  auto filled = fill_folder(temporary, encoded_manifest, manifest);
  if (filled) filled = security::publish_directory(temporary, folder);
  if (!filled) {
    std::filesystem::remove_all(temporary, error);
    return std::unexpected(filled.error());
  }
  EXO_TRY(auto parts, open_parts(folder, manifest));
  EXO_TRY(Journal journal, Journal::open(folder / "journal", content, manifest.object_count()));
  return std::shared_ptr<PartialModel>(new PartialModel(folder, content, std::move(manifest),
                                                        {encoded_manifest.begin(), encoded_manifest.end()},
                                                        std::move(lock), std::move(journal), std::move(parts)));
}

Result<std::shared_ptr<PartialModel>> PartialModel::open(const path& folder, const ContentId& content) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return fail(ErrorCode::not_found, "{}: no object of model {} is cached", folder.string(), content.short_text());
  }
  EXO_TRY(PosixFile lock, lock_folder(folder));
  auto text = security::read_file(folder / "manifest", wire::kManifestBytesMax);
  if (!text && text.error().code != ErrorCode::not_found) return std::unexpected(text.error());
  const auto encoded = text ? std::as_bytes(std::span(*text)) : std::span<const std::byte>();
  if (content_id(encoded) != content) {
    return fail(ErrorCode::corrupt, "{}: its manifest is not that of model {}", folder.string(), content.short_text());
  }
  EXO_TRY(ModelManifest manifest, decode_manifest(encoded));
  EXO_TRY(auto parts, open_parts(folder, manifest));
  EXO_TRY(Journal journal, Journal::open(folder / "journal", content, manifest.object_count()));
  std::shared_ptr<PartialModel> model(new PartialModel(folder, content, std::move(manifest),
                                                       {encoded.begin(), encoded.end()}, std::move(lock),
                                                       std::move(journal), std::move(parts)));
  // After a restart of the machine it may have fewer objects than before.
  if (!model->complete()) model->forget_name();
  return model;
}

bool PartialModel::complete() const { return !std::ranges::contains(present(), false); }

void PartialModel::forget_name() const {
  std::error_code error;
  std::filesystem::remove(folder_ / "name", error);
}

Result<void> PartialModel::set_complete(std::string_view name) {
  if (!complete()) return fail(ErrorCode::failed_precondition, "{}: not all of the model is here", folder_.string());
  return security::write_secret(folder_ / "name", name);
}

bool PartialModel::has(ObjectIndex object) const {
  const MutexLock lock(mutex_);
  return journal_.present()[object];
}

std::vector<bool> PartialModel::present() const {
  const MutexLock lock(mutex_);
  return journal_.present();
}

std::vector<ObjectIndex> PartialModel::missing(std::span<const ObjectIndex> objects) const {
  const auto present = this->present();
  std::vector<ObjectIndex> missing;
  for (const ObjectIndex object : objects) {
    if (!present[object]) missing.push_back(object);
  }
  return missing;
}

Result<void> PartialModel::check_present(const Scope& scope) const {
  EXO_TRY(const auto needed, objects_of(manifest_, scope));
  const auto absent = missing(needed);
  if (absent.empty()) return {};
  return fail(ErrorCode::failed_precondition, "{}: {} objects of layers {} to {} are not here, {} among them",
              folder_.string(), absent.size(), scope.layers.begin, scope.layers.end,
              manifest_.object_name(absent.front()));
}

Bytes PartialModel::present_bytes() const {
  const auto present = this->present();
  Bytes sum = 0;
  for (ObjectIndex i = 0; i < present.size(); ++i) sum += present[i] ? manifest_.object(i).bytes : 0;
  return sum;
}

Result<void> PartialModel::write(ObjectIndex object, uint64_t from, std::span<const std::byte> bytes) {
  const Object location = manifest_.object(object);
  if (from > location.bytes || bytes.size() > location.bytes - from) {
    return fail(ErrorCode::invalid_argument, "{}: bytes past the end of {}", folder_.string(),
                manifest_.object_name(object));
  }
  if (has(object)) {
    return fail(ErrorCode::failed_precondition, "{}: {} is here already", folder_.string(),
                manifest_.object_name(object));
  }
  return parts_[location.part].write_at(location.offset + from, bytes);
}

Result<void> PartialModel::commit(ObjectIndex object) {
  const MutexLock lock(mutex_);
  return journal_.written(object);
}

Result<void> PartialModel::sync() {
  const MutexLock one_at_a_time(sync_mutex_);
  std::vector<ObjectIndex> objects;
  {
    const MutexLock lock(mutex_);
    objects = journal_.not_durable();
  }
  if (objects.empty()) return {};
  // First the data, then the record that it is durable.
  for (const PosixFile& part : parts_) EXO_CHECK(part.sync());
  const MutexLock lock(mutex_);
  const std::vector<bool>& present = journal_.present();
  std::erase_if(objects, [&](ObjectIndex object) { return !present[object]; });
  return journal_.durable(objects);
}

Result<std::vector<ObjectIndex>> PartialModel::verify(const Progress& progress, const std::stop_token& stop) {
  constexpr Bytes kReadStep = 4 * MiB;
  const auto present = this->present();
  const Bytes total = present_bytes();
  Bytes done = 0;
  std::vector<ObjectIndex> damaged;
  std::vector<std::byte> buffer(kReadStep);
  for (ObjectIndex i = 0; i < present.size(); ++i) {
    if (!present[i]) continue;
    const Object object = manifest_.object(i);
    security::Sha256Stream stream;
    for (Bytes at = 0; at < object.bytes; at += kReadStep) {
      if (stop.stop_requested()) return fail(ErrorCode::cancelled, "{}: verifying was cancelled", folder_.string());
      const auto run = std::span(buffer).first(std::min(kReadStep, object.bytes - at));
      EXO_CHECK(parts_[object.part].read_at(object.offset + at, run));
      stream.update(run);
      done += run.size();
      if (progress) progress(done, total);
    }
    if (stream.finish() == object.sha256) continue;
    const MutexLock lock(mutex_);
    EXO_CHECK(journal_.gone(i));
    damaged.push_back(i);
  }
  if (!damaged.empty()) forget_name();
  return damaged;
}

Result<std::shared_ptr<const model::Gguf>> PartialModel::gguf() const {
  for (ObjectIndex i = 0; i < manifest_.parts.size(); ++i) {
    if (has(i)) continue;
    return fail(ErrorCode::failed_precondition, "{}: {} is not here yet", folder_.string(), manifest_.object_name(i));
  }
  EXO_TRY(model::Gguf file,
          model::Gguf::open(part_path(folder_, 0, manifest_.parts.size()), model::FileWrites::expected));
  EXO_CHECK(check_headers(manifest_, file));
  return std::make_shared<const model::Gguf>(std::move(file));
}

}  // namespace exogpu::weights
