# libexogpu.so: the rooms' own objects behind the C interface of include/exogpu/exogpu.h, its package files, and where all
# of it is installed.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(exogpu_symbols ${CMAKE_SOURCE_DIR}/src/capi/exogpu.map)
file(WRITE ${CMAKE_BINARY_DIR}/generated/shared.cpp "")
add_library(exogpu_shared SHARED ${CMAKE_BINARY_DIR}/generated/shared.cpp)
add_library(exogpu::exogpu ALIAS exogpu_shared)
target_include_directories(exogpu_shared INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/include> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(exogpu_shared PRIVATE $<BUILD_INTERFACE:$<LINK_LIBRARY:WHOLE_ARCHIVE,exogpu_capi>>)
# Threads and drivers of the library outlive an unloading, so there is none (nodelete).
target_link_options(exogpu_shared PRIVATE -Wl,--version-script=${exogpu_symbols} -Wl,-z,defs -Wl,-z,nodelete)
set_target_properties(exogpu_shared PROPERTIES
  OUTPUT_NAME exogpu EXPORT_NAME exogpu LINKER_LANGUAGE CXX VERSION ${PROJECT_VERSION} SOVERSION 0 LINK_DEPENDS ${exogpu_symbols})

configure_file(${CMAKE_SOURCE_DIR}/cmake/exogpu.pc.in ${CMAKE_BINARY_DIR}/exogpu.pc @ONLY)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/exogpuConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(TARGETS exogpu_shared EXPORT exogpu COMPONENT library LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/exogpu COMPONENT library DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${CMAKE_BINARY_DIR}/exogpu.pc COMPONENT library DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(EXPORT exogpu FILE exogpuConfig.cmake NAMESPACE exogpu:: COMPONENT library
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/exogpu)
install(FILES ${CMAKE_BINARY_DIR}/exogpuConfigVersion.cmake COMPONENT library
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/exogpu)
