#include "node/embedding_text.h"

#include <gtest/gtest.h>

#include "node/testing/tiny_file.h"

namespace exogpu::node {
namespace {

class EmbeddingText : public ::testing::Test {
 protected:
  static std::unique_ptr<PromptEncoder> encoder_of(const char* family) {
    return PromptEncoder::load(testing::TinyFile(family).gguf()).value();
  }
  static GenerationRequest embedding_of(size_t tokens) {
    GenerationRequest request{.model = "m", .prompt = std::vector<model::TokenId>(tokens, 1), .options = {}};
    request.embedding.emplace();
    return request;
  }
  static std::string why(const Result<void>& result) { return result ? "" : result.error().message; }

  std::unique_ptr<PromptEncoder> embeds = encoder_of("bert"), writes = encoder_of("llama");
};

TEST_F(EmbeddingText, AModelIsAskedForWhatItWasMadeFor) {
  GenerationRequest text = embedding_of(3), answer = embedding_of(3);
  answer.embedding.reset();
  EXPECT_EQ(why(check_purpose(text, embeds->details(), "m")), "");
  EXPECT_EQ(why(check_purpose(answer, writes->details(), "m")), "");
  EXPECT_TRUE(why(check_purpose(answer, embeds->details(), "m")).contains("writes no text"));
  EXPECT_TRUE(why(check_purpose(text, writes->details(), "m")).contains("was not made for embeddings"));
  const uint32_t width = embeds->details().embedding_width;
  ASSERT_GT(width, 0U);
  text.embedding->dimensions = width;
  EXPECT_EQ(why(check_purpose(text, embeds->details(), "m")), "");
  text.embedding->dimensions = width + 1;
  EXPECT_TRUE(why(check_purpose(text, embeds->details(), "m")).contains("dimensions are asked for"));
}

TEST_F(EmbeddingText, ATextThatIsTooLongIsRefusedWithBothNumbersOrLosesItsEnd) {
  GenerationRequest request = embedding_of(33);
  std::get<std::vector<model::TokenId>>(request.prompt).back() = 2;
  EXPECT_TRUE(text_to_embed(*embeds, request, {.context = 64, .batch = 33}));
  const auto batch = text_to_embed(*embeds, request, {.context = 64, .batch = 32});
  ASSERT_FALSE(batch);
  EXPECT_EQ(batch.error().code, ErrorCode::resource_exhausted);
  EXPECT_TRUE(batch.error().message.contains("33 tokens") && batch.error().message.contains("at most 32") &&
              batch.error().message.contains("--batch"))
      << batch.error().message;
  const auto context = text_to_embed(*embeds, request, {.context = 32, .batch = 64});
  EXPECT_TRUE(context.error().message.contains("--context")) << context.error().message;
  request.embedding->truncate = true;
  const auto cut = text_to_embed(*embeds, request, {.context = 64, .batch = 32});
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->tokens.size(), 32U);
  EXPECT_EQ(cut->tokens.back(), 2);  // what marks the end of a text stays
}

TEST_F(EmbeddingText, AConversationHasNone) {
  GenerationRequest request = embedding_of(1);
  request.prompt = model::ChatRequest{};
  EXPECT_EQ(text_to_embed(*embeds, request, {.context = 64, .batch = 64}).error().code, ErrorCode::invalid_argument);
}

}  // namespace
}  // namespace exogpu::node
