# Install tree and CMake package: find_package(modelmesh) gives modelmesh::modelmesh and modelmesh::testing.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS modelmesh modelmesh_testing EXPORT modelmesh-targets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS modelmesh_cli modelmesh_simulator RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY include/modelmesh testing/include/modelmesh DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT modelmesh-targets NAMESPACE modelmesh:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/modelmesh)

configure_package_config_file(cmake/modelmesh-config.cmake.in "${PROJECT_BINARY_DIR}/modelmesh-config.cmake"
                              INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/modelmesh)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/modelmesh-config-version.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/modelmesh-config.cmake" "${PROJECT_BINARY_DIR}/modelmesh-config-version.cmake"
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/modelmesh)
