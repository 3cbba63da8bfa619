// Templates that reach for more than they are given, and variables of a request that would change more than themselves.
#include <gtest/gtest.h>

#include "base/testing/expect.h"
#include "model/chat_template.h"

namespace exogpu::model {
namespace {

constexpr const char* kHello = R"([{"role": "user", "content": "hello"}])";

ChatTemplate chat_of(std::string source) { return ChatTemplate::parse(std::move(source), "<s>", "</s>").value(); }

// What a template of Python's reaches for to leave its sandbox, and what one of JavaScript's would.
TEST(ChatTemplateAttack, TemplatesReachNoObjects) {
  for (const char* source :
       {"{{ ''.__class__.__mro__ }}", "{{ ().__class__.__bases__[0].__subclasses__() }}",
        "{{ cycler.__init__.__globals__.os.popen('id').read() }}", "{{ lipsum.__globals__ }}",
        "{{ self._TemplateReference__context }}", "{{ ''|attr('__class__') }}", "{{ messages.__proto__ }}",
        "{{ messages['constructor'] }}", "{{ messages.constructor.constructor('return 1')() }}",
        "{{ {}.__proto__ }}{{ [].prototype }}", "{{ (1).toString.constructor('return globalThis')() }}",
        "{{ 'x'.constructor }}{{ 'x'['constructor'] }}", "{{ range.constructor('return 1')() }}",
        "{{ globalThis }}{{ std }}{{ os }}", "{% include '/etc/passwd' %}", "{% import 'os' as os %}{{ os }}",
        "{% extends '/etc/passwd' %}"}) {
    SCOPED_TRACE(source);
    auto chat = ChatTemplate::parse(source, "", "");
    if (!chat) continue;
    ChatRequest request;
    request.messages_json = kHello;
    const auto got = chat->render(request);
    EXPECT_TRUE(!got || got->empty()) << *got;
  }
}

// Of a request's chat_template_kwargs.
TEST(ChatTemplateAttack, HostileVariablesChangeNothingElse) {
  auto chat =
      chat_of("{{ messages[0].content }}{{ {}.polluted }}{{ polluted }}{% if x is defined %}{{ x.a }}{% endif %}");
  ChatRequest request;
  request.messages_json = kHello;
  for (const char* extra :
       {R"({"__proto__": {"polluted": 1}})", R"({"constructor": {"prototype": {"polluted": 1}}})",
        R"({"x": {"__proto__": {"a": 1, "polluted": 1}}})", R"({"toString": 1, "valueOf": 1, "hasOwnProperty": 1})",
        R"({"raise_exception": 1, "namespace": 2, "range": 3, "strftime_now": 4, "dict": 5, "cycler": 6})",
        R"({"": 1, "\u0000": 2, "a b": 3, "{{": 4, "%}": 5})",
        R"({"y": [1e308, -1e308, 5e-324, 123456789012345678901]})",
        R"({"loop": 1, "self": 2, "true": false, "none": 3, "not": 4})"}) {
    request.extra_json = extra;
    EXPECT_EQ(chat.render(request), "hello") << extra;
  }
  const auto repeated = [](std::string_view text, size_t count) {
    std::string all;
    for (size_t i = 0; i < count; ++i) all += text;
    return all;
  };
  for (const std::string& deep :
       {"{\"a\":" + repeated("[", 1'000'000), repeated("{\"a\":", 200) + "1" + std::string(200, '}')}) {
    request.extra_json = deep;
    exogpu::testing::expect_error(chat.render(request), ErrorCode::invalid_argument, "nested more than");
  }
  std::string large;
  large.resize(20'000'000, 'x');
  request.extra_json = "{\"a\": \"" + large + "\"}";
  exogpu::testing::expect_error(chat.render(request), ErrorCode::invalid_argument, "more than the limit");
  // In the place of what templates call.
  auto calling = chat_of("{{ range(2) | list }}{{ namespace(a=1).a }}");
  request.extra_json = R"({"range": 3, "namespace": "x"})";
  const auto called = calling.render(request);
  EXPECT_TRUE(!called || called->size() < 100) << *called;
  for (auto* each : {&chat, &calling}) {
    request.extra_json.clear();
    EXPECT_TRUE(each->render(request)) << "the engine goes on";
  }
}

}  // namespace
}  // namespace exogpu::model
