// Any bytes are either refused or become a file in which everything can be read.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "model/gguf.h"

namespace {

// Reads everything that an accepted file offers; the sum prevents the compiler from removing the reads.
uint64_t read_everything(const exogpu::model::Gguf& file) {
  uint64_t sum = 0;
  for (const exogpu::model::TensorInfo& tensor : file.tensors()) {
    if (file.find_tensor(tensor.name) != &tensor) std::abort();
    if (tensor.elements() == 0) std::abort();
    auto data = file.data(tensor);
    if (data.size() != tensor.bytes || tensor.bytes == 0) std::abort();
    sum += static_cast<uint64_t>(data.front()) + static_cast<uint64_t>(data.back());
    file.release(tensor);
  }
  for (const exogpu::model::MetaEntry& entry : file.metadata()) {
    if (file.find(entry.key) != &entry.value) std::abort();
    sum += file.get_uint(entry.key).value_or(0);
    sum += file.get_string(entry.key).value_or("").size();
    if (const auto* texts = file.strings(entry.key)) sum += texts->size();
    if (const auto* numbers = file.ints(entry.key)) sum += numbers->size();
    if (const auto* numbers = file.floats(entry.key)) sum += numbers->size();
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  auto file = exogpu::model::Gguf::parse(std::as_bytes(std::span(data, size)), "fuzz.gguf");
  volatile uint64_t sink = file ? read_everything(*file) : file.error().message.size();
  (void)sink;
  return 0;
}
