// The whole chat in a process of its own: on a terminal, and with pipes for input and output.
#include "cli/chat/chat.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "cli/chat/echo_backend.h"

namespace exogpu::cli {
namespace {

using namespace std::chrono_literals;

[[noreturn]] void chat_and_exit(const ChatOptions& options) {
  testing::EchoBackend backend;
  const auto done = run_chat(backend, options);
  if (!done) std::fprintf(stderr, "exogpu: %s\n", done.error().message.c_str());
  std::fflush(nullptr);
  _exit(done ? 0 : 1);
}

ChatOptions with_system(std::string text) {
  ChatOptions options;
  options.system = std::move(text);
  return options;
}

class Chat : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "exogpu-chat-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
    setenv("XDG_STATE_HOME", name.c_str(), 1);
    setenv("TERM", "xterm", 1);
    unsetenv("NO_COLOR");
  }
  void TearDown() override {
    if (terminal_ >= 0) close(terminal_);
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    std::filesystem::remove_all(folder_);
  }

  void start(const ChatOptions& options = {}, bool ignores_hang_up = false) {
    winsize size = {.ws_row = 50, .ws_col = 200, .ws_xpixel = 0, .ws_ypixel = 0};
    child_ = forkpty(&terminal_, nullptr, nullptr, &size);
    if (child_ == 0) {
      if (ignores_hang_up) signal(SIGHUP, SIG_IGN);
      chat_and_exit(options);
    }
    ASSERT_GT(child_, 0);
    expect("Ctrl-D leaves.");
  }

  void type(std::string_view keys) {
    ASSERT_EQ(write(terminal_, keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  // Reads on until `text` has come after what was expected before.
  void expect(std::string_view text) {
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    while (true) {
      if (const size_t at = output_.find(text); at != std::string::npos) {
        output_.erase(0, at + text.size());
        return;
      }
      pollfd ready = {.fd = terminal_, .events = POLLIN, .revents = 0};
      poll(&ready, 1, 100);
      char buffer[4096];
      const ssize_t n = ready.revents != 0 ? read(terminal_, buffer, sizeof(buffer)) : 0;
      if (n > 0) output_.append(buffer, static_cast<size_t>(n));
      if (n < 0 || std::chrono::steady_clock::now() > give_up) FAIL() << "no \"" << text << "\" in: " << output_;
    }
  }

  // At a prompt: what is typed while there is none is not taken for a line.
  void type_line(std::string_view line) {
    expect("> ");
    enter(line);
  }
  void continue_line(std::string_view line) {
    expect(". ");
    enter(line);
  }
  void enter(std::string_view line) {
    type(line);
    expect(line.substr(line.find_last_of(' ') + 1));  // its end, for a command is coloured
    type("\r");
    expect("\n");
  }

  void close_terminal() {
    close(terminal_);
    terminal_ = -1;
  }
  void send(int which) { kill(child_, which); }
  bool terminal_is_cooked() const {
    termios mode = {};
    return tcgetattr(terminal_, &mode) == 0 && (mode.c_lflag & ICANON) != 0 && (mode.c_lflag & ECHO) != 0;
  }

  // Of the program that ends, within seconds; 0 if it was no signal.
  int ending_signal() {
    int status = 0;
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    while (waitpid(child_, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > give_up) return -1;
      std::this_thread::sleep_for(10ms);
    }
    child_ = -1;
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  }

  int exit_status() {
    int status = 0;
    const auto give_up = std::chrono::steady_clock::now() + 20s;
    while (waitpid(child_, &status, WNOHANG) == 0) {
      if (std::chrono::steady_clock::now() > give_up) return -1;
      // A terminal that nobody reads would hold the program up.
      pollfd ready = {.fd = terminal_, .events = POLLIN, .revents = 0};
      poll(&ready, 1, 50);
      char buffer[4096];
      if (ready.revents & POLLIN) [[maybe_unused]]
        auto n = read(terminal_, buffer, sizeof(buffer));
    }
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  struct Piped {
    int status = -1;
    std::string out;
    std::string notes;
  };

  // The chat with `input` for its standard input, and its answers in `output` or in a file that is read back.
  Piped piped(std::string_view input, const ChatOptions& options = {}, std::string output = {}) {
    if (output.empty()) output = folder_ / "out";
    std::ofstream(folder_ / "in") << input;
    std::fflush(nullptr);  // or the child would print it again
    const pid_t child = fork();
    if (child == 0) {
      dup2(open((folder_ / "in").c_str(), O_RDONLY), STDIN_FILENO);
      dup2(open(output.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDOUT_FILENO);
      dup2(open((folder_ / "notes").c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), STDERR_FILENO);
      chat_and_exit(options);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return {.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1,
            .out = output == "/dev/full" ? "" : read_file(output),
            .notes = read_file(folder_ / "notes")};
  }

  static std::string read_file(const std::filesystem::path& path) {
    std::ostringstream text;
    text << std::ifstream(path).rdbuf();
    return text.str();
  }

  std::filesystem::path folder_;

 private:
  pid_t child_ = -1;
  int terminal_ = -1;
  std::string output_;
};

TEST_F(Chat, AnswersOnATerminal) {
  start(with_system("S"));
  type_line("hello");
  expect("2 messages, system: S, temperature 0.8: hello");
  type_line("/set temperature 0.25");
  expect("temperature is 0.25");
  type_line("/system -");
  expect("no system message");
  type_line("again");
  expect("3 messages, temperature 0.25: again");
  type_line("/clear");
  expect("forgotten");
  type_line("first");
  expect("1 messages, temperature 0.25: first");
  type_line("/exit");
  EXPECT_EQ(exit_status(), 0);
}

TEST_F(Chat, CtrlCStopsTheAnswerAndNotTheProgram) {
  start();
  type_line("slow");
  expect("tick tick");
  type("\x03");
  expect("[stopped]");
  type_line("more");
  expect("3 messages, temperature 0.8: more");
  type_line("/exit");
  EXPECT_EQ(exit_status(), 0);
}

TEST_F(Chat, EndsWithItsTerminal) {
  start();
  expect("> ");
  close_terminal();
  EXPECT_EQ(ending_signal(), SIGHUP);
}

TEST_F(Chat, EndsWithItsTerminalWhereTheSignalIsIgnored) {
  start({}, true);
  expect("> ");
  close_terminal();
  EXPECT_EQ(ending_signal(), SIGHUP);
}

TEST_F(Chat, EndsWithItsTerminalInAnAnswer) {
  start({}, true);
  type_line("slow");
  expect("tick tick");
  close_terminal();
  EXPECT_NE(ending_signal(), -1);
}

TEST_F(Chat, ASignalEndsItAndRestoresTheTerminal) {
  start();
  expect("> ");
  EXPECT_FALSE(terminal_is_cooked());
  send(SIGTERM);
  EXPECT_EQ(ending_signal(), SIGTERM);
  EXPECT_TRUE(terminal_is_cooked());
}

TEST_F(Chat, CtrlDLeaves) {
  start();
  expect("> ");
  type("\x04");
  EXPECT_EQ(exit_status(), 0);
}

TEST_F(Chat, AFailedAnswerIsForgottenAndTheChatContinues) {
  start();
  type_line("fail");
  expect("the prompt is too long");
  type_line("next");
  expect("1 messages, temperature 0.8: next");
}

TEST_F(Chat, ShowsThoughtsDimmedAndNothingDangerous) {
  start();
  type_line("think");
  expect("\033[2mponder");
  expect("\033[0m");
  expect("told");
  type_line("escape");
  expect("a\\x1b]0;title\\x07\\x7f");
}

TEST_F(Chat, TakesSeveralLines) {
  start();
  type_line("\"\"\"");
  continue_line("/one");
  continue_line("two\"\"\"");
  expect("/one\r\ntwo");
}

TEST_F(Chat, CompletesCommands) {
  start();
  expect("> ");
  type("/cl\t");
  expect("/clear");
  type("\r");
  expect("forgotten");
}

TEST_F(Chat, RemembersWhatWasTyped) {
  start();
  type_line("remember me");
  expect("1 messages, temperature 0.8: remember me");
  type_line("/exit");
  EXPECT_EQ(exit_status(), 0);
  const auto history = folder_ / "exogpu" / "history";
  EXPECT_TRUE(read_file(history).contains("remember me"));
  EXPECT_EQ(std::filesystem::status(history).permissions() & std::filesystem::perms(077), std::filesystem::perms::none);

  start();
  expect("> ");
  type("\033[A\033[A");  // twice up: past /exit
  expect("remember me");
  type("\r");
  expect("1 messages, temperature 0.8: remember me");
}

TEST_F(Chat, WorksWithoutATerminal) {
  const Piped run = piped("hello\n\n/set seed 7\nand\\\nmore\r\nthink\n/stats\n", with_system("S"));
  EXPECT_EQ(run.status, 0) << run.notes;
  EXPECT_EQ(run.out,
            "2 messages, system: S, temperature 0.8: hello\n"
            "4 messages, system: S, temperature 0.8: and\nmore\n"
            "<think>\npondering\n</think>\n\ntold\n");
  EXPECT_TRUE(run.notes.starts_with("seed is 7\nlast answer   prompt 12 tokens")) << run.notes;
  EXPECT_FALSE((run.out + run.notes).contains('\033'));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "exogpu"));
}

TEST_F(Chat, WithoutATerminalTheFirstErrorEndsIt) {
  Piped run = piped("fail\nnever\n");
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.notes, "exogpu: the prompt is too long\n");
  run = piped("/frobnicate\nnever\n");
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(run.out, "");
  run = piped("\xff\n");
  EXPECT_EQ(run.status, 1);
  EXPECT_TRUE(run.notes.contains("not UTF-8")) << run.notes;
}

TEST_F(Chat, AnAnswerThatCannotBeWrittenEndsIt) {
  const Piped run = piped("slow\nnever\n", {}, "/dev/full");  // "slow" ends only on request
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(run.notes, "exogpu: cannot write the answer: No space left on device\n");
}

TEST_F(Chat, ExitEndsAScript) {
  const Piped run = piped("one\n/exit\ntwo\n");
  EXPECT_EQ(run.status, 0);
  EXPECT_EQ(run.out, "1 messages, temperature 0.8: one\n");
}

}  // namespace
}  // namespace exogpu::cli
