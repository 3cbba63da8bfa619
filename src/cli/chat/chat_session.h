// One conversation: its messages, and the effect of each input on it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/chat/chat.h"
#include "cli/chat/input_lines.h"
#include "cli/chat/screen.h"
#include "cli/chat/slash_command.h"

namespace exogpu::cli {

class ChatSession {
 public:
  // Both references must outlive the session. `interruptible`: Ctrl-C stops an answer instead of the program.
  ChatSession(ChatBackend& backend, Screen& screen, ChatOptions options, bool interruptible);

  enum class Next { go_on, leave };

  // Answers a message or obeys a command. Blank input has no effect.
  // Errors: invalid_argument (not UTF-8, not a command), those of the backend, of /set and of /save. The conversation
  // is not changed by a failure.
  Result<Next> handle(const TypedInput& input);

 private:
  Result<void> send(std::string text);
  Result<void> set(const Set& command);
  void show_help();
  void show_stats();
  void system(const System& command);
  Result<void> save(const Save& command);

  std::vector<ChatMessage> conversation() const;  // including the system message
  void note_reason(engine::FinishReason reason);

  ChatBackend& backend_;
  Screen& screen_;
  const ChatSettings defaults_;
  ChatSettings settings_;
  std::string system_;
  bool interruptible_;
  std::vector<ChatMessage> messages_;  // user and assistant alternate
  std::optional<engine::GenerateStats> last_;
  engine::GenerateStats total_;
  size_t answers_ = 0;
};

}  // namespace exogpu::cli
