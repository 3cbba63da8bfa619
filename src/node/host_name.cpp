#include "node/host_name.h"

#include <unistd.h>

#include "base/utf8.h"

namespace exogpu::node {

std::string host_name() {
  char name[256] = {};
  if (gethostname(name, sizeof(name) - 1) != 0 || name[0] == '\0') return "node";
  return printable(name);
}

}  // namespace exogpu::node
