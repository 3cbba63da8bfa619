#include "cli/table.h"

#include <gtest/gtest.h>

namespace exogpu::cli {
namespace {

TEST(Table, ColumnsLineUpAndLinesHaveNoBlanksAtTheirEnd) {
  EXPECT_EQ(format_table({{"A", "LONG", "C"}, {"first", "x", "1"}, {"b", "y", ""}}),
            "A      LONG  C\n"
            "first  x     1\n"
            "b      y\n");
}

TEST(Table, AColumnWithoutContentIsLeftOut) {
  EXPECT_EQ(format_table({{"A", "B", "C"}, {"1", "", "3"}}), "A  C\n1  3\n");
}

TEST(Table, WidthCountsCharactersNotBytes) { EXPECT_EQ(format_table({{"T", "U"}, {"°C", "x"}}), "T   U\n°C  x\n"); }

TEST(Table, ColumnsMayStandOnTheRightAndLinesBeIndented) {
  EXPECT_EQ(align_columns({{"a", "1", "x"}, {"bcd", "22 °", "yy"}, {"e"}}, "lr", 2),
            "  a       1  x\n"
            "  bcd  22 °  yy\n"
            "  e\n");
}

TEST(Table, NothingGivesNothing) { EXPECT_EQ(format_table({}), ""); }

}  // namespace
}  // namespace exogpu::cli
