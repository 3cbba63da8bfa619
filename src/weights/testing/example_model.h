// Model files and folders for the tests of weights.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <format>
#include <fstream>
#include <memory>
#include <string>

#include "tiny_model/tiny_model.h"
#include "weights/content.h"
#include "weights/measure_model.h"

namespace exogpu::weights::testing {

// Goes away with everything in it.
class Folder {
 public:
  Folder() {
    static std::atomic<int> count = 0;
    path_ = std::filesystem::temp_directory_path() / std::format("exogpu-weights-{}-{}", getpid(), count++);
    std::filesystem::create_directories(path_);
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

inline std::shared_ptr<const model::Gguf> open_model(const std::filesystem::path& path) {
  auto opened = model::Gguf::open(path);
  EXPECT_TRUE(opened) << opened.error().message;
  return std::make_shared<const model::Gguf>(*std::move(opened));
}

inline std::shared_ptr<const Content> content_of(const std::filesystem::path& path) {
  auto file = open_model(path);
  auto manifest = manifest_of(*file);
  EXPECT_TRUE(manifest) << manifest.error().message;
  auto content = Content::of_file(file, *std::move(manifest));
  EXPECT_TRUE(content) << content.error().message;
  return *std::move(content);
}

// A model of six layers and about 13 MB, offered as it is.
struct ExampleModel {
  explicit ExampleModel(const Folder& folder, const std::string& name = "made.gguf", uint64_t seed = 1,
                        std::string_view family = "llama", uint32_t layers = 6)
      : path(folder / name) {
    auto written = tiny::write_tiny_model(path, family, seed, {.layers = layers});
    EXPECT_TRUE(written) << written.error().message;
    content = content_of(path);
  }
  std::filesystem::path path;
  std::shared_ptr<const Content> content;
};

inline void flip_byte(const std::filesystem::path& path, uint64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  const auto byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
  ASSERT_TRUE(file.good());
}

// The content of a peer whose disk returns other bytes than the manifest states: a copy of `model`, changed at
// `offsets`.
inline std::shared_ptr<const Content> damaged_copy(const ExampleModel& model, const std::filesystem::path& path,
                                                   const std::vector<uint64_t>& offsets) {
  std::filesystem::copy_file(model.path, path);
  for (const uint64_t offset : offsets) flip_byte(path, offset);
  auto content = Content::of_file(open_model(path), model.content->manifest());
  EXPECT_TRUE(content) << content.error().message;
  return *std::move(content);
}

// Puts objects of `content` into `model`, as a fetch does.
inline void fill(PartialModel& model, const Content& content, std::span<const ObjectIndex> objects) {
  for (const ObjectIndex object : objects) {
    ASSERT_TRUE(model.write(object, 0, content.bytes(object)));
    ASSERT_TRUE(model.commit(object));
  }
}

inline std::vector<ObjectIndex> all_objects(const ModelManifest& manifest) {
  std::vector<ObjectIndex> objects(manifest.object_count());
  for (ObjectIndex i = 0; i < objects.size(); ++i) objects[i] = i;
  return objects;
}

}  // namespace exogpu::weights::testing
