# The library of token masks, which is written in Rust: Cargo fetches and builds it, at the versions of
# third_party/llguidance/Cargo.lock. All build folders of a checkout share what it builds.

find_program(CARGO_PROGRAM cargo HINTS $ENV{CARGO_HOME}/bin $ENV{HOME}/.cargo/bin)
if(NOT CARGO_PROGRAM)
  message(FATAL_ERROR "cargo, the build tool of Rust, is missing; scripts/setup installs it")
endif()

set(llguidance_dir ${CMAKE_SOURCE_DIR}/third_party/llguidance)
set(llguidance_target ${CMAKE_SOURCE_DIR}/build/cargo)
set(llguidance_library ${llguidance_target}/release/libexogpu_llguidance.a)
set(llguidance_kind)
if(EXOGPU_RUST_TARGET)  # of a toolchain file for another kind of machine
  set(llguidance_kind --target ${EXOGPU_RUST_TARGET})
  set(llguidance_library ${llguidance_target}/${EXOGPU_RUST_TARGET}/release/libexogpu_llguidance.a)
endif()

# The sources of all crates, and where those of llguidance are: they have the header of its C interface.
function(exogpu_find_llguidance_header out)
  execute_process(
    COMMAND ${CARGO_PROGRAM} metadata --format-version 1 --locked --quiet --manifest-path ${llguidance_dir}/Cargo.toml
    OUTPUT_VARIABLE metadata ERROR_VARIABLE complaint RESULT_VARIABLE status)
  if(status)
    message(FATAL_ERROR "the crates of third_party/llguidance cannot be fetched: ${complaint}")
  endif()
  string(REGEX MATCH "\"manifest_path\":\"([^\"]*/llguidance-[0-9.]+)/Cargo.toml\"" found "${metadata}")
  if(NOT EXISTS ${CMAKE_MATCH_1}/llguidance.h)
    message(FATAL_ERROR "the crate llguidance has no llguidance.h; see third_party/llguidance/README.md")
  endif()
  set(${out} ${CMAKE_MATCH_1} PARENT_SCOPE)
endfunction()

exogpu_find_llguidance_header(llguidance_include)
add_custom_command(OUTPUT ${llguidance_library}
  COMMAND ${CMAKE_COMMAND} -E env CARGO_TARGET_DIR=${llguidance_target}
    ${CARGO_PROGRAM} build --release --locked --quiet ${llguidance_kind} --manifest-path ${llguidance_dir}/Cargo.toml
  DEPENDS ${llguidance_dir}/Cargo.toml ${llguidance_dir}/Cargo.lock ${llguidance_dir}/src/lib.rs
  COMMENT "Building llguidance" VERBATIM)
add_custom_target(llguidance_build DEPENDS ${llguidance_library})
add_library(llguidance INTERFACE)
add_dependencies(llguidance llguidance_build)
target_include_directories(llguidance SYSTEM INTERFACE ${llguidance_include})
target_link_libraries(llguidance INTERFACE ${llguidance_library} Threads::Threads m dl)
