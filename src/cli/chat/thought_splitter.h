// Tells a model's thoughts from its answer while both stream in.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace exogpu::cli {

enum class AnswerPart { answer, thought, tag };  // tag: the "<think>" or "</think>" itself

// A thought is what stands at the head of an answer between <think> and </think> or the like; the same tags further
// down are text. The parts together are the text that came in.
class ThoughtSplitter {
 public:
  using Sink = std::function<void(AnswerPart part, std::string_view text)>;

  // Hands on what is certain; the beginning of what may become a tag waits for more.
  void feed(std::string_view text, const Sink& sink);
  // The text is over: hands on what still waits.
  void finish(const Sink& sink);

 private:
  void read_head(const Sink& sink);
  void read_thought(const Sink& sink);

  enum class State { head, thought, answer } state_ = State::head;
  std::string waiting_;
  std::string_view closing_;  // the tag that ends the thought
};

}  // namespace exogpu::cli
