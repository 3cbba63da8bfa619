// The trained model that comes with the project, as a user meets it: the answer does not depend on where the layers are
// cut, it ends by itself, and simple questions get right answers.
#include <gtest/gtest.h>

#include "base/testing/source_dir.h"
#include "engine/generator.h"
#include "engine/testing/tiny.h"
#include "model/chat_template.h"

namespace exogpu::engine {
namespace {

const std::filesystem::path demo_path = exogpu::testing::source_dir() / "models" / "exogpu-demo-q8_0.gguf";

struct DemoAnswer {
  std::string text;
  FinishReason reason = FinishReason::cancelled;
};

class DemoModel : public ::testing::Test {
 protected:
  model::Gguf file = *model::Gguf::open(demo_path);
  model::Tokenizer tokenizer = *model::Tokenizer::load(file);
  model::ChatTemplate chat = *model::ChatTemplate::load(file);

  Chain load(std::vector<uint32_t> cuts = {}) {
    ShardOptions options;
    options.context = 512;
    options.threads = 2;
    auto chain = Chain::load(file, cuts, testing::cpu(), options);
    if (!chain) throw std::runtime_error(chain.error().message);
    return *std::move(chain);
  }

  // The likeliest answer to `messages`, a JSON array.
  DemoAnswer answer(Chain& chain, const std::string& messages) {
    model::ChatRequest request;
    request.messages_json = messages;
    auto prompt = chat.render(request);
    EXPECT_TRUE(prompt) << prompt.error().message;
    if (!prompt) return {};
    GenerateOptions options;
    options.sampling.temperature = 0.0F;
    options.tokens_max = 250;
    Generator generator(chain, tokenizer);
    DemoAnswer a;
    auto stats = generator.generate(tokenizer.encode(*prompt, {.add_special = false, .parse_special = true}), options,
                                    [&](std::string_view text) { a.text += text; });
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
  Chain whole = load();
  const DemoAnswer expected = answer(whole, story);
  EXPECT_EQ(expected.reason, FinishReason::end_of_text);
  EXPECT_GT(expected.text.size(), 300U);
  EXPECT_TRUE(expected.text.contains("lighthouse")) << expected.text;

  const uint32_t layers = whole.architecture().n_layers;
  std::vector<uint32_t> everywhere;
  for (uint32_t cut = 1; cut < layers; ++cut) {
    Chain two = load({cut});
    EXPECT_EQ(answer(two, story).text, expected.text) << "cut before layer " << cut;
    everywhere.push_back(cut);
  }
  Chain each_alone = load(everywhere);
  EXPECT_EQ(answer(each_alone, story).text, expected.text);
}

TEST_F(DemoModel, AnswersAndStops) {
  Chain chain = load();
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
    EXPECT_EQ(a.reason, FinishReason::end_of_text) << question;
    EXPECT_FALSE(a.text.contains("<|")) << a.text;
  }
}

TEST_F(DemoModel, UnderstandsWhatWasSaidBefore) {
  Chain chain = load();
  const DemoAnswer a = answer(chain, R"([{"role": "system", "content": "You are a helpful assistant."},
      {"role": "user", "content": "What is the capital of Italy?"},
      {"role": "assistant", "content": "The capital of Italy is Rome."},
      {"role": "user", "content": "And of Spain?"}])");
  EXPECT_TRUE(a.text.contains("Madrid")) << a.text;
}

}  // namespace
}  // namespace exogpu::engine
