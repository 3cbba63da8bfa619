#include "cli/table.h"

#include <algorithm>

namespace exogpu::cli {
namespace {

// Code points. For the texts shown here each is one column of the terminal.
size_t width_of(const std::string& text) {
  return static_cast<size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

}  // namespace

std::string format_table(const Rows& rows) {
  std::vector<bool> shown;
  for (size_t r = 0; r < rows.size(); ++r) {
    shown.resize(std::max(shown.size(), rows[r].size()));
    for (size_t c = 0; r > 0 && c < rows[r].size(); ++c) {
      if (!rows[r][c].empty()) shown[c] = true;
    }
  }
  Rows shown_rows;
  for (const auto& row : rows) {
    auto& cells = shown_rows.emplace_back();
    for (size_t c = 0; c < row.size(); ++c) {
      if (shown[c]) cells.push_back(row[c]);
    }
  }
  return align_columns(shown_rows, "");
}

std::string align_columns(const Rows& rows, std::string_view alignment, size_t indent) {
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], width_of(row[c]));
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line(indent, ' ');
    for (size_t c = 0; c < row.size(); ++c) {
      std::string blanks(widths[c] - width_of(row[c]), ' ');
      bool right = c < alignment.size() && alignment[c] == 'r';
      if (c > 0) line += "  ";
      line += right ? blanks + row[c] : row[c] + blanks;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

}  // namespace exogpu::cli
