// The HTTP server with the test's words in place of a model: what it measures, or tests of clients talk to, is the
// server alone. Prints its URL, serves until its standard input ends.
//
//   api_server [TOKENS_PER_SECOND_OF_EACH_ANSWER]
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <print>

#include "api/server.h"
#include "api/testing/words_service.h"

int main(int argc, char** argv) {
  const double rate_hz = argc > 1 ? std::atof(argv[1]) : 50;
  if (!(rate_hz > 0.01 && rate_hz <= 1e6)) {
    std::println(stderr, "usage: api_server [TOKENS_PER_SECOND]   (0.01 to 1000000)");
    return 2;
  }
  exogpu::api::testing::WordsService service(std::chrono::microseconds(static_cast<int64_t>(1e6 / rate_hz)));
  auto server = exogpu::api::Server::start({}, service);
  if (!server) {
    std::println(stderr, "{}", server.error().message);
    return 1;
  }
  std::println("{}", server->url());
  std::fflush(stdout);
  char unused[256];
  while (read(STDIN_FILENO, unused, sizeof(unused)) > 0) {
  }
  server->shutdown(std::chrono::seconds(1));
  return 0;
}
