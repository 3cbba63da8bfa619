// Tries pairing codes at a node as a machine of its network that guesses. Started by scripts/pairing-scan.
//
//   pairing_codes HOST PORT COUNT [AT_ONCE]
//
// Prints one JSON object: how many were tried within how many seconds, with how many the node got enough to compare
// them with its code, how many were right, and the node's answers, each with its count.
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdlib>
#include <map>
#include <nlohmann/json.hpp>
#include <print>
#include <string>

#include "net/tcp/join.h"

namespace {

using namespace exogpu;

struct Attempts {
  std::string host;
  uint16_t port = 0;
  uint64_t left = 0;
  uint64_t tried = 0, guessed = 0, let_in = 0;
  std::map<std::string, uint64_t> answers;
};

// One after the other, until none is left.
void attempt(boost::asio::io_context& context, Attempts& all) {
  if (all.left == 0) return;
  --all.left;
  auto code = security::PairingCode::random();
  if (!code) std::exit(1);
  net::pair_with(context.get_executor(), all.host, all.port, {.code = *std::move(code), .name = "guesser"},
                 [&](net::PairingEnd end) {
                   ++all.tried;
                   if (end.guessed) ++all.guessed;
                   if (end.membership) ++all.let_in;
                   ++all.answers[end.membership ? "let in" : end.membership.error().message];
                   attempt(context, all);
                 });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::println(stderr, "usage: pairing_codes HOST PORT COUNT [AT_ONCE]");
    return 2;
  }
  Attempts all{.host = argv[1],
               .port = static_cast<uint16_t>(std::atoi(argv[2])),
               .left = static_cast<uint64_t>(std::atoll(argv[3])),
               .answers = {}};
  const int at_once = argc > 4 ? std::atoi(argv[4]) : 4;
  boost::asio::io_context context;
  const auto begun = std::chrono::steady_clock::now();
  for (int i = 0; i < at_once; ++i) attempt(context, all);
  context.run();
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begun).count();
  std::println("{}", nlohmann::json{{"tried", all.tried},
                                    {"seconds", seconds},
                                    {"guessed", all.guessed},
                                    {"let_in", all.let_in},
                                    {"answers", all.answers}}
                         .dump(2));
  return 0;
}
