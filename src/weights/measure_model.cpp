#include "weights/measure_model.h"

#include <algorithm>
#include <atomic>
#include <thread>

#include "base/mutex.h"
#include "base/utf8.h"

namespace exogpu::weights {
namespace {

constexpr Bytes kStep = 8 * MiB;  // between looks at `stop`

// The parts and tensors of the file, without their hashes.
Result<ModelManifest> outline(const model::Gguf& file) {
  ModelManifest manifest;
  for (uint32_t i = 0; i < file.parts().size(); ++i) {
    const Bytes size = file.part_bytes(i).size();
    manifest.parts.push_back({.file_bytes = size, .header_bytes = size});
  }
  for (const model::TensorInfo& tensor : file.tensors()) {
    if (tensor.bytes == 0) {
      return fail(ErrorCode::unsupported, "{}: tensor {} is empty", file.path().string(), printable(tensor.name));
    }
    manifest.tensors.push_back(
        {.name = tensor.name, .object = {.part = tensor.part, .offset = tensor.offset, .bytes = tensor.bytes}});
    Bytes& header = manifest.parts[tensor.part].header_bytes;
    header = std::min(header, tensor.offset);
  }
  std::ranges::sort(manifest.tensors, {},
                    [](const TensorEntry& t) { return std::pair(t.object.part, t.object.offset); });
  if (auto good = decode_manifest(encode(manifest)); !good) {
    return fail(ErrorCode::unsupported, "{}: {}", file.path().string(), good.error().message);
  }
  return manifest;
}

}  // namespace

Result<ModelManifest> manifest_of(const model::Gguf& file, uint32_t threads, const Progress& progress,
                                  const std::stop_token& stop) {
  EXO_TRY(ModelManifest manifest, outline(file));
  const Bytes total = manifest.bytes();
  std::atomic<uint32_t> next = 0;
  Mutex reporting;  // of done and progress
  Bytes done = 0;
  auto hash_objects = [&] {
    security::Sha256Stream stream;
    for (uint32_t i = next++; i < manifest.object_count(); i = next++) {
      const Object object = manifest.object(i);
      const auto bytes = file.part_bytes(object.part).subspan(object.offset, object.bytes);
      for (Bytes at = 0; at < object.bytes; at += kStep) {
        if (stop.stop_requested()) return;
        const Bytes step = std::min(kStep, object.bytes - at);
        stream.update(bytes.subspan(at, step));
        const MutexLock lock(reporting);
        done += step;
        if (progress) progress(done, total);
      }
      const bool header = i < manifest.parts.size();
      (header ? manifest.parts[i].header_sha256 : manifest.tensors[i - manifest.parts.size()].object.sha256) =
          stream.finish();
    }
  };
  {
    std::vector<std::jthread> helpers;
    for (uint32_t i = 0; i < threads; ++i) helpers.emplace_back(hash_objects);
    hash_objects();
  }
  if (stop.stop_requested()) return fail(ErrorCode::cancelled, "{}: reading it was cancelled", file.path().string());
  EXO_CHECK(file.check());
  return manifest;
}

Result<void> check_headers(const ModelManifest& manifest, const model::Gguf& file) {
  auto wrong = [&](std::string_view what) {
    return fail(ErrorCode::corrupt,
                "{}: its header and its manifest disagree about {}; the model it came from is "
                "damaged",
                file.path().string(), what);
  };
  if (file.parts().size() != manifest.parts.size()) return wrong("the number of parts");
  for (uint32_t i = 0; i < manifest.parts.size(); ++i) {
    if (file.part_bytes(i).size() != manifest.parts[i].file_bytes) return wrong("the size of a part");
  }
  if (file.tensors().size() != manifest.tensors.size()) return wrong("the number of tensors");
  for (const TensorEntry& tensor : manifest.tensors) {
    const model::TensorInfo* info = file.find_tensor(tensor.name);
    if (!info || info->part != tensor.object.part || info->offset != tensor.object.offset ||
        info->bytes != tensor.object.bytes) {
      return wrong("tensor " + printable(tensor.name));
    }
  }
  return {};
}

}  // namespace exogpu::weights
