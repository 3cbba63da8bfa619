// The help of a command: names as they are written, types in words, no more than one name for an option.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace exogpu::cli {

// Shows one letter and the first long name of an option; its other names work without being shown. Arguments are shown
// by their types: MODEL.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
};

}  // namespace exogpu::cli
