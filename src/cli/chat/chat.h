// The conversation at the terminal: what `exogpu run MODEL` does without a prompt on the command line.
#pragma once

#include "base/result.h"
#include "cli/chat/chat_backend.h"

namespace exogpu::cli {

struct ChatOptions {
  ChatSettings settings;  // to begin with; /set changes them
  std::string system;     // the system message to begin with; empty: none
};

// Reads messages and commands until the user leaves. With a terminal on both sides this is an editor with history and
// Ctrl-C stops an answer; otherwise each line of standard input is one message or command, answers go to standard
// output and everything else to standard error.
// Errors: where input is no terminal, the first answer that fails; at a terminal the user sees it and goes on.
Result<void> run_chat(ChatBackend& backend, const ChatOptions& options);

}  // namespace exogpu::cli
