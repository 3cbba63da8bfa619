// What Gguf must refuse, and the messages.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>

#include "base/sanitizer.h"
#include "model/gguf.h"
#include "model/testing/gguf_writer.h"
#include "model/testing/temp_dir.h"

namespace exogpu::model {
namespace {

using testing::GgufWriter;
using testing::TempDir;
using namespace std::literals;

std::vector<std::byte> bytes_of(std::string_view text) { return GgufWriter::as_bytes<char>(text); }

// Expects `words` and the file's name in the message.
void expect_refused(const std::vector<std::byte>& bytes, ErrorCode code, std::string_view words) {
  auto file = Gguf::parse(bytes, "model.gguf");
  ASSERT_FALSE(file) << "accepted, but expected: " << words;
  EXPECT_EQ(file.error().code, code) << file.error().message;
  EXPECT_TRUE(file.error().message.starts_with("model.gguf: ")) << file.error().message;
  EXPECT_NE(file.error().message.find(words), std::string::npos) << file.error().message;
}

void expect_corrupt(const GgufWriter& w, std::string_view words) {
  expect_refused(w.bytes(), ErrorCode::corrupt, words);
}

GgufWriter::Tensor f32_tensor(std::string name, std::vector<uint64_t> dims, size_t bytes) {
  return {.name = std::move(name), .dims = std::move(dims), .type = 0, .data = std::vector<std::byte>(bytes)};
}

TEST(GgufReject, NamesTheKindOfAForeignFile) {
  auto refuse = [](std::string_view content, std::string_view words) {
    expect_refused(bytes_of(content), ErrorCode::unsupported, "this is not a GGUF file: "s + std::string(words));
  };
  refuse("", "it is empty");
  refuse("# Model card\nThis is text.\n", "it looks like text");
  refuse("version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "it is a Git LFS pointer");
  refuse("<!DOCTYPE html><html>", "it looks like a web page");
  refuse("{\"error\": \"not found\"}", "it looks like JSON");
  refuse("PK\x03\x04\x14\x00\x00\x00"sv, "it looks like a zip archive or a PyTorch checkpoint");
  refuse("\x80\x02}q\x00(X\x05"sv, "it looks like a PyTorch checkpoint");
  refuse("\x1f\x8b\x08\x00\x00"sv, "it looks like a gzip archive");
  refuse("tjgg\x03\x00\x00\x00"sv, "it is a GGJT file");
  refuse("\x10\x00\x00\x00\x00\x00\x00\x00{\"a\":{\"b\":\"c\"}}    "sv, "it looks like safetensors");
  refuse(std::string(4096, '\0'), "it begins with zeros");
  refuse("\x01\x02\x03\xff\xfe"sv, "its first bytes are not `GGUF`");
  refuse("GGU", "");
}

TEST(GgufReject, OtherVersionsAndByteOrders) {
  auto with_version = [](uint32_t version) { return GgufWriter(version).bytes(); };
  expect_refused(with_version(0x03000000), ErrorCode::unsupported, "is a big-endian GGUF file");
  expect_refused(with_version(0x02000000), ErrorCode::unsupported, "is a big-endian GGUF file");
  expect_refused(with_version(0), ErrorCode::unsupported, "version 0, which is no longer read");
  expect_refused(with_version(1), ErrorCode::unsupported, "version 1, which is no longer read");
  expect_refused(with_version(4), ErrorCode::unsupported, "version 4; this program reads versions 2 and 3");
}

GgufWriter whole_model() {
  GgufWriter w;
  w.meta("general.architecture", "llama").meta("llama.block_count", 2u).meta("general.quantized", true);
  w.array("tokenizer.ggml.tokens", std::vector<std::string>{"a", "bc", "def"});
  w.array("tokenizer.ggml.scores", std::vector<float>{1, 2, 3});
  w.zeros("token_embd.weight", TensorType::f16, {32, 3}).zeros("blk.0.attn_q.weight", TensorType::q8_0, {32, 4});
  return w;
}

TEST(GgufReject, EveryTruncation) {
  auto bytes = whole_model().bytes();
  ASSERT_TRUE(Gguf::parse(bytes, "model.gguf"));
  // The last tensor ends before the padding.
  size_t end = bytes.size() - (32 - 4 * 34 % 32) % 32;
  for (size_t length = 0; length < end; ++length) {
    std::vector<std::byte> cut(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(length));
    auto file = Gguf::parse(cut, "model.gguf");
    ASSERT_FALSE(file) << length;
    EXPECT_TRUE(file.error().code == ErrorCode::corrupt || length < 4) << file.error().message;
  }
}

TEST(GgufReject, TruncationOfAFileAtEverySixteenth) {
  TempDir dir;
  GgufWriter w = whole_model();
  w.zeros("output.weight", TensorType::f32, {1000, 100});
  auto bytes = w.bytes();
  for (size_t sixteenth = 0; sixteenth < 16; ++sixteenth) {
    auto length = bytes.size() * sixteenth / 16;
    ASSERT_TRUE(GgufWriter::write_file(dir / "model.gguf", std::span(bytes).first(length)));
    auto file = Gguf::open(dir / "model.gguf");
    ASSERT_FALSE(file) << sixteenth;
    EXPECT_TRUE(file.error().message.starts_with((dir / "model.gguf").string() + ": ")) << file.error().message;
    if (sixteenth > 0) {
      EXPECT_NE(file.error().message.find("the download is incomplete"), std::string::npos) << file.error().message;
    }
  }
}

TEST(GgufReject, NamesTheTensorBeyondTheEnd) {
  GgufWriter w;
  w.tensor(f32_tensor("blk.3.attn_q.weight", {32, 64}, 4096));
  expect_refused(w.bytes(), ErrorCode::corrupt,
                 "model.gguf: tensor blk.3.attn_q.weight ends 4,096 bytes past the end of the file; the download is "
                 "incomplete");
}

TEST(GgufReject, TensorsInTheWrongPlace) {
  auto at = [](uint64_t offset) {
    GgufWriter::Tensor tensor = f32_tensor("b", {8}, 32);
    tensor.offset = offset;
    return GgufWriter().tensor(f32_tensor("a", {16}, 64)).tensor(tensor);
  };
  EXPECT_TRUE(Gguf::parse(at(64).bytes(), "model.gguf"));
  expect_corrupt(at(32), "tensor a and tensor b overlap");
  expect_corrupt(at(0), "overlap");
  expect_corrupt(at(68), "tensor b begins at offset 68 of the data, which is not a multiple of 32");
  expect_corrupt(at(uint64_t{1} << 20), "past the end of the file");
  expect_corrupt(at((uint64_t{1} << 63)), "beyond any file");
  expect_corrupt(at(UINT64_MAX - 31), "beyond any file");
}

TEST(GgufReject, ImpossibleDimensions) {
  auto with_dims = [](std::vector<uint64_t> dims, TensorType type = TensorType::f32) {
    return GgufWriter().tensor({.name = "t", .dims = std::move(dims), .type = static_cast<uint32_t>(type), .data = {}});
  };
  expect_corrupt(with_dims({0}), "tensor t: dimension 0 is zero");
  expect_corrupt(with_dims({4, 0, 2}), "tensor t: dimension 1 is zero");
  expect_corrupt(with_dims({}), "tensor t has 0 dimensions");
  expect_corrupt(with_dims({1, 1, 1, 1, 1}), "tensor t has 5 dimensions");
  expect_corrupt(with_dims({UINT64_MAX}), "more elements than can be counted");
  expect_corrupt(with_dims({uint64_t{1} << 32, uint64_t{1} << 32}), "more elements than can be counted");
  expect_corrupt(with_dims({uint64_t{1} << 16, uint64_t{1} << 16, uint64_t{1} << 16, uint64_t{1} << 16}),
                 "more elements than can be counted");
  expect_corrupt(with_dims({uint64_t{1} << 61}), "more bytes than can be counted");
  expect_corrupt(with_dims({uint64_t{1} << 58}), "past the end of the file");
  expect_corrupt(with_dims({100, 32}, TensorType::q4_0),
                 "a row of 100 elements is not a whole number of Q4_0 blocks of 32");
  expect_corrupt(with_dims({128, 2}, TensorType::q4_k),
                 "a row of 128 elements is not a whole number of Q4_K blocks of 256");
}

TEST(GgufReject, UnknownTensorTypes) {
  auto of_type = [](uint32_t type) {
    return GgufWriter().tensor({.name = "t", .dims = {32}, .type = type, .data = {}}).bytes();
  };
  expect_refused(of_type(31), ErrorCode::unsupported, "tensor t is of type Q4_0_4_4, which GGUF has removed");
  expect_refused(of_type(44), ErrorCode::unsupported, "tensor t is of type 44, which this program does not know");
  expect_refused(of_type(UINT32_MAX), ErrorCode::unsupported, "which this program does not know");
}

TEST(GgufReject, BadMetadata) {
  std::vector<std::byte> eight(8);
  expect_corrupt(GgufWriter().raw_meta("k", 13, eight), "metadata k is of the unknown type 13");
  expect_corrupt(GgufWriter().array_head("k", 13, 0), "metadata k is of the unknown type 13");
  expect_refused(GgufWriter().array_head("k", GgufWriter::kArrayType, 0).bytes(), ErrorCode::unsupported,
                 "metadata k is an array of arrays");
  expect_corrupt(GgufWriter().meta("k", UINT64_MAX), "metadata k holds a number above");
  expect_corrupt(GgufWriter().array("k", std::vector<uint64_t>{1, UINT64_MAX}), "metadata k holds a number above");
  expect_corrupt(GgufWriter().raw_meta("k", 7, bytes_of("\x02")), "metadata k is neither true nor false");
  expect_corrupt(GgufWriter().meta("k", 1u).meta("k", 2u), "metadata k occurs twice");
  expect_corrupt(GgufWriter().meta("", 1u), "is empty");
  expect_corrupt(GgufWriter().meta("bad\xff"
                                   "key",
                                   1u),
                 "the metadata key \"bad\uFFFDkey\" is not valid UTF-8");
  expect_corrupt(GgufWriter().meta(std::string(70'000, 'k'), 1u), "is 70,000 bytes long");
}

TEST(GgufReject, BadTensorNames) {
  expect_corrupt(GgufWriter().zeros("t", TensorType::f32, {8}).zeros("t", TensorType::f32, {8}),
                 "tensor t occurs twice");
  expect_corrupt(GgufWriter().zeros("", TensorType::f32, {8}), "is empty");
  expect_corrupt(GgufWriter().zeros("\xc3(", TensorType::f32, {8}), "is not valid UTF-8");
}

TEST(GgufReject, BadAlignment) {
  for (uint32_t alignment : {0u, 1u, 4u, 33u, 48u, uint32_t{1} << 31}) {
    expect_corrupt(GgufWriter().meta("general.alignment", alignment), "general.alignment must be a power of two");
  }
  expect_corrupt(GgufWriter().meta("general.alignment", "32"), "general.alignment must be a power of two");
}

// Runs `body` with a limit on further memory of the process; an allocation beyond it fails the test.
void with_little_memory(const std::function<void()>& body) {
  if (kSanitized) return body();  // it needs more address space itself
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_DATA, &before), 0);
  rlimit tight{256 * MiB, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_DATA, &tight), 0);
  EXPECT_NO_THROW(body());
  ASSERT_EQ(setrlimit(RLIMIT_DATA, &before), 0);
}

TEST(GgufReject, AbsurdCountsTakeNoMemory) {
  with_little_memory([] {
    for (uint64_t count : {uint64_t{1'000'000}, uint64_t{1} << 30, uint64_t{1} << 32, uint64_t{1} << 60, UINT64_MAX}) {
      expect_corrupt(GgufWriter().claim_tensors(count), "tensors, more than fit in its");
      expect_corrupt(GgufWriter().claim_metadata(count), "metadata entries, more than fit in its");
      for (uint32_t type = 0; type <= 12; ++type) {
        if (type == GgufWriter::kArrayType) continue;
        expect_corrupt(GgufWriter().array_head("k", type, count), "inside metadata k");
      }
      std::vector<std::byte> length(8);
      std::memcpy(length.data(), &count, 8);
      expect_corrupt(GgufWriter().raw_meta("k", GgufWriter::kStringType, length), "inside metadata k");
    }
  });
}

// An array of 1 GiB in a file of 160 bytes, and a token of more bytes than an int counts.
TEST(GgufReject, AbsurdTokensTakeNoMemory) {
  const auto of_tokens = [](uint64_t first_bytes) {
    std::vector<std::byte> value(4 + 8 + 8);
    const uint32_t kind = GgufWriter::kStringType;
    const uint64_t count = 1;
    std::memcpy(value.data(), &kind, 4);
    std::memcpy(value.data() + 4, &count, 8);
    std::memcpy(value.data() + 12, &first_bytes, 8);
    return GgufWriter().raw_meta("tokenizer.ggml.tokens", GgufWriter::kArrayType, value);
  };
  with_little_memory([&] {
    for (const uint64_t bytes : {(uint64_t{1} << 31) + 1, uint64_t{1} << 32, uint64_t{1} << 63, UINT64_MAX}) {
      expect_corrupt(of_tokens(bytes), "inside metadata tokenizer.ggml.tokens");
    }
    GgufWriter small;
    small.array_head("k", 0, uint64_t{1} << 30);
    EXPECT_LE(small.bytes().size(), 160U);
    expect_corrupt(small, "inside metadata k");
  });
}

// A sparse file costs an attacker nothing: its length must not cause an allocation.
TEST(GgufReject, HugeSparseFilesTakeNoMemory) {
  TempDir dir;
  with_little_memory([&] {
    for (uint32_t type : {0u, 8u}) {
      auto bytes = GgufWriter().array_head("k", type, uint64_t{1} << 30).bytes();
      ASSERT_TRUE(GgufWriter::write_file(dir / "sparse.gguf", bytes));
      std::filesystem::resize_file(dir / "sparse.gguf", uint64_t{64} << 30);
      auto file = Gguf::open(dir / "sparse.gguf");
      ASSERT_FALSE(file);
      EXPECT_EQ(file.error().code, ErrorCode::corrupt);
      EXPECT_NE(file.error().message.find("more than any model needs"), std::string::npos) << file.error().message;
    }
  });
}

TEST(GgufReject, ThingsThatAreNoFiles) {
  TempDir dir;
  auto missing = Gguf::open(dir / "missing.gguf");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::not_found);
  EXPECT_EQ(missing.error().message, (dir / "missing.gguf").string() + ": no such file");

  auto directory = Gguf::open(dir.path());
  ASSERT_FALSE(directory);
  EXPECT_EQ(directory.error().code, ErrorCode::invalid_argument);
  EXPECT_NE(directory.error().message.find("is a folder"), std::string::npos);

  ASSERT_EQ(mkfifo((dir / "pipe").c_str(), 0600), 0);
  auto pipe = Gguf::open(dir / "pipe");
  ASSERT_FALSE(pipe);
  EXPECT_EQ(pipe.error().code, ErrorCode::invalid_argument);

  ASSERT_TRUE(GgufWriter().write(dir / "file.gguf"));
  auto inside = Gguf::open(dir / "file.gguf/model.gguf");
  ASSERT_FALSE(inside);
  EXPECT_EQ(inside.error().code, ErrorCode::not_found);
}

TEST(GgufReject, AFileWithoutReadPermission) {
  TempDir dir;
  ASSERT_TRUE(GgufWriter().write(dir / "secret.gguf"));
  ASSERT_EQ(chmod((dir / "secret.gguf").c_str(), 0), 0);
  // Permissions do not apply to root, so this reads as another user.
  bool root = geteuid() == 0;
  if (root) {
    ASSERT_EQ(chmod(dir.path().c_str(), 0755), 0);
    ASSERT_EQ(seteuid(65534), 0);
  }
  auto file = Gguf::open(dir / "secret.gguf");
  ASSERT_TRUE(!root || seteuid(0) == 0);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::permission_denied);
  EXPECT_NE(file.error().message.find("no permission to read this file"), std::string::npos);
}

}  // namespace
}  // namespace exogpu::model
