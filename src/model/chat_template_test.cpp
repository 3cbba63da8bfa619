#include "model/chat_template.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "base/testing/expect.h"
#include "model/testing/gguf_writer.h"
#include "model/testing/temp_dir.h"

namespace exogpu::model {
namespace {

using testing::GgufWriter;
using testing::TempDir;
using namespace std::chrono_literals;

constexpr const char* hello = R"([{"role": "user", "content": "hello"}])";

ChatTemplate parsed(std::string source, const ChatLimits& limits = {}) {
  auto chat = ChatTemplate::parse(std::move(source), "<s>", "</s>", limits);
  if (!chat) throw std::runtime_error(chat.error().message);
  return *std::move(chat);
}

Result<std::string> render(std::string source, std::string messages = hello, std::string extra = "") {
  ChatRequest request;
  request.messages_json = std::move(messages);
  request.extra_json = std::move(extra);
  return parsed(std::move(source)).render(request);
}

Gguf file_with(const std::vector<std::pair<std::string, std::string>>& templates) {
  GgufWriter writer(3);
  writer.meta("general.architecture", "llama");
  for (const auto& [key, text] : templates) writer.meta(key, text);
  writer.array("tokenizer.ggml.tokens", std::vector<std::string>{"<unk>", "<s>", "</s>", "<pad>"});
  writer.meta("tokenizer.ggml.bos_token_id", 1u).meta("tokenizer.ggml.eos_token_id", 2u);
  writer.meta("tokenizer.ggml.padding_token_id", 3u);
  auto file = Gguf::parse(writer.bytes(), "model.gguf");
  if (!file) throw std::runtime_error(file.error().message);
  return *std::move(file);
}

void expect_error(const Result<std::string>& got, ErrorCode code, std::string_view words) {
  ASSERT_FALSE(got) << *got;
  EXPECT_EQ(got.error().code, code) << got.error().message;
  EXPECT_TRUE(got.error().message.contains(words)) << got.error().message;
}

void expect_no_parse(std::string source, std::string_view position, std::string_view reason) {
  SCOPED_TRACE(source);
  auto chat = ChatTemplate::parse(std::move(source), "", "");
  ASSERT_FALSE(chat);
  EXPECT_EQ(chat.error().code, ErrorCode::corrupt);
  EXPECT_TRUE(chat.error().message.contains(position)) << chat.error().message;
  EXPECT_TRUE(chat.error().message.contains(reason)) << chat.error().message;
}

TEST(ChatTemplate, AFileWithoutOneGetsChatMl) {
  auto chat = ChatTemplate::load(file_with({}));
  ASSERT_TRUE(chat) << chat.error().message;
  ChatRequest request;
  request.messages_json = R"([{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hello"}])";
  EXPECT_EQ(chat->render(request).value(),
            "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n");
  request.add_generation_prompt = false;
  EXPECT_TRUE(chat->render(request).value().ends_with("hello<|im_end|>\n"));
}

TEST(ChatTemplate, SpecialTokensComeFromTheVocabulary) {
  auto chat = ChatTemplate::load(
      file_with({{"tokenizer.chat_template", "{{ bos_token }}{{ eos_token }}{{ pad_token }}[{{ unk_token }}]"}}));
  ASSERT_TRUE(chat) << chat.error().message;
  ChatRequest request;
  request.messages_json = hello;
  EXPECT_EQ(chat->render(request).value(), "<s></s><pad>[]");
}

TEST(ChatTemplate, TheOneForToolsIsUsedWithTools) {
  auto chat = ChatTemplate::load(file_with({{"tokenizer.chat_template", "plain"},
                                            {"tokenizer.chat_template.tool_use", "{{ tools[0].function.name }}"},
                                            {"tokenizer.chat_template.rag", "{{ never parsed"}}));
  ASSERT_TRUE(chat) << chat.error().message;
  ChatRequest request;
  request.messages_json = hello;
  EXPECT_EQ(chat->render(request).value(), "plain");
  request.tools_json = "[]";
  EXPECT_EQ(chat->render(request).value(), "plain");
  request.tools_json = R"([{"type": "function", "function": {"name": "now"}}])";
  EXPECT_EQ(chat->render(request).value(), "now");
}

TEST(ChatTemplate, ATokenOutsideTheVocabularyIsUndefined) {
  GgufWriter writer(3);
  writer.array("tokenizer.ggml.tokens", std::vector<std::string>{"a"}).meta("tokenizer.ggml.bos_token_id", 7u);
  writer.meta("tokenizer.chat_template", "{{ bos_token is defined }}");
  auto chat = ChatTemplate::load(Gguf::parse(writer.bytes(), "model.gguf").value());
  ASSERT_TRUE(chat) << chat.error().message;
  EXPECT_EQ(chat->render({.messages_json = "[]", .tools_json = "", .extra_json = "", .now = {}}).value(), "False");
}

TEST(ChatTemplate, AnotherTemplateTakesThePlaceOfTheFiles) {
  GgufWriter writer(3);
  writer.array("tokenizer.ggml.tokens", std::vector<std::string>{"<s>"}).meta("tokenizer.ggml.bos_token_id", 0u);
  writer.meta("tokenizer.chat_template", "{% for broken").meta("tokenizer.chat_template.tool_use", "{% if broken");
  const Gguf file = Gguf::parse(writer.bytes(), "model.gguf").value();
  EXPECT_FALSE(ChatTemplate::load(file));
  TempDir folder;
  std::ofstream(folder / "own.jinja") << "{{ bos_token }}{{ messages[0].content }}\n";
  auto chat = ChatTemplate::load(file, {}, read_template(folder / "own.jinja").value());
  ASSERT_TRUE(chat) << chat.error().message;
  EXPECT_FALSE(chat->is_default());
  ChatRequest request{.messages_json = R"([{"role": "user", "content": "hi"}])",
                      .tools_json = R"([{"type": "function", "function": {"name": "now"}}])",
                      .extra_json = "",
                      .now = {}};
  EXPECT_EQ(chat->render(request).value(), "<s>hi");

  auto broken = ChatTemplate::load(file, {}, TemplateText{"own.jinja", "{% for"});
  ASSERT_FALSE(broken);
  EXPECT_TRUE(broken.error().message.starts_with("own.jinja: ")) << broken.error().message;
}

TEST(ChatTemplate, AFileThatIsNoTemplateIsRefused) {
  TempDir folder;
  {
    const std::ofstream created(folder / "empty.jinja");
  }
  std::ofstream(folder / "large.jinja") << std::string(2 * MiB, ' ');
  exogpu::testing::expect_error(read_template(folder / "empty.jinja"), ErrorCode::invalid_argument,
                                "empty.jinja: the file is empty");
  exogpu::testing::expect_error(read_template(folder / "large.jinja"), ErrorCode::invalid_argument, "large.jinja: ");
  exogpu::testing::expect_error(read_template(folder / "none.jinja"), ErrorCode::not_found, "none.jinja: no such file");
}

TEST(ChatTemplate, NamesThePlaceThatDoesNotParse) {
  expect_no_parse("one\n{% if a %}\n  {{ b c }}\n{% endif %}", "line 3, column 3, {{ b c }}", "Expected closing");
  expect_no_parse("a\n{% if x %}b\n{% for y in z %}c{% endfor %}", "line 2, column 1, {% if x %}", "never closed");
  expect_no_parse("{{ 'a' }}\n{{ 1 ? 2 }}", "line 2, column 1, {{ 1 ? 2 }}", "Unexpected character: ?");
  expect_no_parse("{{ '{% x %}' }}{# {{ #}\n{% endfor %}", "line 2", "");
  expect_no_parse("\n\n{% nonsense %}", "line 3, column 1, {% nonsense %}", "");
  expect_no_parse("{{ 'never ends ", "line 1", "");
  expect_no_parse("{# never ends", "line 1", "end of comment");
  auto file = ChatTemplate::load(file_with({{"tokenizer.chat_template", "{{ }}"}}));
  ASSERT_FALSE(file);
  EXPECT_TRUE(file.error().message.starts_with("model.gguf: tokenizer.chat_template: ")) << file.error().message;
}

TEST(ChatTemplate, ARefusalIsInTheTemplatesWords) {
  expect_error(render("{{ raise_exception('Only ' ~ 1 ~ ' message, “please”') }}"), ErrorCode::invalid_argument,
               "refuses this conversation: Only 1 message, “please”");
}

TEST(ChatTemplate, AnErrorOfTheTemplateIsNamed) {
  expect_error(render("{{ missing.name }}"), ErrorCode::invalid_argument, "'missing' is undefined");
  expect_error(render("{{ messages[0].content + none }}"), ErrorCode::invalid_argument, "str and NoneType");
  expect_error(render("{{ messages | frobnicate }}"), ErrorCode::invalid_argument, "no filter is named 'frobnicate'");
}

TEST(ChatTemplate, ThePromptEndsWithAnAnswerThatIsToBeContinued) {
  ChatRequest request;
  request.messages_json = R"([{"role":"user","content":"the"},{"role":"assistant","content":" It is the \n"}])";
  const std::string source =
      "{% for m in messages %}[{{ m.role }}]{{ m.content | trim }}</s>{% endfor %}"
      "{% if add_generation_prompt %}[assistant]{% endif %}";
  EXPECT_EQ(parsed(source).render(request), "[user]the</s>[assistant]It is the</s>[assistant]");
  request.answer_so_far = " It is the \n";
  EXPECT_EQ(parsed(source).render(request), "[user]the</s>[assistant]It is the");
  request.answer_so_far = " \n";
  EXPECT_EQ(parsed(source).render(request), "[user]the</s>[assistant]It is the</s>[assistant]");
  request.answer_so_far = "It is the";
  expect_error(parsed("{{ messages[1].content | upper }}").render(request), ErrorCode::invalid_argument,
               "continue_final_message");
}

TEST(ChatTemplate, BadMessagesAreNamed) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"", "parse error"},
      {"{}", "must be a JSON array"},
      {"[1]", "message 1 is not an object"},
      {R"([{"role": "user"}, {"content": "x"}])", "message 2 has no \"role\""},
      {R"([{"role": 1}])", "message 1 has no \"role\""},
      {R"([{"role": "user"}, {"a": {"role": "user"}}])", "message 2 has no \"role\""},
      {R"([{"role": "user"}]])", "parse error"},
      {R"([{"role": "user", "n": 1e999}])", "number overflow"},
      {"[{\"role\": \"\xff\"}]", "UTF-8"},
      {R"([{"role": "\ud800"}])", "surrogate"},
  };
  for (const auto& [messages, words] : cases) {
    SCOPED_TRACE(messages);
    expect_error(render("x", messages), ErrorCode::invalid_argument, words);
  }
  expect_error(render("x", hello, "[]"), ErrorCode::invalid_argument, "must be a JSON object");
}

TEST(ChatTemplate, VariablesArriveAsTheyWereWritten) {
  EXPECT_EQ(
      render("{{ o | tojson }}", hello,
             R"({"o": {"10": 1, "2": 1.0, "a": 18446744073709551615, "b": -9007199254740993, "c": "é\u0000🐈"}})"),
      "{\"10\": 1, \"2\": 1.0, \"a\": 18446744073709551615, \"b\": -9007199254740993, \"c\": \"é\\u0000🐈\"}");
  EXPECT_EQ(render("{{ a }}{{ messages }}", hello, R"({"a": 1, "a": 2, "messages": 3})"), "23");
  EXPECT_EQ(render("{{ messages[0].content }}", R"([{"role": "u", "content": "[\"o\"] \u0000 </s>"}])").value(),
            std::string("[\"o\"] \0 </s>", 12));
}

TEST(ChatTemplate, ToolArgumentsAreAnObjectAndItsText) {
  constexpr const char* calls =
      R"([{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{\"b\":1,\"a\":[]}"}}]}])";
  const std::string a = "{% set a = messages[0].tool_calls[0].function.arguments %}";
  EXPECT_EQ(render(a + "{{ a | tojson }}", calls), R"({"b": 1, "a": []})");
  EXPECT_EQ(render(a + "{{ '<' + a + '>' }}", calls), R"(<{"b":1,"a":[]}>)");
  EXPECT_EQ(render(a + "{{ a }}{{ a is mapping }}{{ a is string }}{{ a.b }}", calls), R"({"b":1,"a":[]}TrueFalse1)");
  constexpr const char* not_an_object = R"([{"role": "assistant", "tool_calls": [{"function": {"arguments": "[1"}}]}])";
  EXPECT_EQ(render(a + "{{ a is string }}{{ a | tojson }}", not_an_object), R"(True"[1")");
}

TEST(ChatTemplate, FormatsTheGivenTime) {
  ChatRequest request;
  request.messages_json = hello;
  request.now = std::chrono::sys_days(std::chrono::year(2031) / 5 / 15) + 12h;
  auto chat = parsed("{{ strftime_now('%B %Y') }}");
  EXPECT_EQ(chat.render(request), "May 2031");
  expect_error(render("{{ strftime_now('%Y' * 10000) }}"), ErrorCode::invalid_argument, "date format");
}

TEST(ChatTemplate, WorksOnAnotherThread) {
  auto chat = parsed("{% macro m(n) %}{{ m(n - 1) if n else messages[0].content }}{% endmacro %}{{ m(20) }}");
  ChatRequest request;
  request.messages_json = hello;
  std::string there;
  std::thread([&] { there = chat.render(request).value(); }).join();
  EXPECT_EQ(there, "hello");
  EXPECT_EQ(chat.render(request), "hello");
}

// Each of these would never end, or need more memory or stack than there is.
TEST(ChatTemplate, HostileTemplatesEndInErrors) {
  const std::string doubling = "{% set ns = namespace(s='0123456789abcdef') %}{% for i in range(60) %}";
  const std::string repeat100 = "{% for a in range(100000) %}{% for b in range(100000) %}{% for c in range(100000) %}";
  const std::vector<std::string> sources = {
      repeat100 + "{% endfor %}{% endfor %}{% endfor %}",
      repeat100 + "xxxxxxxxxxxxxxxx{% endfor %}{% endfor %}{% endfor %}",
      "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
      "{% macro m(x) %}{{ m(x ~ x) }}{% endmacro %}{{ m('abc') }}",
      doubling + "{% set ns.s = ns.s + ns.s %}{% endfor %}{{ ns.s }}",
      doubling + "{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s | upper }}",
      doubling + "{% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}",
      doubling + "{% set ns.s = {'a': ns.s, 'b': ns.s} %}{% endfor %}{{ ns.s | tojson }}",
      doubling + "{% set ns.s = ns.s.replace('a', 'aaaaaaaaaaaaaaaa') %}{% endfor %}{{ ns.s }}",
      "{{ 'a' * 1000000000 }}",
      "{{ ('a' * 10000000 ~ 'b') in ('a' * 20000000) }}",
      "{{ ('a' * 10000000).split('a' * 5000000 ~ 'b') }}",
      "{{ [0] * 1000000000 }}",
      "{{ ('\\n' * 3000000) | indent(1000000, blank=true) }}",
      "{{ range(100000) | map('string') | map('indent', 100000, true) | join }}",
      "{% set ns = namespace(l=[]) %}{% for a in range(100000) %}{% for b in range(100000) %}"
      "{% set ns.l = [ns.l] %}{% endfor %}{% endfor %}{{ ns.l }}",
      "{{ 'x'.rjust(2000000000) }}",
      "{% for x in range(100000) %}{{ messages | tojson(indent=100000) }}{% endfor %}",
  };
  for (const std::string& source : sources) {
    SCOPED_TRACE(source);
    auto chat = parsed(source, {.memory = 48 * MiB, .time = 500ms});
    ChatRequest request;
    request.messages_json = hello;
    const auto begin = std::chrono::steady_clock::now();
    expect_error(chat.render(request), ErrorCode::resource_exhausted, "chat template");
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
    expect_error(chat.render(request), ErrorCode::resource_exhausted, "chat template");
  }
}

TEST(ChatTemplate, DeepListsAreFreedWithoutDeepStacks) {
  auto got = render(
      "{% set ns = namespace(l=[]) %}{% for i in range(10000) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l | length "
      "}}");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(*got, "1");
}

TEST(ChatTemplate, HostileSourcesEndInErrors) {
  const auto repeated = [](std::string_view text, size_t count) {
    std::string all;
    for (size_t i = 0; i < count; ++i) all += text;
    return all;
  };
  const std::vector<std::string> sources = {
      "{{ " + repeated("(", 100'000),
      "{{ " + repeated("[", 100'000),
      "{{ " + repeated("not ", 100'000) + "x }}",
      "{{ " + repeated("-", 100'000) + "1 }}",
      "{{ x" + repeated("(", 50'000) + repeated(")", 50'000) + " }}",
      repeated("{% if x %}", 50'000),
      repeated("{% for x in y %}", 30'000) + repeated("{% endfor %}", 30'000),
      repeated("x", 2'000'000),
      repeated("{{", 300'000),
      repeated("{#", 300'000),
      "{{ " + repeated("'", 99'999),
  };
  for (const std::string& source : sources) {
    SCOPED_TRACE(source.substr(0, 20));
    const auto begin = std::chrono::steady_clock::now();
    auto chat = ChatTemplate::parse(source, "", "", {.time = 500ms});
    EXPECT_FALSE(chat);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  }
}

TEST(ChatTemplate, AMillionSpacesDoNotStallTheParser) {
  const auto begin = std::chrono::steady_clock::now();
  const auto chat = ChatTemplate::parse(std::string(1'000'000, ' '), "", "", {.time = 500ms});
  EXPECT_TRUE(chat || chat.error().code == ErrorCode::resource_exhausted);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
}

TEST(ChatTemplate, HostileMessagesEndInErrors) {
  expect_error(render("x", "[{\"role\":" + std::string(1'000'000, '[')), ErrorCode::invalid_argument,
               "nested more than");
  std::string deep = R"([{"role": "user", "content": )";
  for (int i = 0; i < 200; ++i) deep += "{\"a\":";
  expect_error(render("x", deep), ErrorCode::invalid_argument, "nested more than");
  std::string large;
  large.resize(20'000'000, 'x');
  expect_error(render("x", R"([{"role": "user", "content": ")" + large + "\"}]"), ErrorCode::invalid_argument,
               "more than the limit");
}

TEST(ChatTemplate, ALongConversationGetsItsMemory) {
  const std::string text(4'000'000, 'x');
  auto got = render("{% for m in messages %}{{ m.role }}: {{ m.content | trim }}\n{% endfor %}",
                    R"([{"role": "user", "content": ")" + text + "\"}]");
  ASSERT_TRUE(got) << got.error().message;
  EXPECT_EQ(got->size(), text.size() + 7);
}

TEST(ChatTemplate, AnEngineThatRanOutIsReplaced) {
  auto chat = parsed(
      "{% if forever %}{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}"
      "{% endif %}ok",
      {.time = 300ms});
  ChatRequest request;
  request.messages_json = hello;
  request.extra_json = R"({"forever": true})";
  expect_error(chat.render(request), ErrorCode::resource_exhausted, "300 ms");
  request.extra_json = R"({"forever": false})";
  EXPECT_EQ(chat.render(request), "ok");
}

// The limit is hit at many points of the engine's life: starting, parsing, rendering, creating an error.
TEST(ChatTemplate, RunsOutOfMemoryAnywhereWithAnError) {
  size_t fits = 0;
  size_t failures = 0;
  for (Bytes memory = 50 * KiB; memory < 2500 * KiB; memory += 23 * KiB + 7) {
    auto chat = ChatTemplate::parse("{% macro f(n) %}{{ f(n - 1) ~ n if n }}{% endmacro %}{{ f(30) }}{{ nobody.home }}",
                                    "", "", {.memory = memory});
    if (!chat) {
      EXPECT_EQ(chat.error().code, ErrorCode::resource_exhausted) << chat.error().message;
      ++failures;
      continue;
    }
    ChatRequest request;
    request.messages_json = hello;
    const auto got = chat->render(request);
    ASSERT_FALSE(got);
    ++(got.error().code == ErrorCode::resource_exhausted ? failures : fits);
  }
  EXPECT_GT(fits, 0u);
  EXPECT_GT(failures, 0u);
}

}  // namespace
}  // namespace exogpu::model
