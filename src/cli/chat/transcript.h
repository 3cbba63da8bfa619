// The conversation as a file.
#pragma once

#include <filesystem>
#include <span>

#include "base/result.h"
#include "cli/chat/chat_backend.h"

namespace exogpu::cli {

// A new file: a JSON array of messages when its name ends in .json, else text with a heading for each message. A "~/"
// at its beginning is the user's home. Errors: already_exists (it is not replaced), failed_precondition (there is
// nothing to save), io_error.
Result<std::filesystem::path> save_transcript(std::span<const ChatMessage> conversation, std::string_view path);

}  // namespace exogpu::cli
