// Other forms of a conversation, for templates that refuse what clients send.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace exogpu::model {

// Forms to try one after another, each further from what was sent, without those that change nothing:
// - unknown roles become the user's, and neighbours of one role become one message;
// - ids of tool calls become nine digits, which Mistral's templates require;
// - the system's text goes before that of the user's next message;
// - all of these, and tool calls and their results become texts, as JSON.
// Empty if `messages_json` is no array of messages.
std::vector<std::string> adapted_messages(std::string_view messages_json);

}  // namespace exogpu::model
