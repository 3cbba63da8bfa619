// The help of commands: each option under one name, with its type.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace exogpu::cli {

// Shows one letter and the first long name of an option; its other names work but are not shown. Shows arguments by
// type: MODEL.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter();
  std::string make_option_name(const CLI::Option* option, bool is_positional) const override;
  std::string make_option_opts(const CLI::Option* option) const override;
};

}  // namespace exogpu::cli
