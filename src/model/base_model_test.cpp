#include "model/base_model.h"

#include <gtest/gtest.h>

#include "model/testing/gguf_writer.h"

namespace exogpu::model {
namespace {

using testing::GgufWriter;

std::string sign(std::initializer_list<std::pair<const char*, const char*>> metadata) {
  GgufWriter writer;
  writer.meta("general.architecture", "llama");
  for (const auto& [key, value] : metadata) writer.meta(key, value);
  const std::vector<std::byte> bytes = writer.bytes();
  return base_model_sign(Gguf::parse(bytes, "m.gguf").value());
}

TEST(BaseModel, AFileWithoutATemplateIsOne) {
  EXPECT_EQ(sign({{"general.name", "Gemma 3 270m"}}), "it has no chat template");
  EXPECT_EQ(sign({{"tokenizer.chat_template", ""}}), "it has no chat template");
}

TEST(BaseModel, AModelMadeForConversationsIsNone) {
  EXPECT_EQ(sign({{"general.name", "Qwen3 0.6B Instruct"}, {"tokenizer.chat_template", "{{ messages }}"}}), "");
  EXPECT_EQ(sign({{"general.name", "Database Helper"}, {"tokenizer.chat_template", "{{ messages }}"}}), "");
  EXPECT_EQ(sign({{"tokenizer.chat_template.tool_use", "{{ messages }}"}}), "");
}

TEST(BaseModel, ItsNameSaysSoWhereItHasATemplate) {
  EXPECT_EQ(sign({{"general.name", "Qwen3 0.6B Base"}, {"tokenizer.chat_template", "{{ messages }}"}}),
            "it is called Qwen3 0.6B Base");
  EXPECT_EQ(sign({{"general.finetune", "base"}, {"tokenizer.chat_template", "{{ messages }}"}}), "it is called base");
}

}  // namespace
}  // namespace exogpu::model
