#include "cli/chat/transcript.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

namespace exogpu::cli {
namespace {

using Json = nlohmann::ordered_json;

std::string as_json(std::span<const ChatMessage> conversation) {
  Json all = Json::array();
  for (const ChatMessage& message : conversation) all.push_back({{"role", message.role}, {"content", message.content}});
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string as_text(std::span<const ChatMessage> conversation) {
  std::string out;
  for (const ChatMessage& message : conversation) {
    out += std::format("{}## {}\n\n{}\n", out.empty() ? "" : "\n", message.role, message.content);
  }
  return out;
}

std::filesystem::path resolved(std::string_view path) {
  const char* home = std::getenv("HOME");
  if (home && path.starts_with("~/")) return std::filesystem::path(home) / path.substr(2);
  return path;
}

}  // namespace

Result<std::filesystem::path> save_transcript(std::span<const ChatMessage> conversation, std::string_view path) {
  if (conversation.empty()) return fail(ErrorCode::failed_precondition, "there is no conversation to save yet");
  const std::filesystem::path target = resolved(path);
  const std::string text = target.extension() == ".json" ? as_json(conversation) : as_text(conversation);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(target.c_str(), "wx"), &std::fclose);
  if (!file && errno == EEXIST) {
    return fail(ErrorCode::already_exists, "{}: already exists; save under another name", target.string());
  }
  const bool written =
      file && std::fwrite(text.data(), 1, text.size(), file.get()) == text.size() && std::fflush(file.get()) == 0;
  if (!written) return fail(ErrorCode::io_error, "{}: cannot write: {}", target.string(), std::strerror(errno));
  return target;
}

}  // namespace exogpu::cli
