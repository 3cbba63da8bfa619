#include "model/answer/answer_form.h"

namespace exogpu::model {

AnswerForm AnswerForm::of(std::string_view chat_template) {
  AnswerForm form;
  form.harmony = chat_template.contains("<|channel|>") && chat_template.contains("<|message|>");
  if (form.harmony) return form;
  for (const MarkPair& marks : kCallMarks) {
    const bool functionary = marks.open == ">>>";
    if (functionary ? chat_template.contains(">>>all") : chat_template.contains(marks.open))
      form.calls.push_back(marks);
    if (functionary) form.begins_with_name = chat_template.contains(">>>all");
  }
  return form;
}

std::vector<std::string_view> AnswerForm::marks(bool with_calls) const {
  std::vector<std::string_view> marks;
  if (harmony) return {"<|channel|>", "<|message|>", "<|start|>", "<|constrain|>", "<|end|>"};
  for (const MarkPair& pair : kReasoningMarks) marks.insert(marks.end(), {pair.open, pair.close});
  if (!with_calls) return marks;
  for (const MarkPair& pair : calls) {
    marks.push_back(pair.open);
    if (!pair.close.empty()) marks.push_back(pair.close);
  }
  if (!calls.empty()) marks.insert(marks.end(), kInnerMarks.begin(), kInnerMarks.end());
  return marks;
}

std::string_view open_reasoning(std::string_view prompt) {
  prompt = prompt.substr(0, prompt.find_last_not_of(" \t\r\n") + 1);
  for (const MarkPair& marks : kReasoningMarks) {
    if (prompt.ends_with(marks.open)) return marks.close;
  }
  return {};
}

std::string_view unclosed_reasoning(std::string_view answer) {
  for (const MarkPair& marks : kReasoningMarks) {
    if (without_blanks_before(answer).starts_with(marks.open) && !answer.contains(marks.close)) return marks.close;
  }
  return {};
}

}  // namespace exogpu::model
