// The trained model of the project, as a user meets it: the answer does not depend on where the layers are
// cut, it ends by itself, and simple questions get right answers.
#include <gtest/gtest.h>

#include "base/testing/source_dir.h"
#include "engine/testing/tiny.h"
#include "node/local_generator.h"

namespace exogpu::node {
namespace {

const std::filesystem::path demo_path = exogpu::testing::source_dir() / "models" / "exogpu-demo-q8_0.gguf";

struct DemoAnswer {
  std::string text;
  engine::FinishReason reason = engine::FinishReason::cancelled;
};

class DemoModel : public ::testing::Test {
 protected:
  model::Gguf file = *model::Gguf::open(demo_path);
  std::unique_ptr<PromptEncoder> encoder = PromptEncoder::load(file).value();
  const uint32_t layers = engine::read_architecture(file).value().n_layers;

  LocalGenerator load(std::vector<uint32_t> cuts = {}) {
    engine::ShardOptions options;
    options.context = 512;
    options.threads = 1;  // two would wait for each other wherever other tests use the cores
    auto chain = engine::Chain::load(file, cuts, engine::testing::cpu(), options);
    if (!chain) throw std::runtime_error(chain.error().message);
    return {*std::move(chain), *encoder};
  }

  // The likeliest answer to `messages`, a JSON array.
  DemoAnswer answer(LocalGenerator& generator, const std::string& messages) {
    model::ChatRequest request;
    request.messages_json = messages;
    const auto prompt = encoder->encode(request);
    EXPECT_TRUE(prompt) << prompt.error().message;
    if (!prompt) return {};
    engine::GenerateOptions options;
    options.sampling.temperature = 0.0F;
    options.tokens_max = 250;
    DemoAnswer a;
    const auto stats = generator.generate(*prompt, options, [&](std::string_view text) { a.text += text; });
    EXPECT_TRUE(stats) << stats.error().message;
    if (stats) a.reason = stats->reason;
    return a;
  }

  static std::string asks(std::string_view question) {
    return std::format(R"([{{"role": "user", "content": "{}"}}])", question);
  }
};

TEST_F(DemoModel, EveryCutGivesTheSameText) {
  const std::string story = asks("Tell me a story about a lighthouse");
  LocalGenerator whole = load();
  const DemoAnswer expected = answer(whole, story);
  EXPECT_EQ(expected.reason, engine::FinishReason::end_of_text);
  EXPECT_GT(expected.text.size(), 300U);
  EXPECT_TRUE(expected.text.contains("lighthouse")) << expected.text;

  std::vector<uint32_t> everywhere;
  for (uint32_t cut = 1; cut < layers; ++cut) {
    LocalGenerator two = load({cut});
    EXPECT_EQ(answer(two, story).text, expected.text) << "cut before layer " << cut;
    everywhere.push_back(cut);
  }
  LocalGenerator each_alone = load(everywhere);
  EXPECT_EQ(answer(each_alone, story).text, expected.text);
}

TEST_F(DemoModel, AnswersAndStops) {
  LocalGenerator chain = load();
  const std::pair<std::string_view, std::string_view> expected[] = {
      {"What is the capital of France?", "Paris"},
      {"What is 27 + 48?", "75"},
      {"How do I see my devices?", "`exogpu devices`"},
      {"how do i measure the speed", "`exogpu bench"},
      {"Who are you?", "exogpu"},
      {"What is the opposite of hot?", "cold"},
      {"What is the capital of Zarkonia?", "not know"},
  };
  for (const auto& [question, words] : expected) {
    const DemoAnswer a = answer(chain, asks(question));
    EXPECT_TRUE(a.text.contains(words)) << question << " -> " << a.text;
    EXPECT_EQ(a.reason, engine::FinishReason::end_of_text) << question;
    EXPECT_FALSE(a.text.contains("<|")) << a.text;
  }
}

TEST_F(DemoModel, UnderstandsEarlierMessages) {
  LocalGenerator chain = load();
  const DemoAnswer a = answer(chain, R"([{"role": "system", "content": "You are a helpful assistant."},
      {"role": "user", "content": "What is the capital of Italy?"},
      {"role": "assistant", "content": "The capital of Italy is Rome."},
      {"role": "user", "content": "And of Spain?"}])");
  EXPECT_TRUE(a.text.contains("Madrid")) << a.text;
}

}  // namespace
}  // namespace exogpu::node
