// Any written file is read back equal; any damaged file is refused or safe to read.
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "model/gguf.h"
#include "model/testing/gguf_writer.h"

namespace exogpu::model {
namespace {

using testing::GgufWriter;

struct Expected {
  std::string key;
  MetaValue value;
};

// Adds an entry of a random type and returns the value that the reader must return.
Expected add_random_entry(GgufWriter& w, std::string key) {
  auto number = [&]<typename T>(T value) -> MetaValue {
    w.meta(key, value);
    if constexpr (std::is_floating_point_v<T>)
      return static_cast<double>(value);
    else
      return static_cast<int64_t>(value);
  };
  auto numbers = [&]<typename T>(const std::vector<T>& values) -> MetaValue {
    w.array(key, values);
    using Wide = std::conditional_t<std::is_floating_point_v<T>, double, int64_t>;
    return MetaArray(std::vector<Wide>(values.begin(), values.end()));
  };
  auto one = [&]() -> MetaValue {
    switch (*rc::gen::inRange(0, 12)) {
      case 0: return number(*rc::gen::arbitrary<uint8_t>());
      case 1: return number(*rc::gen::arbitrary<int16_t>());
      case 2: return number(*rc::gen::arbitrary<uint32_t>());
      case 3: return number(*rc::gen::arbitrary<int64_t>());
      case 4: return number(*rc::gen::arbitrary<float>());
      case 5: return number(*rc::gen::arbitrary<double>());
      case 6: {
        bool value = *rc::gen::arbitrary<bool>();
        w.meta(key, value);
        return value;
      }
      case 7: return numbers(*rc::gen::arbitrary<std::vector<int8_t>>());
      case 8: return numbers(*rc::gen::arbitrary<std::vector<int32_t>>());
      case 9: return numbers(*rc::gen::arbitrary<std::vector<float>>());
      case 10: {
        auto texts = *rc::gen::arbitrary<std::vector<std::string>>();
        w.array(key, texts);
        return MetaArray(texts);
      }
      default: {
        auto text = *rc::gen::arbitrary<std::string>();
        w.meta(key, text);
        return text;
      }
    }
  };
  return {key, one()};
}

GgufWriter::Tensor random_tensor(std::string name) {
  auto type = *rc::gen::suchThat(rc::gen::inRange<uint32_t>(0, 43),
                                 [](uint32_t id) { return tensor_type_info(static_cast<TensorType>(id)) != nullptr; });
  const TensorTypeInfo& info = *tensor_type_info(static_cast<TensorType>(type));
  auto dims = *rc::gen::resize(
      4, rc::gen::nonEmpty(rc::gen::container<std::vector<uint64_t>>(rc::gen::inRange<uint64_t>(1, 4))));
  dims.resize(std::min<size_t>(dims.size(), 4));
  uint64_t blocks = 1;
  for (uint64_t size : dims) blocks *= size;
  dims[0] *= info.block_elements;
  std::vector<std::byte> data(blocks * info.block_bytes);
  auto seed = *rc::gen::arbitrary<uint8_t>();
  for (size_t i = 0; i < data.size(); ++i) data[i] = static_cast<std::byte>(seed + 31 * i);
  return {.name = std::move(name), .dims = std::move(dims), .type = type, .data = std::move(data)};
}

TEST(GgufProperty, WhatIsWrittenIsReadBack) {
  EXPECT_TRUE(rc::check([] {
    GgufWriter w(*rc::gen::inRange<uint32_t>(2, 4));
    if (*rc::gen::arbitrary<bool>()) w.alignment(uint32_t{8} << *rc::gen::inRange(0, 8));
    std::vector<Expected> entries;
    for (int i = 0, n = *rc::gen::inRange(0, 8); i < n; ++i)
      entries.push_back(add_random_entry(w, "k" + std::to_string(i)));
    std::vector<GgufWriter::Tensor> tensors;
    for (int i = 0, n = *rc::gen::inRange(0, 6); i < n; ++i) tensors.push_back(random_tensor("t" + std::to_string(i)));
    for (const auto& tensor : tensors) w.tensor(tensor);

    auto bytes = w.bytes();
    auto file = Gguf::parse(bytes, "model.gguf");
    RC_ASSERT(file.has_value());
    for (const Expected& entry : entries) {
      const MetaValue* value = file->find(entry.key);
      RC_ASSERT(value != nullptr);
      RC_ASSERT(*value == entry.value);
    }
    RC_ASSERT(file->tensors().size() == tensors.size());
    for (size_t i = 0; i < tensors.size(); ++i) {
      const TensorInfo& tensor = file->tensors()[i];
      RC_ASSERT(tensor.name == tensors[i].name);
      RC_ASSERT(static_cast<uint32_t>(tensor.type) == tensors[i].type);
      RC_ASSERT(tensor.n_dims == tensors[i].dims.size());
      RC_ASSERT(std::equal(tensors[i].dims.begin(), tensors[i].dims.end(), tensor.dims.begin()));
      RC_ASSERT(std::ranges::equal(file->data(tensor), tensors[i].data));
    }
  }));
}

TEST(GgufProperty, DamageIsRefusedOrHarmless) {
  GgufWriter w;
  w.meta("general.architecture", "llama").meta("general.alignment", 32u).meta("llama.block_count", 2u);
  w.array("tokenizer.ggml.tokens", std::vector<std::string>{"a", "bc", "def"});
  w.zeros("a", TensorType::q8_0, {64, 2}).zeros("b", TensorType::f16, {4, 4, 2}).zeros("c", TensorType::i8, {5});
  const auto whole = w.bytes();
  EXPECT_TRUE(rc::check([&] {
    auto bytes = whole;
    for (int i = 0, n = *rc::gen::inRange(1, 5); i < n; ++i) {
      bytes[*rc::gen::inRange<size_t>(0, bytes.size())] = static_cast<std::byte>(*rc::gen::arbitrary<uint8_t>());
    }
    if (*rc::gen::arbitrary<bool>()) bytes.resize(*rc::gen::inRange<size_t>(0, bytes.size()));
    bytes.shrink_to_fit();
    auto file = Gguf::parse(bytes, "model.gguf");
    if (!file) {
      RC_ASSERT(file.error().message.starts_with("model.gguf: "));
      return;
    }
    for (const TensorInfo& tensor : file->tensors()) {
      RC_ASSERT(tensor.offset + tensor.bytes <= bytes.size());
      RC_ASSERT(file->data(tensor).size() == tensor.bytes);
    }
  }));
}

}  // namespace
}  // namespace exogpu::model
