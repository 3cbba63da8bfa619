#include "cli/arguments/help.h"

namespace exogpu::cli {

HelpFormatter::HelpFormatter() {
  label("SUBCOMMAND", "COMMAND");
  label("Positionals", "Arguments");
}

std::string HelpFormatter::make_option_name(const CLI::Option* option, bool is_positional) const {
  if (is_positional) return option->get_type_name();
  std::string name;
  if (!option->get_snames().empty()) name = "-" + option->get_snames().front();
  if (!option->get_lnames().empty()) name += (name.empty() ? "--" : ", --") + option->get_lnames().front();
  return name;
}

std::string HelpFormatter::make_option_opts(const CLI::Option* option) const {
  if (option->get_positional() || option->get_type_size() == 0) return {};
  std::string text = " " + option->get_type_name();
  if (!option->get_default_str().empty()) text += " [" + option->get_default_str() + "]";
  return text;
}

}  // namespace exogpu::cli
