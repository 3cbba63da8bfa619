// exogpu tokenize: converts text from standard input to token ids, and back.
#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/units.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/open_model.h"
#include "cli/output.h"
#include "model/tokenizer/tokenizer.h"

namespace exogpu::cli {
namespace {

constexpr size_t kInputMax = GiB;

struct Options {
  std::string model;
  bool json = false, pieces = false, special = false, bos = false, decode = false;
};

// Reads all of standard input, byte for byte.
Result<std::string> read_input() {
  std::string text;
  std::vector<char> block(64 * KiB);
  while (size_t n = std::fread(block.data(), 1, block.size(), stdin)) {
    text.append(block.data(), n);
    if (text.size() > kInputMax)
      return fail(ErrorCode::invalid_argument, "the text is longer than {}; split it", format_bytes(kInputMax));
  }
  if (std::ferror(stdin) != 0)
    return fail(ErrorCode::io_error, "standard input cannot be read: {}", std::strerror(errno));
  return text;
}

// Ids separated by white space, commas or brackets: the output of this command, plain or as JSON.
Result<std::vector<model::TokenId>> parse_ids(std::string_view text, uint32_t vocabulary) {
  constexpr std::string_view kBetween = " \t\r\n,[]";
  std::vector<model::TokenId> ids;
  while (true) {
    const size_t begin = text.find_first_not_of(kBetween);
    if (begin == text.npos) return ids;
    text.remove_prefix(begin);
    const std::string_view word = text.substr(0, text.find_first_of(kBetween));
    text.remove_prefix(word.size());
    model::TokenId id = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || end != word.data() + word.size())
      return fail(ErrorCode::invalid_argument, "\"{}\" is not a token id; give whole numbers",
                  printable(word.substr(0, 40)));
    if (id < 0 || static_cast<uint32_t>(id) >= vocabulary)
      return fail(ErrorCode::invalid_argument, "there is no token {}; the ids of this model are 0 to {}", id,
                  vocabulary - 1);
    ids.push_back(id);
  }
}

std::string to_json(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void print_ids(const model::Tokenizer& tokenizer, const std::vector<model::TokenId>& ids, const Options& options) {
  nlohmann::json list = nlohmann::json::array();
  std::string plain;
  for (model::TokenId id : ids) {
    if (options.pieces && options.json) {
      list.push_back({{"id", id}, {"text", tokenizer.piece(id, true)}});
    } else if (options.json) {
      list.push_back(id);
    } else if (options.pieces) {
      plain += std::format("{}\t{}\n", id, to_json(tokenizer.piece(id, true)));
    } else {
      plain += std::format("{}{}", plain.empty() ? "" : " ", id);
    }
  }
  if (options.json) plain = to_json(list);
  if (options.json || !options.pieces) plain += '\n';
  write_out(plain);
}

Result<void> run(const Options& options) {
  EXO_TRY(const model::Gguf file, open_model(options.model));
  EXO_TRY(const model::Tokenizer tokenizer, model::Tokenizer::load(file));
  EXO_TRY(const std::string input, read_input());
  if (options.decode) {
    EXO_TRY(const auto ids, parse_ids(input, tokenizer.size()));
    const std::string text = tokenizer.decode(ids, options.special);
    if (options.json) {
      println_out("{}", to_json(text));
    } else {
      write_out(text);
    }
  } else {
    std::vector<model::TokenId> ids = tokenizer.encode(input, {.add_special = false, .parse_special = options.special});
    if (options.bos) {
      if (tokenizer.bos() < 0)
        return fail(ErrorCode::invalid_argument, "{}: the vocabulary has no BOS token; leave out --bos", options.model);
      ids.insert(ids.begin(), tokenizer.bos());
    }
    print_ids(tokenizer, ids, options);
  }
  return {};
}

}  // namespace

void add_tokenize(CLI::App& app, Action& action) {
  auto options = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("tokenize", "Turn the text on standard input into the token ids of a model, on one line");
  add_model_argument(*command, options->model)->required();
  command->add_flag("--pieces", options->pieces, "Print one token on each line: its id and its text as a JSON string");
  command->add_flag("--json", options->json, "Print a JSON array: of ids, with --pieces of {\"id\", \"text\"}");
  command->add_flag("--special", options->special,
                    "Read special tokens that are spelled out in the text as those tokens; with --decode, print them");
  CLI::Option* bos = command->add_flag("--bos", options->bos, "Begin with the BOS token");
  command->add_flag("--decode", options->decode, "Turn ids on standard input into text")
      ->excludes(bos)
      ->excludes(command->get_option("--pieces"));
  command->callback([&action, options] { action = [options] { return run(*options); }; });
}

}  // namespace exogpu::cli
