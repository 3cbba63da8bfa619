// Manifests: of files, as bytes, and stored.
#include "weights/manifest.h"

#include <gtest/gtest.h>

#include "base/testing/expect.h"
#include "weights/catalogue.h"
#include "weights/testing/mem_cluster.h"

namespace exogpu::weights {
namespace {

using namespace testing;
namespace fs = std::filesystem;

TEST(Manifest, ListsTheObjectsOfTheFile) {
  Folder folder;
  ExampleModel made(folder);
  const ModelManifest& manifest = made.content->manifest();
  const auto file = open_model(made.path);
  ASSERT_EQ(manifest.parts.size(), 1u);
  EXPECT_EQ(manifest.parts[0].file_bytes, fs::file_size(made.path));
  ASSERT_EQ(manifest.tensors.size(), file->tensors().size());
  for (const TensorEntry& tensor : manifest.tensors) {
    EXPECT_EQ(tensor.object.sha256, security::sha256(file->data(*file->find_tensor(tensor.name)))) << tensor.name;
  }
  EXPECT_EQ(manifest.parts[0].header_sha256,
            security::sha256(file->part_bytes(0).first(manifest.tensors.front().object.offset)));
  EXPECT_EQ(manifest_of(*file, 3).value(), manifest);
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(manifest_of(*file, 1, {}, stop.get_token()).error().code, ErrorCode::cancelled);
}

TEST(Manifest, ComesBackFromItsBytes) {
  Folder folder;
  ExampleModel made(folder);
  const auto bytes = encode(made.content->manifest());
  const auto again = decode_manifest(bytes);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, made.content->manifest());
  EXPECT_EQ(content_id(bytes), made.content->id());
  EXPECT_EQ(ContentId::parse(made.content->id().text()), made.content->id());
  for (size_t size = 0; size < bytes.size(); size += size < 300 ? 1 : 97) {
    EXPECT_FALSE(decode_manifest(std::span(bytes).first(size))) << size;
  }
}

TEST(Manifest, WhatContradictsItselfIsRefused) {
  const PartEntry part{.file_bytes = 1000, .header_bytes = 100};
  auto tensor = [](std::string name, uint32_t in, uint64_t offset, Bytes bytes) {
    return TensorEntry{.name = std::move(name), .object = {.part = in, .offset = offset, .bytes = bytes}};
  };
  auto check = [](const ModelManifest& manifest) { return decode_manifest(encode(manifest)).has_value(); };
  EXPECT_TRUE(check({{part}, {}}));
  EXPECT_TRUE(check({{part}, {tensor("a", 0, 100, 900)}}));
  EXPECT_TRUE(check({{part, part}, {tensor("a", 1, 100, 900)}}));
  EXPECT_FALSE(check({{}, {}}));
  EXPECT_FALSE(check({{{.file_bytes = 10, .header_bytes = 11}}, {}}));
  EXPECT_FALSE(check({{{.file_bytes = 10, .header_bytes = 0}}, {}}));
  EXPECT_FALSE(check({{{.file_bytes = UINT64_MAX, .header_bytes = 1}}, {}}));
  EXPECT_FALSE(check({{part}, {tensor("", 0, 100, 900)}}));
  EXPECT_FALSE(check({{part}, {tensor(std::string(5000, 'x'), 0, 100, 900)}}));
  EXPECT_FALSE(check({{part}, {tensor("a", 0, 99, 900)}})) << "in the header";
  EXPECT_FALSE(check({{part}, {tensor("a", 0, 100, 901)}})) << "past the end";
  EXPECT_FALSE(check({{part}, {tensor("a", 0, UINT64_MAX, 2)}}));
  EXPECT_FALSE(check({{part}, {tensor("a", 0, 200, UINT64_MAX - 100)}}));
  EXPECT_FALSE(check({{part}, {tensor("a", 0, 100, 0)}}));
  EXPECT_FALSE(check({{part}, {tensor("a", 1, 100, 1)}})) << "there is no such part";
  EXPECT_FALSE(check({{part}, {tensor("a", 0, 100, 10), tensor("a", 0, 200, 10)}})) << "a name twice";
  EXPECT_FALSE(check({{part}, {tensor("a", 0, 100, 10), tensor("b", 0, 109, 10)}})) << "a byte shared";
  EXPECT_FALSE(check({{part}, {tensor("a", 0, 200, 10), tensor("b", 0, 100, 10)}})) << "not in order";
}

TEST(Manifest, TheIdIsOfTheContentAlone) {
  Folder folder;
  ExampleModel made(folder), other(folder, "other.gguf", 2);
  const auto renamed = folder / "another name.gguf";
  fs::copy_file(made.path, renamed);
  EXPECT_EQ(content_of(renamed)->id(), made.content->id());
  EXPECT_NE(other.content->id(), made.content->id());
  flip_byte(renamed, made.content->manifest().tensors.back().object.offset);
  EXPECT_NE(content_of(renamed)->id(), made.content->id());
}

TEST(Manifest, AFileThatChangesWhileItIsReadHasNone) {
  Folder folder;
  ExampleModel made(folder);
  const auto file = open_model(made.path);
  bool cut = false;
  const auto manifest = manifest_of(*file, 1, [&](Bytes, Bytes) {
    if (!std::exchange(cut, true)) fs::resize_file(made.path, 4096);
  });
  exogpu::testing::expect_error(manifest, ErrorCode::unavailable, "made.gguf: had ");
}

TEST(Catalogue, ReadsAFileOnce) {
  Folder folder;
  ExampleModel made(folder);
  const Catalogue catalogue(folder / "manifests");
  int reports = 0;
  const Progress count = [&](Bytes, Bytes) { ++reports; };
  EXPECT_FALSE(catalogue.known(made.content->id()));
  EXPECT_FALSE(catalogue.content_of(*open_model(made.path)));
  EXPECT_EQ(catalogue.manifest_of(*open_model(made.path), count).value(), made.content->manifest());
  EXPECT_GT(reports, 0);
  reports = 0;
  EXPECT_EQ(catalogue.manifest_of(*open_model(made.path), count).value(), made.content->manifest());
  EXPECT_EQ(reports, 0);
  EXPECT_EQ(catalogue.known(made.content->id()), fs::canonical(made.path));
  EXPECT_EQ(catalogue.content_of(*open_model(made.path)), made.content->id());

  // Another content in the same file.
  flip_byte(made.path, made.content->manifest().tensors.back().object.offset);
  EXPECT_FALSE(catalogue.known(made.content->id()));
  EXPECT_FALSE(catalogue.content_of(*open_model(made.path)));
  EXPECT_NE(catalogue.manifest_of(*open_model(made.path), count).value(), made.content->manifest());
  EXPECT_GT(reports, 0);
}

TEST(Catalogue, DamagedEntriesAreMadeAnew) {
  Folder folder;
  ExampleModel made(folder);
  const Catalogue catalogue(folder / "manifests");
  ASSERT_TRUE(catalogue.manifest_of(*open_model(made.path)));
  const auto entry = fs::directory_iterator(folder / "manifests")->path();
  for (const uint64_t at : {3U, 70U, 300U}) {
    flip_byte(entry, at);
    EXPECT_EQ(catalogue.manifest_of(*open_model(made.path)).value(), made.content->manifest()) << at;
  }
  fs::resize_file(entry, 20);
  EXPECT_FALSE(catalogue.known(made.content->id()));
  EXPECT_EQ(catalogue.manifest_of(*open_model(made.path)).value(), made.content->manifest());
}

TEST(Catalogue, FindsAModelUnderAnyName) {
  Folder folder;
  ExampleModel made(folder), other(folder, "other.gguf", 2);
  const Catalogue catalogue(folder / "manifests");
  const std::vector<fs::path> none = {folder / "nowhere"}, folders = {folder / "nowhere", folder / "models"};
  fs::create_directories(folder / "models");
  fs::copy_file(other.path, folder / "models/made.gguf");  // of the same name and size
  EXPECT_EQ(catalogue.find(made.content->manifest(), none).value(), std::nullopt);
  EXPECT_EQ(catalogue.find(made.content->manifest(), folders).value(), std::nullopt);
  fs::copy_file(made.path, folder / "models/strange.gguf");
  EXPECT_EQ(catalogue.find(made.content->manifest(), folders).value(), folder / "models/strange.gguf");
}

TEST(Measuring, OffersWhatItHasRead) {
  Folder folder;
  ExampleModel made(folder);
  PostBox box;
  std::optional<Result<std::shared_ptr<const Content>>> result;
  Measuring measuring(Catalogue(folder / "manifests"), open_model(made.path), box.post(1),
                      {.on_progress = {}, .on_done = [&](auto content) { result = std::move(content); }});
  while (!result) box.run_all(1s);
  ASSERT_TRUE(*result) << result->error().message;
  EXPECT_EQ((**result)->id(), made.content->id());
  {
    Measuring given_up(Catalogue(folder / "manifests"), open_model(made.path), box.post(1),
                       {.on_progress = {}, .on_done = [&](auto) { FAIL(); }});
  }
  box.run_all(0ms);
}

}  // namespace
}  // namespace exogpu::weights
