// Numbers with units, and their text form.
#pragma once

#include <cstdint>
#include <string>

namespace exogpu {

// A count of bytes. Deliberately a plain number, since sizes are added, compared and passed to C libraries everywhere;
// the name states the unit.
using Bytes = uint64_t;

inline constexpr Bytes KiB = 1024;
inline constexpr Bytes MiB = 1024 * KiB;
inline constexpr Bytes GiB = 1024 * MiB;

// "512 B", "1.5 KiB", "3.2 GiB": three significant digits, binary units.
std::string format_bytes(Bytes bytes);

// 1234567 becomes "1,234,567".
std::string format_count(uint64_t n);

}  // namespace exogpu
