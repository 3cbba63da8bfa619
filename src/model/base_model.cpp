#include "model/base_model.h"

#include <array>
#include <cctype>
#include <format>

#include "base/utf8.h"

namespace exogpu::model {
namespace {

// "Qwen3-0.6B-Base" has the word "base"; "database" has not.
bool has_word(std::string_view text, std::string_view word) {
  std::string current;
  for (size_t i = 0; i <= text.size(); ++i) {
    const auto c = i < text.size() ? static_cast<unsigned char>(text[i]) : '\0';
    if (std::isalnum(c) != 0) {
      current += static_cast<char>(std::tolower(c));
      continue;
    }
    if (current == word) return true;
    current.clear();
  }
  return false;
}

}  // namespace

std::string base_model_sign(const Gguf& file) {
  const auto text = [&](std::string_view key) { return file.get_string_or(key, "").value_or(""); };
  if (text("tokenizer.chat_template").empty() && text("tokenizer.chat_template.tool_use").empty()) {
    return "it has no chat template";
  }
  for (const std::string& name : std::array{text("general.finetune"), text("general.name")}) {
    if (has_word(name, "base")) return std::format("it is called {}", printable(name));
  }
  return {};
}

}  // namespace exogpu::model
