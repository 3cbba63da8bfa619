// The chat template of a model: messages and tools in, one prompt text out. Runs the file's own Jinja.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "base/units.h"
#include "model/gguf.h"

namespace exogpu::model {

// What a template may take before it is stopped.
struct ChatLimits {
  Bytes memory = 64 * MiB;                 // to begin with; a long conversation adds to it in proportion
  std::chrono::milliseconds time{10'000};  // for one render
};

struct ChatRequest {
  std::string messages_json;  // OpenAI-style array of messages
  std::string tools_json;     // OpenAI-style array of tools, or empty; an empty array is no tools
  bool add_generation_prompt = true;
  // The text of the last message where the prompt is to end with it, for the model to go on; add_generation_prompt is
  // off then. Blank: a new turn.
  std::string answer_so_far{};
  std::string extra_json;  // an object of further variables, or empty: {"enable_thinking": false}
  // The date that a template's strftime_now tells, in local time; the time of the call when empty.
  std::optional<std::chrono::system_clock::time_point> now;
};

// A template that is used in place of the one in the model's file.
struct TemplateText {
  std::string name;  // where it is from, for errors
  std::string text;
};

// Errors: not_found, permission_denied, invalid_argument (no regular file, empty, or larger than a template may be).
Result<TemplateText> read_template(const std::filesystem::path& path);

// One thread at a time; create one per thread.
class ChatTemplate {
 public:
  // The template of tokenizer.chat_template, with bos_token, eos_token and the like taken from the vocabulary; where
  // the file has one named tool_use, that is used when tools are given. A file without a template gets ChatML. With
  // `replacement` no template of the file is used.
  // Errors: corrupt (the template does not parse; says where), resource_exhausted.
  static Result<ChatTemplate> load(const Gguf& file, const ChatLimits& limits = {},
                                   const std::optional<TemplateText>& replacement = std::nullopt);
  static Result<ChatTemplate> parse(std::string source, std::string_view bos_token, std::string_view eos_token,
                                    const ChatLimits& limits = {});

  ChatTemplate(ChatTemplate&&) noexcept;
  ChatTemplate& operator=(ChatTemplate&&) noexcept;
  ~ChatTemplate();

  // Whether this is ChatML, since there was no template.
  bool is_default() const;

  // Renders as apply_chat_template of Hugging Face's transformers does. A tool call's arguments may be an object or the
  // JSON text of one; the template gets what it asks for.
  // Errors: invalid_argument (bad JSON, the template's own raise_exception: its words are in the message, or
  // `answer_so_far` that the template changes),
  // resource_exhausted (the template ran too long or took too much memory; the next render starts afresh).
  Result<std::string> render(const ChatRequest& request);

  struct Impl;

 private:
  explicit ChatTemplate(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace exogpu::model
