// Splits text into pieces with regular expressions.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/tokenizer/pre_tokenizer.h"

namespace exogpu::model::tokenizer {

// Thread-safe.
class Splitter {
 public:
  // Errors: internal, if a pattern does not compile.
  static Result<Splitter> compile(std::span<const CutStep> steps);

  Splitter(Splitter&&) noexcept;
  Splitter& operator=(Splitter&&) noexcept;
  ~Splitter();

  // The ends of the pieces of `text`, which is valid UTF-8: ascending, the last one text.size(); none for an empty
  // text. Takes linear time for any text.
  std::vector<size_t> split(std::string_view text) const;

 private:
  struct Step;
  explicit Splitter(std::vector<Step> steps);
  std::vector<Step> steps_;
};

}  // namespace exogpu::model::tokenizer
