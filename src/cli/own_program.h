// How this program starts itself again, as another process.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace exogpu::cli {

// To be called first, with main's number of arguments, the program's name among them.
void remember_own_command(int argc);

// The program to run, and its first arguments; those of the command follow. More than one word where a dynamic loader
// runs the program (`ld.so --library-path DIR exogpu ...`): then /proc/self/exe is the loader.
const std::vector<std::string>& own_command();

// The same from the words of /proc/self/cmdline, the last of which are the `argc` that main got. Empty when that cannot
// be: then nothing is known.
std::vector<std::string> own_command_of(std::span<const std::string> command_line, size_t argc);

}  // namespace exogpu::cli
