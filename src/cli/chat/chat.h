// The conversation in the terminal: `exogpu run MODEL` without a prompt on the command line.
#pragma once

#include "base/result.h"
#include "cli/chat/chat_backend.h"

namespace exogpu::cli {

struct ChatOptions {
  ChatSettings settings;  // initial settings; /set changes them
  std::string system;     // initial system message; empty: none
};

// Reads messages and commands until the user leaves. If input and output are terminals, it has a line editor with
// history, and Ctrl-C stops an answer. Otherwise each line of standard input is one message or command; answers go to
// standard output, everything else to standard error.
// Errors: without a terminal, the first answer that fails; in a terminal the user sees the error and continues.
Result<void> run_chat(ChatBackend& backend, const ChatOptions& options);

}  // namespace exogpu::cli
