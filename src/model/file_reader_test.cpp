#include "model/file_reader.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <format>
#include <fstream>

#include "base/testing/expect.h"
#include "tiny_model/tiny_model.h"

namespace exogpu::model {
namespace {

using exogpu::testing::expect_error;

class FileReading : public ::testing::TestWithParam<ReadWay> {
 protected:
  void SetUp() override {
    path = std::filesystem::temp_directory_path() / std::format("exogpu-reader-{}.gguf", getpid());
    ASSERT_TRUE(tiny::write_tiny_model(path, "llama"));
    auto opened = Gguf::open(path);
    ASSERT_TRUE(opened) << opened.error().message;
    file = std::make_unique<Gguf>(*std::move(opened));
  }
  void TearDown() override { std::filesystem::remove(path); }

  std::filesystem::path path;
  std::unique_ptr<Gguf> file;
};
INSTANTIATE_TEST_SUITE_P(Ways, FileReading, ::testing::Values(ReadWay::cached, ReadWay::direct),
                         [](const auto& way) { return way.param == ReadWay::direct ? "direct" : "cached"; });

TEST_P(FileReading, GivesTheBytesOfEveryTensorInAnyOrder) {
  FileReader reader(*file, GetParam());
  std::vector<const TensorInfo*> tensors;
  for (const TensorInfo& tensor : file->tensors()) tensors.push_back(&tensor);
  for (int order = 0; order < 2; ++order) {
    for (const TensorInfo* tensor : tensors) {
      std::vector<std::byte> bytes(tensor->bytes);
      const auto read = reader.read(tensor->part, tensor->offset, bytes);
      ASSERT_TRUE(read) << read.error().message;
      EXPECT_TRUE(std::ranges::equal(bytes, file->data(*tensor))) << tensor->name;
    }
    std::ranges::reverse(tensors);
  }
}

TEST_P(FileReading, ReadsAFileThatHasLostItsName) {
  std::filesystem::remove(path);
  FileReader reader(*file, GetParam());
  const TensorInfo& last = file->tensors().back();
  std::vector<std::byte> bytes(last.bytes);
  ASSERT_TRUE(reader.read(last.part, last.offset, bytes));
  EXPECT_TRUE(std::ranges::equal(bytes, file->data(last)));
}

TEST_P(FileReading, NamesAFileThatWasCutShort) {
  FileReader reader(*file, GetParam());
  std::filesystem::resize_file(path, 100);
  const TensorInfo& last = file->tensors().back();
  std::vector<std::byte> bytes(last.bytes);
  expect_error(reader.read(last.part, last.offset, bytes), ErrorCode::unavailable,
               path.string() + ": ends before its byte ");
}

TEST_P(FileReading, MeasuresARate) {
  EXPECT_GT(measure_read_rate(*file), 0);
  std::filesystem::resize_file(path, 100);
  EXPECT_EQ(measure_read_rate(*file), 0);
}

TEST(FileReader, CopiesFromBytesThatBelongToTheCaller) {
  const auto bytes = tiny::tiny_model("llama");
  ASSERT_TRUE(bytes);
  const auto file = Gguf::parse(*bytes, "in memory");
  ASSERT_TRUE(file);
  FileReader reader(*file, ReadWay::direct);
  const TensorInfo& last = file->tensors().back();
  std::vector<std::byte> read(last.bytes);
  ASSERT_TRUE(reader.read(last.part, last.offset, read));
  EXPECT_TRUE(std::ranges::equal(read, file->data(last)));
}

}  // namespace
}  // namespace exogpu::model
