// Readers for the arguments of one tool call, in the notations that models use. What they write is JSON.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "model/answer/json_progress.h"
#include "model/answer/piece_writer.h"
#include "model/answer/tool_shape.h"

namespace exogpu::model {

class ArgumentsReader {
 public:
  ArgumentsReader() = default;
  ArgumentsReader(const ArgumentsReader&) = delete;
  ArgumentsReader& operator=(const ArgumentsReader&) = delete;
  virtual ~ArgumentsReader() = default;

  // Removes from `rest` what it has read. True: the call is complete. False: all that is certain was read, and more
  // input is needed; with `ended`, the answer was cut off here.
  virtual bool read(std::string_view& rest, bool ended, PieceWriter& out) = 0;
};

// A JSON object. `outer` has read the text of the object around it up to here, or nothing if there is none. If the
// model makes an error, what it writes until the next mark is passed on as it is.
std::unique_ptr<ArgumentsReader> read_object(const JsonProgress& outer);

// Parameters between tags, each with its key.
struct ParameterTags {
  std::string_view key_open, key_close;  // around the key
  std::string_view value_open;           // behind the key; may be empty
  std::string_view value_close;
  std::string_view end;  // of the call
};
inline constexpr ParameterTags kFunctionTags{"<parameter=", ">", "", "</parameter>", "</function>"};
inline constexpr ParameterTags kInvokeTags{"<parameter name=\"", "\">", "", "</parameter>", "</invoke>"};
inline constexpr ParameterTags kArgKeyTags{"<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>", "</tool_call>"};

// A value is text if `tool` declares it so; otherwise what is valid JSON is taken as such. `tool` may be null.
// The end of the call is left in `rest` if `leaves_end`.
std::unique_ptr<ArgumentsReader> read_parameters(const ParameterTags& tags, const ToolShape* tool, bool leaves_end);

}  // namespace exogpu::model
