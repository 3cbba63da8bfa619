// For tests of models: tiny ones, and answers as texts.
#pragma once

#include <string>
#include <string_view>

#include "capi/testing/fixture.h"
#include "engine/testing/tiny.h"

namespace exogpu::capi::testing {

inline exogpu_generate_options generate_options(const char* prompt, uint32_t max_tokens) {
  exogpu_generate_options options;
  exogpu_generate_options_init(&options, sizeof options);
  options.prompt = prompt;
  options.max_tokens = max_tokens;
  options.temperature = 0;
  options.ignore_end = 1;
  return options;
}

// Pulls the whole answer; `code` gets how it ended.
inline std::string pull(exogpu_generation generation, exogpu_code* code = nullptr) {
  std::string text;
  exogpu_piece piece{};
  piece.struct_size = sizeof piece;
  while (true) {
    const exogpu_code next = exogpu_generation_next(generation, -1, &piece);
    if (code != nullptr) {
      *code = next;
    } else {
      EXPECT_OK(next);
    }
    if (piece.end == 1 || next != EXOGPU_OK) return text;
    text.append(piece.text, piece.length);
  }
}

class ModelTest : public CapiTest {
 protected:
  exogpu_model open(std::string_view family) {
    files_.push_back(std::make_unique<engine::testing::TinyFile>(family));
    exogpu_model_options options{};
    options.struct_size = sizeof options;
    options.threads = 1;
    exogpu_model model{};
    EXPECT_OK(exogpu_model_open(context, files_.back()->path().c_str(), &options, &model));
    return model;
  }
  static std::string answer(exogpu_model model, const exogpu_generate_options& options) {
    exogpu_generation generation{};
    EXPECT_OK(exogpu_model_generate(model, &options, &generation));
    std::string text = pull(generation);
    EXPECT_OK(exogpu_generation_free(generation));
    return text;
  }

  std::vector<std::unique_ptr<engine::testing::TinyFile>> files_;
};

}  // namespace exogpu::capi::testing
