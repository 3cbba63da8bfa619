// The possible next words of an unfinished command line, for shell completion.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

namespace exogpu::cli {

struct Candidate {
  std::string word;
  std::string help;  // may be empty
  bool operator==(const Candidate&) const = default;
};

struct Candidates {
  std::vector<Candidate> words;
  bool files = false;  // file names are possible, too
};

// The candidates for the last of `words`, which may be empty; `words` excludes the program's name. A separate "=", as
// bash splits words, belongs to the option before it. `models` lists the names of models; it is called only where a
// model is possible.
Candidates candidates_for(const CLI::App& program, std::vector<std::string> words,
                          const std::function<std::vector<std::string>()>& models);

// One line per candidate: the word, a tab, its help. The line ":files" stands for file names.
std::string to_lines(const Candidates& candidates);

}  // namespace exogpu::cli
