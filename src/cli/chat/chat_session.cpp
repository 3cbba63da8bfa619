#include "cli/chat/chat_session.h"

#include <stop_token>
#include <utility>

#include "base/units.h"
#include "base/utf8.h"
#include "cli/chat/interrupts.h"
#include "cli/chat/settings.h"
#include "cli/chat/transcript.h"

namespace exogpu::cli {
namespace {

double per_second(uint32_t tokens, std::chrono::duration<double> time) {
  return time.count() > 0 ? tokens / time.count() : 0;
}

// Two lines, each behind a column of 14.
std::string stats_lines(std::string_view name, const engine::GenerateStats& stats) {
  const uint32_t computed = stats.prompt_tokens - stats.prompt_reused;
  return std::format(
      "{:<14}prompt {} tokens, {} of them new: {:.2f} s, {:.1f} tokens/s\n{:<14}answer {} tokens: {:.2f} s, {:.1f} "
      "tokens/s",
      name, format_count(stats.prompt_tokens), format_count(computed), stats.prompt_time.count(),
      per_second(computed, stats.prompt_time), "", format_count(stats.answer_tokens), stats.answer_time.count(),
      per_second(stats.answer_tokens, stats.answer_time));
}

void add(engine::GenerateStats& total, const engine::GenerateStats& stats) {
  total.prompt_tokens += stats.prompt_tokens;
  total.prompt_reused += stats.prompt_reused;
  total.answer_tokens += stats.answer_tokens;
  total.prompt_time += stats.prompt_time;
  total.answer_time += stats.answer_time;
}

template <typename... Functions>
struct Overloaded : Functions... {
  using Functions::operator()...;
};

}  // namespace

ChatSession::ChatSession(ChatBackend& backend, Screen& screen, ChatOptions options, bool interruptible)
    : backend_(backend),
      screen_(screen),
      defaults_(std::move(options.settings)),
      settings_(defaults_),
      system_(std::move(options.system)),
      interruptible_(interruptible) {}

Result<ChatSession::Next> ChatSession::handle(const TypedInput& typed) {
  if (!is_utf8(typed.text)) return fail(ErrorCode::invalid_argument, "the input is not UTF-8 text");
  const bool is_blank = typed.text.find_first_not_of(" \t\r\n") == std::string::npos;
  Input input = SendMessage{typed.text};
  if (is_blank || !typed.is_message) {
    EXO_TRY(input, parse_input(typed.text));
  }
  Result<void> done;
  bool leaves = false;
  std::visit(Overloaded{
                 [](const Nothing&) {},
                 [&](SendMessage& message) { done = send(std::move(message.text)); },
                 [&](const ShowHelp&) { show_help(); },
                 [&](const Clear&) {
                   messages_.clear();
                   screen_.note("The conversation is forgotten.");
                 },
                 [&](const System& command) { system(command); },
                 [&](const Set& command) { done = set(command); },
                 [&](const ShowStats&) { show_stats(); },
                 [&](const Save& command) { done = save(command); },
                 [&](const Leave&) { leaves = true; },
             },
             input);
  if (!done) return std::unexpected(std::move(done).error());
  return leaves ? Next::leave : Next::go_on;
}

Result<void> ChatSession::send(std::string text) {
  messages_.push_back({"user", std::move(text)});
  std::string answer;
  ThoughtSplitter splitter;
  const auto show = [this](AnswerPart part, std::string_view piece) { screen_.answer(part, piece); };
  std::stop_source stopping;
  const auto on_text = [&](std::string_view piece) {
    answer += piece;
    splitter.feed(piece, show);
    if (!screen_.written()) stopping.request_stop();  // nobody can read the rest
  };

  Result<engine::GenerateStats> stats;
  {
    std::optional<Interrupts> interrupts;
    if (interruptible_) interrupts.emplace();
    const std::stop_callback on_interrupt(interrupts ? interrupts->token() : std::stop_token(),
                                          [&stopping] { stopping.request_stop(); });
    stats = backend_.answer(conversation(), settings_, on_text, stopping.get_token());
  }
  splitter.finish(show);
  screen_.end_answer();

  if (const auto written = screen_.written(); !written) stats = std::unexpected(written.error());
  if (!stats) {
    messages_.pop_back();
    return std::unexpected(std::move(stats).error());
  }
  last_ = *stats;
  add(total_, *stats);
  ++answers_;
  if (answer.empty() && stats->reason == engine::FinishReason::cancelled) {
    messages_.pop_back();
    screen_.remark("[stopped before the answer began; the message is forgotten]");
    return {};
  }
  messages_.push_back({"assistant", std::move(answer)});
  note_reason(stats->reason);
  return {};
}

void ChatSession::note_reason(engine::FinishReason reason) {
  switch (reason) {
    case engine::FinishReason::cancelled: screen_.remark("[stopped]"); break;
    case engine::FinishReason::length:
      screen_.remark(std::format("[ended by max_tokens, which is {}]", settings_.generate.tokens_max));
      break;
    case engine::FinishReason::context_full:
      screen_.remark(std::format("[the context of {} tokens is full; /clear starts again]",
                                 format_count(backend_.context_tokens())));
      break;
    case engine::FinishReason::end_of_text:
    case engine::FinishReason::stop_string: break;
  }
}

std::vector<ChatMessage> ChatSession::conversation() const {
  std::vector<ChatMessage> all;
  if (!system_.empty()) all.push_back({"system", system_});
  all.insert(all.end(), messages_.begin(), messages_.end());
  return all;
}

void ChatSession::system(const System& command) {
  if (command.text) {
    system_ = *command.text;
    screen_.note(system_.empty() ? "There is no system message now." : "The system message is set.");
  } else if (system_.empty()) {
    screen_.note("There is no system message.");
  } else {
    screen_.note(terminal_text(system_));
  }
}

Result<void> ChatSession::set(const Set& command) {
  if (command.name.empty()) {
    std::string all;
    for (const SettingLine& line : list_settings(settings_)) {
      all += std::format("{}{:<18} {:<6} {}", all.empty() ? "" : "\n", line.name, line.value, line.help);
    }
    screen_.note(all);
    return {};
  }
  if (!command.value.empty()) EXO_CHECK(change_setting(settings_, command.name, command.value, defaults_));
  EXO_TRY(const SettingLine line, find_setting(settings_, command.name));
  screen_.note(std::format("{} is {}", line.name, line.value));
  return {};
}

Result<void> ChatSession::save(const Save& command) {
  EXO_TRY(const auto path, save_transcript(conversation(), command.path));
  screen_.note("Saved to " + printable(path.string()));
  return {};
}

void ChatSession::show_stats() {
  if (!last_) {
    screen_.note("There is no answer yet.");
    return;
  }
  screen_.note(stats_lines("last answer", *last_));
  if (answers_ > 1) screen_.note(stats_lines(std::format("{} answers", answers_), total_));
  screen_.note(std::format("{:<14}{} of {} tokens", "context",
                           format_count(last_->prompt_tokens + last_->answer_tokens),
                           format_count(backend_.context_tokens())));
}

void ChatSession::show_help() {
  std::string help;
  for (const SlashCommand& command : slash_commands()) {
    help += std::format("{:<20}{}\n", std::format("{} {}", command.name, command.arguments), command.help);
  }
  help +=
      "A line of \"\"\" begins a message of several lines and ends it; a backslash at the end\nof a line goes on too.";
  if (interruptible_) help += " Ctrl-C stops an answer or drops a line.";
  screen_.note(help);
}

}  // namespace exogpu::cli
