// Hints to the operating system about memory. A hint may be ignored; none changes what a program computes.
#pragma once

#include <cstddef>

namespace exogpu {

// Large pages for a large block that is read from end to end again and again, such as weights.
void prefer_huge_pages(void* begin, size_t bytes);

}  // namespace exogpu
