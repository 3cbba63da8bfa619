// Any answer gives the same pieces however it is cut, in any form, and arguments never come before a call.
//
// Layout of the input: one byte that chooses the form, one that chooses the cut, and the answer.
#include <cstdint>
#include <cstdlib>

#include "model/answer/testing/joined_pieces.h"

namespace {

using exogpu::model::AnswerForm;
using exogpu::model::AnswerParserOptions;
using exogpu::model::AnswerPiece;
using exogpu::model::testing::parsed;

constexpr const char* kForms[] = {"<tool_call>", "<tool_call><function=",  "[TOOL_CALLS]",           "<|python_tag|>",
                                  ">>>all",      "<｜tool▁calls▁begin｜>", "<|channel|><|message|>", "<|tool_call|>"};

void check(bool holds) {
  if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const AnswerParserOptions options{
      .form = AnswerForm::of(kForms[data[0] % std::size(kForms)]),
      .tools = exogpu::model::tool_shapes(
          R"([{"function": {"name": "f", "parameters": {"properties": {"a": {"type": "string"}}}}}])"),
      .reasoning_close = (data[0] & 0x40) != 0 ? "</think>" : "",
      .calls_max = (data[0] & 0x80) != 0 ? 1U : UINT32_MAX};
  const std::string_view answer(reinterpret_cast<const char*>(data) + 2, size - 2);
  const size_t at = answer.size() * data[1] / 256;
  const auto whole = parsed(options, {answer});
  check(whole == parsed(options, {answer.substr(0, at), answer.substr(at)}));
  bool called = false;
  for (const AnswerPiece& piece : whole) {
    called = called || piece.kind == AnswerPiece::Kind::call;
    check(piece.kind != AnswerPiece::Kind::arguments || called);
  }
  return 0;
}
