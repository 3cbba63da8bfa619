// What belongs to no object: the version, and texts for callers.
#include <cstdlib>
#include <cstring>

#include "capi/error.h"
#include "capi/structs.h"
#include "wire/version.h"

namespace exogpu::capi {

Result<char*> text_for_caller(std::string_view text) {
  auto* const copy = static_cast<char*>(std::malloc(text.size() + 1));
  if (copy == nullptr) return fail(ErrorCode::out_of_memory, "the host has no memory left");
  if (!text.empty()) std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

}  // namespace exogpu::capi

extern "C" {

const char* exogpu_version() {
  static const auto* const text = new std::string(exogpu::wire::own_versions().program);
  return text->c_str();
}

void exogpu_free(void* text) { std::free(text); }
}
