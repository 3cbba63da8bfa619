// Columns of text for a terminal. Assumes that characters are one column wide.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace exogpu::cli {

using Rows = std::vector<std::vector<std::string>>;

// Aligns the cells of each column, two spaces apart; the first row is the heading. Omits columns that are empty in
// every row below the heading. Each line ends with a newline and does not begin with spaces.
std::string format_table(const Rows& rows);

// Aligns the cells of each column, without a heading. `alignment` has one letter per column, 'l' or 'r'; columns beyond
// it are left-aligned. Every line begins with `indent` spaces.
std::string align_columns(const Rows& rows, std::string_view alignment, size_t indent = 0);

}  // namespace exogpu::cli
