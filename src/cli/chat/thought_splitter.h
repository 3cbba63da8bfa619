// Separates a model's thoughts from its answer while both arrive.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace exogpu::cli {

enum class AnswerPart { answer, thought, tag };  // tag: the "<think>" or "</think>" itself

// A thought is the text between <think> and </think> (or similar tags) at the start of an answer; later tags are plain
// text. The parts together are the input.
class ThoughtSplitter {
 public:
  using Sink = std::function<void(AnswerPart part, std::string_view text)>;

  // Passes on what is certain; the possible beginning of a tag waits for more input.
  void feed(std::string_view text, const Sink& sink);
  // The text has ended: passes on what still waits.
  void finish(const Sink& sink);

 private:
  void read_head(const Sink& sink);
  void read_thought(const Sink& sink);

  enum class State { head, thought, answer } state_ = State::head;
  std::string waiting_;
  std::string_view closing_;  // the tag that ends the thought
};

}  // namespace exogpu::cli
