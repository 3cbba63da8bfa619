// The program exogpu.
#include "cli/program.h"

int main(int argc, char** argv) { return exogpu::cli::run_program(argc, argv, EXOGPU_VERSION); }
