# Warnings, sanitizers and the compiler cache, for every target of the project.
add_compile_options(-Wall -Wextra -Wpedantic $<$<COMPILE_LANGUAGE:CXX>:-Wnon-virtual-dtor>)
# Not where people build to use it: another version of the compiler has other warnings.
if(NOT CMAKE_BUILD_TYPE STREQUAL "Release")
  add_compile_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False at -O1 in the standard library; the sanitizers find the true ones.
  add_compile_options(-Wno-array-bounds -Wno-stringop-overflow)
  # Clang's also counts names of two files that are compiled as one.
  add_compile_options(-Wshadow)
endif()
# A sum of a product is rounded twice on every machine, so that the same input gives the same bits everywhere.
add_compile_options(-ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wthread-safety -Wno-error=unused-command-line-argument)
endif()

if(EXOGPU_SANITIZE)
  # Line tables and light optimisation are enough for a report; a COLD room is not optimised at all (Room.cmake).
  add_compile_options(-fsanitize=${EXOGPU_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -O1 -g1)
  add_link_options(-fsanitize=${EXOGPU_SANITIZE})
  # Into every program, since tests run programs as users do.
  add_library(exogpu_suppressions OBJECT ${CMAKE_SOURCE_DIR}/cmake/sanitizer_suppressions.cpp)
  link_libraries($<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:exogpu_suppressions>)
endif()
if(EXOGPU_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
  add_link_options(-fsanitize=fuzzer-no-link)
endif()

# Quicker than ld for programs with debug information.
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # What was compiled in one clone of the project counts in another, too.
  set(launcher ${CMAKE_COMMAND} -E env CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE_PROGRAM})
  set(CMAKE_C_COMPILER_LAUNCHER ${launcher})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${launcher})
endif()
