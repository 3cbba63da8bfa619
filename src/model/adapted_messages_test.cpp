#include "model/adapted_messages.h"

#include <gtest/gtest.h>

#include "model/chat_template.h"

namespace exogpu::model {
namespace {

TEST(AdaptedMessages, APlainConversationHasNoOtherForm) {
  EXPECT_TRUE(adapted_messages(R"([{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}])").empty());
  EXPECT_TRUE(adapted_messages("").empty());
  EXPECT_TRUE(adapted_messages(R"([{"role":"user","content":[1]}])").empty());
}

TEST(AdaptedMessages, TheSystemsTextGoesBeforeTheUsers) {
  const auto forms = adapted_messages(
      R"([{"role":"system","content":"S"},{"role":"system","content":"T"},{"role":"user","content":"hi"}])");
  ASSERT_EQ(forms.size(), 2u);
  EXPECT_EQ(forms[0], R"([{"role":"system","content":"S\n\nT"},{"role":"user","content":"hi"}])");
  EXPECT_EQ(forms[1], R"([{"role":"user","content":"S\n\nT\n\nhi"}])");
  EXPECT_EQ(adapted_messages(R"([{"role":"system","content":"S"}])").back(), R"([{"role":"user","content":"S"}])");
}

TEST(AdaptedMessages, NeighboursAreMergedAndRolesNamed) {
  EXPECT_EQ(adapted_messages(R"([{"role":"user","content":"a"},{"role":"critic","content":"b"}])").front(),
            R"([{"role":"user","content":"a\n\nb"}])");
}

TEST(AdaptedMessages, CallsGetNumbersAndThenBecomeText) {
  const auto forms = adapted_messages(
      R"([{"role":"user","content":"a"},
          {"role":"assistant","content":"","tool_calls":[{"id":"call_1","function":{"name":"f","arguments":"{}"}}]},
          {"role":"tool","tool_call_id":"call_1","content":"42"}])");
  ASSERT_EQ(forms.size(), 2u);
  EXPECT_TRUE(forms[0].contains(R"("id":"000000000")")) << forms[0];
  EXPECT_TRUE(forms[0].contains(R"("tool_call_id":"000000000")")) << forms[0];
  EXPECT_FALSE(forms[1].contains(R"("role":"tool")")) << forms[1];
  EXPECT_TRUE(forms[1].contains(R"(tool_result)")) << forms[1];
}

TEST(AdaptedMessages, ATemplateThatRefusesASystemRendersOneOfThem) {
  auto strict = ChatTemplate::parse(
      "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
      "{{ raise_exception('roles must alternate') }}{% endif %}[{{ m.role }}]{{ m.content }}{% endfor %}",
      "", "");
  ASSERT_TRUE(strict);
  ChatRequest request{.messages_json = R"([{"role":"system","content":"S"},{"role":"user","content":"a"},
      {"role":"user","content":"b"},{"role":"assistant","content":"c"}])",
                      .tools_json = "",
                      .extra_json = "",
                      .now = {}};
  EXPECT_FALSE(strict->render(request));
  const auto rendered = strict->render_adapted(request);
  ASSERT_TRUE(rendered) << rendered.error().message;
  EXPECT_EQ(*rendered, "[user]S\n\na\n\nb[assistant]c");
  auto never = ChatTemplate::parse("{{ raise_exception('never') }}", "", "");
  const auto refused = never->render_adapted(request);
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.contains("never"));
}

}  // namespace
}  // namespace exogpu::model
