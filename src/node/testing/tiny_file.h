// A tiny model that is a file in memory.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "model/gguf.h"
#include "tiny_model/tiny_model.h"

namespace exogpu::node::testing {

class TinyFile {
 public:
  // With `was` written over, wherever it stands, by `is` and as many spaces as that is shorter.
  explicit TinyFile(std::string_view family, std::string_view was = {}, std::string_view is = {})
      : bytes_(made(family, was, is)), gguf_(model::Gguf::parse(bytes_, "tiny.gguf").value()) {}

  const model::Gguf& gguf() const { return gguf_; }

 private:
  static std::vector<std::byte> made(std::string_view family, std::string_view was, std::string_view is) {
    std::vector<std::byte> bytes = tiny::tiny_model(family).value();
    std::string padded(is);
    padded.resize(was.size(), ' ');
    const auto wanted = std::as_bytes(std::span(was));
    for (auto at = bytes.begin(); !was.empty(); at += static_cast<ptrdiff_t>(was.size())) {
      at = std::search(at, bytes.end(), wanted.begin(), wanted.end());
      if (at == bytes.end()) break;
      std::ranges::copy(std::as_bytes(std::span(padded)), at);
    }
    return bytes;
  }

  std::vector<std::byte> bytes_;
  model::Gguf gguf_;
};

}  // namespace exogpu::node::testing
