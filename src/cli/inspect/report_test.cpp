#include "cli/inspect/report.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "model/testing/gguf_writer.h"

namespace exogpu::cli {
namespace {

using model::Gguf;
using model::TensorType;
using model::testing::GgufWriter;

GgufWriter small_model() {
  GgufWriter w;
  w.meta("general.architecture", "llama").meta("general.name", "Small \x1b[31m").meta("llama.block_count", 2u);
  w.meta("llama.context_length", 16384u).meta("llama.embedding_length", 32u).meta("llama.attention.head_count", 4u);
  w.meta("llama.attention.head_count_kv", 2u).meta("llama.rope.freq_base", 1e6F);
  w.meta("general.description", std::string(500, 'x')).meta("broken", "a\xff z");
  std::vector<std::string> tokens = {"\"", "\n"};
  for (int i = 2; i < 100; ++i) tokens.push_back(std::to_string(i));
  w.array("tokenizer.ggml.tokens", tokens)
      .meta("tokenizer.ggml.model", "gpt2")
      .meta("tokenizer.chat_template", "{{x}}");
  w.array("nan", std::vector<float>{NAN});
  w.zeros("token_embd.weight", TensorType::f16, {32, 100}).zeros("output.weight", TensorType::q8_0, {32, 100});
  w.zeros("blk.0.attn_q.weight", TensorType::f32, {32, 32}).zeros("blk.1.attn_q.weight", TensorType::f32, {32, 32});
  return w;
}

struct Reported {
  explicit Reported(const GgufWriter& w) : bytes(w.bytes()), file(*Gguf::parse(bytes, "small.gguf")) {}
  Report report() const {
    return {.file = file, .summary = model::summarize(file), .devices = {{"cuda1", "Card", 8 * GiB}}};
  }
  std::vector<std::byte> bytes;
  Gguf file;
};

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

TEST(InspectReport, AnswersWhatAPersonAsks) {
  Reported small(small_model());
  std::string text = as_text(small.report());
  for (std::string_view line : {"Small \\x1b[31m\nsmall.gguf, GGUF version 3, ", "  architecture   llama\n",
                                "  layers         2\n", "  heads          4, 2 of keys and values, each 8 wide\n",
                                "  context        16,384 tokens\n", "  rope           base 1,000,000\n",
                                "  vocabulary     100 tokens\n", "  tokenizer      byte-level BPE (gpt2)\n",
                                "  chat template  yes\n", "  F16       128 B       512 KiB       2.00 MiB\n",
                                "  Card (cuda1)  8.00 GiB free  the whole model, context 16,384 tokens\n",
                                "  layers     8.00 KiB", "2 × 4.00 KiB\n"}) {
    EXPECT_TRUE(has(text, line)) << line << "\nis not in\n" << text;
  }
  EXPECT_FALSE(has(text, "Metadata"));
  EXPECT_FALSE(has(text, "\x1b")) << "control characters must not reach the terminal";
}

TEST(InspectReport, ShortensLongMetadataAndListsTensors) {
  Reported small(small_model());
  Report report = small.report();
  report.list_metadata = report.list_tensors = true;
  std::string text = as_text(report);
  EXPECT_TRUE(has(text, R"([")"
                        "\\\""
                        R"(", "\n", "2", "3", "4", "5", … 100 in all])"))
      << text;
  EXPECT_TRUE(has(text, "x… (500 bytes)\"")) << text;
  EXPECT_TRUE(has(text, "\"a\uFFFD z\"")) << text;
  EXPECT_TRUE(has(text, "  output.weight        Q8_0  32 × 100  3.32 KiB\n")) << text;
}

TEST(InspectReport, AVocabularyAloneIsReportedAsWithoutWeights) {
  Reported vocabulary(GgufWriter().array("tokenizer.ggml.tokens", std::vector<std::string>{"a"}));
  Report report = vocabulary.report();
  report.devices.clear();
  std::string text = as_text(report);
  EXPECT_TRUE(has(text, "none: this file has no tensors")) << text;
  EXPECT_FALSE(has(text, "What fits")) << text;
}

TEST(InspectReport, ShowsWhatTheCheckFound) {
  Reported small(small_model());
  CheckResult check;
  check.contradictions = {"layer 7 has no tensors"};
  check.bad_tensors = {{small.file.find_tensor("output.weight"), {.count = 2, .first = 64}},
                       {small.file.find_tensor("blk.0.attn_q.weight"), {.count = 1, .first = 5}}};
  Report report = small.report();
  report.check = &check;
  std::string text = as_text(report);
  EXPECT_TRUE(has(text, "  layer 7 has no tensors\n")) << text;
  EXPECT_TRUE(
      has(text, "tensor output.weight: 2 of 100 blocks have a scale that is NaN or infinite, the first at index 64"))
      << text;
  EXPECT_TRUE(has(text, "tensor blk.0.attn_q.weight: 1 of 1,024 values are NaN or infinite, the first at index 5"))
      << text;
  auto json = nlohmann::json::parse(as_json(report));
  EXPECT_EQ(json["check"]["sound"], false);
  EXPECT_EQ(json["check"]["non_finite"][0]["tensor"], "output.weight");
  EXPECT_EQ(json["check"]["non_finite"][1]["first_index"], 5);
}

TEST(InspectJson, HoldsTheSameForPrograms) {
  Reported small(small_model());
  Report report = small.report();
  auto json = nlohmann::json::parse(as_json(report));
  EXPECT_EQ(json["file"]["path"], "small.gguf");
  EXPECT_EQ(json["file"]["bytes"], small.bytes.size());
  EXPECT_EQ(json["model"]["architecture"], "llama");
  EXPECT_EQ(json["model"]["head_count_kv"], 2);
  EXPECT_TRUE(json["model"]["expert_count"].is_null());
  EXPECT_EQ(json["weights"]["layer_bytes"], (std::vector<int>{4096, 4096}));
  EXPECT_EQ(json["weights"]["types"][0]["type"], "F32");
  EXPECT_EQ(json["kv_cache"]["bytes_per_token"]["f16"], 128);
  EXPECT_EQ(json["devices"][0]["id"], "cuda1");
  EXPECT_EQ(json["devices"][0]["context_tokens"], 16384);
  EXPECT_EQ(json["metadata"]["broken"], "a\uFFFD z");
  EXPECT_EQ(json["metadata"]["tokenizer.ggml.tokens"]["count"], 100);
  EXPECT_EQ(json["metadata"]["tokenizer.ggml.tokens"]["first"].size(), 16u);
  EXPECT_FALSE(json.contains("tensors"));
  EXPECT_FALSE(json.contains("check"));
  report.list_tensors = true;
  json = nlohmann::json::parse(as_json(report));
  ASSERT_EQ(json["tensors"].size(), 4u);
  EXPECT_EQ(json["tensors"][1]["shape"], (std::vector<int>{32, 100}));
}

TEST(InspectJson, LayersThatDifferAreListed) {
  GgufWriter w;
  w.meta("general.architecture", "a").meta("a.block_count", 2u);
  w.array("a.attention.head_count_kv", std::vector<int32_t>{1, 2});
  Reported varied(w);
  auto json = nlohmann::json::parse(as_json(varied.report()));
  EXPECT_EQ(json["model"]["head_count_kv"], (std::vector<int>{1, 2}));
  EXPECT_TRUE(json["kv_cache"].is_null());
}

}  // namespace
}  // namespace exogpu::cli
