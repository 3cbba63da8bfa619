// Any text as a grammar: it becomes a Lark grammar, or an error that names the line.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "engine/constraint/gbnf.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto lark = exogpu::engine::lark_of_gbnf(text);
  if (!lark && !lark.error().message.contains("line ")) std::abort();
  if (lark && !lark->starts_with("start: ")) std::abort();
  return 0;
}
