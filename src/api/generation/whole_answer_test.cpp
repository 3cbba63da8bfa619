#include "api/generation/whole_answer.h"

#include <gtest/gtest.h>

namespace exogpu::api {
namespace {

using Kind = model::AnswerPiece::Kind;

TEST(WholeAnswer, PiecesAreJoinedByKind) {
  const AnswerStart start{.id = 7};
  WholeAnswer whole;
  for (const model::AnswerPiece& piece :
       std::vector<model::AnswerPiece>{{.kind = Kind::reasoning, .text = "Hm"},
                                       {.kind = Kind::reasoning, .text = "."},
                                       {.text = "I look."},
                                       {.kind = Kind::call, .text = "weather"},
                                       {.kind = Kind::arguments, .text = "{\"a\":"},
                                       {.kind = Kind::arguments, .text = "1}"},
                                       {.kind = Kind::call, .text = "time", .call_id = "t1"},
                                       {.kind = Kind::arguments, .text = "{}"}}) {
    whole.add(piece, start, 0);
  }
  EXPECT_EQ(whole.reasoning, "Hm.");
  EXPECT_EQ(whole.text, "I look.");
  ASSERT_EQ(whole.calls.size(), 2u);
  EXPECT_EQ(whole.calls[0].name, "weather");
  EXPECT_EQ(whole.calls[0].arguments, "{\"a\":1}");
  EXPECT_TRUE(whole.calls[0].id.starts_with("call_"));
  EXPECT_EQ(whole.calls[1].id, "t1");
  EXPECT_NE(call_id({}, start, 0, 0), call_id({}, start, 1, 0));
  EXPECT_NE(call_id({}, start, 0, 0), call_id({}, start, 0, 1));
}

}  // namespace
}  // namespace exogpu::api
