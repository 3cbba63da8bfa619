#include <cmath>

#include "capi/handles.h"
#include "capi/testing/models.h"

namespace exogpu::capi::testing {
namespace {

constexpr const char* kMessages = R"([{"role":"user","content":"Hello"}])";

TEST_F(ModelTest, ReadsAndWritesTexts) {
  const exogpu_model model = open("qwen3");
  const std::string text = "Hello, world";
  int32_t tokens[64] = {};
  size_t count = 0;
  ASSERT_OK(exogpu_model_tokenize(model, text.data(), text.size(), 0, tokens, 64, &count));
  ASSERT_GT(count, 0U);
  size_t all = 0;
  ASSERT_OK(exogpu_model_tokenize(model, text.data(), text.size(), 0, nullptr, 0, &all));
  EXPECT_EQ(all, count);
  char* back = nullptr;
  size_t length = 0;
  ASSERT_OK(exogpu_model_detokenize(model, tokens, count, &back, &length));
  EXPECT_EQ(length, text.size());
  EXPECT_EQ(taken(back), text);
  ASSERT_OK(exogpu_model_template(model, kMessages, &back));
  EXPECT_TRUE(taken(back).contains("Hello"));
  ASSERT_OK(exogpu_model_json(model, &back));
  const std::string json = taken(back);
  EXPECT_TRUE(json.contains(R"("architecture":"qwen3")") && json.contains(R"("embeddings":false)")) << json;

  const int32_t wrong = 1 << 30;
  expect_error(exogpu_model_detokenize(model, &wrong, 1, &back, nullptr), EXOGPU_INVALID_ARGUMENT, "1073741824");
  expect_error(exogpu_model_template(model, "{", &back), EXOGPU_INVALID_ARGUMENT, "");
  expect_error(exogpu_model_template(model, nullptr, &back), EXOGPU_INVALID_ARGUMENT, "messages is a null pointer");
  expect_error(exogpu_model_tokenize(model, nullptr, 1, 0, nullptr, 0, &count), EXOGPU_INVALID_ARGUMENT, "text is");
  expect_error(exogpu_model_tokenize(model, "a", 1, 0, nullptr, 1, &count), EXOGPU_INVALID_ARGUMENT, "null pointer");
  expect_error(exogpu_model_json({cpu.id}, &back), EXOGPU_INVALID_ARGUMENT, "names a device");
  float value = 0;
  expect_error(exogpu_model_embed(model, "a", 1, &value, 1, &count), EXOGPU_INVALID_ARGUMENT,
               "not made for embeddings");
}

TEST_F(ModelTest, GivesEmbeddings) {
  const exogpu_model model = open("bert");
  size_t count = 0;
  ASSERT_OK(exogpu_model_embed(model, "one two", 7, nullptr, 0, &count));
  ASSERT_GT(count, 0U);
  std::vector<float> first(count), again(count), other(count);
  ASSERT_OK(exogpu_model_embed(model, "one two", 7, first.data(), count, &count));
  ASSERT_OK(exogpu_model_embed(model, "three", 5, other.data(), count, &count));
  ASSERT_OK(exogpu_model_embed(model, "one two", 7, again.data(), count, &count));
  EXPECT_EQ(first, again);
  EXPECT_NE(first, other);
  for (const float value : first) EXPECT_TRUE(std::isfinite(value));
  const std::string longer(20'000, 'a');
  expect_error(exogpu_model_embed(model, longer.data(), longer.size(), nullptr, 0, &count), EXOGPU_RESOURCE_EXHAUSTED,
               "");
  exogpu_generation generation{};
  exogpu_code code = EXOGPU_OK;
  const auto options = generate_options("one", 4);
  ASSERT_OK(exogpu_model_generate(model, &options, &generation));
  pull(generation, &code);
  EXPECT_EQ(code, EXOGPU_INVALID_ARGUMENT) << exogpu_last_error();
}

TEST_F(ModelTest, WhatCannotBeOpenedSaysWhy) {
  exogpu_model model{};
  expect_error(exogpu_model_open(context, "no-such.gguf", nullptr, &model), EXOGPU_NOT_FOUND, "no-such.gguf");
  expect_error(exogpu_model_open(context, nullptr, nullptr, &model), EXOGPU_INVALID_ARGUMENT, "path is a null pointer");
  expect_error(exogpu_model_open(context, "x", nullptr, nullptr), EXOGPU_INVALID_ARGUMENT, "model is a null pointer");
  const engine::testing::TinyFile file("qwen3");
  exogpu_model_options options{};
  options.struct_size = sizeof options;
  options.device = "vulkan9";
  expect_error(exogpu_model_open(context, file.path().c_str(), &options, &model), EXOGPU_NOT_FOUND, "vulkan9");
  options.device = "cpu";
  options.chat_template = "no-such.jinja";
  expect_error(exogpu_model_open(context, file.path().c_str(), &options, &model), EXOGPU_NOT_FOUND, "no-such.jinja");
  EXPECT_EQ(model.id, 0U);
}

TEST_F(ModelTest, OpensWithATicketAndClosesWithoutTrace) {
  const engine::testing::TinyFile file("qwen3");
  const size_t before = handles().size();
  exogpu_model_options options{};
  options.struct_size = sizeof options;
  options.context_tokens = 128;
  options.threads = 1;
  exogpu_ticket ticket{};
  exogpu_model model{};
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(exogpu_model_open_async(context, file.path().c_str(), &options, &ticket));
    ASSERT_OK(exogpu_ticket_wait(ticket, -1));
    ASSERT_OK(exogpu_ticket_model(ticket, &model));
    exogpu_buffer buffer{};
    expect_error(exogpu_ticket_buffer(ticket, &buffer), EXOGPU_FAILED_PRECONDITION, "made a model");
    ASSERT_OK(exogpu_ticket_free(ticket));
    ASSERT_OK(exogpu_model_close(model));
  }
  expect_error(exogpu_model_close(model), EXOGPU_INVALID_ARGUMENT, "was freed or closed before");
  EXPECT_EQ(handles().size(), before);
  ASSERT_OK(exogpu_model_open_async(context, "no-such.gguf", nullptr, &ticket));
  expect_error(exogpu_ticket_wait(ticket, -1), EXOGPU_NOT_FOUND, "no-such.gguf");
  expect_error(exogpu_ticket_model(ticket, &model), EXOGPU_FAILED_PRECONDITION, "no-such.gguf");
}

}  // namespace
}  // namespace exogpu::capi::testing
