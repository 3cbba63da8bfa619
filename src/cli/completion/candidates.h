// What may stand next on an unfinished command line, for the completion of shells.
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
  bool files = false;  // names of files may stand here, too
};

// The candidates for the last of `words`, which is as far as it is typed (maybe empty); the program's name is not among
// them. A "=" of its own, as bash splits words, belongs to the option before it. `models` lists the names of models; it
// is called only where one may stand.
Candidates candidates_for(const CLI::App& program, std::vector<std::string> words,
                          const std::function<std::vector<std::string>()>& models);

// A line for each candidate: the word, a tab, its help. The line ":files" stands for names of files.
std::string to_lines(const Candidates& candidates);

}  // namespace exogpu::cli
