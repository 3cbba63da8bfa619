// Columns of text for a terminal. Characters are taken to be one column wide.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace exogpu::cli {

using Rows = std::vector<std::vector<std::string>>;

// Lines up the cells of each column, two spaces apart; the first row is the heading. Columns that are empty in every
// row below the heading are left out. Each line ends in a newline and has no blanks before it.
std::string format_table(const Rows& rows);

// Lines up the cells of each column, without a heading. `alignment` has one letter for each column, 'l' or 'r'; columns
// beyond it are on the left. Every line begins with `indent` blanks.
std::string align_columns(const Rows& rows, std::string_view alignment, size_t indent = 0);

}  // namespace exogpu::cli
