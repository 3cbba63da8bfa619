# Every header of a room compiles alone: one source file for each, compiled and thrown away.
# A second inclusion in the same file shows that the guard works.
function(exogpu_check_headers name)
  file(GLOB_RECURSE headers CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/src/${name}/*.h)
  if(NOT headers)
    return()
  endif()
  set(sources)
  foreach(header ${headers})
    set(source ${CMAKE_BINARY_DIR}/headers/${header}.cpp)
    file(CONFIGURE OUTPUT ${source} CONTENT "#include \"${header}\"\n#include \"${header}\"\n")
    list(APPEND sources ${source})
  endforeach()
  add_library(exogpu_${name}_headers OBJECT ${sources})
  target_link_libraries(exogpu_${name}_headers PRIVATE exogpu_${name} GTest::gtest)
  target_include_directories(exogpu_${name}_headers PRIVATE ${CMAKE_SOURCE_DIR}/tools)  # for headers of tests
  target_compile_options(exogpu_${name}_headers PRIVATE -O0 -g0)
endfunction()
