// The conversation as a file.
#pragma once

#include <filesystem>
#include <span>

#include "base/result.h"
#include "cli/chat/chat_backend.h"

namespace exogpu::cli {

// Writes a new file: a JSON array of messages if its name ends in .json, else text with a heading for each message.
// "~/" at the start of `path` is the user's home.
// Errors: already_exists (the file is not replaced), failed_precondition (there is nothing to save), io_error.
Result<std::filesystem::path> save_transcript(std::span<const ChatMessage> conversation, std::string_view path);

}  // namespace exogpu::cli
