# exogpu_threaded_tests(OUT DIR THREADED TESTS...): those of the tests that THREADED names. Stops where another one starts a
# thread beside its own.
function(exogpu_threaded_tests out dir threaded)
  list(TRANSFORM threaded PREPEND ${dir}/)
  foreach(test ${ARGN})
    file(STRINGS ${test} starts REGEX "std::(jthread|async|thread [a-z])")
    if(starts AND NOT test IN_LIST threaded)
      message(FATAL_ERROR "${test} starts threads: name it under THREADED in its room's line of CMakeLists.txt")
    endif()
  endforeach()
  foreach(test ${threaded})
    if(NOT test IN_LIST ARGN)
      message(FATAL_ERROR "${test} is named under THREADED and does not exist")
    endif()
  endforeach()
  set(${out} ${threaded} PARENT_SCOPE)
endfunction()

# One room of src/: a static library of its .cpp files, and beside it
#   exogpu_NAME_test   from its *_test.cpp     (EXOGPU_TESTS); TEST_LINK is linked to it alone
#   NAME_fuzz          from each *_fuzz.cpp    (EXOGPU_FUZZ)
# Eight files at a time (EXOGPU_UNITY_SIZE) are compiled as one, which takes a third of the time: names that are a file's own
# must not be those of another file of its room, but for those of SEPARATE.
# SEQUENTIAL: its tests run in one thread, so ThreadSanitizer has nothing to find in them.
# THREADED: only these tests of it start threads; the others are left out under ThreadSanitizer.
# PLAIN: these tests of it leave something out under a sanitizer (they limit memory, or read how much is resident), so they
# also run in the build without one. All other tests say under AddressSanitizer what they say without it.
# UNSANITIZED: its tests compute for minutes under a sanitizer and run no code that other tests do not run under it, so they
# run in the build without one only (and under all with EXOGPU_LONG).
# COLD: no loop of it decides how fast tokens come, so where people build to use it, it is optimised a little only, and
# under a sanitizer, like all unit tests, not at all: it compiles in half the time.
# A room without .cpp files is an interface library.
function(exogpu_room name)
  cmake_parse_arguments(ROOM "SEQUENTIAL;UNSANITIZED;COLD" "" "LINK;TEST_LINK;SEPARATE;THREADED;PLAIN" ${ARGN})
  set(dir ${CMAKE_SOURCE_DIR}/src/${name})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${dir}/*.cpp)
  set(tests ${sources})
  set(fuzzers ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cpp$")
  list(FILTER sources EXCLUDE REGEX "(_test|_fuzz|/main)\\.cpp$")

  set(quickly "")
  if(EXOGPU_SANITIZE AND NOT EXOGPU_LONG)
    set(quickly -O0)
  endif()

  if(sources)
    add_library(exogpu_${name} STATIC ${sources})
    target_include_directories(exogpu_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(exogpu_${name} PUBLIC ${ROOM_LINK} Threads::Threads)
    # For libexogpu.so. Hidden symbols are called and read there as directly as in a program.
    set_target_properties(exogpu_${name} PROPERTIES
      POSITION_INDEPENDENT_CODE ON CXX_VISIBILITY_PRESET hidden VISIBILITY_INLINES_HIDDEN ON)
  else()
    add_library(exogpu_${name} INTERFACE)
    target_include_directories(exogpu_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(exogpu_${name} INTERFACE ${ROOM_LINK} Threads::Threads)
  endif()

  if(ROOM_COLD AND sources)
    target_compile_options(exogpu_${name} PRIVATE $<$<CONFIG:Release>:-O1> ${quickly})
  endif()

  set(wanted ${EXOGPU_TESTS})
  if((ROOM_SEQUENTIAL AND EXOGPU_SANITIZE MATCHES thread) OR (ROOM_UNSANITIZED AND EXOGPU_SANITIZE AND NOT EXOGPU_LONG))
    set(wanted OFF)
  endif()
  if(ROOM_THREADED OR ROOM_SEQUENTIAL)
    exogpu_threaded_tests(threaded ${dir} "${ROOM_THREADED}" ${tests})
    if(EXOGPU_SANITIZE MATCHES thread AND NOT EXOGPU_LONG)
      set(tests ${threaded})
    endif()
  endif()
  if(EXOGPU_UNIT_TESTS STREQUAL plain AND NOT ROOM_UNSANITIZED)
    set(tests ${ROOM_PLAIN})
    list(TRANSFORM tests PREPEND ${dir}/)
  endif()
  if(wanted AND tests)
    add_executable(exogpu_${name}_test ${tests})
    target_link_libraries(exogpu_${name}_test PRIVATE exogpu_${name} ${ROOM_TEST_LINK} GTest::gtest_main)
    target_compile_options(exogpu_${name}_test PRIVATE ${quickly})
    if(TARGET rapidcheck)
      target_link_libraries(exogpu_${name}_test PRIVATE rapidcheck)
      target_compile_options(exogpu_${name}_test PRIVATE -Wno-deprecated-declarations)  # which its headers use
    endif()
    gtest_discover_tests(exogpu_${name}_test TEST_PREFIX ${name}. DISCOVERY_MODE PRE_TEST
      PROPERTIES TIMEOUT 300 PROCESSORS ${EXOGPU_TEST_SLOTS})
  endif()

  foreach(separate ${ROOM_SEPARATE})
    file(GLOB separate ${dir}/${separate})
    set_source_files_properties(${separate} PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endforeach()
  foreach(target exogpu_${name} exogpu_${name}_test)
    if(EXOGPU_UNITY_SIZE AND TARGET ${target})
      set_target_properties(${target} PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE ${EXOGPU_UNITY_SIZE})
      target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)  # means well-kept headers
    endif()
  endforeach()

  if(EXOGPU_FUZZ)
    foreach(source ${fuzzers})
      get_filename_component(target ${source} NAME_WE)
      add_executable(${target} ${source})
      target_link_libraries(${target} PRIVATE exogpu_${name})
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
    endforeach()
  endif()
endfunction()
