// A tiny model that is a file in memory.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/gguf.h"
#include "tiny_model/tiny_model.h"

namespace exogpu::node::testing {

class TinyFile {
 public:
  // With `was` written over, wherever it stands, by `is` and as many spaces as that is shorter.
  explicit TinyFile(std::string_view family, std::string_view was = {}, std::string_view is = {})
      : TinyFile(family, Changes{{was, is}}) {}
  using Changes = std::vector<std::pair<std::string_view, std::string_view>>;
  TinyFile(std::string_view family, const Changes& changes)
      : bytes_(tiny::tiny_model(family).value()), gguf_(parsed(bytes_, changes)) {}

  const model::Gguf& gguf() const { return gguf_; }

 private:
  static model::Gguf parsed(std::vector<std::byte>& bytes, const Changes& changes) {
    for (const auto& [was, is] : changes) replace(bytes, was, is);
    return model::Gguf::parse(bytes, "tiny.gguf").value();
  }
  static void replace(std::vector<std::byte>& bytes, std::string_view was, std::string_view is) {
    std::string padded(is);
    padded.resize(was.size(), ' ');
    const auto pattern = std::as_bytes(std::span(was));
    for (auto at = bytes.begin(); !was.empty(); at += static_cast<ptrdiff_t>(was.size())) {
      at = std::search(at, bytes.end(), pattern.begin(), pattern.end());
      if (at == bytes.end()) break;
      std::ranges::copy(std::as_bytes(std::span(padded)), at);
    }
  }

  std::vector<std::byte> bytes_;
  model::Gguf gguf_;
};

}  // namespace exogpu::node::testing
