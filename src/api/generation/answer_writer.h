// Writes the answers to one request in a surface's own form: whole, or as the events of a stream.
#pragma once

#include <string>
#include <string_view>

#include "api/generation/mailbox.h"
#include "api/json/api_error.h"

namespace exogpu::api {

// One for each request; one thread at a time. A request uses either events() or collect() and whole().
class AnswerWriter {
 public:
  AnswerWriter() = default;
  AnswerWriter(const AnswerWriter&) = delete;
  AnswerWriter& operator=(const AnswerWriter&) = delete;
  virtual ~AnswerWriter() = default;

  // The Content-Type of a stream.
  virtual std::string_view stream_type() const { return "text/event-stream; charset=utf-8"; }
  // What an idle stream sends, so that nobody takes it for dead; empty: nothing.
  virtual std::string keep_alive() const { return ": waiting\n\n"; }

  // The bytes of the stream for the next delivery; may be empty. The first delivery has `prompt_tokens`. The last one
  // has `ended`: what closes the stream belongs to it. An error is part of the stream, too.
  virtual std::string events(Delivery delivery) = 0;

  // For an answer that is sent whole: collect() takes each delivery, none of which has an error; whole() returns the
  // JSON body after the last one.
  virtual void collect(Delivery delivery) = 0;
  virtual std::string whole() const = 0;

  // The body of a reply with error.status instead of an answer.
  virtual std::string error(const ApiError& error) const { return to_json(error); }
};

}  // namespace exogpu::api
